//! What a server says of its soundness: tables, indexes, functions, sequences, vacuum, settings.

use std::time::Duration;

use erpscope::config::Config;
use erpscope::demo::cluster::{Cluster, Options};
use erpscope::sample::{Outcome, Sampler};
use erpscope::state::ServerSnapshot;
use erpscope::track::tables::{Database, Index, Table};

use crate::rig::{Rig, admin, cluster, config, server, session, sum, value};

/// Everything is looked at every second.
pub fn looking(cluster: &Cluster) -> Config {
    let mut config = config(vec![server(cluster)]);
    let second = Duration::from_secs(1);
    config.usage.interval = second;
    config.upkeep.interval = second;
    config.upkeep.settings_interval = second;
    config.upkeep.catalog_interval = second;
    config
}

fn here(server: &ServerSnapshot) -> Option<&Database> {
    server.tables.databases.get("postgres").map(|database| &**database)
}

fn table<'a>(server: &'a ServerSnapshot, name: &str) -> Option<&'a Table> {
    here(server)?.tables.iter().find(|table| &*table.table == name)
}

fn index<'a>(server: &'a ServerSnapshot, name: &str) -> Option<&'a Index> {
    here(server)?.indexes.iter().find(|index| &*index.index == name)
}

fn used(server: &ServerSnapshot, name: &str) -> Option<f64> {
    let numbers = &server.catalog.databases.get("postgres")?.numbers;
    numbers.iter().find(|number| number.name() == name).map(|number| number.used_ratio)
}

pub fn ran(server: &ServerSnapshot, sampler: Sampler, outcome: Outcome) -> u64 {
    let record = server.samplers.records.get(&sampler);
    record.and_then(|record| record.runs.get(&outcome)).copied().unwrap_or(0)
}

const SCHEMA: &str = "
    create table res_partner (id serial primary key, name text);
    create table sale_order (
      id serial primary key, partner_id int references res_partner, tax_id int, note text,
      constraint sale_order_partner_known foreign key (tax_id) references res_partner);
    create index sale_order_tax on sale_order (tax_id) where tax_id is not null;
    create table stock_move (id smallint generated always as identity primary key, code int unique)
      with (autovacuum_enabled = off);
    insert into res_partner (name) select 'p' || i from generate_series(1, 50) i;
    insert into sale_order (partner_id, note) select 1 + i % 50, 'n' from generate_series(1, 4000) i;
    insert into stock_move (code) select 1073741824 + i - 400 from generate_series(1, 400) i;
    alter table sale_order add constraint sale_order_noted check (note is not null) not valid;
    create function remember() returns trigger language plpgsql as 'begin return new; end';
    create trigger sale_order_remembered before update on sale_order
      for each row execute function remember();
    select setval('sale_order_id_seq', 1932735283);
    analyze";

#[tokio::test]
async fn an_index_that_leaves_out_only_rows_without_a_parent_serves_its_foreign_key() {
    let cluster = cluster(&Options::default()).await;
    let admin = admin(&cluster).await;
    let schema = "create table parent (a int, b int, primary key (a, b))";
    admin.batch_execute(schema).await.unwrap();
    for (name, only) in [
        ("one", "b is not null"),
        ("each", "a is not null and b is not null"),
        ("whole", "true"),
        ("other_unserved", "z is not null"),
        ("more_unserved", "a is not null and z is not null"),
        ("either_unserved", "a is not null or b is not null"),
        ("null_unserved", "a is null"),
    ] {
        let schema = format!(
            "create table {name} (z int, b int, a int, foreign key (a, b) references parent);
             create index on {name} (b, a) where {only}"
        );
        admin.batch_execute(&schema.replace(" where true", "")).await.unwrap();
    }
    let sql = include_str!("../../src/sample/catalog_foreign_keys.sql");
    let rows = admin.query(sql, &[&10_i64]).await.unwrap();
    let unserved: Vec<&str> = rows.iter().map(|row| row.get(1)).collect();
    assert_eq!(unserved, ["either_unserved", "more_unserved", "null_unserved", "other_unserved"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn tables_indexes_functions_and_numbers_are_what_the_server_has() {
    let options = Options::default().set("autovacuum", "off").set("track_functions", "pl");
    let cluster = cluster(&options).await;
    let admin = admin(&cluster).await;
    admin.batch_execute(SCHEMA).await.unwrap();
    admin.batch_execute("grant select on all tables in schema public to erpscope").await.unwrap();
    let refused = admin.execute(
        "create unique index concurrently sale_order_twice on sale_order (partner_id)",
        &[],
    );
    refused.await.unwrap_err();
    let rig = Rig::start(looking(&cluster));
    rig.until("a first look", |s| here(s).is_some_and(|d| d.over > Duration::ZERO)).await;
    let worker = session(&cluster.url("postgres")).await;
    worker.execute("update sale_order set note = 'm'", &[]).await.unwrap();
    worker.query("select count(*) from sale_order where note = 'x'", &[]).await.unwrap();
    drop(worker);
    let seen = rig
        .until("what the worker did", |s| {
            table(s, "sale_order").is_some_and(|t| {
                t.upkeep.n_dead_tup == 4_000 && t.counters.seq_tup_read >= 8_000 && t.is_shown
            }) && here(s).is_some_and(|d| d.functions.iter().any(|f| f.counters.calls == 4_000))
        })
        .await;
    let order = table(&seen, "sale_order").unwrap();
    assert_eq!((&*order.module, order.indexes, order.n_live_tup), ("sales", 3, 4_000));
    assert!(order.bytes > 0 && order.index_bytes > 0, "{order:?}");
    assert!(order.upkeep.analyzed().is_some() && order.upkeep.vacuumed().is_none());
    assert_eq!(order.due.vacuum, None, "autovacuum is off");
    assert!(order.due.freeze.is_some_and(|due| due < 0.01));
    let moved = table(&seen, "stock_move").unwrap();
    let own = moved.upkeep.options.as_ref().and_then(|options| options.autovacuum_enabled);
    assert_eq!(own, Some(false));
    let broken = index(&seen, "sale_order_twice").unwrap();
    assert!(!broken.is_valid && index(&seen, "sale_order_pkey").unwrap().enforces);
    let database = here(&seen).unwrap();
    assert_eq!((&*database.track_functions, database.tables_total), ("pl", 3));
    let module = &database.modules["sales"];
    assert_eq!((module.tables, module.n_dead_tup), (1, 4_000));

    let seen = rig.until("the catalog", |s| s.catalog.databases.contains_key("postgres")).await;
    let read = &seen.catalog.databases["postgres"].read;
    let keys = &read.unindexed_foreign_keys;
    assert_eq!((keys.total, keys.rows.len()), (1, 1), "{keys:?}");
    assert_eq!((&*keys.rows[0].table, &*keys.rows[0].parent), ("sale_order", "res_partner"));
    assert_eq!(
        (&keys.rows[0].columns[..], keys.rows[0].rows),
        (&["partner_id".to_owned()][..], 4_000)
    );
    let constraints: Vec<&str> =
        read.unvalidated_constraints.rows.iter().map(|c| c.constraint.as_str()).collect();
    assert_eq!(constraints, ["sale_order_noted"]);
    let trigger = &read.triggers.rows[0];
    assert_eq!((&*trigger.function, &*trigger.language), ("remember", "plpgsql"));
    assert!(trigger.for_each_row && trigger.is_before && trigger.events == ["update"]);
    assert!(read.bytes.is_some_and(|bytes| bytes > 1_000_000));
    assert_eq!((read.skipped.len(), read.sequences.total, read.sequences_hidden), (0, 3, 3));
    // Unique numbers that the application makes up are seen in the statistics of the last analyze.
    let code = used(&seen, "public.stock_move.code").unwrap();
    assert!((code - 0.5).abs() < 0.001, "{code}");

    admin
        .batch_execute("grant select on all sequences in schema public to erpscope")
        .await
        .unwrap();
    let seen = rig.until("sequences", |s| used(s, "public.sale_order_id_seq").is_some()).await;
    let orders = used(&seen, "public.sale_order_id_seq").unwrap();
    assert!((orders - 0.9).abs() < 0.001, "of the column's type, not of the sequence: {orders}");
    let identity = used(&seen, "public.stock_move_id_seq").unwrap();
    assert!((identity - 400.0 / 32_767.0).abs() < 1e-6, "{identity}");

    let metrics = rig.metrics().await;
    let of = |name: &str, rest: &str| {
        value(&metrics, &format!("{name}{{server=\"erp\",datname=\"postgres\",{rest}}}"))
    };
    let labels = r#"module="sales",schemaname="public",relname="sale_order""#;
    assert_eq!(of("erpscope_table_dead_rows", labels), Some(4_000.0));
    assert_eq!(
        of("erpscope_table_rows_written_total", &format!("{labels},kind=\"update\"")),
        Some(4_000.0)
    );
    assert_eq!(
        of("erpscope_index_valid", &format!("{labels},indexrelname=\"sale_order_twice\"")),
        Some(0.0)
    );
    // What it did before it had a series of its own is in the rest.
    let calls = sum(&metrics, "erpscope_function_calls_total", "datname=\"postgres\"");
    assert!((calls - 4_000.0).abs() < 0.5, "{calls}");
    assert_eq!(
        of("erpscope_sequence_used_ratio", r#"schemaname="public",sequence="sale_order_id_seq""#),
        Some(orders)
    );
    assert_eq!(
        value(&metrics, r#"erpscope_unindexed_foreign_keys{server="erp",datname="postgres"}"#),
        Some(1.0)
    );
    let calls = |s: &ServerSnapshot| {
        let function = here(s)?.functions.iter().find(|f| &*f.function == "remember")?;
        Some((function.is_shown, function.series.calls))
    };
    assert_eq!(calls(&seen), Some((true, 0)));
    // Before PostgreSQL 15 a session reports what it did last when it ends.
    let worker = session(&cluster.url("postgres")).await;
    worker.execute("update sale_order set note = 'o' where id <= 10", &[]).await.unwrap();
    drop(worker);
    rig.until("its own series", |s| calls(s) == Some((true, 10))).await;
    rig.agent.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_table_that_is_locked_for_long_holds_up_no_sampler_and_an_altered_sequence_is_passed_over()
 {
    let cluster = cluster(&Options::default()).await;
    let client = admin(&cluster).await;
    client.batch_execute(SCHEMA).await.unwrap();
    client
        .batch_execute("grant select on all sequences in schema public to erpscope")
        .await
        .unwrap();
    let ddl = admin(&cluster).await;
    ddl.batch_execute(
        "begin; lock table sale_order in access exclusive mode;
         alter sequence res_partner_id_seq cache 5",
    )
    .await
    .unwrap();
    let rig = Rig::start(looking(&cluster));
    let seen = rig
        .until("two looks at all", |s| {
            [
                Sampler::Usage,
                Sampler::Catalog,
                Sampler::Vacuum,
                Sampler::Io,
                Sampler::Replication,
                Sampler::Settings,
            ]
            .iter()
            .all(|sampler| ran(s, *sampler, Outcome::Ok) >= 2)
        })
        .await;
    assert!(
        table(&seen, "sale_order").is_some_and(|t| t.bytes > 0),
        "its size is known all the same"
    );
    let read = &seen.catalog.databases["postgres"].read;
    assert_eq!((read.sequences_locked, &read.skipped[..]), (1, &[][..]));
    assert_eq!(used(&seen, "public.res_partner_id_seq"), None);
    assert!(used(&seen, "public.sale_order_id_seq").is_some());
    for sampler in [Sampler::Usage, Sampler::Catalog] {
        assert_eq!(ran(&seen, sampler, Outcome::Locked) + ran(&seen, sampler, Outcome::Timeout), 0);
    }
    ddl.batch_execute("rollback").await.unwrap();
    rig.until("the sequence again", |s| used(s, "public.res_partner_id_seq").is_some()).await;
    rig.agent.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn settings_are_those_of_the_server_and_not_of_our_own_sessions() {
    let options = Options::default()
        .set("work_mem", "7MB")
        .set("jit", "on")
        .set("idle_in_transaction_session_timeout", "90s");
    let cluster = cluster(&options).await;
    let client = admin(&cluster).await;
    client
        .batch_execute(
            "create role shop login connection limit 7; alter role shop set work_mem = '99MB';
             alter role erpscope set random_page_cost = 1.5",
        )
        .await
        .unwrap();
    let rig = Rig::start(looking(&cluster));
    let seen = rig.until("settings", |s| s.settings.at.is_some()).await;
    let settings = &seen.settings;
    let number = |name| settings.number(name);
    assert_eq!(number("work_mem"), Some(7.0 * 1_048_576.0));
    assert_eq!(
        (number("jit"), number("idle_in_transaction_session_timeout")),
        (Some(1.0), Some(90.0))
    );
    assert_eq!(number("random_page_cost"), None, "our role's own hides the server's");
    assert_eq!(number("autovacuum_freeze_max_age"), Some(200_000_000.0));
    let overrides = &settings.sample.overrides;
    let own = overrides.iter().find(|own| own.usename.as_deref() != Some("erpscope")).unwrap();
    assert_eq!(
        (own.usename.as_deref(), &*own.name, &*own.value),
        (Some("shop"), "work_mem", "99MB")
    );
    let [role] = &settings.sample.roles[..] else { panic!("{:?}", settings.sample.roles) };
    assert_eq!((&*role.usename, role.limit, role.connections), ("shop", 7, 0));
    let metrics = rig.metrics().await;
    let series = r#"erpscope_setting{server="erp",name="work_mem",unit="bytes"}"#;
    assert_eq!(value(&metrics, series), Some(7.0 * 1_048_576.0));
    rig.agent.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn checkpoints_wal_ages_slots_and_resets_are_counted() {
    let cluster = cluster(&Options::default().set("wal_level", "logical")).await;
    let client = admin(&cluster).await;
    client.batch_execute("select pg_create_physical_replication_slot('lazy', true)").await.unwrap();
    let rig = Rig::start(looking(&cluster));
    rig.until("two looks", |s| ran(s, Sampler::Io, Outcome::Ok) >= 2).await;
    client
        .batch_execute("create table t (id int); insert into t select generate_series(1, 20000)")
        .await
        .unwrap();
    client.batch_execute("checkpoint").await.unwrap();
    let seen = rig
        .until("a checkpoint, WAL and what a slot keeps", |s| {
            s.io.checkpoints.requested > 0
                && s.io.wal.is_some_and(|wal| wal.bytes > 1_000_000)
                && s.replication
                    .slots
                    .get("lazy")
                    .is_some_and(|slot| slot.retained_bytes > Some(1_000_000))
                && s.vacuum.xids_per_second.is_some()
        })
        .await;
    assert!(!seen.replication.slots["lazy"].is_active && seen.replication.here.is_none());
    let age = seen.vacuum.ages["postgres"];
    assert!(age.xids > 0 && seen.vacuum.ages.contains_key("template1"), "{age:?}");
    let before = seen.io.checkpoints.requested;
    client.batch_execute("select pg_stat_reset_shared('bgwriter')").await.unwrap();
    let kinds = ["checkpointer", "wal", "io"];
    for kind in kinds {
        // Older servers do not know them all.
        let _unknown = client.execute(&format!("select pg_stat_reset_shared('{kind}')"), &[]).await;
    }
    let seen = rig.until("the reset", |s| s.io.resets > 0).await;
    assert!(seen.io.checkpoints.requested >= before && seen.io.checkpoints.requested < before + 3);
    let metrics = rig.metrics().await;
    assert!(value(&metrics, r#"erpscope_wal_bytes_total{server="erp"}"#) > Some(1e6));
    let series = r#"erpscope_replication_slot_active{server="erp",slot="lazy"}"#;
    assert_eq!(value(&metrics, series), Some(0.0));
    assert!(
        value(&metrics, r#"erpscope_wraparound_xid_age{server="erp",datname="postgres"}"#)
            > Some(0.0)
    );
    rig.agent.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_vacuum_that_runs_is_seen_with_its_table() {
    let cluster = cluster(&Options::default()).await;
    let client = admin(&cluster).await;
    client.batch_execute(SCHEMA).await.unwrap();
    let rig = Rig::start(looking(&cluster));
    let running = |s: &ServerSnapshot| s.vacuum.running.len();
    rig.until("no vacuum", |s| s.vacuum.at.is_some() && running(s) == 0).await;
    // A cursor pins its page: vacuum (freeze) waits for the buffer, and shows where it is.
    let reader = admin(&cluster).await;
    reader
        .batch_execute("begin; declare c cursor for select * from sale_order; fetch 1 from c")
        .await
        .unwrap();
    let vacuum = admin(&cluster).await;
    let vacuuming =
        tokio::spawn(async move { vacuum.batch_execute("vacuum (freeze) sale_order").await });
    let seen = rig
        .until("the vacuum", |s| running(s) == 1 && s.vacuum.running[0].relation.is_some())
        .await;
    let running = &seen.vacuum.running[0];
    let (schema, name) = running.relation.as_ref().unwrap();
    assert_eq!((&**schema, &**name, &*running.module), ("public", "sale_order", "sales"));
    assert_eq!((running.read.kind.name(), &*running.datname), ("vacuum", "postgres"));
    reader.batch_execute("rollback").await.unwrap();
    vacuuming.await.unwrap().unwrap();
    rig.until("its end", |s| s.vacuum.running.is_empty()).await;
    rig.agent.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_vacuum_against_wraparound_that_waits_for_a_lock_is_seen_with_how_many_are_in_its_way() {
    let cluster = cluster(&Options::default().set("autovacuum_naptime", "1s")).await;
    let client = admin(&cluster).await;
    client.batch_execute(SCHEMA).await.unwrap();
    client
        .batch_execute("alter table sale_order set (autovacuum_freeze_max_age = 100000)")
        .await
        .unwrap();
    let holder = admin(&cluster).await;
    holder
        .batch_execute("begin; lock table sale_order in share update exclusive mode")
        .await
        .unwrap();
    let rig = Rig::start(looking(&cluster));
    // Until it is so old that autovacuum does not give way.
    client.batch_execute("set synchronous_commit = off").await.unwrap();
    client
        .batch_execute(
            "do 'begin for i in 1..110000 loop perform txid_current(); commit; end loop; end'",
        )
        .await
        .unwrap();
    let seen = rig.until("it waits", |s| s.vacuum.running.iter().any(|r| r.read.is_blocked)).await;
    let running = seen.vacuum.running.iter().find(|r| r.read.is_blocked).unwrap();
    let (schema, name) = running.relation.as_ref().unwrap();
    assert_eq!((&**schema, &**name, &*running.module), ("public", "sale_order", "sales"));
    assert_eq!((running.read.kind.name(), running.read.blockers), ("autovacuum", 1));
    assert!(running.read.is_for_wraparound && running.read.phase == "starting", "{running:?}");
    let metrics = rig.metrics().await;
    let blocked = sum(&metrics, "erpscope_vacuums_blocked", "");
    assert!((blocked - 1.0).abs() < 0.5, "{blocked}");
    holder.batch_execute("rollback").await.unwrap();
    rig.until("its end", |s| s.vacuum.running.iter().all(|r| !r.read.is_blocked)).await;
    rig.agent.stop().await;
}
