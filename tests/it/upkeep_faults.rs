//! Samplers of tables and upkeep where much is there, where something is hidden, and on a standby.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use erpscope::demo::cluster::Options;
use erpscope::sample::{Outcome, Sampler};
use erpscope::state::ServerSnapshot;

use crate::rig::{Rig, admin, cluster, session, sum, until_true, value};
use crate::standby::standby;
use crate::upkeep::{looking, ran};

#[tokio::test(flavor = "multi_thread")]
async fn how_far_a_standby_is_behind_is_seen_on_both_and_what_replay_cancels_is_counted() {
    let mut primary = cluster(&Options::default().hba("local replication all trust")).await;
    let writer = admin(&primary).await;
    writer.batch_execute("create table t (id int); insert into t values (1)").await.unwrap();
    drop(writer);
    let standby = standby(&mut primary).await;
    let (here, there) = (Rig::start(looking(&standby)), Rig::start(looking(&primary)));
    here.until("streaming", |s| {
        s.replication.here.as_ref().is_some_and(|h| h.receiver.as_deref() == Some("streaming"))
    })
    .await;
    let on_standby = admin(&standby).await;
    let writer = admin(&primary).await;
    writer.batch_execute("set synchronous_commit = on").await.unwrap();
    // Before the first commit that it replays a standby does not know how old its data are.
    writer.batch_execute("insert into t values (2)").await.unwrap();
    until_true(&on_standby, "select pg_last_xact_replay_timestamp() is not null").await;
    on_standby.batch_execute("select pg_wal_replay_pause()").await.unwrap();
    writer.batch_execute("insert into t select generate_series(1, 20000)").await.unwrap();
    let seen = there
        .until("it is behind", |s| {
            s.replication.standbys.values().any(|s| s.worst.unreplayed_bytes > Some(1_000_000))
        })
        .await;
    assert!(seen.replication.here.is_none());
    let standing = seen.replication.standbys.values().next().unwrap();
    assert_eq!((standing.connections, &*standing.worst.state), (1, "streaming"));
    let behind = here
        .until("replay is paused", |s| {
            s.replication.here.as_ref().is_some_and(|h| {
                h.is_paused && h.unreplayed_bytes > Some(1_000_000) && h.lag_seconds > Some(0.0)
            })
        })
        .await;
    assert!(behind.replication.standbys.is_empty());
    let paused = r#"erpscope_standby_replay_paused{server="erp"}"#;
    assert_eq!(value(&here.metrics().await, paused), Some(1.0));
    on_standby.batch_execute("select pg_wal_replay_resume()").await.unwrap();
    here.until("it has caught up", |s| {
        s.replication.here.as_ref().is_some_and(|h| {
            !h.is_paused && h.unreplayed_bytes == Some(0) && h.lag_seconds == Some(0.0)
        })
    })
    .await;

    on_standby.batch_execute("alter system set max_standby_streaming_delay = 0").await.unwrap();
    on_standby.batch_execute("select pg_reload_conf()").await.unwrap();
    let reader = session(&standby.url("postgres")).await;
    reader.batch_execute("begin; select count(*) from t").await.unwrap();
    writer.batch_execute("drop table t").await.unwrap();
    here.until("a conflict", |s| s.replication.conflicts.lock == 1).await;
    let metrics = here.metrics().await;
    let series = r#"erpscope_standby_conflicts_total{server="erp",reason="lock"}"#;
    assert_eq!(value(&metrics, series), Some(1.0));
    for sampler in [Sampler::Io, Sampler::Vacuum, Sampler::Usage, Sampler::Catalog] {
        here.until("all samplers on a standby", |s| ran(s, sampler, Outcome::Ok) > 0).await;
    }
    there.agent.stop().await;

    let is = |s: &ServerSnapshot, receiver: Option<&str>| {
        s.replication.here.as_ref().is_some_and(|h| h.receiver.as_deref() == receiver)
    };
    writer.batch_execute("revoke pg_monitor from erpscope").await.unwrap();
    let hidden = here.until("a receiver that is hidden", |s| is(s, Some("hidden"))).await;
    assert_eq!(hidden.replication.streamed, hidden.replication.at, "it may stream");
    drop(writer);
    primary.stop().await.unwrap();
    let gone = here.until("no receiver", |s| is(s, None)).await;
    assert!(
        gone.replication.streamed.is_some() && gone.replication.streamed != gone.replication.at
    );
    here.agent.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn tables_that_stay_locked_to_all_others_hold_up_no_sampler() {
    let cluster = cluster(&Options::default()).await;
    let holder = admin(&cluster).await;
    let schema = "create table res_partner (id serial primary key, name text, active bool);
        create index on res_partner (lower(name)) where active;
        create table sale_order (id serial primary key, partner_id int references res_partner);
        create table mail_mail (id int, state text, create_date timestamp);
        insert into res_partner (name) select 'n' || i from generate_series(1, 1000) i;
        analyze; grant select on res_partner, sale_order, mail_mail to erpscope;
        grant select on all sequences in schema public to erpscope";
    holder.batch_execute(schema).await.unwrap();
    let lock = "begin; lock table res_partner, sale_order, mail_mail";
    holder.batch_execute(lock).await.unwrap();
    let mut config = looking(&cluster);
    config.servers[0].erp = Some("odoo".to_owned());
    config.upkeep.queues_interval = Duration::from_secs(1);
    config.duplicates.interval = Duration::from_secs(1);
    let rig = Rig::start(config);
    let samplers =
        [Sampler::Usage, Sampler::Catalog, Sampler::Vacuum, Sampler::Queues, Sampler::Duplicates];
    let all = |s: &ServerSnapshot| samplers.iter().all(|at| ran(s, *at, Outcome::Ok) >= 3);
    let seen = rig.until("three turns of each", all).await;
    for sampler in Sampler::ALL {
        for outcome in [Outcome::Timeout, Outcome::Locked] {
            assert_eq!(ran(&seen, sampler, outcome), 0, "{sampler:?}");
        }
    }
    let tables = &seen.tables.databases["postgres"].tables;
    assert!(tables.iter().any(|table| &*table.table == "sale_order"), "counters need no lock");
    holder.batch_execute("rollback").await.unwrap();
    rig.agent.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_standby_that_the_role_may_not_look_at_is_not_told_to_be_level() {
    let mut primary = cluster(&Options::default().hba("local replication all trust")).await;
    let _standby = standby(&mut primary).await;
    let client = admin(&primary).await;
    client.batch_execute("revoke pg_monitor from erpscope").await.unwrap();
    let rig = Rig::start(looking(&primary));
    let seen = rig.until("the standby", |s| !s.replication.standbys.is_empty()).await;
    let worst = &seen.replication.standbys.values().next().unwrap().worst;
    assert_eq!((&*worst.state, worst.unreplayed_bytes, worst.unsent_bytes), ("hidden", None, None));
    let metrics = rig.metrics().await;
    assert!(metrics.contains("erpscope_replication_standbys{"));
    assert!(
        !metrics.contains("erpscope_replication_streaming{"),
        "whether it streams is not known"
    );
    assert!(!metrics.contains("erpscope_replication_unreplayed_bytes{"));
    rig.agent.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn thirty_databases_of_an_erp_are_all_looked_into_in_turn_one_connection_at_a_time() {
    const ALL: usize = 30;
    let cluster = cluster(&Options::default()).await;
    let client = admin(&cluster).await;
    client.batch_execute("create database model").await.unwrap();
    let model = session(&cluster.url("model")).await;
    // As Odoo's.
    model
        .batch_execute(
            "create table ir_module_module (id int); create table ir_model (id int);
             create table res_partner (id int); create table sale_order (id serial primary key)",
        )
        .await
        .unwrap();
    drop(model);
    until_true(&client, "select count(*) = 0 from pg_stat_activity where datname = 'model'").await;
    for i in 1..ALL {
        let create = format!("create database shop_{i} template model");
        client.batch_execute(&create).await.unwrap();
    }
    let mut config = looking(&cluster);
    config.database.top = ALL + 4;
    let rig = Rig::start(config);
    let (mut at_once, mut looked, mut last) = (0, (0, 0), (0, 0));
    for _ in 0..1_200 {
        let sql = "select count(*) from pg_stat_activity
                   where usename = 'erpscope' and datname <> 'postgres'";
        at_once = at_once.max(client.query_one(sql, &[]).await.unwrap().get::<_, i64>(0));
        let Some(server) = rig.server() else { continue };
        looked = (erps(server.tables.databases.keys()), erps(server.catalog.databases.keys()));
        assert!(looked.0 <= last.0 + 5 && looked.1 <= last.1 + 10, "{last:?}, then {looked:?}");
        last = looked;
        if looked == (ALL, ALL) {
            break;
        }
        tokio::time::sleep(Duration::from_millis(25)).await;
    }
    assert_eq!(looked, (ALL, ALL), "usage and catalog");
    // The server's end of a connection that was closed is there for a moment more.
    assert!((1..=2).contains(&at_once), "{at_once}");
    let seen = rig.server().unwrap();
    assert!(seen.tables.databases.values().all(|database| database.modules.len() < 50));
    rig.agent.stop().await;
}

fn erps<'a>(datnames: impl Iterator<Item = &'a Arc<str>>) -> usize {
    datnames.filter(|name| &***name != "postgres").collect::<BTreeSet<_>>().len()
}

#[tokio::test(flavor = "multi_thread")]
async fn twenty_thousand_tables_are_all_in_the_sums_and_few_in_the_picture() {
    let options = Options::default().set("autovacuum", "off").set("shared_buffers", "256MB");
    let cluster = cluster(&options).await;
    let client = admin(&cluster).await;
    let create = "do 'begin for i in 1..20000 loop
        execute ''create table sale_line_'' || i || '' (id int)'';
        if i % 500 = 0 then commit; end if; end loop; end'";
    client.batch_execute(create).await.unwrap();
    let rig = Rig::start(looking(&cluster));
    let tables = |s: &ServerSnapshot| s.tables.databases.get("postgres").map(|d| d.tables_total);
    let seen = rig
        .until("two looks at all of them", |s| {
            tables(s) == Some(20_000)
                && ran(s, Sampler::Usage, Outcome::Ok) >= 2
                && ran(s, Sampler::Catalog, Outcome::Ok) >= 1
        })
        .await;
    let database = &seen.tables.databases["postgres"];
    assert!(database.tables.len() <= 200, "{}", database.tables.len());
    assert_eq!(database.modules.values().map(|module| module.tables).sum::<u64>(), 20_000);
    for outcome in Outcome::ALL.into_iter().filter(|outcome| *outcome != Outcome::Ok) {
        let failed = [Sampler::Usage, Sampler::Catalog].map(|s| ran(&seen, s, outcome));
        assert_eq!(failed, [0, 0], "{outcome:?}");
    }
    let metrics = rig.metrics().await;
    let series = metrics.lines().filter(|line| line.contains("relname=\"sale_line_")).count();
    assert!(series < 5_000, "{series}");
    assert!((sum(&metrics, "erpscope_module_tables", "") - 20_000.0).abs() < 0.5);
    rig.agent.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_null_or_another_type_where_a_number_belongs_is_an_error_and_no_zero() {
    let cluster = cluster(&Options::default()).await;
    let client = admin(&cluster).await;
    client.batch_execute("create table sale_order (id int)").await.unwrap();
    let rig = Rig::start(looking(&cluster));
    rig.until("a look", |s| ran(s, Sampler::Usage, Outcome::Ok) > 0).await;
    // What a server that is not quite PostgreSQL could answer.
    let put = async |body: &str| {
        let replace = format!(
            "create or replace function pg_catalog.pg_stat_get_dead_tuples(oid) returns bigint {body}"
        );
        client.batch_execute(&replace).await.unwrap();
    };
    put("language sql stable as 'select null::bigint'").await;
    let seen = rig.until("it is an error", |s| ran(s, Sampler::Usage, Outcome::Error) > 0).await;
    let before = ran(&seen, Sampler::Io, Outcome::Ok);
    rig.until("others go on", |s| ran(s, Sampler::Io, Outcome::Ok) > before).await;
    put("language internal stable strict as 'pg_stat_get_dead_tuples'").await;
    let good = ran(&seen, Sampler::Usage, Outcome::Ok);
    rig.until("it is right again", |s| ran(s, Sampler::Usage, Outcome::Ok) > good).await;
    rig.agent.stop().await;
}
