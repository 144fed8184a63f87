//! csvlog (src/backend/utils/error/csvlog.c): fields in quotes may hold newlines.

use std::borrow::Cow;

use super::line::Line;

/// PostgreSQL 13 has 24 columns, 14 and later 26 (leader_pid, query_id); new ones come at the end.
const FEWEST: usize = 24;

/// Columns, from 0.
const PID: usize = 3;
/// The first one that is free text.
const MESSAGE: usize = 13;

/// Whether a record begins here, told by its time.
pub(super) fn begins(text: &[u8]) -> bool {
    const SHAPE: &[u8] = b"0000-00-00 00:00:00.000 ";
    let is_time = text.len() > SHAPE.len()
        && SHAPE.iter().zip(text).all(|(shape, byte)| match shape {
            b'0' => byte.is_ascii_digit(),
            _ => shape == byte,
        });
    let zone = text.get(SHAPE.len()..).unwrap_or_default();
    is_time && zone.iter().find(|byte| matches!(byte, b',' | b'"' | b' ' | b'\n')) == Some(&b',')
}

/// Whether a record begins here for sure, even where the lines before are the open end of another
/// one: inside quotes all quotes are doubled, so no text in a field looks like this.
pub(super) fn begins_for_sure(line: &str) -> bool {
    let mut rest = line;
    for column in 0..MESSAGE {
        let Some((value, Some(after))) = field(rest) else {
            return false;
        };
        if column == PID && value.parse::<i32>().is_err() {
            return false;
        }
        rest = after;
    }
    let message = rest.strip_prefix('"').unwrap_or_default();
    begins(line.as_bytes()) && !message.is_empty() && !message.starts_with(['"', ',', '\n'])
}

/// The first field without its quotes, and what comes after its comma.
fn field(text: &str) -> Option<(Cow<'_, str>, Option<&str>)> {
    let Some(quoted) = text.strip_prefix('"') else {
        let (value, after) =
            text.split_once(',').map_or((text, None), |(value, after)| (value, Some(after)));
        return (!value.contains('"')).then_some((value.into(), after));
    };
    let (mut end, mut has_quotes) = (quoted.find('"')?, false);
    while quoted.get(end + 1..)?.starts_with('"') {
        has_quotes = true;
        end += 2 + quoted.get(end + 2..)?.find('"')?;
    }
    let (value, after) = (quoted.get(..end)?, quoted.get(end + 1..)?);
    let value = if has_quotes { value.replace("\"\"", "\"").into() } else { value.into() };
    if after.is_empty() {
        return Some((value, None));
    }
    Some((value, Some(after.strip_prefix(',')?)))
}

/// A whole record, without the newline at its end.
pub(super) fn parse(record: &str) -> Option<Line<'_>> {
    let (mut line, mut rest, mut columns) = (Line::default(), Some(record), 0);
    while let Some(text) = rest {
        let (value, after) = field(text)?;
        match columns {
            0 => line.timestamp = value,
            1 => line.user = value,
            2 => line.dbname = value,
            PID => line.pid = value.parse().ok()?,
            11 => line.error_severity = value,
            12 => line.state_code = value,
            MESSAGE => line.message = value,
            18 => line.context = value,
            19 => line.statement = value,
            22 => line.application_name = value,
            23 => line.backend_type = value,
            24 if !value.is_empty() => line.leader_pid = value.parse().ok()?,
            25 => line.query_id = value.parse().ok()?,
            _ => {}
        }
        columns += 1;
        rest = after;
    }
    (columns >= FEWEST && line.pid > 0 && begins(record.as_bytes())).then_some(line)
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: &str = r#"2025-03-01 09:30:00.123 UTC,"od,oo","e""rp",4711,"[local]",67c2d2c8.1267,3,"UPDATE waiting",2025-03-01 09:29:44 UTC,3/4,733,LOG,00000,"#;

    #[test]
    fn a_record_of_13_and_one_of_14_are_read() {
        let tail = ",\"Process holding the lock: 9.\",,,,\"while updating tuple (0,1) in relation \"\"t\"\"\",\"update t\nset a = \"\"b\"\", c = ''\",,,\"odoo-1\",\"client backend\"";
        for (more, leader_pid, query_id) in [("", 0, 0), (",,-42", 0, -42), (",17,42,new", 17, 42)]
        {
            let record = format!("{HEAD}\"process 4711 still waiting\"{tail}{more}");
            let line = parse(&record).unwrap();
            assert_eq!((&*line.user, &*line.dbname, line.pid), ("od,oo", "e\"rp", 4_711));
            assert_eq!((&*line.error_severity, &*line.state_code), ("LOG", "00000"));
            assert_eq!(&*line.message, "process 4711 still waiting");
            assert_eq!(&*line.context, "while updating tuple (0,1) in relation \"t\"");
            assert_eq!(&*line.statement, "update t\nset a = \"b\", c = ''");
            assert_eq!(
                (&*line.application_name, &*line.backend_type),
                ("odoo-1", "client backend")
            );
            assert_eq!((line.leader_pid, line.query_id), (leader_pid, query_id));
        }
    }

    #[test]
    fn what_is_no_record_is_refused() {
        let short = format!("{HEAD}\"message\"");
        for text in ["", "a,b", "\"open", "\"a\"b,c", &short, &",".repeat(40)] {
            assert!(parse(text).is_none(), "{text}");
        }
    }

    #[test]
    fn no_text_in_a_field_looks_like_the_beginning_of_a_record() {
        let real = format!("{HEAD}\"deadlock detected\",");
        assert!(begins_for_sure(&real) && begins(real.as_bytes()));
        let pasted = real.replace('"', "\"\"");
        let bare = "2025-03-01 09:30:00.123 UTC,,,4711,,67c2d2c8.1267,3,,2025-03-01 09:29:44 UTC,,0,LOG,00000,";
        for inside in [
            pasted,
            format!("{bare}\"\"x"),
            format!("{bare}\",,,\"psql\",\"client backend\",,0"),
            format!("{bare}\"\n"),
            "2025-03-01 09:30:00.123 UTC [4711] LOG:  a, b".to_owned(),
        ] {
            assert!(!begins_for_sure(&inside), "{inside}");
        }
        assert!(!begins(b"2025-03-01 09:30:00.123 UTC [4711] LOG:  a, b"));
        assert!(!begins(b"2025-03-01 09:30:00.123 "));
    }
}
