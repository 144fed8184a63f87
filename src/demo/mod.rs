//! `erpscope demo`: a throw-away PostgreSQL with a made-up distributor's ERP under load.

pub mod cluster;
