//! `erpscope check` and `erpscope setup`: what is missing for full sight, and what mends it.

mod assess;
mod databases;
mod erp;
mod keys;
mod mend;
mod report;
mod sequences;
mod serverlog;
mod setup;
mod statements;

use std::time::Duration;

use crate::config::Server;
use crate::erp::Profiles;
use crate::pg::{self, Capabilities, Session, StatStatements};
use crate::recognise;

use assess::{Usage, assess, assess_connection, assess_probe};
pub use report::{Finding, Report, Status};
pub use setup::{Target, setup_sql};

/// How long all questions to one server may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// Finds out what is missing on one server. Whatever goes wrong becomes part of the report.
pub async fn check(server: &Server, profiles: &Profiles) -> Report {
    let findings = match tokio::time::timeout(PATIENCE, ask(server, profiles)).await {
        Ok(findings) => findings,
        Err(_) => vec![assess::too_slow(PATIENCE)],
    };
    Report { server: server.name.clone(), findings }
}

async fn ask(server: &Server, profiles: &Profiles) -> Vec<Finding> {
    let session = match pg::connect(server, &server.dbname).await {
        Ok(session) => session,
        Err(error) => return vec![assess_connection(server, Err(&error))],
    };
    let mut findings = vec![assess_connection(server, Ok(()))];
    match pg::probe(server, &session).await {
        Ok(found) => {
            let usage = usage(server, &session, &found).await;
            findings.extend(assess(server, &found, &usage));
        }
        Err(error) => findings.push(assess_probe(&error)),
    }
    let recognised = recognise::look(server, &session, profiles).await;
    findings.extend(erp::assess_erps(&recognised, profiles));
    findings.extend(databases::look(server, &session, &recognised, profiles).await);
    findings
}

/// How full connections and pg_stat_statements are; what cannot be read is left out.
async fn usage(server: &Server, session: &Session, found: &Capabilities) -> Usage {
    let mut usage = Usage::default();
    if let Ok(row) = session.client().query_one(include_str!("slots.sql"), &[]).await {
        usage.connections = row.try_get(0).ok();
    }
    let Ok(extension) = &found.statements else {
        return usage;
    };
    let other = if extension.datname == session.datname() {
        None
    } else {
        pg::connect(server, &extension.datname).await.ok()
    };
    let session = other.as_ref().unwrap_or(session);
    if let Err(error) = read_as_the_agent_does(session, extension, &mut usage).await {
        usage.unreadable = Some(pg::reason(&error));
    }
    usage
}

/// Texts are not read, which costs too much: only whether they may be.
async fn read_as_the_agent_does(
    session: &Session,
    extension: &StatStatements,
    usage: &mut Usage,
) -> Result<(), tokio_postgres::Error> {
    let client = session.client();
    let name = format!("\"{}\".pg_stat_statements", extension.schema.replace('"', "\"\""));
    let entries = format!("select count(*) from {name}(false)");
    usage.entries = client.query_one(&entries, &[]).await?.try_get(0)?;
    if extension.has_info {
        let dealloc = format!("select dealloc from {name}_info()");
        usage.dealloc = client.query_one(&dealloc, &[]).await?.try_get(0)?;
    }
    let may_read = "select has_table_privilege($1::text, 'select')";
    usage.texts_hidden = !client.query_one(may_read, &[&name]).await?.try_get::<_, bool>(0)?;
    Ok(())
}
