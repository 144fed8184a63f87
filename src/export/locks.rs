//! The wait forest for the terminal, and with its server's name for JSON.

use std::fmt::Write;

use serde::Serialize;

use crate::erp::OTHER;
use crate::track::lock_tree::{Blocker, LockTree};

/// Who waits for whom on one server.
#[derive(Debug, Serialize)]
pub struct Locks<'a> {
    /// The server's name.
    pub server: &'a str,
    /// The forest.
    #[serde(flatten)]
    pub tree: &'a LockTree,
}

impl Locks<'_> {
    /// For the terminal.
    #[must_use]
    pub fn text(&self) -> String {
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

/// Its lines: the first after `first`, the others after `rest`.
fn draw(blocker: &Blocker, out: &mut String, first: &str, rest: &str) {
    let pid = blocker.pid.map_or_else(|| "no pid".to_owned(), |pid| format!("pid {pid}"));
    let _infallible = write!(out, "{first}{pid}  {}  {}", named(blocker), situation(blocker));
    let under = if blocker.victims.is_empty() { "   " } else { "│  " };
    if let Some(query) = &blocker.query {
        let _infallible = write!(out, "\n{rest}{under}{query}");
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
