//! What is hidden from the role in the databases of ERPs.

use super::report::Finding;
use super::{keys, sequences};
use crate::config::Server;
use crate::erp::Profiles;
use crate::pg::Session;
use crate::recognise::{Found, Recognised};

/// Databases of ERPs that are looked into besides that of the config.
const MOST_DATABASES: usize = 20;

/// Lines for the database of `session` and for each other one of an ERP. What cannot be looked into has a
/// line already, of its ERP.
pub(super) async fn look(
    server: &Server,
    session: &Session,
    recognised: &Recognised,
    profiles: &Profiles,
) -> Vec<Finding> {
    let own = session.datname();
    let erps = recognised.words(profiles);
    let mut findings = Vec::from_iter(sequences::in_database(server, session, own).await);
    findings.extend(keys::in_database(server, session, own, &erps).await);
    let Recognised::ByTables(databases) = recognised else { return findings };
    let of_erps = databases
        .iter()
        .filter(|(datname, found)| datname.as_str() != own && matches!(found, Found::Profile(_)));
    for (datname, _) in of_erps.take(MOST_DATABASES) {
        if let Ok(there) = session.beside(datname).await {
            findings.extend(sequences::in_database(server, &there, datname).await);
            findings.extend(keys::in_database(server, &there, datname, &erps).await);
        }
    }
    findings
}
