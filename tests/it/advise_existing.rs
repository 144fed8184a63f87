//! What the advisor says of indexes that are there, on a server with each fault planted once and each near
//! miss beside it; PostgreSQL takes every word of it.

use std::collections::BTreeMap;

use erpscope::advise::advice::{Advice, Request, advise};
use erpscope::advise::advisor::{Effort, Judge};
use erpscope::advise::candidate::Allowed;
use erpscope::advise::existing::Remembered;
use erpscope::advise::select::Limits;
use erpscope::advise::workload::{Statement, Workload};
use erpscope::demo::cluster::{Cluster, Options};
use erpscope::erp::Erp;
use erpscope::history::{Coverage, IndexSum, IndexUse, Sums};
use erpscope::pg;
use tokio_postgres::Client;

use crate::rig::{self, server, session, until_true};

/// Small: too small for what is unused to matter. What fires has `_goes` in its name.
const NEAR: &str = r#"
    create schema "Büro";
    set search_path to "Büro";
    create table near (id int primary key, a int not null, b int, c text unique, "d e" text, "order" int, "select" int);
    insert into near select i, i, i % 7, i, 'd' || i, i, i from generate_series(1, 1000) i;
    create index "near_a_goes" on near (a);
    create index near_ab on near (a, b);
    create index near_a_part1 on near (a) where b > 1;
    create index near_a_part2 on near (a) where b > 2;
    create index near_d on near ("d e");
    create index near_d_pattern on near ("d e" text_pattern_ops);
    create index near_d_hash on near using hash ("d e");
    create index near_d_c on near ("d e" collate "C");
    create index near_lower on near (lower("d e"));
    create index near_upper on near (upper("d e"));
    create index "Near lower_goes" on near (lower("d e"));
    create index near_order on near ("order");
    create index near_order_desc on near ("order" desc nulls last);
    create index "order_goes" on near ("order");
    create unique index near_select on near ("select");
    create index near_select_b on near ("select", b);
    create unique index near_id_goes on near (id);
    create index near_c_goes on near (c);
    alter table near add constraint "near again_goes" unique (c);
    create table refers (c text references near (c));
    create unique index near_identity on near (id, a);
    alter table near replica identity using index near_identity;
    create unique index near_identity_goes on near (id, a);

    create table part (id int, day date not null, v int) partition by range (day);
    create table part_2024 partition of part for values from ('2024-01-01') to ('2025-01-01');
    create table part_2025 partition of part for values from ('2025-01-01') to ('2026-01-01');
    insert into part select i, date '2024-01-01' + i % 700, i from generate_series(1, 1000) i;
    create index part_v on part (v);
    create index part_v_goes on part (v);
    create index part_2024_goes on part_2024 (v);
"#;

/// The same keys, and other parameters: those of `_goes` change nothing of what is found.
const LOSSY: &str = "
    create extension pg_trgm;
    create table lossy (id int, text text);
    insert into lossy select i, i from generate_series(1, 1000) i;
    create index lossy_8 on lossy using brin (id) with (pages_per_range = 8);
    create index lossy_64 on lossy using brin (id) with (pages_per_range = 64);
    create index lossy_64_goes on lossy using brin (id) with (autosummarize = on, pages_per_range = 64);
    create index lossy_text_32 on lossy using gist (text gist_trgm_ops (siglen = 32));
    create index lossy_text_256 on lossy using gist (text gist_trgm_ops (siglen = 256));
    create index lossy_text_256_goes on lossy using gist (text gist_trgm_ops (siglen = 256)) with (fillfactor = 70);
    create index lossy_id on lossy (id);
    create index lossy_id_goes on lossy (id) with (fillfactor = 70, deduplicate_items = off);";

/// Large enough for what is unused to matter.
const LARGE: &str = "
    create table large (id int primary key, unused int, used int, is_unique int, text text);
    insert into large select i, i, i, i, 'n' || i from generate_series(1, 60000) i;
    create index large_unused_goes on large (unused);
    create index large_used on large (used);
    create unique index large_unique on large (is_unique);
    create index large_lower_goes on large (lower(text));

    create table unread (id int primary key, x int);
    insert into unread select i, i from generate_series(1, 60000) i;
    create index unread_x on unread (x);

    create table deleted (id int primary key);
    create table kept (id int primary key);
    insert into deleted select generate_series(1, 60001);
    insert into kept select generate_series(1, 60000);
    create table child (id int primary key, deleted_id int references deleted, kept_id int references kept);
    create table child_of_some (id int primary key, deleted_id int references deleted);
    insert into child select i, i, i from generate_series(1, 60000) i;
    insert into child_of_some select i, i from generate_series(1, 60000) i;
    delete from deleted where id = 60001;
    create index child_deleted on child (deleted_id);
    create index child_kept_goes on child (kept_id);
    create index child_of_some_deleted on child_of_some (deleted_id) where deleted_id is not null;

    create table failed (x int);
    insert into failed values (1), (1);
";

/// Of two that are the same PostgreSQL takes the newer one: nothing scans the older one, which stays.
const TWINS: &str = "
    create table twin (id int primary key, x int);
    insert into twin select i, i from generate_series(1, 60000) i;
    create index twin_x on twin (x);
    create index twin_x_goes on twin (x);
    create table year (id int, day date not null, x int) partition by range (day);
    create table year_2024 partition of year for values from ('2024-01-01') to ('2025-01-01');
    insert into year select i, date '2024-01-01' + i % 300, i from generate_series(1, 60000) i;
    create index year_x on year (x);
    create index year_2024_goes on year_2024 (x);
    analyze twin, year";

/// Nothing has scanned what is in it, and a statement of the workload will use all but what has `_goes` in its name.
const PLANNED: &str = "
    create table report (id int primary key, x int, y int);
    insert into report select i, i, i from generate_series(1, 60000) i;
    create index report_x on report (x);
    create index report_y_goes on report (y);
    create table year (id int, day date not null, x int, y int) partition by range (day);
    create table year_2024 partition of year for values from ('2024-01-01') to ('2025-01-01');
    insert into year select i, date '2024-01-01' + i % 300, i, i from generate_series(1, 60000) i;
    create index year_x on year (x);
    create index year_y_goes on year (y);
    create schema a;
    create schema b_goes;
    create table a.tenant (id int primary key, x int);
    create table b_goes.tenant (id int primary key, x int);
    insert into a.tenant select i, i from generate_series(1, 60000) i;
    insert into b_goes.tenant select i, i from generate_series(1, 60000) i;
    create index tenant_x on a.tenant (x);
    create index tenant_x on b_goes.tenant (x);
    analyze report, year, a.tenant, b_goes.tenant";

/// Pages that are nearly empty.
const BLOATED: &str = "
    create table bloated (id int primary key, text text) with (autovacuum_enabled = off);
    insert into bloated select i, repeat(md5(i::text), 6) from generate_series(1, 330000) i;
    create index bloated_text on bloated (text);
    vacuum analyze bloated";

async fn shop() -> (Cluster, Client) {
    rig::shop(Options::default().set("autovacuum", "off")).await
}

async fn advice(cluster: &Cluster) -> Advice {
    advice_on(cluster, &Workload::default(), None).await
}

async fn advice_on(
    cluster: &Cluster,
    workload: &Workload,
    remembered: Option<Remembered>,
) -> Advice {
    let server = server(cluster);
    let asking = pg::connect(&server, "shop").await.unwrap();
    let planning = pg::connect_to_plan(&server, "shop").await.unwrap();
    let request = Request {
        datname: "shop".into(),
        effort: Effort {
            limits: Limits { bytes: 1e12, number: 20 },
            lean: true,
            judge: Judge::Visits,
            sizes_of_hypopg: false,
            calls: 5_000,
            planning_ms: 30_000.0,
        },
        allowed: Allowed::default(),
        writes: None,
        remembered,
        unused_days: 0.0,
    };
    advise(&asking, planning, workload, &Erp::new(Vec::new()), &request).await.unwrap()
}

/// What is wrong, by the index's name.
fn faults(advice: &Advice) -> BTreeMap<String, &'static str> {
    let fault = |s: &erpscope::advise::suggestion::Suggestion| {
        let (_, name) = s.index.as_ref().unwrap().split_once('.').unwrap();
        (name.to_owned(), s.reason)
    };
    advice.suggestions.iter().map(fault).collect()
}

fn wanted(pairs: &[(&str, &'static str)]) -> BTreeMap<String, &'static str> {
    pairs.iter().map(|(name, reason)| ((*name).to_owned(), *reason)).collect()
}

/// Runs all that is suggested and takes it back, where there is a way back; then all is as it was, except that
/// PostgreSQL names the parts of a partitioned index as it likes.
async fn run_and_undo(client: &Client, advice: &Advice) {
    let lost =
        |s: &&erpscope::advise::suggestion::Suggestion| s.action == "drop" && s.undo.is_empty();
    let lost: Vec<String> =
        advice.suggestions.iter().filter(lost).filter_map(|s| s.index.clone()).collect();
    let before: Vec<_> = all_indexes(client).await;
    let before: Vec<_> = before.into_iter().filter(|(name, _)| !lost.contains(name)).collect();
    let run = advice.suggestions.iter().flat_map(|suggestion| &suggestion.ddl);
    for sql in run.chain(advice.suggestions.iter().flat_map(|suggestion| &suggestion.undo)) {
        if let Err(error) = client.batch_execute(sql).await {
            panic!("{sql}: {error:?}");
        }
    }
    assert_eq!(all_indexes(client).await, before);
}

async fn all_indexes(client: &Client) -> Vec<(String, String)> {
    let sql =
        "select case when i.relispartition then '' else n.nspname || '.' || i.relname end as name,
          regexp_replace(pg_get_indexdef(i.oid), '^.*? ON ', '') as definition
        from pg_class i join pg_namespace n on n.oid = i.relnamespace
        where i.relkind in ('i', 'I') and i.oid >= 16384 and n.nspname <> 'pg_toast' order by 1, 2";
    let rows = client.query(sql, &[]).await.unwrap();
    rows.iter().map(|row| (row.get(0), row.get(1))).collect()
}

#[tokio::test]
async fn the_same_twice_and_what_others_cover_is_to_be_dropped_and_nothing_beside() {
    let (cluster, client) = shop().await;
    client.batch_execute(NEAR).await.unwrap();
    let advice = advice(&cluster).await;
    let expected = wanted(&[
        ("near_a_goes", "covered"),
        ("Near lower_goes", "duplicate"),
        ("order_goes", "duplicate"),
        ("near_id_goes", "duplicate"),
        ("near_c_goes", "duplicate"),
        ("near again_goes", "duplicate"),
        ("near_identity_goes", "duplicate"),
        ("part_v_goes", "duplicate"),
        ("part_2024_goes", "duplicate"),
    ]);
    assert_eq!(faults(&advice), expected);
    assert!(advice.suggestions.iter().all(|s| s.action == "drop" && s.id.starts_with("drop-")));
    run_and_undo(&client, &advice).await;
    let again = self::advice(&cluster).await;
    let ids = |advice: &Advice| {
        let mut ids: Vec<String> = advice.suggestions.iter().map(|s| s.id.clone()).collect();
        ids.sort();
        ids
    };
    assert_eq!(ids(&again), ids(&advice), "ids are the same in every run");
}

#[tokio::test]
async fn parameters_that_shape_what_is_in_an_index_keep_two_apart() {
    let (cluster, client) = shop().await;
    client.batch_execute(LOSSY).await.unwrap();
    let advice = advice(&cluster).await;
    let expected = wanted(&[
        ("lossy_64_goes", "duplicate"),
        ("lossy_text_256_goes", "duplicate"),
        ("lossy_id_goes", "duplicate"),
    ]);
    assert_eq!(faults(&advice), expected);
    run_and_undo(&client, &advice).await;
}

#[tokio::test]
async fn what_nothing_uses_and_what_a_failed_build_left_is_to_be_dropped_and_nothing_beside() {
    let (cluster, client) = shop().await;
    client.batch_execute(LARGE).await.unwrap();
    let index = "create unique index concurrently failed_x_goes on failed (x)";
    assert!(client.batch_execute(index).await.is_err());
    assert!(client.batch_execute("reindex index concurrently failed_x_goes").await.is_err());
    let index = "create index concurrently failed_one_goes on failed ((1 / (x - 1)))";
    assert!(client.batch_execute(index).await.is_err());
    {
        let reader = session(&cluster.url("shop")).await;
        reader
            .batch_execute("set enable_seqscan = off; select from large where used = 7")
            .await
            .unwrap();
        let read = "set enable_seqscan = on; select count(*) from large; select count(*) from child; \
            select count(*) from child_of_some";
        for _ in 0..25 {
            reader.batch_execute(read).await.unwrap();
        }
    }
    until_true(
        &client,
        "select bool_and(seq_scan >= 25) from pg_stat_user_tables
         where relname in ('large', 'child', 'child_of_some')",
    )
    .await;
    let advice = advice(&cluster).await;
    let expected = wanted(&[
        ("large_unused_goes", "unused"),
        ("large_lower_goes", "unused"),
        ("child_kept_goes", "unused"),
        ("failed_x_goes", "invalid"),
        ("failed_x_goes_ccnew", "invalid"),
        ("failed_one_goes", "invalid"),
    ]);
    assert_eq!(faults(&advice), expected);
    let of = |name: &str| {
        let found = advice.suggestions.iter().find(|s| s.index.as_deref() == Some(name));
        found.unwrap_or_else(|| panic!("{name}"))
    };
    assert!(of("public.child_kept_goes").warnings.iter().any(|w| w.contains("child_kept_id_fkey")));
    assert!(of("public.large_lower_goes").warnings.iter().any(|w| w.contains("create statistics")));
    assert!(of("public.failed_x_goes_ccnew").explanation.contains("The original is still there"));
    assert!(of("public.failed_one_goes").undo.is_empty(), "it served nobody");
    run_and_undo(&client, &advice).await;
}

#[tokio::test]
async fn of_two_that_are_the_same_one_stays_whichever_is_scanned() {
    let (cluster, client) = shop().await;
    client.batch_execute(TWINS).await.unwrap();
    {
        let reader = session(&cluster.url("shop")).await;
        for x in 1..=25 {
            let read = format!("select from twin where x = {x}; select from year where x = {x}");
            reader.batch_execute(&read).await.unwrap();
        }
    }
    let scans = "select count(*) = 2 and bool_and(idx_scan = 25) from pg_stat_user_indexes
        where indexrelname in ('twin_x_goes', 'year_2024_goes')";
    until_true(&client, scans).await;
    let unscanned = "select count(*) = 2 and bool_and(idx_scan = 0) from pg_stat_user_indexes
        where indexrelname in ('twin_x', 'year_2024_x_idx')";
    assert!(client.query_one(unscanned, &[]).await.unwrap().get::<_, bool>(0));
    let advice = advice(&cluster).await;
    let expected = wanted(&[("twin_x_goes", "duplicate"), ("year_2024_goes", "duplicate")]);
    assert_eq!(faults(&advice), expected);
    run_and_undo(&client, &advice).await;
}

/// The history has looked at it for 40 days and has seen no scan.
fn quiet(table: &str, index: &str) -> IndexSum {
    IndexSum {
        schema: "public".into(),
        table: table.into(),
        index: index.into(),
        growth: IndexUse::default(),
        last_scan_hour: None,
        bytes: 8_192,
        first_hour: 0,
        last_hour: 40 * 86_400,
    }
}

#[tokio::test]
async fn what_plans_of_the_workload_use_is_not_unused() {
    let (cluster, client) = shop().await;
    client.batch_execute(PLANNED).await.unwrap();
    {
        let reader = session(&cluster.url("shop")).await;
        // Scans that the server counts, before the history looked.
        let early = "set enable_seqscan = off; select from report where x = 7; select from report where y = 7";
        reader.batch_execute(early).await.unwrap();
        let read = "set enable_seqscan = on; select count(*) from report; select count(*) from year; \
            select count(*) from a.tenant; select count(*) from b_goes.tenant";
        for _ in 0..25 {
            reader.batch_execute(read).await.unwrap();
        }
    }
    let reads = "select count(*) = 4 and bool_and(seq_scan >= 25) from pg_stat_user_tables
        where relname in ('report', 'year_2024', 'tenant')";
    until_true(&client, reads).await;
    let coverage = Coverage {
        seconds: 40.0 * 86_400.0,
        first_hour: Some(0),
        last_hour: Some(40 * 86_400),
        resets: 1,
    };
    let rows = vec![quiet("report", "report_x"), quiet("report", "report_y_goes")];
    let remembered = Remembered {
        indexes: Sums { coverage, rows },
        tables: Sums { coverage, rows: Vec::new() },
    };
    let statement = |text: &str| Statement {
        text: text.into(),
        calls: 100.0,
        seconds: Some(1.0),
        rows: 100.0,
        ..Statement::default()
    };
    let statements = vec![
        statement("select * from report where x = $1"),
        statement("select * from year where x = $1"),
        statement("select * from a.tenant where x = $1"),
    ];
    let workload = Workload { statements, days: 1.0 };
    let unused = |advice: &Advice| -> Vec<String> {
        assert!(advice.suggestions.iter().all(|s| s.reason == "unused"));
        let mut names: Vec<String> =
            advice.suggestions.iter().filter_map(|s| s.index.clone()).collect();
        names.sort();
        names
    };
    let advised = advice_on(&cluster, &workload, Some(remembered.clone())).await;
    let goes = ["b_goes.tenant_x", "public.report_y_goes", "public.year_y_goes"];
    assert_eq!(unused(&advised), goes);
    // Without the workload all of them would be.
    let advised = advice_on(&cluster, &Workload::default(), Some(remembered)).await;
    assert_eq!(unused(&advised).len(), 6);
}

#[tokio::test]
async fn an_index_that_is_being_built_is_no_leftover() {
    let (cluster, client) = shop().await;
    client.batch_execute("create table slow (x int)").await.unwrap();
    let holder = session(&cluster.url("shop")).await;
    holder.batch_execute("begin; insert into slow values (1)").await.unwrap();
    let builder = session(&cluster.url("shop")).await;
    let building = tokio::spawn(async move {
        builder.batch_execute("create index concurrently slow_x on slow (x)").await.unwrap();
    });
    until_true(&client, "select exists (select from pg_index where not indisvalid)").await;
    assert_eq!(faults(&advice(&cluster).await), BTreeMap::new());
    holder.batch_execute("commit").await.unwrap();
    building.await.unwrap();
    assert_eq!(faults(&advice(&cluster).await), BTreeMap::new());
}

#[tokio::test]
async fn what_somebody_has_for_himself_alone_is_left_out_and_hides_nothing_else() {
    let (cluster, client) = shop().await;
    client.batch_execute(NEAR).await.unwrap();
    let all = faults(&advice(&cluster).await);
    let of_parts = wanted(&[("part_v_goes", "duplicate"), ("part_2024_goes", "duplicate")]);
    let mut others = all.clone();
    others.retain(|name, _| !of_parts.contains_key(name));
    assert!(of_parts.len() + others.len() == all.len() && others.len() > 1, "{all:?}");
    let holder = session(&cluster.url("shop")).await;
    for (table, left) in
        [("near", &of_parts), ("part_2025", &others), ("part_2024", &others), ("refers", &all)]
    {
        let lock = format!("begin; lock table \"Büro\".{table}");
        holder.batch_execute(&lock).await.unwrap();
        let advice = advice(&cluster).await;
        assert_eq!(faults(&advice), *left, "{table} is locked");
        let told = advice.notes.iter().filter(|note| note.contains("locked to all others")).count();
        assert_eq!(told, usize::from(table != "refers"), "it has no index: {:?}", advice.notes);
        holder.batch_execute("rollback").await.unwrap();
    }
}

#[tokio::test]
async fn a_large_index_that_is_mostly_air_is_to_be_rebuilt_and_none_waits_for_its_size() {
    let (cluster, client) = shop().await;
    for sql in BLOATED.split(';') {
        client.batch_execute(sql).await.unwrap();
    }
    assert_eq!(faults(&advice(&cluster).await), BTreeMap::new());
    client.batch_execute("delete from bloated where id % 5 <> 0").await.unwrap();
    // A session tells what it did once a second: told after the vacuum it would count as news.
    let is_told = "select n_dead_tup > 200000 from pg_stat_user_tables where relname = 'bloated'";
    until_true(&client, is_told).await;
    client.batch_execute("vacuum analyze bloated").await.unwrap();
    let found = advice(&cluster).await;
    assert_eq!(faults(&found), wanted(&[("bloated_text", "bloated")]));
    // Who has locked the table is not waited for.
    let holder = session(&cluster.url("shop")).await;
    holder.batch_execute("begin; lock table bloated").await.unwrap();
    assert_eq!(faults(&advice(&cluster).await), BTreeMap::new());
    holder.batch_execute("rollback").await.unwrap();
    let size = "select pg_relation_size('bloated_text')::float8";
    let before: f64 = client.query_one(size, &[]).await.unwrap().get(0);
    run_and_undo(&client, &found).await;
    let after: f64 = client.query_one(size, &[]).await.unwrap().get(0);
    let (freed, told) = (before - after, found.suggestions[0].size_bytes);
    println!(
        "{before:.0} -> {after:.0} bytes; {told:.0} were foretold to be freed, {freed:.0} were"
    );
    assert!((freed - told).abs() < before * 0.1);
    assert_eq!(faults(&advice(&cluster).await), BTreeMap::new());
}
