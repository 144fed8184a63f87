//! Of two that could stand in for each other one stays, whichever of them PostgreSQL takes.

use std::collections::BTreeMap;

use super::{index, inventory, judged, unused};
use crate::advise::existing::{Existing, Inventory, Span};

/// The older one, which nothing scans, and the newer one, which PostgreSQL takes.
fn twins() -> [Existing; 2] {
    [unused(10, "a", &["x"]), index(11, "b", &["x"])]
}

fn of(indexes: impl IntoIterator<Item = Existing>) -> BTreeMap<u32, &'static str> {
    judged(&inventory(indexes.into_iter().collect()), &[])
}

fn span(days: f64, scans: f64, last_scan_days: Option<f64>) -> Span {
    Span { days, scans, last_scan_days, ..Span::default() }
}

#[test]
fn the_one_that_stays_is_used_for_what_its_twin_was_used_for() {
    let only_b = BTreeMap::from([(11, "duplicate")]);
    let both = BTreeMap::from([(10, "unused"), (11, "duplicate")]);
    assert_eq!(of(twins()), only_b);
    let [a, b] = twins();
    let idle = || Existing { scans: 0.0, ..b.clone() };
    assert_eq!(of([a.clone(), idle()]), both, "nothing uses either of them");
    let third = unused(12, "c", &["x"]);
    let all = of([a.clone(), b.clone(), third]);
    assert_eq!(all, BTreeMap::from([(11, "duplicate"), (12, "duplicate")]));

    let seen = |index: &Existing, span| Existing { remembered: Some(span), ..index.clone() };
    let quiet = seen(&a, span(300.0, 0.0, None));
    assert_eq!(of([quiet.clone(), seen(&idle(), span(300.0, 7.0, Some(3.0)))]), only_b);
    assert_eq!(of([quiet.clone(), seen(&idle(), span(300.0, 7.0, None))]), only_b);
    assert_eq!(of([quiet.clone(), seen(&idle(), span(300.0, 7.0, Some(70.0)))]), both);
    assert_eq!(of([quiet.clone(), seen(&b, span(300.0, 0.0, None))]), both, "by the history");
    assert_eq!(of([quiet, b.clone()]), only_b, "the history does not know the other one");
    let last = |days| Existing { last_scan_days: Some(days), ..b.clone() };
    assert_eq!(of([a.clone(), last(3.0)]), only_b);
    assert_eq!(of([a, last(70.0)]), both);
}

#[test]
fn a_plan_that_uses_what_is_there_twice_will_use_the_one_that_stays() {
    let [a, b] = twins();
    let mut there = inventory(vec![a, Existing { scans: 0.0, ..b }]);
    there.planned.insert(11);
    assert_eq!(judged(&there, &[]), BTreeMap::from([(11, "duplicate")]));
}

#[test]
fn of_twins_and_a_longer_one_something_stays_for_what_is_used() {
    let [a, b] = twins();
    let wide = unused(12, "wide", &["x", "y"]);
    let gone = of([a.clone(), b.clone(), wide.clone()]);
    assert_eq!(gone, BTreeMap::from([(11, "duplicate"), (12, "unused")]), "a stays");
    let gone = of([a, b, Existing { scans: 1.0, ..wide }]);
    assert_eq!(gone, BTreeMap::from([(10, "covered"), (11, "duplicate")]), "wide stays");
}

/// A partitioned index of table 1 with one part, of table 2.
fn whole(oid: u32, part: u32, name: &str, columns: &[&str]) -> [Existing; 2] {
    let whole = Existing { is_partitioned: true, ..unused(oid, name, columns) };
    let name = format!("{name}_1");
    [whole, Existing { table: 2, parent: Some(oid), ..unused(part, &name, columns) }]
}

fn partitioned(indexes: impl IntoIterator<Item = Existing>) -> Inventory {
    let mut all = inventory(indexes.into_iter().collect());
    let leaf = all.owners[&1].clone();
    all.owners.insert(2, leaf);
    all
}

#[test]
fn what_a_part_does_in_place_of_a_partitions_own_index_its_whole_does() {
    let own = |columns: &[&str]| Existing { table: 2, ..index(30, "own", columns) };
    let [p, p_1] = whole(20, 21, "p", &["x"]);
    let there = partitioned([p, p_1, own(&["x"])]);
    assert_eq!(judged(&there, &[]), BTreeMap::from([(30, "duplicate")]));
    let mut planned = there.clone();
    planned.indexes[2].scans = 0.0;
    let all = BTreeMap::from([(20, "unused"), (30, "duplicate")]);
    assert_eq!(judged(&planned, &[]), all);
    planned.planned.insert(30);
    assert_eq!(judged(&planned, &[]), BTreeMap::from([(30, "duplicate")]));

    // What covers it goes with its whole, which nothing uses.
    let [wide, wide_1] = whole(20, 21, "wide", &["x", "y"]);
    let there = partitioned([wide.clone(), wide_1.clone(), own(&["x"])]);
    assert_eq!(judged(&there, &[]), BTreeMap::from([(20, "unused")]));
    let used = Existing { scans: 5.0, ..wide };
    let there = partitioned([used, wide_1, own(&["x"])]);
    assert_eq!(judged(&there, &[]), BTreeMap::from([(30, "covered")]));
}

#[test]
fn a_part_that_goes_with_its_whole_is_nobodys_twin() {
    // Its part is older than that of the other one.
    let [kept, kept_1] = whole(20, 25, "kept", &["x"]);
    let [again, again_1] = whole(22, 23, "again", &["x"]);
    let own = Existing { table: 2, ..index(30, "own", &["x"]) };
    let there = partitioned([kept, kept_1, again, again_1, own]);
    let gone = BTreeMap::from([(22, "duplicate"), (30, "duplicate")]);
    assert_eq!(judged(&there, &[]), gone, "what used the partition's own index uses the one kept");
}
