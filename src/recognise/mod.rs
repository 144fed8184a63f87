//! Which ERP is in which database of a server: the profile that the config chooses, else the one
//! whose telling tables are there.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use crate::config::Server;
use crate::erp::{Erp, Erps, Profile, Profiles};
use crate::pg::{self, ConnectError, Lossy, Session};

/// Databases that are looked into: one more connection each, one at a time, once an hour. What
/// many cost is bounded by the time for all.
const MOST_DATABASES: usize = 60;
/// For all databases together.
const PATIENCE: Duration = Duration::from_secs(10);

/// What was found in one database.
#[derive(Clone, Debug, PartialEq)]
pub enum Found {
    /// The tables that tell this ERP are there.
    Profile(Arc<Profile>),
    /// No profile's telling tables are there.
    Nothing,
    /// It was not looked into; why.
    Unseen(String),
}

/// The profiles of one server's databases.
#[derive(Clone, Debug, PartialEq)]
pub enum Recognised {
    /// The config chooses one for all databases: `erp` of its `[[server]]`.
    Chosen(Arc<Profile>),
    /// By the tables of each, the busiest database first.
    ByTables(Vec<(String, Found)>),
    /// The databases cannot be listed; why.
    Unlisted(String),
}

impl Recognised {
    /// The words for each database; those of `generic` where no profile is known.
    #[must_use]
    pub fn words(&self, profiles: &Profiles) -> Erps {
        match self {
            Self::Chosen(profile) => Erps::new(BTreeMap::new(), profiles.words(Some(profile))),
            Self::Unlisted(_) => Erps::new(BTreeMap::new(), profiles.words(None)),
            Self::ByTables(databases) => {
                let own = |(datname, found): &(String, Found)| match found {
                    Found::Profile(profile) => {
                        Some((datname.clone(), profiles.words(Some(profile))))
                    }
                    Found::Nothing | Found::Unseen(_) => None,
                };
                let by_datname: BTreeMap<String, Erp> = databases.iter().filter_map(own).collect();
                Erps::new(by_datname, profiles.words(None))
            }
        }
    }
}

/// The words for each database of a server, found out over `session` and, for each of its other
/// databases, one short connection. What cannot be looked into has the words of `generic`.
pub async fn recognise(server: &Server, session: &Session, profiles: &Profiles) -> Erps {
    let recognised = look(server, session, profiles).await;
    tell(server, &recognised);
    recognised.words(profiles)
}

/// Finds out which profile fits which database.
pub async fn look(server: &Server, session: &Session, profiles: &Profiles) -> Recognised {
    if let Some(profile) = server.erp.as_ref().and_then(|name| profiles.get(name)) {
        return Recognised::Chosen(Arc::clone(profile));
    }
    // What was found until patience ends is kept.
    let mut listed = Vec::new();
    let mut found = Vec::new();
    let looking = look_into_all(server, session, profiles, &mut listed, &mut found);
    let unseen = match tokio::time::timeout(PATIENCE, looking).await {
        Ok(Ok(())) => format!("only {MOST_DATABASES} databases are looked into"),
        Ok(Err(reason)) => reason,
        Err(_) => format!("looking into all databases took over {PATIENCE:?}"),
    };
    if listed.is_empty() {
        return Recognised::Unlisted(unseen);
    }
    let rest = listed.into_iter().skip(found.len());
    found.extend(rest.map(|(datname, _)| (datname, Found::Unseen(unseen.clone()))));
    Recognised::ByTables(found)
}

/// Fills both lists in the same order. The error is why it stopped before the end.
async fn look_into_all(
    server: &Server,
    session: &Session,
    profiles: &Profiles,
    listed: &mut Vec<(String, bool)>,
    found: &mut Vec<(String, Found)>,
) -> Result<(), String> {
    *listed = databases(session).await.map_err(|error| pg::reason(&error))?;
    let mut looked_into = 0;
    for (datname, may_connect) in listed.iter() {
        let here = if !*may_connect && datname != session.datname() {
            Found::Unseen(format!("the role {:?} may not connect to it", server.user))
        } else if looked_into == MOST_DATABASES {
            return Ok(());
        } else {
            looked_into += 1;
            match look_into(session, datname, profiles).await {
                Ok(here) => here,
                Err(error) if says_nothing_of_others(&error) => Found::Unseen(error.to_string()),
                Err(error) => return Err(error.to_string()),
            }
        };
        found.push((datname.clone(), here));
    }
    Ok(())
}

/// Whether only this database cannot be entered. Where the server or our role has no slot left,
/// the ERP needs the next one more than we do.
fn says_nothing_of_others(error: &ConnectError) -> bool {
    match error {
        ConnectError::NoSlot { message, .. } => message.contains("for database"),
        _ => true,
    }
}

/// Names, and whether our role may connect.
async fn databases(session: &Session) -> Result<Vec<(String, bool)>, tokio_postgres::Error> {
    let rows = session.client().query(include_str!("databases.sql"), &[]).await?;
    rows.iter()
        .map(|row| {
            let Lossy(datname) = row.try_get(0)?;
            Ok((datname, row.try_get(1)?))
        })
        .collect()
}

async fn look_into(
    session: &Session,
    datname: &str,
    profiles: &Profiles,
) -> Result<Found, ConnectError> {
    let other =
        if datname == session.datname() { None } else { Some(session.beside(datname).await?) };
    let session = other.as_ref().unwrap_or(session);
    Ok(match tables(session, profiles).await {
        Ok(tables) => {
            let tables = tables.iter().map(String::as_str).collect();
            profiles.recognise(&tables).cloned().map_or(Found::Nothing, Found::Profile)
        }
        Err(error) => Found::Unseen(pg::reason(&error)),
    })
}

/// Those of the telling tables that are in the session's database.
async fn tables(
    session: &Session,
    profiles: &Profiles,
) -> Result<Vec<String>, tokio_postgres::Error> {
    let telling: Vec<&str> = profiles.telling_tables().into_iter().collect();
    let rows = session.client().query(include_str!("telling_tables.sql"), &[&telling]).await?;
    rows.iter().map(|row| row.try_get(0)).collect()
}

/// One line for all that was not seen, and one for what was.
fn tell(server: &Server, recognised: &Recognised) {
    let name = server.name.as_str();
    match recognised {
        Recognised::Chosen(_) => {}
        Recognised::Unlisted(reason) => {
            tracing::debug!(server = name, "no ERP can be recognised: {reason}");
        }
        Recognised::ByTables(databases) => {
            let (mut known, mut unseen) = (Vec::new(), Vec::new());
            for (datname, found) in databases {
                match found {
                    Found::Profile(profile) => {
                        known.push(format!("{datname:?} is {}", profile.name()));
                    }
                    Found::Nothing => {}
                    Found::Unseen(reason) => unseen.push(format!("{datname:?}: {reason}")),
                }
            }
            if !known.is_empty() {
                tracing::debug!(server = name, "recognised ERPs: {}", known.join(", "));
            }
            if !unseen.is_empty() {
                tracing::debug!(
                    server = name,
                    "databases that were not looked into keep generic words: {}",
                    unseen.join("; ")
                );
            }
        }
    }
}
