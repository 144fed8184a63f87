//! One session of the ERP and its dice.

use std::collections::{BTreeSet, HashMap};
use std::time::Duration;

use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, Error, Row, Statement};

use super::dice::Dice;
use crate::demo::fault::{Fault, Faults};
use crate::demo::stage::Sizes;

/// A session which prepares each statement once, and a random source of its own.
pub(in crate::demo) struct Work {
    client: Client,
    prepared: HashMap<&'static str, Statement>,
    dice: Dice,
    pub(super) sizes: Sizes,
    faults: Faults,
}

impl Work {
    pub(in crate::demo) fn new(client: Client, seed: u64, sizes: Sizes, faults: Faults) -> Self {
        Self { client, prepared: HashMap::new(), dice: Dice::new(seed), sizes, faults }
    }

    /// Whether this is wrong with the ERP.
    pub(super) const fn has(&self, fault: Fault) -> bool {
        self.faults.has(fault)
    }

    pub(super) async fn rows(
        &mut self,
        sql: &'static str,
        params: &[&(dyn ToSql + Sync)],
    ) -> Result<Vec<Row>, Error> {
        let statement = if let Some(statement) = self.prepared.get(sql) {
            statement.clone()
        } else {
            let statement = self.client.prepare(sql).await?;
            self.prepared.insert(sql, statement.clone());
            statement
        };
        self.client.query(&statement, params).await
    }

    /// The first column of the first row.
    pub(super) async fn id(
        &mut self,
        sql: &'static str,
        params: &[&(dyn ToSql + Sync)],
    ) -> Result<i32, Error> {
        match self.rows(sql, params).await?.first() {
            Some(row) => row.try_get(0),
            None => Ok(0),
        }
    }

    /// The first column of the first row, a number that a document gets.
    pub(super) async fn number(&mut self, sql: &'static str) -> Result<i64, Error> {
        match self.rows(sql, &[]).await?.first() {
            Some(row) => row.try_get(0),
            None => Ok(0),
        }
    }

    pub(super) async fn begin(&self) -> Result<(), Error> {
        self.client.batch_execute("begin isolation level repeatable read").await
    }

    pub(super) async fn begin_read_committed(&self) -> Result<(), Error> {
        self.client.batch_execute("begin").await
    }

    pub(super) async fn commit(&self) -> Result<(), Error> {
        self.client.batch_execute("commit").await
    }

    /// After an error; the connection may be gone, too.
    pub(in crate::demo) async fn roll_back(&self) -> bool {
        self.client.batch_execute("rollback").await.is_ok()
    }

    /// A number from 1 to `most`, all alike.
    pub(super) fn any(&mut self, most: i64) -> i32 {
        self.dice.any(most)
    }

    /// A number from 1 to `most`; the low ones come far more often.
    pub(super) fn usual(&mut self, most: i64) -> i32 {
        self.dice.usual(most)
    }

    /// From half to one and a half of `mean`.
    pub(in crate::demo) fn pause(&mut self, mean: Duration) -> Duration {
        self.dice.pause(mean)
    }

    /// What its session has prepared.
    pub(in crate::demo) fn statements(&self) -> BTreeSet<&'static str> {
        self.prepared.keys().copied().collect()
    }

    /// Begins the next turn.
    pub(in crate::demo) fn next_turn(&mut self) {
        self.dice.next_turn();
    }

    /// Goes on with another session.
    pub(in crate::demo) fn go_on_with(&mut self, client: Client) {
        self.client = client;
        self.prepared.clear();
    }
}
