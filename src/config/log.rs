//! `[log]`: what is written to standard error, and how.

use super::reader::{Faults, Table};

/// `[log]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Log {
    /// `level`: a `tracing` filter such as `info` or `erpscope=debug` (default `info`).
    pub level: String,
    /// `format`: `text` (default) or `json`.
    pub format: LogFormat,
}

/// How a log line is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

/// Reads it.
pub(super) fn read(table: &Table, faults: &mut Faults) -> Option<Log> {
    let level = table.text("level", faults).filter(|level| is_filter(level, table, faults));
    let format = table.text("format", faults);
    let format = if format? == "json" { LogFormat::Json } else { LogFormat::Text };
    Some(Log { level: level?, format })
}

fn is_filter(level: &str, table: &Table, faults: &mut Faults) -> bool {
    const LEVELS: [&str; 6] = ["off", "error", "warn", "info", "debug", "trace"];
    // A bare word would be taken for the name of a module, and nothing be logged.
    let valid = LEVELS.contains(&level)
        || level.contains('=') && tracing_subscriber::EnvFilter::builder().parse(level).is_ok();
    if !valid {
        let place = table.given("level").map_or("the default", |given| &given.place);
        let problem = format!(
            "{level:?} is no level (error, warn, info, debug, trace) and no filter such as erpscope=debug"
        );
        faults.add(place, table.key("level"), problem);
    }
    valid
}
