//! What is wrong with a config.

use std::fmt;

/// One fault: where, which key, what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// Such as `erpscope.toml:12`, `ERPSCOPE_LISTEN`, `--listen`.
    pub place: String,
    /// Such as `statements.interval`, `server[0].sslmode`.
    pub key: String,
    /// What is wrong and what would be right.
    pub problem: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { place, key, problem } = self;
        if key.is_empty() {
            write!(f, "{place}: {problem}")
        } else {
            write!(f, "{place}: {key}: {problem}")
        }
    }
}

/// Every fault that was found, at least one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigErrors(pub Vec<Fault>);

impl std::error::Error for ConfigErrors {}

impl fmt::Display for ConfigErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let n = self.0.len();
        write!(f, "the config has {n} fault{}:", if n == 1 { "" } else { "s" })?;
        self.0.iter().try_for_each(|fault| write!(f, "\n  {fault}"))
    }
}
