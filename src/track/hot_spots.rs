//! Relations on whose rows waits gather: a counter row, the stock of the best seller.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use super::capped::{Capped, Coarse};
use super::lock_waits::Finished;
use super::relations::Relations;
use super::timeline::span;
use crate::erp::OTHER;

/// Database, module and name of a relation.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct SpotKey {
    /// The waiter's database.
    pub datname: Arc<str>,
    /// Of the relation.
    pub module: Arc<str>,
    /// Such as `public.stock_quant`.
    pub relation: Arc<str>,
}

impl Coarse for SpotKey {
    fn coarse(&self) -> Self {
        Self { datname: Arc::clone(&self.datname), module: OTHER.into(), relation: OTHER.into() }
    }
}

/// Waits for rows of one relation that have ended.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Spot {
    /// How many.
    pub waits: u64,
    /// How long they were together.
    pub blocked: Duration,
    /// The longest.
    pub longest: Duration,
    /// When the last one ended, on the server's line of time.
    pub last: Option<SystemTime>,
}

/// The spots of one server.
pub type HotSpots = Capped<SpotKey, Spot>;

impl HotSpots {
    /// Counts a wait that has ended, if it was for a row of a relation that is known.
    pub fn count(&mut self, finished: &Finished, relations: &Relations) {
        let wait = &finished.wait;
        let Some(object) = &wait.object else { return };
        if !matches!(&*object.locktype, "transactionid" | "tuple") {
            return;
        }
        let Some((schema, name)) = object.relation.and_then(|key| relations.name(key)) else {
            return;
        };
        let length = span(wait.start, finished.end);
        let spot = self.of(SpotKey {
            datname: wait.datname(),
            module: Arc::clone(&wait.module),
            relation: format!("{schema}.{name}").into(),
        });
        spot.waits += 1;
        spot.blocked += length;
        spot.longest = spot.longest.max(length);
        spot.last = Some(finished.end);
    }
}
