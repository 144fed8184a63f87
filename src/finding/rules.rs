//! All rules.

mod bulk_in_transactions;
mod cache_misses;
mod calls_in_transactions;
mod connections;
mod direct_writes;
mod hot_rows;
mod idle_in_transaction;
mod integration_failures;
mod large_scans;
mod long_transactions;
mod primary_reporting;
mod temp_spills;

use super::Rule;

/// In the order of the manual.
pub static RULES: &[&Rule] = &[
    &large_scans::RULE,
    &primary_reporting::RULE,
    &direct_writes::RULE,
    &bulk_in_transactions::RULE,
    &calls_in_transactions::RULE,
    &idle_in_transaction::RULE,
    &long_transactions::RULE,
    &hot_rows::RULE,
    &temp_spills::RULE,
    &cache_misses::RULE,
    &connections::RULE,
    &integration_failures::RULE,
];
