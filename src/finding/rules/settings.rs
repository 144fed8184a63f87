//! Settings that hurt: those that risk data, those that switch off what keeps a server healthy,
//! and those without which one cannot see what is wrong. What depends on the machine (memory, disks) is
//! told as information only; how much memory it has, the database does not tell, so `shared_buffers` is
//! advised in words. So is `max_connections`, and on a standby not at all: with fewer than its primary has
//! it would not start.

use crate::erp::OTHER;
use crate::finding::sight::dearest;
use crate::finding::{Judge, Rule, Sight};
use crate::sample::settings::Setting;
use crate::track::findings::{About, Candidate, Fact, Need, Severity, Value};

pub(super) static RULE: Rule = Rule {
    about: About {
        id: "settings",
        title: "A setting of the server hurts",
        severity: Severity::Critical,
        needs: &[Need::Samples],
        explanation: "The database server has a setting that risks data, makes it slower than it need \
            be, or hides what is wrong.",
        remedy: &[
            "Read what the setting does: the manual's chapter on server configuration.",
            "Change it; most take effect by a reload, some by a restart.",
        ],
    },
    judge: Judge::Server(judge),
};

/// What is wrong with a value, and what is better.
struct Case {
    name: &'static str,
    is_bad: fn(f64) -> bool,
    severity: Severity,
    why: &'static str,
    better: Better,
}

/// What to do about it.
enum Better {
    /// Set it so.
    Value(&'static str),
    /// What to think of: the value depends on the machine.
    Words(&'static str),
    /// Fewer sessions, but not fewer than there are; nothing on a standby.
    Sessions,
}

const fn case(
    name: &'static str,
    is_bad: fn(f64) -> bool,
    severity: Severity,
    why: &'static str,
    better: Better,
) -> Case {
    Case { name, is_bad, severity, why, better }
}

const CASES: &[Case] = &[
    case(
        "fsync",
        is_off,
        Severity::Critical,
        "after a power cut the data can be broken beyond repair",
        Better::Value("on"),
    ),
    case(
        "full_page_writes",
        is_off,
        Severity::Critical,
        "after a power cut pages can be half old and half new",
        Better::Value("on"),
    ),
    case(
        "autovacuum",
        is_off,
        Severity::Critical,
        "nothing is cleaned up, and transaction numbers run out",
        Better::Value("on"),
    ),
    case(
        "track_counts",
        is_off,
        Severity::Critical,
        "autovacuum cannot know where to go",
        Better::Value("on"),
    ),
    case(
        "random_page_cost",
        |v| v >= 4.0,
        Severity::Info,
        "right for turning disks; on flash, indexes are used too seldom",
        Better::Value("1.1"),
    ),
    case(
        "track_io_timing",
        is_off,
        Severity::Info,
        "nobody can tell how long reading from disk takes",
        Better::Value("on"),
    ),
    case(
        "log_lock_waits",
        is_off,
        Severity::Info,
        "waits for locks leave no trace in the server's log",
        Better::Value("on"),
    ),
    case(
        "idle_in_transaction_session_timeout",
        |v| v == 0.0,
        Severity::Info,
        "a forgotten transaction stays open for ever",
        Better::Value("'10min'"),
    ),
    case(
        "shared_buffers",
        |v| v <= 128.0 * MIB,
        Severity::Info,
        "the default of a small machine; a quarter of the memory is usual",
        Better::Words(
            "a quarter of the machine's memory; with more than it has, the server does not start",
        ),
    ),
    case(
        "work_mem",
        |v| v > 1024.0 * MIB,
        Severity::Warning,
        "each sort of each session may take that much memory",
        Better::Value("'64MB'"),
    ),
    case(
        "max_connections",
        |v| v > 1000.0,
        Severity::Info,
        "so many sessions at work would stand in each other's way: a pooler serves more with fewer",
        Better::Sessions,
    ),
];

const MIB: f64 = 1_048_576.0;

fn is_off(value: f64) -> bool {
    value == 0.0
}

fn judge(sight: &Sight<'_>) -> Vec<Candidate> {
    let settings = &sight.server.settings;
    if settings.at.is_none() {
        return Vec::new();
    }
    let bad = CASES.iter().filter(|case| settings.number(case.name).is_some_and(case.is_bad));
    dearest(bad.filter_map(|case| told(sight, case)).collect())
}

/// On a standby nothing.
fn fewer_sessions(sight: &Sight<'_>) -> Option<String> {
    let now = sight.server.databases.server.as_ref().filter(|facts| !facts.in_recovery)?;
    let earlier = [Some(sight.before), sight.middle].into_iter().flatten();
    let earlier = earlier.filter_map(|server| server.databases.server.as_ref());
    let seen = earlier.map(|facts| facts.connections).fold(now.connections, u32::max);
    Some(format!(
        "a pooler before it first; then not fewer than are in use, of late {seen} at once"
    ))
}

/// Its value for people: a setting in pages of 8 KiB is not its number of pages.
fn shown(setting: &Setting) -> String {
    let word = || setting.value.clone().unwrap_or_default();
    match (setting.number(), setting.base_unit()) {
        (Some(0.0), "bytes" | "seconds") => "0".to_owned(),
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "bytes")]
        (Some(bytes), "bytes") if bytes > 0.0 => Value::Bytes(bytes as u64).to_string(),
        (Some(seconds), "seconds") if seconds > 0.0 => Value::Seconds(seconds).to_string(),
        _ => word(),
    }
}

fn told(sight: &Sight<'_>, case: &Case) -> Option<Candidate> {
    let (better, sql) = match case.better {
        Better::Value(value) => {
            (value.to_owned(), Some(format!("alter system set {} = {value};", case.name)))
        }
        Better::Words(words) => (words.to_owned(), None),
        Better::Sessions => (fewer_sessions(sight)?, None),
    };
    let settings = &sight.server.settings;
    let setting = settings.get(case.name);
    let value = setting.map(shown).unwrap_or_default();
    let source = setting.map_or("", |s| s.source.as_str());
    Some(Candidate {
        datname: "".into(),
        subject: case.name.into(),
        module: OTHER.into(),
        severity: case.severity,
        summary: format!("{} is {value}: {}", case.name, case.why),
        evidence: vec![
            Fact::text("value", value),
            Fact::text("set_by", source),
            Fact::text("better", better),
        ],
        sql: sql.into_iter().collect(),
        cost_seconds_per_day: None,
    })
}
