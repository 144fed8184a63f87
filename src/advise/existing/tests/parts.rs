//! What a plan uses, and of which tables it is asked.

use std::collections::BTreeSet;

use super::{index, inventory, unused};
use crate::advise::existing::{Existing, Span, in_question};

fn part_of(whole: u32, index: Existing) -> Existing {
    Existing { table: 2, table_name: "move_2026".into(), parent: Some(whole), ..index }
}

#[test]
fn plans_are_asked_of_tables_where_an_index_would_be_unused_however_that_is_known() {
    let asked = |index: Existing| !in_question(&inventory(vec![index]), 31.0).is_empty();
    let used = || index(10, "u", &["x"]);
    assert!(asked(unused(10, "u", &["x"])) && !asked(used()));
    assert!(asked(Existing { last_scan_days: Some(40.0), ..used() }), "by its last scan");
    assert!(!asked(Existing { last_scan_days: Some(20.0), ..used() }));
    let quiet = Some(Span { days: 40.0, ..Span::default() });
    assert!(asked(Existing { remembered: quiet, ..used() }), "by the history");
    // Nothing is said of these in any case.
    assert!(!asked(Existing { is_unique: true, ..unused(10, "u", &["x"]) }));
    assert!(!asked(Existing { bytes: 8192.0, ..unused(10, "u", &["x"]) }));
    assert!(!asked(Existing { parent: Some(9), ..unused(10, "u", &["x"]) }));
    let mut standby = inventory(vec![unused(10, "u", &["x"])]);
    standby.in_recovery = true;
    assert_eq!(in_question(&standby, 31.0), BTreeSet::new());
}

#[test]
fn a_plan_of_a_partition_uses_the_index_of_the_whole() {
    let whole = Existing { is_partitioned: true, ..unused(20, "p", &["x"]) };
    let middle = Existing { is_partitioned: true, ..part_of(20, unused(21, "p_2", &["x"])) };
    let leaf =
        Existing { table_name: "move_2026_1".into(), ..part_of(21, index(22, "p_2_1", &["x"])) };
    let there = inventory(vec![whole, middle, leaf]);
    let asked = in_question(&there, 31.0);
    assert!(asked.contains(&("public", "move_2026_1")), "plans name partitions: {asked:?}");
    assert_eq!(there.with_wholes([22]), BTreeSet::from([20, 21, 22]));
    assert_eq!(there.with_wholes([20]), BTreeSet::from([20]));
    assert_eq!(there.with_parts([20]), BTreeSet::from([20, 21, 22]));
    assert_eq!(there.with_parts([22]), BTreeSet::from([22]));
}
