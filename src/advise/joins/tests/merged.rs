//! One bad join of several statements, or of several plans of one.

use super::*;

/// Rows that a key without an index is looked for in, as often as that.
fn looked_up(rounds: f64) -> Node {
    let inside = Node {
        filter: Some("(i.ref = o.state)".into()),
        relationship: Some("Outer".into()),
        ..scan("inbox", "i", 3.0)
    };
    let sub =
        Node { relationship: Some("SubPlan".into()), cost: 10.0, ..above("Aggregate", inside) };
    let cost = 10.0 * rounds;
    Node { plans: vec![sub], cost, ..scan("sale_order", "o", rounds) }
}

fn of(plan: &Node, queryid: i64, seconds: f64) -> (Planned, Statement) {
    let statement = Statement { queryid: Some(queryid), ..query(9.0) };
    (planned(plan, &statement, seconds), statement)
}

#[test]
fn a_mild_case_in_a_heavy_statement_hides_no_bad_one_and_adds_nothing_to_it() {
    let (mild, bad, worst) = (looked_up(5.0), looked_up(2_000.0), looked_up(9_000.0));
    let found = told_of_all(
        &catalog(),
        vec![of(&mild, 1, 900.0), of(&bad, 2, 300.0), of(&worst, 3, 100.0)],
    );
    let [first, second] = found.as_slice() else { panic!("{found:?}") };
    assert_eq!(first.subject(), second.subject());
    let Sign::UnindexedKey { rounds, .. } = first.sign else { panic!("{first:?}") };
    // What is told comes first, with the figures of its worst statement and its own time alone.
    assert_eq!((rounds, first.seconds_per_day, first.statements_total), (9_000.0, 400.0, 2));
    assert_eq!((second.seconds_per_day, second.statements_total), (900.0, 1));
    assert!(first.is_told(&Terms::default()) && !second.is_told(&Terms::default()));
}

#[test]
fn too_many_and_too_few_expected_are_not_one() {
    let join = |rows| {
        join(
            "Hash Join",
            "Inner",
            "(l.order_id = o.id)",
            Node { kind: "Index Scan".into(), ..scan("line", "l", 100.0) },
            Node { kind: "Index Scan".into(), ..scan("sale_order", "o", 10.0) },
            rows,
        )
    };
    let found = told_of_all(
        &catalog(),
        vec![of(&join(9_000.0), 1, 300.0), {
            let statement = Statement { queryid: Some(2), ..query(2_000.0) };
            (planned(&join(2.0), &statement, 100.0), statement)
        }],
    );
    let subjects: Vec<String> = found.iter().map(BadJoin::subject).collect();
    let names = ["many", "few"].map(|way| format!("wrong estimate (too {way}): line, sale_order"));
    assert_eq!(subjects, names);
    assert!(found.iter().all(|join| join.statements_total == 1));
}

#[test]
fn of_several_plans_of_a_statement_a_sign_is_as_bad_as_half_of_them_show_it() {
    let rounds = |weights: [f64; 3]| {
        let plans = [looked_up(5.0), looked_up(2_000.0), looked_up(9_000.0)];
        let (one, statement) = of(&plans[0], 1, 900.0);
        let several = Planned {
            variants: vec![one.variants[0].clone(); 3],
            weights: weights.to_vec(),
            readings: plans.iter().map(read).collect(),
            ..one
        };
        let found = told_of_all(&catalog(), vec![(several, statement)]);
        let Sign::UnindexedKey { rounds, .. } = found[0].sign else { panic!("{found:?}") };
        (rounds, found[0].statements_total)
    };
    assert_eq!(rounds([0.8, 0.1, 0.1]), (5.0, 1));
    assert_eq!(rounds([0.4, 0.3, 0.3]), (2_000.0, 1));
    assert_eq!(rounds([0.2, 0.2, 0.6]), (9_000.0, 1));
}
