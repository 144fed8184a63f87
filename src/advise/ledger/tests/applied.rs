//! What was done, whoever did it, and what is undone.

use super::*;

#[test]
fn an_index_of_another_name_is_the_suggested_one() {
    let book = Book::applied();
    let line = book.line("create-1");
    assert_eq!(line.state, Stage::Applied);
    assert_eq!(line.applied_as.as_deref(), Some("public.\"Anna's index\""));
    assert_eq!((line.not_applied_at, line.applied_at), (Some(NOON + 50 * 60), Some(NOON + HOUR)));
}

#[test]
fn an_index_that_is_much_like_it_is_not_the_suggested_one() {
    let here = |there: Index| {
        let mut book = Book::new();
        book.fold(NOON, &catalog(vec![]), Some(&[create()]), None);
        book.fold(NOON + HOUR, &catalog(vec![there]), None, None);
        book.line("create-1").state
    };
    let same = || index("i", vec![column("order_id")]);
    assert_eq!(here(same()), Stage::Applied);
    let down = IndexKey { is_descending: true, nulls_first: true, ..column("order_id") };
    assert_eq!(here(index("i", vec![down])), Stage::Applied, "a b-tree is read from either end");
    let includes = vec!["price".to_owned()];
    assert_eq!(here(Index { includes, ..same() }), Stage::Applied, "more is carried");
    let pattern = Some("text_pattern_ops".to_owned());
    for other in [
        index("i", vec![column("order_id"), column("state")]),
        index("i", vec![column("state"), column("order_id")]),
        index("i", vec![IndexKey { opclass: pattern, ..column("order_id") }]),
        Index { predicate: Some("(state = 'open'::text)".to_owned()), ..same() },
        Index { method: "hash".to_owned(), ..same() },
        Index { is_valid: false, ..same() },
        Index { definition: "create index i on t (order_id COLLATE \"C\")".to_owned(), ..same() },
        index("i", vec![IndexKey { column: None, sql: "(order_id)".to_owned(), ..column("") }]),
    ] {
        assert_eq!(here(other.clone()), Stage::Suggested, "{other:?}");
    }
}

#[test]
fn keys_rows_and_carried_columns_are_compared_as_postgresql_prints_them() {
    let definition = Definition {
        keys: vec![Key::of(What::Expression("lower(name)".to_owned()))],
        includes: vec!["price".to_owned()],
        predicate: Some("state = 'open'::text and done is null".to_owned()),
        ..by_order()
    };
    let there = Index {
        keys: vec![IndexKey { sql: "lower(name)".to_owned(), ..IndexKey::default() }],
        includes: vec!["price".to_owned(), "tax".to_owned()],
        predicate: Some("((state = 'open'::text) AND (done IS NULL))".to_owned()),
        ..index("i", vec![])
    };
    let found = |definition: &Definition, there: Index| {
        let catalog = catalog(vec![there]);
        same::find(definition, &catalog.tables[&7], &catalog)
    };
    assert!(found(&definition, there.clone()).is_some());
    let closed = Some("((state = 'closed'::text) AND (done IS NULL))".to_owned());
    assert_eq!(found(&definition, Index { predicate: closed, ..there.clone() }), None);
    assert_eq!(found(&definition, Index { includes: vec![], ..there.clone() }), None);
    let gin = Definition { method: Method::Gin, ..definition };
    assert_eq!(found(&gin, there), None);
}

#[test]
fn a_class_with_its_schema_and_rows_as_they_are_suggested_are_found_as_the_catalog_has_them() {
    let found = |definition: &Definition, there: Index| {
        let catalog = catalog(vec![there]);
        same::find(definition, &catalog.tables[&7], &catalog).is_some()
    };
    let trigrams = Definition {
        method: Method::Gin,
        keys: vec![Key {
            opclass: Some("public.gin_trgm_ops".to_owned()),
            ..Key::column("order_id")
        }],
        ..by_order()
    };
    let of_class = |opclass: Option<&str>| {
        let opclass = opclass.map(str::to_owned);
        let there = index("i", vec![IndexKey { opclass, ..column("order_id") }]);
        Index { method: "gin".to_owned(), ..there }
    };
    assert!(found(&trigrams, of_class(Some("gin_trgm_ops"))));
    assert!(!found(&trigrams, of_class(Some("gin_bigm_ops"))));
    assert!(!found(&trigrams, of_class(None)));

    let drafts = Definition { predicate: Some("state = 'draft'".to_owned()), ..by_order() };
    let of_rows = |predicate: &str| {
        let there = index("i", vec![column("order_id")]);
        Index { predicate: Some(predicate.to_owned()), ..there }
    };
    for printed in [
        "(state = 'draft'::text)",
        "((state)::text = 'draft'::text)",
        "(state = 'draft'::bpchar)",
        "(state = 'draft'::shop.my_state)",
    ] {
        assert!(found(&drafts, of_rows(printed)), "{printed}");
    }
    for printed in ["(state = 'done'::text)", "((state)::date = 'draft'::date)"] {
        assert!(!found(&drafts, of_rows(printed)), "{printed}");
    }
}

#[test]
fn an_index_that_goes_again_is_gone_and_may_be_suggested_again() {
    let mut book = Book::applied();
    let changes = book.fold(NOON + 2 * HOUR, &catalog(vec![]), None, None);
    assert_eq!(changes[0].before, Some(Stage::Applied));
    assert_eq!(book.line("create-1").state, Stage::Gone);
    book.fold(NOON + 3 * HOUR, &catalog(vec![]), Some(&[create()]), None);
    let line = book.line("create-1");
    assert_eq!((line.state, line.applied_at, &line.applied_as), (Stage::Suggested, None, &None));
}

#[test]
fn with_its_table_a_suggestion_is_gone() {
    let mut book = Book::new();
    book.fold(NOON, &catalog(vec![]), Some(&[create()]), None);
    book.fold(NOON + 1, &Catalog::default(), None, None);
    assert_eq!(book.line("create-1").state, Stage::Gone);
}

#[test]
fn a_drop_is_applied_when_the_index_is_not_there_and_a_reindex_when_it_is_another_file() {
    let drop = suggestion("drop-1", "drop", "drop index concurrently public.\"Old one\"");
    let reindex = suggestion("reindex-1", "reindex", "reindex index concurrently public.fat");
    let old = || index("Old one", vec![column("a")]);
    let fat = |oid, filenode| Index { oid, filenode, ..index("fat", vec![column("b")]) };
    let mut book = Book::new();
    book.fold(NOON, &catalog(vec![old(), fat(5, 5)]), Some(&[drop, reindex]), None);
    assert_eq!(book.line("drop-1").state, Stage::Suggested);
    assert_eq!(book.line("reindex-1").built, Some(Built { oid: 5, filenode: 5 }));
    book.fold(NOON + 1, &catalog(vec![fat(5, 6)]), None, None);
    assert_eq!(book.line("drop-1").state, Stage::Applied);
    assert_eq!(book.line("reindex-1").state, Stage::Applied);
    book.fold(NOON + 2, &catalog(vec![old(), fat(5, 6)]), None, None);
    assert_eq!(book.line("drop-1").state, Stage::Gone, "somebody has made it again");
}

#[test]
fn the_drop_of_a_constraint_is_seen_by_its_index() {
    let ddl = "alter table public.sale_line drop constraint \"Sale key\"";
    let there = || index("Sale key", vec![column("a")]);
    let mut book = Book::new();
    let drop = suggestion("drop-1", "drop", ddl);
    book.fold(NOON, &catalog(vec![there()]), Some(&[drop]), None);
    assert_eq!(book.line("drop-1").state, Stage::Suggested);
    book.fold(NOON + 1, &catalog(vec![]), None, None);
    assert_eq!(book.line("drop-1").state, Stage::Applied);
}
