//! Checkpoints, WAL and I/O as counters that only grow.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::cumulative::Cumulative;
use crate::sample::Moment;
use crate::sample::io::{Archiver, Checkpoints, Counters, Sample, Wal};

/// Kind of process, context and object, as pg_stat_io names them.
pub type Who = (Arc<str>, Arc<str>, Arc<str>);

/// One server's, since the agent first saw it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct View {
    /// When that was read; `None` before.
    pub at: Option<Moment>,
    /// Checkpoints and buffers.
    pub checkpoints: Checkpoints,
    /// WAL; `None` where it is not told.
    pub wal: Option<Wal>,
    /// By kind of process, context and object; empty before PostgreSQL 16.
    pub io: BTreeMap<Who, Counters>,
    /// Archiving.
    pub archiver: Archiver,
    /// Resets of these statistics that were seen.
    pub resets: u64,
}

/// Kinds that are told apart; there are about 40.
const MOST: usize = 200;

/// What is known of one server.
#[derive(Debug, Default)]
pub struct Activity {
    last: Option<Sample>,
    view: View,
}

impl Activity {
    /// The next sample is only a base: the server is another one.
    pub fn rebase(&mut self) {
        self.last = None;
    }

    /// Folds a sample in.
    pub fn apply(&mut self, at: Moment, sample: Sample) -> View {
        let view = &mut self.view;
        view.at = Some(at);
        let Some(last) = self.last.replace(sample) else {
            view.wal = self.last.as_ref().and_then(|sample| sample.wal).map(|_| Wal::default());
            return view.clone();
        };
        let Some(now) = &self.last else { return view.clone() };
        let restarted: Vec<bool> =
            now.resets.iter().zip(&last.resets).map(|(now, last)| now != last).collect();
        let restarted = |place: usize| restarted.get(place).copied().unwrap_or(false);
        grow(
            &mut view.checkpoints,
            last.checkpoints,
            now.checkpoints,
            restarted(0),
            &mut view.resets,
        );
        if let Some(wal) = now.wal {
            let before = last.wal.unwrap_or(wal);
            grow(view.wal.get_or_insert_default(), before, wal, restarted(1), &mut view.resets);
        }
        for io in &now.io {
            let who: Who = (
                io.backend_type.as_str().into(),
                io.context.as_str().into(),
                io.object.as_str().into(),
            );
            let before = last.io.iter().find(|before| {
                (&before.backend_type, &before.context, &before.object)
                    == (&io.backend_type, &io.context, &io.object)
            });
            // What was all zero was not sent.
            let before = before.map_or_else(Counters::default, |before| before.counters);
            if view.io.len() < MOST || view.io.contains_key(&who) {
                let sum = view.io.entry(who).or_default();
                let mut ignored = 0;
                grow(sum, before, io.counters, restarted(2), &mut ignored);
            }
        }
        view.resets += u64::from(restarted(2));
        grow(&mut view.archiver, last.archiver, now.archiver, restarted(3), &mut view.resets);
        view.clone()
    }
}

/// Adds the growth; after a reset all of it has grown since.
fn grow<C: Cumulative>(sum: &mut C, last: C, now: C, restarted: bool, resets: &mut u64) {
    if restarted || !last.at_most(&now) {
        *resets += 1;
        sum.add(&now);
    } else {
        sum.add(&now.since(&last));
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, SystemTime};

    use super::*;
    use crate::sample::io::Io;

    #[test]
    fn growth_is_counted_from_the_first_look_on_and_a_reset_loses_only_what_was_before_it() {
        let mut activity = Activity::default();
        let at = Moment { wall: SystemTime::UNIX_EPOCH, elapsed: Duration::ZERO };
        let mut look = |reset: u64, requested, reads| {
            let reset = Some(SystemTime::UNIX_EPOCH + Duration::from_secs(reset));
            let io = Io {
                backend_type: "client backend".into(),
                context: "normal".into(),
                object: "relation".into(),
                counters: Counters { reads, ..Counters::default() },
            };
            let view = activity.apply(
                at,
                Sample {
                    resets: [reset, None, None, None],
                    checkpoints: Checkpoints { requested, ..Checkpoints::default() },
                    wal: Some(Wal { bytes: 7, ..Wal::default() }),
                    io: vec![io],
                    archiver: Archiver::default(),
                },
            );
            let reads = view.io.values().next().map_or(0, |io| io.reads);
            (view.checkpoints.requested, reads, view.resets, view.wal.map(|wal| wal.bytes))
        };
        assert_eq!(look(1, 50, 500), (0, 0, 0, Some(0)));
        assert_eq!(look(1, 52, 510), (2, 10, 0, Some(0)));
        assert_eq!(look(2, 60, 510), (62, 10, 1, Some(0)), "more than before, but after a reset");
        assert_eq!(look(2, 60, 3), (62, 13, 1, Some(0)));
    }
}
