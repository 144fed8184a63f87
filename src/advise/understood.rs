//! What of a workload the advisor understands: each statement as the planner takes it, or why not.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use tokio_postgres::Client;
use tokio_postgres::types::Type;

use super::advisor::Planned;
use super::definition::quote;
use super::plan::read;
use super::plannable::{Change, Plannable, plannable};
use super::upkeep::Sets;
use super::what_if::{WhatIf, WhatIfError};
use super::workload::{SECONDS_PER_COST, Statement, Workload};

/// A statement's time counts up to so many times what its plan costs: more of it is waiting, which
/// no index makes shorter.
const MOST_OVER_PLAN: f64 = 10.0;

/// Specimens of one statement that are planned.
const MOST_SPECIMENS: usize = 3;

/// Statements that are skipped for one reason.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Skipped {
    /// Why.
    pub reason: String,
    /// How many.
    pub statements: usize,
    /// Their share of the workload's time.
    pub share_of_load: f64,
}

/// The workload as plans.
#[derive(Clone, Debug, Default)]
pub struct Understood {
    /// Statements that can be planned.
    pub planned: Vec<Planned>,
    /// The statement of each.
    pub statements: Vec<Statement>,
    /// Relations that they read: schema and name.
    pub relations: BTreeSet<(String, String)>,
    /// Columns that updates set, by the table's name, with executions a day.
    pub sets: Sets,
    /// What is left out, the most time first.
    pub skipped: Vec<Skipped>,
    /// Seconds a day of all statements.
    pub seconds: f64,
    /// Of these, those of statements that are understood.
    pub understood_seconds: f64,
}

/// Plans every statement of a workload as things are, and every look for the children of rows that
/// it deletes.
pub async fn understand(
    what_if: &mut WhatIf,
    client: &Client,
    workload: &Workload,
) -> Result<Understood, WhatIfError> {
    let mut understood = Understood::default();
    let mut skipped: BTreeMap<String, Skipped> = BTreeMap::new();
    let mut deleted: BTreeMap<String, f64> = BTreeMap::new();
    for statement in &workload.statements {
        understood.note(statement, &mut deleted);
        let planned = plan(what_if, statement).await;
        let seconds = match &planned {
            Ok(planned) => statement.seconds.unwrap_or(planned.seconds),
            Err(_) => statement.seconds.unwrap_or(0.0),
        };
        understood.seconds += seconds;
        match planned {
            Ok(planned) => {
                understood.understood_seconds += seconds;
                understood.take(planned, statement.clone());
            }
            Err(Reason::Lost(lost)) => return Err(lost),
            Err(Reason::Skipped(reason)) => {
                let entry = skipped.entry(reason.clone()).or_default();
                entry.reason = reason;
                entry.statements += 1;
                entry.share_of_load += seconds;
            }
        }
    }
    for statement in children(client, &deleted).await? {
        if let Ok(planned) = plan(what_if, &statement).await {
            understood.take(planned, statement);
        }
    }
    understood.skipped = skipped.into_values().collect();
    for skipped in &mut understood.skipped {
        skipped.share_of_load /= understood.seconds.max(f64::MIN_POSITIVE);
    }
    understood.skipped.sort_by(|a, b| b.share_of_load.total_cmp(&a.share_of_load));
    Ok(understood)
}

impl Understood {
    /// The share of the workload's time that is understood.
    #[must_use]
    pub fn share(&self) -> f64 {
        if self.seconds > 0.0 { self.understood_seconds / self.seconds } else { 1.0 }
    }

    fn note(&mut self, statement: &Statement, deleted: &mut BTreeMap<String, f64>) {
        let Ok(Plannable { change: Some(change), .. }) = plannable(&statement.text) else { return };
        match change {
            Change::Deletes(table) => {
                *deleted.entry(table).or_default() += statement.rows.max(statement.calls);
            }
            Change::Sets(table, columns) => {
                self.sets.entry(table).or_default().push((columns, statement.calls));
            }
        }
    }

    fn take(&mut self, planned: Planned, statement: Statement) {
        for usage in planned.readings.iter().flat_map(|reading| reading.uses.values()) {
            self.relations.insert((usage.schema.clone(), usage.relation.clone()));
        }
        self.planned.push(planned);
        self.statements.push(statement);
    }
}

enum Reason {
    Skipped(String),
    Lost(WhatIfError),
}

/// The plans of a statement: of what was seen of it running, else of the one with parameters.
async fn plan(what_if: &mut WhatIf, statement: &Statement) -> Result<Planned, Reason> {
    let mut planned =
        Planned { variants: Vec::new(), seconds: 0.0, cost: 0.0, readings: Vec::new() };
    let specimens = statement.specimens.iter().take(MOST_SPECIMENS);
    let texts = specimens.map(|specimen| specimen.0.as_str()).chain([statement.text.as_str()]);
    let mut first = None;
    for (at, text) in texts.enumerate() {
        let is_template = at == statement.specimens.len().min(MOST_SPECIMENS);
        if is_template && !planned.variants.is_empty() {
            break;
        }
        let variant = match plannable(text) {
            Ok(variant) => variant,
            Err(reason) => {
                first.get_or_insert(reason.to_string());
                continue;
            }
        };
        match what_if.read(&variant).await {
            Ok(answer) => {
                planned.cost += answer.plan.cost;
                planned.readings.push(read(&answer.plan));
                planned.variants.push(variant);
            }
            Err(WhatIfError::Refused(state)) => {
                first.get_or_insert(meaning(&state));
            }
            Err(lost) => return Err(Reason::Lost(lost)),
        }
    }
    if planned.variants.is_empty() {
        return Err(Reason::Skipped(first.unwrap_or_default()));
    }
    planned.cost /= planned.variants.len() as f64;
    let by_plan = statement.calls * planned.cost * SECONDS_PER_COST;
    planned.seconds =
        statement.seconds.map_or(by_plan, |seconds| seconds.min(by_plan * MOST_OVER_PLAN));
    Ok(planned)
}

/// What the server meant.
fn meaning(state: &str) -> String {
    let words = match state {
        "42P01" | "3F000" => "a table of it is gone or belongs to a session",
        "42703" => "a column of it is gone",
        "42501" => "the agent's role may not read its tables: grant it pg_read_all_data",
        "42P18" | "42P02" => "the type of a parameter cannot be told from its text",
        "42883" => "a function of it is gone, or the type of a parameter cannot be told",
        "42601" => "its text is cut off, or no longer SQL once its constants are gone",
        "57014" => "planning it took too long",
        other => return format!("the planner refused it (SQLSTATE {other})"),
    };
    format!("{words} (SQLSTATE {state})")
}

/// What PostgreSQL asks for each deleted row of a table that others point to.
async fn children(
    client: &Client,
    deleted: &BTreeMap<String, f64>,
) -> Result<Vec<Statement>, WhatIfError> {
    if deleted.is_empty() {
        return Ok(Vec::new());
    }
    let names: Vec<&str> = deleted.keys().map(String::as_str).collect();
    let sql = include_str!("foreign_keys.sql");
    let rows =
        client.query_typed(sql, &[(&names, Type::TEXT_ARRAY)]).await.map_err(WhatIfError::Lost)?;
    let mut statements = Vec::new();
    for row in rows {
        let get = |at| row.try_get::<_, &str>(at).map_err(WhatIfError::Lost);
        let columns: Vec<String> = row.try_get(3).map_err(WhatIfError::Lost)?;
        let conditions: Vec<String> = columns
            .iter()
            .enumerate()
            .map(|(at, column)| format!("x.{} = ${}", quote(column), at + 1))
            .collect();
        statements.push(Statement {
            text: format!(
                "select 1 from {}.{} x where {}",
                quote(get(1)?),
                quote(get(2)?),
                conditions.join(" and ")
            ),
            calls: deleted.get(get(0)?).copied().unwrap_or_default(),
            ..Statement::default()
        });
    }
    Ok(statements)
}
