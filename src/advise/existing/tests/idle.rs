//! For how long nothing has used an index, by those who counted.

use std::collections::BTreeSet;

use super::{index as used, inventory, judged, unused};
use crate::advise::existing::Existing;
use crate::advise::existing::usage::{Remembered, Span, idle};
use crate::history::{Coverage, IndexSum, IndexUse, Sums};

const HOUR: i64 = 3_600;
const DAY: i64 = 24 * HOUR;

#[test]
fn the_longest_time_without_a_scan_counts_and_a_young_index_had_less() {
    let with = |index: Existing| idle(&index, &inventory(Vec::new()));
    let span = |days, scans, is_new| Some(Span { days, scans, is_new, ..Span::default() });
    let days = |index: Existing| with(index).map(|idle| (idle.days, idle.source));
    let index = || unused(10, "u", &["x"]);
    let server = Some((120.0, "the server's counters"));
    assert_eq!(days(index()), server);
    assert_eq!(days(Existing { remembered: span(30.0, 0.0, false), ..index() }), server);
    // The counters began anew; the history adds up.
    let old = Existing { remembered: span(300.0, 0.0, false), ..index() };
    assert_eq!(days(old), Some((300.0, "the history")));
    let quiet = Existing { scans: 9.0, remembered: span(50.0, 0.0, false), ..index() };
    assert_eq!(days(quiet), Some((50.0, "the history")));
    let last = Existing { scans: 9.0, last_scan_days: Some(80.0), ..index() };
    assert_eq!(days(last), Some((80.0, "the time of its last scan")));
    let young = Existing { remembered: span(4.0, 0.0, true), ..index() };
    assert_eq!(with(young).map(|idle| (idle.days, idle.is_age_known)), Some((4.0, true)));
    assert_eq!(days(Existing { scans: 9.0, ..index() }), None);
}

/// As it looks after a failover: the standby that took over has counted nothing for long, the history saw its use.
fn promoted(last_scan_days: Option<f64>) -> Existing {
    let seen = Span { days: 90.0, scans: 4_000.0, last_scan_days, ..Span::default() };
    Existing { remembered: Some(seen), ..unused(10, "u", &["x"]) }
}

#[test]
fn counters_that_know_nothing_of_scans_that_were_seen_claim_no_more_than_since_the_last() {
    let days = |index: Existing| {
        let idle = idle(&index, &inventory(Vec::new())).unwrap();
        (idle.days, idle.source, idle.is_age_known)
    };
    let since = "the last scan that the history remembers";
    assert_eq!(days(promoted(Some(3.0))), (3.0, since, false));
    assert_eq!(days(promoted(None)), (0.0, since, false), "when is not known");
    assert_eq!(days(promoted(Some(70.0))), (70.0, since, false));
    // The standby was itself scanned since, or its statistics began later: that is the shorter time.
    let scanned = Existing { scans: 2.0, last_scan_days: Some(50.0), ..promoted(Some(70.0)) };
    assert_eq!(days(scanned), (50.0, "the time of its last scan", true));
    let scanned = Existing { scans: 2.0, last_scan_days: Some(110.0), ..promoted(Some(70.0)) };
    assert_eq!(days(scanned), (70.0, since, false));
    let in_use = |index| judged(&inventory(vec![index]), &[]).is_empty();
    assert!(in_use(promoted(Some(3.0))) && in_use(promoted(None)));
    assert!(!in_use(promoted(Some(70.0))) && in_use(used(10, "u", &["x"])));
}

/// What a history of 40 days knows of the index `u`.
fn history(last_scan_hour: Option<i64>, idx_scan: u64, last_hour: i64) -> Remembered {
    let sum = IndexSum {
        schema: "public".into(),
        table: "move".into(),
        index: "u".into(),
        growth: IndexUse { idx_scan, idx_tup_read: 0 },
        last_scan_hour,
        bytes: 8_192,
        first_hour: 0,
        last_hour,
    };
    let coverage = Coverage {
        seconds: 40.0 * 86_400.0,
        first_hour: Some(0),
        last_hour: Some(40 * DAY),
        resets: 1,
    };
    let tables = Sums { coverage, rows: Vec::new() };
    Remembered { indexes: Sums { coverage, rows: vec![sum] }, tables }
}

#[test]
fn the_history_tells_when_an_index_was_scanned_last() {
    let known =
        |last_scan, scans| history(last_scan, scans, 40 * DAY).known()[&("public", "move", "u")];
    let span = known(Some(30 * DAY), 5);
    assert_eq!((span.days, span.scans, span.last_scan_days), (40.0, 5.0, Some(10.0)));
    assert_eq!(known(None, 0).last_scan_days, None);
}

#[test]
fn what_stood_in_the_shadow_of_an_index_that_is_gone_is_unused_only_since_then() {
    let gone = |remembered: &Remembered, there| {
        remembered.gone(&BTreeSet::from([there])).get(&("public", "move")).copied()
    };
    let dropped = history(Some(30 * DAY), 5, 30 * DAY);
    assert_eq!(gone(&dropped, ("public", "move", "v")), Some(10.0));
    assert_eq!(gone(&dropped, ("public", "move", "u")), None, "it is there");
    let idle = history(None, 0, 30 * DAY);
    assert_eq!(gone(&idle, ("public", "move", "v")), None, "nobody had used it");
    let since = |days| {
        let mut there = inventory(vec![unused(10, "v", &["x"])]);
        there.owners.values_mut().for_each(|owner| owner.index_gone_days = days);
        judged(&there, &[]).len()
    };
    assert_eq!((since(None), since(Some(10.0)), since(Some(40.0))), (1, 0, 1));
}
