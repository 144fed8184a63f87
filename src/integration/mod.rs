//! Integrations: the external systems that push to or pull from the ERP, declared in the config,
//! and what is known of their calls. Pure: no I/O, no clock.

mod call;
pub mod comment;
mod declared;
pub mod meter;
mod operation;
mod outlet;
mod recognise;
mod trace;

pub use call::{Call, DatabaseSpan, Direction, Fault, Source, Told};
pub use declared::{Integration, Integrations, Kind, Mode, Objective, Oddity, Rules};
pub use operation::{declared, folded, template};
pub use outlet::{CallQueue, Outlet, Place, outlet};
pub use recognise::{SessionFacts, Tag};
pub use trace::{SpanId, TraceId, Traceparent};
