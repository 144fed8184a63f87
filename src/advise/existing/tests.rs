//! Each rule where it fires, and where it nearly does.

mod foreign_keys;
mod idle;
mod parts;
mod twins;

use std::collections::BTreeMap;

use super::*;
use crate::advise::definition::{Definition, Key};
use crate::erp::Erp;

const BLOCK: f64 = 8192.0;
const MEGABYTE: f64 = 1024.0 * 1024.0;

fn key(column: &str) -> KeyPart {
    KeyPart { text: column.into(), is_column: true, opclass: 1, collation: 0, ..KeyPart::default() }
}

/// Of a class with signatures of another length.
fn signed(column: &str) -> KeyPart {
    KeyPart { parameters: Some("siglen=256".into()), ..key(column) }
}

fn index(oid: u32, name: &str, columns: &[&str]) -> Existing {
    Existing {
        oid,
        table: 1,
        schema: "public".into(),
        name: name.into(),
        table_name: "move".into(),
        method: "btree".into(),
        is_valid: true,
        is_immediate: true,
        keys: columns.iter().map(|column| key(column)).collect(),
        definition: format!("CREATE INDEX {name} ON public.move USING btree (...)"),
        bytes: 10.0 * MEGABYTE,
        scans: 100.0,
        ..Existing::default()
    }
}

fn unused(oid: u32, name: &str, columns: &[&str]) -> Existing {
    Existing { scans: 0.0, ..index(oid, name, columns) }
}

fn unique(index: Existing) -> Existing {
    Existing { is_unique: true, ..index }
}

fn inventory(indexes: Vec<Existing>) -> Inventory {
    let owner = Owner {
        root: 1,
        schema: "public".into(),
        name: "move".into(),
        rows: 1e6,
        reads: 1e4,
        writes: Writes { inserts: 1e5, ..Writes::default() },
        ..Owner::default()
    };
    Inventory {
        indexes,
        owners: BTreeMap::from([(1, owner)]),
        counted_days: 120.0,
        ..Inventory::default()
    }
}

fn judged(inventory: &Inventory, planned: &[Planned<'_>]) -> BTreeMap<u32, &'static str> {
    let estimates = inventory.indexes.iter().map(|index| (index.oid, index.bytes / 3.0)).collect();
    let told = Told { datname: "erp", inventory, erp: &Erp::new(Vec::new()) };
    let verdicts = judge(inventory, planned, &estimates, 31.0, BLOCK);
    let written = verdicts.iter().map(|verdict| {
        let suggestion = write(&told, verdict).unwrap();
        assert!(suggestion.id.starts_with(suggestion.action), "{}", suggestion.id);
        assert!(!suggestion.ddl.is_empty() && suggestion.explanation.ends_with('.'));
        (verdict.index, suggestion.reason)
    });
    let judged: BTreeMap<u32, &str> = written.collect();
    assert_eq!(judged.len(), verdicts.len(), "one verdict an index");
    judged
}

fn of(indexes: Vec<Existing>) -> BTreeMap<u32, &'static str> {
    judged(&inventory(indexes), &[])
}

#[test]
fn of_two_that_are_the_same_the_one_that_more_stands_on_stays() {
    let twice = |a: Existing, b: Existing| of(vec![a, b]);
    let a = || index(10, "a", &["x", "y"]);
    let b = || index(11, "b", &["x", "y"]);
    assert_eq!(twice(a(), b()), BTreeMap::from([(11, "duplicate")]), "the older");
    assert_eq!(
        twice(a(), Existing { scans: 500.0, ..b() }),
        BTreeMap::from([(11, "duplicate")]),
        "the older, although the planner takes the other"
    );
    assert_eq!(
        twice(Existing { scans: 500.0, ..a() }, unique(b())),
        BTreeMap::from([(10, "duplicate")]),
        "the unique one"
    );
    let constraint = Existing { constraint: Some("k".into()), ..unique(b()) };
    assert_eq!(
        twice(unique(a()), constraint.clone()),
        BTreeMap::from([(10, "duplicate")]),
        "that of a constraint"
    );
    let part = Existing { parent: Some(7), ..b() };
    assert_eq!(twice(a(), part.clone()), BTreeMap::from([(10, "duplicate")]));
    // What others stand on cannot go on either side.
    assert_eq!(twice(Existing { parent: Some(8), ..a() }, part), BTreeMap::new());
    let primary = Existing { is_primary: true, ..constraint };
    let referenced = Existing { constraint: Some("c".into()), is_referenced: true, ..unique(a()) };
    assert_eq!(twice(referenced, primary), BTreeMap::new());
    let identity = Existing { is_replica_identity: true, ..unique(a()) };
    assert_eq!(twice(identity, unique(b())), BTreeMap::from([(11, "duplicate")]));
    let deferred = Existing { is_immediate: false, ..unique(b()) };
    assert_eq!(twice(unique(a()), deferred), BTreeMap::from([(11, "duplicate")]));
}

#[test]
fn what_differs_in_anything_is_no_duplicate() {
    let a = || index(10, "a", &["x"]);
    let others = [
        Existing { method: "hash".into(), ..index(11, "b", &["x"]) },
        Existing { predicate: Some("(y > 1)".into()), ..index(11, "b", &["x"]) },
        Existing { table: 2, ..index(11, "b", &["x"]) },
        Existing { keys: vec![KeyPart { opclass: 2, ..key("x") }], ..index(11, "b", &["x"]) },
        Existing { keys: vec![KeyPart { collation: 9, ..key("x") }], ..index(11, "b", &["x"]) },
        Existing { keys: vec![KeyPart { option: 3, ..key("x") }], ..index(11, "b", &["x"]) },
        Existing { keys: vec![KeyPart { is_column: false, ..key("x") }], ..index(11, "b", &["x"]) },
        index(11, "b", &["y"]),
        Existing { keys: vec![signed("x")], ..index(11, "b", &["x"]) },
        Existing { storage: vec!["pages_per_range=8".into()], ..index(11, "b", &["x"]) },
        unique(index(11, "b", &["x", "y"])),
    ];
    for other in others.into_iter().take(10) {
        assert_eq!(of(vec![a(), other.clone()]), BTreeMap::new(), "{other:?}");
    }
    let partial = |oid, predicate: &str| Existing {
        predicate: Some(predicate.into()),
        ..index(oid, "p", &["x"])
    };
    assert_eq!(of(vec![partial(10, "(y > 1)"), partial(11, "(y > 2)")]), BTreeMap::new());
    assert_eq!(of(vec![partial(10, "y"), partial(11, "y")]), BTreeMap::from([(11, "duplicate")]));
    let lossy = |oid| Existing {
        storage: vec!["pages_per_range=8".into()],
        keys: vec![signed("x")],
        ..index(oid, "l", &["x"])
    };
    assert_eq!(of(vec![lossy(10), lossy(11)]), BTreeMap::from([(11, "duplicate")]));
}

#[test]
fn a_prefix_goes_if_the_longer_one_does_all_it_does() {
    let long = || index(11, "long", &["x", "y"]);
    let short = || index(10, "short", &["x"]);
    assert_eq!(of(vec![short(), long()]), BTreeMap::from([(10, "covered")]));
    assert_eq!(of(vec![short(), unique(long())]), BTreeMap::from([(10, "covered")]));
    let carrying = Existing { includes: vec!["z".into()], ..index(11, "c", &["x"]) };
    assert_eq!(of(vec![short(), carrying.clone()]), BTreeMap::from([(10, "covered")]));
    let turned = Existing {
        keys: vec![KeyPart { option: 3, ..key("x") }, KeyPart { option: 3, ..key("y") }],
        ..long()
    };
    assert_eq!(of(vec![short(), turned]), BTreeMap::from([(10, "covered")]), "read backwards");
    // A chain ends at the longest.
    let longest = index(12, "longest", &["x", "y", "z"]);
    assert_eq!(
        of(vec![short(), long(), longest]),
        BTreeMap::from([(10, "covered"), (11, "covered")])
    );
    let near = [
        (unique(short()), long()),
        (Existing { predicate: Some("z".into()), ..short() }, long()),
        (short(), Existing { predicate: Some("z".into()), ..long() }),
        (short(), Existing { is_valid: false, is_busy: true, ..long() }),
        (short(), Existing { keys: vec![key("y"), key("x")], ..long() }),
        (short(), Existing { keys: vec![signed("x"), key("y")], ..long() }),
        (short(), Existing { method: "gist".into(), ..long() }),
        (Existing { constraint: Some("c".into()), ..short() }, long()),
        (Existing { is_replica_identity: true, ..short() }, long()),
        (Existing { parent: Some(5), ..short() }, long()),
        (Existing { includes: vec!["w".into()], ..short() }, long()),
    ];
    for (short, long) in near {
        assert_eq!(of(vec![short.clone(), long.clone()]), BTreeMap::new(), "{short:?} {long:?}");
    }
}

#[test]
fn a_narrow_hot_index_stays_beside_a_wide_one() {
    let wide = Existing { bytes: 900.0 * MEGABYTE, ..index(11, "wide", &["x", "y"]) };
    // A million scans a day, a hundred entries each: reading them from the wide one costs more than writing this.
    let hot = Existing { scans: 120e6, entries_read: 120e8, ..index(10, "hot", &["x"]) };
    let there = inventory(vec![hot, wide.clone()]);
    assert_eq!(judge(&there, &[], &BTreeMap::new(), 31.0, BLOCK), Vec::new());
    let warm = Existing { scans: 1_200.0, entries_read: 1_200.0, ..index(10, "warm", &["x"]) };
    let there = inventory(vec![warm, wide]);
    let verdicts = judge(&there, &[], &BTreeMap::new(), 31.0, BLOCK);
    let [verdict] = verdicts.as_slice() else { panic!("{verdicts:?}") };
    assert!(verdict.warnings.iter().any(|w| w.contains("keep it if memory is short")));
}

#[test]
fn what_a_new_index_extends_goes_after_it() {
    let definition = Definition::btree(1, vec![Key::column("x"), Key::column("y")]);
    let planned = [Planned { id: "create-1", definition: &definition, bytes: 12.0 * MEGABYTE }];
    let there = inventory(vec![index(10, "short", &["x"])]);
    assert_eq!(judged(&there, &planned), BTreeMap::from([(10, "covered")]));
    let verdicts = judge(&there, &planned, &BTreeMap::new(), 31.0, BLOCK);
    let told = Told { datname: "erp", inventory: &there, erp: &Erp::new(Vec::new()) };
    let suggestion = write(&told, &verdicts[0]).unwrap();
    assert_eq!(suggestion.after.as_deref(), Some("create-1"));
    // A key may not be what it seems.
    let special = KeyPart { opclass_name: Some("text_pattern_ops".into()), ..key("x") };
    for key in [special, signed("x")] {
        let there = inventory(vec![Existing { keys: vec![key], ..index(10, "short", &["x"]) }]);
        assert_eq!(judged(&there, &planned), BTreeMap::new());
    }
}

#[test]
fn what_nothing_has_used_for_long_goes() {
    assert_eq!(of(vec![unused(10, "u", &["x"])]), BTreeMap::from([(10, "unused")]));
    let near = [
        unique(unused(10, "u", &["x"])),
        Existing { is_primary: true, ..unused(10, "u", &["x"]) },
        Existing { is_exclusion: true, constraint: Some("c".into()), ..unused(10, "u", &["x"]) },
        Existing { is_replica_identity: true, ..unused(10, "u", &["x"]) },
        Existing { parent: Some(3), ..unused(10, "u", &["x"]) },
        Existing { bytes: 8192.0, ..unused(10, "u", &["x"]) },
        Existing { scans: 1.0, ..unused(10, "u", &["x"]) },
        // Just created, by one who knows.
        Existing { age_days: Some(2.0), ..unused(10, "u", &["x"]) },
    ];
    for index in near {
        assert_eq!(of(vec![index.clone()]), BTreeMap::new(), "{index:?}");
    }
    let mut young = inventory(vec![unused(10, "u", &["x"])]);
    young.counted_days = 5.0;
    assert_eq!(judged(&young, &[]), BTreeMap::new());
    let mut unread = inventory(vec![unused(10, "u", &["x"])]);
    unread.owners.get_mut(&1).unwrap().reads = 3.0;
    assert_eq!(judged(&unread, &[]), BTreeMap::new());
    let mut standby = inventory(vec![unused(10, "u", &["x"])]);
    standby.in_recovery = true;
    assert_eq!(judged(&standby, &[]), BTreeMap::new());
    let mut planned = inventory(vec![unused(10, "u", &["x"])]);
    planned.planned.insert(10);
    assert_eq!(judged(&planned, &[]), BTreeMap::new());
    let mut followed = inventory(vec![unused(10, "u", &["x"])]);
    followed.followers = 1;
    let verdicts = judge(&followed, &[], &BTreeMap::new(), 31.0, BLOCK);
    assert_eq!(verdicts[0].confidence, Confidence::Low);
    assert!(verdicts[0].warnings.iter().any(|w| w.starts_with("1 server follows")));
}

#[test]
fn an_unused_index_is_no_cover_for_a_used_one() {
    let short = index(10, "short", &["x"]);
    let long = unused(11, "long", &["x", "y"]);
    assert_eq!(of(vec![short, long]), BTreeMap::from([(11, "unused")]));
}

#[test]
fn leftovers_of_failed_builds_go_and_builds_go_on() {
    let left = |name: &str| Existing { is_valid: false, ..index(10, name, &["x"]) };
    let found = |index: Existing| {
        let there = inventory(vec![index]);
        let verdicts = judge(&there, &[], &BTreeMap::new(), 31.0, BLOCK);
        verdicts.first().map(|verdict| verdict.fault.clone())
    };
    assert_eq!(found(left("a")), Some(Fault::Invalid(Leftover::Created)));
    assert_eq!(found(left("a_ccnew")), Some(Fault::Invalid(Leftover::Copy)));
    assert_eq!(found(left("a_ccnew2")), Some(Fault::Invalid(Leftover::Copy)));
    assert_eq!(found(left("a_ccold")), Some(Fault::Invalid(Leftover::Replaced)));
    assert_eq!(found(Existing { is_valid: true, ..left("a_ccnew") }), None);
    assert_eq!(found(Existing { is_busy: true, ..left("a") }), None);
    assert_eq!(found(Existing { is_partitioned: true, ..left("a") }), None);
    // It is no cover and no twin of a valid one.
    let twin = index(11, "b", &["x"]);
    assert_eq!(of(vec![left("a"), twin]), BTreeMap::from([(10, "invalid")]));
}

#[test]
fn only_what_is_large_and_mostly_air_is_rebuilt() {
    let large = || Existing { bytes: 200.0 * MEGABYTE, ..index(10, "large", &["x"]) };
    assert_eq!(of(vec![large()]), BTreeMap::from([(10, "bloated")]));
    assert_eq!(of(vec![unique(large())]), BTreeMap::from([(10, "bloated")]));
    assert!(bloated::bloated(&large(), 150.0 * MEGABYTE).is_none());
    assert!(bloated::bloated(&index(10, "small", &["x"]), MEGABYTE).is_none());
    // It is as empty as it was wished to be.
    let loose = Existing { fillfactor: Some(40.0), ..large() };
    assert!(bloated::bloated(&loose, 80.0 * MEGABYTE).is_none());
    let owner = inventory(Vec::new()).owners[&1].clone();
    assert!(bloated::is_suspect(&large(), &owner));
    let near = [
        Existing { method: "gin".into(), ..large() },
        Existing { predicate: Some("y".into()), ..large() },
        Existing { is_busy: true, ..large() },
        Existing { is_exclusion: true, ..large() },
    ];
    assert!(near.iter().all(|index| !bloated::is_suspect(index, &owner)));
    assert!(!bloated::is_suspect(&large(), &Owner { dead: 5e5, ..owner.clone() }));
    assert!(!bloated::is_suspect(&large(), &Owner { changed_since: 5e5, ..owner }));
}

#[test]
fn what_is_run_and_what_takes_it_back_fit_the_index() {
    let told = |index: Existing, fault: Fault| {
        let there = inventory(vec![index]);
        let verdict =
            Verdict { index: 10, fault, confidence: Confidence::High, warnings: Vec::new() };
        let told = Told { datname: "erp", inventory: &there, erp: &Erp::new(Vec::new()) };
        let suggestion = write(&told, &verdict).unwrap();
        (suggestion.ddl, suggestion.undo)
    };
    let same = || Fault::Duplicate { keeps: "public.b".into(), keeper: 11 };
    let plain = Existing {
        schema: "Büro".into(),
        name: "order".into(),
        definition: "CREATE INDEX \"order\" ON \"Büro\".move USING btree (x)".into(),
        tablespace: Some("fast".into()),
        ..index(10, "", &["x"])
    };
    let (ddl, undo) = told(plain, same());
    assert_eq!(ddl, ["drop index concurrently \"Büro\".\"order\""]);
    assert_eq!(
        undo,
        [
            "set default_tablespace = fast",
            "create index concurrently \"order\" ON \"Büro\".move USING btree (x)",
            "reset default_tablespace"
        ]
    );
    let constraint = Existing {
        constraint: Some("move_x_key".into()),
        definition: "CREATE UNIQUE INDEX move_x_key ON public.move USING btree (x)".into(),
        ..unique(index(10, "move_x_key", &["x"]))
    };
    let (ddl, undo) = told(constraint, same());
    assert_eq!(ddl, ["alter table public.move drop constraint move_x_key"]);
    assert_eq!(
        undo,
        [
            "create unique index concurrently move_x_key ON public.move USING btree (x)",
            "alter table public.move add constraint move_x_key unique using index move_x_key"
        ]
    );
    let whole = Existing {
        is_partitioned: true,
        definition: "CREATE INDEX a ON ONLY public.move USING btree (x)".into(),
        ..index(10, "a", &["x"])
    };
    let (ddl, undo) = told(whole, same());
    assert_eq!(ddl, ["drop index public.a"]);
    assert_eq!(undo, ["CREATE INDEX a ON public.move USING btree (x)"]);
    let (ddl, undo) = told(index(10, "a", &["x"]), Fault::Bloated { bytes_after: 1.0 });
    assert_eq!(ddl, ["reindex index concurrently public.a"]);
    assert!(undo.is_empty());
    for leftover in [Leftover::Created, Leftover::Copy, Leftover::Replaced] {
        let (ddl, undo) = told(index(10, "a", &["x"]), Fault::Invalid(leftover));
        assert_eq!(ddl, ["drop index concurrently public.a"]);
        assert!(undo.is_empty(), "it served nobody: {leftover:?}");
    }
}
