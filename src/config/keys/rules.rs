//! Keys of each rule of findings: whether it looks, and what it calls too much.

mod integrations;
mod peaks;
mod queues;
mod server;
mod statements;
mod tables;
mod transactions;

use super::{Key, Section, Shape, Times, key, milliseconds};

const ENABLED: Key = key("enabled", Shape::Switch, "true", "Whether this rule looks.");
const MANY: Shape = Shape::Count { min: 1, max: 1 << 40 };
const A_DAY: Shape = milliseconds(0, 86_400_000);

const fn rule(name: &'static str, help: &'static str, keys: &'static [Key]) -> Section {
    Section { name, times: Times::Once, help, keys }
}

/// One table for each rule, in the order of the example file.
pub(in crate::config) const RULES: &[&Section] = &[
    &statements::LARGE_SCANS,
    &statements::PRIMARY_REPORTING,
    &integrations::DIRECT_WRITES,
    &transactions::BULK_IN_TRANSACTIONS,
    &integrations::CALLS_IN_TRANSACTIONS,
    &transactions::IDLE_IN_TRANSACTION,
    &queues::QUEUES,
    &queues::MESSAGE_QUEUES,
    &tables::DUPLICATE_RECORDS,
    &transactions::LONG_TRANSACTIONS,
    &transactions::HOT_ROWS,
    &statements::TEMP_SPILLS,
    &statements::BAD_JOINS,
    &statements::CACHE_MISSES,
    &server::CONNECTIONS,
    &integrations::INTEGRATION_FAILURES,
    &peaks::PEAKS,
    &statements::CUSTOMIZATION,
    &server::DISK_GROWTH,
    &tables::NUMBERS_RUN_OUT,
    &server::WRAPAROUND,
    &tables::AUTOVACUUM_BEHIND,
    &tables::STALE_STATISTICS,
    &tables::BLOAT,
    &tables::UNINDEXED_FOREIGN_KEYS,
    &tables::UNUSED_INDEXES,
    &tables::UNSOUND_OBJECTS,
    &server::CHECKPOINTS,
    &server::REPLICATION,
    &server::SETTINGS,
];
