//! How big a hash table becomes.

use super::Node;

/// What PostgreSQL keeps beside each row in a hash table: `HJTUPLE_OVERHEAD` and the header of a minimal
/// tuple, both aligned (`ExecChooseHashTableSize` in `nodeHash.c`).
const BESIDE_A_ROW: f64 = 32.0;

/// A pointer for each bucket; buckets are about as many as rows.
const BUCKET: f64 = 8.0;

/// What is kept beside each group: its entry, the header of its key, and the state of an aggregate (`hash_agg_entry_size` in
/// `nodeAgg.c`).
const BESIDE_A_GROUP: f64 = 64.0;

/// What the leader takes off its own part for each worker (`get_parallel_divisor` in `costsize.c`).
const LEADER_LOSES: f64 = 0.3;

/// Into how many parts the planner divides the rows of a node; `workers` are those of the node above that gathers.
#[must_use]
pub fn parts(node: &Node, workers: f64) -> f64 {
    let is_divided = node.is_shared && workers > 0.0;
    if is_divided { workers + (1.0 - LEADER_LOSES * workers).max(0.0) } else { 1.0 }
}

/// Bytes of the hash table of a node `Hash`; `workers` are those of the node above that gathers.
#[must_use]
pub fn bytes(hash: &Node, workers: f64) -> f64 {
    hash.rows * parts(hash, workers) * (BESIDE_A_ROW + aligned(hash.width) + BUCKET)
}

/// Bytes of the groups of an `Aggregate` that hashes them; those that a condition on groups leaves out are not known.
#[must_use]
pub fn bytes_of_groups(aggregate: &Node) -> f64 {
    aggregate.rows * (BESIDE_A_GROUP + aligned(aggregate.width))
}

fn aligned(width: f64) -> f64 {
    (width / 8.0).ceil() * 8.0
}
