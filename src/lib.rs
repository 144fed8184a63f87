//! erpscope: an observability and performance sidecar for ERP databases on PostgreSQL.

pub mod config;
