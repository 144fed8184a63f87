//! The wait forest for the terminal, and with its server's name for JSON.

use std::collections::BTreeSet;
use std::fmt::Write;

use serde::Serialize;

use crate::erp::OTHER;
use crate::track::lock_tree::{Blocker, LockTree};
use crate::track::reports::SlowTransaction;

/// Who waits for whom on one server.
#[derive(Debug, Serialize)]
pub struct Locks<'a> {
    /// The server's name.
    pub server: &'a str,
    /// Sessions can be seen now: if not, an empty forest says nothing.
    pub is_current: bool,
    /// The forest.
    #[serde(flatten)]
    pub tree: &'a LockTree,
    /// Transactions that have lasted long already, the longest first: they hold their locks, and
    /// keep vacuum from its work.
    pub long_transactions: &'a [SlowTransaction],
}

/// Long transactions that the terminal shows.
const LONG: usize = 5;
/// Characters of a statement that the terminal shows.
const QUERY: usize = 240;

impl Locks<'_> {
    /// For the terminal.
    #[must_use]
    pub fn text(&self) -> String {
        let mut out = self.forest();
        let mut drawn = BTreeSet::new();
        self.tree.roots.iter().for_each(|root| pids(root, &mut drawn));
        let long: Vec<_> =
            self.long_transactions.iter().filter(|long| !drawn.contains(&long.party.pid)).collect();
        for long in long.iter().take(LONG) {
            let _infallible = write!(out, "\n\n{}", transaction(long));
        }
        if long.len() > LONG {
            let _infallible = write!(out, "\n\nand {} more long transactions", long.len() - LONG);
        }
        out
    }

    fn forest(&self) -> String {
        let tree = self.tree;
        if tree.roots.is_empty() {
            return format!("{}: nobody waits for a lock", self.server);
        }
        let plural = |n: usize| if n == 1 { "" } else { "s" };
        let (roots, victims) = (tree.roots.len(), tree.victims);
        let mut out = format!(
            "{}: {roots} root blocker{}, {victims} victim{}, {} deep",
            self.server,
            plural(roots),
            plural(victims),
            tree.depth,
        );
        if let Some(oldest) = tree.oldest_wait_seconds {
            let _infallible = write!(out, ", longest wait {}", seconds(oldest));
        }
        for root in &tree.roots {
            out.push_str("\n\n");
            draw(root, &mut out, "", "");
        }
        out
    }
}

fn pids(blocker: &Blocker, all: &mut BTreeSet<Option<i32>>) {
    all.insert(blocker.pid);
    blocker.victims.iter().for_each(|victim| pids(victim, all));
}

/// The beginning of a statement: who needs all of it finds it at /api/v1/locks or in JSON.
fn beginning(query: &str) -> String {
    match query.char_indices().nth(QUERY) {
        Some((at, _)) => format!("{}…", query.get(..at).unwrap_or_default()),
        None => query.to_owned(),
    }
}

/// One long transaction: who, since when, what it does now.
fn transaction(long: &SlowTransaction) -> String {
    let party = &long.party;
    let pid = party.pid.map_or_else(String::new, |pid| format!("pid {pid}  "));
    let name = party.application_name.as_deref().filter(|name| !name.is_empty());
    let module = if *long.module == *OTHER { String::new() } else { format!(" [{}]", long.module) };
    let mut out = format!(
        "long transaction: {pid}{}  open {}{module}, {} now",
        name.unwrap_or(&party.application),
        seconds(long.seconds),
        long.state,
    );
    if let Some(query) = &party.query {
        let _infallible = write!(out, "\n   {}", beginning(query));
    }
    out
}

/// Its lines: the first after `first`, the others after `rest`.
fn draw(blocker: &Blocker, out: &mut String, first: &str, rest: &str) {
    let pid = blocker.pid.map_or_else(|| "no pid".to_owned(), |pid| format!("pid {pid}"));
    let _infallible = write!(out, "{first}{pid}  {}  {}", named(blocker), situation(blocker));
    let under = if blocker.victims.is_empty() { "   " } else { "│  " };
    if let Some(query) = &blocker.query {
        let _infallible = write!(out, "\n{rest}{under}{}", beginning(query));
    }
    for line in &blocker.remedy {
        let _infallible = write!(out, "\n{rest}{under}to end it: {line}");
    }
    let last = blocker.victims.len().saturating_sub(1);
    for (index, victim) in blocker.victims.iter().enumerate() {
        let (branch, below) = if index == last { ("└─ ", "   ") } else { ("├─ ", "│  ") };
        out.push('\n');
        draw(victim, out, &format!("{rest}{branch}"), &format!("{rest}{below}"));
    }
}

fn named(blocker: &Blocker) -> String {
    let Blocker { application, application_name, usename, datname, .. } = blocker;
    let name = if application_name.is_empty() { usename } else { application_name };
    let known = *name == *application || **application == *OTHER;
    let application = if known { String::new() } else { format!("{application}, ") };
    let from =
        blocker.client_addr.as_deref().map_or_else(String::new, |addr| format!(" from {addr}"));
    format!("{name} ({application}{usename}@{datname}{from})")
}

fn situation(blocker: &Blocker) -> String {
    let module = |module: &str| {
        if module == OTHER { String::new() } else { format!(" [{module}]") }
    };
    let mut text = if let Some(wait) = &blocker.waits_for {
        let since = wait.seconds.map_or_else(String::new, |s| format!(" {}", seconds(s)));
        format!("waits{since} for {} on {}{}", wait.mode, wait.object, module(&wait.module))
    } else {
        let since =
            blocker.state_seconds.map_or_else(String::new, |s| format!(" for {}", seconds(s)));
        format!("{}{since}{}", blocker.state, module(&blocker.module))
    };
    if let Some(open) = blocker.transaction_seconds {
        let _infallible = write!(text, ", transaction open {}", seconds(open));
    }
    if blocker.circle {
        text.push_str(", in a circle: a deadlock that PostgreSQL is about to end");
    }
    text
}

fn seconds(seconds: f64) -> String {
    if seconds < 120.0 { format!("{seconds:.1} s") } else { format!("{:.0} min", seconds / 60.0) }
}
