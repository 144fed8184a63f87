//! How a dashboard is written down: questions, queries, units; nothing of Grafana's own.

use serde::Deserialize;

/// One dashboard.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Dashboard {
    /// As the list of dashboards shows it, with its number.
    pub title: String,
    /// What it answers.
    pub question: String,
    /// Names of [`VARIABLES`](super::build::VARIABLES) that can be chosen from.
    pub variables: Vec<String>,
    /// How far back it looks at first.
    #[serde(default = "hour")]
    pub from: String,
    /// Rows, from the top.
    pub row: Vec<Row>,
}

fn hour() -> String {
    "now-1h".to_owned()
}

/// Panels beside each other, in as many lines as they need.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Row {
    /// What they are about; without a title there is no line above.
    pub title: Option<String>,
    /// How high they are, in units of Grafana's grid.
    pub height: u64,
    /// The panels.
    pub panel: Vec<Panel>,
}

/// One panel.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Panel {
    /// Its title.
    pub title: String,
    /// The question that it answers, and where to go on.
    pub question: String,
    /// How it shows what it knows.
    pub kind: Kind,
    /// Of 24.
    pub width: u64,
    /// Grafana's name of the unit.
    pub unit: String,
    /// Digits behind the point.
    pub decimals: Option<u64>,
    /// The least value of the axis.
    pub min: Option<f64>,
    /// The greatest.
    pub max: Option<f64>,
    /// A number is the mean of the time shown, not the latest one.
    #[serde(default)]
    pub mean: bool,
    /// A number is that of now, and nothing where nobody tells it now; not the last that was told.
    #[serde(default)]
    pub now: bool,
    /// A number's label that is shown in its place.
    pub label: Option<String>,
    /// Lines on top of each other.
    #[serde(default)]
    pub stacked: bool,
    /// From this value on, this colour; the first is the base.
    #[serde(default)]
    pub thresholds: Vec<(f64, String)>,
    /// Values by their meaning.
    #[serde(default)]
    pub words: Vec<(f64, String, String)>,
    /// What is asked.
    pub query: Vec<Query>,
    /// Of a table: columns as they are called in the answer, with a title, and a unit for numbers.
    #[serde(default)]
    pub column: Vec<Column>,
    /// Of a table: it is ordered by this column, the greatest first.
    pub order: Option<String>,
    /// The dashboard that goes on from here.
    pub next: Option<String>,
    /// What it shows where there is nothing.
    pub nothing: Option<String>,
}

/// How a panel shows what it knows.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// A number.
    Stat,
    /// Bars beside each other.
    Bars,
    /// Lines over time.
    Lines,
    /// Rows.
    Table,
}

/// One question to Prometheus.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Query {
    /// In PromQL.
    pub expr: String,
    /// What the line is called.
    #[serde(default)]
    pub legend: String,
}

/// One column of a table.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Column {
    /// As the answer calls it: a label, or `Value`, or `Value #B` of the second query.
    pub name: String,
    /// As it is shown.
    pub title: String,
    /// Of numbers.
    pub unit: Option<String>,
    /// In pixels.
    pub width: Option<u64>,
    /// A dashboard with a variable that a cell's value is the choice of.
    pub opens: Option<(String, String)>,
}
