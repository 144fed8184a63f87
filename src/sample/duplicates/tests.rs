use super::*;
use crate::erp::Profiles;

pub(super) fn key(text: &str) -> Arc<Key> {
    let mut profiles = Profiles::default();
    profiles.add(&format!("name = 'x'\n[[key]]\nname = 'k'\ntable = 'a b'\n{text}\n")).unwrap();
    let erp = profiles.words(profiles.all().next());
    Arc::clone(erp.keys().next().unwrap())
}

pub(super) fn reading(text: &str, is_text: &[bool]) -> Reading {
    Reading {
        key: key(text),
        schema: "s\"s".to_owned(),
        relid: 1,
        is_partitioned: false,
        is_text: is_text.to_vec(),
        rows: Some(10_000),
        bytes: 1 << 20,
        is_unique: false,
        is_large: false,
        estimate: None,
    }
}

pub(super) fn column(name: &str) -> Column {
    Column {
        relid: 1,
        is_partitioned: false,
        table: "a b".to_owned(),
        schema: "s".to_owned(),
        name: name.to_owned(),
        attnum: 1,
        word: None,
        is_compact: false,
        is_text: true,
        may_read: true,
        rows: Some(10_000.0),
        bytes: 1 << 20,
        changed: 0.0,
        analyzed: Some(60.0),
        sampled: 10_000.0,
        null_share: None,
        distinct: None,
        is_told: false,
        blank_share: None,
        blank_values: 0.0,
        word_share: None,
    }
}

#[test]
fn a_key_is_looked_at_where_all_its_columns_are_there_and_may_be_read() {
    let key = key("columns = ['a']\nonly = { state = 'new' }\nnull = ['parent']");
    let state = Column { word: Some("new".to_owned()), ..column("state") };
    let with = |state: Column, parent: Column| {
        place(&key, &[column("a"), state, parent]).map(|found| found.len())
    };
    assert_eq!(with(state.clone(), column("parent")), Ok(3));
    assert_eq!(with(column("state"), column("parent")), Err("missing"), "of another word");
    assert_eq!(with(state.clone(), column("father")), Err("missing"));
    let elsewhere = Column { relid: 2, ..column("parent") };
    assert_eq!(with(state.clone(), elsewhere), Err("missing"));
    let closed = Column { may_read: false, ..column("parent") };
    assert_eq!(with(state, closed), Err("refused"));
    assert_eq!(place(&key, &[]), Err("missing"));
    let compact = tests::key("columns = ['a']\nfold = 'compact'");
    let found = [column("a"), Column { is_compact: true, blank_values: 2.0, ..column("a") }];
    let found = place(&compact, &found).unwrap();
    assert_eq!((found.len(), found[0].blank_values), (1, 2.0), "what is blank depends on the fold");
}

#[test]
fn what_columns_have_together_is_read_as_versions_up_to_18_write_it() {
    let read = ndistinct(r#"{"2, 1": 340, "1, 2, 3": 500}"#);
    assert!(read.contains(&(vec![1, 2], 340.0)) && read.len() == 2, "{read:?}");
    assert!(ndistinct(r#"[{"attributes": [1, 2], "ndistinct": 340}]"#).is_empty());
    assert!(ndistinct("").is_empty());
}

#[test]
fn a_unique_index_means_that_there_is_nothing_to_estimate() {
    let (key, column) = (
        key("columns = ['a']"),
        Column { distinct: Some(-0.9), null_share: Some(0.0), ..column("a") },
    );
    let with = |unique: &HashMap<u32, Vec<Unique>>| {
        reading_of(&key, &column, unique)
            .map(|read| (read.is_unique, read.estimate.map(|e| e.surplus)))
    };
    assert_eq!(with(&HashMap::new()), Some((false, Some(1_000))));
    let index = Unique { parts: vec!["a".to_owned()], predicate: None };
    assert_eq!(with(&HashMap::from([(1, vec![index])])), Some((true, None)));
}

fn reading_of(
    key: &Arc<Key>,
    column: &Column,
    unique: &HashMap<u32, Vec<Unique>>,
) -> Option<Reading> {
    super::reading(key, &[column], unique, &HashMap::new())
}
