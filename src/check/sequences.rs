//! Sequences whose numbers the role may not look at, and what mends that.

use super::assess::finding;
use super::mend::connect_to;
use super::report::{Finding, Status};
use crate::config::Server;
use crate::pg::{Lossy, Session, quoted};

/// The sequences of one schema.
struct Schema {
    name: String,
    sequences: i64,
    hidden: i64,
}

/// A line for a database, if it has sequences.
pub(super) async fn in_database(
    server: &Server,
    session: &Session,
    datname: &str,
) -> Option<Finding> {
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
