//! Everything that needs a real PostgreSQL, in one binary. Each test has a server of its own.

#[cfg(test)]
mod activity_faults;
#[cfg(test)]
mod activity_sight;
#[cfg(test)]
mod advise_answers;
#[cfg(test)]
mod advise_applied;
#[cfg(test)]
mod advise_cancelled;
#[cfg(test)]
mod advise_cases;
#[cfg(test)]
mod advise_casts;
#[cfg(test)]
mod advise_command;
#[cfg(test)]
mod advise_existing;
#[cfg(test)]
mod advise_faults;
#[cfg(test)]
mod advise_joins;
#[cfg(test)]
mod advise_kinds;
#[cfg(test)]
mod advise_partitions;
#[cfg(test)]
mod advise_search_path;
#[cfg(test)]
mod advise_secrets;
#[cfg(test)]
mod at_size;
#[cfg(test)]
mod brokers;
#[cfg(test)]
mod check;
#[cfg(test)]
mod clients;
#[cfg(test)]
mod cluster;
#[cfg(test)]
mod command;
#[cfg(test)]
mod connect;
#[cfg(test)]
mod dashboards;
#[cfg(test)]
mod demo;
#[cfg(test)]
mod demo_findings;
#[cfg(test)]
mod duplicates;
#[cfg(test)]
mod faults;
#[cfg(test)]
mod findings;
#[cfg(test)]
mod growth_scenes;
#[cfg(test)]
mod history;
#[cfg(test)]
mod house;
#[cfg(test)]
mod integrations;
#[cfg(test)]
mod ledger;
#[cfg(test)]
mod ledger_partitions;
#[cfg(test)]
mod lock_scenes;
#[cfg(test)]
mod lock_waits;
#[cfg(test)]
mod locks;
#[cfg(test)]
mod network;
#[cfg(test)]
mod otlp;
#[cfg(test)]
mod probe;
#[cfg(test)]
mod profiles;
#[cfg(test)]
mod proxy;
#[cfg(test)]
mod proxy_abuse;
#[cfg(test)]
mod proxy_tunnels;
#[cfg(test)]
mod queues;
#[cfg(test)]
mod real_broker;
#[cfg(test)]
mod real_clients;
#[cfg(test)]
mod resets;
#[cfg(test)]
mod rig;
#[cfg(test)]
mod rule_scenes;
#[cfg(test)]
mod rules;
#[cfg(test)]
mod sample;
#[cfg(test)]
mod serverlog;
#[cfg(test)]
mod shape;
#[cfg(test)]
mod standby;
#[cfg(test)]
mod statements;
#[cfg(test)]
mod transaction_scenes;
#[cfg(test)]
mod transactions;
#[cfg(test)]
mod two_erps;
#[cfg(test)]
mod upkeep;
#[cfg(test)]
mod upkeep_faults;
