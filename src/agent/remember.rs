//! Reports as episodes of the history.

use std::sync::Arc;

use crate::history::{Batch, Episode};
use crate::state::Entry;
use crate::track::hours::unix;

/// What of these has ended.
pub(super) fn episodes(entries: &[Arc<Entry>]) -> Batch {
    let at = entries.last().map_or(0, |entry| unix(entry.at));
    Batch {
        at,
        episodes: entries.iter().filter_map(|entry| episode(entry)).collect(),
        ..Batch::default()
    }
}

fn episode(entry: &Entry) -> Option<Episode> {
    let (start, end) = entry.report.span(entry.at)?;
    let json = serde_json::to_string(entry)
        .inspect_err(|error| tracing::error!(%error, "an event cannot be written as JSON"))
        .ok()?;
    Some(Episode {
        server: entry.server.clone(),
        kind: entry.report.kind().into(),
        start: unix(start),
        end: unix(end),
        json,
    })
}
