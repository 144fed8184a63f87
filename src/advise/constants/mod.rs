//! Values in the place of parameters: what a column's statistics say is likely, and what was seen running.
//!
//! A plan without values takes every state as equally common and every range as a third of the table. Values
//! live in this session's memory and in what it asks the planner; they are shown to nobody.

mod draw;
mod mix;
mod seen;
mod shown;
mod statistics;

use std::collections::{BTreeMap, BTreeSet};

use tokio_postgres::Client;

use super::advisor::Planned;
use super::plan::{Condition, Operator, Place, Reading, read};
use super::plannable::Plannable;
use super::understood::{Reason, Understood, plan_seen};
use super::what_if::{WhatIf, WhatIfError};
use super::workload::{SECONDS_PER_COST, Statement};
pub use draw::{Draw, draws};
pub use mix::{Evidence, Outcome, weights};
pub use seen::Seen;
pub use shown::may_be_shown;
pub use statistics::{Statistics, statistics};

/// Combinations of values that one statement is planned with.
const MOST_TRIED: usize = 12;

/// Of these, those that it keeps for the search.
const MOST_KEPT: usize = 3;

/// What is less probable is left out.
const LEAST_WEIGHT: f64 = 0.03;

/// Plans with values of all statements together; the heaviest statements come first.
const MOST_PLANS: u64 = 4_000;

/// From so much on a value is taken as the one that the statement has.
const SURE: f64 = 0.8;

/// Statements that have parameters are planned with values, where these make a difference.
pub async fn fill(
    what_if: &mut WhatIf,
    client: &Client,
    understood: &mut Understood,
    seen: &Seen,
) -> Result<(), WhatIfError> {
    let own = understood.planned.iter().zip(&understood.statements).take(understood.of_workload);
    let mut found: Vec<Option<Vec<Place>>> = Vec::new();
    for (planned, statement) in own {
        let is_template = statement.specimens.is_empty()
            && planned.variants.iter().all(|variant| variant.parameters > 0);
        found.push(is_template.then(|| planned.places.clone()));
    }
    let columns: BTreeSet<(String, String, String)> = found
        .iter()
        .flatten()
        .flatten()
        .map(|place| (place.schema.clone(), place.relation.clone(), place.column.clone()))
        .collect();
    let known = match statistics(client, &columns).await {
        Ok(known) => known,
        // Without them a plan without values has to do.
        Err(error) if error.as_db_error().is_some() => Statistics::new(),
        Err(lost) => return Err(WhatIfError::Lost(lost)),
    };
    let limit = what_if.calls + MOST_PLANS;
    for (number, places) in found.into_iter().enumerate() {
        let Some(places) = places else { continue };
        let (Some(planned), Some(statement)) =
            (understood.planned.get(number), understood.statements.get(number))
        else {
            continue;
        };
        if what_if.calls >= limit {
            break;
        }
        let specimens = seen.of(statement.queryid);
        let better = if specimens.is_empty() {
            from_statistics(what_if, planned, statement, &places, &known).await?
        } else {
            match plan_seen(what_if, statement, specimens).await {
                Ok(planned) => Some(planned),
                Err(Reason::Lost(lost)) => return Err(lost),
                Err(Reason::Skipped(_)) => None,
            }
        };
        if let (Some(better), Some(planned)) = (better, understood.planned.get_mut(number)) {
            *planned = better;
        }
    }
    Ok(())
}

/// One combination of values, planned.
struct Tried {
    variant: Plannable,
    cost: f64,
    reading: Reading,
    outcome: Outcome,
}

async fn from_statistics(
    what_if: &mut WhatIf,
    planned: &Planned,
    statement: &Statement,
    places: &[Place],
    known: &Statistics,
) -> Result<Option<Planned>, WhatIfError> {
    let [template] = planned.variants.as_slice() else { return Ok(None) };
    let page = page(template, statement);
    let mut tried = Vec::new();
    for draw in together(places, known) {
        let mut values = draw.values;
        values.extend(page.clone());
        if values.is_empty() {
            continue;
        }
        let variant = template.with(&values);
        match what_if.read(&variant).await {
            Ok(answer) => tried.push(Tried {
                variant,
                cost: answer.plan.cost,
                reading: read(&answer.plan),
                outcome: Outcome {
                    share: draw.share,
                    rows: answer.plan.rows,
                    seconds: answer.plan.cost * SECONDS_PER_COST,
                },
            }),
            Err(error) if error.is_the_end() => return Err(error),
            Err(_) => {}
        }
    }
    Ok(kept(planned, statement, tried))
}

/// The most probable of what was tried.
fn kept(planned: &Planned, statement: &Statement, tried: Vec<Tried>) -> Option<Planned> {
    let calls = statement.calls.max(f64::MIN_POSITIVE);
    let evidence = Evidence {
        rows: statement.rows_of_call(),
        seconds: statement.seconds.map(|seconds| seconds / calls),
    };
    let outcomes: Vec<Outcome> = tried.iter().map(|tried| tried.outcome).collect();
    let mut weighted: Vec<(f64, Tried)> =
        weights(&outcomes, &evidence).into_iter().zip(tried).collect();
    // Of equally probable ones the cheapest comes first, so that the order is always the same.
    weighted.sort_by(|a, b| a.1.cost.total_cmp(&b.1.cost));
    weighted.sort_by(|a, b| b.0.total_cmp(&a.0));
    weighted.truncate(MOST_KEPT);
    weighted.retain(|(weight, _)| *weight >= LEAST_WEIGHT);
    let all: f64 = weighted.iter().map(|(weight, _)| weight).sum();
    let mut better = Planned {
        variants: Vec::new(),
        weights: Vec::new(),
        readings: Vec::new(),
        places: Vec::new(),
        cost: 0.0,
        ..planned.clone()
    };
    for (weight, mut tried) in weighted {
        let weight = weight / all;
        if weight < SURE {
            forget(&mut tried.reading);
        }
        better.cost += weight * tried.cost;
        better.weights.push(weight);
        better.variants.push(tried.variant);
        better.readings.push(tried.reading);
    }
    better.seconds = statement.worth(better.cost);
    (!better.variants.is_empty()).then_some(better)
}

/// A value that is one of several possible ones is no reason for an index over its rows alone.
fn forget(reading: &mut Reading) {
    for condition in reading.uses.values_mut().flat_map(|usage| &mut usage.conditions) {
        if let Condition::Compared { operator: Operator::Equal | Operator::Any, value, .. } =
            condition
        {
            *value = None;
        }
    }
}

/// As many rows as a call returned are what was asked for, from the beginning.
fn page(template: &Plannable, statement: &Statement) -> BTreeMap<usize, String> {
    let (limit, offset) = template.page();
    let mut values = BTreeMap::new();
    if let Some((limit, rows)) = limit.zip(statement.rows_of_call()) {
        values.insert(limit, format!("{:.0}", rows.ceil().max(1.0)));
        values.extend(offset.map(|offset| (offset, "0".to_owned())));
    }
    values
}

/// Combinations of what may stand in each place, the most probable ones.
fn together(places: &[Place], known: &Statistics) -> Vec<Draw> {
    let mut by_column: BTreeMap<(&str, &str, &str), Vec<&Place>> = BTreeMap::new();
    for place in places {
        let column = (place.schema.as_str(), place.relation.as_str(), place.column.as_str());
        by_column.entry(column).or_default().push(place);
    }
    let mut all = vec![Draw { values: BTreeMap::new(), share: 1.0 }];
    for ((schema, relation, column), places) in by_column {
        let column = known.get(&(schema.to_owned(), relation.to_owned(), column.to_owned()));
        let draws = column.map(|column| draws(&places, column)).unwrap_or_default();
        if draws.is_empty() {
            continue;
        }
        let with = |draw: &Draw| {
            let both = |other: &Draw| {
                let values = draw.values.iter().chain(&other.values);
                Draw {
                    values: values.map(|(at, value)| (*at, value.clone())).collect(),
                    share: draw.share * other.share,
                }
            };
            draws.iter().map(both).collect::<Vec<_>>()
        };
        all = all.iter().flat_map(with).collect();
        all.sort_by(|a, b| b.share.total_cmp(&a.share));
        all.truncate(MOST_TRIED);
    }
    all
}
