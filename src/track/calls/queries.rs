//! What was sent to databases for a request, as spans of the database's clients tell.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use crate::integration::{DatabaseSpan, TraceId};
use crate::track::reports::Sent;
use crate::track::timeline::in_seconds;

/// Requests that are remembered.
const REQUESTS: usize = 5_000;
/// For so long.
const KEPT: Duration = Duration::from_secs(180);
/// Texts of one request that are told apart.
const TEXTS: usize = 20;
/// Texts that are told.
const TOLD: usize = 5;

/// A text, how many, and how long all of them took.
type Text = (Option<Arc<str>>, u64, Duration);

/// By request: texts with how many and how long.
#[derive(Debug, Default)]
pub(super) struct Queries {
    all: HashMap<TraceId, Vec<Text>>,
    order: VecDeque<(Duration, TraceId)>,
}

impl Queries {
    /// Remembers spans that came at `now`, since the agent's start.
    pub(super) fn add(&mut self, now: Duration, spans: Vec<DatabaseSpan>) {
        for span in spans {
            let texts = self.all.entry(span.trace).or_insert_with(|| {
                self.order.push_back((now, span.trace));
                Vec::new()
            });
            let known = texts.iter_mut().find(|(query, ..)| *query == span.query);
            if let Some((_, count, length)) = known {
                *count += 1;
                *length += span.length;
            } else if texts.len() < TEXTS {
                texts.push((span.query, 1, span.length));
            }
        }
        let is_old = |since: Duration| now.saturating_sub(since) > KEPT;
        while self.order.len() > REQUESTS
            || self.order.front().is_some_and(|(since, _)| is_old(*since))
        {
            if let Some((_, trace)) = self.order.pop_front() {
                self.all.remove(&trace);
            }
        }
    }

    /// What was sent for a request, the longest first.
    pub(super) fn of(&self, trace: TraceId) -> Vec<Sent> {
        let mut texts: Vec<_> = self.all.get(&trace).into_iter().flatten().collect();
        texts.sort_by_key(|(_, _, length)| std::cmp::Reverse(*length));
        texts
            .into_iter()
            .take(TOLD)
            .map(|(query, count, length)| Sent {
                query: query.clone(),
                count: *count,
                seconds: in_seconds(*length),
            })
            .collect()
    }
}
