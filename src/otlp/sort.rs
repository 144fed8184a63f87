//! Spans sorted: calls of integrations, statements that clients of a database sent, and the rest. Pure.
//!
//! Which way a call goes, the span tells: a client that names the other side called it, a server was
//! called by it. Where it is the program itself that is the integration (an attribute of its resource
//! fits), it is the other way round. A call that both sides tell of is one: the parent of the
//! server's span is the client's. Of the steps of a message one is its call ([`Messages`]).

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::Arc;
use std::time::SystemTime;

use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::span::SpanKind;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, Span};

use super::message::{Messages, Part};
use super::span::{Attributes, fault, kind, operation, times};
use crate::integration::meter::otlp::Tally;
use crate::integration::{
    Call, DatabaseSpan, Direction, Integration, Integrations, Source, SpanId, Told, TraceId,
};
use crate::sample::normalise;

/// Spans that are remembered, to know those that come again.
const REMEMBERED: usize = 60_000;
/// Characters of a statement.
const STATEMENT: usize = 1_000;

/// A span's place in the world.
type Place = (TraceId, SpanId);

/// What was seen of late.
#[derive(Debug, Default)]
pub(super) struct Sorter {
    seen: Remembered<()>,
    /// By the client's end of the call: which kind of span told of it.
    told: Remembered<bool>,
}

/// The last so many of something.
#[derive(Debug)]
struct Remembered<T> {
    all: HashMap<Place, T>,
    order: VecDeque<Place>,
}

impl<T> Default for Remembered<T> {
    fn default() -> Self {
        Self { all: HashMap::new(), order: VecDeque::new() }
    }
}

impl<T> Remembered<T> {
    fn add(&mut self, place: Place, what: T) {
        if self.all.insert(place, what).is_none() {
            self.order.push_back(place);
        }
        while self.order.len() > REMEMBERED {
            if let Some(oldest) = self.order.pop_front() {
                self.all.remove(&oldest);
            }
        }
    }
}

/// What a request brought.
#[derive(Debug, Default)]
pub(super) struct Sorted {
    /// What goes on into the state.
    pub(super) told: Told,
    /// What it counts for, if it is taken.
    pub(super) tally: Tally,
    /// Spans that were refused, for the answer.
    pub(super) refused: u64,
    places: HashSet<Place>,
    hops: HashMap<Place, bool>,
}

impl Sorter {
    /// Sorts the spans of a request; nothing is remembered of them before [`Self::keep`].
    pub(super) fn sort(
        &self,
        batches: &[ResourceSpans],
        integrations: &Integrations,
        now: SystemTime,
    ) -> Sorted {
        let mut sorted = Sorted::default();
        for batch in batches {
            let resource = batch.resource.as_ref();
            let messages = Messages::of(batch);
            for span in batch.scope_spans.iter().flat_map(|scope| &scope.spans) {
                self.one(span, (resource, &messages), integrations, now, &mut sorted);
            }
        }
        sorted
    }

    /// Remembers what was taken: it could be sent again.
    pub(super) fn keep(&mut self, sorted: &Sorted) {
        for place in &sorted.places {
            self.seen.add(*place, ());
        }
        for (place, is_client) in &sorted.hops {
            self.told.add(*place, *is_client);
        }
    }

    fn one(
        &self,
        span: &Span,
        (resource, messages): (Option<&Resource>, &Messages),
        integrations: &Integrations,
        now: SystemTime,
        sorted: &mut Sorted,
    ) {
        let mut refuse = |reason| {
            *sorted.tally.refused.entry(reason).or_default() += 1;
            sorted.refused += 1;
        };
        let ids = TraceId::new(&span.trace_id).zip(SpanId::new(&span.span_id));
        let Some(place) = ids else { return refuse("no_id") };
        let when = match times(span, now) {
            Ok(when) => when,
            Err(reason) => return refuse(reason),
        };
        if self.seen.all.contains_key(&place) || sorted.places.contains(&place) {
            sorted.tally.told_twice += 1;
            return;
        }
        let attributes = Attributes { span: &span.attributes, resource };
        let mut accept = |what| *sorted.tally.accepted.entry(what).or_default() += 1;
        let kind = kind(span);
        if kind == Some(SpanKind::Client) && attributes.are_of_a_database() {
            accept("database");
            sorted.places.insert(place);
            sorted.told.database.push(DatabaseSpan {
                trace: place.0,
                began: when.began,
                length: when.length,
                query: attributes.statement().map(|text| normalise(text, STATEMENT).into()),
            });
            return;
        }
        let part = kind.map(|kind| messages.part(place.0, attributes, kind));
        let is_ours = || whose(attributes, SpanKind::Producer, integrations).is_some();
        if part == Some(Part::Begin) && is_ours() {
            sorted.hops.insert(place, true);
        }
        let kind = match part {
            Some(Part::Call(kind)) => Some(kind),
            Some(Part::Begin | Part::Step) | None => None,
        };
        let found = kind.and_then(|kind| Some((kind, whose(attributes, kind, integrations)?)));
        let Some((kind, (integration, direction))) = found else { return accept("unmatched") };
        let is_client = matches!(kind, SpanKind::Client | SpanKind::Producer);
        let hop = if is_client { Some(place.1) } else { SpanId::new(&span.parent_span_id) };
        if let Some(hop) = hop.map(|hop| (place.0, hop)) {
            let told = self.told.all.get(&hop).copied();
            let here = sorted.hops.get(&hop).copied();
            if told.or(here).is_some_and(|by_client| by_client != is_client) {
                sorted.tally.told_twice += 1;
                return;
            }
            sorted.hops.insert(hop, is_client);
        }
        accept("call");
        sorted.places.insert(place);
        sorted.told.calls.push(Call {
            integration: Arc::clone(&integration.name),
            direction,
            operation: operation(span, attributes).into(),
            began: when.began,
            length: when.length,
            fault: fault(span, attributes),
            trace: Some(place.0),
            source: Source::Span,
        });
    }
}

/// Whose call a span tells of, and which way it went.
fn whose<'a>(
    attributes: Attributes<'_>,
    kind: SpanKind,
    integrations: &'a Integrations,
) -> Option<(&'a Arc<Integration>, Direction)> {
    let is_client = matches!(kind, SpanKind::Client | SpanKind::Producer);
    let (there, here) = if is_client {
        (Direction::Outbound, Direction::Inbound)
    } else {
        (Direction::Inbound, Direction::Outbound)
    };
    let other_side = integrations.of_span(|name| attributes.of_span(name)).map(|i| (i, there));
    other_side
        .or_else(|| integrations.of_span(|name| attributes.of_resource(name)).map(|i| (i, here)))
}
