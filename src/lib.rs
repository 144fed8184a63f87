//! erpscope: an observability and performance sidecar for ERP databases on PostgreSQL.
//!
//! The way of the data, which is the reading order of the modules: [`sample`]rs ask, [`track`]ers
//! turn samples into meaning, the [`state`] folds them and publishes snapshots, [`export`] draws
//! pictures of a snapshot, [`serve`] hands them out, and the [`agent`] drives it all.

pub mod config;
pub mod erp;
pub mod integration;
pub mod pg;
pub mod sample;
pub mod serverlog;
pub mod history;
pub mod track;
pub mod state;
pub mod finding;
pub mod export;
pub mod listen;
pub mod trust;
pub mod serve;
pub mod otlp;
pub mod proxy;
pub mod probe;
pub mod broker;
pub mod advise;
pub mod agent;
pub mod recognise;
pub mod check;
pub mod locks;
pub mod demo;
