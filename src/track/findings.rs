//! Findings as episodes: what rules say at each look, folded into what is open, without flapping.
//!
//! What a rule says counts once it was said for some time and at least twice, and counts no more
//! once it was not said for some time. A rule that did not look says nothing, neither way.

mod candidate;
mod mute;
mod view;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

pub use self::candidate::{About, Candidate, Fact, Need, Severity, Value, counted, id};
pub use self::mute::Mute;
pub use self::view::{Finding, FindingReport, RuleState, Standing, View, Week, WeekOfDatabase};
use super::reports::Report;
use crate::sample::Moment;

/// When findings open and close, and how many are shown.
#[derive(Clone, Debug, PartialEq)]
pub struct Terms {
    /// Said for so long, it is open.
    pub open_after: Duration,
    /// Not said for so long, it is closed.
    pub close_after: Duration,
    /// At most so many are shown; the rest is counted.
    pub most: usize,
    /// What is not to be told.
    pub mutes: Vec<Mute>,
}

/// What one rule has said of one server.
#[derive(Clone, Debug)]
pub struct Look {
    /// The rule.
    pub about: &'static About,
    /// The server.
    pub server: Arc<str>,
    /// What is wrong; empty if nothing is.
    pub found: Vec<Candidate>,
    /// Subjects at which it could not look: of these it says nothing, neither way.
    pub unseen: BTreeSet<Arc<str>>,
}

/// A rule, a server at which it looked, and the subjects there at which it could not.
type Looked = (&'static str, Arc<str>, BTreeSet<Arc<str>>);

/// What all rules have said at one time.
#[derive(Clone, Debug)]
pub struct Judgement {
    /// When.
    pub at: Moment,
    /// Of each rule and server that was looked at.
    pub looks: Vec<Look>,
    /// How each rule is doing. What one that is off has said before is closed.
    pub rules: Vec<Standing>,
    /// Servers that are watched; what was said of others goes.
    pub servers: Vec<Arc<str>>,
    /// How the last week was, if that was asked for.
    pub week: Option<Arc<Week>>,
    /// Findings that were open when the agent ended last, by their ids; told once.
    pub before: BTreeMap<String, Before>,
    /// From now on.
    pub terms: Arc<Terms>,
}

/// A finding that was open when the agent ended last.
#[derive(Clone, Debug)]
pub struct Before {
    /// Its rule.
    pub about: &'static About,
    /// Its server.
    pub server: Arc<str>,
    /// What the rule said when it opened.
    pub candidate: Arc<Candidate>,
    /// Since when it is open.
    pub opened: SystemTime,
}

/// Something that was said and is not open yet, or is open.
#[derive(Debug)]
struct Episode {
    about: &'static About,
    server: Arc<str>,
    candidate: Arc<Candidate>,
    /// Looks that have said so.
    looks: u64,
    /// When it was said first, since the agent's start.
    first: Duration,
    /// When it was said last, since the agent's start.
    last: Duration,
    /// When it was said last, for people.
    last_wall: SystemTime,
    /// Since when it is open; `None` while that is in doubt.
    opened: Option<SystemTime>,
}

/// All findings.
#[derive(Debug, Default)]
pub struct Findings {
    episodes: BTreeMap<String, Episode>,
    /// Open before the agent's start, and not said again yet. `looks` and `first` are of looks since
    /// then that have not said so.
    before: BTreeMap<String, Episode>,
    week: Arc<Week>,
    opened: u64,
    closed: u64,
}

impl Findings {
    /// Folds what was said; returns what has opened and closed, each with its server, and the
    /// picture after it.
    pub fn apply(&mut self, judgement: Judgement) -> (Vec<(Arc<str>, Report)>, View) {
        let Judgement { at, looks, rules, servers, week, before, terms } = judgement;
        for (id, was) in before {
            self.recall(at, id, was);
        }
        if let Some(week) = week {
            self.week = week;
        }
        self.episodes.retain(|_, episode| servers.contains(&episode.server));
        let mut looked: Vec<Looked> = Vec::new();
        let mut told = Vec::new();
        for look in looks {
            looked.push((look.about.id, Arc::clone(&look.server), look.unseen));
            for candidate in look.found {
                self.say(at, look.about, &look.server, candidate);
            }
        }
        self.open(at, &terms, &mut told);
        self.close(at, &terms, &looked, &rules, &mut told);
        let view = self.view(at, &terms, rules);
        (told, view)
    }

    fn recall(&mut self, at: Moment, id: String, was: Before) {
        if let Some(episode) = self.episodes.get_mut(&id) {
            // The history was asked in vain at first, and it was said meanwhile.
            let opened = episode.opened.map_or(was.opened, |opened| opened.min(was.opened));
            episode.opened = Some(opened);
            return;
        }
        let Before { about, server, candidate, opened } = was;
        let unsaid = Episode {
            about,
            server,
            candidate,
            looks: 0,
            first: at.elapsed,
            last: at.elapsed,
            last_wall: at.wall,
            opened: Some(opened),
        };
        self.before.insert(id, unsaid);
    }

    fn say(&mut self, at: Moment, about: &'static About, server: &Arc<str>, candidate: Candidate) {
        let id = id(about.id, server, &candidate.datname, &candidate.subject);
        let candidate = Arc::new(candidate);
        let begun = Episode {
            about,
            server: Arc::clone(server),
            candidate: Arc::clone(&candidate),
            looks: 0,
            first: at.elapsed,
            last: at.elapsed,
            last_wall: at.wall,
            opened: self.before.remove(&id).and_then(|was| was.opened),
        };
        let episode = self.episodes.entry(id).or_insert(begun);
        if episode.last < at.elapsed || episode.looks == 0 {
            episode.looks += 1;
        }
        (episode.last, episode.last_wall) = (at.elapsed, at.wall);
        episode.candidate = candidate;
    }

    fn open(&mut self, at: Moment, terms: &Terms, told: &mut Vec<(Arc<str>, Report)>) {
        for (id, episode) in &mut self.episodes {
            let is_old = at.elapsed.saturating_sub(episode.first) >= terms.open_after;
            if episode.opened.is_none() && is_old && episode.looks > 1 {
                episode.opened = Some(at.wall);
                self.opened += 1;
                if episode.muted(at.wall, &terms.mutes).is_none() {
                    told.push(episode.report(id, "opened", at.wall));
                }
            }
        }
    }

    fn close(
        &mut self,
        at: Moment,
        terms: &Terms,
        looked: &[Looked],
        rules: &[Standing],
        told: &mut Vec<(Arc<str>, Report)>,
    ) {
        let closed = &mut self.closed;
        let mut end = |id: &str, episode: &Episode| {
            *closed += 1;
            if episode.muted(at.wall, &terms.mutes).is_none() {
                told.push(episode.report(id, "closed", at.wall));
            }
        };
        self.episodes.retain(|id, episode| {
            let silent = at.elapsed.saturating_sub(episode.last);
            let is_silent = episode.was_looked_at(looked) && !silent.is_zero();
            let stays = match episode.opened {
                _ if episode.is_off(rules) => false,
                // What is in doubt must be said at every look.
                None => !is_silent,
                Some(_) => !is_silent || silent < terms.close_after,
            };
            if !stays && episode.opened.is_some() {
                end(id, episode);
            }
            stays
        });
        self.before.retain(|id, episode| {
            let was_looked = episode.was_looked_at(looked);
            if was_looked && episode.looks == 0 {
                (episode.looks, episode.first) = (1, at.elapsed);
            }
            let silent = at.elapsed.saturating_sub(episode.first);
            let is_mended = was_looked && silent >= terms.close_after;
            let stays = !is_mended && !episode.is_off(rules);
            if !stays {
                end(id, episode);
            }
            stays
        });
    }

    fn view(&self, at: Moment, terms: &Terms, rules: Vec<Standing>) -> View {
        let mut findings: Vec<Arc<Finding>> = self
            .episodes
            .iter()
            .filter_map(|(id, episode)| episode.finding(id, at, &terms.mutes).map(Arc::new))
            .collect();
        findings.sort_by(|a, b| a.rank(b));
        let left_out = findings.len().saturating_sub(terms.most);
        findings.truncate(terms.most);
        View {
            judged: Some(at.wall),
            findings,
            most: terms.most,
            left_out,
            opened: self.opened,
            closed: self.closed,
            rules,
            expired_mutes: terms
                .mutes
                .iter()
                .filter(|mute| !mute.is_in_force(at.wall))
                .map(Mute::to_string)
                .collect(),
            week: Arc::clone(&self.week),
        }
    }
}

impl Episode {
    fn is_off(&self, rules: &[Standing]) -> bool {
        let rule = rules.iter().find(|rule| rule.id == self.about.id);
        !rule.is_some_and(|rule| rule.state == RuleState::On)
    }

    fn was_looked_at(&self, looked: &[Looked]) -> bool {
        looked.iter().any(|(rule, server, unseen)| {
            *rule == self.about.id
                && *server == self.server
                && !unseen.contains(&self.candidate.subject)
        })
    }

    fn muted(&self, at: SystemTime, mutes: &[Mute]) -> Option<Arc<str>> {
        let of = mutes.iter().find(|mute| {
            mute.is_in_force(at) && mute.fits(self.about.id, &self.server, &self.candidate)
        });
        of.map(|mute| Arc::clone(&mute.reason))
    }

    fn finding(&self, id: &str, at: Moment, mutes: &[Mute]) -> Option<Finding> {
        Some(Finding {
            id: id.into(),
            about: self.about,
            server: Arc::clone(&self.server),
            candidate: Arc::clone(&self.candidate),
            opened: self.opened?,
            seen: self.last_wall,
            is_current: self.last == at.elapsed,
            muted: self.muted(at.wall, mutes),
        })
    }

    fn report(&self, id: &str, phase: &'static str, at: SystemTime) -> (Arc<str>, Report) {
        let opened = self.opened.unwrap_or(at);
        let report = FindingReport::of(id, self.about, &self.candidate, phase, (opened, at));
        (Arc::clone(&self.server), Report::Finding(report))
    }
}

#[cfg(test)]
mod tests;
