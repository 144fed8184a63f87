//! alerts/, their runbooks and the example configs, held against the real promtool, Alertmanager and
//! PostgreSQL, and against docs/metrics.md.

use std::collections::{BTreeMap, BTreeSet};
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

use erpscope::demo::cluster::Options;
use promql_parser::label::Labels;
use promql_parser::parser::{
    BinaryExpr, Expr, LabelModifier, VectorMatchCardinality, VectorSelector, parse,
};
use serde_json::{Value, json};

use crate::rig::{admin, cluster, get, http};

fn root() -> PathBuf {
    env!("CARGO_MANIFEST_DIR").into()
}

fn read(path: &str) -> String {
    std::fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// Names of a folder's files with this ending, without it.
fn stems(folder: &str, ending: &str) -> BTreeSet<String> {
    let entries = std::fs::read_dir(root().join(folder)).unwrap();
    let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    names.filter_map(|name| name.strip_suffix(ending).map(str::to_owned)).collect()
}

fn text<'a>(of: &'a Value, path: &str) -> &'a str {
    of.pointer(path).and_then(Value::as_str).unwrap_or_default()
}

/// All rules of alerts/, with the file's name.
fn rules() -> Vec<(String, Value)> {
    let mut rules = Vec::new();
    for stem in stems("alerts", ".yaml") {
        let file: Value = serde_norway::from_str(&read(&format!("alerts/{stem}.yaml"))).unwrap();
        for group in file["groups"].as_array().unwrap() {
            let of_group = group["rules"].as_array().unwrap();
            rules.extend(of_group.iter().map(|rule| (stem.clone(), rule.clone())));
        }
    }
    rules
}

fn alerts() -> Vec<(String, Value)> {
    rules().into_iter().filter(|(_, rule)| rule.get("alert").is_some()).collect()
}

fn run(program: &str, args: &[&str]) -> Output {
    let mut command = Command::new(program);
    let output = command.args(args).current_dir(root()).output();
    output.unwrap_or_else(|error| panic!("{program} is installed by `make test`: {error}"))
}

fn succeeds(program: &str, args: &[&str]) -> String {
    let output = run(program, args);
    let words = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    assert!(output.status.success(), "{program} {args:?}\n{words}");
    words
}

#[test]
fn promtool_accepts_the_rules_and_they_do_what_their_tests_say() {
    let paths = |folder: &str| -> Vec<String> {
        stems(folder, ".yaml").iter().map(|stem| format!("{folder}/{stem}.yaml")).collect()
    };
    let (files, tests) = (paths("alerts"), paths("alerts/tests"));
    let with = |first: &[&'static str], files: &'_ [String]| {
        let all: Vec<String> =
            first.iter().map(|a| (*a).to_owned()).chain(files.to_vec()).collect();
        succeeds("promtool", &all.iter().map(String::as_str).collect::<Vec<_>>())
    };
    with(&["check", "rules"], &files);
    with(&["test", "rules"], &tests);
    succeeds("promtool", &["check", "config", "deploy/prometheus.yml"]);
}

#[test]
fn each_alert_has_a_test_that_fires_one_that_does_not_and_one_without_data() {
    for (stem, alert) in alerts() {
        let name = text(&alert, "/alert");
        let tests: Value =
            serde_norway::from_str(&read(&format!("alerts/tests/{stem}.yaml"))).unwrap();
        let (mut fires, mut silent, mut without_data) = (0, 0, 0);
        for test in tests["tests"].as_array().unwrap() {
            let of_alert = |check: &&Value| check["alertname"] == name;
            for check in test["alert_rule_test"].as_array().unwrap().iter().filter(of_alert) {
                let expected = check["exp_alerts"].as_array().unwrap();
                let severity =
                    |one: &&Value| one["exp_labels"]["severity"] == alert["labels"]["severity"];
                fires += expected.iter().filter(severity).count();
                silent += usize::from(expected.is_empty());
            }
            let title = text(test, "/name");
            let says = ["no data", "no log", "no calls", "nothing is known", "no agent at all"];
            let is_without = says.iter().any(|word| title.contains(word))
                || title.contains("not scraped")
                || title.contains("without calls");
            without_data += usize::from(title.contains(name) && is_without);
        }
        assert!(
            fires > 0 && silent > 0 && without_data > 0,
            "{name}: {fires} {silent} {without_data}"
        );
    }
}

/// What docs/metrics.md declares: labels by metric.
fn declared() -> BTreeMap<String, BTreeSet<String>> {
    let mut metrics: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for line in read("docs/metrics.md").lines() {
        let cells: Vec<&str> = line.split('|').map(str::trim).collect();
        let [_, name, kind, labels, ..] = cells[..] else { continue };
        let Some(name) = name.strip_prefix('`').and_then(|name| name.strip_suffix('`')) else {
            continue;
        };
        let labels: BTreeSet<String> = labels
            .split('`')
            .map(str::trim)
            .filter(|label| !label.is_empty())
            .chain(["job", "instance"])
            .map(str::to_owned)
            .collect();
        if kind == "histogram" {
            metrics.insert(format!("{name}_bucket"), labels.clone());
        }
        metrics.insert(name.to_owned(), labels);
    }
    metrics.insert("up".into(), ["job", "instance"].map(str::to_owned).into());
    metrics
}

/// Metrics that an expression asks for, with the labels that it names; labels it makes; others it names.
#[derive(Debug, Default)]
struct Asked {
    metrics: Vec<(String, BTreeSet<String>)>,
    /// By matching and aggregation, of whatever is below.
    joined: BTreeSet<String>,
    made: BTreeSet<String>,
}

fn asked(expr: &Expr, out: &mut Asked) {
    let mut selector = |vector: &VectorSelector| {
        let labels = vector.matchers.matchers.iter().map(|matcher| matcher.name.clone());
        out.metrics.push((vector.name.clone().unwrap_or_default(), labels.collect()));
    };
    let names = |labels: &Labels| labels.labels.clone();
    match expr {
        Expr::VectorSelector(vector) => selector(vector),
        Expr::MatrixSelector(matrix) => selector(&matrix.vs),
        Expr::Paren(paren) => asked(&paren.expr, out),
        Expr::Unary(unary) => asked(&unary.expr, out),
        Expr::Subquery(query) => asked(&query.expr, out),
        Expr::Aggregate(aggregate) => {
            if let Some(LabelModifier::Include(labels) | LabelModifier::Exclude(labels)) =
                &aggregate.modifier
            {
                out.joined.extend(names(labels));
            }
            asked(&aggregate.expr, out);
        }
        Expr::Binary(BinaryExpr { lhs, rhs, modifier, .. }) => {
            if let Some(modifier) = modifier {
                if let Some(LabelModifier::Include(labels) | LabelModifier::Exclude(labels)) =
                    &modifier.matching
                {
                    out.joined.extend(names(labels));
                }
                if let VectorMatchCardinality::ManyToOne(labels)
                | VectorMatchCardinality::OneToMany(labels) = &modifier.card
                {
                    out.joined.extend(names(labels));
                }
            }
            asked(lhs, out);
            asked(rhs, out);
        }
        Expr::Call(call) => {
            let args = &call.args.args;
            if call.func.name == "label_replace"
                && let Some(Expr::StringLiteral(made)) = args.get(1).map(|arg| &**arg)
            {
                out.made.insert(made.val.clone());
            }
            for arg in args {
                asked(arg, out);
            }
        }
        _ => {}
    }
}

#[test]
fn rules_use_no_metric_and_no_label_that_the_reference_does_not_list() {
    let declared = declared();
    let all = rules();
    let recorded: BTreeSet<&str> = all.iter().map(|(_, rule)| text(rule, "/record")).collect();
    let ours = ["severity", "signal", "cause", "what"].map(str::to_owned);
    let mut used = BTreeSet::new();
    for (stem, rule) in &all {
        let expr = text(rule, "/expr");
        let mut found = Asked::default();
        asked(&parse(expr).unwrap_or_else(|error| panic!("{stem}: {expr}\n{error}")), &mut found);
        for (metric, labels) in &found.metrics {
            // What a user may set, docs/alerts.md says.
            if metric.starts_with("erpscope:set:") || metric.starts_with("erpscope:period_close:") {
                let docs = read("docs/alerts.md");
                assert!(docs.contains(&format!("`{metric}`")), "docs/alerts.md: {metric}");
                continue;
            }
            if recorded.contains(metric.as_str()) {
                continue;
            }
            let known = declared
                .get(metric)
                .unwrap_or_else(|| panic!("{stem}: docs/metrics.md has no {metric}"));
            let unknown: Vec<&String> = labels.difference(known).collect();
            assert!(unknown.is_empty(), "{stem}: {metric} has no {unknown:?}");
            used.insert(metric.clone());
        }
        let every: BTreeSet<&String> = declared.values().flatten().chain(&ours).collect();
        let strange: Vec<&String> =
            found.joined.difference(&found.made).filter(|label| !every.contains(label)).collect();
        assert!(strange.is_empty(), "{stem}: no metric has {strange:?}: {expr}");
        for part in ["/annotations/summary", "/annotations/description"] {
            for name in text(rule, part).split(|c: char| !c.is_alphanumeric() && c != '_') {
                let is_metric = name.starts_with("erpscope_");
                assert!(!is_metric || declared.contains_key(name), "{stem}: {name} in {part}");
            }
        }
    }
    assert!(used.len() >= 40, "{used:?}");
}

#[test]
fn each_alert_says_what_who_and_where_to_read_on_and_each_runbook_is_used() {
    let mut runbooks = BTreeSet::new();
    for (stem, alert) in alerts() {
        let name = text(&alert, "/alert");
        let severity = text(&alert, "/labels/severity");
        assert!(["page", "warning", "info"].contains(&severity), "{name}: {severity}");
        assert!(!text(&alert, "/labels/signal").is_empty(), "{name}");
        let summary = text(&alert, "/annotations/summary");
        let names =
            ["server", "integration", "broker", "instance"].map(|l| format!("$labels.{l} }}}}"));
        assert!(
            names.iter().any(|label| summary.contains(label)),
            "{name} names nobody: {summary}"
        );
        assert!(!text(&alert, "/annotations/description").is_empty(), "{name}");
        let url = text(&alert, "/annotations/runbook_url");
        let runbook = url.rsplit_once("/docs/runbooks/").unwrap().1.strip_suffix(".md").unwrap();
        assert!(url.starts_with("https://"), "{url}");
        assert!(read(&format!("docs/runbooks/{runbook}.md")).contains(&format!("`{name}`")));
        let row = format!("| `{name}` | {severity} | [{stem}](../alerts/{stem}.yaml) |");
        assert!(read("docs/alerts.md").contains(&row), "docs/alerts.md has no row {row}");
        runbooks.insert(runbook.to_owned());
    }
    // Those of findings are named by their rules.
    let findings = root().join("src/finding/rules");
    let of_findings =
        if findings.is_dir() { stems("src/finding/rules", ".rs") } else { BTreeSet::new() };
    let unused: Vec<String> = stems("docs/runbooks", ".md")
        .into_iter()
        .filter(|book| !runbooks.contains(book) && !of_findings.contains(book))
        .collect();
    assert_eq!(unused, Vec::<String>::new());
}

/// Blocks of a language in Markdown, with their first line's number.
fn blocks(markdown: &str, language: &str) -> Vec<String> {
    let fence = format!("```{language}\n");
    let parts = markdown.split(&fence).skip(1);
    parts.map(|part| part.split("```").next().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn the_sql_of_runbooks_runs() {
    let cluster = cluster(&Options::default()).await;
    let admin = admin(&cluster).await;
    let mut ran = 0;
    for stem in stems("docs/runbooks", ".md") {
        for sql in blocks(&read(&format!("docs/runbooks/{stem}.md")), "sql") {
            if let Err(error) = admin.batch_execute(&sql).await {
                panic!("{stem}: {error:?}\n{sql}");
            }
            ran += 1;
        }
    }
    assert!(ran >= 10, "{ran}");
}

const CONFIG: &str = "--config.file=deploy/alertmanager.yml";

#[test]
fn alertmanager_accepts_the_example_and_sends_each_alert_where_it_belongs() {
    succeeds("amtool", &["check-config", "deploy/alertmanager.yml"]);
    for (receiver, labels) in [
        ("pager", "alertname=ErpscopeLockWait severity=page signal=locks server=erp"),
        ("pager", "alertname=ErpscopeIdleBlocker severity=page signal=locks server=erp"),
        ("pager", "alertname=ErpscopeServerDown severity=page signal=server server=erp"),
        ("pager", "alertname=ErpscopeAgentDown severity=page signal=agent"),
        ("pager", "alertname=ErpscopeIntegrationFailing severity=page signal=integrations"),
        ("chat", "alertname=ErpscopeLockWait severity=warning signal=locks server=erp"),
        ("chat", "alertname=ErpscopeBlind severity=warning signal=agent server=erp"),
        (
            "integrations",
            "alertname=ErpscopeIntegrationSilent severity=warning signal=integrations",
        ),
        (
            "integrations",
            "alertname=ErpscopeIntegrationFailing severity=warning signal=integrations",
        ),
        ("dba", "alertname=ErpscopeConnectionsHigh severity=warning signal=connections"),
        ("dba", "alertname=ErpscopeStatementRegression severity=warning signal=statements"),
        ("dba", "alertname=ErpscopeFindingCritical severity=warning signal=findings server=erp"),
        ("dba", "alertname=ErpscopeSlotKeepsLog severity=warning signal=replication server=erp"),
        ("pager", "alertname=ErpscopeWraparound severity=page signal=capacity server=erp"),
        ("dba", "alertname=ErpscopeStandbyMissing severity=warning signal=replication server=erp"),
        ("dba", "alertname=ErpscopeQueueStuck severity=warning signal=queues server=erp"),
        ("chat", "alertname=ErpscopeRulesOff severity=warning signal=agent instance=a"),
        ("tickets", "alertname=ErpscopeSuggestionWorthIt severity=info signal=suggestions"),
        ("tickets", "alertname=ErpscopeSightIncomplete severity=info signal=agent"),
        ("chat", "alertname=SomebodyElses severity=warning"),
    ] {
        let verify = format!("--verify.receivers={receiver}");
        let mut args = vec!["config", "routes", "test", CONFIG, &verify];
        args.extend(labels.split(' '));
        succeeds("amtool", &args);
    }
}

struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _gone = self.0.kill();
        let _status = self.0.wait();
    }
}

/// Alerts that others explain, and others that are nearly so.
fn explaining_and_explained() -> Value {
    let alert = |name: &str, severity: &str, signal: &str, more: Value| {
        let mut labels =
            json!({"alertname": name, "severity": severity, "signal": signal, "instance": "a"});
        labels.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        json!({ "labels": labels })
    };
    json!([
        alert("ErpscopeServerDown", "page", "server", json!({"server": "a"})),
        alert(
            "ErpscopeBlockedTime",
            "warning",
            "locks",
            json!({"server": "a", "datname": "x", "module": "sales"})
        ),
        alert(
            "ErpscopeLockWait",
            "page",
            "locks",
            json!({"server": "b", "datname": "x", "module": "sales"})
        ),
        alert(
            "ErpscopeLockWait",
            "warning",
            "locks",
            json!({"server": "b", "datname": "x", "module": "sales"})
        ),
        alert(
            "ErpscopeBlockedTime",
            "warning",
            "locks",
            json!({"server": "b", "datname": "x", "module": "crm"})
        ),
        alert(
            "ErpscopeBlockedTime",
            "warning",
            "locks",
            json!({"server": "b", "datname": "other"})
        ),
        alert("ErpscopeDeadlocks", "warning", "locks", json!({"server": "b", "datname": "x"})),
        alert("ErpscopeProviderDown", "page", "integrations", json!({"integration": "bank"})),
        alert("ErpscopeIntegrationFailing", "page", "integrations", json!({"integration": "bank"})),
        alert("ErpscopeIntegrationFailing", "page", "integrations", json!({"integration": "shop"})),
        alert("ErpscopeAgentDown", "page", "agent", json!({"instance": "gone"})),
        alert("ErpscopeDropping", "warning", "agent", json!({"instance": "gone"})),
        alert(
            "ErpscopeDropping",
            "warning",
            "agent",
            json!({"instance": "gone", "site": "two", "server": "elsewhere"})
        ),
        alert("ErpscopeServerUnwatched", "warning", "agent", json!({"server": "c"})),
        alert("ErpscopeConnectionsHigh", "page", "connections", json!({"server": "c"})),
    ])
}

#[tokio::test]
async fn what_an_alert_explains_is_not_told_beside_it() {
    let folder = tempfile::tempdir().unwrap();
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    // Nobody is to be told of a test.
    let mut config: Value = serde_norway::from_str(&read("deploy/alertmanager.yml")).unwrap();
    for receiver in config["receivers"].as_array_mut().unwrap() {
        receiver.as_object_mut().unwrap().remove("webhook_configs");
    }
    let file = folder.path().join("alertmanager.yml");
    std::fs::write(&file, config.to_string()).unwrap();
    let program = ["prometheus-alertmanager", "alertmanager"]
        .into_iter()
        .find(|name| Command::new(name).arg("--version").output().is_ok())
        .expect("Alertmanager is installed by `make test`");
    let _running = Running(
        Command::new(program)
            .arg(format!("--config.file={}", file.display()))
            .arg(format!("--storage.path={}", folder.path().display()))
            .arg(format!("--web.listen-address=127.0.0.1:{free}"))
            .arg("--cluster.listen-address=")
            .stderr(Stdio::null())
            .spawn()
            .unwrap(),
    );
    let url = format!("http://127.0.0.1:{free}");
    let sent = explaining_and_explained();
    let mut is_up = false;
    for _ in 0..600 {
        let sending = http().post(format!("{url}/api/v2/alerts")).json(&sent).send().await;
        is_up = sending.is_ok_and(|answer| answer.status().is_success());
        if is_up {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert!(is_up, "Alertmanager does not take alerts");
    let wanted = [
        "BlockedTime a",
        "BlockedTime b",
        "ConnectionsHigh c",
        "Dropping ",
        "IntegrationFailing bank",
        "LockWait b",
    ];
    let mut silent = Vec::new();
    for _ in 0..200 {
        let (_, answer) = get(&format!("{url}/api/v2/alerts?inhibited=true")).await;
        let all: Vec<Value> = serde_json::from_str(&answer).unwrap();
        silent = all
            .iter()
            .filter(|one| !one["status"]["inhibitedBy"].as_array().unwrap().is_empty())
            .map(|one| {
                let whose =
                    format!("{}{}", text(one, "/labels/server"), text(one, "/labels/integration"));
                format!("{} {whose}", text(one, "/labels/alertname").trim_start_matches("Erpscope"))
            })
            .collect();
        silent.sort();
        if silent == wanted {
            return;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert_eq!(silent, wanted);
}
