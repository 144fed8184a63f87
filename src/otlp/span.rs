//! What is read of a span: whose it is, what was called, how it went. Pure.
//!
//! Names of attributes are those of OpenTelemetry's semantic conventions, of now and of before:
//! <https://opentelemetry.io/docs/specs/semconv/>. Nothing else of a span is kept.

use std::time::{Duration, SystemTime};

use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue, any_value::Value};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::{Span, span::SpanKind, status::StatusCode};

use crate::integration::{Fault, declared, folded, template};

/// How far in the future of our clock a span may end.
const AHEAD: Duration = Duration::from_secs(300);
/// Characters of an operation.
const OPERATION: usize = 80;

/// The attributes of a span and of its resource.
#[derive(Clone, Copy)]
pub(super) struct Attributes<'a> {
    pub(super) span: &'a [KeyValue],
    pub(super) resource: Option<&'a Resource>,
}

impl<'a> Attributes<'a> {
    /// The text of the first of these that the span has.
    fn text(&self, names: &[&str]) -> Option<&'a str> {
        names.iter().find_map(|name| find(self.span, name))
    }

    /// The number of the first of these that the span has.
    fn number(&self, names: &[&str]) -> Option<i64> {
        let value = names.iter().find_map(|name| self.span.iter().find(|kv| kv.key == *name));
        match value?.value.as_ref()?.value.as_ref()? {
            Value::IntValue(number) => Some(*number),
            Value::StringValue(text) => text.parse().ok(),
            _ => None,
        }
    }

    /// Of the span alone.
    pub(super) fn of_span(&self, name: &str) -> Option<&'a str> {
        find(self.span, name)
    }

    /// Of the resource alone.
    pub(super) fn of_resource(&self, name: &str) -> Option<&'a str> {
        find(&self.resource?.attributes, name)
    }

    /// Whether it is of a client of PostgreSQL.
    pub(super) fn are_of_a_database(&self) -> bool {
        matches!(self.database(), Some("postgresql" | "postgres"))
    }

    /// Which kind of database was asked.
    fn database(&self) -> Option<&'a str> {
        self.text(&["db.system.name", "db.system"])
    }

    /// The statement that it sent.
    pub(super) fn statement(&self) -> Option<&'a str> {
        self.text(&["db.query.text", "db.statement"])
    }
}

fn find<'a>(attributes: &'a [KeyValue], name: &str) -> Option<&'a str> {
    let found = attributes.iter().find(|kv| kv.key == name)?;
    match &found.value {
        Some(AnyValue { value: Some(Value::StringValue(text)) }) => Some(text),
        _ => None,
    }
}

/// When a span was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Times {
    pub(super) began: SystemTime,
    pub(super) length: Duration,
}

/// When a span was, or why that cannot be: the label `reason`.
pub(super) fn times(span: &Span, now: SystemTime) -> Result<Times, &'static str> {
    let (start, end) = (span.start_time_unix_nano, span.end_time_unix_nano);
    if start == 0 {
        return Err("no_start");
    }
    if end == 0 {
        return Err("no_end");
    }
    let length = end.checked_sub(start).ok_or("ends_before_it_starts")?;
    let (began, length) =
        (SystemTime::UNIX_EPOCH + Duration::from_nanos(start), Duration::from_nanos(length));
    if began + length > now + AHEAD {
        return Err("in_the_future");
    }
    Ok(Times { began, length })
}

/// What was called: a template, never a raw path.
pub(super) fn operation(span: &Span, attributes: Attributes<'_>) -> String {
    let method = attributes.text(&["http.request.method", "http.method"]);
    let route = attributes.text(&["http.route", "url.template"]);
    let path = || {
        attributes.text(&["url.path", "http.target"]).or_else(|| {
            let url = attributes.text(&["url.full", "http.url"])?;
            let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
            Some(rest.find('/').map_or("/", |at| &rest[at..]))
        })
    };
    let operation = if let Some(method) = method {
        let route = route.map(declared).or_else(|| path().map(template));
        format!("{} {}", known(method), route.unwrap_or_default())
    } else if let Some(destination) = destination(attributes) {
        let verb = attributes.text(&[
            "messaging.operation.type",
            "messaging.operation.name",
            "messaging.operation",
        ]);
        format!("{} {destination}", declared(verb.unwrap_or("message")))
    } else if let Some(service) = attributes.text(&["rpc.service"]) {
        declared(&format!("{service}/{}", attributes.text(&["rpc.method"]).unwrap_or_default()))
    } else if attributes.database().is_some() {
        // The rest is of its statement: a key, a table.
        folded(span.name.split_whitespace().next().unwrap_or_default())
    } else {
        folded(&span.name)
    };
    operation.trim().chars().take(OPERATION).collect()
}

/// Where a message goes, or comes from.
fn destination(attributes: Attributes<'_>) -> Option<String> {
    let template = attributes.text(&["messaging.destination.template"]).map(declared);
    let name = || attributes.text(&["messaging.destination.name", "messaging.destination"]);
    template.or_else(|| name().map(folded))
}

/// Methods are a bounded set.
fn known(method: &str) -> &str {
    const KNOWN: [&str; 8] = ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "QUERY"];
    if KNOWN.contains(&method) { method } else { "OTHER" }
}

/// Why a call failed, as its span tells.
pub(super) fn fault(span: &Span, attributes: Attributes<'_>) -> Option<Fault> {
    let status = attributes.number(&["http.response.status_code", "http.status_code"]);
    if let Some(fault) = status.and_then(|s| u16::try_from(s).ok()).and_then(Fault::of_http) {
        return Some(fault);
    }
    match attributes.number(&["rpc.grpc.status_code"]) {
        Some(1) => return Some(Fault::Cancelled),
        Some(4) => return Some(Fault::Timeout),
        Some(8) => return Some(Fault::Throttled),
        Some(2 | 13 | 14 | 15) => return Some(Fault::Server),
        Some(3..=16) => return Some(Fault::Client),
        _ => {}
    }
    let has_failed =
        span.status.as_ref().is_some_and(|status| status.code == StatusCode::Error as i32);
    has_failed.then(|| attributes.text(&["error.type"]).map_or(Fault::Other, named))
}

/// The cause behind the name of an exception, of any language.
fn named(error: &str) -> Fault {
    let error = error.to_lowercase();
    let has = |words: &[&str]| words.iter().any(|word| error.contains(word));
    match () {
        () if has(&["timeout", "timedout", "timed_out"]) => Fault::Timeout,
        () if has(&["gaierror", "unknownhost", "nameresolution", "dns"]) => Fault::Dns,
        () if has(&["ssl", "tls", "certificate"]) => Fault::Tls,
        () if has(&["reset", "brokenpipe", "incompleteread", "remotedisconnected"]) => {
            Fault::Broken
        }
        () if has(&["connect", "refused", "unreachable"]) => Fault::Connect,
        () if has(&["cancel", "aborted"]) => Fault::Cancelled,
        () => Fault::Other,
    }
}

/// The four kinds between two programs; others are of one program's inside.
pub(super) fn kind(span: &Span) -> Option<SpanKind> {
    let kind = SpanKind::try_from(span.kind).ok()?;
    let is_between = matches!(
        kind,
        SpanKind::Client | SpanKind::Server | SpanKind::Producer | SpanKind::Consumer
    );
    is_between.then_some(kind)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(name: &str, attributes: &[(&str, &str)]) -> String {
        let span = Span { name: name.to_owned(), ..Span::default() };
        let text = |value: &str| AnyValue { value: Some(Value::StringValue(value.to_owned())) };
        let pair = |(key, value): &(&str, &str)| KeyValue {
            key: (*key).to_owned(),
            value: Some(text(value)),
            ..KeyValue::default()
        };
        let attributes: Vec<KeyValue> = attributes.iter().map(pair).collect();
        operation(&span, Attributes { span: &attributes, resource: None })
    }

    #[test]
    fn an_operation_has_no_values_in_it() {
        let path = [("http.request.method", "GET"), ("url.path", "/reset/aBqKzRtYwPmL")];
        assert_eq!(named("x", &path), "GET /reset/{id}");
        let route = [("http.request.method", "GET"), ("http.route", "/o/{purchaseOrderReference}")];
        assert_eq!(named("x", &route), "GET /o/{purchaseOrderReference}");
        let value = [("http.request.method", "GET"), ("http.route", "/u/anna@example.org")];
        assert_eq!(named("x", &value), "GET /u/{id}");
        assert_eq!(named("mail anna@example.org key=value", &[]), "mail {id} {id}");
        assert_eq!(named("GET session:anna", &[("db.system", "redis")]), "GET");
        let rpc = [("rpc.service", "erp.OrderService"), ("rpc.method", "CreatePurchaseOrder")];
        assert_eq!(named("x", &rpc), "erp.OrderService/CreatePurchaseOrder");
        let queue = [("messaging.destination.name", "orders.kDfjQwLmZxcvBnTy")];
        assert_eq!(named("x", &queue), "message {id}");
    }

    #[test]
    fn a_span_ends_no_later_than_clocks_may_differ() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(2_000_000_000);
        let until = |seconds: u64| {
            let nanos = |seconds: u64| (1_999_999_990 + seconds) * 1_000_000_000;
            let (start_time_unix_nano, end_time_unix_nano) = (nanos(0), nanos(10 + seconds));
            times(&Span { start_time_unix_nano, end_time_unix_nano, ..Span::default() }, now)
        };
        assert_eq!(until(300).unwrap().length, Duration::from_secs(310));
        assert_eq!(until(301), Err("in_the_future"));
        let endless =
            Span { start_time_unix_nano: 1, end_time_unix_nano: u64::MAX, ..Span::default() };
        assert_eq!(times(&endless, now), Err("in_the_future"));
    }
}
