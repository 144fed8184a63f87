//! Tables of which many times more rows have changed since their last analyze than what should bring
//! one. The planner then takes them for what they were, and chooses plans for that.

use std::sync::Arc;

use super::autovacuum_behind::{named, quoted};
use crate::finding::sight::dearest;
use crate::finding::{Judge, Rule, Sight};
use crate::track::findings::{About, Candidate, Fact, Need, Severity};
use crate::track::tables::Table;

pub(super) static RULE: Rule = Rule {
    about: About {
        id: "stale_statistics",
        title: "The planner works with old figures",
        severity: Severity::Warning,
        needs: &[Need::Catalog],
        explanation: "Before it runs a query, the database estimates how many rows it will meet, from \
            figures that it takes now and then. For this table they are from another time, so it \
            may choose a way that takes a hundred times as long.",
        remedy: &[
            "Analyze the table: it takes seconds and locks nobody out.",
            "If it happens again and again after an import, let the import analyze at its end.",
        ],
    },
    judge: Judge::Server(judge),
};

/// Where autovacuum does not come, what would bring it elsewhere: PostgreSQL's default of
/// autovacuum_analyze_scale_factor.
const USUAL: f64 = 0.1;

fn judge(sight: &Sight<'_>) -> Vec<Candidate> {
    let mut found = Vec::new();
    for (datname, database) in &sight.server.tables.databases {
        let stale = database.tables.iter().filter(|table| {
            let changed = table.upkeep.n_mod_since_analyze as f64;
            let due =
                table.due.analyze.unwrap_or(changed / (USUAL * table.n_live_tup as f64).max(1.0));
            changed >= sight.limit("changed_rows") && due >= sight.limit("times")
        });
        let known = sight.server.databases.shown.get(datname);
        let was_reset = known.is_some_and(|database| database.stats_reset.is_some());
        found.extend(stale.map(|table| case(datname, table, was_reset)));
    }
    dearest(found)
}

/// `was_reset`: an analyze may have been forgotten with the other statistics.
fn case(datname: &Arc<str>, table: &Table, was_reset: bool) -> Candidate {
    let (name, changed) = (named(&table.schema, &table.table), table.upkeep.n_mod_since_analyze);
    let never = table.upkeep.last_analyze.is_none() && table.upkeep.last_autoanalyze.is_none();
    Candidate {
        datname: Arc::clone(datname),
        subject: name.as_str().into(),
        module: Arc::clone(&table.module),
        severity: Severity::Warning,
        summary: format!(
            "{changed} rows of {name} have changed since {}",
            match (never, was_reset) {
                (false, _) => "its last analyze",
                (true, false) => "its making: it was never analyzed",
                (true, true) => "its statistics began, and it was not analyzed after that",
            }
        ),
        evidence: vec![
            Fact::count("changed_rows", changed),
            Fact::count("live_rows", table.n_live_tup),
            match table.due.analyze {
                Some(due) => Fact::number("times_what_brings_an_analyze", due),
                None => Fact::text("autovacuum", "does not come for this table"),
            },
        ],
        sql: vec![format!("analyze {};", quoted(&table.schema, &table.table))],
        cost_seconds_per_day: None,
    }
}
