//! What every dashboard keeps to, so that it works on anybody's Grafana, and says what it shows.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde_json::Value;

use super::build::VARIABLES;

/// Metrics of others that a panel may use.
const FOREIGN: [&str; 1] = ["up"];

/// Labels that Prometheus itself adds, and those that functions make.
const ADDED: [&str; 4] = ["job", "instance", "le", "alertname"];

/// The panels that show something, rows left out.
pub fn panels(dashboard: &Value) -> impl Iterator<Item = &Value> {
    dashboard["panels"].as_array().unwrap().iter().filter(|panel| panel["type"] != "row")
}

/// Every query with the title of its panel.
pub fn queries(dashboard: &Value) -> Vec<(String, String)> {
    let mut queries = Vec::new();
    for panel in panels(dashboard) {
        let title = panel["title"].as_str().unwrap();
        for target in panel["targets"].as_array().unwrap() {
            queries.push((title.to_owned(), target["expr"].as_str().unwrap().to_owned()));
        }
    }
    queries
}

/// A query with everything chosen.
pub fn filled(expr: &str) -> String {
    let mut filled = expr.replace("$__rate_interval", "5m").replace("$__range", "1h");
    for (name, ..) in VARIABLES {
        filled = filled.replace(&format!("${name}"), ".*");
    }
    filled
}

/// What is wrong with a dashboard.
pub fn faults(dashboard: &Value) -> Vec<String> {
    let mut faults = Vec::new();
    let mut fault = |is_wrong: bool, what: String| {
        if is_wrong {
            faults.push(what);
        }
    };
    let variables = dashboard["templating"]["list"].as_array().unwrap();
    fault(variables[0]["type"] != "datasource", "the data source cannot be chosen first".into());
    fault(dashboard["editable"] != false, "it can be edited, and is overwritten later".into());
    for variable in &variables[1..] {
        let name = variable["name"].as_str().unwrap();
        fault(variable["refresh"] != 2, format!("${name} is not renewed when the time changes"));
        let used = queries(dashboard).iter().any(|(_, expr)| expr.contains(&format!("${name}")));
        fault(!used, format!("${name} is chosen for nothing"));
    }
    let mut ids = BTreeSet::new();
    for panel in panels(dashboard) {
        let title = panel["title"].as_str().unwrap_or_default();
        fault(title.is_empty(), "a panel has no title".into());
        fault(!ids.insert(panel["id"].as_u64()), format!("{title}: its id is another's too"));
        let question = panel["description"].as_str().unwrap_or_default();
        fault(!question.contains('?'), format!("{title}: it says not which question it answers"));
        fault(panel["datasource"]["uid"] != "${datasource}", format!("{title}: a fixed source"));
        let unit = panel["fieldConfig"]["defaults"]["unit"].as_str().unwrap_or_default();
        fault(unit.is_empty(), format!("{title}: no unit"));
        let targets = panel["targets"].as_array().unwrap();
        fault(targets.is_empty(), format!("{title}: it asks nothing"));
        let (x, w) = (panel["gridPos"]["x"].as_u64(), panel["gridPos"]["w"].as_u64());
        fault(x.unwrap() + w.unwrap() > 24, format!("{title}: wider than the page"));
        for target in targets {
            let expr = target["expr"].as_str().unwrap();
            for function in ["rate(", "increase(", "irate(", "delta("] {
                for (at, _) in expr.match_indices(function) {
                    let rest = &expr[at..];
                    let end = rest.find(']').unwrap_or(rest.len());
                    let is_right = rest[..end].ends_with("[$__rate_interval")
                        || rest[..end].ends_with("[$__range")
                        // The agent's CPU time comes in whole seconds.
                        || (rest.contains("process_cpu_seconds") && rest[..end].ends_with("[10m"));
                    fault(!is_right, format!("{title}: a rate over a fixed time: {expr}"));
                }
            }
            fault(
                expr.contains("erpscope_") && !expr.contains("$server") && takes_server(expr),
                format!("{title}: it is not of the chosen server: {expr}"),
            );
            let legend = target["legendFormat"].as_str().unwrap();
            let is_named = panel["type"] == "table" || legend != "__auto";
            fault(!is_named, format!("{title}: its lines have no names"));
        }
        let kind = panel["type"].as_str().unwrap();
        if kind == "table" {
            let by = panel["options"]["sortBy"][0]["displayName"].as_str();
            let names = panel["transformations"][2]["options"]["renameByName"].as_object().unwrap();
            let is_there = by.is_none_or(|by| names.values().any(|name| name == by));
            fault(!is_there, format!("{title}: ordered by a column that is not there"));
        }
    }
    faults
}

/// Whether the metrics of a query belong to servers.
fn takes_server(expr: &str) -> bool {
    let reference = Reference::read();
    Reference::names(expr)
        .iter()
        .any(|name| reference.labels.get(name).is_some_and(|labels| labels.contains("server")))
}

/// What docs/metrics.md lists: metrics and their labels.
pub struct Reference {
    labels: BTreeMap<String, BTreeSet<String>>,
}

impl Reference {
    pub fn read() -> Self {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/metrics.md");
        let text = std::fs::read_to_string(path).unwrap();
        let mut labels: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for line in text.lines() {
            let cells: Vec<&str> = line.split('|').map(str::trim).collect();
            let [_, name, kind, own, ..] = cells.as_slice() else { continue };
            let Some(name) = name.strip_prefix('`').and_then(|n| n.strip_suffix('`')) else {
                continue;
            };
            let own: BTreeSet<String> = own
                .split('`')
                .map(str::trim)
                .filter(|l| !l.is_empty())
                .map(str::to_owned)
                .collect();
            let endings: &[&str] =
                if *kind == "histogram" { &["_bucket", "_sum", "_count"] } else { &[""] };
            for ending in endings {
                labels.insert(format!("{name}{ending}"), own.clone());
            }
        }
        Self { labels }
    }

    /// Every metric that is listed.
    pub fn all(&self) -> impl Iterator<Item = &str> {
        self.labels.keys().map(String::as_str)
    }

    /// Whether a series of this name is listed.
    pub fn is_listed(&self, name: &str) -> bool {
        self.labels.contains_key(name)
    }

    /// The metrics in an expression.
    pub fn names(expr: &str) -> Vec<String> {
        let is_word = |c: char| c.is_alphanumeric() || c == '_' || c == ':';
        let words = expr.split(|c| !is_word(c));
        words
            .filter(|word| word.starts_with("erpscope_") || word.starts_with("process_"))
            .map(str::to_owned)
            .collect()
    }

    /// Metrics and labels of an expression that nobody exports.
    pub fn unknown(&self, expr: &str) -> Vec<String> {
        let names = Self::names(expr);
        let mut unknown: Vec<String> = names
            .iter()
            .filter(|name| !self.labels.contains_key(*name) && !FOREIGN.contains(&name.as_str()))
            .cloned()
            .collect();
        let known: BTreeSet<&str> =
            names.iter().filter_map(|n| self.labels.get(n)).flatten().map(String::as_str).collect();
        for label in labels_of(expr) {
            if !known.contains(label.as_str()) && !ADDED.contains(&label.as_str()) {
                unknown.push(format!("label {label}"));
            }
        }
        unknown
    }
}

/// Labels that an expression matches, groups or joins by.
fn labels_of(expr: &str) -> BTreeSet<String> {
    let mut labels = BTreeSet::new();
    let mut rest = expr;
    while let Some(at) = rest.find('{') {
        let end = rest[at..].find('}').map_or(rest.len(), |end| at + end);
        for part in rest[at + 1..end].split(',') {
            let name = part.split(['=', '!']).next().unwrap().trim();
            if !name.is_empty() && name.chars().all(|c| c.is_alphanumeric() || c == '_') {
                labels.insert(name.to_owned());
            }
        }
        rest = &rest[end..];
    }
    for word in
        ["by (", "without (", "on (", "ignoring (", "group_left (", "by(", "on(", "group_left("]
    {
        for (at, _) in expr.match_indices(word) {
            let list = &expr[at + word.len()..];
            let list = &list[..list.find(')').unwrap_or(list.len())];
            labels.extend(
                list.split(',').map(str::trim).filter(|l| !l.is_empty()).map(str::to_owned),
            );
        }
    }
    labels
}
