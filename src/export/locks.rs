//! The wait forest as a tree in the terminal and as JSON.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::time::Duration;

use serde::Serialize;

use crate::erp::Erps;
use crate::sample::locks::{Sample, Session, Wait};
use crate::track::forest::{Forest, Node};

/// Relations by (database, oid): schema and name, where they could be looked up.
pub type Relations = BTreeMap<(u32, u32), (String, String)>;

/// Who waits for whom on one server.
#[derive(Debug, Serialize)]
pub struct Locks {
    /// The server's name.
    pub server: String,
    /// Sessions that wait.
    pub victims: usize,
    /// The longest way from a root to a victim.
    pub depth: usize,
    /// The longest wait in seconds, where the server tells (PostgreSQL 14 and later).
    pub oldest_wait_seconds: Option<f64>,
    /// The root blockers, the one with most victims first.
    pub roots: Vec<Blocker>,
}

/// A session, and those which wait for it.
#[derive(Debug, Serialize)]
pub struct Blocker {
    /// Its process; absent for a prepared transaction.
    pub pid: Option<i32>,
    /// Its application, in the profile's words.
    pub application: String,
    /// The name it gave itself.
    pub application_name: String,
    /// Its role.
    pub usename: String,
    /// Its database.
    pub datname: String,
    /// Address of its client; absent for a Unix socket.
    pub client_addr: Option<String>,
    /// `active`, `idle in transaction`, `prepared transaction`, `autovacuum worker`, ...
    pub state: String,
    /// Seconds in this state.
    pub state_seconds: Option<f64>,
    /// Seconds since its transaction began.
    pub transaction_seconds: Option<f64>,
    /// Its statement now, or its last one; normalised.
    pub query: Option<String>,
    /// It waits itself, in a circle: a deadlock which PostgreSQL is about to end.
    pub circle: bool,
    /// What it waits for; absent for a root.
    pub waits_for: Option<Waiting>,
    /// SQL that a person might run to end it; only for roots.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub remedy: Vec<String>,
    /// Who waits for it.
    pub victims: Vec<Blocker>,
}

/// A wait.
#[derive(Debug, Serialize)]
pub struct Waiting {
    /// Such as `ShareLock`.
    pub mode: String,
    /// Such as `public.stock_quant`, or the kind of lock.
    pub object: String,
    /// The business module of the relation.
    pub module: Option<String>,
    /// Seconds it has waited, where the server tells.
    pub seconds: Option<f64>,
}

impl Locks {
    /// Puts sample, names and the words of each database's ERP together.
    #[must_use]
    pub fn of(server: &str, sample: &Sample, relations: &Relations, erps: &Erps) -> Self {
        let edges = sample.waits.iter().map(|wait| (wait.pid, wait.blockers.clone())).collect();
        let forest = Forest::grow(&edges);
        let scene = Scene {
            sample,
            waits: sample.waits.iter().map(|wait| (wait.pid, wait)).collect(),
            relations,
            erps,
        };
        let ages = sample.waits.iter().filter_map(|wait| scene.waited(wait));
        Self {
            server: server.to_owned(),
            victims: forest.victims(),
            depth: forest.depth(),
            oldest_wait_seconds: ages.max_by(f64::total_cmp),
            roots: forest.roots.iter().map(|root| scene.root(root)).collect(),
        }
    }

    /// For the terminal.
    #[must_use]
    pub fn text(&self) -> String {
        if self.roots.is_empty() {
            return format!("{}: nobody waits for a lock", self.server);
        }
        let plural = |n: usize| if n == 1 { "" } else { "s" };
        let (roots, victims) = (self.roots.len(), self.victims);
        let mut out = format!(
            "{}: {roots} root blocker{}, {victims} victim{}, {} deep",
            self.server,
            plural(roots),
            plural(victims),
            self.depth,
        );
        if let Some(oldest) = self.oldest_wait_seconds {
            let _infallible = write!(out, ", longest wait {}", seconds(oldest));
        }
        for root in &self.roots {
            out.push_str("\n\n");
            root.draw(&mut out, "", "");
        }
        out
    }
}

struct Scene<'a> {
    sample: &'a Sample,
    waits: BTreeMap<i32, &'a Wait>,
    relations: &'a Relations,
    erps: &'a Erps,
}

impl Scene<'_> {
    fn root(&self, node: &Node) -> Blocker {
        let mut root = self.node(node);
        root.remedy = match (self.sample.sessions.get(&node.pid), self.sample.prepared.as_slice()) {
            (Some(session), _) => remedy(session),
            (None, prepared) => prepared
                .iter()
                .map(|p| format!("rollback prepared '{}';", p.gid.replace('\'', "''")))
                .collect(),
        };
        root
    }

    fn node(&self, node: &Node) -> Blocker {
        let mut blocker = match self.sample.sessions.get(&node.pid) {
            Some(session) => self.session(session),
            None => self.unseen(node.pid),
        };
        blocker.circle = node.circle;
        blocker.waits_for = self.waits.get(&node.pid).map(|wait| self.waiting(wait));
        blocker.victims = node.victims.iter().map(|victim| self.node(victim)).collect();
        blocker
    }

    fn session(&self, session: &Session) -> Blocker {
        let client = session.backend_type == "client backend" || session.backend_type.is_empty();
        Blocker {
            pid: Some(session.pid),
            application: self
                .erps
                .of(&session.datname)
                .application(&session.application_name, &session.usename)
                .to_string(),
            application_name: printable(&session.application_name),
            usename: session.usename.clone(),
            datname: session.datname.clone(),
            client_addr: session.client_addr.clone(),
            state: if client { session.state.clone() } else { session.backend_type.clone() },
            state_seconds: session.state_age.map(|age| age.as_secs_f64()),
            transaction_seconds: session.transaction_age.map(|age| age.as_secs_f64()),
            query: session.query.clone(),
            circle: false,
            waits_for: None,
            remedy: Vec::new(),
            victims: Vec::new(),
        }
    }

    /// A prepared transaction (which of several, nobody can tell), or one that has just gone.
    fn unseen(&self, pid: i32) -> Blocker {
        let oldest = self.sample.prepared.first().filter(|_| pid == 0);
        let state = if pid == 0 { "prepared transaction" } else { "gone" };
        Blocker {
            pid: (pid != 0).then_some(pid),
            application: crate::erp::OTHER.to_owned(),
            application_name: String::new(),
            usename: oldest.map_or_else(String::new, |p| p.owner.clone()),
            datname: oldest.map_or_else(String::new, |p| p.datname.clone()),
            client_addr: None,
            state: state.to_owned(),
            state_seconds: oldest.map(|p| p.age.as_secs_f64()),
            transaction_seconds: oldest.map(|p| p.age.as_secs_f64()),
            query: None,
            circle: false,
            waits_for: None,
            remedy: Vec::new(),
            victims: Vec::new(),
        }
    }

    fn waiting(&self, wait: &Wait) -> Waiting {
        let names = wait.database.zip(wait.relation).and_then(|key| self.relations.get(&key));
        let locktype = wait.locktype.as_deref().unwrap_or("lock");
        let object = match (names, wait.relation) {
            (Some((schema, name)), _) if locktype == "relation" => format!("{schema}.{name}"),
            (Some((schema, name)), _) => format!("{locktype} of {schema}.{name}"),
            (None, Some(oid)) => format!("{locktype} {oid}"),
            (None, None) => locktype.to_owned(),
        };
        let datname = self.sample.sessions.get(&wait.pid).map(|session| session.datname.as_str());
        let erp = self.erps.of(datname.unwrap_or_default());
        Waiting {
            mode: wait.mode.clone().unwrap_or_default(),
            object,
            module: names.map(|(_, name)| erp.module(name).to_string()),
            seconds: self.waited(wait),
        }
    }

    /// By the server's clock.
    fn waited(&self, wait: &Wait) -> Option<f64> {
        let waited = self.sample.now?.duration_since(wait.since?);
        Some(waited.unwrap_or(Duration::ZERO).as_secs_f64())
    }
}

/// A statement can be cancelled; a session that is idle can only be ended.
fn remedy(session: &Session) -> Vec<String> {
    let mut lines = Vec::new();
    if session.state == "active" {
        lines.push(format!("select pg_cancel_backend({});", session.pid));
    }
    if session.backend_type == "client backend" || session.backend_type.is_empty() {
        lines.push(format!("select pg_terminate_backend({});", session.pid));
    }
    lines
}

impl Blocker {
    /// Its lines: the first after `first`, the others after `rest`.
    fn draw(&self, out: &mut String, first: &str, rest: &str) {
        let pid = self.pid.map_or_else(|| "no pid".to_owned(), |pid| format!("pid {pid}"));
        let _infallible = write!(out, "{first}{pid}  {}  {}", self.named(), self.situation());
        let under = if self.victims.is_empty() { "   " } else { "│  " };
        if let Some(query) = &self.query {
            let _infallible = write!(out, "\n{rest}{under}{query}");
        }
        for line in &self.remedy {
            let _infallible = write!(out, "\n{rest}{under}to end it: {line}");
        }
        let last = self.victims.len().saturating_sub(1);
        for (index, victim) in self.victims.iter().enumerate() {
            let (branch, below) =
                if index == last { ("└─ ", "   ") } else { ("├─ ", "│  ") };
            out.push('\n');
            victim.draw(out, &format!("{rest}{branch}"), &format!("{rest}{below}"));
        }
    }

    fn named(&self) -> String {
        let name =
            if self.application_name.is_empty() { &self.usename } else { &self.application_name };
        let from =
            self.client_addr.as_deref().map_or_else(String::new, |addr| format!(" from {addr}"));
        format!("{name} ({}@{}{from})", self.usename, self.datname)
    }

    fn situation(&self) -> String {
        let mut text = if let Some(wait) = &self.waits_for {
            let module = wait.module.as_deref().map_or_else(String::new, |m| format!(" [{m}]"));
            let since = wait.seconds.map_or_else(String::new, |s| format!(" {}", seconds(s)));
            format!("waits{since} for {} on {}{module}", wait.mode, wait.object)
        } else {
            let since =
                self.state_seconds.map_or_else(String::new, |s| format!(" for {}", seconds(s)));
            format!("{}{since}", self.state)
        };
        if let Some(open) = self.transaction_seconds {
            let _infallible = write!(text, ", transaction open {}", seconds(open));
        }
        if self.circle {
            text.push_str(", in a circle: a deadlock that PostgreSQL is about to end");
        }
        text
    }
}

fn seconds(seconds: f64) -> String {
    if seconds < 120.0 { format!("{seconds:.1} s") } else { format!("{:.0} min", seconds / 60.0) }
}

/// A client can name itself anything; the terminal is not to obey it.
fn printable(name: &str) -> String {
    name.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}
