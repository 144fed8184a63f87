//! The index advisor: which indexes should exist, which should not, what each is worth.

pub mod advisor;
pub mod candidate;
pub mod catalog;
pub mod definition;
pub mod plan;
pub mod plannable;
pub mod select;
pub mod size;
pub mod what_if;
