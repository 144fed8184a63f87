//! Business keys that are there more than once, and those that nearly are.

use super::*;
use crate::sample::duplicates::{Counted, Estimate, Reading as KeyReading};

/// A key of which so many rows of 100,000 are there twice, by a sample of 30,000.
fn key(estimated: Option<u64>, counted: Option<u64>) -> Key {
    let profiles = Profiles::default();
    let demo = profiles.words(profiles.get("demo"));
    let seconds_ago = Some(7_200.0);
    let estimate = |surplus| Estimate { surplus, sampled: 30_000, seconds_ago };
    let now = KeyReading {
        key: Arc::clone(demo.keys().next().unwrap()),
        schema: "public".into(),
        relid: 1,
        is_partitioned: false,
        is_text: vec![true],
        rows: Some(100_000),
        bytes: 1 << 24,
        is_unique: false,
        is_large: false,
        estimate: estimated.map(estimate),
    };
    let counted = counted.map(|surplus| (at(0), Counted { groups: surplus, surplus }));
    Key { now, module: "parties".into(), counted, uncounted: None }
}

fn duplicates(keys: Vec<Key>) -> Vec<Candidate> {
    let database = Keys { at: at(0), keys, unread: Vec::new() };
    let databases = BTreeMap::from([("erp".into(), database)]);
    let mut stage = Stage::new();
    stage.server().duplicates = Arc::new(KeysView { databases, ..KeysView::default() });
    stage.look("duplicate_records")
}

#[test]
fn records_that_were_counted_twice_are_a_warning_and_by_statistics_worth_knowing() {
    let counted = &duplicates(vec![key(Some(900), Some(10))])[0];
    let told = (counted.severity, &*counted.subject, &*counted.module);
    assert_eq!(told, (Severity::Warning, "party-email", "parties"));
    let summary = "10 rows of party_party (0.0 %) have the same email as another one";
    assert_eq!(counted.summary, summary);
    let index = "create unique index concurrently on \"public\".\"party_party\" \
                 (lower(btrim(\"email\"::text))) where btrim(\"email\"::text) <> '';";
    assert_eq!((counted.sql.len(), counted.sql[1].as_str()), (2, index));
    let seen = &duplicates(vec![key(Some(100), None)])[0];
    assert_eq!(seen.severity, Severity::Info);
    let summary = "about 100 rows of party_party (0.1 %) have the same email as another one, by \
                   statistics of some 30000 of 100000 rows";
    assert_eq!(seen.summary, summary);
    let facts = format!("{:?}", seen.evidence);
    assert!(facts.contains("statistics") && facts.contains("7200"), "{facts}");
}

#[test]
fn a_few_records_twice_or_what_an_index_keeps_out_or_nobody_knows_is_not_told() {
    assert!(duplicates(vec![key(Some(900), Some(9))]).is_empty(), "it was counted");
    assert!(duplicates(vec![key(Some(99), None)]).is_empty(), "less than one in a thousand");
    assert!(duplicates(vec![key(None, None)]).is_empty());
    let mut few = key(Some(9), None);
    few.now.rows = Some(500);
    assert!(duplicates(vec![few]).is_empty());
    let mut unique = key(None, Some(50));
    unique.now.is_unique = true;
    assert!(duplicates(vec![unique]).is_empty());
    let found = duplicates(vec![key(None, Some(20)), key(None, Some(70))]);
    assert!(found[0].summary.starts_with("70 rows"), "where most is wrong comes first");
}
