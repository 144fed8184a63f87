//! What sessions do now, what they wait for, and who blocks whom.

mod session;

use std::collections::{BTreeSet, HashSet};
use std::time::SystemTime;

use tokio_postgres::{Client, Row, Statement as Prepared};

pub use self::session::{Backend, Session, State};
use super::{SampleError, normalise};
use crate::integration::comment;
use crate::pg::Lossy;

/// Characters of a statement that are kept.
const TEXT: usize = 1_000;

/// A session that waits for a lock.
#[derive(Clone, Debug, PartialEq)]
pub struct Wait {
    /// Its process.
    pub pid: i32,
    /// For whom, each once; 0 stands for a prepared transaction.
    pub blockers: Vec<i32>,
    /// `relation`, `transactionid`, `tuple`, `advisory`, ...
    pub locktype: String,
    /// The mode it wants, such as `ShareLock`.
    pub mode: String,
    /// `pg_database.oid` and `pg_class.oid` of the relation, if it is about one.
    pub relation: Option<(u32, u32)>,
    /// When the wait began (PostgreSQL 14 and later; absent for its first instant).
    pub since: Option<SystemTime>,
}

/// A prepared transaction, which holds its locks with no session.
#[derive(Clone, Debug, PartialEq)]
pub struct Transaction {
    /// The name it was prepared under.
    pub gid: String,
    /// When.
    pub prepared: SystemTime,
    /// Its owner.
    pub owner: String,
    /// Its database.
    pub datname: String,
}

/// Everything at about one moment.
#[derive(Clone, Debug, PartialEq)]
pub struct Sample {
    /// The server's clock.
    pub now: SystemTime,
    /// Sessions that are not idle, and those asked for. Not our own.
    pub sessions: Vec<Session>,
    /// Idle sessions are there, too.
    pub all: bool,
    /// Who waits for a lock, and for whom; `None` if somebody waits and it was not looked.
    pub waits: Option<Vec<Wait>>,
    /// Prepared transactions that somebody waits for, the oldest first.
    pub prepared: Vec<Transaction>,
}

impl Sample {
    /// Everyone who waits for a lock or is waited for, as far as was looked, each once.
    #[must_use]
    pub fn in_waits(&self) -> BTreeSet<i32> {
        let waits = self.waits.iter().flatten();
        let pids = waits.flat_map(|wait| wait.blockers.iter().copied().chain([wait.pid]));
        pids.filter(|pid| *pid != 0).collect()
    }
}

/// What to ask besides.
#[derive(Clone, Debug)]
pub struct Question {
    /// Texts of statements that began after this moment of the server's clock.
    pub since: SystemTime,
    /// Sessions wanted even when they are idle: who waited or was waited for at the last look.
    pub also: Vec<i32>,
    /// All sessions, idle ones too.
    pub all: bool,
}

impl Question {
    /// Who of these waits for a lock, or may wait still in the statement of the last sample.
    fn waiters(&self, sessions: &[Session]) -> Vec<i32> {
        let may_still = |session: &Session| {
            session.may_wait_unseen()
                && session.query_start.is_some_and(|start| start <= self.since)
                && self.also.contains(&session.pid)
        };
        let wait = |session: &&Session| session.waits_for_lock() || may_still(session);
        sessions.iter().filter(wait).map(|session| session.pid).collect()
    }
}

impl Default for Question {
    /// All texts, and nobody who is idle.
    fn default() -> Self {
        Self { since: SystemTime::UNIX_EPOCH, also: Vec::new(), all: false }
    }
}

/// The prepared queries of one session.
pub struct Reader {
    activity: Prepared,
    waits: Prepared,
    prepared: Prepared,
    version_num: i32,
    sighted: bool,
}

impl Reader {
    /// Prepares the queries. A role without pg_read_all_stats is not shown which sessions of
    /// others wait: who waits is then read off the locks.
    pub async fn prepare(client: &Client) -> Result<Self, SampleError> {
        let role = client.query_one(include_str!("activity_role.sql"), &[]).await?;
        let (version_num, sighted): (i32, bool) = (role.try_get(0)?, role.try_get(1)?);
        let is_14 = version_num >= 140_000;
        let activity = include_str!("activity.sql")
            .replace("{query_id}", if is_14 { "a.query_id" } else { "null::bigint" });
        let waiters = if sighted {
            "select unnest($1::int[]) as pid"
        } else {
            "select unnest($1::int[]) as pid union select l.pid from pg_locks l where not l.granted"
        };
        let waits = include_str!("activity_waits.sql")
            .replace("{waiters}", waiters)
            .replace("{waitstart}", if is_14 { "l.waitstart" } else { "null::timestamptz" });
        Ok(Self {
            activity: client.prepare(&activity).await?,
            waits: client.prepare(&waits).await?,
            prepared: client.prepare(include_str!("activity_prepared.sql")).await?,
            version_num,
            sighted,
        })
    }

    /// `server_version_num`, such as 150018.
    #[must_use]
    pub fn version_num(&self) -> i32 {
        self.version_num
    }

    /// Whether all sessions can be seen.
    #[must_use]
    pub fn is_sighted(&self) -> bool {
        self.sighted
    }

    /// Reads the sessions. If somebody waits, or may wait still, whom for is to be looked at.
    pub async fn read(&self, client: &Client, question: &Question) -> Result<Sample, SampleError> {
        let mut sample = Sample {
            now: SystemTime::UNIX_EPOCH,
            sessions: Vec::new(),
            all: question.all,
            waits: None,
            prepared: Vec::new(),
        };
        let (now, sessions) = self.sessions(client, question, false).await?;
        sample.sessions = sessions;
        sample.now = now.unwrap_or(sample.now);
        if self.sighted && question.waiters(&sample.sessions).is_empty() {
            sample.waits = Some(Vec::new());
        }
        Ok(sample)
    }

    /// The server's clock, and what the question asks for or `only` those that it names.
    async fn sessions(
        &self,
        client: &Client,
        question: &Question,
        only: bool,
    ) -> Result<(Option<SystemTime>, Vec<Session>), SampleError> {
        let (mut server_clock, mut sessions) = (None, Vec::new());
        let Question { since, also, all } = question;
        for row in client.query(&self.activity, &[since, also, all, &only]).await? {
            match row.try_get(18)? {
                Some(now) => server_clock = Some(now),
                None => sessions.push(session(&row)?),
            }
        }
        Ok((server_clock, sessions))
    }

    /// Looks who blocks those who wait. Who of them the sample does not show, or shows as idle and
    /// so without its text, is added, but for those that the sample's question named: a session
    /// that holds an advisory lock can be idle, and what others do can be hidden from the role.
    pub async fn look(
        &self,
        client: &Client,
        sample: &mut Sample,
        asked: &Question,
    ) -> Result<(), SampleError> {
        let waiters = asked.waiters(&sample.sessions);
        let rows = client.query(&self.waits, &[&waiters]).await?;
        let waits: Vec<Wait> = rows.iter().map(wait).collect::<Result<_, _>>()?;
        let for_prepared = waits.iter().filter(|wait| wait.blockers.contains(&0));
        let for_prepared: Vec<i32> = for_prepared.map(|wait| wait.pid).collect();
        if !for_prepared.is_empty() {
            for row in client.query(&self.prepared, &[&for_prepared]).await? {
                sample.prepared.push(transaction(&row)?);
            }
        }
        sample.waits = Some(waits);
        let is_shown = |s: &&Session| s.state != State::Idle || asked.also.contains(&s.pid);
        let shown: HashSet<i32> = sample.sessions.iter().filter(is_shown).map(|s| s.pid).collect();
        let also: Vec<i32> =
            sample.in_waits().into_iter().filter(|pid| !shown.contains(pid)).collect();
        if !also.is_empty() {
            let question = Question { also, ..Question::default() };
            let (_, added) = self.sessions(client, &question, true).await?;
            sample.sessions.retain(|session| !question.also.contains(&session.pid));
            sample.sessions.extend(added);
        }
        Ok(())
    }
}

fn session(row: &Row) -> Result<Session, SampleError> {
    let class: Option<&str> = row.try_get(12)?;
    let event: Option<String> = row.try_get(13)?;
    let query = row.try_get::<_, Option<Lossy>>(15)?.map(|Lossy(text)| text);
    let query = query.filter(|text| !text.is_empty() && text != "<insufficient privilege>");
    let xmin_age: Option<i32> = row.try_get(16)?;
    let state = State::of(row.try_get(8)?);
    let backend = Backend::of(row.try_get(5)?, state);
    Ok(Session {
        pid: row.try_get(0)?,
        dbid: row.try_get(1)?,
        userid: row.try_get(2)?,
        application_name: text(row, 3)?,
        client_addr: row.try_get(4)?,
        backend,
        leader: row.try_get::<_, Option<i32>>(6)?.filter(|_| backend == Backend::ParallelWorker),
        backend_start: row.try_get(7)?,
        state,
        state_change: row.try_get(9)?,
        xact_start: row.try_get(10)?,
        query_start: row.try_get(11)?,
        wait: class.map(|class| (class.to_owned(), event.unwrap_or_default())),
        queryid: row.try_get::<_, Option<i64>>(14)?.filter(|id| *id != 0),
        comment: query.as_deref().map(comment::read),
        query: query.map(|text| normalise(&text, TEXT)),
        xmin_age: xmin_age.and_then(|age| u32::try_from(age).ok()),
        holds_xid: row.try_get(17)?,
    })
}

fn wait(row: &Row) -> Result<Wait, SampleError> {
    let mut blockers: Vec<i32> = row.try_get(1)?;
    // Parallel workers make their leader appear more than once.
    blockers.sort_unstable();
    blockers.dedup();
    let (database, relation): (Option<u32>, Option<u32>) = (row.try_get(4)?, row.try_get(5)?);
    Ok(Wait {
        pid: row.try_get(0)?,
        blockers,
        locktype: text(row, 2)?,
        mode: text(row, 3)?,
        relation: database.zip(relation),
        since: row.try_get(6)?,
    })
}

fn transaction(row: &Row) -> Result<Transaction, SampleError> {
    Ok(Transaction {
        gid: text(row, 0)?,
        prepared: row.try_get(1)?,
        owner: text(row, 2)?,
        datname: text(row, 3)?,
    })
}

/// Text that may be null, then empty, and may hold any bytes.
pub(super) fn text(row: &Row, column: usize) -> Result<String, SampleError> {
    Ok(row.try_get::<_, Option<Lossy>>(column)?.map_or_else(String::new, |Lossy(text)| text))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{Question, Session, State};
    use crate::track::recorded::{session, waiter};

    #[test]
    fn who_waited_is_looked_at_again_while_the_wait_may_go_on_unseen() {
        let since = waiter(0, 500).query_start.unwrap();
        let question = Question { since, also: vec![2, 3, 4, 5], all: false };
        let wait = |class: &str| Some((class.to_owned(), String::new()));
        let sessions = [
            waiter(1, 900),
            session(2, 400),
            Session { wait: wait("LWLock"), ..session(3, 400) },
            // Its statement began after the last sample; another does something else.
            session(4, 600),
            Session { wait: wait("IO"), ..session(5, 400) },
            // Nobody has seen it in a wait.
            session(6, 400),
            Session { state: State::IdleInTransaction, ..session(2, 400) },
        ];
        assert_eq!(question.waiters(&sessions), [1, 2, 3]);
        let later = Question { since: since - Duration::from_secs(1), ..question };
        assert_eq!(later.waiters(&sessions), [1]);
    }
}
