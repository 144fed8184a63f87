//! Messages: which of the spans that tell of one is its call. Pure.
//!
//! Who sends a message tells of `send`, and perhaps of `create` before it; who consumes it of
//! `process`, and perhaps of `receive` before and `settle` after it, see
//! <https://opentelemetry.io/docs/specs/semconv/messaging/messaging-spans/>. All of these tell of one
//! call. Older programs say `publish` for `send`, and `receive` or `deliver` for `process`.

use std::collections::HashSet;

use opentelemetry_proto::tonic::trace::v1::ResourceSpans;
use opentelemetry_proto::tonic::trace::v1::span::SpanKind;

use super::span::{Attributes, kind};
use crate::integration::TraceId;

/// What a span has to do with a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    /// It tells of it, as a span of this kind does.
    Call(SpanKind),
    /// It is the begin of one that another span tells of.
    Begin,
    /// It is a step on the way of one that another span tells of.
    Step,
}

/// What a program has sent and processed in each request, as its spans tell that came together.
#[derive(Debug, Default)]
pub(super) struct Messages {
    whole: HashSet<(TraceId, SpanKind)>,
}

/// What the attributes say of a span.
enum Said {
    /// A message was sent or processed.
    Whole(SpanKind),
    /// It is told of alone where nothing says that a message was sent or processed.
    Partly(SpanKind),
    /// It is told of by another span.
    Aside,
}

impl Messages {
    pub(super) fn of(batch: &ResourceSpans) -> Self {
        let spans = batch.scope_spans.iter().flat_map(|scope| &scope.spans);
        let whole = spans.filter_map(|span| {
            let attributes = Attributes { span: &span.attributes, resource: None };
            match said(attributes, kind(span)?)? {
                Said::Whole(kind) => Some((TraceId::new(&span.trace_id)?, kind)),
                Said::Partly(_) | Said::Aside => None,
            }
        });
        Self { whole: whole.collect() }
    }

    /// What a span of this request has to do with a call, whatever it tells of.
    pub(super) fn part(&self, trace: TraceId, attributes: Attributes<'_>, kind: SpanKind) -> Part {
        match said(attributes, kind) {
            None => Part::Call(kind),
            Some(Said::Whole(kind)) => Part::Call(kind),
            Some(Said::Partly(kind)) if !self.whole.contains(&(trace, kind)) => Part::Call(kind),
            Some(Said::Partly(SpanKind::Producer)) => Part::Begin,
            Some(Said::Partly(_) | Said::Aside) => Part::Step,
        }
    }
}

fn said(attributes: Attributes<'_>, kind: SpanKind) -> Option<Said> {
    let now = attributes.of_span("messaging.operation.type");
    let operation = now.or_else(|| attributes.of_span("messaging.operation"))?;
    match operation {
        "send" | "publish" => Some(Said::Whole(SpanKind::Producer)),
        "create" => Some(Said::Partly(SpanKind::Producer)),
        "process" | "deliver" => Some(Said::Whole(SpanKind::Consumer)),
        "receive" if now.is_none() && kind == SpanKind::Consumer => {
            Some(Said::Partly(SpanKind::Consumer))
        }
        "receive" | "settle" => Some(Said::Aside),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, SystemTime};

    use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue, any_value::Value};
    use opentelemetry_proto::tonic::trace::v1::{ScopeSpans, Span};

    use super::super::sort::Sorter;
    use super::*;
    use crate::erp::Pattern;
    use crate::integration::{Direction, Integration, Integrations, Kind, Mode, Objective, Rules};

    const NOW: &str = "messaging.operation.type";
    const BEFORE: &str = "messaging.operation";

    fn queue() -> Integrations {
        let spans = vec![("messaging.system".to_owned(), Pattern::new("rabbitmq"))];
        Integrations::new(vec![Integration {
            name: "queue".into(),
            kind: Kind("queue"),
            direction: Direction::Inbound,
            mode: Mode::Batch,
            owns: vec![],
            objective: Objective::default(),
            rules: Rules { spans, ..Rules::default() },
        }])
    }

    /// Its parent is the span before it, but for the first.
    fn span(n: u8, kind: SpanKind, key: &str, operation: &str) -> Span {
        let attribute = |(key, text): (&str, &str)| KeyValue {
            key: key.to_owned(),
            value: Some(AnyValue { value: Some(Value::StringValue(text.to_owned())) }),
            ..KeyValue::default()
        };
        let attributes =
            [("messaging.system", "rabbitmq"), ("messaging.destination.name", "orders")];
        Span {
            trace_id: vec![7; 16],
            span_id: vec![n; 8],
            parent_span_id: vec![n - 1; 8],
            kind: kind.into(),
            start_time_unix_nano: 1_000_000_000,
            end_time_unix_nano: 1_100_000_000,
            attributes: attributes.into_iter().chain([(key, operation)]).map(attribute).collect(),
            ..Span::default()
        }
    }

    /// The calls that spans of one request tell of.
    fn calls(spans: Vec<Span>) -> Vec<(Direction, String)> {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(2);
        let count = u64::try_from(spans.len()).unwrap();
        let scope_spans = vec![ScopeSpans { spans, ..ScopeSpans::default() }];
        let batch = ResourceSpans { scope_spans, ..ResourceSpans::default() };
        let sorted = Sorter::default().sort(&[batch], &queue(), now);
        let accepted: u64 = sorted.tally.accepted.values().sum();
        assert_eq!(accepted + sorted.tally.told_twice, count, "each is accounted for");
        let calls = sorted.told.calls.iter();
        calls.map(|call| (call.direction, call.operation.to_string())).collect()
    }

    fn inbound(operation: &str) -> Vec<(Direction, String)> {
        vec![(Direction::Inbound, operation.to_owned())]
    }

    fn outbound(operation: &str) -> Vec<(Direction, String)> {
        vec![(Direction::Outbound, operation.to_owned())]
    }

    #[test]
    fn a_message_that_is_consumed_is_one_call() {
        let consumed = vec![
            span(1, SpanKind::Client, NOW, "receive"),
            span(2, SpanKind::Consumer, NOW, "process"),
            span(3, SpanKind::Client, NOW, "settle"),
        ];
        assert_eq!(calls(consumed), inbound("process orders"));
        assert_eq!(calls(vec![span(1, SpanKind::Consumer, NOW, "receive")]), []);
    }

    #[test]
    fn a_message_that_is_sent_is_one_call() {
        let sent =
            |kind| vec![span(1, SpanKind::Producer, NOW, "create"), span(2, kind, NOW, "send")];
        assert_eq!(calls(sent(SpanKind::Client)), outbound("send orders"));
        assert_eq!(calls(sent(SpanKind::Producer)), outbound("send orders"));
        assert_eq!(calls(sent(SpanKind::Client).split_off(1)), outbound("send orders"));
        assert_eq!(calls(sent(SpanKind::Client)[..1].to_vec()), outbound("create orders"));
    }

    #[test]
    fn who_consumes_what_was_created_tells_of_the_call_from_its_other_side() {
        let create = span(1, SpanKind::Producer, NOW, "create");
        let process = span(2, SpanKind::Consumer, NOW, "process");
        let send = Span { span_id: vec![9; 8], ..span(5, SpanKind::Client, NOW, "send") };
        let all = |create| calls(vec![create, send.clone(), process.clone()]);
        assert_eq!(all(create.clone()), outbound("send orders"));
        let system = |kv: &KeyValue| kv.key == "messaging.system";
        let mut of_nobody = create;
        of_nobody.attributes.retain(|kv| !system(kv));
        assert_eq!(all(of_nobody).len(), 2, "its other side is of another call");
    }

    #[test]
    fn older_programs_tell_of_a_message_by_what_they_have() {
        let received = span(1, SpanKind::Consumer, BEFORE, "receive");
        let processed = span(2, SpanKind::Consumer, BEFORE, "process");
        assert_eq!(calls(vec![received.clone()]), inbound("receive orders"));
        assert_eq!(calls(vec![received, processed]), inbound("process orders"));
        assert_eq!(
            calls(vec![span(1, SpanKind::Producer, BEFORE, "publish")]),
            outbound("publish orders")
        );
        assert_eq!(calls(vec![span(1, SpanKind::Client, BEFORE, "receive")]), []);
        assert_eq!(calls(vec![span(1, SpanKind::Consumer, "x", "y")]), inbound("message orders"));
    }
}
