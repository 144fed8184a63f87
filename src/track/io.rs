//! Checkpoints, WAL and I/O as counters that only grow.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::SystemTime;

use super::cumulative::Cumulative;
use crate::sample::Moment;
use crate::sample::io::{Archiver, Bgwriter, Checkpoints, Counters, Sample, Wal};

/// Kind of process, context and object, as pg_stat_io names them.
pub type Who = (Arc<str>, Arc<str>, Arc<str>);

/// One server's, since the agent first saw it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct View {
    /// When that was read; `None` before.
    pub at: Option<Moment>,
    /// Checkpoints.
    pub checkpoints: Checkpoints,
    /// The background writer, and buffers.
    pub bgwriter: Bgwriter,
    /// WAL; `None` where it is not told.
    pub wal: Option<Wal>,
    /// By kind of process, context and object; empty before PostgreSQL 16.
    pub io: BTreeMap<Who, Counters>,
    /// Archiving.
    pub archiver: Archiver,
    /// When the archiver's were last reset, by the server's clock. A crash empties the statistics of all
    /// databases and leaves a mark here alone, as does the first start.
    pub archiver_reset: Option<SystemTime>,
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
        view.archiver_reset = sample.resets.archiver;
        let Some(last) = self.last.replace(sample) else {
            view.wal = self.last.as_ref().and_then(|sample| sample.wal).map(|_| Wal::default());
            return view.clone();
        };
        let Some(now) = &self.last else { return view.clone() };
        let (reset, before) = (now.resets, last.resets);
        let is_new = reset.checkpoints != before.checkpoints;
        let checkpoints = grow(&mut view.checkpoints, last.checkpoints, now.checkpoints, is_new);
        let is_new = reset.bgwriter != before.bgwriter;
        let bgwriter = grow(&mut view.bgwriter, last.bgwriter, now.bgwriter, is_new);
        // Before PostgreSQL 17 they are one view, of which there is one reset.
        let is_one = checkpoints && reset.checkpoints == reset.bgwriter;
        view.resets += u64::from(checkpoints) + u64::from(bgwriter && !is_one);
        if let Some(wal) = now.wal {
            let (last, is_new) = (last.wal.unwrap_or(wal), reset.wal != before.wal);
            let wal = grow(view.wal.get_or_insert_default(), last, wal, is_new);
            view.resets += u64::from(wal);
        }
        let is_new = reset.io != before.io;
        view.resets += u64::from(is_new);
        for io in &now.io {
            let who: Who = (
                io.backend_type.as_str().into(),
                io.context.as_str().into(),
                io.object.as_str().into(),
            );
            let last = last.io.iter().find(|last| {
                (&last.backend_type, &last.context, &last.object)
                    == (&io.backend_type, &io.context, &io.object)
            });
            // What was all zero was not sent.
            let last = last.map_or_else(Counters::default, |last| last.counters);
            if view.io.len() < MOST || view.io.contains_key(&who) {
                grow(view.io.entry(who).or_default(), last, io.counters, is_new);
            }
        }
        let is_new = reset.archiver != before.archiver;
        let archiver = grow(&mut view.archiver, last.archiver, now.archiver, is_new);
        view.resets += u64::from(archiver);
        view.clone()
    }
}

/// Adds the growth; after a reset, which is known by its time or by what went back, all of it has
/// grown since. Returns whether there was one.
fn grow<C: Cumulative>(sum: &mut C, last: C, now: C, is_new: bool) -> bool {
    let is_reset = is_new || !last.at_most(&now);
    let growth = if is_reset { now } else { now.since(&last) };
    sum.add(&growth);
    is_reset
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::sample::io::{Io, Resets};

    #[test]
    fn the_mark_that_a_crash_leaves_is_known_from_the_first_look_on() {
        let at = Moment { wall: SystemTime::UNIX_EPOCH, elapsed: Duration::ZERO };
        let mark = Some(SystemTime::UNIX_EPOCH + Duration::from_secs(7));
        let resets = Resets { archiver: mark, ..Resets::default() };
        let sample = Sample { resets, ..Sample::default() };
        assert_eq!(Activity::default().apply(at, sample).archiver_reset, mark);
    }

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
                    resets: Resets { checkpoints: reset, bgwriter: reset, ..Resets::default() },
                    checkpoints: Checkpoints { requested, ..Checkpoints::default() },
                    bgwriter: Bgwriter::default(),
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

    #[test]
    fn checkpoints_and_the_background_writer_are_reset_apart_or_together() {
        let mut activity = Activity::default();
        let at = Moment { wall: SystemTime::UNIX_EPOCH, elapsed: Duration::ZERO };
        let mut look = |resets: [u64; 2], requested, buffers_alloc| {
            let [checkpoints, bgwriter] =
                resets.map(|reset| Some(SystemTime::UNIX_EPOCH + Duration::from_secs(reset)));
            let sample = Sample {
                resets: Resets { checkpoints, bgwriter, ..Resets::default() },
                checkpoints: Checkpoints { requested, ..Checkpoints::default() },
                bgwriter: Bgwriter { buffers_alloc, ..Bgwriter::default() },
                ..Sample::default()
            };
            let view = activity.apply(at, sample);
            (view.checkpoints.requested, view.bgwriter.buffers_alloc, view.resets)
        };
        assert_eq!(look([1, 2], 500, 900), (0, 0, 0), "only a base");
        assert_eq!(look([1, 3], 501, 7), (1, 7, 1), "the background writer's alone");
        assert_eq!(look([4, 3], 2, 9), (3, 9, 2), "those of checkpoints alone");
        assert_eq!(look([5, 5], 2, 9), (5, 18, 3), "one view, one reset");
        assert_eq!(look([6, 7], 2, 9), (7, 27, 5), "both, one after the other");
    }
}
