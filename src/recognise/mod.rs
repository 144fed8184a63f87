//! Which ERP is in which database of a server: the profile that the config chooses, else the one
//! whose telling tables are there.

mod rounds;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

pub use self::rounds::Rounds;
use crate::config::Server;
use crate::erp::{Erp, Erps, Profile, Profiles};
use crate::pg::{self, ConnectError, Lossy, Session};

/// Databases that are looked into in one turn: one more connection each, one at a time. What many cost
/// is bounded by the time for all.
const MOST_DATABASES: usize = 60;
/// For all databases of a turn together.
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
    recognise_in_turn(server, session, profiles, &mut Rounds::default()).await
}

/// As [`recognise`], going on where the turns before have ended: of a server with many databases some are
/// looked into at a time.
pub async fn recognise_in_turn(
    server: &Server,
    session: &Session,
    profiles: &Profiles,
    rounds: &mut Rounds,
) -> Erps {
    let recognised = look_in_turn(server, session, profiles, rounds).await;
    tell(server, &recognised);
    recognised.words(profiles)
}

/// Finds out which profile fits which database, in one turn.
pub async fn look(server: &Server, session: &Session, profiles: &Profiles) -> Recognised {
    look_in_turn(server, session, profiles, &mut Rounds::default()).await
}

/// Finds out which profile fits which database, with what is known from the turns before.
pub async fn look_in_turn(
    server: &Server,
    session: &Session,
    profiles: &Profiles,
    rounds: &mut Rounds,
) -> Recognised {
    if let Some(profile) = server.erp.as_ref().and_then(|name| profiles.get(name)) {
        return Recognised::Chosen(Arc::clone(profile));
    }
    // What was found until patience ends is kept.
    let mut listed = Vec::new();
    let looking = look_into_some(server, session, profiles, &mut listed, rounds);
    let unseen = match tokio::time::timeout(PATIENCE, looking).await {
        Ok(Ok(())) => format!("{MOST_DATABASES} are looked into at a time; the agent comes to all"),
        Ok(Err(reason)) => reason,
        Err(_) => {
            format!("looking into all took over {PATIENCE:?}; the agent comes to all")
        }
    };
    match (listed.is_empty(), rounds.known()) {
        (true, known) if known.is_empty() => Recognised::Unlisted(unseen),
        // They cannot be listed this time.
        (true, known) => Recognised::ByTables(known),
        (false, _) => Recognised::ByTables(rounds.end(listed, &unseen)),
    }
}

/// Lists all, and looks into those that are due. The error is why it stopped before the end.
async fn look_into_some(
    server: &Server,
    session: &Session,
    profiles: &Profiles,
    listed: &mut Vec<String>,
    rounds: &mut Rounds,
) -> Result<(), String> {
    let all = databases(session).await.map_err(|error| pg::reason(&error))?;
    *listed = all.iter().map(|(datname, _)| datname.clone()).collect();
    let mut looked_into = 0;
    for (datname, may_connect) in rounds.begin(all) {
        let here = if !may_connect && datname != session.datname() {
            Found::Unseen(format!("the role {:?} may not connect to it", server.user))
        } else if looked_into == MOST_DATABASES {
            // Of those that may not be entered it is known for nothing.
            continue;
        } else {
            looked_into += 1;
            match look_into(session, &datname, profiles).await {
                Ok(Ok(here)) => here,
                // That stays so until somebody grants it.
                Err(error @ ConnectError::NoPrivilege { .. }) => Found::Unseen(error.to_string()),
                Ok(Err(reason)) => {
                    rounds.failed(&datname, reason);
                    continue;
                }
                Err(error) if says_nothing_of_others(&error) => {
                    rounds.failed(&datname, error.to_string());
                    continue;
                }
                Err(error) => return Err(error.to_string()),
            }
        };
        rounds.found(&datname, here);
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

/// What is in a database, or why its tables could not be read; the error is why it could not be entered.
async fn look_into(
    session: &Session,
    datname: &str,
    profiles: &Profiles,
) -> Result<Result<Found, String>, ConnectError> {
    let other =
        if datname == session.datname() { None } else { Some(session.beside(datname).await?) };
    let session = other.as_ref().unwrap_or(session);
    Ok(match tables(session, profiles).await {
        Ok(tables) => {
            let tables = tables.iter().map(String::as_str).collect();
            Ok(profiles.recognise(&tables).cloned().map_or(Found::Nothing, Found::Profile))
        }
        Err(error) => Err(pg::reason(&error)),
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
