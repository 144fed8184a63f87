//! Episodes of findings.

use std::collections::BTreeMap;

use super::*;
use crate::track::reports::Report;

static RULE: About = About {
    id: "a_rule",
    title: "a rule",
    severity: Severity::Critical,
    needs: &[Need::Samples],
    explanation: "Something is wrong.",
    remedy: &["Mend it."],
};

fn at(seconds: u64) -> Moment {
    let elapsed = Duration::from_secs(seconds);
    Moment { wall: SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000) + elapsed, elapsed }
}

fn terms(most: usize) -> Terms {
    Terms {
        open_after: Duration::from_secs(60),
        close_after: Duration::from_secs(300),
        most,
        mutes: Vec::new(),
    }
}

fn candidate(subject: &str, severity: Severity, cost: f64) -> Candidate {
    Candidate {
        datname: "erp".into(),
        subject: subject.into(),
        module: "sales".into(),
        severity,
        summary: format!("{subject} is wrong"),
        evidence: vec![Fact::count("rows", 3)],
        sql: Vec::new(),
        cost_seconds_per_day: Some(cost),
    }
}

fn judged(
    seconds: u64,
    found: Option<Vec<Candidate>>,
    state: RuleState,
    terms: Terms,
) -> Judgement {
    let server: Arc<str> = "db".into();
    let looks = found.map(|found| Look {
        about: &RULE,
        server: Arc::clone(&server),
        found,
        unseen: BTreeSet::new(),
    });
    Judgement {
        at: at(seconds),
        looks: looks.into_iter().collect(),
        rules: vec![Standing { id: "a_rule", state, detail: None }],
        servers: vec![server],
        week: None,
        before: BTreeMap::new(),
        terms: Arc::new(terms),
    }
}

fn said(seconds: u64, subjects: &[&str]) -> Judgement {
    let found = subjects.iter().map(|s| candidate(s, Severity::Warning, 1.0)).collect();
    judged(seconds, Some(found), RuleState::On, terms(10))
}

fn phases(told: &[(Arc<str>, Report)]) -> Vec<&'static str> {
    told.iter()
        .map(|(_, report)| match report {
            Report::Finding(finding) => finding.phase,
            _ => "no finding",
        })
        .collect()
}

#[test]
fn what_is_said_for_a_minute_opens_and_what_is_not_said_for_five_closes() {
    let mut findings = Findings::default();
    assert_eq!(findings.apply(said(0, &["t"])).1.findings.len(), 0);
    assert_eq!(findings.apply(said(30, &["t"])).1.findings.len(), 0);
    let (told, view) = findings.apply(said(60, &["t"]));
    assert_eq!((phases(&told), view.findings.len()), (vec!["opened"], 1));
    let id = view.findings[0].id.clone();
    let (told, view) = findings.apply(said(90, &[]));
    assert_eq!((told.len(), view.findings[0].is_current), (0, false));
    let (told, view) = findings.apply(said(300, &["t"]));
    assert!(told.is_empty() && view.findings[0].is_current && view.findings[0].id == id);
    assert!(findings.apply(said(599, &[])).0.is_empty());
    let (told, view) = findings.apply(said(600, &[]));
    assert_eq!((phases(&told), view.findings.len()), (vec!["closed"], 0));
    assert_eq!((view.opened, view.closed), (1, 1));
}

#[test]
fn what_comes_and_goes_never_opens() {
    let mut findings = Findings::default();
    for look in 0..40 {
        let subjects: &[&str] = if look % 2 == 0 { &["t"] } else { &[] };
        assert!(findings.apply(said(look * 30, subjects)).0.is_empty());
    }
}

#[test]
fn what_could_not_be_looked_at_stays_while_the_rest_closes() {
    let mut findings = Findings::default();
    for seconds in [0, 60] {
        findings.apply(said(seconds, &["t", "away"]));
    }
    let mut later = said(5_000, &[]);
    later.looks[0].unseen = BTreeSet::from(["away".into()]);
    let (told, view) = findings.apply(later);
    assert_eq!(phases(&told), ["closed"]);
    assert_eq!(&*view.findings[0].candidate.subject, "away");
    assert_eq!(phases(&findings.apply(said(6_000, &[])).0), ["closed"], "it was looked at");
}

#[test]
fn a_rule_that_did_not_look_closes_nothing_and_one_that_is_off_closes_all() {
    let mut findings = Findings::default();
    for seconds in [0, 60] {
        findings.apply(said(seconds, &["t"]));
    }
    let later = judged(5_000, None, RuleState::On, terms(10));
    assert_eq!(findings.apply(later).1.findings.len(), 1);
    let off = judged(5_030, None, RuleState::Failed, terms(10));
    let (told, view) = findings.apply(off);
    assert_eq!((phases(&told), view.findings.len()), (vec!["closed"], 0));
}

#[test]
fn the_worst_and_dearest_come_first_and_what_has_no_room_is_counted() {
    let found = || {
        vec![
            candidate("cheap", Severity::Warning, 1.0),
            candidate("bad", Severity::Critical, 0.5),
            candidate("dear", Severity::Warning, 9.0),
            candidate("info", Severity::Info, 99.0),
        ]
    };
    let mut findings = Findings::default();
    findings.apply(judged(0, Some(found()), RuleState::On, terms(3)));
    let (_, view) = findings.apply(judged(60, Some(found()), RuleState::On, terms(3)));
    let subjects: Vec<&str> = view.findings.iter().map(|f| &*f.candidate.subject).collect();
    assert_eq!((subjects, view.left_out), (vec!["bad", "dear", "cheap"], 1));
}

#[test]
fn what_is_muted_is_kept_and_not_told_until_the_mute_is_over_which_is_said() {
    let mut terms = terms(10);
    terms.mutes.push(Mute {
        rule: "a_*".into(),
        subject: "t*".into(),
        server: "*".into(),
        reason: "known".into(),
        until: "some day".into(),
        end: at(100).wall,
    });
    let say = |seconds| {
        let found =
            vec![candidate("t", Severity::Warning, 1.0), candidate("u", Severity::Warning, 1.0)];
        judged(seconds, Some(found), RuleState::On, terms.clone())
    };
    let mut findings = Findings::default();
    findings.apply(say(0));
    let (told, view) = findings.apply(say(60));
    assert_eq!(told.len(), 1);
    assert_eq!(view.findings.last().unwrap().muted.as_deref(), Some("known"));
    assert_eq!((view.told().count(), view.expired_mutes.len()), (1, 0));
    let (_, view) = findings.apply(say(120));
    assert_eq!((view.told().count(), view.expired_mutes.len()), (2, 1));
}

#[test]
fn what_was_open_when_the_agent_ended_goes_on_and_is_not_told_again() {
    let mut findings = Findings::default();
    let (told, view) = findings.apply(remembering("t", said(0, &["t"])));
    assert!(told.is_empty());
    assert_eq!(view.findings[0].opened, SystemTime::UNIX_EPOCH);
    assert!(findings.apply(said(299, &[])).0.is_empty());
    assert_eq!(phases(&findings.apply(said(300, &[])).0), ["closed"]);
}

/// With a subject that was open when the agent ended last, since 1970.
fn remembering(subject: &str, judgement: Judgement) -> Judgement {
    let was = Before {
        about: &RULE,
        server: "db".into(),
        candidate: Arc::new(candidate(subject, Severity::Warning, 1.0)),
        opened: SystemTime::UNIX_EPOCH,
    };
    let before = BTreeMap::from([(id("a_rule", "db", "erp", subject), was)]);
    Judgement { before, ..judgement }
}

#[test]
fn what_was_mended_while_the_agent_was_away_closes_once_its_rule_has_looked_for_long_enough() {
    let mut findings = Findings::default();
    let not_looked = |seconds| judged(seconds, None, RuleState::On, terms(10));
    assert!(findings.apply(remembering("t", not_looked(0))).0.is_empty());
    let mut away = said(1_000, &[]);
    away.looks[0].unseen = BTreeSet::from(["t".into()]);
    assert!(findings.apply(away).0.is_empty(), "it could not look there");
    assert!(findings.apply(said(2_000, &[])).0.is_empty(), "its first look");
    assert!(findings.apply(not_looked(2_300)).0.is_empty());
    let (told, view) = findings.apply(said(2_301, &[]));
    assert_eq!((phases(&told), view.closed, view.findings.len()), (vec!["closed"], 1, 0));
    let Report::Finding(report) = &told[0].1 else { panic!("no finding") };
    assert_eq!((&*report.subject, report.started), ("t", SystemTime::UNIX_EPOCH));
    // When it comes back, it is a new one.
    assert!(findings.apply(said(9_000, &["t"])).1.findings.is_empty());
    let (told, view) = findings.apply(said(9_060, &["t"]));
    assert_eq!((phases(&told), view.findings[0].opened), (vec!["opened"], at(9_060).wall));
}

#[test]
fn what_was_open_before_closes_with_its_rule_and_is_not_told_if_it_is_muted() {
    let mut findings = Findings::default();
    let off = judged(0, None, RuleState::Disabled, terms(10));
    assert_eq!(phases(&findings.apply(remembering("t", off)).0), ["closed"]);
    let mut terms = terms(10);
    terms.mutes.push(Mute {
        rule: "*".into(),
        subject: "*".into(),
        server: "*".into(),
        reason: "known".into(),
        until: "some day".into(),
        end: at(100).wall,
    });
    let off = judged(30, None, RuleState::Disabled, terms);
    let (told, view) = findings.apply(remembering("t", off));
    assert_eq!((told.len(), view.closed), (0, 2));
}

#[test]
fn what_is_remembered_late_is_open_since_then_all_the_same() {
    let mut findings = Findings::default();
    for seconds in [0, 60] {
        findings.apply(said(seconds, &["t"]));
    }
    let (told, view) = findings.apply(remembering("t", said(90, &["t"])));
    assert!(told.is_empty());
    assert_eq!((view.findings.len(), view.findings[0].opened), (1, SystemTime::UNIX_EPOCH));
    assert_eq!(phases(&findings.apply(said(5_000, &[])).0), ["closed"]);
}

#[test]
fn what_was_said_of_a_server_that_is_watched_no_more_goes() {
    let mut findings = Findings::default();
    for seconds in [0, 60] {
        findings.apply(said(seconds, &["t"]));
    }
    let mut gone = judged(90, None, RuleState::On, terms(10));
    gone.servers.clear();
    assert!(findings.apply(gone).1.findings.is_empty());
}

#[test]
fn times_are_told_as_people_say_them() {
    for (seconds, told) in [
        (0.0, "0 s"),
        (0.000_1, "0.100 ms"),
        (0.001_25, "1.2 ms"),
        (0.85, "850 ms"),
        (0.999_6, "1.0 s"),
        (7.34, "7.3 s"),
        (119.0, "119 s"),
        (119.6, "2 min"),
        (5_100.0, "85 min"),
        (7_200.0, "2.0 h"),
        (61_966.0, "17.2 h"),
        (200_000.0, "2.3 days"),
        (31_387_103.0, "363 days"),
    ] {
        assert_eq!(Value::Seconds(seconds).to_string(), told);
    }
}
