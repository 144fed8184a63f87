//! Recorded and random histories.

use std::collections::BTreeMap;
use std::time::SystemTime;

use proptest::prelude::*;

use super::*;
use crate::erp::Erps;
use crate::sample::database::{Database, Sample as Facts, Server};
use crate::sample::statements::{Info, Key, Statement};

fn seconds(seconds: u64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)
}

fn at(elapsed: u64) -> Moment {
    Moment { wall: seconds(1_000_000 + elapsed), elapsed: Duration::from_secs(elapsed) }
}

fn names() -> Names {
    let mut names = Names::new(10);
    names.learn(&facts(), Duration::ZERO);
    names
}

fn facts() -> Facts {
    let databases = [(1, "erp"), (2, "shop")].map(|(dbid, datname)| Database {
        dbid,
        datname: datname.into(),
        stats_reset: None,
        connection_limit: None,
        connections: 0,
        counters: crate::sample::database::Counters::default(),
    });
    Facts {
        read_at: seconds(0),
        server: Server {
            version: String::new(),
            version_num: 150_000,
            start_time: seconds(0),
            in_recovery: false,
            max_connections: 1,
            role: "erpscope".into(),
            reserved_connections: 0,
            statements_max: 0,
            connections: 0,
        },
        databases: databases.into(),
        roles: vec![(10, "odoo".into()), (11, "bi".into())],
        horizon: vec![],
    }
}

fn key(queryid: i64) -> Key {
    Key { userid: 10, dbid: 1, queryid: Some(queryid), toplevel: true }
}

fn entry(key: Key, calls: u64) -> Statement {
    let counters = Counters { calls, exec_seconds: calls as f64, ..Counters::default() };
    Statement { key, since: None, counters }
}

fn info(reset: u64, read_at: u64, dealloc: u64) -> Info {
    Info { dealloc, stats_reset: Some(seconds(reset)), read_at: seconds(read_at) }
}

fn sample(read_at: u64, entries: &[(i64, u64)]) -> Sample {
    Sample {
        statements: entries.iter().map(|&(queryid, calls)| entry(key(queryid), calls)).collect(),
        info: Some(info(1, read_at, 0)),
    }
}

struct Fold {
    tracker: Statements,
    names: Names,
}

impl Fold {
    fn new(top: usize) -> Self {
        Self { tracker: Statements::new(top), names: names() }
    }

    fn apply(&mut self, elapsed: u64, sample: &Sample) -> View {
        self.tracker.apply(at(elapsed), sample, &self.names);
        self.tracker.view()
    }

    fn learn(&mut self, elapsed: u64, texts: &texts::Sample) {
        let words =
            Words { names: &self.names, erps: &Erps::default(), integrations: &Arc::default() };
        self.tracker.apply_texts(at(elapsed), texts, words);
    }
}

fn calls(view: &View) -> BTreeMap<String, u64> {
    let shown = view.shown.iter().map(|s| (s.queryid.to_string(), s.series.calls));
    let other = view.other.iter().map(|((datname, module), c)| {
        let module = if **module == *UNKNOWN { String::new() } else { format!(" {module}") };
        (format!("other {datname}{module}"), c.calls)
    });
    shown.chain(other).collect()
}

fn sum(view: &View) -> u64 {
    calls(view).values().sum()
}

#[test]
fn the_first_sample_is_the_base() {
    let view = Fold::new(5).apply(0, &sample(10, &[(1, 100), (2, 50)]));
    assert_eq!(sum(&view), 0);
    assert_eq!(view.shown.len(), 2, "its series exist at zero");
    assert_eq!(view.counts.tracked, 2);
}

#[test]
fn growth_and_new_entries_are_counted_in_full() {
    let mut fold = Fold::new(5);
    fold.apply(0, &sample(10, &[(1, 100)]));
    let view = fold.apply(10, &sample(20, &[(1, 103), (2, 7)]));
    assert_eq!(sum(&view), 10);
    assert_eq!(calls(&view)["1"], 3);
    assert_eq!(calls(&view)["other erp"], 7, "a series enters the top at zero");
}

#[test]
fn an_entry_that_was_evicted_and_came_back_counts_from_zero() {
    let mut fold = Fold::new(5);
    fold.apply(0, &sample(10, &[(1, 100)]));
    fold.apply(10, &sample(20, &[]));
    assert_eq!(calls(&fold.apply(20, &sample(30, &[(1, 4)])))["1"], 4);
}

#[test]
fn an_entry_that_went_back_was_reset_and_is_counted() {
    let mut fold = Fold::new(5);
    fold.apply(0, &sample(10, &[(1, 100)]));
    let view = fold.apply(10, &sample(20, &[(1, 4)]));
    assert_eq!(calls(&view)["1"], 4);
    assert_eq!(view.counts.entry_resets, 1);
}

#[test]
fn stats_since_tells_a_reset_that_counters_do_not_show() {
    let mut fold = Fold::new(5);
    let since = |since, calls| {
        let mut sample = sample(0, &[(1, calls)]);
        sample.statements[0].since = Some(seconds(since));
        sample
    };
    fold.apply(0, &since(1, 10));
    let view = fold.apply(10, &since(2, 12));
    assert_eq!((calls(&view)["1"], view.counts.entry_resets), (12, 1));
}

#[test]
fn a_reset_of_all_counts_what_came_after_it() {
    let mut fold = Fold::new(5);
    fold.apply(0, &Sample { info: Some(info(1, 100, 3)), ..sample(0, &[(1, 10), (2, 10)]) });
    let after = Sample { info: Some(info(105, 110, 2)), ..sample(0, &[(1, 12), (3, 1)]) };
    let view = fold.apply(10, &after);
    assert_eq!((sum(&view), view.counts.resets, view.counts.deallocated), (13, 1, 2));
}

#[test]
fn counters_of_another_server_are_a_new_base_and_not_growth() {
    let mut fold = Fold::new(5);
    fold.apply(0, &Sample { info: Some(info(50, 100, 0)), ..sample(0, &[(1, 10)]) });
    let view = fold.apply(10, &Sample { info: Some(info(40, 110, 9)), ..sample(0, &[(1, 9_000)]) });
    assert_eq!((sum(&view), view.counts.rebased, view.counts.resets), (0, 1, 0));
}

#[test]
fn toplevel_and_nested_entries_of_a_statement_are_one_series() {
    let nested = |calls| entry(Key { toplevel: false, ..key(1) }, calls);
    let mut fold = Fold::new(5);
    let mut first = sample(10, &[(1, 1)]);
    first.statements.push(nested(1));
    let mut second = sample(20, &[(1, 3)]);
    second.statements.push(nested(6));
    fold.apply(0, &first);
    let view = fold.apply(10, &second);
    assert_eq!(view.shown.len(), 1);
    assert_eq!(calls(&view)["1"], 7);
}

#[test]
fn hidden_entries_are_summed_in_other_and_becoming_visible_adds_nothing() {
    let hidden = |calls: &[u64]| Sample {
        statements: calls.iter().map(|&n| entry(Key { queryid: None, ..key(0) }, n)).collect(),
        info: Some(info(1, 10, 0)),
    };
    let mut fold = Fold::new(5);
    fold.apply(0, &hidden(&[100, 50]));
    let view = fold.apply(10, &hidden(&[110, 55]));
    assert_eq!((sum(&view), view.counts.hidden), (15, 2));
    let view = fold.apply(20, &sample(10, &[(1, 110), (2, 55)]));
    assert_eq!((sum(&view), view.counts.hidden), (15, 0));
    let view = fold.apply(30, &sample(10, &[(1, 111), (2, 55)]));
    assert_eq!(sum(&view), 16);
    let view = fold.apply(40, &hidden(&[500, 500]));
    assert_eq!(sum(&view), 16, "becoming hidden adds nothing either");
}

#[test]
fn what_hidden_entries_did_since_a_reset_is_counted() {
    let hidden = |reset, read_at, calls| Sample {
        statements: vec![entry(Key { queryid: None, ..key(0) }, calls)],
        info: Some(info(reset, read_at, 0)),
    };
    let mut fold = Fold::new(5);
    fold.apply(0, &hidden(1, 100, 40));
    let view = fold.apply(10, &hidden(105, 110, 6));
    assert_eq!((sum(&view), view.counts.resets), (6, 1));
}

/// An extension older than the server (pg_upgrade leaves it so) has no column `toplevel`: with
/// `track = all` two of its rows can be alike in everything but their counters.
#[test]
fn entries_that_an_old_extension_does_not_tell_apart_are_summed() {
    let rows = |calls: &[u64]| Sample {
        statements: calls.iter().map(|&calls| entry(key(1), calls)).collect(),
        info: Some(info(1, 10, 0)),
    };
    let mut fold = Fold::new(5);
    fold.apply(0, &rows(&[100, 7]));
    let view = fold.apply(10, &rows(&[101, 8]));
    assert_eq!((sum(&view), view.counts.entry_resets), (2, 0));
    let view = fold.apply(20, &rows(&[8, 101]));
    assert_eq!((sum(&view), view.counts.entry_resets), (2, 0), "in whatever order");
    let view = fold.apply(30, &rows(&[9]));
    assert_eq!((sum(&view), view.counts.entry_resets), (2, 1), "one was evicted: not guessed");
    assert_eq!(sum(&fold.apply(40, &rows(&[10, 2]))), 5);
}

#[test]
fn a_series_that_leaves_lingers_unchanged_and_goes_on_when_it_comes_back() {
    let mut fold = Fold::new(1);
    fold.apply(0, &sample(1, &[(1, 100), (2, 1)]));
    assert_eq!(calls(&fold.apply(10, &sample(2, &[(1, 110), (2, 1)])))["1"], 10);
    let view = fold.apply(20, &sample(3, &[(1, 110), (2, 1_001)]));
    assert_eq!(view.shown.iter().map(|s| s.leaving).collect::<Vec<_>>(), [true, false]);
    let view = fold.apply(30, &sample(4, &[(1, 115), (2, 2_001)]));
    assert_eq!(calls(&view)["1"], 10, "unchanged while it lingers");
    assert_eq!(calls(&view)["other erp"], 1_000 + 5);
    let view = fold.apply(400, &sample(5, &[(1, 115), (2, 3_001)]));
    assert!(!calls(&view).contains_key("1"), "gone after five minutes");
    let view = fold.apply(410, &sample(6, &[(1, 90_000), (2, 3_001)]));
    assert_eq!(calls(&view)["1"], 10, "back at its old value");
    let view = fold.apply(420, &sample(7, &[(1, 90_001), (2, 3_001)]));
    assert_eq!(calls(&view)["1"], 11);
}

#[test]
fn what_a_statement_did_before_it_came_back_to_the_picture_is_not_taken_for_new() {
    let mut fold = Fold::new(1);
    let here = |view: &View| {
        let mut shown = view.shown.iter();
        shown.find(|shown| shown.queryid == 1).map(|shown| shown.here.calls)
    };
    fold.apply(0, &sample(1, &[(1, 100), (2, 1)]));
    let view = fold.apply(10, &sample(2, &[(1, 1_100), (2, 1)]));
    assert_eq!(here(&view), Some(1_000));
    let view = fold.apply(20, &sample(3, &[(1, 1_110), (2, 9_001)]));
    assert_eq!(here(&view), Some(1_010), "it is still there");
    assert_eq!(here(&fold.apply(400, &sample(4, &[(1, 1_110), (2, 9_101)]))), None);
    let view = fold.apply(410, &sample(5, &[(1, 90_000), (2, 9_101)]));
    assert_eq!((here(&view), calls(&view)["1"]), (Some(0), 1_010), "its series goes on");
    let view = fold.apply(420, &sample(6, &[(1, 90_007), (2, 9_101)]));
    assert_eq!((here(&view), calls(&view)["1"]), (Some(7), 1_017));
}

#[test]
fn names_that_are_not_known_are_never_shown_singly() {
    let mut fold = Fold::new(5);
    let strange =
        |calls| Sample { statements: vec![entry(Key { dbid: 99, ..key(1) }, calls)], info: None };
    fold.apply(0, &strange(1));
    let view = fold.apply(10, &strange(3));
    assert_eq!(calls(&view), BTreeMap::from([("other unknown".to_owned(), 2)]));
}

#[test]
fn texts_are_wanted_until_known_or_not_found_three_times() {
    let mut fold = Fold::new(5);
    let view = fold.apply(0, &sample(1, &[(1, 1), (2, 1)]));
    assert_eq!(view.wanted.len(), 2);
    let answer = texts::Sample {
        texts: vec![(view.wanted[0], "select ?".to_owned())],
        asked: view.wanted.clone(),
    };
    fold.learn(0, &answer);
    assert_eq!(fold.tracker.view().shown[0].query.as_deref(), Some("select ?"));
    let nothing = texts::Sample { asked: view.wanted, texts: vec![] };
    fold.learn(0, &nothing);
    assert_eq!(fold.tracker.view().wanted.len(), 1);
    fold.learn(0, &nothing);
    assert_eq!(fold.tracker.view().wanted.len(), 0);
    assert!(fold.tracker.view().shown[0].query.is_some(), "a known text is kept");
}

#[test]
fn a_statement_is_shown_with_its_module_or_not_yet() {
    let mut fold = Fold::new(1);
    fold.tracker.expect_texts(true);
    fold.apply(0, &sample(1, &[(1, 100), (2, 1)]));
    let view = fold.apply(10, &sample(2, &[(1, 105), (2, 2)]));
    assert_eq!(calls(&view), BTreeMap::from([("other erp".into(), 6)]));
    let text = |key: &TextKey| (*key, format!("select from sale_order where id = {}", key.queryid));
    let texts = view.wanted.iter().map(text).collect();
    fold.learn(12, &texts::Sample { asked: view.wanted, texts });
    let view = fold.tracker.view();
    assert_eq!(calls(&view), BTreeMap::from([("other erp".into(), 6), ("1".into(), 0)]));
    assert_eq!((&*view.shown[0].module, view.wanted.len()), ("sales", 0));
    let view = fold.apply(20, &sample(3, &[(1, 107), (2, 3)]));
    assert_eq!((calls(&view)["1"], calls(&view)["other erp sales"]), (2, 1));
}

#[test]
fn where_no_text_comes_statements_are_shown_all_the_same() {
    let mut fold = Fold::new(5);
    fold.tracker.expect_texts(true);
    let view = fold.apply(0, &sample(1, &[(1, 100)]));
    fold.learn(0, &texts::Sample { asked: view.wanted, texts: vec![] });
    assert_eq!(&*fold.apply(10, &sample(2, &[(1, 101)])).shown[0].module, "unknown");
    let mut fold = Fold::new(5);
    fold.tracker.expect_texts(true);
    fold.apply(0, &sample(1, &[(1, 100)]));
    assert_eq!(fold.apply(200, &sample(2, &[(1, 101)])).shown.len(), 1, "never asked for");
}

/// The same facts with other roles.
fn rename(fold: &mut Fold, roles: &[(u32, &str)]) {
    let mut facts = facts();
    facts.roles = roles.iter().map(|(oid, name)| (*oid, (*name).to_owned())).collect();
    fold.names.learn(&facts, Duration::ZERO);
}

fn of(userid: u32, calls: u64) -> Statement {
    entry(Key { userid, ..key(1) }, calls)
}

fn run(fold: &mut Fold, elapsed: u64, statements: Vec<Statement>) -> View {
    fold.apply(elapsed, &Sample { statements, info: Some(info(1, 10, 0)) })
}

#[test]
fn a_role_made_anew_goes_on_with_the_series_of_its_name() {
    let mut fold = Fold::new(5);
    run(&mut fold, 0, vec![of(10, 100)]);
    run(&mut fold, 10, vec![of(10, 103)]);
    rename(&mut fold, &[(12, "odoo"), (11, "bi")]);
    // The dropped role's entry is still there, and always will be.
    run(&mut fold, 20, vec![of(10, 103), of(12, 50)]);
    let view = run(&mut fold, 30, vec![of(10, 103), of(12, 57)]);
    assert_eq!(calls(&view), BTreeMap::from([("1".into(), 10), ("other erp".into(), 50)]));
    assert!(!view.shown[0].leaving);
}

#[test]
fn statements_go_with_their_database_when_another_has_its_name() {
    let mut fold = Fold::new(5);
    run(&mut fold, 0, vec![of(10, 100)]);
    run(&mut fold, 10, vec![of(10, 103)]);
    let mut facts = facts();
    let erp = facts.databases[0].clone();
    facts.databases[0].datname = "erp_old".into();
    facts.databases.push(Database { dbid: 3, ..erp });
    fold.names.learn(&facts, Duration::ZERO);
    let anew = entry(Key { dbid: 3, ..key(1) }, 7);
    let view = run(&mut fold, 20, vec![of(10, 104), anew]);
    let shown: Vec<_> = view.shown.iter().map(|s| (&*s.datname, s.series.calls)).collect();
    assert_eq!(shown, [("erp", 0), ("erp_old", 4)]);
}

#[test]
fn no_two_series_are_ever_alike() {
    let mut fold = Fold::new(5);
    run(&mut fold, 0, vec![of(11, 100)]);
    run(&mut fold, 10, vec![of(11, 103)]);
    rename(&mut fold, &[(10, "bi"), (11, "bi_old")]);
    for round in 2..5 {
        let view = run(&mut fold, round * 10, vec![of(11, 103), of(10, round * 10)]);
        assert_eq!(view.shown.len(), 1, "{view:?}");
        assert!(view.shown[0].series.calls >= 3, "{view:?}");
        assert_eq!(sum(&view), 3 + round * 10);
    }
}

/// A server as the property test plays it.
#[derive(Clone, Debug)]
enum Step {
    Run {
        queryid: i64,
        calls: u64,
    },
    /// The entry is thrown out, and a sample sees that it is gone.
    Evict {
        queryid: i64,
    },
    Reset,
    Sample,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => (0..12_i64, 1..50_u64).prop_map(|(queryid, calls)| Step::Run { queryid, calls }),
        1 => (0..12_i64).prop_map(|queryid| Step::Evict { queryid }),
        1 => Just(Step::Reset),
        4 => Just(Step::Sample),
    ]
}

/// The server's entries, what a sampler could have seen of them, and what series said.
#[derive(Default)]
struct Played {
    now: u64,
    reset: u64,
    entries: BTreeMap<i64, u64>,
    sampled: BTreeMap<i64, u64>,
    seen: u64,
    series: BTreeMap<String, u64>,
}

impl Played {
    fn sample(&mut self, fold: &mut Fold) -> Result<(), TestCaseError> {
        let entries: Vec<(i64, u64)> = self.entries.iter().map(|(q, c)| (*q, *c)).collect();
        for (queryid, calls) in &entries {
            self.seen += calls - self.sampled.get(queryid).unwrap_or(&0);
        }
        self.sampled = self.entries.clone();
        let taken = Sample { info: Some(info(self.reset, self.now, 0)), ..sample(0, &entries) };
        let view = fold.apply(self.now, &taken);
        prop_assert!(view.shown.len() <= 2 * fold.tracker.top);
        for (name, value) in calls(&view) {
            let before = self.series.insert(name.clone(), value).unwrap_or(0);
            prop_assert!(value >= before, "{} went back from {} to {}", name, before, value);
        }
        Ok(())
    }
}

proptest! {
    /// Whatever enters, leaves, is evicted or reset: no series ever goes back, and the sum of what
    /// they last said is everything that the samples could see.
    #[test]
    fn the_sum_over_all_series_is_the_truth(
        steps in prop::collection::vec(step(), 1..200),
        top in 0..6_usize,
    ) {
        let mut fold = Fold::new(top);
        let mut played = Played { now: 10, ..Played::default() };
        played.sample(&mut fold)?;
        for step in steps {
            played.now += 10;
            match step {
                Step::Run { queryid, calls } => *played.entries.entry(queryid).or_default() += calls,
                Step::Evict { queryid } => {
                    played.entries.remove(&queryid);
                    played.sample(&mut fold)?;
                }
                Step::Reset => {
                    played.reset = played.now;
                    played.entries.clear();
                    played.sampled.clear();
                }
                Step::Sample => played.sample(&mut fold)?,
            }
        }
        played.now += 10;
        played.sample(&mut fold)?;
        prop_assert_eq!(played.series.values().sum::<u64>(), played.seen);
    }
}
