//! All rules.

mod autovacuum_behind;
mod bad_joins;
mod bloat;
mod bulk_in_transactions;
mod cache_misses;
mod calls_in_transactions;
mod checkpoints;
mod connections;
mod customization;
mod direct_writes;
mod disk_growth;
mod duplicate_records;
mod hot_rows;
mod idle_in_transaction;
mod integration_failures;
mod large_scans;
mod long_transactions;
mod message_queues;
mod numbers_run_out;
mod peaks;
mod primary_reporting;
mod queues;
mod replication;
mod settings;
mod stale_statistics;
mod temp_spills;
mod unindexed_foreign_keys;
mod unsound_objects;
mod unused_indexes;
mod wraparound;

use super::Rule;

/// In the order of the manual.
pub static RULES: &[&Rule] = &[
    &large_scans::RULE,
    &primary_reporting::RULE,
    &peaks::RULE,
    &direct_writes::RULE,
    &bulk_in_transactions::RULE,
    &calls_in_transactions::RULE,
    &queues::RULE,
    &message_queues::RULE,
    &duplicate_records::RULE,
    &idle_in_transaction::RULE,
    &long_transactions::RULE,
    &hot_rows::RULE,
    &temp_spills::RULE,
    &bad_joins::RULE,
    &cache_misses::RULE,
    &customization::RULE,
    &disk_growth::RULE,
    &numbers_run_out::RULE,
    &wraparound::RULE,
    &autovacuum_behind::RULE,
    &stale_statistics::RULE,
    &bloat::RULE,
    &unindexed_foreign_keys::RULE,
    &unused_indexes::RULE,
    &unsound_objects::RULE,
    &connections::RULE,
    &checkpoints::RULE,
    &replication::RULE,
    &settings::RULE,
    &integration_failures::RULE,
];

#[cfg(test)]
mod tests;
