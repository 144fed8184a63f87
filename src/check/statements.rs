//! Whether statements can be seen: pg_stat_statements, how full it is, and what it counts. Pure.

use super::assess::{Usage, finding};
use super::mend::{self, RESTART, connect_to};
use super::report::{Finding, Status};
use crate::config::Server;
use crate::pg::{Capabilities, StatStatementsMissing};

/// What is to be said of it and of its settings.
pub(super) fn statements(server: &Server, found: &Capabilities, usage: &Usage) -> Vec<Finding> {
    const NAME: &str = "pg_stat_statements";
    const WHY: &str = "No statement can be seen: neither its time nor its I/O.";
    let missing = |mend: Vec<String>, error: &StatStatementsMissing| {
        vec![finding(NAME, true, error.to_string()).but(Status::Missing, WHY, mend)]
    };
    let extension = match &found.statements {
        Ok(extension) => extension,
        Err(error @ StatStatementsMissing::NotInstalled) => {
            let package = found.version_num / 10_000;
            return missing(
                vec![format!(
                    "apt install postgresql-contrib-{package}   # or your system's contrib package"
                )],
                error,
            );
        }
        Err(error @ StatStatementsMissing::NotPreloaded) => {
            let Some(libraries) = found.settings.get("shared_preload_libraries") else {
                let mend = "-- which libraries must stay loaded is hidden from the role: mend \
                            pg_monitor, then run `erpscope check` again";
                return missing(vec![mend.to_owned()], error);
            };
            let all =
                if libraries.is_empty() { NAME.to_owned() } else { format!("{libraries}, {NAME}") };
            return missing(
                vec![
                    format!("alter system set shared_preload_libraries = {};", mend::list(&all)),
                    RESTART.to_owned(),
                    format!(
                        "create extension if not exists {NAME};   -- in database {:?}",
                        server.dbname
                    ),
                ],
                error,
            );
        }
        Err(error @ StatStatementsMissing::NotCreated(datname)) => {
            return missing(vec![connect_to(datname), format!("create extension {NAME};")], error);
        }
        Err(error @ StatStatementsMissing::Unreadable { datname, schema, .. }) => {
            return missing(mend::grants(server, datname, schema, false), error);
        }
    };
    let seen = format!("version {} in database {:?}", extension.extversion, extension.datname);
    let grants = || mend::grants(server, &extension.datname, &extension.schema, extension.has_info);
    let mut findings =
        vec![match &usage.unreadable {
            Some(error) => finding(NAME, true, format!("{seen} cannot be read: {error}")).but(
                Status::Missing,
                WHY,
                grants(),
            ),
            None if usage.texts_hidden => finding(NAME, true, format!("{seen}, without texts"))
                .but(Status::Degraded, "Statements show as numbers only.", grants()),
            None if !extension.columns.contains("wal_bytes") => finding(NAME, true, seen).but(
                Status::Degraded,
                "It is older than the server: planning time and WAL are not counted.",
                [connect_to(&extension.datname), format!("alter extension {NAME} update;")],
            ),
            None => finding(NAME, true, seen),
        }];
    findings.extend(capacity(found, usage));
    findings.push(tracked(found));
    findings.extend(query_ids(found));
    findings
}

fn capacity(found: &Capabilities, usage: &Usage) -> Option<Finding> {
    let (max, entries) = (found.settings.number("pg_stat_statements.max")?, usage.entries?);
    let dealloc = usage.dealloc.unwrap_or(0);
    let seen = format!("{entries} of {max} entries, {dealloc} times thrown out");
    let finding = finding("pg_stat_statements.max", false, seen);
    if dealloc == 0 && entries * 10 < max * 9 {
        return Some(finding);
    }
    let mend = [
        format!("alter system set pg_stat_statements.max = {};", max.saturating_mul(2)),
        RESTART.to_owned(),
    ];
    Some(finding.but(
        Status::Degraded,
        "When it is full the least used entries are thrown out, and their counts are lost.",
        mend,
    ))
}

fn tracked(found: &Capabilities) -> Finding {
    let track = found.settings.get("pg_stat_statements.track").unwrap_or("unknown");
    let finding = finding("pg_stat_statements.track", true, track);
    if track != "none" {
        return finding;
    }
    let mend = [
        "alter system set pg_stat_statements.track = 'top';".to_owned(),
        "select pg_reload_conf();".to_owned(),
    ];
    finding.but(Status::Missing, "Nothing is counted.", mend)
}

/// PostgreSQL 14 and later.
fn query_ids(found: &Capabilities) -> Option<Finding> {
    let value = found.settings.get("compute_query_id")?;
    let finding = finding("compute_query_id", true, value);
    if value != "off" {
        return Some(finding);
    }
    let mend = [
        "alter system set compute_query_id = 'auto';".to_owned(),
        "select pg_reload_conf();".to_owned(),
    ];
    Some(finding.but(Status::Missing, "Without query ids pg_stat_statements counts nothing.", mend))
}
