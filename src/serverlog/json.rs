//! jsonlog, PostgreSQL 15 and later: an object a line (src/backend/utils/error/jsonlog.c).

use super::line::Line;

/// Keys without a value are left out by the server; a record without a process is not one of it.
pub(super) fn parse(record: &str) -> Option<Line<'_>> {
    serde_json::from_str::<Line>(record).ok().filter(|line| line.pid > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_is_read_and_what_the_server_leaves_out_is_empty() {
        let record = r#"{"timestamp":"2025-03-01 09:30:00.123 UTC","user":"odoo","dbname":"erp","pid":4711,"remote_host":"[local]","session_id":"67c2d2c8.1267","line_num":1,"ps":"UPDATE waiting","session_start":"2025-03-01 09:29:44 UTC","vxid":"3/4","txid":733,"error_severity":"LOG","message":"process 4711 still waiting for ShareLock on transaction 732 after 1000.123 ms","statement":"update \"a\nb\" set n = 1","future":[1,{"x":null}],"leader_pid":17,"query_id":-7}"#;
        let line = parse(record).unwrap();
        assert_eq!((&*line.user, &*line.dbname, line.pid), ("odoo", "erp", 4_711));
        assert_eq!((&*line.error_severity, &*line.state_code), ("LOG", ""));
        assert_eq!(&*line.statement, "update \"a\nb\" set n = 1");
        assert_eq!((line.leader_pid, line.query_id), (17, -7));
    }

    #[test]
    fn what_is_no_record_is_refused() {
        for text in ["", "{", "{}", "[]", "{\"pid\":\"x\"}", "{\"pid\":0}", "{\"pid\":1} x"] {
            assert!(parse(text).is_none(), "{text}");
        }
    }
}
