//! Where an estimate is wrong, which way, and what mends it.

use super::*;
use crate::advise::definition::quote;

const TOO_FEW: &str = "wrong estimate (too few): line, sale_order";
const TOO_MANY: &str = "wrong estimate (too many): line, sale_order";

/// A join that is expected to give so many rows.
fn joined(rows: f64) -> Node {
    let orders = Node { index: Some("by_id".into()), ..scan("sale_order", "o", 10.0) };
    let orders = Node { kind: "Index Scan".into(), ..orders };
    join("Hash Join", "Inner", "(l.order_id = o.id)", scan("line", "l", 100.0), orders, rows)
}

#[test]
fn an_estimate_is_held_against_what_was_counted_where_that_can_be_compared() {
    assert_eq!(told(&joined(2.0), query(2_000.0)), [TOO_FEW]);
    assert_eq!(told(&joined(20_000.0), query(0.0)), [TOO_MANY]);
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
    for kind in ["Limit", "Aggregate", "Unique"] {
        assert!(told(&above(kind, joined(20_000.0)), query(1.0)).is_empty(), "{kind}");
        assert_eq!(told(&above(kind, joined(2.0)), query(2_000.0)), [TOO_FEW], "{kind}");
        let sorted = above("Sort", above(kind, joined(20_000.0)));
        assert!(told(&sorted, query(1.0)).is_empty(), "{kind} below a sort");
    }
    assert_eq!(told(&above("Sort", joined(20_000.0)), query(1.0)), [TOO_MANY]);
    // What a function gives is a guess that no statistics mend.
    assert!(told(&above("ProjectSet", joined(2.0)), query(2_000.0)).is_empty());
    // What each process has put together in part is not what the join gives; its rows are.
    let part = || above("Aggregate", joined(2.0));
    for partial in [
        above("Gather", part()),
        above("Gather Merge", above("Sort", part())),
        above("Sort", above("Gather", above("Sort", part()))),
    ] {
        assert!(told(&partial, query(2_000.0)).is_empty(), "{partial:?}");
        assert!(told(&above("Aggregate", partial), query(2_000.0)).is_empty());
    }
    let whole = above("Aggregate", above("Gather Merge", above("Sort", joined(2.0))));
    assert_eq!(told(&whole, query(2_000.0)), [TOO_FEW]);
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
    let seen = Statement { specimens, ..guessed.clone() };
    // Its values were seen, but this plan was made without them.
    assert!(told_of(&catalog, &plan, seen.clone()).is_empty());
    let with_values = |statement: Statement| {
        let template = plannable(&statement.text).unwrap();
        let filled = template.with(&BTreeMap::from([(1, "'x'".to_owned())]));
        let planned = Planned { variants: vec![filled], ..planned(&plan, &statement, 600.0) };
        told_of_all(&catalog, vec![(planned, statement)]).len()
    };
    assert_eq!((with_values(seen), with_values(guessed.clone())), (1, 0));

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
    let [sql] = found[0].sql.as_slice() else { panic!("{found:?}") };
    assert!(
        sql.starts_with("create statistics public.sale_order_kind_state_")
            && sql.ends_with(
                "_stats (dependencies) on kind, state from public.sale_order; analyze \
                 public.sale_order;"
            ),
        "{sql}"
    );
    assert!(!format!("{found:?}").contains("secret"));
    let mut old = catalog();
    let mut orders = table(1, "sale_order", 60_000.0, vec![column("id", "int8")], vec![]);
    orders.changed_since = 40_000.0;
    old.add(orders);
    let found = told_of(&old, &plan, query(2_000.0));
    assert_eq!(found[0].sql, ["analyze public.sale_order;"]);
}

/// The orders with columns that are numbered, and what is asked of them.
fn orders(columns: &[&str]) -> (Table, Node) {
    let numbered = |(at, name): (i16, &&str)| Column { attnum: at, ..column(name, "text") };
    let columns: Vec<Column> = (1..).zip(columns).map(numbered).collect();
    let asked: Vec<String> =
        columns.iter().map(|column| format!("(o.{} = 'x'::text)", quote(&column.name))).collect();
    let mut plan = joined(2.0);
    plan.plans[1].plans[0].filter = Some(format!("({})", asked.join(" AND ")));
    (table(1, "sale_order", 60_000.0, columns, vec![]), plan)
}

fn mended_by(table: Table, plan: &Node) -> Vec<String> {
    let mut catalog = catalog();
    catalog.add(table);
    let found = told_of(&catalog, plan, query(2_000.0));
    found.into_iter().flat_map(|join| join.sql).collect()
}

#[test]
fn statistics_that_are_there_are_not_wanted_again_and_others_are() {
    let (table, plan) = orders(&["state", "kind", "note"]);
    let having = |all: &[i16]| Table { extended_statistics: vec![all.to_vec()], ..table.clone() };
    assert_eq!(mended_by(table.clone(), &plan).len(), 1);
    assert_eq!(mended_by(having(&[1, 2]), &plan).len(), 1, "of two of three");
    assert!(mended_by(having(&[1, 2, 3]), &plan).is_empty());
    assert!(mended_by(having(&[3, 4, 2, 1]), &plan).is_empty());
    let empty = |all: &[i16]| Table { empty_statistics: vec![all.to_vec()], ..table.clone() };
    assert_eq!(mended_by(empty(&[1, 2, 3]), &plan), ["analyze public.sale_order;"], "no data");
    assert!(mended_by(empty(&[1, 2]), &plan)[0].starts_with("create statistics"));
}

#[test]
fn sql_that_postgresql_would_refuse_is_not_told() {
    let (table, plan) = orders(&["state", "kind"]);
    for part in ["pg_catalog", "information_schema", "pg_toast"] {
        let mut plan = plan.clone();
        plan.plans[1].plans[0].schema = Some(part.into());
        assert!(mended_by(Table { schema: part.into(), ..table.clone() }, &plan).is_empty());
    }
    assert!(mended_by(Table { is_temporary: true, ..table.clone() }, &plan).is_empty());
    // `ctid` is no column of the catalog; a json value has no order.
    for unknown in ["ctid", "state"] {
        let mut table = table.clone();
        table.columns[0].name = unknown.into();
        table.columns[0].is_sortable = false;
        assert!(mended_by(table, &plan).is_empty(), "{unknown}");
    }
}

#[test]
fn names_of_statistics_fit_are_in_the_tables_schema_and_are_of_their_columns_alone() {
    let name = |columns: &[&str]| {
        let (table, mut plan) = orders(columns);
        plan.plans[1].plans[0].schema = Some("Sales".into());
        let sql = mended_by(Table { schema: "Sales".into(), ..table }, &plan).pop().unwrap();
        let after = sql.strip_prefix("create statistics \"Sales\".").unwrap();
        after.split_once(" (").unwrap().0.trim_matches('"').to_owned()
    };
    let long = "größe_der_lieferung_in_einheiten_des_kunden";
    for columns in [["a_b", "c"], ["a", "b_c"], [long, "farbe"], [long, "form"]] {
        assert!(name(&columns).len() <= 63, "{columns:?}");
    }
    assert_ne!(name(&["a_b", "c"]), name(&["a", "b_c"]));
    assert_ne!(name(&[long, "farbe"]), name(&[long, "form"]));
}
