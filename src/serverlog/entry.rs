//! From a line to an [`Entry`], if it is one.

use std::time::Duration;

use super::line::Line;
use super::object::Object;
use super::{Entry, Sqlstate, What, timestamp};
use crate::sample::normalise;

/// Characters of a statement that are kept.
const TEXT: usize = 1_000;

/// Bytes of a schema's and a relation's name with the dot between: longer is no name.
const NAME: usize = 127;

/// The modes of a lock: `pg_locks.mode`.
const MODES: [&str; 8] = [
    "AccessShareLock",
    "RowShareLock",
    "RowExclusiveLock",
    "ShareUpdateExclusiveLock",
    "ShareLock",
    "ShareRowExclusiveLock",
    "ExclusiveLock",
    "AccessExclusiveLock",
];

/// Severities below an error; in other languages they have other names.
const NO_ERRORS: [&str; 6] = ["LOG", "WARNING", "NOTICE", "INFO", "DEBUG", "STATEMENT"];

pub(super) fn entry(line: &Line<'_>) -> Option<Entry> {
    let what = failed(line).or_else(|| waited(line))?;
    let leader = Some(line.leader_pid).filter(|pid| *pid > 0);
    let waiter = leader.filter(|_| !matches!(what, What::Failed { .. }));
    Some(Entry {
        at: timestamp::parse(&line.timestamp),
        pid: waiter.unwrap_or(line.pid),
        datname: line.dbname.to_string(),
        usename: line.user.to_string(),
        application_name: line.application_name.to_string(),
        queryid: (line.query_id != 0).then_some(line.query_id),
        statement: (!line.statement.is_empty()).then(|| normalise(&line.statement, TEXT)),
        what,
    })
}

fn failed(line: &Line<'_>) -> Option<What> {
    let sqlstate = Sqlstate::ALL.into_iter().find(|known| known.code() == line.state_code)?;
    let is_error = !NO_ERRORS.iter().any(|word| line.error_severity.starts_with(word));
    // The error of a parallel worker is logged by its leader, too.
    let is_first = line.backend_type != "parallel worker";
    // An autovacuum that is cancelled has made way for somebody who wants its lock.
    let has_made_way =
        sqlstate == Sqlstate::QueryCanceled && line.backend_type.starts_with("autovacuum");
    let relation = || {
        relation_of_context(&line.context)
            .or_else(|| relation_of_message(&line.message, sqlstate).and_then(name))
    };
    (is_error && is_first && !has_made_way).then(|| What::Failed { sqlstate, relation: relation() })
}

fn name(text: &str) -> Option<String> {
    let is_name = text.len() <= NAME && !text.contains(char::is_control);
    is_name.then(|| text.to_owned())
}

/// The innermost context is the first line; those below may quote statements.
fn relation_of_context(context: &str) -> Option<String> {
    let rest = context.lines().next()?.strip_prefix("while ")?;
    let (doing, relation) = rest.split_once(" in relation \"")?;
    let is_tuple = doing.ends_with(')') && doing.contains("tuple (")
        || doing.ends_with(" of tuple") && doing.contains(" version (");
    if is_tuple { name(relation.strip_suffix('"')?) } else { None }
}

fn relation_of_message(message: &str, sqlstate: Sqlstate) -> Option<&str> {
    if sqlstate != Sqlstate::LockNotAvailable {
        return None;
    }
    let rest = message.strip_prefix("could not obtain lock on ")?;
    let rest = rest.strip_prefix("row in ").unwrap_or(rest);
    rest.strip_prefix("relation \"")?.strip_suffix('"')
}

/// The message must speak of the process that logged it: no function can pretend another's wait.
fn waited(line: &Line<'_>) -> Option<What> {
    let (pid, rest) = line.message.strip_prefix("process ")?.split_once(' ')?;
    if pid.parse() != Ok(line.pid) {
        return None;
    }
    let wait = ["still waiting for ", "detected deadlock while waiting for ", "failed to acquire "]
        .iter()
        .find_map(|words| rest.strip_prefix(words));
    let (mode, rest) = wait.or_else(|| rest.strip_prefix("acquired "))?.split_once(" on ")?;
    let mode = MODES.into_iter().find(|known| *known == mode)?;
    let (object, after) = rest.rsplit_once(" after ")?;
    let (object, after) = (Object::parse(object), milliseconds(after)?);
    let relation = relation_of_context(&line.context);
    Some(match wait {
        Some(_) => What::Waiting { mode, object, relation, after },
        None => What::Acquired { mode, object, relation, after },
    })
}

/// Such as `1000.123 ms`.
fn milliseconds(text: &str) -> Option<Duration> {
    let (millis, micros) = text.strip_suffix(" ms")?.split_once('.')?;
    let micros = micros.parse::<u16>().ok().filter(|n| *n < 1_000)?;
    Some(Duration::from_millis(millis.parse().ok()?) + Duration::from_micros(micros.into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line<'a>(severity: &'a str, code: &'a str, message: &'a str) -> Line<'a> {
        Line {
            timestamp: "2025-03-01 09:30:00.123 UTC".into(),
            user: "odoo".into(),
            dbname: "erp".into(),
            pid: 4_711,
            error_severity: severity.into(),
            state_code: code.into(),
            message: message.into(),
            ..Line::default()
        }
    }

    fn what(line: &Line<'_>) -> Option<What> {
        entry(line).map(|entry| entry.what)
    }

    #[test]
    fn waits_are_told_with_mode_object_and_length() {
        let object = Object { locktype: "transactionid", relation: None, database: None };
        let (mode, after) = ("ShareLock", Duration::from_micros(1_000_123));
        for (words, is_wait) in [
            ("still waiting for", true),
            ("detected deadlock while waiting for", true),
            ("failed to acquire", true),
            ("acquired", false),
        ] {
            let message =
                format!("process 4711 {words} ShareLock on transaction 733 after 1000.123 ms");
            let mut line = line("LOG", "00000", &message);
            line.context = "while updating tuple (0,1) in relation \"t\"".into();
            let relation = Some("t".to_owned());
            let expected = if is_wait {
                What::Waiting { mode, object, relation, after }
            } else {
                What::Acquired { mode, object, relation, after }
            };
            assert_eq!(what(&line), Some(expected));
        }
    }

    #[test]
    fn what_only_resembles_a_wait_is_passed_over() {
        for message in [
            "process 4712 still waiting for ShareLock on transaction 733 after 1000.123 ms",
            "process 4711 still waiting for SecretLock on transaction 733 after 1000.123 ms",
            "process 4711 still waiting for ShareLock on transaction 733 after long",
            "process 4711 still waiting for ShareLock on transaction 733 after 1.1234 ms",
            "process 4711 avoided deadlock for ShareLock on transaction 733 by rearranging queue order after 1000.123 ms",
            "process 4711 could not obtain ShareLock on transaction 733",
            "Prozess 4711 wartet immer noch auf ShareLock-Sperre auf Transaktion 733 nach 1000,123 ms",
            "process ",
            "",
        ] {
            assert_eq!(what(&line("LOG", "00000", message)), None, "{message}");
        }
    }

    #[test]
    fn the_relation_of_a_failure_comes_from_context_or_message_and_nothing_else_does() {
        for (code, message, context, relation) in [
            (
                "40P01",
                "deadlock detected",
                "while updating tuple (0,1) in relation \"t\"",
                Some("t"),
            ),
            (
                "40P01",
                "deadlock detected",
                "while locking tuple (0,1) in relation \"a\"b\"\nSQL statement \"x\"",
                Some("a\"b"),
            ),
            (
                "57014",
                "canceling statement due to user request",
                "while locking updated version (0,2) of tuple in relation \"t\"",
                Some("t"),
            ),
            (
                "55P03",
                "canceling statement due to lock timeout",
                "while inserting index tuple (9,1) in relation \"t\"",
                Some("t"),
            ),
            ("55P03", "could not obtain lock on relation \"sales.t\"", "", Some("sales.t")),
            ("55P03", "could not obtain lock on row in relation \"t\"", "", Some("t")),
            ("55P03", "could not obtain lock on relation with OID 5", "", None),
            ("40001", "could not obtain lock on relation \"t\"", "", None),
            ("40001", "could not serialize access due to concurrent update", "", None),
            (
                "40001",
                "x",
                "SQL statement \"select 1\nwhile updating tuple (0,1) in relation \"secret\"",
                None,
            ),
            ("40001", "x", "while updating tuple (0,1) in relation \"secret", None),
            ("40001", "x", "while thinking in relation \"secret\"", None),
            (
                "40P01",
                "Verklemmung entdeckt",
                "beim Aktualisieren von Tupel (0,1) in Relation »t«",
                None,
            ),
        ] {
            let mut line = line("ERROR", code, message);
            line.context = context.into();
            let Some(What::Failed { sqlstate, relation: found }) = what(&line) else {
                panic!("{message}");
            };
            assert_eq!(
                (sqlstate.code(), found.as_deref()),
                (code, relation),
                "{message} {context}"
            );
        }
        let long = format!("could not obtain lock on relation \"{}\"", "x".repeat(128));
        assert_eq!(
            what(&line("ERROR", "55P03", &long)),
            Some(What::Failed { sqlstate: Sqlstate::LockNotAvailable, relation: None })
        );
    }

    #[test]
    fn other_errors_lower_severities_and_the_echo_of_a_parallel_worker_are_no_failures() {
        assert!(what(&line("FEHLER", "40001", "x")).is_some());
        assert!(what(&line("FATAL", "57014", "x")).is_some());
        for (severity, code) in
            [("ERROR", "23505"), ("LOG", "40001"), ("DEBUG1", "40001"), ("ERROR", "")]
        {
            assert_eq!(what(&line(severity, code, "x")), None, "{severity} {code}");
        }
        let worker = Line { backend_type: "parallel worker".into(), ..line("ERROR", "57014", "x") };
        assert_eq!(what(&worker), None);
    }

    #[test]
    fn an_autovacuum_that_makes_way_is_no_failure_and_one_that_is_in_a_deadlock_is() {
        let worker = |code| Line {
            backend_type: "autovacuum worker".into(),
            ..line("ERROR", code, "canceling autovacuum task")
        };
        assert_eq!(what(&worker("57014")), None);
        assert!(what(&worker("40P01")).is_some());
    }

    #[test]
    fn a_parallel_worker_waits_as_its_leader() {
        let message = "process 4711 acquired AccessShareLock on relation 16416 of database 5 after 104.605 ms";
        let worker = Line {
            backend_type: "parallel worker".into(),
            leader_pid: 4_700,
            ..line("LOG", "00000", message)
        };
        assert_eq!(entry(&worker).unwrap().pid, 4_700);
        let failed = Line { leader_pid: 4_700, ..line("ERROR", "40P01", "deadlock detected") };
        assert_eq!(entry(&failed).unwrap().pid, 4_711);
    }

    #[test]
    fn who_and_when_come_along_and_the_statement_without_its_literals() {
        let mut line = line("ERROR", "40001", "x");
        line.statement = "update t set a = 'secret' where id = 17".into();
        line.application_name = "odoo-17".into();
        line.query_id = -5;
        let entry = entry(&line).unwrap();
        assert_eq!(entry.statement.as_deref(), Some("update t set a = ? where id = ?"));
        assert_eq!((entry.pid, entry.queryid), (4_711, Some(-5)));
        assert_eq!(
            (&*entry.datname, &*entry.usename, &*entry.application_name),
            ("erp", "odoo", "odoo-17")
        );
        assert!(entry.at.is_some());
    }
}
