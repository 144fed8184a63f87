//! Whether the server writes the log that the config names. Pure.

use super::assess::finding;
use super::mend::{self, RESTART};
use super::report::{Finding, Status};
use crate::config::Server;
use crate::pg::Capabilities;

const RELOAD: &str = "select pg_reload_conf();";

/// Nothing if the config names no log. log_lock_waits has a finding of its own.
pub(super) fn serverlog(server: &Server, found: &Capabilities) -> Option<Finding> {
    let path = server.log.as_ref()?;
    let shown = |name| found.settings.get(name).unwrap_or("unknown");
    let destination = shown("log_destination");
    let format = if destination.contains("jsonlog") || destination.contains("csvlog") {
        None
    } else if found.version_num < 150_000 || path.extension().is_some_and(|e| e == "csv") {
        Some("csvlog")
    } else {
        Some("jsonlog")
    };
    let mut mends = Vec::new();
    if let Some(format) = format {
        let all = match destination {
            "unknown" | "" => format.to_owned(),
            _ => format!("{destination}, {format}"),
        };
        let sql = format!("alter system set log_destination = {};", mend::list(&all));
        mends.extend([sql, RELOAD.to_owned()]);
    }
    if shown("logging_collector") != "on" {
        let sql = "alter system set logging_collector = on;".to_owned();
        mends.extend([sql, RESTART.to_owned()]);
    }
    if !is_english(shown("lc_messages")) {
        let sql = "alter system set lc_messages = 'C';   -- waits are recognised in English only";
        mends.extend([sql.to_owned(), RELOAD.to_owned()]);
    }
    let seen = format!("{} as {destination}", path.display());
    let finding = finding("log", false, seen);
    if mends.is_empty() {
        return Some(finding);
    }
    let why = "Waits shorter than a sample, deadlocks and failures cannot be read from the log.";
    Some(finding.but(Status::Degraded, why, mends))
}

/// An empty or hidden setting is not held against it.
fn is_english(locale: &str) -> bool {
    locale.starts_with("en")
        || ["", "unknown", "C", "POSIX"].contains(&locale.split('.').next().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::is_english;

    #[test]
    fn english_and_no_language_are_english() {
        for (locale, expected) in [
            ("en_US.UTF-8", true),
            ("C", true),
            ("C.UTF-8", true),
            ("", true),
            ("de_DE.UTF-8", false),
            ("fr_FR", false),
        ] {
            assert_eq!(is_english(locale), expected, "{locale}");
        }
    }
}
