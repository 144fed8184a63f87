//! Where names without a schema are looked up: as the role has it that runs a statement, not as the agent's has it.
//!
//! pg_stat_statements knows the role of each statement, and the catalog what is set for the role. What a session has set for
//! itself nobody can see from outside.

mod apart;
mod names;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use tokio_postgres::types::Type;
use tokio_postgres::{Client, Error};

pub use self::apart::{Work, tell_apart};
use self::names::names;
use super::definition::quote;
use super::workload::{Workload, exec_time};
use crate::pg::{Session, StatStatements, quoted, reason};

/// The schemas of one role, as SQL, in the order in which it looks into them; a role that may use none of its own has no path.
pub type SearchPath = Arc<str>;

/// What the schema of a role's own name is called in a path.
const OWN: &str = "$user";

/// What each role has run in a database. `session` is where the extension is.
pub async fn work(
    session: &Session,
    found: &StatStatements,
    datname: &str,
) -> Result<Vec<Work>, Error> {
    let sql = include_str!("work.sql")
        .replace("{schema}", &quoted(&found.schema))
        .replace("{exec_time}", exec_time(found));
    let rows = session.client().query_typed(&sql, &[(&datname, Type::TEXT)]).await?;
    let of = |row: &tokio_postgres::Row| {
        Ok(Work {
            role: row.try_get(0)?,
            queryid: row.try_get(1)?,
            calls: row.try_get(2)?,
            seconds: row.try_get(3)?,
            rows: row.try_get(4)?,
            temp_blocks: row.try_get(5)?,
        })
    };
    rows.iter().map(of).collect()
}

/// Gives each statement of a workload the path of the role that runs it; one that several run with different paths
/// becomes several. Returns what the reader should know. `asking` is in the database; `planning`, too, with the server's own settings.
pub async fn follow_roles(
    workload: &mut Workload,
    work: &[Work],
    asking: &Client,
    planning: &Client,
) -> Option<String> {
    match paths(work, asking, planning).await {
        Ok(paths) => match tell_apart(workload, work, &paths) {
            0 => None,
            left_over => Some(format!(
                "{left_over} statement(s) are run with more search paths than are told apart: what is run with the others is \
                 looked up as the agent's role does"
            )),
        },
        Err(error) => Some(unknown(&reason(&error))),
    }
}

/// What the reader should know where nothing is known of the roles.
pub(super) fn unknown(why: &str) -> String {
    format!(
        "where roles look names up is not known, so the agent's own search_path is taken: {why}"
    )
}

/// The path of each role that has run something.
async fn paths(
    work: &[Work],
    asking: &Client,
    planning: &Client,
) -> Result<BTreeMap<u32, SearchPath>, Error> {
    let roles: BTreeSet<u32> = work.iter().map(|work| work.role).collect();
    let roles: Vec<u32> = roles.into_iter().collect();
    let of_server: String =
        planning.query_typed_one(include_str!("server.sql"), &[]).await?.try_get(0)?;
    let settings = include_str!("settings.sql");
    let mut wanted: Vec<(u32, String)> = Vec::new();
    for row in asking.query_typed(settings, &[(&roles, Type::OID_ARRAY)]).await? {
        let (role, rolname): (u32, String) = (row.try_get(0)?, row.try_get(1)?);
        let own: Option<String> = row.try_get(2)?;
        for name in names(own.as_deref().unwrap_or(&of_server)) {
            wanted.push((role, if name == OWN { rolname.clone() } else { name }));
        }
    }
    let (of_roles, schemas): (Vec<u32>, Vec<&str>) =
        wanted.iter().map(|(role, schema)| (*role, schema.as_str())).unzip();
    let parameters: [(&(dyn tokio_postgres::types::ToSql + Sync), Type); 2] =
        [(&of_roles, Type::OID_ARRAY), (&schemas, Type::TEXT_ARRAY)];
    let mut usable: BTreeSet<(u32, String)> = BTreeSet::new();
    for row in asking.query_typed(include_str!("usable.sql"), &parameters).await? {
        usable.insert((row.try_get(0)?, row.try_get(1)?));
    }
    let mut paths: BTreeMap<u32, Vec<String>> = BTreeMap::new();
    for (role, schema) in wanted.into_iter().filter(|wanted| usable.contains(wanted)) {
        paths.entry(role).or_default().push(quote(&schema));
    }
    Ok(paths.into_iter().map(|(role, schemas)| (role, schemas.join(", ").into())).collect())
}
