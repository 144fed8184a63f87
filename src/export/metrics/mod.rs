//! The metrics. Each is declared once, as a [`Metric`]: name, help, kind, labels, and how it reads
//! a snapshot. Exposition, documentation and tests all come from that declaration.

mod connection;
mod databases;
mod locks;
mod log;
mod process;
mod reference;
mod samplers;
mod sessions;
mod statements;
mod text;
mod transactions;

use std::sync::Arc;

use bytes::Bytes;
pub use reference::reference;
pub use text::{Format, Kind};
use text::{Rows, header};

use crate::state::{ServerSnapshot, Snapshot};

/// One metric of a server. Its first label is always `server`.
pub struct Metric {
    /// Full name; counters end with `_total`.
    pub name: &'static str,
    /// What it says, in one sentence.
    pub help: &'static str,
    /// Its type.
    pub kind: Kind,
    /// The labels after `server`.
    pub labels: &'static [&'static str],
    rows: fn(&ServerSnapshot, &mut Rows),
}

/// The metrics which change together, when one part of the snapshot does.
struct Signal {
    metrics: &'static [Metric],
    unchanged: fn(&ServerSnapshot, &ServerSnapshot) -> bool,
}

const SIGNALS: [&Signal; 8] = [
    &connection::SIGNAL,
    &databases::SIGNAL,
    &sessions::SIGNAL,
    &locks::SIGNAL,
    &transactions::SIGNAL,
    &log::SIGNAL,
    &statements::SIGNAL,
    &samplers::SIGNAL,
];

/// Every metric of a server, in the order of exposition.
pub fn all() -> impl Iterator<Item = &'static Metric> {
    SIGNALS.into_iter().flat_map(|signal| signal.metrics)
}

/// The rendered metrics of one snapshot: finished text, which a scrape only joins.
#[derive(Clone, Default)]
pub struct Exposition {
    servers: Vec<Rendered>,
}

/// One server: for each signal the text of each of its metrics.
#[derive(Clone)]
struct Rendered {
    of: ServerSnapshot,
    signals: [Arc<[Bytes]>; SIGNALS.len()],
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
        Self { servers }
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
        pieces.push(process::text(format).into());
        if format == Format::OpenMetrics {
            pieces.push(Bytes::from_static(b"# EOF\n"));
        }
        pieces
    }
}

impl Rendered {
    fn of(server: &ServerSnapshot, before: Option<&Self>) -> Self {
        let signals = std::array::from_fn(|index| {
            let signal = SIGNALS.get(index);
            let kept = before.filter(|b| signal.is_some_and(|s| (s.unchanged)(&b.of, server)));
            match (kept.and_then(|b| b.signals.get(index)), signal) {
                (Some(block), _) => Arc::clone(block),
                (None, Some(signal)) => render(signal, server),
                (None, None) => Arc::default(),
            }
        });
        Self { of: server.clone(), signals }
    }
}

fn render(signal: &Signal, server: &ServerSnapshot) -> Arc<[Bytes]> {
    signal
        .metrics
        .iter()
        .map(|metric| {
            let mut rows = Rows::new(metric.name, &server.name, metric.labels);
            (metric.rows)(server, &mut rows);
            Bytes::from(rows.finish())
        })
        .collect()
}

#[cfg(test)]
mod tests;
