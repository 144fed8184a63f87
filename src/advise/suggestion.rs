//! A suggestion: one DDL statement that the advisor stands behind, with its worth, cost and risk.

use std::fmt::Write;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::candidate::without_bound;
use super::catalog::{Kind, Table, Tree};
use super::ddl::{self, Taken, create_id};
use super::definition::{Definition, Method, qualified};
use super::upkeep::Upkeep;
use crate::erp::OTHER;

/// A statement that an index helps.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Helped {
    /// Hash of its shape, as text: JSON's numbers lose digits.
    pub queryid: Option<String>,
    /// Its text, normalised.
    pub query: String,
    /// Executions a day.
    pub calls_per_day: f64,
    /// Seconds a day that it takes.
    pub seconds_per_day: f64,
    /// Its share of the workload's time.
    pub share_of_load: f64,
    /// The planner's cost without the suggestion.
    pub cost_before: f64,
    /// And with it.
    pub cost_after: f64,
}

/// How sure a suggestion is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Confidence {
    /// Look closer before you run it.
    Low,
    /// Right as far as is known; its warnings say what is not.
    Medium,
    /// A DBA would not hesitate.
    High,
}

impl Confidence {
    /// As it is shown.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
        }
    }
}

/// An index to create, to drop or to rebuild.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Suggestion {
    /// The same for the same index in every run.
    pub id: String,
    /// `create`, `drop` or `reindex`.
    pub action: &'static str,
    /// Why: `workload` to create, `duplicate`, `covered`, `unused` or `invalid` to drop, `bloated` to rebuild.
    pub reason: &'static str,
    /// Its database.
    pub datname: String,
    /// Its table, with the schema.
    pub table: String,
    /// The index that is dropped or rebuilt, with the schema.
    pub index: Option<String>,
    /// The table's business module.
    pub module: String,
    /// The suggestion that has to be carried out before this one.
    pub after: Option<String>,
    /// What to run, one statement after the other, outside of a transaction.
    pub ddl: Vec<String>,
    /// What takes it back; nothing where nothing is lost.
    pub undo: Vec<String>,
    /// Statements that it helps, the most saved first.
    pub helps: Vec<Helped>,
    /// Seconds a day that it saves: to create, at reads, upkeep not taken off; to drop, at writes.
    pub saved_seconds_per_day: f64,
    /// Seconds a day that become dearer: to create, at writes; to drop, at reads by a wider index.
    pub upkeep_seconds_per_day: f64,
    /// Updates a day that are HOT today and would not be any more.
    pub hot_updates_ended_per_day: f64,
    /// Bytes: to create, its size as estimated; to drop or rebuild, what is given back.
    pub size_bytes: f64,
    /// Seconds that building it takes, about.
    pub build_seconds: f64,
    /// `what-if`: the planner was asked; `reasoned`: it was not, as there is no HypoPG or it does not know this
    /// kind of index, or a size was computed; `catalog`: definitions were compared; `measured`: scans were counted.
    pub checked_by: &'static str,
    /// How sure it is.
    pub confidence: Confidence,
    /// What to know before running it.
    pub warnings: Vec<String>,
    /// All of that in a few sentences.
    pub explanation: String,
}

/// Rows in a second when an index is built concurrently on a server with nothing else to do.
/// Measured over 2 million rows in memory: 2.7 million for a number, 1.4 for a text, 0.6 for a
/// document, 1.3 for an array, 0.2 for trigrams.
fn rows_built_per_second(definition: &Definition) -> f64 {
    match definition.method {
        Method::Gin if definition.is_of_trigrams() => 200_000.0,
        Method::Gin => 600_000.0,
        Method::Btree | Method::Brin => ROWS_BUILT_PER_SECOND,
    }
}

/// The same of a b-tree on a text.
pub const ROWS_BUILT_PER_SECOND: f64 = 1_400_000.0;

/// What is known when a suggestion is written.
pub struct Facts<'a> {
    /// Its database.
    pub datname: &'a str,
    /// Its table.
    pub table: &'a Table,
    /// The table's module.
    pub module: Arc<str>,
    /// The index.
    pub definition: &'a Definition,
    /// Its size.
    pub bytes: f64,
    /// Its cost.
    pub upkeep: Upkeep,
    /// What it helps.
    pub helps: Vec<Helped>,
    /// What it saves.
    pub saved: f64,
    /// Its table with what is below it.
    pub tree: Tree<'a>,
    /// Days that the workload was counted over.
    pub days: f64,
    /// The planner was asked.
    pub is_supposed: bool,
}

impl Suggestion {
    /// Writes it down; its names are taken from then on.
    #[must_use]
    pub fn of(facts: Facts<'_>, taken: &mut Taken) -> Self {
        let name = ddl::name(facts.definition, facts.table, taken);
        let warnings = warnings(&facts);
        let explanation = explanation(&facts);
        Self {
            id: create_id(facts.datname, facts.table, facts.definition),
            action: "create",
            reason: "workload",
            index: None,
            after: None,
            confidence: confidence(&facts),
            datname: facts.datname.to_owned(),
            table: format!("{}.{}", facts.table.schema, facts.table.name),
            module: facts.module.to_string(),
            ddl: ddl::create(&name, &facts.tree, facts.definition, taken),
            undo: vec![ddl::undo(&name, facts.table)],
            saved_seconds_per_day: facts.saved,
            upkeep_seconds_per_day: facts.upkeep.seconds,
            hot_updates_ended_per_day: facts.upkeep.hot_updates_ended,
            size_bytes: facts.bytes,
            build_seconds: facts.table.rows / rows_built_per_second(facts.definition),
            checked_by: if facts.is_supposed { "what-if" } else { "reasoned" },
            helps: facts.helps,
            warnings,
            explanation,
        }
    }
}

/// Statistics of rows that have changed by so much are no longer theirs.
const STALE: f64 = 0.2;

/// Seen less often, a statement may not come again.
const FEW_CALLS: f64 = 20.0;

fn is_stale(table: &Table) -> bool {
    !table.is_analyzed || table.changed_since > table.rows * STALE
}

fn is_rare(facts: &Facts<'_>) -> bool {
    facts.helps.iter().map(|helped| helped.calls_per_day).sum::<f64>() * facts.days < FEW_CALLS
}

fn confidence(facts: &Facts<'_>) -> Confidence {
    let doubts = [
        is_stale(facts.table),
        is_rare(facts),
        facts.days < 1.0,
        facts.upkeep.hot_updates_ended > 0.0,
        facts.saved < facts.upkeep.seconds * 3.0,
    ];
    match (facts.is_supposed, doubts.iter().filter(|is| **is).count()) {
        (true, 0) => Confidence::High,
        (true, 1) | (false, 0) => Confidence::Medium,
        _ => Confidence::Low,
    }
}

fn warnings(facts: &Facts<'_>) -> Vec<String> {
    let table = facts.table;
    let mut warnings = Vec::new();
    if is_stale(table) {
        warnings.push(format!(
            "the statistics of {} are stale: run `analyze {}` and ask again",
            table.name,
            qualified(table)
        ));
    }
    if facts.upkeep.hot_updates_ended > 0.0 {
        warnings.push(format!(
            "{:.0} updates a day are HOT today and would write every index of the table",
            facts.upkeep.hot_updates_ended
        ));
    }
    let without_bound = without_bound(facts.definition, table);
    if !without_bound.is_empty() {
        warnings.push(format!(
            "a value of more than about 2,600 bytes in {} would be refused once this index is there",
            without_bound.join(" or ")
        ));
    }
    if table.kind == Kind::Partitioned {
        warnings.push(
            "a statement that is not concurrent waits for those who are at the table now, and others then for it: \
             run them with a lock_timeout"
                .to_owned(),
        );
    }
    if facts.days < 1.0 {
        warnings.push("the workload was counted for less than a day".to_owned());
    }
    if is_rare(facts) {
        warnings.push(format!("the statements were seen fewer than {FEW_CALLS} times"));
    }
    if *facts.module != *OTHER {
        warnings.push(
            "an upgrade of the ERP may drop an index that it does not know, or make one of the same kind"
                .to_owned(),
        );
    }
    warnings
}

fn explanation(facts: &Facts<'_>) -> String {
    let mut text = String::new();
    let number = facts.helps.len();
    let share: f64 = facts.helps.iter().map(|helped| helped.share_of_load).sum();
    let _ = write!(
        text,
        "{number} statement{} on {} take{} {:.1} % of the database's time",
        if number == 1 { "" } else { "s" },
        facts.table.name,
        if number == 1 { "s" } else { "" },
        share * 100.0
    );
    if let Some(first) = facts.helps.first() {
        let _ = write!(
            text,
            "; of the heaviest the planner's cost falls from {:.0} to {:.0}",
            first.cost_before,
            first.cost_after.max(1.0)
        );
    }
    let _ = write!(
        text,
        ". It would save about {:.0} s a day and cost {:.1} s a day at writes and {:.1} MB of disk. \
         Building it reads the table twice, waits for transactions that are open, and blocks no \
         writes.",
        facts.saved,
        facts.upkeep.seconds,
        facts.bytes / 1e6
    );
    text
}
