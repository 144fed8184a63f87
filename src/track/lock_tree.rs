//! The wait forest as a picture: who blocks, who waits, since when, for what.

use std::sync::Arc;
use std::time::SystemTime;

use serde::Serialize;

use super::forest::Node;
use super::lock_waits::{LockWaits, Open, Scene};
use super::relations::Relations;
use super::sessions::Seen;
use super::timeline::{in_seconds, span};
use crate::erp::OTHER;
use crate::sample::activity::{Backend, State, Transaction};

/// A session, and those which wait for it.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Blocker {
    /// Its process; absent for a prepared transaction.
    pub pid: Option<i32>,
    /// Its application, in the profile's words.
    pub application: Arc<str>,
    /// The name it gave itself.
    pub application_name: Arc<str>,
    /// Its role.
    pub usename: Arc<str>,
    /// Its database.
    pub datname: Arc<str>,
    /// Address of its client; absent for a Unix socket.
    pub client_addr: Option<String>,
    /// `active`, `idle in transaction`, `prepared transaction`, `autovacuum`, ...
    pub state: &'static str,
    /// Seconds in this state.
    pub state_seconds: Option<f64>,
    /// Seconds since its transaction began.
    pub transaction_seconds: Option<f64>,
    /// Its statement now, or its last one; normalised.
    pub query: Option<Arc<str>>,
    /// The business module of that statement.
    pub module: Arc<str>,
    /// It waits itself, in a circle: a deadlock which PostgreSQL is about to end.
    pub circle: bool,
    /// What it waits for; absent for a root.
    pub waits_for: Option<Waiting>,
    /// SQL that a person might run to end it; only for roots.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub remedy: Vec<String>,
    /// Everyone who waits because of it, also those that are left out below.
    pub victim_count: usize,
    /// Who waits for it.
    pub victims: Vec<Blocker>,
}

impl Blocker {
    fn depth(&self) -> usize {
        self.victims.iter().map(|victim| 1 + victim.depth()).max().unwrap_or(0)
    }
}

/// A wait.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Waiting {
    /// Such as `ShareLock`.
    pub mode: Arc<str>,
    /// Such as `public.stock_quant`, or the kind of lock.
    pub object: String,
    /// The business module of that.
    pub module: Arc<str>,
    /// Seconds it has waited, where that is known.
    pub seconds: Option<f64>,
}

/// All trees of one server.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct LockTree {
    /// Sessions that wait.
    pub victims: usize,
    /// The longest way from a root to a victim.
    pub depth: usize,
    /// The longest wait in seconds.
    pub oldest_wait_seconds: Option<f64>,
    /// The root blockers, the one with most victims first.
    pub roots: Vec<Blocker>,
}

impl LockTree {
    /// Draws what is true now.
    #[must_use]
    pub fn of(scene: Scene<'_>, waits: &LockWaits) -> Self {
        let artist = Artist { scene, waits };
        let roots: Vec<Blocker> = waits
            .forest()
            .roots
            .iter()
            .map(|root| artist.root(root))
            .filter(|root| !root.victims.is_empty())
            .collect();
        Self {
            victims: roots.iter().map(|root| root.victim_count).sum(),
            depth: roots.iter().map(Blocker::depth).max().unwrap_or(0),
            oldest_wait_seconds: waits
                .open()
                .values()
                .filter_map(|open| seconds(open, scene.now.at))
                .max_by(f64::total_cmp),
            roots,
        }
    }

    /// One tree, drawn.
    #[must_use]
    pub fn root(scene: Scene<'_>, waits: &LockWaits, root: &Node) -> Blocker {
        Artist { scene, waits }.root(root)
    }
}

/// Seconds of a wait; nothing if it was there at the first sample and the server does not tell.
fn seconds(open: &Open, now: SystemTime) -> Option<f64> {
    let seconds = in_seconds(span(open.start, now));
    (open.is_exact || seconds > 0.0).then_some(seconds)
}

struct Artist<'a> {
    scene: Scene<'a>,
    waits: &'a LockWaits,
}

impl Artist<'_> {
    fn root(&self, node: &Node) -> Blocker {
        let mut root = self.node(node);
        root.waits_for = root.waits_for.filter(|_| node.circle);
        root.remedy = match self.scene.seen.get(&node.pid) {
            Some(seen) => remedy(seen),
            None if node.pid == 0 => self.waits.prepared().iter().map(rollback_prepared).collect(),
            None => Vec::new(),
        };
        root
    }

    fn node(&self, node: &Node) -> Blocker {
        let mut blocker = match self.scene.seen.get(&node.pid) {
            Some(seen) => self.session(seen),
            None => self.unseen(node.pid),
        };
        blocker.circle = node.circle;
        blocker.waits_for = self.waits.open().get(&node.pid).map(|open| self.waiting(open));
        let victims = node.victims.iter().map(|victim| self.node(victim));
        // Some have ended since the last look, which may have been left out for its cost.
        blocker.victims =
            victims.filter(|v| v.waits_for.is_some() || !v.victims.is_empty()).collect();
        blocker.victim_count = blocker.victims.iter().map(|victim| 1 + victim.victim_count).sum();
        blocker
    }

    fn session(&self, seen: &Seen<'_>) -> Blocker {
        let (row, now) = (seen.row, self.scene.now);
        let age = |since: Option<SystemTime>| {
            since.map(|since| in_seconds(span(now.place(since), now.at)))
        };
        let who = &seen.who;
        Blocker {
            pid: Some(row.pid),
            application: Arc::clone(&who.application),
            application_name: Arc::clone(&who.application_name),
            usename: Arc::clone(&who.usename),
            datname: Arc::clone(&who.datname),
            client_addr: who.client_addr.map(|addr| addr.to_string()),
            state: super::lock_waits::root_state(who, row.state.name()),
            state_seconds: age(row.state_change),
            transaction_seconds: age(row.xact_start),
            query: seen.statement.text.clone(),
            module: Arc::clone(&seen.statement.module),
            ..Blocker::default()
        }
    }

    /// The oldest of the prepared transactions that somebody waits for, or a session that has just gone or is idle and not
    /// yet looked at.
    fn unseen(&self, pid: i32) -> Blocker {
        let oldest = self.waits.prepared().first().filter(|_| pid == 0);
        let age =
            oldest.map(|p| in_seconds(span(self.scene.now.place(p.prepared), self.scene.now.at)));
        let text =
            |of: fn(&Transaction) -> &str| oldest.map_or_else(|| "".into(), |p| of(p).into());
        Blocker {
            pid: (pid != 0).then_some(pid),
            application: OTHER.into(),
            usename: text(|p| &p.owner),
            datname: text(|p| &p.datname),
            state: if pid == 0 { "prepared transaction" } else { "gone" },
            state_seconds: age,
            transaction_seconds: age,
            module: OTHER.into(),
            ..Blocker::default()
        }
    }

    fn waiting(&self, open: &Open) -> Waiting {
        Waiting {
            mode: open.object.as_ref().map_or_else(|| "".into(), |object| Arc::clone(&object.mode)),
            object: object(open, self.scene.relations),
            module: Arc::clone(&open.module),
            seconds: seconds(open, self.scene.now.at),
        }
    }
}

/// What is waited for, for people.
#[must_use]
pub fn object(open: &Open, relations: &Relations) -> String {
    let Some(object) = &open.object else { return "a lock".to_owned() };
    let locktype = &object.locktype;
    let is_row = matches!(&**locktype, "transactionid" | "tuple");
    let Some(key) = object.relation else { return locktype.to_string() };
    let relation = match relations.name(key) {
        Some((schema, name)) => format!("{schema}.{name}"),
        None => format!("relation {}", key.1),
    };
    match &**locktype {
        "relation" => relation,
        _ if is_row => format!("a row of {relation}"),
        _ => format!("{locktype} of {relation}"),
    }
}

/// A statement can be cancelled; a session that is idle can only be ended.
fn remedy(seen: &Seen<'_>) -> Vec<String> {
    let pid = seen.row.pid;
    let mut lines = Vec::new();
    if seen.row.state == State::Active {
        lines.push(format!("select pg_cancel_backend({pid});"));
    }
    if seen.who.backend == Backend::Client {
        lines.push(format!("select pg_terminate_backend({pid});"));
    }
    lines
}

fn rollback_prepared(transaction: &Transaction) -> String {
    format!("rollback prepared '{}';", transaction.gid.replace('\'', "''"))
}
