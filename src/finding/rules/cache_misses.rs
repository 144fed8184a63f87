//! The share of the blocks of a module's statements that was found in the buffer cache. A low share
//! of few blocks is nothing; a low share of many means that what the module works on does not fit
//! into memory, or that it reads more than it should. The time is known only with track_io_timing.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::finding::sight::dearest;
use crate::finding::{Grown, Judge, Rule, Sight};
use crate::track::findings::{About, Candidate, Fact, Need, Severity, Value};

pub(super) static RULE: Rule = Rule {
    about: About {
        id: "cache_misses",
        title: "Data does not stay in memory",
        severity: Severity::Warning,
        needs: &[Need::Samples],
        explanation: "What a part of the ERP works on has to be fetched from disk again and again, \
            because memory is too small for it or because much is read that is not needed.",
        remedy: &[
            "First mend what reads too much: see the findings of large_scans in the same module.",
            "Then look at shared_buffers (a quarter of the memory is usual) and at the machine's memory.",
            "Old rows that nobody needs every day: archive them, or partition the table by time.",
        ],
    },
    judge: Judge::Server(judge),
};

fn judge(sight: &Sight<'_>) -> Vec<Candidate> {
    let mut modules: BTreeMap<(&Arc<str>, &Arc<str>), Vec<&Grown>> = BTreeMap::new();
    for grown in sight.statements {
        modules.entry((&grown.datname, &grown.module)).or_default().push(grown);
    }
    let cases = modules.into_iter();
    dearest(cases.filter_map(|((d, m), all)| case(sight, d, m, &all)).collect())
}

fn case(
    sight: &Sight<'_>,
    datname: &Arc<str>,
    module: &Arc<str>,
    all: &[&Grown],
) -> Option<Candidate> {
    let read: u64 = all.iter().map(|grown| grown.work.blocks_read).sum();
    let hit: u64 = all.iter().map(|grown| grown.work.blocks_hit).sum();
    let share = hit as f64 / ((hit + read).max(1) as f64);
    let per_second = read as f64 / sight.span.as_secs_f64().max(1.0);
    if share >= sight.limit("hit_share") || per_second < sight.limit("blocks_per_second") {
        return None;
    }
    let waited: f64 = all.iter().map(|grown| grown.work.io_read_seconds).sum();
    let worst = all.iter().max_by_key(|grown| grown.work.blocks_read)?;
    Some(Candidate {
        datname: Arc::clone(datname),
        subject: format!("module {module}").into(),
        module: Arc::clone(module),
        severity: Severity::Warning,
        summary: format!(
            "{} of the blocks of {module} are found in memory; {per_second:.0} a second are not",
            Value::Share(share)
        ),
        evidence: vec![
            Fact::share("hit_share", share),
            Fact::number("blocks_read_per_second", per_second),
            Fact::text("queryid_that_reads_most", worst.queryid.to_string()),
            Fact::text("query_that_reads_most", worst.text()),
        ],
        sql: Vec::new(),
        cost_seconds_per_day: (waited > 0.0).then(|| sight.per_day(waited)),
    })
}
