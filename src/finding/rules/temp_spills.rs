//! Statements that write temporary files: what they sort or join does not fit into work_mem. Small
//! and rare ones are no fault. A block is taken as 8 KiB, as nearly every server is built. More work_mem is
//! advised up to 1 GiB, and of no utility statement: `create index` sorts in maintenance_work_mem.

use std::sync::Arc;

use crate::advise::joins::MOST_MEMORY;
use crate::finding::sight::dearest;
use crate::finding::{Grown, Judge, Rule, Sight};
use crate::track::findings::{About, Candidate, Fact, Need, Severity, Value};

pub(super) static RULE: Rule = Rule {
    about: About {
        id: "temp_spills",
        title: "Sorting on disk",
        severity: Severity::Warning,
        needs: &[Need::Samples],
        explanation: "To sort or to join, the database may use a limited amount of memory. What does \
            not fit is written to disk and read again, which is many times slower, and it takes the \
            disk away from everybody else.",
        remedy: &[
            "Raise work_mem for the role or the session that runs it, not for all.",
            "Look whether an index gives the order: then nothing needs to be sorted.",
            "For a report: move it to a replica with more work_mem.",
        ],
    },
    judge: Judge::Server(judge),
};

const BLOCK: u64 = 8_192;

fn judge(sight: &Sight<'_>) -> Vec<Candidate> {
    let spills = sight.statements.iter().filter(|grown| {
        let bytes = grown.work.temp_written.saturating_mul(BLOCK) as f64;
        grown.per_call(bytes) >= sight.limit("bytes_per_call")
            && sight.per_day(bytes) >= sight.limit("bytes_per_day")
    });
    dearest(spills.map(|grown| case(sight, grown)).collect())
}

fn case(sight: &Sight<'_>, grown: &Grown) -> Candidate {
    let bytes = grown.work.temp_written.saturating_mul(BLOCK);
    let per_call = bytes / grown.work.calls.max(1);
    Candidate {
        datname: Arc::clone(&grown.datname),
        subject: format!("statement {}", grown.queryid).into(),
        module: Arc::clone(&grown.module),
        severity: Severity::Warning,
        summary: format!(
            "a statement of {} writes {} to temporary files at each call",
            grown.module,
            Value::Bytes(per_call)
        ),
        evidence: vec![
            Fact::bytes("temporary_bytes_per_call", per_call),
            Fact::number("calls_per_day", sight.per_day(grown.work.calls as f64)),
            Fact::seconds("seconds_per_call", grown.per_call(grown.work.exec_seconds)),
            Fact::text("usename", Arc::clone(&grown.usename)),
            Fact::text("query", grown.text()),
        ],
        sql: enough(per_call).filter(|_| is_planned(grown.text())).into_iter().collect(),
        cost_seconds_per_day: None,
    }
}

/// What a person may run so that so much fits; nothing if that is more than anybody should give. In memory
/// a row takes about three times what it takes in a file.
fn enough(per_call: u64) -> Option<String> {
    let bytes = per_call.saturating_mul(3);
    let megabytes = (bytes >> 20).max(8);
    (bytes as f64 <= MOST_MEMORY).then(|| {
        format!("set local work_mem = '{megabytes}MB'; -- in the transaction that runs it")
    })
}

/// A query or a change of rows: what it sorts and joins is in work_mem.
fn is_planned(text: &str) -> bool {
    let is_end = |c: char| !c.is_ascii_alphabetic();
    let first = text.trim_start_matches(|c: char| c == '(' || c.is_whitespace());
    let first = first.split(is_end).next().unwrap_or_default().to_lowercase();
    ["select", "with", "values", "table", "insert", "update", "delete", "merge"]
        .contains(&first.as_str())
}
