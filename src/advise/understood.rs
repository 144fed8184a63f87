//! What of a workload the advisor understands: each statement as the planner takes it, or why not.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use tokio_postgres::Client;
use tokio_postgres::types::Type;

use super::advisor::Planned;
use super::catalog::Writes;
use super::constants::Seen;
use super::daily::Sets;
use super::definition::quote;
use super::plan::{places, read};
use super::plannable::{Change, Parsed, Plannable, Target, Unplannable, parse, plannable, seen};
use super::what_if::{CANCELLED, LOCKED, WhatIf, WhatIfError, refused};
use super::workload::{Specimen, Statement, Workload};

/// Why the planner reads nothing although the statement names tables.
const BARRED: &str = "row security hides all rows from the agent's role, or its condition is never \
    true: give the role the policies of those who run it, or `bypassrls`";

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
    /// How many of them are of the workload; the others look for children of deleted rows.
    pub of_workload: usize,
    /// Relations that they read: schema and name.
    pub relations: BTreeSet<(String, String)>,
    /// Columns that updates set, by the table as it is named, with executions a day.
    pub sets: Sets,
    /// Rows that the statements write in a day, by the table as it is named; how many of the updates are
    /// HOT no statement tells.
    pub writes: BTreeMap<Target, Writes>,
    /// What is left out, the most time first.
    pub skipped: Vec<Skipped>,
    /// What could not be asked beside the statements, for people.
    pub fault: Option<String>,
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
    seen: &Seen,
) -> Result<Understood, WhatIfError> {
    let mut understood = Understood::default();
    let mut skipped: BTreeMap<String, Skipped> = BTreeMap::new();
    for statement in &workload.statements {
        let Parsed { change, reads } = parse(&statement.text);
        if let Some(change) = change {
            understood.note(change, statement);
        }
        let is_known = reads.as_ref().err().is_some_and(|reason| reason.is_understood());
        let mut planned = plan(what_if, statement, reads).await;
        let specimens = seen.of(statement.queryid);
        if matches!(planned, Err(Reason::Skipped(_))) && !specimens.is_empty() {
            planned = plan_seen(what_if, statement, specimens).await.or(planned);
        }
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
                understood.understood_seconds += if is_known { seconds } else { 0.0 };
                let entry = skipped.entry(reason.clone()).or_default();
                entry.reason = reason;
                entry.statements += 1;
                entry.share_of_load += seconds;
            }
        }
    }
    understood.of_workload = understood.statements.len();
    let children = match children(client, &understood.writes).await {
        Err(error) if !error.is_the_end() => {
            understood.fault =
                Some(format!("children of rows that are deleted were not looked for: {error}"));
            Vec::new()
        }
        children => children?,
    };
    for statement in children {
        let reads = plannable(&statement.text);
        if let Ok(planned) = plan(what_if, &statement, reads).await {
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

    fn note(&mut self, change: Change, statement: &Statement) {
        let (Change::Inserts(table) | Change::Deletes(table) | Change::Sets(table, _)) = &change;
        let writes = self.writes.entry(table.clone()).or_default();
        match change {
            Change::Inserts(_) => writes.inserts += statement.rows,
            Change::Deletes(_) => writes.deletes += statement.rows,
            Change::Sets(table, columns) => {
                writes.updates += statement.rows;
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

/// Why a statement has no plan.
pub enum Reason {
    /// It is left out, for a reason that is shown.
    Skipped(String),
    /// Nothing can be planned any more.
    Lost(WhatIfError),
}

/// The plans of a statement: of what was seen of it running, else of the one with parameters.
async fn plan(
    what_if: &mut WhatIf,
    statement: &Statement,
    template: Result<Plannable, Unplannable>,
) -> Result<Planned, Reason> {
    match plan_seen(what_if, statement, &statement.specimens).await {
        Err(Reason::Skipped(_)) => {
            let template = template.map_err(|reason| Reason::Skipped(reason.to_string()))?;
            plan_as(what_if, statement, vec![template.looked_up_in(statement.search_path.as_ref())])
                .await
        }
        planned => planned,
    }
}

/// The plans of a statement as it was seen running.
pub async fn plan_seen(
    what_if: &mut WhatIf,
    statement: &Statement,
    specimens: &[Specimen],
) -> Result<Planned, Reason> {
    let specimens = specimens.iter().take(MOST_SPECIMENS);
    let specimens = specimens.filter_map(|specimen| seen(&specimen.0).ok());
    let specimens =
        specimens.map(|plannable| plannable.looked_up_in(statement.search_path.as_ref()));
    plan_as(what_if, statement, specimens.collect()).await
}

/// The plans of a statement in these forms; one that is refused is left out.
async fn plan_as(
    what_if: &mut WhatIf,
    statement: &Statement,
    variants: Vec<Plannable>,
) -> Result<Planned, Reason> {
    let mut planned = Planned::default();
    let mut first = None;
    for variant in variants {
        match what_if.read(&variant).await {
            Ok(answer) if answer.plan.reads_nothing() => {
                first.get_or_insert_with(|| BARRED.to_owned());
            }
            Ok(answer) => {
                planned.cost += answer.plan.cost;
                planned.places = places(&answer.plan);
                planned.readings.push(read(&answer.plan));
                planned.variants.push(variant);
            }
            Err(WhatIfError::Refused(state)) => {
                first.get_or_insert(meaning(&state));
            }
            Err(WhatIfError::Cancelled) => {
                first.get_or_insert(meaning(CANCELLED));
            }
            Err(lost) => return Err(Reason::Lost(lost)),
        }
    }
    if planned.variants.is_empty() {
        return Err(Reason::Skipped(first.unwrap_or_default()));
    }
    let number = planned.variants.len();
    planned.weights = vec![1.0 / number as f64; number];
    planned.cost /= number as f64;
    planned.seconds = statement.worth(planned.cost);
    planned.calls = statement.calls;
    Ok(planned)
}

/// What the server meant.
fn meaning(state: &str) -> String {
    let words = match state {
        "42P01" | "3F000" => "a table of it is gone or belongs to a session",
        "42703" => "a column of it is gone",
        "42501" => "the agent's role may not read its tables: grant it `select` on them",
        "42P18" | "42P02" => "the type of a parameter cannot be told from its text",
        "42725" => "which function of several it calls cannot be told without its constants",
        "42883" => "a function of it is gone, or the type of a parameter cannot be told",
        "42601" => "its text is cut off, or no longer SQL once its constants are gone",
        LOCKED => "a table of it was locked to all others",
        CANCELLED => "planning it took too long, or was cancelled",
        other => return format!("the planner refused it (SQLSTATE {other})"),
    };
    format!("{words} (SQLSTATE {state})")
}

/// What PostgreSQL asks for each deleted row of a table that others point to.
async fn children(
    client: &Client,
    writes: &BTreeMap<Target, Writes>,
) -> Result<Vec<Statement>, WhatIfError> {
    let deleted = writes.iter().filter(|(_, writes)| writes.deletes > 0.0);
    let names: BTreeSet<&str> = deleted.map(|(target, _)| target.name.as_str()).collect();
    if names.is_empty() {
        return Ok(Vec::new());
    }
    let names: Vec<&str> = names.into_iter().collect();
    let sql = include_str!("foreign_keys.sql");
    let rows = client.query_typed(sql, &[(&names, Type::TEXT_ARRAY)]).await.map_err(refused)?;
    let mut statements = Vec::new();
    for row in rows {
        let get = |at| row.try_get::<_, &str>(at).map_err(refused);
        let columns: Vec<String> = row.try_get(5).map_err(refused)?;
        let share: f64 = row.try_get(2).map_err(refused)?;
        let of = |schema: Option<&str>, name: &str| {
            let target = Target { schema: schema.map(str::to_owned), name: name.to_owned() };
            writes.get(&target).map_or(0.0, |writes| writes.deletes)
        };
        let (schema, parent) = (get(0)?, get(1)?);
        let calls = of(Some(schema), parent) + of(None, parent) * share;
        if calls <= 0.0 {
            continue;
        }
        let conditions: Vec<String> = columns
            .iter()
            .enumerate()
            .map(|(at, column)| format!("x.{} = ${}", quote(column), at + 1))
            .collect();
        statements.push(Statement {
            text: format!(
                "select 1 from {}.{} x where {}",
                quote(get(3)?),
                quote(get(4)?),
                conditions.join(" and ")
            ),
            calls,
            ..Statement::default()
        });
    }
    Ok(statements)
}
