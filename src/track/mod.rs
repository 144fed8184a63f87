//! Trackers: pure folds from samples to meaning.
//!
//! No I/O and no clock: time comes in with the sample, so every tracker is tested on recorded
//! samples. Server counters, which may be reset, evicted or lost, become our own counters, which
//! only grow; what a sample could not tell is counted, never guessed.

pub mod budget;
mod cumulative;
pub mod databases;
pub mod forest;
pub mod histogram;
pub mod names;
pub mod samplers;
pub mod statements;
mod top;
