//! Sequences whose numbers the role may not look at, and what mends that.

use super::assess::finding;
use super::mend::{connect_to, quoted};
use super::report::{Finding, Status};
use crate::config::Server;
use crate::pg::{Lossy, Session};
use crate::recognise::{Found, Recognised};

/// Databases of ERPs that are looked into besides that of the config.
const MOST_DATABASES: usize = 20;

/// The sequences of one schema.
struct Schema {
    name: String,
    sequences: i64,
    hidden: i64,
}

/// A line for the database of `session` and for each other one of an ERP that has sequences. What
/// cannot be looked into has a line already, of its ERP.
pub(super) async fn look(
    server: &Server,
    session: &Session,
    recognised: &Recognised,
) -> Vec<Finding> {
    let own = session.datname();
    let mut findings = Vec::from_iter(in_database(server, session, own).await);
    let Recognised::ByTables(databases) = recognised else { return findings };
    let of_erps = databases
        .iter()
        .filter(|(datname, found)| datname.as_str() != own && matches!(found, Found::Profile(_)));
    for (datname, _) in of_erps.take(MOST_DATABASES) {
        if let Ok(there) = session.beside(datname).await {
            findings.extend(in_database(server, &there, datname).await);
        }
    }
    findings
}

async fn in_database(server: &Server, session: &Session, datname: &str) -> Option<Finding> {
    let rows = session.client().query(include_str!("sequences.sql"), &[]).await.ok()?;
    let schema = |row: &tokio_postgres::Row| {
        let Lossy(name) = row.try_get(0).ok()?;
        Some(Schema { name, sequences: row.try_get(1).ok()?, hidden: row.try_get(2).ok()? })
    };
    let schemas: Vec<Schema> = rows.iter().map(schema).collect::<Option<_>>()?;
    assess(server, datname, &schemas)
}

fn assess(server: &Server, datname: &str, schemas: &[Schema]) -> Option<Finding> {
    let all: i64 = schemas.iter().map(|schema| schema.sequences).sum();
    let hidden: i64 = schemas.iter().map(|schema| schema.hidden).sum();
    if all == 0 {
        return None;
    }
    let role = quoted(&server.user);
    let finding = |seen: String| finding("sequences", false, seen);
    if hidden == 0 {
        return Some(finding(format!("{all} in database {datname:?}")));
    }
    let mut mend = vec![connect_to(datname)];
    for schema in schemas.iter().filter(|schema| schema.hidden > 0) {
        let schema = quoted(&schema.name);
        mend.push(format!("grant select on all sequences in schema {schema} to {role};"));
        mend.push(format!(
            "alter default privileges in schema {schema} grant select on sequences to {role};   \
             -- as the role that creates them, for those to come"
        ));
    }
    Some(finding(format!("{hidden} of {all} in database {datname:?} are hidden")).but(
        Status::Degraded,
        "How many of its numbers a sequence has left cannot be told, nor the day when inserts will fail.",
        mend,
    ))
}
