//! The text format of Prometheus (0.0.4) and OpenMetrics (1.0.0).
//!
//! Sample lines are the same in both; only the names in the headers of counters and infos differ.
//! <https://prometheus.io/docs/instrumenting/exposition_formats/>,
//! <https://prometheus.io/docs/specs/om/open_metrics_spec/>

use std::fmt::Write;

use crate::track::histogram::Histogram;

/// Which of the two formats a scraper asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// `text/plain; version=0.0.4`
    Prometheus,
    /// `application/openmetrics-text; version=1.0.0`
    OpenMetrics,
}

impl Format {
    /// The format for an `Accept` header.
    #[must_use]
    pub fn accepted(accept: &str) -> Self {
        if accept.contains("application/openmetrics-text") {
            Self::OpenMetrics
        } else {
            Self::Prometheus
        }
    }

    /// The `Content-Type` of the answer.
    #[must_use]
    pub const fn content_type(self) -> &'static str {
        match self {
            Self::Prometheus => "text/plain; version=0.0.4; charset=utf-8",
            Self::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
        }
    }
}

/// The type of a metric.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Only grows, until the agent starts anew.
    Counter,
    /// Goes up and down.
    Gauge,
    /// Cumulative buckets in seconds.
    Histogram,
    /// Always 1: its labels are what it says.
    Info,
}

impl Kind {
    /// Its name in the format.
    #[must_use]
    pub const fn name(self, format: Format) -> &'static str {
        match (self, format) {
            (Self::Counter, _) => "counter",
            (Self::Histogram, _) => "histogram",
            (Self::Info, Format::OpenMetrics) => "info",
            (Self::Gauge | Self::Info, _) => "gauge",
        }
    }
}

/// `# HELP` and `# TYPE`.
pub(super) fn header(format: Format, name: &str, help: &str, kind: Kind) -> String {
    let family = match (format, kind) {
        (Format::OpenMetrics, Kind::Counter) => name.strip_suffix("_total").unwrap_or(name),
        (Format::OpenMetrics, Kind::Info) => name.strip_suffix("_info").unwrap_or(name),
        _ => name,
    };
    format!("# HELP {family} {help}\n# TYPE {family} {}\n", kind.name(format))
}

/// The sample lines of one metric of one server.
pub struct Rows {
    out: String,
    name: &'static str,
    /// `server="..."`, escaped.
    server: String,
    labels: &'static [&'static str],
}

impl Rows {
    pub(super) fn new(name: &'static str, server: &str, labels: &'static [&'static str]) -> Self {
        let mut escaped = String::from("server=\"");
        escape(&mut escaped, server);
        escaped.push('"');
        Self { out: String::new(), name, server: escaped, labels }
    }

    pub(super) fn finish(mut self) -> String {
        self.out.shrink_to_fit();
        self.out
    }

    /// One line; `values` are those of the labels, in their order.
    pub fn row(&mut self, values: &[&str], value: impl Value) {
        self.line("", values, None);
        value.write(&mut self.out);
        self.out.push('\n');
    }

    /// The lines of a histogram.
    pub fn histogram(&mut self, values: &[&str], histogram: &Histogram) {
        for (bound, count) in histogram.cumulative() {
            self.line("_bucket", values, Some(bound));
            count.write(&mut self.out);
            self.out.push('\n');
        }
        self.line("_bucket", values, Some(f64::INFINITY));
        histogram.count().write(&mut self.out);
        self.out.push('\n');
        self.line("_sum", values, None);
        histogram.sum_seconds().write(&mut self.out);
        self.out.push('\n');
        self.line("_count", values, None);
        histogram.count().write(&mut self.out);
        self.out.push('\n');
    }

    fn line(&mut self, suffix: &str, values: &[&str], bucket: Option<f64>) {
        debug_assert_eq!(values.len(), self.labels.len(), "{}", self.name);
        self.out.extend([self.name, suffix, "{", &self.server]);
        for (label, value) in self.labels.iter().zip(values) {
            self.out.extend([",", label, "=\""]);
            escape(&mut self.out, value);
            self.out.push('"');
        }
        if let Some(bound) = bucket {
            self.out.push_str(",le=\"");
            bound.write(&mut self.out);
            self.out.push('"');
        }
        self.out.push_str("} ");
    }
}

/// A number as the format writes it.
pub trait Value {
    /// Appends it.
    fn write(self, out: &mut String);
}

impl Value for u64 {
    fn write(self, out: &mut String) {
        let _infallible = write!(out, "{self}");
    }
}

impl Value for u32 {
    fn write(self, out: &mut String) {
        u64::from(self).write(out);
    }
}

impl Value for bool {
    fn write(self, out: &mut String) {
        out.push(if self { '1' } else { '0' });
    }
}

impl Value for f64 {
    fn write(self, out: &mut String) {
        if self.is_infinite() {
            out.push_str(if self > 0.0 { "+Inf" } else { "-Inf" });
        } else {
            let _infallible = write!(out, "{self}");
        }
    }
}

/// A label value: backslash, quote and line feed are escaped.
pub(super) fn escape(out: &mut String, value: &str) {
    if !value.contains(['\\', '"', '\n']) {
        out.push_str(value);
        return;
    }
    for c in value.chars() {
        match c {
            '\\' => out.push_str("\\\\"),
            '"' => out.push_str("\\\""),
            '\n' => out.push_str("\\n"),
            c => out.push(c),
        }
    }
}
