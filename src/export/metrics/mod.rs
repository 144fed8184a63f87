//! The metrics. Each is declared once, as a [`Metric`]: name, help, kind, labels, and how it reads
//! a snapshot. Exposition, documentation and tests all come from that declaration.

mod brokers;
mod calls;
mod catalog;
mod connection;
mod databases;
mod duplicates;
mod findings;
mod footprints;
mod growth;
mod history;
mod indexes;
mod intake;
mod io;
mod locks;
mod log;
mod probes;
mod process;
mod queues;
mod reference;
mod replication;
mod samplers;
mod sessions;
mod settings;
mod statements;
mod suggestions;
mod tables;
mod text;
mod transactions;
mod vacuum;

use std::sync::Arc;

use bytes::Bytes;
pub use reference::reference;
pub use text::{Format, Kind};
use text::{Rows, header};

use crate::state::{ServerSnapshot, Snapshot};

/// One metric, read off a server's snapshot or, of what belongs to no server, off the whole.
pub struct Metric<S = ServerSnapshot> {
    /// Full name; counters end with `_total`.
    pub name: &'static str,
    /// What it says, in one sentence.
    pub help: &'static str,
    /// Its type.
    pub kind: Kind,
    /// The labels; those of a server have `server` before them.
    pub labels: &'static [&'static str],
    rows: fn(&S, &mut Rows),
}

/// The metrics which change together, when one part of the snapshot does.
struct Signal<S: 'static = ServerSnapshot> {
    metrics: &'static [Metric<S>],
    unchanged: fn(&S, &S) -> bool,
}

/// Of each server.
const SIGNALS: [&Signal; 20] = [
    &connection::SIGNAL,
    &databases::SIGNAL,
    &sessions::SIGNAL,
    &locks::SIGNAL,
    &transactions::SIGNAL,
    &footprints::SIGNAL,
    &log::SIGNAL,
    &statements::SIGNAL,
    &suggestions::SIGNAL,
    &tables::SIGNAL,
    &indexes::SIGNAL,
    &growth::SIGNAL,
    &queues::SIGNAL,
    &duplicates::SIGNAL,
    &catalog::SIGNAL,
    &vacuum::SIGNAL,
    &replication::SIGNAL,
    &io::SIGNAL,
    &settings::SIGNAL,
    &samplers::SIGNAL,
];

/// Of no server.
const AROUND: [&Signal<Snapshot>; 6] = [
    &calls::SIGNAL,
    &intake::SIGNAL,
    &probes::SIGNAL,
    &brokers::SIGNAL,
    &findings::SIGNAL,
    &history::SIGNAL,
];

/// Every metric of a server, in the order of exposition.
pub fn of_servers() -> impl Iterator<Item = &'static Metric> {
    SIGNALS.into_iter().flat_map(|signal| signal.metrics)
}

/// Every metric of no server, in the order of exposition.
pub fn around() -> impl Iterator<Item = &'static Metric<Snapshot>> {
    AROUND.into_iter().flat_map(|signal| signal.metrics)
}

/// The rendered metrics of one snapshot: finished text, which a scrape only joins.
#[derive(Clone, Default)]
pub struct Exposition {
    servers: Vec<Rendered>,
    around: Option<Around>,
}

/// One server: for each signal the text of each of its metrics.
#[derive(Clone)]
struct Rendered {
    of: ServerSnapshot,
    signals: [Arc<[Bytes]>; SIGNALS.len()],
}

/// What belongs to no server. Only one of the formats has exemplars, so each has its own text.
#[derive(Clone)]
struct Around {
    of: Snapshot,
    plain: [Arc<[Bytes]>; AROUND.len()],
    open: [Arc<[Bytes]>; AROUND.len()],
}

impl Exposition {
    /// Renders `snapshot`, reusing from `self` what has not changed.
    #[must_use]
    pub fn next(&self, snapshot: &Snapshot) -> Self {
        let servers = snapshot
            .servers
            .iter()
            .map(|server| {
                let before = self.servers.iter().find(|rendered| rendered.of.name == server.name);
                Rendered::of(server, before)
            })
            .collect();
        Self { servers, around: Some(Around::of(snapshot, self.around.as_ref())) }
    }

    /// The whole answer to a scrape: the servers' metrics, then those of this process. The
    /// pieces are shared, not copied.
    #[must_use]
    pub fn pieces(&self, format: Format) -> Vec<Bytes> {
        let mut pieces = Vec::new();
        for (index, signal) in SIGNALS.iter().enumerate() {
            for (position, metric) in signal.metrics.iter().enumerate() {
                pieces.push(header(format, metric.name, metric.help, metric.kind).into());
                let blocks =
                    self.servers.iter().filter_map(|s| s.signals.get(index)?.get(position));
                pieces.extend(blocks.filter(|block| !block.is_empty()).cloned());
            }
        }
        for (index, signal) in AROUND.iter().enumerate() {
            for (position, metric) in signal.metrics.iter().enumerate() {
                pieces.push(header(format, metric.name, metric.help, metric.kind).into());
                let texts = self.around.as_ref().map(|around| match format {
                    Format::Prometheus => &around.plain,
                    Format::OpenMetrics => &around.open,
                });
                let block = texts.and_then(|texts| texts.get(index)?.get(position));
                pieces.extend(block.filter(|block| !block.is_empty()).cloned());
            }
        }
        pieces.push(process::text(format).into());
        if format == Format::OpenMetrics {
            pieces.push(Bytes::from_static(b"# EOF\n"));
        }
        pieces
    }
}

impl Rendered {
    fn of(server: &ServerSnapshot, before: Option<&Self>) -> Self {
        let before = before.map(|before| (&before.of, &before.signals));
        let rows = |metric: &Metric| Rows::of_server(metric.name, &server.name, metric.labels);
        Self { of: server.clone(), signals: renew(&SIGNALS, server, before, rows) }
    }
}

impl Around {
    fn of(snapshot: &Snapshot, before: Option<&Self>) -> Self {
        let plain = |metric: &Metric<Snapshot>| Rows::around(metric.name, metric.labels);
        let open = |metric: &Metric<Snapshot>| plain(metric).with_exemplars();
        Self {
            plain: renew(&AROUND, snapshot, before.map(|b| (&b.of, &b.plain)), plain),
            open: renew(&AROUND, snapshot, before.map(|b| (&b.of, &b.open)), open),
            of: Snapshot { servers: Vec::new(), ..snapshot.clone() },
        }
    }
}

/// Renders each signal that has changed since `before`.
fn renew<S, const N: usize>(
    signals: &[&Signal<S>; N],
    now: &S,
    before: Option<(&S, &[Arc<[Bytes]>; N])>,
    rows: impl Fn(&Metric<S>) -> Rows,
) -> [Arc<[Bytes]>; N] {
    std::array::from_fn(|index| {
        let Some(signal) = signals.get(index) else { return Arc::default() };
        let kept = before.filter(|(then, _)| (signal.unchanged)(then, now));
        match kept.and_then(|(_, blocks)| blocks.get(index)) {
            Some(block) => Arc::clone(block),
            None => render(signal, now, &rows),
        }
    })
}

fn render<S>(signal: &Signal<S>, of: &S, rows: &impl Fn(&Metric<S>) -> Rows) -> Arc<[Bytes]> {
    signal
        .metrics
        .iter()
        .map(|metric| {
            let mut rows = rows(metric);
            (metric.rows)(of, &mut rows);
            Bytes::from(rows.finish())
        })
        .collect()
}

#[cfg(test)]
mod tests;
