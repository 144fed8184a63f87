//! Indexes that nobody has scanned since the statistics began, if that was days ago, that enforce
//! nothing, and whose table is written; and those that the index advisor would drop, as another does the
//! same. The statistics began when they were last reset, or when the server started, or when a crash
//! emptied them: the archiver's have the mark of that. Those of an index that was made while the agent
//! looked began when it was first seen. A standby has statistics of its own, and some indexes are wanted
//! at the end of a month only: look there before you drop one. Invalid ones are told by unsound_objects.
//! Of a partitioned table the index advisor alone tells: its index can be dropped as a whole only, and one
//! partition's may be unused because nobody asks for old rows.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::SystemTime;

use super::autovacuum_behind::{named, quoted};
use crate::advise::ledger::Line;
use crate::finding::sight::dearest;
use crate::finding::{Judge, Rule, Sight};
use crate::sample::index_usage::Partitions;
use crate::track::findings::{About, Candidate, Fact, Need, Severity, Value};
use crate::track::tables::{Database, Index};

pub(super) static RULE: Rule = Rule {
    about: About {
        id: "unused_indexes",
        title: "Indexes that nobody uses",
        severity: Severity::Info,
        needs: &[Need::Catalog],
        explanation: "Every change of a row has to be written into each index of its table. An index \
            that no search uses makes changes slower and backups larger for nothing.",
        remedy: &[
            "See whether a standby uses it: pg_stat_user_indexes there has its own counts.",
            "Wait for the end of a month or a quarter: reports may want it only then.",
            "One that the ERP has made itself comes back with its next upgrade: tell its vendor.",
            "Drop it concurrently; keep its definition, so that you can make it again.",
        ],
    },
    judge: Judge::Server(judge),
};

const DAY: f64 = 86_400.0;

fn judge(sight: &Sight<'_>) -> Vec<Candidate> {
    let all = sight.server.tables.databases.iter();
    dearest(all.flat_map(|(datname, database)| of_database(sight, datname, database)).collect())
}

fn of_database(sight: &Sight<'_>, datname: &Arc<str>, database: &Database) -> Vec<Candidate> {
    let writes: BTreeMap<(&str, &str), u64> = database
        .tables
        .iter()
        .map(|table| {
            let written = table.counters.n_tup_ins + table.counters.n_tup_upd;
            ((&*table.schema, &*table.table), written - table.counters.n_tup_hot_upd.min(written))
        })
        .collect();
    let counted = days_counted(sight, datname);
    let unused = database.indexes.iter().filter_map(|index| {
        let own = index.since.map_or(counted, |since| days_since(sight, since));
        let days = counted.min(own);
        let is_long = days >= sight.limit("days");
        let written = writes.get(&(&*index.schema, &*index.table)).copied().unwrap_or(0);
        let is_single = index.partitions == Partitions::None;
        let is_unused =
            is_single && index.is_valid && !index.enforces && index.counters.idx_scan == 0;
        let is_large = index.bytes as f64 >= sight.limit("bytes");
        (is_long && is_unused && is_large && written as f64 >= sight.limit("writes"))
            .then(|| case(datname, index, written, days))
    });
    let mut found: Vec<Candidate> = unused.collect();
    for line in sight.suggestions(datname, "drop") {
        let candidate = suggested(datname, line);
        let is_same = |name: &str| *candidate.subject == *format!("index {name}");
        let is_invalid = database
            .indexes
            .iter()
            .any(|index| !index.is_valid && is_same(&named(&index.schema, &index.index)));
        if !is_invalid && !found.iter().any(|found| found.subject == candidate.subject) {
            found.push(candidate);
        }
    }
    found
}

/// For how many days the statistics of a database have counted, as far as is certain.
fn days_counted(sight: &Sight<'_>, datname: &Arc<str>) -> f64 {
    let databases = &sight.server.databases;
    let started = databases.server.as_ref().map(|server| server.start_time);
    let reset = databases.shown.get(datname).and_then(|database| database.stats_reset);
    let began = started.max(reset).max(sight.server.io.archiver_reset);
    began.map_or(0.0, |began| days_since(sight, began))
}

fn days_since(sight: &Sight<'_>, then: SystemTime) -> f64 {
    sight.now.duration_since(then).unwrap_or_default().as_secs_f64() / DAY
}

/// The index that a suggestion is to drop or rebuild, as people name it.
pub(super) fn index_of(line: &Line) -> &str {
    let name = line.ddl.first().and_then(|ddl| ddl.split_whitespace().last());
    let name = name.unwrap_or_default().trim_end_matches(';');
    name.strip_prefix("public.").unwrap_or(name)
}

/// The advisor would drop it: it does what another does, or nothing.
fn suggested(datname: &Arc<str>, line: &Line) -> Candidate {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a size in bytes")]
    let bytes = line.size_bytes.max(0.0) as u64;
    Candidate {
        datname: Arc::clone(datname),
        subject: format!("index {}", index_of(line)).into(),
        module: line.module.as_str().into(),
        severity: Severity::Info,
        summary: line.explanation.clone(),
        evidence: vec![
            Fact::text("table", line.table.as_str()),
            Fact::bytes("bytes", bytes),
            Fact::text("suggestion", line.id.as_str()),
            Fact::text("undo", line.undo.as_str()),
        ],
        sql: line.ddl.clone(),
        cost_seconds_per_day: Some(line.saved_seconds_per_day).filter(|saved| *saved > 0.0),
    }
}

fn case(datname: &Arc<str>, index: &Index, written: u64, days: f64) -> Candidate {
    let name = named(&index.schema, &index.index);
    Candidate {
        datname: Arc::clone(datname),
        subject: format!("index {name}").into(),
        module: Arc::clone(&index.module),
        severity: Severity::Info,
        summary: format!(
            "nobody has scanned {name} ({}); {written} changes of {} had to keep it",
            Value::Bytes(index.bytes),
            index.table
        ),
        evidence: vec![
            Fact::text("table", named(&index.schema, &index.table)),
            Fact::bytes("bytes", index.bytes),
            Fact::count("changes_of_the_table", written),
            Fact::number("days_counted", days),
        ],
        sql: vec![format!("drop index concurrently {};", quoted(&index.schema, &index.index))],
        cost_seconds_per_day: None,
    }
}
