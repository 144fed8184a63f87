//! State: what is true now. One writer folds events in; everyone else reads an immutable snapshot.

mod event;
mod journal;
mod server;
mod snapshot;

use std::cell::LazyCell;
use std::collections::BTreeMap;
use std::sync::Arc;

pub use event::{Event, Failure, Limits, Sampled, Spending, What};
pub use journal::{Entry, Journal};
use server::Server;
pub use snapshot::{Connection, Databases, ServerSnapshot, Snapshot};

use crate::history::{Batch, ModuleSize, Standing};
use crate::integration::Integrations;
use crate::integration::meter::Tallies;
use crate::sample::Moment;
use crate::track::calls::explain::Question;
use crate::track::calls::texts::Texts;
use crate::track::calls::{Calls, View as CallsView};
use crate::track::findings::{Findings, Judgement, View as FindingsView};
use crate::track::reports::{Evidence, Report};

/// The state of all servers.
#[derive(Debug, Default)]
pub struct State {
    servers: BTreeMap<Arc<str>, Server>,
    integrations: Arc<Integrations>,
    calls: Calls,
    calls_view: Arc<CallsView>,
    calls_changed: bool,
    intake: Arc<Tallies>,
    journal: Arc<Journal>,
    history: Arc<Standing>,
    findings: Findings,
    findings_view: Arc<FindingsView>,
    /// How large modules of servers that were not added yet were before the agent started, and when that was asked.
    remembered: BTreeMap<Arc<str>, (Moment, Vec<ModuleSize>)>,
    /// What servers had not given to the history when they were removed.
    left: Vec<Batch>,
    now: Option<Moment>,
}

impl State {
    /// Folds one event in; returns what somebody should know. Events of a server that was not
    /// added, or was removed, are ignored.
    pub fn apply(&mut self, event: Event) -> Vec<Arc<Entry>> {
        if let Event::Server { at, .. } | Event::Told { at, .. } | Event::Tick { at, .. } = &event {
            self.now = Some(*at);
        }
        match event {
            Event::Server { server, at, what } => self.apply_to(server, at, what),
            Event::Declared(integrations) => {
                self.calls.declare(Arc::clone(&integrations));
                self.calls_view = Arc::new(self.calls.view());
                self.integrations = integrations;
                Vec::new()
            }
            Event::Told { at, told } => {
                self.calls.apply(at, told);
                self.calls_changed = true;
                Vec::new()
            }
            Event::Remembered { at, sizes } => {
                self.remember(at, sizes);
                Vec::new()
            }
            Event::Judged(judgement) => self.judge(*judgement),
            Event::Tick { at, tallies } => {
                for ((integration, _), tunnels) in &tallies.proxy.tunnels {
                    if let Some(at) = tunnels.moved {
                        self.calls_changed |= self.calls.moved(integration, at);
                    }
                }
                if *tallies != *self.intake {
                    self.intake = Arc::from(tallies);
                }
                self.tick(at)
            }
        }
    }

    fn remember(&mut self, at: Moment, sizes: Vec<ModuleSize>) {
        let mut by_server: BTreeMap<Arc<str>, Vec<ModuleSize>> = BTreeMap::new();
        for size in sizes {
            by_server.entry(Arc::clone(&size.place.server)).or_default().push(size);
        }
        for (name, sizes) in by_server {
            match self.servers.get_mut(&name) {
                Some(server) => server.recall(at, &sizes),
                None => drop(self.remembered.insert(name, (at, sizes))),
            }
        }
    }

    fn judge(&mut self, judgement: Judgement) -> Vec<Arc<Entry>> {
        let at = judgement.at;
        let (told, view) = self.findings.apply(judgement);
        self.findings_view = Arc::new(view);
        self.enter(at, told.into_iter().map(|(server, report)| (Some(server), report)).collect())
    }

    fn apply_to(&mut self, name: Arc<str>, at: Moment, what: What) -> Vec<Arc<Entry>> {
        match what {
            What::Added(limits) => {
                if let Some(server) = self.servers.get_mut(&name) {
                    server.limit(limits);
                    return Vec::new();
                }
                let mut server = Server::new(Arc::clone(&name), limits);
                if let Some((at, sizes)) = self.remembered.remove(&name) {
                    server.recall(at, &sizes);
                }
                self.servers.insert(name, server);
            }
            What::Removed => {
                if let Some(mut server) = self.servers.remove(&name) {
                    self.left.push(server.take_history(at));
                }
            }
            what => {
                if let Some(server) = self.servers.get_mut(&name) {
                    let reports = server.apply(at, what, &self.integrations);
                    let named = |report| (Some(Arc::clone(&name)), report);
                    return self.enter(at, reports.into_iter().map(named).collect());
                }
            }
        }
        Vec::new()
    }

    /// Joins calls with what the servers have seen by now, and draws them if there are new ones.
    fn tick(&mut self, at: Moment) -> Vec<Arc<Entry>> {
        let servers = &self.servers;
        // Few calls have statements to be known.
        let texts = LazyCell::new(|| Texts::of(servers.values().map(Server::statements)));
        let identify = |query: &str| texts.find(query).cloned();
        let explain = |question: &Question| {
            let found = servers.iter().filter_map(|(name, server)| {
                Some(Evidence { server: Arc::clone(name), ..server.explain(question)? })
            });
            let mut found: Vec<Evidence> = found.collect();
            found.sort_by(|a, b| b.waited_seconds.total_cmp(&a.waited_seconds));
            found
        };
        let told = self.calls.settle(at, explain, identify);
        let is_later = self.calls.turn(at.elapsed);
        if self.calls_changed || is_later || !told.is_empty() {
            self.calls_view = Arc::new(self.calls.view());
            self.calls_changed = false;
        }
        self.enter(at, told)
    }

    fn enter(&mut self, at: Moment, reports: Vec<(Option<Arc<str>>, Report)>) -> Vec<Arc<Entry>> {
        if reports.is_empty() {
            return Vec::new();
        }
        let journal = Arc::make_mut(&mut self.journal);
        let add = |(server, report)| journal.add(at.wall, server, report);
        reports.into_iter().map(add).collect()
    }

    /// What has grown in the servers and is due to be written down.
    pub fn due_history(&mut self) -> Vec<Batch> {
        let Some(now) = self.now else { return Vec::new() };
        let mut due = std::mem::take(&mut self.left);
        due.extend(self.servers.values_mut().filter_map(|server| server.due_history(now)));
        due
    }

    /// All that has grown in the servers and was not written down yet.
    pub fn take_history(&mut self) -> Vec<Batch> {
        let Some(now) = self.now else { return Vec::new() };
        let mut all = std::mem::take(&mut self.left);
        all.extend(self.servers.values_mut().map(|server| server.take_history(now)));
        all
    }

    /// How the history is doing.
    pub fn know_history(&mut self, standing: Arc<Standing>) {
        self.history = standing;
    }

    /// What is true now. Parts that have not changed are shared with earlier snapshots.
    #[must_use]
    pub fn snapshot(&self) -> Snapshot {
        Snapshot {
            servers: self
                .servers
                .iter()
                .map(|(name, server)| server.snapshot(Arc::clone(name)))
                .collect(),
            calls: Arc::clone(&self.calls_view),
            intake: Arc::clone(&self.intake),
            journal: Arc::clone(&self.journal),
            history: Arc::clone(&self.history),
            findings: Arc::clone(&self.findings_view),
        }
    }
}

#[cfg(test)]
mod tests;
