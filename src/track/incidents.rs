//! Lock incidents: a root blocker with many victims at a time, or with one for long.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use super::forest::Node;
use super::lock_tree::{Blocker, LockTree};
use super::lock_waits::{Charge, LockWaits, Scene};
use super::reports::LockIncident;
use super::timeline::{in_seconds, span};

/// Somebody may stop waiting for this long before an incident is over.
const GRACE: Duration = Duration::from_secs(1);
/// The tree at its worst is drawn anew at most this often while it does not grow.
const REDRAW: Duration = Duration::from_secs(1);
/// Sessions of a tree that are kept; all are counted.
const SESSIONS: usize = 100;

/// From when on waits are an incident.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Thresholds {
    /// So many victims at a time.
    pub victims: usize,
    /// Or so long.
    pub after: Duration,
}

/// The trees of one server which are, or may become, incidents; by root.
#[derive(Debug, Default)]
pub struct Incidents {
    open: BTreeMap<i32, Incident>,
}

#[derive(Debug)]
struct Incident {
    started: SystemTime,
    seen: SystemTime,
    most_victims: usize,
    blocked: Duration,
    drawn: SystemTime,
    worst: Blocker,
    told: bool,
}

impl Incidents {
    /// Folds one sample in; returns incidents that begin or end with it.
    pub fn apply(
        &mut self,
        scene: Scene<'_>,
        waits: &LockWaits,
        charges: &[Charge],
        thresholds: Thresholds,
    ) -> Vec<LockIncident> {
        let at = scene.now.at;
        for root in &waits.forest().roots {
            self.see(scene, waits, root);
        }
        for charge in charges {
            if let Some(incident) = charge.root.and_then(|pid| self.open.get_mut(&pid)) {
                incident.blocked += charge.time;
            }
        }
        let mut told = Vec::new();
        for incident in self.open.values_mut() {
            let is_one = incident.most_victims >= thresholds.victims
                || span(incident.started, incident.seen) >= thresholds.after;
            if is_one && !incident.told {
                incident.told = true;
                told.push(incident.report("open"));
            }
        }
        self.open.retain(|_, incident| {
            let is_over = span(incident.seen, at) > GRACE;
            if is_over && incident.told {
                told.push(incident.report("ended"));
            }
            !is_over
        });
        told
    }

    fn see(&mut self, scene: Scene<'_>, waits: &LockWaits, root: &Node) {
        let at = scene.now.at;
        let Some(started) = first_wait(root, waits) else { return };
        let victims = root.count();
        let draw = || {
            let mut tree = LockTree::root(scene, waits, root);
            tree.cut(&mut SESSIONS.clone());
            tree
        };
        let incident = self.open.entry(root.pid).or_insert_with(|| Incident {
            started,
            seen: at,
            most_victims: 0,
            blocked: Duration::ZERO,
            drawn: at,
            worst: draw(),
            told: false,
        });
        incident.seen = at;
        let is_worse = victims > incident.most_victims
            || victims == incident.most_victims && span(incident.drawn, at) >= REDRAW;
        if is_worse {
            incident.worst = draw();
            incident.drawn = at;
            incident.most_victims = victims;
        }
    }
}

/// When the first of its victims began to wait; `None` if nobody waits for it any more.
fn first_wait(node: &Node, waits: &LockWaits) -> Option<SystemTime> {
    node.victims
        .iter()
        .flat_map(|victim| {
            let own = waits.open().get(&victim.pid).map(|open| open.start);
            [own, first_wait(victim, waits)]
        })
        .flatten()
        .min()
}

impl Incident {
    fn report(&self, phase: &'static str) -> LockIncident {
        LockIncident {
            phase,
            started: self.started,
            seconds: in_seconds(span(self.started, self.seen)),
            most_victims: self.most_victims,
            blocked_seconds: in_seconds(self.blocked),
            tree: self.worst.clone(),
        }
    }
}

impl Blocker {
    /// Leaves out victims over `left`, those at the end.
    fn cut(&mut self, left: &mut usize) {
        self.victims.retain_mut(|victim| {
            let keep = *left > 0;
            if keep {
                *left -= 1;
                victim.cut(left);
            }
            keep
        });
    }
}
