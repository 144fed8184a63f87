//! Each sign where it is one, and where it nearly is.

mod estimates;
mod merged;

use super::*;
use crate::advise::catalog::{Column, Index, IndexKey};
use crate::advise::plan::{Node, read};
use crate::advise::plannable::plannable;
use crate::advise::workload::Specimen;

fn column(name: &str, base: &str) -> Column {
    Column {
        name: name.into(),
        kind: base.into(),
        base: base.into(),
        is_sortable: true,
        ..Column::default()
    }
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
    told_of_all(catalog, vec![(planned(plan, &statement, 600.0), statement)])
}

/// A statement's only plan, made of its text as it is.
fn planned(plan: &Node, statement: &Statement, seconds: f64) -> Planned {
    Planned {
        variants: vec![plannable(&statement.text).unwrap()],
        weights: vec![1.0],
        readings: vec![read(plan)],
        seconds,
        ..Planned::default()
    }
}

/// What is told of several statements.
fn told_of_all(catalog: &Catalog, all: Vec<(Planned, Statement)>) -> Vec<BadJoin> {
    let of_workload = all.len();
    let (planned, statements) = all.into_iter().unzip();
    let understood = Understood { planned, statements, of_workload, ..Understood::default() };
    let memory = Memory { work_mem: 2e6, hash_bytes: 4e6, counts_nested: false };
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
    // An index of some rows alone, or of another kind, is none.
    for change in [
        Index { predicate: Some("state = 'open'".into()), ..index("id") },
        Index { method: "brin".into(), ..index("id") },
    ] {
        let mut other = catalog();
        other.add(table(1, "sale_order", 60_000.0, vec![column("id", "int8")], vec![change]));
        let found = told_of(&other, &plan("Inner", 5.0), query(5.0));
        assert!(found[0].sign.to_string().contains("no index begins with it"), "{found:?}");
    }
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
    let part = Index { predicate: Some("order_id > 5".into()), ..index("order_id") };
    indexed.add(table(2, "line", 180_000.0, vec![column("order_id", "int8")], vec![part]));
    assert_eq!(told_of(&indexed, &plan(10.0, 30.0), query(30.0)).len(), 1, "of some rows alone");
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
    let sub = Node {
        relationship: Some("SubPlan".into()),
        subplan: Some("SubPlan 1".into()),
        cost: 100.0,
        ..above("Aggregate", inside)
    };
    let rounds = |orders: Node| {
        let orders = Node { plans: vec![sub.clone()], ..orders };
        let found = told_of(&catalog(), &orders, query(40.0));
        assert_eq!(found.len(), 1, "{found:?}");
        let Sign::UnindexedKey { rounds, wanted_rows, .. } = found[0].sign else { panic!() };
        (rounds, wanted_rows)
    };
    let shown = Node { cost: 4_050.0, ..scan("sale_order", "o", 40.0) };
    assert_eq!(rounds(shown), (40.0, 3.0));
    // In a condition it runs for each row that the condition is asked of, not only for those that are left.
    let asked = |filter: &str| Node {
        cost: 6_000_050.0,
        filter: Some(filter.into()),
        ..scan("sale_order", "o", 40.0)
    };
    assert_eq!(rounds(asked("((SubPlan 1) > '3'::numeric)")), (60_000.0, 3.0));
    assert_eq!(rounds(asked("(NOT (ANY (o.id = (hashed SubPlan 1).col1)))")), (1.0, 3.0));
    assert_eq!(rounds(asked("(NOT (ANY (o.id = (hashed SubPlan 12).col1)))")), (60_000.0, 3.0));
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
    let mut own = catalog();
    let inbox = table(3, "inbox", 1_000.0, vec![column("ref", "text")], vec![]);
    own.add(Table { is_temporary: true, ..inbox });
    assert!(told_of(&own, &plan(5_000.0, 600.0), query(9.0)).is_empty(), "a session's own");
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

#[test]
fn the_memory_that_a_hash_join_should_have_is_of_work_mem_and_never_beyond_reason() {
    let sql = |rows, workers: f64| {
        let orders = scan("sale_order", "o", rows);
        let lines = scan("line", "l", 180_000.0);
        let mut plan = join("Hash Join", "Inner", "(l.order_id = o.id)", lines, orders, 9e4);
        plan.plans[1].is_shared = workers > 0.0;
        let plan = Node { workers, ..above("Gather", plan) };
        let spilt = Statement { temp_blocks: 1e9, ..query(9e4) };
        let found = told_of(&catalog(), &plan, spilt);
        assert_eq!(found.len(), 1, "{found:?}");
        found[0].sql.clone()
    };
    // 8.64 MB in 4 MB, of which work_mem is the half: 5.4 MB with what is spared, in units of 1,048,576.
    assert_eq!(
        sql(60_000.0, 0.0),
        ["set local work_mem = '6MB'; -- in the transaction that runs it"]
    );
    // Three processes, of which the leader does 0.4 parts: 20.7 MB in 12 MB.
    assert_eq!(
        sql(60_000.0, 2.0),
        ["set local work_mem = '5MB'; -- in the transaction that runs it"]
    );
    assert!(sql(20_000_000.0, 0.0).is_empty(), "more than a gigabyte");
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
