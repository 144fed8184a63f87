//! What is true of every rule, and a stage on which each is tried.

use std::collections::BTreeSet;
use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use super::*;
use crate::config::Config;
use crate::sample::Moment;
use crate::sample::database::Server as Facts;
use crate::sample::statements::Counters;
use crate::state::{Connection, Databases, Journal, ServerSnapshot, Snapshot};
use crate::track::reports::Report;
use crate::track::statements::{Shown, View};

/// Seconds of the window on the stage.
const SPAN: u64 = 3_600;

/// A moment so many seconds after the beginning.
pub(super) fn at(seconds: u64) -> Moment {
    let elapsed = Duration::from_secs(seconds);
    Moment { wall: SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000_000) + elapsed, elapsed }
}

/// One server an hour ago and now.
pub(super) struct Stage {
    pub(super) before: Snapshot,
    pub(super) middle: Option<Snapshot>,
    pub(super) now: Snapshot,
    pub(super) hours: Hours,
    pub(super) months: month::Months,
    pub(super) deletes: Deletes,
    limits: Vec<(&'static str, f64)>,
}

impl Stage {
    pub(super) fn new() -> Self {
        let facts = Facts {
            version: "15.18".into(),
            version_num: 150_018,
            start_time: SystemTime::UNIX_EPOCH,
            in_recovery: false,
            max_connections: 103,
            role: "erpscope".into(),
            reserved_connections: 3,
            statements_max: 5_000,
            connections: 10,
        };
        let server = ServerSnapshot {
            name: "db".into(),
            erps: Arc::default(),
            connection: Arc::new(Connection::Up { lacking: vec![] }),
            statements: Arc::default(),
            databases: Arc::new(Databases { server: Some(facts), ..Databases::default() }),
            activity: Arc::default(),
            tables: Arc::default(),
            growth: Arc::default(),
            catalog: Arc::default(),
            vacuum: Arc::default(),
            replication: Arc::default(),
            io: Arc::default(),
            settings: Arc::default(),
            queues: Arc::default(),
            duplicates: Arc::default(),
            suggestions: Arc::default(),
            samplers: Arc::default(),
            spending: None,
        };
        let snapshot = Snapshot { servers: vec![server], ..Snapshot::default() };
        let (before, middle) = (snapshot.clone(), None);
        let (hours, months, deletes) = (Hours::new(), month::Months::new(), Deletes::new());
        Self { before, middle, now: snapshot, hours, months, deletes, limits: Vec::new() }
    }

    pub(super) fn server(&mut self) -> &mut ServerSnapshot {
        &mut self.now.servers[0]
    }

    pub(super) fn facts(&mut self) -> &mut Facts {
        Arc::make_mut(&mut self.server().databases).server.as_mut().unwrap()
    }

    /// A statement of role `erp` in database `erp` that took this in the hour.
    pub(super) fn statement(self, module: &str, query: &str, work: Counters) -> Self {
        self.statement_of("erp", module, query, work)
    }

    pub(super) fn statement_of(
        mut self,
        usename: &str,
        module: &str,
        query: &str,
        work: Counters,
    ) -> Self {
        let server = self.server();
        let mut view: View = (*server.statements).clone();
        view.shown.push(Shown {
            datname: "erp".into(),
            usename: usename.into(),
            queryid: i64::try_from(view.shown.len()).unwrap() + 1,
            module: module.into(),
            query: Some(query.into()),
            series: work,
            total: work,
            here: work,
            leaving: false,
        });
        server.statements = Arc::new(view);
        self
    }

    /// Something was told just now.
    pub(super) fn told(mut self, report: Report) -> Self {
        let journal: &mut Journal = Arc::make_mut(&mut self.now.journal);
        journal.add(at(SPAN).wall, Some("db".into()), report);
        self
    }

    pub(super) fn limit(mut self, key: &'static str, value: f64) -> Self {
        self.limits.push((key, value));
        self
    }

    /// What a rule says with the limits of the config's defaults.
    pub(super) fn look(&self, id: &str) -> Vec<Candidate> {
        let rule = RULES.iter().find(|rule| rule.about.id == id).unwrap();
        let terms = &Config::of(vec![]).unwrap().finding.rules[id];
        let mut limits = terms.limits.clone();
        limits.extend(self.limits.iter().copied());
        let mut past = Past::default();
        past.remember(at(0), &self.before, Duration::from_secs(SPAN));
        if let Some(middle) = &self.middle {
            past.remember(at(SPAN / 2), middle, Duration::from_secs(SPAN));
        }
        let scene = Scene::new(at(SPAN), &self.now, &past, Duration::from_secs(60));
        let scene = scene.with_hours(Arc::new(self.hours.clone()));
        let scene = scene.with_months(Arc::new(self.months.clone()));
        let scene = scene.with_deletes(Arc::new(self.deletes.clone()));
        rule.look(&scene, &limits).unwrap().into_iter().flat_map(|look| look.found).collect()
    }

    /// The subjects that it tells of.
    pub(super) fn subjects(&self, id: &str) -> Vec<String> {
        self.look(id).iter().map(|candidate| candidate.subject.to_string()).collect()
    }
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).to_owned()
}

#[test]
fn every_rule_is_told_of_in_full_and_has_its_table_in_the_config_and_its_runbook() {
    let config = Config::of(vec![]).unwrap().finding.rules;
    let ids: BTreeSet<&str> = RULES.iter().map(|rule| rule.about.id).collect();
    assert_eq!(ids.len(), RULES.len());
    assert_eq!(ids, config.keys().copied().collect());
    for about in RULES.iter().map(|rule| &rule.about) {
        let id = about.id;
        assert!(about.explanation.ends_with('.') && about.explanation.len() > 80, "{id}");
        assert!(!about.title.ends_with('.') && !about.remedy.is_empty(), "{id}");
        let runbook = std::fs::read_to_string(root().join(about.runbook())).unwrap_or_default();
        assert!(runbook.starts_with("# ") && runbook.len() > 300, "{}", about.runbook());
        assert!(config[id].enabled, "{id}");
    }
}

#[test]
fn a_rule_reads_only_limits_that_its_table_has() {
    let config = Config::of(vec![]).unwrap().finding.rules;
    for id in RULES.iter().map(|rule| rule.about.id) {
        let path = root().join(format!("src/finding/rules/{id}.rs"));
        let text = std::fs::read_to_string(path).unwrap();
        let read: BTreeSet<&str> =
            text.split("limit(\"").skip(1).map(|rest| rest.split('"').next().unwrap()).collect();
        assert_eq!(read, config[id].limits.keys().copied().collect(), "{id}");
    }
}

#[test]
fn no_rule_says_anything_of_an_idle_server_nor_of_one_that_was_just_met() {
    let stage = Stage::new();
    for rule in RULES {
        assert!(stage.look(rule.about.id).is_empty(), "{}", rule.about.id);
    }
    let mut down = Stage::new().statement("sales", "select * from t", heavy());
    down.server().connection = Arc::default();
    assert!(down.look("large_scans").is_empty());
    let mut past = Past::default();
    past.remember(at(0), &down.before, Duration::from_secs(60));
    let scene = Scene::new(at(59), &down.now, &past, Duration::from_secs(60));
    assert!(RULES[0].look(&scene, &Limits::new()).unwrap().is_empty());
}

#[test]
fn a_server_is_measured_from_when_it_was_met_and_its_first_minutes_are_not_taken_for_all_day() {
    let stage = Stage::new().statement("sales", "select a from line where b = $1", heavy());
    let mut past = Past::default();
    past.remember(at(0), &Snapshot::default(), Duration::from_secs(SPAN));
    past.remember(at(10), &stage.before, Duration::from_secs(SPAN));
    let scene = Scene::new(at(110), &stage.now, &past, Duration::from_secs(60));
    let young = scene.clone().over_at_least(Duration::from_secs(SPAN));
    let limits = &Config::of(vec![]).unwrap().finding.rules["large_scans"].limits;
    let cost = |scene: &Scene, limits: &Limits| {
        let looks = RULES[0].look(scene, limits).unwrap();
        looks[0].found.first().map(|found| found.cost_seconds_per_day.unwrap().round())
    };
    assert_eq!(cost(&scene, limits), Some(86_400.0));
    assert_eq!(cost(&young, limits), Some(2_400.0), "as if nothing more came in its hour");
    let dearer = Limits::from([("seconds_per_day", 2_401.0)]);
    let limits: Limits = limits.clone().into_iter().chain(dearer).collect();
    assert_eq!((cost(&young, &limits), cost(&scene, &limits)), (None, Some(86_400.0)));
}

/// An hour of somebody who reads 40,000 blocks for each of 1,000 rows.
pub(super) fn heavy() -> Counters {
    Counters {
        calls: 1_000,
        rows: 1_000,
        exec_seconds: 100.0,
        blocks_hit: 4_000_000,
        ..Counters::default()
    }
}

/// The manual: what each rule says of itself, and the doc comment of its file.
fn manual() -> String {
    let mut out = String::from(
        "# Findings\n\n\
         Made from the declarations and doc comments in `src/finding/rules/`; `UPDATE_DOCS=1 cargo test \
         --lib docs` writes it anew.\n\n\
         A rule looks every `[finding] interval` at what was measured over `[finding] window`. What it says \
         for `open_after` is an open finding; what it has not said for `close_after` is closed. Findings are \
         at `/api/v1/findings`, in `erpscope findings` (`--explain ID` tells everything about one; exit status \
         2 if there is one of `--fail-on` or worse), on the page, as metrics (`erpscope_finding`), and as \
         events when they open and close. `erpscope report` is one page for a manager, `/api/v1/modules` \
         the same by business module.\n\n\
         What a finding costs is measured: seconds a day that its statements take, or that people wait, as they \
         were in the window. It is what mending it gives back at most. Some time is in several findings. Statements \
         of the role that erpscope logs in with are left out, unless that role writes: it has to be one of its own.\n\n\
         Each rule has a table in the [config](configuration.md) with what it calls too much; `enabled = \
         false` switches it off. What is known and not to be told for a while is muted, with a reason and a \
         last day; after that day it is told again, and the page says so:\n\n\
         \x20   [[mute]]\n    rule = \"hot_rows\"\n    subject = \"base_sequence\"\n    reason = \"gapless by law\"\n    until = \"2030-01-31\"\n\n\
         A rule that fails, or takes longer than five seconds, is off until the next start, alone: \
         `erpscope_finding_rules`, `/readyz` and the page say so.\n",
    );
    for rule in RULES {
        let about = &rule.about;
        let source = root().join(format!("src/finding/rules/{}.rs", about.id));
        let source = std::fs::read_to_string(source).unwrap();
        let doc: Vec<&str> =
            source.lines().map_while(|line| line.strip_prefix("//!")).map(str::trim).collect();
        let needs: Vec<&str> = about.needs.iter().map(|need| need.name()).collect();
        let _infallible = write!(
            out,
            "\n## {}: {}\n\n{}\n\nHow it looks: {}\n\nAt worst {}; needs {}; limits in \
             `[finding.{}]`. [Runbook](runbooks/{}.md).\n\n",
            about.id,
            about.title,
            about.explanation,
            doc.join(" "),
            about.severity.name(),
            needs.join(", "),
            about.id,
            about.id
        );
        for (index, step) in about.remedy.iter().enumerate() {
            let _infallible = writeln!(out, "{}. {step}", index + 1);
        }
    }
    out
}

#[test]
fn docs_findings_md_is_what_the_rules_say() {
    let path = root().join("docs/findings.md");
    let expected = manual();
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(&path, &expected).unwrap();
    }
    let found = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(found == expected, "docs/findings.md is stale: UPDATE_DOCS=1 cargo test --lib docs");
}
