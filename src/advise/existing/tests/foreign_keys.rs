//! Indexes by which the children of deleted rows are found.

use std::collections::{BTreeMap, BTreeSet};

use super::{BLOCK, index, inventory, judged, unused};
use crate::advise::existing::{Existing, ForeignKey, Inventory, judge};

fn key(columns: &[&str], deletes: f64) -> ForeignKey {
    ForeignKey {
        name: "move_order_fkey".into(),
        table: 1,
        columns: columns.iter().map(|column| (*column).to_owned()).collect(),
        parent: 2,
        parent_name: "order".into(),
        parent_columns: vec!["id".into()],
        deletes,
    }
}

fn with(deletes: f64, indexes: Vec<Existing>) -> Inventory {
    Inventory { foreign_keys: vec![key(&["x"], deletes)], ..inventory(indexes) }
}

fn partial(index: Existing, predicate: &str) -> Existing {
    Existing { predicate: Some(predicate.into()), ..index }
}

#[test]
fn the_only_index_for_the_children_of_deleted_rows_stays() {
    assert_eq!(judged(&with(9.0, vec![unused(10, "u", &["x"])]), &[]), BTreeMap::new());
    let never = with(0.0, vec![unused(10, "u", &["x"])]);
    let verdicts = judge(&never, &[], &BTreeMap::new(), 31.0, BLOCK);
    assert!(verdicts[0].warnings[0].contains("move_order_fkey"), "{verdicts:?}");
    let mut moved = never.clone();
    moved.sets.insert("order".into(), BTreeSet::from(["id".to_owned()]));
    assert_eq!(judged(&moved, &[]), BTreeMap::new(), "the parent's key changes");
    // Of two that nothing uses one stays.
    let two = with(9.0, vec![unused(10, "u", &["x"]), unused(11, "v", &["x", "y"])]);
    assert_eq!(judged(&two, &[]).len(), 1);
    let other = partial(index(11, "v", &["x"]), "y");
    assert_eq!(judged(&with(9.0, vec![unused(10, "u", &["x"]), other]), &[]), BTreeMap::new());
}

#[test]
fn an_index_of_the_rows_that_are_not_null_finds_the_children_too() {
    let not_null = || partial(unused(10, "u", &["x"]), "(x IS NOT NULL)");
    assert_eq!(judged(&with(9.0, vec![not_null()]), &[]), BTreeMap::new());
    // Another one is there for it.
    let whole = index(11, "v", &["x"]);
    assert_eq!(judged(&with(9.0, vec![not_null(), whole]), &[]), BTreeMap::from([(10, "unused")]));
    let used = Existing { scans: 9.0, ..not_null() };
    let whole = unused(11, "v", &["x"]);
    assert_eq!(judged(&with(9.0, vec![used, whole]), &[]), BTreeMap::from([(11, "unused")]));
}

#[test]
fn a_predicate_that_leaves_out_no_child_says_only_that_columns_of_the_key_are_not_null() {
    let serves = |columns: &[&str], predicate: &str| {
        partial(index(10, "u", columns), predicate).serves(&key(columns, 9.0))
    };
    for predicate in ["(x IS NOT NULL)", "((x IS NOT NULL) AND (y IS NOT NULL))", "(y IS NOT NULL)"]
    {
        assert!(serves(&["x", "y"], predicate), "{predicate}");
    }
    assert!(serves(&["Order id"], "(\"Order id\" IS NOT NULL)"));
    for predicate in [
        "(z IS NOT NULL)",
        "(x IS NULL)",
        "((x IS NOT NULL) AND (z IS NOT NULL))",
        "((x IS NOT NULL) OR (y IS NOT NULL))",
        "((x IS NOT NULL) AND active)",
        "(lower(x) IS NOT NULL)",
        "(NOT (x IS NOT NULL))",
    ] {
        assert!(!serves(&["x", "y"], predicate), "{predicate}");
    }
    let longer = partial(index(10, "u", &["x", "z"]), "(z IS NOT NULL)");
    assert!(!longer.serves(&key(&["x"], 9.0)), "z is no column of the key");
}

#[test]
fn a_partitioned_index_stays_if_a_part_alone_finds_the_children_of_a_partitions_own_key() {
    let whole = Existing { is_partitioned: true, ..unused(20, "p", &["x"]) };
    let part = Existing { table: 2, parent: Some(20), ..unused(21, "p_1", &["x"]) };
    let judged_with = |keys: Vec<ForeignKey>, more: Option<Existing>| {
        let indexes = [whole.clone(), part.clone()].into_iter().chain(more).collect();
        let mut all = Inventory { foreign_keys: keys, ..inventory(indexes) };
        let partition = all.owners[&1].clone();
        all.owners.insert(2, partition);
        judge(&all, &[], &BTreeMap::new(), 31.0, BLOCK)
    };
    let own = |deletes| ForeignKey { table: 2, ..key(&["x"], deletes) };
    assert_eq!(judged_with(vec![own(9.0)], None), Vec::new());
    let other = Existing { table: 2, ..index(30, "own", &["x", "y"]) };
    let verdicts = judged_with(vec![own(9.0)], Some(other));
    assert_eq!(verdicts.iter().map(|verdict| verdict.index).collect::<Vec<_>>(), [20]);
    // The key of the whole is there once more of each partition, and told once.
    let verdicts = judged_with(vec![key(&["x"], 0.0), own(0.0)], None);
    let told = verdicts[0].warnings.iter().filter(|warning| warning.contains("move_order_fkey"));
    assert_eq!(told.count(), 1);
}
