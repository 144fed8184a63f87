//! The text format of Prometheus (0.0.4) and OpenMetrics (1.0.0).
//!
//! Sample lines are the same in both; only the names in the headers of counters and infos differ.
//! <https://prometheus.io/docs/instrumenting/exposition_formats/>,
//! <https://prometheus.io/docs/specs/om/open_metrics_spec/>

use std::fmt::Write;
use std::time::SystemTime;

use crate::track::calls::Exemplar;
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

/// The sample lines of one metric, of one server or of none.
pub struct Rows {
    out: String,
    name: &'static str,
    /// `server="..."`, escaped; empty for what belongs to no server.
    server: String,
    labels: &'static [&'static str],
    exemplars: bool,
}

impl Rows {
    pub(super) fn of_server(
        name: &'static str,
        server: &str,
        labels: &'static [&'static str],
    ) -> Self {
        let mut escaped = String::from("server=\"");
        escape(&mut escaped, server);
        escaped.push('"');
        Self { server: escaped, ..Self::around(name, labels) }
    }

    pub(super) fn around(name: &'static str, labels: &'static [&'static str]) -> Self {
        Self { out: String::new(), name, server: String::new(), labels, exemplars: false }
    }

    /// With exemplars, which only OpenMetrics has.
    pub(super) fn with_exemplars(self) -> Self {
        Self { exemplars: true, ..self }
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
        self.histogram_with(values, histogram, &[]);
    }

    /// The lines of a histogram with exemplars of its buckets, in their order.
    pub fn histogram_with(
        &mut self,
        values: &[&str],
        histogram: &Histogram,
        exemplars: &[Option<Exemplar>],
    ) {
        let last = (f64::INFINITY, histogram.count());
        for (index, (bound, count)) in histogram.cumulative().chain([last]).enumerate() {
            self.line("_bucket", values, Some(bound));
            count.write(&mut self.out);
            if let (true, Some(Some(exemplar))) = (self.exemplars, exemplars.get(index)) {
                self.exemplar(exemplar);
            }
            self.out.push('\n');
        }
        self.line("_sum", values, None);
        histogram.sum_seconds().write(&mut self.out);
        self.out.push('\n');
        self.line("_count", values, None);
        histogram.count().write(&mut self.out);
        self.out.push('\n');
    }

    fn exemplar(&mut self, exemplar: &Exemplar) {
        let Exemplar { trace, seconds, at } = exemplar;
        let at = at.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs_f64();
        let _infallible = write!(self.out, " # {{trace_id=\"{trace}\"}} {seconds} {at:.3}");
    }

    fn line(&mut self, suffix: &str, values: &[&str], bucket: Option<f64>) {
        debug_assert_eq!(values.len(), self.labels.len(), "{}", self.name);
        self.out.extend([self.name, suffix]);
        let mut before = '{';
        if !self.server.is_empty() {
            self.out.extend(["{", &self.server]);
            before = ',';
        }
        for (label, value) in self.labels.iter().zip(values) {
            self.out.push(before);
            self.out.extend([label, "=\""]);
            escape(&mut self.out, value);
            self.out.push('"');
            before = ',';
        }
        if let Some(bound) = bucket {
            self.out.push(before);
            self.out.push_str("le=\"");
            bound.write(&mut self.out);
            self.out.push('"');
            before = ',';
        }
        self.out.push_str(if before == ',' { "} " } else { " " });
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
