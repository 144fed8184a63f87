//! Sessions by name: whose each is, and what it runs.

use std::collections::{HashMap, HashSet};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use super::names::{Names, UNKNOWN};
use super::timeline::{Now, span};
use crate::erp::{Changed, Erp, Erps, Kind, OTHER};
use crate::integration::comment::Comment;
use crate::integration::{Integration, Integrations, SessionFacts, TraceId, comment, template};
use crate::sample::activity::{Backend, Sample, Session};

/// A session that was not seen for so long is forgotten.
const FORGET: Duration = Duration::from_secs(300);
/// Statements that are remembered by their queryid.
const STATEMENTS: usize = 10_000;

/// Whose a session is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Who {
    /// Label of its database.
    pub datname: Arc<str>,
    /// Its role.
    pub usename: Arc<str>,
    /// Its application, in the profile's words.
    pub application: Arc<str>,
    /// What it is for.
    pub kind: Kind,
    /// As the client named itself.
    pub application_name: Arc<str>,
    /// Address of the client; absent for a Unix socket.
    pub client_addr: Option<IpAddr>,
    /// What kind of process it is.
    pub backend: Backend,
}

/// What a session runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Statement {
    /// Hash of its shape, where the server tells.
    pub queryid: Option<i64>,
    /// Normalised; absent if the role may not see it or it was never sent.
    pub text: Option<Arc<str>>,
    /// The business module of its tables.
    pub module: Arc<str>,
    /// The tables that it changes.
    pub changed: Arc<[Changed]>,
}

/// On whose behalf a session works, as its statement's comment says, or the session itself.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Origin {
    /// The integration.
    pub integration: Option<Arc<Integration>>,
    /// The session is the integration's own: no comment had to say so.
    pub is_direct: bool,
    /// The request.
    pub trace: Option<TraceId>,
    /// Template of the route, or the job, that the comment names.
    pub route: Option<Arc<str>>,
}

/// The words for one server.
#[derive(Clone, Copy, Debug)]
pub struct Words<'a> {
    /// Names behind oids.
    pub names: &'a Names,
    /// The ERP's words.
    pub erps: &'a Erps,
    /// The systems around it.
    pub integrations: &'a Arc<Integrations>,
}

/// A session of a sample, by name.
#[derive(Clone, Debug)]
pub struct Seen<'a> {
    /// What the sample says.
    pub row: &'a Session,
    /// Whose it is.
    pub who: Arc<Who>,
    /// What it runs.
    pub statement: Arc<Statement>,
    /// On whose behalf.
    pub origin: Arc<Origin>,
}

/// All sessions of one server that were seen of late.
#[derive(Debug, Default)]
pub struct Sessions {
    known: HashMap<i32, Known>,
    /// By database and queryid.
    statements: HashMap<(u32, i64), Arc<Statement>>,
    /// Whose the known ones are was told by these.
    integrations: Arc<Integrations>,
}

#[derive(Debug)]
struct Known {
    backend_start: Option<SystemTime>,
    query_start: Option<SystemTime>,
    identity: (u32, u32),
    who: Arc<Who>,
    statement: Arc<Statement>,
    /// What the comments of its text say.
    comment: Option<Comment>,
    /// Of the session, whatever it runs.
    own: Arc<Origin>,
    /// Of its statement.
    origin: Arc<Origin>,
    seen: SystemTime,
}

impl Sessions {
    /// Names the sessions of a sample, in its order.
    pub fn name<'a>(&mut self, sample: &'a Sample, now: Now, words: Words<'_>) -> Vec<Seen<'a>> {
        if !Arc::ptr_eq(&self.integrations, words.integrations) {
            self.known.clear();
            self.integrations = Arc::clone(words.integrations);
        }
        let mut seen = Vec::with_capacity(sample.sessions.len());
        for row in &sample.sessions {
            seen.push(self.one(row, now.at, words));
        }
        self.lead(&mut seen);
        self.known.retain(|_, known| span(known.seen, now.at) < FORGET);
        seen
    }

    /// A parallel worker works for its leader, and has no address of its own. If it began after the last
    /// sample in a statement that had begun before, its text was not sent.
    fn lead(&mut self, seen: &mut [Seen<'_>]) {
        let of = |seen: &Seen<'_>| {
            seen.row.leader.filter(|_| seen.who.backend == Backend::ParallelWorker)
        };
        let pids: HashSet<i32> = seen.iter().filter_map(of).collect();
        if pids.is_empty() {
            return;
        }
        let leaders = seen.iter().filter(|seen| pids.contains(&seen.row.pid));
        let leaders: HashMap<i32, Seen<'_>> =
            leaders.map(|seen| (seen.row.pid, seen.clone())).collect();
        for worker in seen {
            let leader = of(worker).and_then(|pid| leaders.get(&pid));
            let known = self.known.get_mut(&worker.row.pid);
            let Some((leader, known)) = leader.zip(known) else { continue };
            let client_addr = leader.who.client_addr;
            if known.who.client_addr != client_addr {
                known.who = Arc::new(Who { client_addr, ..Who::clone(&known.who) });
            }
            if known.statement.text.is_none() {
                known.statement = Arc::clone(&leader.statement);
            }
            known.origin = Arc::clone(&leader.origin);
            *worker = known.seen_as(worker.row);
        }
    }

    fn one<'a>(&mut self, row: &'a Session, at: SystemTime, words: Words<'_>) -> Seen<'a> {
        let is_same = |known: &Known| {
            known.backend_start == row.backend_start && known.identity == (row.dbid, row.userid)
        };
        if let Some(known) = self.known.get_mut(&row.pid).filter(|known| is_same(known)) {
            known.seen = at;
            let is_placed =
                *known.who.datname == *UNKNOWN && *words.names.datname(row.dbid) != *UNKNOWN;
            let is_renamed = is_placed || !known.who.is_named(&row.application_name);
            // Its statement may go on, and the text of that does not come again.
            if is_renamed {
                known.who = Arc::new(who(row, words));
                known.own = Arc::new(own_origin(&known.who, words.integrations));
            }
            let is_new = known.query_start != row.query_start || row.query.is_some();
            // Of several statements sent in one text, the next has begun.
            let has_moved_on = known.statement.queryid != row.queryid;
            if is_new || has_moved_on {
                known.query_start = row.query_start;
                let text = row.query.as_deref();
                let next = statement(&mut self.statements, row, text, &known.who, words.erps);
                if is_new || next.text.is_some() {
                    known.statement = next;
                }
                if is_new {
                    known.comment.clone_from(&row.comment);
                }
            } else if is_placed {
                let text = known.statement.text.as_deref();
                known.statement =
                    statement(&mut self.statements, row, text, &known.who, words.erps);
            }
            if is_new || is_renamed {
                known.origin = origin(known.comment.as_ref(), &known.own, words.integrations);
            }
            return known.seen_as(row);
        }
        let who = Arc::new(who(row, words));
        let text = row.query.as_deref();
        let statement = statement(&mut self.statements, row, text, &who, words.erps);
        let own = Arc::new(own_origin(&who, words.integrations));
        let known = Known {
            backend_start: row.backend_start,
            query_start: row.query_start,
            identity: (row.dbid, row.userid),
            who,
            statement,
            origin: origin(row.comment.as_ref(), &own, words.integrations),
            comment: row.comment.clone(),
            own,
            seen: at,
        };
        let seen = known.seen_as(row);
        self.known.insert(row.pid, known);
        seen
    }
}

impl Known {
    fn seen_as<'a>(&self, row: &'a Session) -> Seen<'a> {
        Seen {
            row,
            who: Arc::clone(&self.who),
            statement: Arc::clone(&self.statement),
            origin: Arc::clone(&self.origin),
        }
    }
}

impl Who {
    fn is_named(&self, application_name: &str) -> bool {
        *self.application_name == *application_name
            || self.application_name == printable(application_name)
    }
}

fn who(row: &Session, words: Words<'_>) -> Who {
    let (datname, usename) = (words.names.datname(row.dbid), words.names.usename(row.userid));
    let erp = words.erps.of(&datname);
    let (application, kind) = match row.backend {
        Backend::Client | Backend::ParallelWorker => {
            (erp.application(&row.application_name, &usename), erp.kind(&row.application_name))
        }
        Backend::Autovacuum => ("autovacuum".into(), Kind::Maintenance),
        Backend::Replication => ("replication".into(), Kind::Maintenance),
        Backend::Background => ("background".into(), Kind::Maintenance),
    };
    Who {
        datname,
        usename,
        application,
        kind,
        application_name: printable(&row.application_name),
        client_addr: row.client_addr,
        backend: row.backend,
    }
}

/// What the session itself tells, by its name, role and address.
fn own_origin(who: &Who, integrations: &Integrations) -> Origin {
    let facts = SessionFacts {
        application_name: &who.application_name,
        usename: &who.usename,
        client_addr: who.client_addr,
    };
    let is_client = matches!(who.backend, Backend::Client | Backend::ParallelWorker);
    let integration = integrations.of_session(facts).filter(|_| is_client).cloned();
    let trace = comment::of_application_name(&who.application_name);
    Origin { is_direct: integration.is_some(), integration, trace, route: None }
}

/// What the comment of its statement says goes before what the session tells.
fn origin(
    comment: Option<&Comment>,
    own: &Arc<Origin>,
    integrations: &Integrations,
) -> Arc<Origin> {
    let said = comment.filter(|said| said.trace.is_some() || !said.tags.is_empty());
    let Some(said) = said else { return Arc::clone(own) };
    let named = integrations.of_tags(&said.tags);
    let same = |named: &Arc<Integration>| {
        own.integration.as_ref().is_some_and(|own| own.name == named.name)
    };
    Arc::new(Origin {
        is_direct: own.is_direct && named.is_none_or(same),
        integration: named.cloned().or_else(|| own.integration.clone()),
        trace: said.trace.or(own.trace),
        route: ROUTE_KEYS
            .iter()
            .find_map(|key| said.tags.iter().find(|tag| tag.key == *key))
            .map(|tag| route(&tag.value)),
    })
}

/// A path as its template, and a name without what looks like a value.
fn route(value: &str) -> Arc<str> {
    let template = template(value);
    if value.starts_with('/') { template.into() } else { template.trim_start_matches('/').into() }
}

/// Keys of comments that name what the program is doing, the most particular first.
const ROUTE_KEYS: [&str; 4] = ["route", "job", "action", "controller"];

/// The statement of a session: by its text, or where that was not sent (again), by its queryid.
fn statement(
    statements: &mut HashMap<(u32, i64), Arc<Statement>>,
    row: &Session,
    text: Option<&str>,
    who: &Who,
    erps: &Erps,
) -> Arc<Statement> {
    // The words of a database that is not known yet are not those that it will have.
    let is_named = *who.datname != *UNKNOWN;
    let key = row.queryid.filter(|_| is_named).map(|queryid| (row.dbid, queryid));
    let is_same = |known: &&Arc<Statement>| text.is_none() || text == known.text.as_deref();
    if let Some(known) = key.and_then(|key| statements.get(&key)).filter(is_same) {
        return Arc::clone(known);
    }
    let text: Option<Arc<str>> = text.map(Arc::from);
    let erp: &Erp = erps.of(&who.datname);
    let (module, changed) = match text.as_deref().map(|text| erp.meaning(text)) {
        Some(meaning) => (meaning.module, meaning.changed.into()),
        None => (OTHER.into(), Arc::default()),
    };
    let statement = Arc::new(Statement { queryid: row.queryid, text, module, changed });
    // Of several statements sent in one text, each has its own queryid: it is the text of none.
    let is_its_text = |text: &Arc<str>| !text.trim_end_matches([';', ' ']).contains(';');
    if let Some(key) = key.filter(|_| statement.text.as_ref().is_some_and(is_its_text)) {
        if statements.len() >= STATEMENTS {
            statements.clear();
        }
        statements.insert(key, Arc::clone(&statement));
    }
    statement
}

/// A client can name itself anything; no terminal or log is to obey it.
pub(super) fn printable(name: &str) -> Arc<str> {
    if name.contains(char::is_control) {
        name.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect::<String>().into()
    } else {
        name.into()
    }
}

#[cfg(test)]
mod tests;
