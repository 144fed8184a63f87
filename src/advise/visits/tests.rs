//! Plans, and what they cost beyond what the planner says.

use super::*;

fn node(kind: &str, rows: f64, plans: Vec<Node>) -> Node {
    let mut plans = plans;
    for (plan, side) in plans.iter_mut().zip(["Outer", "Inner"]) {
        plan.relationship = Some(side.to_owned());
    }
    Node { kind: kind.to_owned(), rows, cost: 100.0, plans, ..Node::default() }
}

/// A scan of the table `orders` as `o`.
fn orders(kind: &str, index: Option<&str>) -> Node {
    let named = |name: &str| Some(name.to_owned());
    let index = index.map(str::to_owned);
    Node { relation: named("orders"), alias: named("o"), index, ..node(kind, 1_000.0, vec![]) }
}

fn lines(kind: &str, rows: f64) -> Node {
    let index_condition = Some("(order_id = o.id)".to_owned());
    Node { index: Some("line_order".to_owned()), index_condition, ..node(kind, rows, vec![]) }
}

/// Of tables that are twice as large as a cache.
const FIELD: Field = Field { rows: 1_000.0, pages: 100.0, row: ROW };

/// Orders lie by their id and not by their client.
fn ground(order_of_lines: f64) -> Ground {
    let lead = |column: &str, order, rows: f64| Lead {
        column: column.to_owned(),
        order,
        of_value: rows / FIELD.rows,
        is_only: true,
        is_partial: false,
        maps: 1.0,
        field: FIELD,
    };
    let leads = [
        ("line_order".to_owned(), lead("order_id", order_of_lines, 12.0)),
        ("orders_client".to_owned(), lead("client_id", 0.0, 9.0)),
    ];
    let order = [(("orders".to_owned(), "id".to_owned()), 1.0)];
    let fields = [("orders".to_owned(), FIELD)];
    Ground { leads: leads.into(), order: order.into(), fields: fields.into() }
}

fn added(ground: &Ground, outer: Node, inner: Node) -> f64 {
    ground.true_cost(&node("Nested Loop", 3_000.0, vec![outer, inner])) - 100.0
}

#[track_caller]
fn assert_near(cost: f64, expected: f64) {
    assert!((cost - expected).abs() < 1e-6, "{cost} is not {expected}");
}

#[test]
fn rounds_in_the_order_of_what_they_look_up_cost_nothing_more() {
    let seq = || orders("Seq Scan", None);
    assert_near(added(&ground(1.0), seq(), lines("Index Scan", 3.0)), 0.0);
    let joined = node("Hash Join", 1_000.0, vec![seq(), node("Hash", 9.0, vec![])]);
    assert_near(added(&ground(1.0), joined, lines("Index Scan", 3.0)), 0.0);
}

#[test]
fn rounds_in_another_order_go_far_for_each() {
    let by_client = || orders("Index Only Scan", Some("orders_client"));
    let far = 1_000.0 * (DESCENT + ROW);
    assert_near(added(&ground(1.0), by_client(), lines("Index Scan", 3.0)), far);
    let descents = 1_000.0 * DESCENT;
    assert_near(added(&ground(1.0), by_client(), lines("Index Only Scan", 3.0)), descents);
    let sorted = node("Sort", 1_000.0, vec![orders("Seq Scan", None)]);
    assert_near(added(&ground(1.0), sorted, lines("Index Only Scan", 3.0)), descents);
}

#[test]
fn what_is_read_once_before_a_loop_is_no_side_of_it() {
    let mut plan =
        node("Nested Loop", 3_000.0, vec![orders("Seq Scan", None), lines("Index Scan", 3.0)]);
    let before = Node { relationship: Some("InitPlan".to_owned()), ..node("Result", 1.0, vec![]) };
    plan.plans.insert(0, before);
    let rows = 1_000.0 * 3.0 * ROW;
    assert_near(ground(0.0).true_cost(&plan) - 100.0, rows);
}

#[test]
fn rows_all_over_the_table_are_far_each() {
    let rows = 1_000.0 * 3.0 * ROW;
    assert_near(added(&ground(0.0), orders("Seq Scan", None), lines("Index Scan", 3.0)), rows);
    let bitmap = node("Bitmap Heap Scan", 3.0, vec![lines("Bitmap Index Scan", 3.0)]);
    let far = 1_000.0 * (DESCENT + 3.0 * ROW);
    assert_near(added(&ground(0.0), orders("Seq Scan", None), bitmap), far);
}

#[test]
fn rows_that_are_thrown_away_were_fetched_all_the_same() {
    let filter = Some("(qty > 5)".to_owned());
    let filtered = Node { filter, ..lines("Index Scan", 3.0) };
    let rows = 1_000.0 * 12.0 * ROW;
    assert_near(added(&ground(0.0), orders("Seq Scan", None), filtered), rows);
}

#[test]
fn a_limit_may_read_much_of_what_it_throws_away() {
    let filter = Some("(state = $1)".to_owned());
    let scan = Node { filter, rows: 100.0, ..orders("Index Scan", Some("orders_client")) };
    let limit = Node { kind: "Limit".to_owned(), cost: 1.0, plans: vec![scan], ..Node::default() };
    let read = 0.01 * 900.0 * ROW;
    assert_near(ground(0.0).true_cost(&limit) - 1.0, read + 0.5 * 99.0 * 0.9);
}

#[test]
fn rows_that_lie_on_several_pages_of_the_map_cost_an_index_only_scan_more() {
    let scanned = |maps, is_only, kind: &str| {
        let mut ground = ground(0.0);
        let lead = ground.leads.get_mut("line_order").unwrap();
        (lead.maps, lead.is_only, lead.of_value, lead.field.row) = (maps, is_only, 0.1, 0.0);
        ground.true_cost(&lines(kind, 1_000.0)) - 100.0
    };
    assert_near(scanned(1.0, false, "Index Only Scan"), 0.0);
    assert_near(scanned(4.0, false, "Index Scan"), 0.0);
    assert_near(scanned(4.0, false, "Index Only Scan"), 750.0 * MAP);
    assert_near(scanned(4.0, true, "Index Only Scan"), 10.0 * 3.0 * MAP);
}

#[test]
fn rows_that_a_scan_fetches_once_are_far_each_unless_they_lie_in_its_order() {
    let scanned = |order, node: Node| ground(order).true_cost(&node) - 100.0;
    assert_near(scanned(1.0, lines("Index Scan", 300.0)), 0.0);
    assert_near(scanned(0.0, lines("Seq Scan", 300.0)), 0.0);
    // The planner has counted the first visit of each of 100 pages.
    assert_near(scanned(0.0, lines("Index Scan", 300.0)), 200.0 * ROW);
    assert_near(scanned(0.0, lines("Index Scan", 70.0)), 0.0);
    let all = Node { index_condition: None, ..lines("Index Scan", 300.0) };
    assert_near(scanned(0.0, all.clone()), 200.0 * ROW);
    let filtered = Node { filter: Some("(qty > 5)".to_owned()), ..all };
    assert_near(scanned(0.0, filtered.clone()), 900.0 * ROW);
    let part = Node { is_shared: true, rows: 125.0, ..filtered };
    let gathered = Node { workers: 2.0, ..node("Gather", 1_000.0, vec![part]) };
    assert_near(scanned(0.0, gathered), 900.0 / 2.4 * ROW);
}

#[test]
fn of_two_keys_or_some_of_the_rows_no_more_are_fetched_than_are_known() {
    let filter = Some("(qty > 5)".to_owned());
    let of_some = Some("(order_id = ANY ('{7,8}'::integer[]))".to_owned());
    let some =
        Node { index_condition: of_some, filter: filter.clone(), ..lines("Index Scan", 3.0) };
    assert_near(
        added(&ground(0.0), orders("Seq Scan", None), some),
        1_000.0 * (DESCENT + 3.0 * ROW),
    );
    let of_two = Some("((order_id = 7) AND (line > 3))".to_owned());
    let scan = Node { filter, index_condition: of_two, ..lines("Index Scan", 3.0) };
    assert_near(
        added(&ground(0.0), orders("Seq Scan", None), scan.clone()),
        1_000.0 * (DESCENT + 3.0 * ROW),
    );
    let mut partial = ground(0.0);
    partial.leads.get_mut("line_order").unwrap().is_partial = true;
    let whole = Node { index_condition: None, rows: 150.0, ..scan };
    assert_near(partial.true_cost(&whole) - 100.0, 50.0 * ROW);
}

#[test]
fn a_part_of_a_table_has_its_own_rows() {
    let mut parted = ground(0.0);
    parted.fields.insert("line_2025".to_owned(), Field { rows: 200.0, pages: 20.0, row: 0.0 });
    let filter = Some("(qty > 5)".to_owned());
    let part = Node {
        relation: Some("line_2025".to_owned()),
        filter,
        index_condition: None,
        ..lines("Index Scan", 9.0)
    };
    assert_near(parted.true_cost(&part) - 100.0, 0.0);
    parted.fields.get_mut("line_2025").unwrap().row = ROW;
    assert_near(parted.true_cost(&part) - 100.0, 180.0 * ROW);
}

#[test]
fn where_one_row_is_enough_the_rest_is_not_fetched() {
    let joined = |join: &str| {
        let loops =
            node("Nested Loop", 900.0, vec![orders("Seq Scan", None), lines("Index Scan", 7.0)]);
        ground(0.0).true_cost(&Node { join: Some(join.to_owned()), ..loops }) - 100.0
    };
    assert_near(joined("Inner"), 1_000.0 * 7.0 * ROW);
    assert_near(joined("Semi"), 1_000.0 * 14.0 / 8.0 * ROW);
}

#[test]
fn a_merge_join_reads_a_part_of_its_inner_side() {
    let dear = Node { cost: 400.0, ..lines("Index Scan", 3_100.0) };
    let join = node("Merge Join", 10.0, vec![orders("Seq Scan", None), dear]);
    let join = Node { cost: 200.0, ..join };
    assert_near(ground(0.0).true_cost(&join) - 200.0, 0.25 * 3_000.0 * ROW);
    // Or of its outer side.
    let join = Node { cost: 90.0, ..join };
    assert_near(ground(0.0).true_cost(&join) - 90.0, 3_000.0 * ROW);
}

#[test]
fn a_hash_table_below_a_loop_is_built_once_unless_it_asks_for_the_rows_outside() {
    let looped = |alias: &str| {
        let condition = Some(format!("(order_id = {alias}.id)"));
        let built = Node { index_condition: condition, ..lines("Index Scan", 300.0) };
        let of_it = Node { alias: Some("l".to_owned()), ..built };
        let hash = node("Hash", 300.0, vec![of_it]);
        let join = node("Hash Join", 3.0, vec![node("Seq Scan", 3.0, vec![]), hash]);
        added(&ground(0.0), orders("Seq Scan", None), join)
    };
    assert_near(looped("l"), 200.0 * ROW);
    assert_near(looped("o"), 1_000.0 * 300.0 * ROW);
}

#[test]
fn below_a_limit_what_is_sorted_is_read_whole() {
    let loops = |outer: Node| {
        let inner = lines("Index Only Scan", 1.0);
        let loops = Node {
            cost: 1_100.0,
            startup: outer.startup,
            ..node("Nested Loop", 1_000.0, vec![outer, inner])
        };
        let cost = loops.startup + (loops.cost - loops.startup) / 100.0;
        let startup = loops.startup;
        let limit = Node { cost, startup, ..node("Limit", 10.0, vec![loops]) };
        ground(0.0).true_cost(&limit) - cost
    };
    let rows = |scan: Node| Node { rows: 1_000.0, ..scan };
    let hashed = Node { width: 24.0, ..node("Hash", 100_000.0, vec![]) };
    let joined = rows(node("Hash Join", 1_000.0, vec![orders("Seq Scan", None), hashed]));
    let descents = 10.0 * DESCENT;
    // A hash table is built, whatever is wanted of the rows that are looked up in it.
    assert_near(loops(joined.clone()), TOUCH * (100_000.0 + 1_000.0 / 100.0));
    let sorted = Node { startup: 100.0, ..rows(node("Sort", 1_000.0, vec![joined])) };
    assert_near(loops(sorted), TOUCH * 101_000.0 + descents);
}

#[test]
fn a_subplan_runs_for_each_row_of_another_order() {
    let plan = |filter: Option<&str>, rows| {
        let of_row = Node {
            relationship: Some("SubPlan".to_owned()),
            subplan: Some("SubPlan 1".to_owned()),
            cost: 10.0,
            ..lines("Index Scan", 3.0)
        };
        let filter = filter.map(str::to_owned);
        let scan = Node { cost: 10_000.0, filter, rows, ..orders("Seq Scan", None) };
        ground(0.0).true_cost(&Node { plans: vec![of_row], ..scan }) - 10_000.0
    };
    assert_near(plan(None, 1_000.0), 1_000.0 * 3.0 * ROW);
    assert_near(plan(Some("((SubPlan 1) > 7)"), 50.0), 1_000.0 * 3.0 * ROW);
    // What is asked of the rows that are left is not asked more often.
    assert_near(plan(Some("(total > 7)"), 50.0), 50.0 * 3.0 * ROW);
}

#[test]
fn what_is_asked_once_is_no_part_of_a_loop() {
    let before = Node { relationship: Some("InitPlan".to_owned()), ..lines("Index Scan", 300.0) };
    let mut inner = lines("Index Only Scan", 3.0);
    inner.plans = vec![before];
    assert_near(added(&ground(0.0), orders("Seq Scan", None), inner), 200.0 * ROW);
}

#[test]
fn rows_looked_up_in_a_large_hash_table_cost_more_than_in_a_small_one() {
    let joined = |rows| {
        let hash = Node { width: 24.0, ..node("Hash", rows, vec![]) };
        let join = node("Hash Join", 10.0, vec![orders("Seq Scan", None), hash]);
        ground(0.0).true_cost(&join) - 100.0
    };
    assert_near(joined(50_000.0), 0.0);
    assert_near(joined(100_000.0), TOUCH * 101_000.0);
}

#[test]
fn rows_added_to_many_groups_cost_more_if_these_are_hashed() {
    let grouped = |strategy: &str, groups| {
        let strategy = Some(strategy.to_owned());
        let grouping = node("Aggregate", groups, vec![orders("Seq Scan", None)]);
        ground(0.0).true_cost(&Node { strategy, ..grouping }) - 100.0
    };
    assert_near(grouped("Sorted", 100_000.0), 0.0);
    assert_near(grouped("Hashed", 50_000.0), 0.0);
    assert_near(grouped("Hashed", 100_000.0), GROUP * 1_000.0);
}
