//! How often a queue is looked at, and what is known of it meanwhile.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio_postgres::Statement;

use super::Reading;
use crate::erp::Queue;

/// What the planner may think that one look costs, in its own units: a table of a million rows
/// whose state has no index is dearer, and not read.
const DEAREST: f64 = 20_000.0;
/// The same of a look in every turn, about a millisecond; one that is so many times dearer is made so many times less
/// often.
const CHEAP: f64 = 500.0;
/// But at least in every fifth turn.
pub(super) const MOST_TURNS: u32 = 5;

/// The last looks at queues, and what is prepared in the session that they belong to.
#[derive(Default)]
pub struct Looks {
    last: Mutex<HashMap<(u32, Arc<str>), Look>>,
    columns: Mutex<Option<Statement>>,
}

/// One look, and what is known of it for some turns: a dear one stands, a cheap one is made without asking for its plan
/// again.
pub(super) struct Look {
    pub reading: Reading,
    pub sql: String,
    /// In our own session, where it is planned once for all turns.
    pub prepared: Option<Statement>,
    pub is_dear: bool,
    /// Turns for which this holds.
    pub left: u32,
}

impl Looks {
    /// Takes the last one out. Who made another puts that in; after a failure there is none.
    pub(super) fn take(&self, dbid: u32, queue: &Queue, sql: &str) -> Option<Look> {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        last.remove(&(dbid, Arc::clone(&queue.name))).filter(|look| look.sql == sql)
    }

    pub(super) fn put(&self, dbid: u32, look: Look) {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        last.insert((dbid, Arc::clone(&look.reading.name)), look);
    }

    pub(super) fn columns(&self) -> MutexGuard<'_, Option<Statement>> {
        self.columns.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// In how many turns one look may be made, by what the planner thinks that it costs; `None` if that is too much for any.
pub(super) fn turns(plan: &str) -> Option<u32> {
    let cost = cost(plan).filter(|cost| *cost <= DEAREST)?;
    let turns = (1..MOST_TURNS).find(|turns| cost <= CHEAP * f64::from(*turns));
    Some(turns.unwrap_or(MOST_TURNS))
}

/// Of `Nested Loop  (cost=1.00..23.45 rows=...` the second figure.
fn cost(plan: &str) -> Option<f64> {
    let (_, costs) = plan.split_once("(cost=")?;
    let (_, total) = costs.split_once("..")?;
    total.split(' ').next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample::queues::tests::queue;

    #[test]
    fn a_look_is_made_the_less_often_the_dearer_it_is() {
        let of =
            |cost: f64| turns(&format!("Nested Loop  (cost=25.02..{cost:.2} rows=1 width=48)"));
        let wanted = [Some(1), Some(1), Some(2), Some(3), Some(5), None];
        assert_eq!([0.0, 500.0, 600.0, 1_500.0, DEAREST, DEAREST + 1.0].map(of), wanted);
    }

    #[test]
    fn a_look_is_taken_once_and_of_no_other_table_or_database() {
        let queue = queue("since = 'a'\nstarted = 'b'\n");
        let reading = Reading {
            name: Arc::clone(&queue.name),
            schema: "s".to_owned(),
            table: queue.table.clone(),
            waiting: 7,
            oldest_seconds: None,
            tries: None,
            running: None,
            longest_seconds: None,
            failed: None,
            inserted: 0,
        };
        let looks = Looks::default();
        let put = || {
            let (reading, sql) = (reading.clone(), "select 1".to_owned());
            looks.put(1, Look { reading, sql, prepared: None, is_dear: true, left: 4 });
        };
        put();
        assert!(looks.take(2, &queue, "select 1").is_none());
        assert_eq!(looks.take(1, &queue, "select 1").map(|look| look.left), Some(4));
        assert!(looks.take(1, &queue, "select 1").is_none());
        put();
        assert!(looks.take(1, &queue, "select 2").is_none());
    }

    #[test]
    fn what_the_planner_thinks_it_costs_is_read_off_its_plan() {
        let plan = "Nested Loop  (cost=25.02..36.31 rows=1 width=48)";
        assert_eq!(cost(plan), Some(36.31));
        assert_eq!(cost("Nested Loop"), None);
    }
}
