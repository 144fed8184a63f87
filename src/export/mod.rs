//! Pictures of a snapshot: Prometheus text, JSON, the index page. No I/O; tested without a socket.

pub mod findings;
pub mod json;
pub mod locks;
pub mod metrics;
pub mod page;
pub mod report;
