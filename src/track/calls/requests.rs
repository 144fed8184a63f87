//! What belongs to a request, by its trace id: statements that were sent to databases, as spans of the
//! databases' clients tell, and calls that were made on the way.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use super::texts::Known;
use crate::integration::{Call, DatabaseSpan, Direction, TraceId};
use crate::track::reports::{Made, Sent};
use crate::track::timeline::in_seconds;

/// Requests that are remembered.
const REQUESTS: usize = 5_000;
/// For so long.
const KEPT: Duration = Duration::from_secs(180);
/// Texts, and calls, of one request that are told apart.
const PARTS: usize = 20;
/// Of these so many are told.
const TOLD: usize = 5;

/// The last requests.
#[derive(Debug, Default)]
pub(super) struct Requests {
    all: HashMap<TraceId, Parts>,
    order: VecDeque<(Duration, TraceId)>,
}

/// What belongs to one request.
#[derive(Debug, Default)]
struct Parts {
    /// A text, how many, and how long all of them took.
    statements: Vec<(Option<Arc<str>>, u64, Duration)>,
    calls: Vec<(Arc<str>, Arc<str>, Duration, Duration)>,
}

impl Requests {
    /// Remembers spans of databases' clients that came at `now`, since the agent's start.
    pub(super) fn add_statements(&mut self, now: Duration, spans: Vec<DatabaseSpan>) {
        for span in spans {
            let texts = &mut self.of(now, span.trace).statements;
            let known = texts.iter_mut().find(|(query, ..)| *query == span.query);
            if let Some((_, count, length)) = known {
                *count += 1;
                *length += span.length;
            } else if texts.len() < PARTS {
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

    /// Remembers an outbound call, which may be a part of an inbound one.
    pub(super) fn add_call(&mut self, now: Duration, call: &Call, from: Duration, to: Duration) {
        let Some(trace) = call.trace.filter(|_| call.direction == Direction::Outbound) else {
            return;
        };
        let (integration, operation) = (Arc::clone(&call.integration), Arc::clone(&call.operation));
        let calls = &mut self.of(now, trace).calls;
        if calls.len() < PARTS {
            calls.push((integration, operation, from, to));
        }
    }

    fn of(&mut self, now: Duration, trace: TraceId) -> &mut Parts {
        self.all.entry(trace).or_insert_with(|| {
            self.order.push_back((now, trace));
            Parts::default()
        })
    }

    /// What was sent for a request, the longest first.
    pub(super) fn statements(
        &self,
        trace: TraceId,
        identify: impl Fn(&str) -> Option<Known>,
    ) -> Vec<Sent> {
        let mut texts: Vec<_> =
            self.all.get(&trace).into_iter().flat_map(|parts| &parts.statements).collect();
        texts.sort_by_key(|(_, _, length)| std::cmp::Reverse(*length));
        texts
            .into_iter()
            .take(TOLD)
            .map(|(query, count, length)| Sent {
                query: query.clone(),
                statement: query.as_deref().and_then(&identify),
                count: *count,
                seconds: in_seconds(*length),
            })
            .collect()
    }

    /// The calls that were made within an inbound one, the longest first.
    pub(super) fn calls(&self, trace: TraceId, from: Duration, to: Duration) -> Vec<Made> {
        let all = self.all.get(&trace).into_iter().flat_map(|parts| &parts.calls);
        let mut made: Vec<Made> = all
            .filter_map(|(integration, operation, began, ended)| {
                let within = to.min(*ended).saturating_sub(from.max(*began));
                (!within.is_zero()).then(|| Made {
                    integration: Arc::clone(integration),
                    operation: Arc::clone(operation),
                    seconds: in_seconds(within),
                })
            })
            .collect();
        made.sort_by(|a, b| b.seconds.total_cmp(&a.seconds));
        made.truncate(TOLD);
        made
    }
}
