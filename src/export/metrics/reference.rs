//! docs/metrics.md, made from the declarations.

use std::fmt::Write;

use super::text::Format;
use super::{around, of_servers, process};

/// The text of docs/metrics.md.
#[must_use]
pub fn reference() -> String {
    let mut out = String::from(
        "# Metrics\n\n\
         Made from the declarations in `src/export/metrics/`; `UPDATE_DOCS=1 cargo test --lib docs` \
         writes it anew.\n\n\
         Counters start at 0 with the agent and only grow; seconds and bytes are base units. \
         A statement that is not among the heaviest is counted in `usename=\"other\",queryid=\"other\"` \
         of its `datname` and `module`, so a sum over all series is the truth. A series that leaves the top stays \
         for five minutes, unchanged, and goes on from its value when it comes back.\n\n\
         ## Of each server\n\n\
         | name | type | labels | meaning |\n|---|---|---|---|\n",
    );
    for metric in of_servers() {
        let labels: Vec<String> = std::iter::once("server")
            .chain(metric.labels.iter().copied())
            .map(|label| format!("`{label}`"))
            .collect();
        row(
            &mut out,
            metric.name,
            metric.kind.name(Format::OpenMetrics),
            &labels.join(" "),
            metric.help,
        );
    }
    out.push_str(
        "\n## Of integrations and the history\n\n\
         These belong to no server. `operation` is a route's template; over 100 of one integration are \
         `other`.\n\n| name | type | labels | meaning |\n|---|---|---|---|\n",
    );
    for metric in around() {
        let labels: Vec<String> = metric.labels.iter().map(|label| format!("`{label}`")).collect();
        let kind = metric.kind.name(Format::OpenMetrics);
        row(&mut out, metric.name, kind, &labels.join(" "), metric.help);
    }
    out.push_str(
        "\n## Of the agent itself\n\n| name | type | labels | meaning |\n|---|---|---|---|\n",
    );
    for (name, kind, help) in process::families() {
        let labels = if name == process::BUILD_INFO.0 { "`version`" } else { "" };
        row(&mut out, &name, kind.name(Format::OpenMetrics), labels, &help);
    }
    out
}

fn row(out: &mut String, name: &str, kind: &str, labels: &str, help: &str) {
    let _infallible = writeln!(out, "| `{name}` | {kind} | {labels} | {help} |");
}
