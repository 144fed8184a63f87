//! Statistics that somebody resets while the agent watches: nothing goes back, and nothing is found that is not so.

use std::collections::BTreeSet;
use std::time::Duration;

use erpscope::demo::cluster::Options;
use tokio_postgres::Client;

use crate::findings::{limited, told, watching};
use crate::rig::{Rig, admin, cluster, named, sum, until_true, value};

/// Tables that are kept well, one of them without autovacuum; indexes that are used.
const SCHEMA: &str = "
    create table sale_order (id int primary key, partner_id int, state text);
    create index sale_order_partner on sale_order (partner_id);
    create table stock_move (id int primary key, state text) with (autovacuum_enabled = off);
    insert into sale_order select n, n % 1000, 'draft' from generate_series(1, 40000) n;
    insert into stock_move select n, 'draft' from generate_series(1, 40000) n";

async fn work(client: &Client, round: i32) {
    for n in 0..4 {
        let id = 1 + (round * 4 + n) % 40_000;
        client.query("select state from sale_order where id = $1", &[&id]).await.unwrap();
        client
            .query("select id from sale_order where partner_id = $1", &[&(id % 1_000)])
            .await
            .unwrap();
        client.execute("update stock_move set state = 'done' where id = $1", &[&id]).await.unwrap();
        let new = 40_000 + round * 4 + n;
        client.execute("insert into stock_move values ($1, 'draft')", &[&new]).await.unwrap();
    }
}

/// What is told at each of so many more looks of the rules, together.
async fn told_meanwhile(
    rig: &Rig,
    looks: usize,
    work: &mut impl AsyncFnMut(),
) -> BTreeSet<(&'static str, String)> {
    let (mut seen, mut all) = (BTreeSet::new(), BTreeSet::new());
    while seen.len() < looks {
        work().await;
        seen.extend(rig.snapshot().findings.judged);
        all.extend(told(rig));
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    all
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn resets_under_way_are_counted_and_bring_no_finding_and_no_counter_back() {
    let cluster = cluster(&Options::default().set("autovacuum_naptime", "1s")).await;
    let client = admin(&cluster).await;
    client.batch_execute(SCHEMA).await.unwrap();
    // What was inserted must be counted before it is analyzed: else it counts as changed since.
    let counted = "select n_tup_ins = 40000 from pg_stat_user_tables where relname = 'stock_move'";
    until_true(&client, counted).await;
    client.batch_execute("vacuum (analyze)").await.unwrap();
    // Much of what came since a reset is little of what is there.
    let config = limited(watching(&cluster), "stale_statistics", &[("changed_rows", 100.0)]);
    let mut config = limited(config, "autovacuum_behind", &[("dead_rows", 100.0)]);
    config.finding.close_after = Duration::from_secs(600);
    let rig = Rig::start(config);
    rig.until_up().await;
    let worker = named(&cluster, "postgres", "erp").await;
    let mut round = 0;
    let mut work = async || {
        round += 1;
        // A table of which a third has changed is stale, reset or not.
        if round <= 1_000 {
            work(&worker, round).await;
        }
    };
    let before = told_meanwhile(&rig, 5, &mut work).await;
    let totals = |text: &str| -> Vec<f64> {
        [
            "erpscope_statement_calls_total",
            "erpscope_table_index_scans_total",
            "erpscope_table_rows_written_total",
            "erpscope_database_rows_total",
        ]
        .map(|name| sum(text, name, "datname=\"postgres\""))
        .into()
    };
    let mut last = totals(&rig.metrics().await);
    assert!(last.iter().all(|total| *total > 0.0), "{last:?}");
    // WAL has statistics from 14 on.
    let shared = "select pg_stat_reset_shared(name) from unnest('{bgwriter, wal}'::text[]) name
        where name <> 'wal' or to_regclass('pg_catalog.pg_stat_wal') is not null";
    // The first, as all others leave less than what is there then.
    let resets = [
        "select pg_stat_reset_single_table_counters('stock_move'::regclass)",
        "select pg_stat_reset()",
        "select pg_stat_statements_reset()",
        shared,
        "select pg_stat_reset(), pg_stat_statements_reset()",
    ];
    let mut after = BTreeSet::new();
    for reset in resets {
        client.batch_execute(reset).await.unwrap();
        after.extend(told_meanwhile(&rig, 3, &mut work).await);
        let now = totals(&rig.metrics().await);
        assert!(
            now.iter().zip(&last).all(|(now, last)| now >= last),
            "{reset}: {last:?}, then {now:?}"
        );
        last = now;
    }
    let new: Vec<_> = after.difference(&before).collect();
    let findings = rig.snapshot().findings;
    assert!(new.is_empty(), "{new:?}\n{findings:#?}");
    let text = rig.metrics().await;
    assert!(sum(&text, "erpscope_database_resets_total", "datname=\"postgres\"") >= 2.0);
    let inserted =
        "erpscope_database_rows_total{server=\"erp\",datname=\"postgres\",kind=\"inserted\"}";
    let inserted = value(&text, inserted).unwrap();
    assert!(inserted < 40_000.0, "as if the tables were filled again: {inserted}");
    assert!(sum(&text, "erpscope_database_relation_resets_total", "datname=\"postgres\"") >= 2.0);
    assert!(sum(&text, "erpscope_statements_resets_total", "") >= 2.0);
    let server = rig.server().unwrap();
    assert!(server.is_up());
    rig.agent.stop().await;
}
