//! Trackers: pure folds from samples to meaning.
//!
//! No I/O and no clock: time comes in with the sample, so every tracker is tested on recorded
//! samples. Server counters, which may be reset, evicted or lost, become our own counters, which
//! only grow; what a sample could not tell is counted, never guessed.

pub mod activity;
pub mod budget;
pub mod calls;
pub mod capped;
pub mod catalog;
pub mod cumulative;
pub mod databases;
mod distribution;
pub mod duplicates;
pub mod findings;
pub mod footprints;
pub mod forest;
pub mod growth;
pub mod histogram;
pub mod hot_spots;
pub mod hours;
pub mod incidents;
pub mod io;
pub mod lock_tree;
pub mod lock_waits;
pub mod log;
pub mod names;
#[cfg(test)]
pub(crate) mod recorded;
pub mod queues;
mod ranked;
pub mod relations;
pub mod replication;
pub mod reports;
pub mod runners;
pub mod samplers;
pub mod sessions;
pub mod settings;
pub mod statements;
pub mod tables;
pub mod timeline;
mod top;
pub mod transactions;
pub mod vacuum;
pub mod waits;
