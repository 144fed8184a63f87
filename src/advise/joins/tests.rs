//! Each sign where it is one, and where it nearly is.

use super::*;
use crate::advise::catalog::{Column, Index, IndexKey};
use crate::advise::plan::{Node, read};
use crate::advise::plannable::plannable;
use crate::advise::workload::Specimen;

fn column(name: &str, base: &str) -> Column {
    Column { name: name.into(), kind: base.into(), base: base.into(), ..Column::default() }
}

fn index(column: &str) -> Index {
    let key = IndexKey { sql: column.into(), column: Some(column.into()), ..IndexKey::default() };
    let name = format!("by_{column}");
    Index { name, is_valid: true, method: "btree".into(), keys: vec![key], ..Index::default() }
}

fn table(oid: u32, name: &str, rows: f64, columns: Vec<Column>, indexes: Vec<Index>) -> Table {
    let (schema, name) = ("public".into(), name.into());
    let is_analyzed = true;
    Table { oid, root: oid, schema, name, rows, is_analyzed, columns, indexes, ..Table::default() }
}

/// Orders with an index on `id`, their lines with none, an inbox of references as text.
fn catalog() -> Catalog {
    let mut catalog = Catalog::default();
    catalog.block_size = 8_192.0;
    let key = column("id", "int8");
    let state = column("state", "text");
    let kind = column("kind", "text");
    catalog.add(table(1, "sale_order", 60_000.0, vec![key, state, kind], vec![index("id")]));
    catalog.add(table(2, "line", 180_000.0, vec![column("order_id", "int8")], vec![]));
    catalog.add(table(3, "inbox", 1_000.0, vec![column("ref", "text")], vec![]));
    catalog
}

fn scan(relation: &str, alias: &str, rows: f64) -> Node {
    Node {
        kind: "Seq Scan".into(),
        schema: Some("public".into()),
        relation: Some(relation.into()),
        alias: Some(alias.into()),
        rows,
        width: 100.0,
        ..Node::default()
    }
}

/// A join of an outer and an inner side; a hash join hashes the inner one.
fn join(kind: &str, how: &str, condition: &str, outer: Node, inner: Node, rows: f64) -> Node {
    let outer = Node { relationship: Some("Outer".into()), ..outer };
    let inner = if kind == "Hash Join" { above("Hash", inner) } else { inner };
    let inner = Node { relationship: Some("Inner".into()), ..inner };
    let condition = Some(condition.to_owned());
    let (hash_condition, join_filter) =
        if kind == "Hash Join" { (condition, None) } else { (None, condition) };
    Node {
        kind: kind.into(),
        join: Some(how.into()),
        rows,
        hash_condition,
        join_filter,
        plans: vec![outer, inner],
        ..Node::default()
    }
}

fn above(kind: &str, below: Node) -> Node {
    let (rows, width) = (below.rows, below.width);
    let below = Node { relationship: Some("Outer".into()), ..below };
    Node { kind: kind.into(), rows, width, plans: vec![below], ..Node::default() }
}

/// What is told of a statement with this plan.
fn told_of(catalog: &Catalog, plan: &Node, statement: Statement) -> Vec<BadJoin> {
    let planned = Planned {
        variants: vec![plannable(&statement.text).unwrap()],
        weights: vec![1.0],
        readings: vec![read(plan)],
        seconds: 600.0,
        ..Planned::default()
    };
    let understood = Understood {
        planned: vec![planned],
        statements: vec![statement],
        of_workload: 1,
        ..Understood::default()
    };
    let memory = Memory { hash_bytes: 4e6, counts_nested: false };
    let (seen, erp) = (Seen::default(), Erp::new(Vec::new()));
    find(&understood, &Known { catalog, seen: &seen, memory: &memory, days: 1.0, erp: &erp })
}

fn told(plan: &Node, statement: Statement) -> Vec<String> {
    told_of(&catalog(), plan, statement).iter().map(BadJoin::subject).collect()
}

/// A query of 1,000 calls a day without parameters, each of which returns so many rows.
fn query(rows: f64) -> Statement {
    let text = "select 1 from sale_order o join line l on l.order_id = o.id".to_owned();
    Statement {
        queryid: Some(7),
        text,
        calls: 1_000.0,
        rows: 1_000.0 * rows,
        ..Statement::default()
    }
}

#[test]
fn a_cast_key_is_told_only_where_few_rows_are_looked_for_in_many() {
    let plan = |how, few| {
        let orders = scan("sale_order", "o", 60_000.0);
        let condition = "((o.id)::text = i.ref)";
        join("Hash Join", how, condition, orders, scan("inbox", "i", few), few)
    };
    assert_eq!(
        told(&plan("Inner", 5.0), query(5.0)),
        ["different types: sale_order.id, inbox.ref"]
    );
    let found = told_of(&catalog(), &plan("Semi", 5.0), query(5.0));
    let Sign::DifferentTypes { unusable_index, compared_as, .. } = &found[0].sign else {
        panic!("{found:?}")
    };
    assert_eq!((unusable_index.as_deref(), compared_as.as_str()), (Some("by_id"), "text"));
    assert_eq!((found[0].seconds_per_day, found[0].statements_total), (600.0, 1));
    // All orders are wanted; or a twentieth of them.
    assert!(told(&plan("Left", 5.0), query(5.0)).is_empty());
    assert!(told(&plan("Inner", 4_000.0), query(4_000.0)).is_empty());
}

#[test]
fn a_key_without_an_index_is_told_unless_it_has_one_or_much_is_wanted_or_the_table_is_small() {
    let plan = |few: f64, rows| {
        let lines = scan("line", "l", 180_000.0);
        join("Hash Join", "Inner", "(l.order_id = o.id)", lines, scan("sale_order", "o", few), rows)
    };
    let wanted = ["key without an index: line.order_id"];
    assert_eq!(told(&plan(10.0, 30.0), query(30.0)), wanted);
    assert!(told(&plan(10.0, 90_000.0), query(90_000.0)).is_empty());
    let mut indexed = catalog();
    indexed.add(table(
        2,
        "line",
        180_000.0,
        vec![column("order_id", "int8")],
        vec![index("order_id")],
    ));
    assert!(told_of(&indexed, &plan(10.0, 30.0), query(30.0)).is_empty());
    let mut small = catalog();
    small.add(table(2, "line", 900.0, vec![column("order_id", "int8")], vec![]));
    assert!(told_of(&small, &plan(10.0, 30.0), query(30.0)).is_empty());
}

#[test]
fn a_subquery_that_reads_a_table_for_each_row_is_told_with_its_rounds() {
    let inside = Node {
        filter: Some("(l.order_id = o.id)".into()),
        relationship: Some("Outer".into()),
        ..scan("line", "l", 3.0)
    };
    let sub = Node { relationship: Some("SubPlan".into()), ..above("Aggregate", inside) };
    let orders = Node { plans: vec![sub], ..scan("sale_order", "o", 40.0) };
    let found = told_of(&catalog(), &orders, query(40.0));
    assert_eq!(found.len(), 1, "{found:?}");
    let Sign::UnindexedKey { rounds, wanted_rows, .. } = found[0].sign else { panic!() };
    assert_eq!((rounds, wanted_rows), (40.0, 3.0));
}

#[test]
fn a_loop_without_an_equality_is_told_by_the_rows_of_all_its_rounds() {
    let plan = |rounds, each| {
        let inner = above("Materialize", scan("inbox", "i", each));
        join("Nested Loop", "Inner", "(o.id > i.ref)", scan("sale_order", "o", rounds), inner, 9.0)
    };
    assert_eq!(told(&plan(5_000.0, 600.0), query(9.0)), ["read again and again: inbox"]);
    assert!(told(&plan(5_000.0, 10.0), query(9.0)).is_empty());
    assert!(told(&plan(9.0, 60_000.0), query(9.0)).is_empty(), "once is no loop");
}

#[test]
fn a_hash_join_is_told_if_it_should_not_fit_and_files_were_written() {
    let plan = |rows| {
        let orders = scan("sale_order", "o", rows);
        join("Hash Join", "Inner", "(l.order_id = o.id)", scan("line", "l", 180_000.0), orders, 9e4)
    };
    let spilt = |rows: f64, blocks: f64| {
        let statement = Statement { temp_blocks: blocks * 1_000.0, ..query(9e4) };
        told(&plan(rows), statement)
    };
    let wanted = ["hash join on disk: line.order_id, sale_order.id"];
    assert_eq!(spilt(60_000.0, 2_000.0), wanted);
    assert!(spilt(60_000.0, 0.0).is_empty(), "nothing was written");
    assert!(spilt(60_000.0, 100.0).is_empty(), "what was written was something else");
    assert!(spilt(20_000.0, 2_000.0).is_empty(), "it fits");
    // Two workers and the leader share three times the memory, each with its part of the rows.
    let mut shared = plan(25_000.0);
    shared.plans[1].is_shared = true;
    let gather = Node { workers: 2.0, ..above("Gather", shared) };
    let statement = || Statement { temp_blocks: 2_000_000.0, ..query(9e4) };
    assert!(told(&gather, statement()).is_empty());
}

/// A join that is expected to give so many rows.
fn joined(rows: f64) -> Node {
    let orders = Node { index: Some("by_id".into()), ..scan("sale_order", "o", 10.0) };
    let orders = Node { kind: "Index Scan".into(), ..orders };
    join("Hash Join", "Inner", "(l.order_id = o.id)", scan("line", "l", 100.0), orders, rows)
}

#[test]
fn an_estimate_is_held_against_what_was_counted_where_that_can_be_compared() {
    let wrong = ["wrong estimate: line, sale_order"];
    assert_eq!(told(&joined(2.0), query(2_000.0)), wrong, "too few expected");
    assert_eq!(told(&joined(20_000.0), query(0.0)), wrong, "too many expected");
    assert!(told(&joined(200.0), query(210.0)).is_empty());
    // Of a few calls the mean is none.
    let seldom = Statement { calls: 10.0, rows: 20_000.0, ..query(0.0) };
    assert!(told(&joined(2.0), seldom).is_empty());
    // Rows of a cursor are counted where they are fetched.
    let text = "declare c cursor for select 1 from sale_order o join line l on l.order_id = o.id";
    let cursor = Statement { text: text.into(), ..query(0.0) };
    assert!(told(&joined(20_000.0), cursor).is_empty());
}

#[test]
fn below_a_limit_or_a_sum_there_were_at_least_the_rows_that_came_out() {
    let wrong = ["wrong estimate: line, sale_order"];
    for kind in ["Limit", "Aggregate", "Unique"] {
        assert!(told(&above(kind, joined(20_000.0)), query(1.0)).is_empty(), "{kind}");
        assert_eq!(told(&above(kind, joined(2.0)), query(2_000.0)), wrong, "{kind}");
        let sorted = above("Sort", above(kind, joined(20_000.0)));
        assert!(told(&sorted, query(1.0)).is_empty(), "{kind} below a sort");
    }
    assert_eq!(told(&above("Sort", joined(20_000.0)), query(1.0)), wrong);
    // What a function gives is a guess that no statistics mend.
    assert!(told(&above("ProjectSet", joined(2.0)), query(2_000.0)).is_empty());
    let partial = above("Aggregate", above("Gather", above("Aggregate", joined(2.0))));
    assert!(told(&partial, query(2_000.0)).is_empty());
}

#[test]
fn of_changes_and_of_values_that_were_guessed_too_many_expected_says_nothing() {
    for text in [
        "update sale_order o set state = 'x' from line l where l.order_id = o.id",
        "insert into inbox select 1 from sale_order o join line l on l.order_id = o.id on conflict do nothing",
        "with d as (delete from line returning id) select 1 from sale_order",
        "select 1 from sale_order o join line l on l.order_id = o.id for update skip locked",
    ] {
        let change = Statement { text: text.into(), ..query(1.0) };
        assert!(told(&joined(20_000.0), change.clone()).is_empty(), "{text}");
        let many = Statement { rows: 2_000_000.0, ..change };
        assert_eq!(told(&joined(2.0), many).len(), 1, "{text}");
    }
    let text = "select 1 from sale_order o join line l on l.order_id = o.id where o.state = $1";
    let mut plan = joined(20_000.0);
    plan.plans[1].plans[0].filter = Some("(o.state = $1)".into());
    let guessed = Statement { text: text.into(), ..query(1.0) };
    let mut catalog = catalog();
    let state = Column { distinct: Some(4.0), ..column("state", "text") };
    let columns = vec![column("id", "int8"), state.clone()];
    catalog.add(table(1, "sale_order", 60_000.0, columns, vec![index("id")]));
    assert!(told_of(&catalog, &plan, guessed.clone()).is_empty());
    let specimens = vec![Specimen("select 1".into())];
    assert_eq!(told_of(&catalog, &plan, Statement { specimens, ..guessed.clone() }).len(), 1);

    // Too few: unless the value that came may be the most common one.
    plan.rows = 100.0;
    let many = Statement { rows: 1_500_000.0, ..guessed };
    assert_eq!(told_of(&catalog, &plan, many.clone()).len(), 1);
    let common = vec![("done".into(), 0.9)];
    let skewed = Column { distinct: Some(100.0), common, ..state };
    let columns = vec![column("id", "int8"), skewed];
    catalog.add(table(1, "sale_order", 60_000.0, columns, vec![index("id")]));
    assert!(told_of(&catalog, &plan, many).is_empty());
}

#[test]
fn what_mends_an_estimate_is_to_analyze_or_to_tell_which_columns_go_together() {
    let mut plan = joined(2.0);
    plan.plans[1].plans[0].filter =
        Some("((o.state = 'secret'::text) AND (o.kind = 'sale'::text))".into());
    let found = told_of(&catalog(), &plan, query(2_000.0));
    assert_eq!(
        found[0].sql,
        ["create statistics sale_order_kind_state_stats (dependencies) on kind, state from \
             public.sale_order; analyze public.sale_order;"]
    );
    assert!(!format!("{found:?}").contains("secret"));
    let mut old = catalog();
    let mut orders = table(1, "sale_order", 60_000.0, vec![column("id", "int8")], vec![]);
    orders.changed_since = 40_000.0;
    old.add(orders);
    let found = told_of(&old, &plan, query(2_000.0));
    assert_eq!(found[0].sql, ["analyze public.sale_order;"]);
}

#[test]
fn partitions_are_one_table() {
    let mut catalog = catalog();
    let root = Table { rows: 180_000.0, ..table(2, "line", 180_000.0, vec![], vec![]) };
    let column = column("order_id", "int8");
    catalog.add(Table { columns: vec![column], leaves: vec![21, 22], ..root });
    for (oid, name) in [(21, "line_1"), (22, "line_2")] {
        catalog.add(Table { root: 2, ..table(oid, name, 90_000.0, vec![], vec![]) });
    }
    let leaf = |name: &str, alias: &str| Node {
        relationship: Some("Member".into()),
        ..scan(name, alias, 90_000.0)
    };
    let plans = vec![leaf("line_1", "l_1"), leaf("line_2", "l_2")];
    let append = Node { kind: "Append".into(), rows: 180_000.0, plans, ..Node::default() };
    let few = scan("sale_order", "o", 10.0);
    let plan = join("Hash Join", "Inner", "(l.order_id = o.id)", append, few, 30.0);
    let found = told_of(&catalog, &plan, query(30.0));
    let subjects: Vec<String> = found.iter().map(BadJoin::subject).collect();
    assert_eq!(subjects, ["key without an index: line.order_id"]);
}
