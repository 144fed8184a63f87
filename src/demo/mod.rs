//! `erpscope demo`: a throw-away PostgreSQL with a made-up distributor's ERP under load, watched
//! by the agent. What is wrong in it on purpose is listed in docs/demo.md.

mod apply;
mod around;
pub mod cluster;
mod events;
mod fault;
mod load;
mod run;
mod stage;
mod summary;
mod worker;

pub use around::Around;
pub use fault::{Fault, Faults, UnknownFault};
pub use load::{Load, Tally};
pub use run::{DemoOptions, run};
pub use stage::{DATNAME, DemoError, Sizes, Stage, StageOptions};
