//! The dashboards: written down in `dashboards/source/*.toml`, kept as Grafana reads them in
//! `dashboards/*.json`, held to rules.

mod build;
mod lint;
mod source;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use serde_json::Value;

use source::Dashboard;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("dashboards")
}

/// Files of one kind in a folder, in the order of their names.
fn files(folder: &Path, ending: &str) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<PathBuf> =
        entries.filter(|path| path.extension().is_some_and(|e| e == ending)).collect();
    files.sort();
    files
}

/// Every dashboard with the file that it is built into.
fn dashboards() -> Vec<(PathBuf, Dashboard)> {
    let read = |path: PathBuf| {
        let text = std::fs::read_to_string(&path).unwrap();
        let dashboard = toml::from_str(&text).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        let name = path.file_stem().unwrap();
        (folder().join(name).with_extension("json"), dashboard)
    };
    files(&folder().join("source"), "toml").into_iter().map(read).collect()
}

fn built() -> Vec<(String, Value)> {
    let all = dashboards();
    let uids: Vec<(String, String)> = all
        .iter()
        .map(|(path, _)| {
            let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
            let uid = build::uid(&name);
            (name, uid)
        })
        .collect();
    all.iter()
        .zip(&uids)
        .map(|((_, dashboard), (name, _))| (name.clone(), build::build(name, dashboard, &uids)))
        .collect()
}

#[test]
fn the_files_are_what_their_sources_say() {
    for (name, dashboard) in built() {
        let path = folder().join(&name).with_extension("json");
        let text = serde_json::to_string_pretty(&dashboard).unwrap() + "\n";
        if std::env::var_os("UPDATE_DOCS").is_some() {
            std::fs::write(&path, &text).unwrap();
        }
        let there = std::fs::read_to_string(&path).unwrap_or_default();
        assert!(
            there == text,
            "dashboards/{name}.json is not what its source says: run `UPDATE_DOCS=1 cargo test --test it dashboards`"
        );
    }
    let sources = files(&folder().join("source"), "toml").len();
    assert_eq!(files(&folder(), "json").len(), sources, "a dashboard without a source");
}

#[test]
fn every_dashboard_keeps_the_rules() {
    let mut broken = Vec::new();
    for (name, dashboard) in built() {
        broken.extend(lint::faults(&dashboard).into_iter().map(|fault| format!("{name}: {fault}")));
    }
    assert_eq!(broken, Vec::<String>::new());
}

#[test]
fn prometheus_can_read_every_query() {
    let mut rules = String::from("groups:\n- name: panels\n  rules:\n");
    for (_, dashboard) in built() {
        for (_, expr) in lint::queries(&dashboard) {
            let expr = serde_json::to_string(&lint::filled(&expr)).unwrap();
            for line in ["  - record: panel", &format!("    expr: {expr}")] {
                rules.push_str(line);
                rules.push('\n');
            }
        }
    }
    let mut file = tempfile::NamedTempFile::new().unwrap();
    std::io::Write::write_all(&mut file, rules.as_bytes()).unwrap();
    let checked = std::process::Command::new("promtool")
        .args(["check", "rules", "--lint=none"])
        .arg(file.path())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&checked.stderr);
    assert!(checked.status.success(), "{said}");
}

#[test]
fn panels_use_no_metric_and_no_label_that_the_reference_does_not_list() {
    let reference = lint::Reference::read();
    let mut unknown = Vec::new();
    for (name, dashboard) in built() {
        for (panel, expr) in lint::queries(&dashboard) {
            let found = reference.unknown(&lint::filled(&expr));
            unknown.extend(found.into_iter().map(|what| format!("{name}: {panel}: {what}")));
        }
    }
    assert_eq!(unknown, Vec::<String>::new());
}

/// Metrics that no dashboard and no alert uses, each with a reason.
#[derive(serde::Deserialize)]
struct Unused {
    unused: Vec<Spare>,
}

#[derive(serde::Deserialize)]
struct Spare {
    metrics: Vec<String>,
    why: String,
}

#[test]
fn every_metric_is_on_a_dashboard_in_an_alert_or_has_a_reason_why_not() {
    let mut texts: Vec<String> =
        built().iter().flat_map(|(_, d)| lint::queries(d)).map(|(_, expr)| expr).collect();
    for (_, dashboard) in built() {
        texts.push(dashboard["templating"].to_string());
    }
    for file in files(&folder().join("../alerts"), "yaml") {
        texts.push(std::fs::read_to_string(file).unwrap());
    }
    let used: BTreeSet<String> = texts.iter().flat_map(|t| lint::Reference::names(t)).collect();
    let spare = std::fs::read_to_string(folder().join("unused.toml")).unwrap();
    let spare: Unused = toml::from_str(&spare).unwrap();
    assert!(spare.unused.iter().all(|spare| !spare.why.is_empty()));
    let spare: BTreeSet<String> = spare.unused.into_iter().flat_map(|s| s.metrics).collect();
    let reference = lint::Reference::read();
    let of_one = |name: &str| {
        ["_bucket", "_sum", "_count"]
            .iter()
            .find_map(|end| name.strip_suffix(end))
            .unwrap_or(name)
            .to_owned()
    };
    let used: BTreeSet<String> = used
        .iter()
        .map(|name| if reference.is_listed(name) { of_one(name) } else { name.clone() })
        .collect();
    let all: BTreeSet<String> = reference.all().map(of_one).collect();
    let forgotten: Vec<&String> =
        all.iter().filter(|n| !used.contains(*n) && !spare.contains(*n)).collect();
    assert_eq!(forgotten, Vec::<&String>::new());
    let needless: Vec<&String> =
        spare.iter().filter(|n| used.contains(*n) || !all.contains(*n)).collect();
    assert_eq!(needless, Vec::<&String>::new(), "these are used, or not there");
}
