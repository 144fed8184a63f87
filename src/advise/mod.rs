//! The index advisor: which indexes should exist, which should not, what each is worth.

pub mod advice;
pub mod advisor;
pub mod candidate;
pub mod catalog;
pub mod command;
pub mod constants;
pub mod database;
mod ddl;
pub mod definition;
pub mod existing;
pub mod gate;
pub mod joins;
pub mod ledger;
pub mod plan;
pub mod plannable;
mod reason;
pub mod select;
mod show;
pub mod size;
pub mod source;
pub mod suggestion;
mod tidy;
pub mod understood;
pub mod upkeep;
pub mod visits;
pub mod what_if;
pub mod workload;
