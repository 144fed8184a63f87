//! Statements as ERPs send them.

use proptest::prelude::*;

use super::*;

/// A text, what it writes, what it reads.
type Case = (&'static str, &'static [&'static str], &'static [&'static str]);

/// What both ways must tell alike.
const BOTH: &[Case] = &[
    (
        r#"SELECT "stock_quant".id FROM "stock_quant" LEFT JOIN "stock_location" AS "l" ON ("l"."id" = "stock_quant"."location_id") WHERE ("stock_quant"."active" = ?) ORDER BY "stock_quant"."id" LIMIT ?"#,
        &[],
        &["stock_quant", "stock_location"],
    ),
    (
        r#"UPDATE "sale_order" SET "state" = "__tmp"."state"::VARCHAR FROM (VALUES ($1 /*, ... */)) AS "__tmp"("id", "state") WHERE "sale_order"."id" = "__tmp"."id""#,
        &["sale_order"],
        &[],
    ),
    (
        r#"INSERT INTO "mail_message" ("id", "body") VALUES (nextval(?), ?) RETURNING "id""#,
        &["mail_message"],
        &[],
    ),
    (
        r#"SELECT "a"."id" AS "id" FROM "party_party" AS "a" WHERE (("a"."active" = $1) AND ("a"."name" ILIKE $2)) ORDER BY "a"."name" ASC LIMIT $3"#,
        &[],
        &["party_party"],
    ),
    (
        r#"SELECT "a"."id" FROM "stock_move" AS "a" LEFT JOIN "product_product" AS "b" ON ("b"."id" = "a"."product") WHERE ("a"."state" IN ($1, $2))"#,
        &[],
        &["stock_move", "product_product"],
    ),
    (
        r#"select name from "tabSales Invoice" where docstatus = ? and posting_date >= date ?"#,
        &[],
        &["tabSales Invoice"],
    ),
    (
        "SELECT C_Order.DocumentNo FROM adempiere.C_Order INNER JOIN C_BPartner bp ON (C_Order.C_BPartner_ID=bp.C_BPartner_ID) WHERE C_Order.Created > now() - interval ?",
        &[],
        &["c_order", "c_bpartner"],
    ),
    (
        "select sum(amount) from acc_trans ac, chart c where c.id = ac.chart_id",
        &[],
        &["acc_trans", "chart"],
    ),
    (
        "with open as (select id from sale_order where state = ?) update sale_order_line set qty = ? where order_id in (select id from open)",
        &["sale_order_line"],
        &["sale_order"],
    ),
    (
        "with moved as (delete from stock_move where done returning *) insert into stock_move_archive select * from moved",
        &["stock_move", "stock_move_archive"],
        &[],
    ),
    (
        "insert into report_line (a, b) select a, b from account_move_line on conflict do nothing",
        &["report_line"],
        &["account_move_line"],
    ),
    (
        "select 1 from job_queue where state = ? order by priority for update skip locked limit ?",
        &[],
        &["job_queue"],
    ),
    (
        "select extract(epoch from o.ordered_at) from sale_order o where o.a is distinct from ?",
        &[],
        &["sale_order"],
    ),
    ("select * from generate_series(?, ?) g, stock_quant q", &[], &["stock_quant"]),
    (
        "select (select count(*) from account_invoice i where i.party_id = p.id) from party_party p",
        &[],
        &["account_invoice", "party_party"],
    ),
    (
        "select a.id from sale_order a join lateral (select * from sale_order_line l where l.order_id = a.id) x on true",
        &[],
        &["sale_order", "sale_order_line"],
    ),
    (
        "select id from sale_order union all select id from purchase_order",
        &[],
        &["sale_order", "purchase_order"],
    ),
    ("begin; update stock_quant set n = ? where id = ?", &["stock_quant"], &[]),
    (
        "select relname from pg_class join pg_catalog.pg_namespace n on n.oid = relnamespace",
        &[],
        &[],
    ),
    ("savepoint \"5f1c\"", &[], &[]),
    ("commit", &[], &[]),
    ("select ?", &[], &[]),
    ("copy sale_order (id, name) from stdin", &["sale_order"], &[]),
    (
        "merge into stock_quant q using stock_move m on m.id = q.id when matched then update set n = ? when not matched then insert values (?)",
        &["stock_quant"],
        &["stock_move"],
    ),
];

/// What is scanned, because it is no query, was cut, or is more than the parser knows.
const SCANNED: &[Case] = &[
    (
        "delete from only stock_move m using stock_picking p where p.id = m.picking_id",
        &["stock_move"],
        &["stock_picking"],
    ),
    ("lock table stock_quant in exclusive mode", &["stock_quant"], &[]),
    ("truncate only report_cache", &["report_cache"], &[]),
    ("create index concurrently i on sale_order_line (order_id)", &["sale_order_line"], &[]),
    ("alter table if exists res_partner add column x int", &["res_partner"], &[]),
    ("vacuum (analyze, verbose) stock_move", &["stock_move"], &[]),
    ("vacuum analyze stock_move", &["stock_move"], &[]),
    ("refresh materialized view concurrently sale_report", &["sale_report"], &[]),
    ("declare c cursor for select * from account_move_line", &[], &["account_move_line"]),
    ("table sale_order", &[], &["sale_order"]),
    (
        "update sale_order o set amount = (select coalesce(sum(l.amount), ?) from sale_order_line l wher…",
        &["sale_order"],
        &["sale_order_line"],
    ),
    ("select a from stock_quant where data ? ? and", &[], &["stock_quant"]),
    ("select a from \"tabStock Ledg", &[], &[]),
];

fn expected((_, written, read): &Case) -> Tables {
    let owned = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
    Tables { written: owned(written), read: owned(read) }
}

fn sorted(mut tables: Tables) -> Tables {
    tables.read.sort();
    tables.written.sort();
    tables
}

#[test]
fn the_parser_tells_what_is_written_and_what_is_read() {
    for case in BOTH {
        let found = parsed::tables(case.0).map(sorted);
        assert_eq!(found, Some(sorted(expected(case))), "{}", case.0);
    }
}

#[test]
fn scanning_tells_the_same() {
    for case in BOTH {
        assert_eq!(sorted(scanned::tables(case.0)), sorted(expected(case)), "{}", case.0);
    }
}

#[test]
fn what_cannot_be_parsed_is_scanned() {
    for case in SCANNED {
        assert_eq!(sorted(tables(case.0)), sorted(expected(case)), "{}", case.0);
    }
}

proptest! {
    #[test]
    fn any_text_has_tables_or_none(text in any::<String>()) {
        let _any = tables(&text);
    }

    #[test]
    fn words_of_sql_in_any_order_are_no_trouble(
        words in prop::collection::vec(
            prop::sample::select(vec![
                "select", "from", "(", ")", ",", "join", "with", "as", "update", "into", "t", "\"T t\"", "?",
                ".", ";", "where", "in", "delete", "using", "on", "'x", "--", "/*", "union", "case", "lateral",
            ]),
            0..200,
        ),
    ) {
        let _any = tables(&words.join(" "));
    }

    #[test]
    fn a_simple_statement_is_told_alike_by_both(
        from in "t_[a-z]{1,8}", join in "j_[a-z]{1,8}", depth in 0..4_usize, update in any::<bool>(),
    ) {
        let mut inner = format!("select x.a from {from} x join s.{join} on x.id = {join}.id");
        for level in 0..depth {
            inner = format!("select * from ({inner}) as q{level} where a > ?");
        }
        let text = if update { format!("update {from} set a = ? where a in ({inner})") } else { inner };
        prop_assert_eq!(parsed::tables(&text).map(sorted), Some(sorted(scanned::tables(&text))));
    }
}

#[test]
fn deep_brackets_are_scanned_and_not_walked_into() {
    let text = format!("select {}1{} from sale_order", "(".repeat(9_000), ")".repeat(9_000));
    assert_eq!(tables(&text).read, ["sale_order"]);
}
