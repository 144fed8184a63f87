//! Tables whose dead rows are many times what should bring autovacuum to them, and vacuums that wait for
//! somebody. Small tables are vacuumed in no time and are not told of; where autovacuum is switched off
//! for a table, it is told how many dead rows there are all the same.

use std::sync::Arc;

use crate::finding::sight::dearest;
use crate::finding::{Judge, Rule, Sight};
use crate::track::findings::{About, Candidate, Fact, Need, Severity, Value, counted};
use crate::track::tables::Table;
use crate::track::vacuum::Running;

pub(super) static RULE: Rule = Rule {
    about: About {
        id: "autovacuum_behind",
        title: "Cleaning up does not keep pace",
        severity: Severity::Warning,
        needs: &[Need::Catalog],
        explanation: "When a row is changed, its old version stays until autovacuum clears it away. \
            Here more is thrown away than cleared, so the table and its indexes grow and every \
            search has to step over rubbish.",
        remedy: &[
            "See first whether something keeps vacuum from its work: the finding long_transactions.",
            "Vacuum the table once, by hand, in a quiet hour.",
            "Let autovacuum come sooner for this table, and raise autovacuum_vacuum_cost_limit if it is slow.",
        ],
    },
    judge: Judge::Server(judge),
};

fn judge(sight: &Sight<'_>) -> Vec<Candidate> {
    let mut found = Vec::new();
    for (datname, database) in &sight.server.tables.databases {
        let behind = database.tables.iter().filter(|table| is_behind(sight, table));
        found.extend(behind.map(|table| case(datname, table)));
    }
    let blocked = sight.server.vacuum.running.iter().filter(|running| running.read.is_blocked);
    found.extend(blocked.map(blocked_case));
    dearest(found)
}

fn is_behind(sight: &Sight<'_>, table: &Table) -> bool {
    let dead = table.upkeep.n_dead_tup as f64;
    dead >= sight.limit("dead_rows")
        && match table.due.vacuum {
            Some(due) => due >= sight.limit("times"),
            None => dead >= 0.5 * table.n_live_tup as f64,
        }
}

fn case(datname: &Arc<str>, table: &Table) -> Candidate {
    let name = named(&table.schema, &table.table);
    let (dead, live) = (table.upkeep.n_dead_tup, table.n_live_tup);
    let share = dead as f64 / ((dead + live).max(1) as f64);
    let mut evidence = vec![
        Fact::count("dead_rows", dead),
        Fact::count("live_rows", live),
        Fact::share("dead_share", share),
        Fact::bytes("table_bytes", table.bytes),
    ];
    match table.due.vacuum {
        Some(due) => evidence.push(Fact::number("times_what_brings_autovacuum", due)),
        None => evidence.push(Fact::text("autovacuum", "does not come for this table")),
    }
    let quoted = quoted(&table.schema, &table.table);
    Candidate {
        datname: Arc::clone(datname),
        subject: name.as_str().into(),
        module: Arc::clone(&table.module),
        severity: Severity::Warning,
        summary: format!("{dead} dead rows in {name} ({} of all)", Value::Share(share)),
        evidence,
        sql: vec![
            format!("vacuum (verbose, analyze) {quoted};"),
            format!("alter table {quoted} set (autovacuum_vacuum_scale_factor = 0.02);"),
        ],
        cost_seconds_per_day: None,
    }
}

fn blocked_case(running: &Running) -> Candidate {
    let relation = running.relation.as_ref();
    let name =
        relation.map_or_else(|| "a table".to_owned(), |(schema, table)| named(schema, table));
    Candidate {
        datname: Arc::clone(&running.datname),
        subject: format!("vacuum of {name}").into(),
        module: Arc::clone(&running.module),
        severity: Severity::Warning,
        summary: format!(
            "the vacuum of {name} waits for {}",
            counted(running.read.blockers, "session", "sessions")
        ),
        evidence: vec![
            Fact::seconds("runs_for_seconds", running.read.seconds),
            Fact::text("phase", running.read.phase.as_str()),
            Fact::count("blockers", u64::from(running.read.blockers)),
        ],
        sql: Vec::new(),
        cost_seconds_per_day: None,
    }
}

/// As people name it: without the schema that everything is in.
pub(super) fn named(schema: &str, table: &str) -> String {
    if schema == "public" { table.to_owned() } else { format!("{schema}.{table}") }
}

/// As SQL has it.
pub(super) fn quoted(schema: &str, table: &str) -> String {
    let quote = |name: &str| format!("\"{}\"", name.replace('"', "\"\""));
    format!("{}.{}", quote(schema), quote(table))
}
