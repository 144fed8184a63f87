//! Bad joins, as plans show them: nothing is executed.
//!
//! The advisor has planned every statement of the workload already, with likely values; what a statement
//! returned, and what it wrote to temporary files, the server has counted. A join is told of by
//! what is wrong with it, its tables and its columns, with the time of all statements that have it.

mod cast;
mod estimate;
mod keys;
mod memory;
mod show;
mod sign;
mod spill;
mod spotted;
mod whole;

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

pub use memory::Memory;
pub use show::{markdown, table};
pub use sign::{Sign, Terms};
pub use spill::MOST_MEMORY;

use self::spotted::Reader;
use super::advisor::Planned;
use super::catalog::{Catalog, Table};
use super::constants::Seen;
use super::understood::Understood;
use super::workload::Statement;
use crate::erp::Erp;
use crate::sample::normalise;

/// Statements of one join that are named.
const NAMED: usize = 3;

/// Characters of a statement that are shown.
const TEXT_CHARS: usize = 1_000;

/// A sign that plans show less probably than this is none.
const LEAST_WEIGHT: f64 = 0.5;

/// A bad join, of all statements that have it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct BadJoin {
    /// What is wrong, with its figures for the statement where they are worst.
    #[serde(flatten)]
    pub sign: Sign,
    /// Its tables, in `public` without the schema.
    pub tables: Vec<String>,
    /// Its columns, each with its table, as far as the sign is about columns.
    pub columns: Vec<String>,
    /// The business module of its first table.
    pub module: String,
    /// Seconds a day that all statements with it take: what mending it gives back at most.
    pub seconds_per_day: f64,
    /// Number of these statements.
    pub statements_total: usize,
    /// Those that take most, the most first.
    pub statements: Vec<Joining>,
    /// What a person may run, if there is something, for that statement.
    pub sql: Vec<String>,
}

/// A statement with a bad join.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Joining {
    /// `pg_stat_statements.queryid`, as text: it does not fit into a JSON number.
    pub queryid: Option<String>,
    /// Its text, normalised.
    pub query: String,
    /// Executions a day.
    pub calls_per_day: f64,
    /// Seconds a day.
    pub seconds_per_day: f64,
}

impl BadJoin {
    /// What it is about, in words: the columns, else the tables.
    #[must_use]
    pub fn subject(&self) -> String {
        let what = if self.columns.is_empty() { &self.tables } else { &self.columns };
        format!("{}: {}", self.sign.words(), what.join(", "))
    }

    /// Whether it is bad enough to be told, and takes enough time.
    #[must_use]
    pub fn is_told(&self, terms: &Terms) -> bool {
        self.seconds_per_day >= terms.seconds_per_day && self.sign.is_told(terms)
    }
}

/// What is known beside the plans.
#[derive(Clone, Copy, Debug)]
pub struct Known<'a> {
    /// Tables, indexes and statistics.
    pub catalog: &'a Catalog,
    /// What was seen running.
    pub seen: &'a Seen,
    /// What the server's settings say.
    pub memory: &'a Memory,
    /// Days that the workload was counted over.
    pub days: f64,
    /// Words of the ERP.
    pub erp: &'a Erp,
}

/// A sign in one plan.
#[derive(Clone, Debug, PartialEq)]
struct Spotted {
    sign: Sign,
    tables: Vec<String>,
    columns: Vec<String>,
    sql: Vec<String>,
}

/// What two signs have in common to be one: what is wrong and which way, tables, columns.
type Same = (&'static str, Vec<String>, Vec<String>);

impl Spotted {
    fn same(&self) -> Same {
        (self.sign.words(), self.tables.clone(), self.columns.clone())
    }
}

/// The bad joins of a workload: first those that are told where nobody has changed the terms, the most time
/// first. A statement that has one mildly adds nothing to those that have it badly: it is one of its own.
#[must_use]
pub fn find(understood: &Understood, known: &Known<'_>) -> Vec<BadJoin> {
    let terms = Terms::default();
    let mut all: BTreeMap<(bool, Same), BadJoin> = BTreeMap::new();
    let own = understood.planned.iter().zip(&understood.statements).take(understood.of_workload);
    let mut own: Vec<(f64, &Planned, &Statement)> = own
        .map(|(planned, statement)| {
            (statement.seconds.unwrap_or(planned.seconds), planned, statement)
        })
        .collect();
    own.sort_by(|a, b| b.0.total_cmp(&a.0));
    for (seconds, planned, statement) in own {
        for spotted in signs(planned, statement, known) {
            let same = (spotted.sign.is_told(&terms), spotted.same());
            let join = all.entry(same).or_insert_with(|| begun(&spotted, known));
            if spotted.sign.badness() > join.sign.badness() {
                (join.sign, join.sql) = (spotted.sign, spotted.sql);
            }
            join.seconds_per_day += seconds;
            join.statements_total += 1;
            if join.statements.len() < NAMED {
                join.statements.push(Joining {
                    queryid: statement.queryid.map(|queryid| queryid.to_string()),
                    query: normalise(&statement.text, TEXT_CHARS),
                    calls_per_day: statement.calls,
                    seconds_per_day: seconds,
                });
            }
        }
    }
    let mut joins: Vec<BadJoin> = all.into_values().collect();
    joins.sort_by(|a, b| {
        let told = b.is_told(&terms).cmp(&a.is_told(&terms));
        told.then_with(|| b.seconds_per_day.total_cmp(&a.seconds_per_day))
    });
    joins
}

fn begun(spotted: &Spotted, known: &Known<'_>) -> BadJoin {
    let Spotted { sign, tables, columns, sql } = spotted.clone();
    let first = tables.first().map_or("", String::as_str);
    let module = known.erp.module(first.rsplit('.').next().unwrap_or(first)).to_string();
    BadJoin {
        sign,
        tables,
        columns,
        module,
        seconds_per_day: 0.0,
        statements_total: 0,
        statements: Vec::new(),
        sql,
    }
}

/// The signs of one statement, each once: those that most of its plans show, at least so badly.
fn signs(planned: &Planned, statement: &Statement, known: &Known<'_>) -> Vec<Spotted> {
    let mut found: BTreeMap<Same, Vec<(f64, Spotted)>> = BTreeMap::new();
    for (reading, weight) in planned.readings.iter().zip(&planned.weights) {
        let reader = Reader { reading, catalog: known.catalog };
        let of_keys = keys::found(&reading.plan, &reader);
        let of_memory = spill::spilt(&reading.plan, statement, &reader, known);
        let mut of_plan: Vec<Spotted> = of_keys.into_iter().chain(of_memory).collect();
        of_plan.sort_by(|a, b| b.sign.badness().total_cmp(&a.sign.badness()));
        let mut met = BTreeSet::new();
        for spotted in of_plan {
            let same = spotted.same();
            if met.insert(same.clone()) {
                found.entry(same).or_default().push((*weight, spotted));
            }
        }
    }
    let mistaken = estimate::mistaken(planned, statement, known);
    found.into_values().filter_map(probable).chain(mistaken).collect()
}

/// Of one sign in several plans, with their shares: as bad as enough of them show it.
fn probable(mut of_plans: Vec<(f64, Spotted)>) -> Option<Spotted> {
    of_plans.sort_by(|(_, a), (_, b)| b.sign.badness().total_cmp(&a.sign.badness()));
    let mut weight = 0.0;
    let mut of_plans = of_plans.into_iter();
    of_plans.find_map(|(own, spotted)| {
        weight += own;
        (weight >= LEAST_WEIGHT).then_some(spotted)
    })
}

/// As people name a table: without the schema that everything is in.
fn named(table: &Table) -> String {
    if table.schema == "public" {
        table.name.clone()
    } else {
        format!("{}.{}", table.schema, table.name)
    }
}

#[cfg(test)]
mod tests;
