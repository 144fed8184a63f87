//! Queues of ERPs on a real server: what is counted, what is not read, and what is said of it.

use std::sync::Arc;
use std::time::Duration;

use erpscope::config::Config;
use erpscope::demo::cluster::{Cluster, Options};
use erpscope::erp::{Profiles, Queue};
use erpscope::sample::queues::{MOST, Reading, read};
use erpscope::sample::{Outcome, Sampler};
use erpscope::state::ServerSnapshot;

use crate::rig::{Rig, admin, cluster, config, server, until_true, value};
use crate::upkeep::ran;

/// Queues are looked at every second, in the words of an ERP.
fn looking(cluster: &Cluster, erp: &str) -> Config {
    let mut server = server(cluster);
    server.erp = Some(erp.to_owned());
    let mut config = config(vec![server]);
    config.upkeep.queues_interval = Duration::from_secs(1);
    config
}

fn queue<'a>(server: &'a ServerSnapshot, name: &str) -> Option<&'a Reading> {
    let database = server.queues.databases.get("postgres")?;
    database.queues.iter().map(|queue| &queue.now).find(|queue| &*queue.name == name)
}

fn unread(server: &ServerSnapshot, name: &str) -> Option<&'static str> {
    let database = server.queues.databases.get("postgres")?;
    database.unread.iter().find(|(unread, _)| &**unread == name).map(|(_, reason)| *reason)
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_that_wait_run_and_failed_are_counted_with_their_ages() {
    let cluster = cluster(&Options::default().set("TimeZone", "Asia/Tokyo")).await;
    let admin = admin(&cluster).await;
    admin
        .batch_execute(
            "create table queue_job (id serial primary key, state varchar not null, date_created timestamp,
               eta timestamp, date_started timestamp, retry int, func_string text);
             insert into queue_job (state, date_created, eta, date_started, retry)
             select 'pending', now() at time zone 'UTC' - interval '2 hours', null::timestamp, null::timestamp, 12
             union all select 'enqueued', now() at time zone 'UTC' - interval '1 hour', null, null, 0
             union all select 'pending', now() at time zone 'UTC' - interval '9 hours', now() at time zone 'UTC' + interval '1 day', null, 0
             union all select 'started', now() at time zone 'UTC', null, now() at time zone 'UTC' - interval '7 hours', 1
             union all select 'failed', now() at time zone 'UTC', null, null, 5 from generate_series(1, 3);
             create table mail_mail (id int, state varchar, create_date timestamp, scheduled_date varchar);
             insert into mail_mail select i, 'outgoing', now() at time zone 'UTC', null from generate_series(1, 12000) i;
             create table ir_cron (id int, active bool, nextcall timestamp);
             create table outbox (id int, created_at timestamptz, processed_at timestamptz);
             grant select (state, date_created, eta, date_started, retry) on queue_job to erpscope;
             grant select on mail_mail, outbox to erpscope",
        )
        .await
        .unwrap();
    let rig = Rig::start(looking(&cluster, "odoo"));
    let seen = rig.until("queues", |s| queue(s, "jobs").is_some()).await;
    let jobs = queue(&seen, "jobs").unwrap();
    assert_eq!((jobs.waiting, jobs.running, jobs.failed), (2, Some(1), Some(3)), "{jobs:?}");
    let hours = |seconds: Option<f64>| (seconds.unwrap() / 3_600.0).floor();
    let ages = (hours(jobs.oldest_seconds), hours(jobs.longest_seconds));
    assert_eq!((ages, jobs.tries), ((2.0, 7.0), Some(12)), "in universal time: {jobs:?}");
    let mail = queue(&seen, "mail").unwrap();
    assert_eq!((mail.waiting, mail.running), (MOST, None), "bounded, in the older version's words");
    assert_eq!(queue(&seen, "outbox").unwrap().waiting, 0);
    assert_eq!((unread(&seen, "cron"), unread(&seen, "mail")), (Some("refused"), None));
    let text = rig.metrics().await;
    let failed =
        r#"erpscope_queue_depth{server="SERVER",datname="postgres",queue="jobs",state="failed"}"#
            .replace("SERVER", &seen.name);
    assert_eq!(value(&text, &failed), Some(3.0));
    rig.agent.stop().await;
}

#[tokio::test]
async fn a_dear_look_stands_whole_for_some_turns_and_a_cheap_one_is_made_in_each() {
    let cluster = cluster(&Options::default().set("autovacuum", "off")).await;
    let admin = admin(&cluster).await;
    admin
        .batch_execute(
            "create table queue_job (id int, state text, date_created timestamp, eta timestamp,
               date_started timestamp, retry int);
             create table mail_mail (id int, state text, create_date timestamp, filler text);
             insert into mail_mail select i, 'sent', now(), repeat('x', 200) from generate_series(1, 60000) i;
             analyze;
             grant select on queue_job, mail_mail to erpscope",
        )
        .await
        .unwrap();
    let inserted = "select n_tup_ins from pg_stat_user_tables where relname = 'mail_mail'";
    until_true(&admin, &format!("select 60000 = ({inserted})")).await;
    let session = erpscope::pg::connect(&server(&cluster), "postgres").await.unwrap();
    let profiles = Profiles::default();
    let wanted: Vec<Arc<Queue>> = profiles.words(profiles.get("odoo")).queues().cloned().collect();
    let looks = Arc::default();
    let mut seen = Vec::new();
    for turn in 0..6 {
        let read = read(&session, 0, &[], |_| wanted.clone(), &looks, Duration::from_secs(60));
        let database = read.await.unwrap().databases.remove(0);
        let of = |name: &str| {
            database.queues.iter().find(|queue| &*queue.name == name).cloned().unwrap()
        };
        seen.push((of("jobs").waiting, of("mail").waiting, of("mail").inserted));
        let more = format!(
            "insert into queue_job (id, state, date_created) values ({turn}, 'pending', now());
             insert into mail_mail values ({turn}, 'outgoing', now());"
        );
        admin.batch_execute(&more).await.unwrap();
        until_true(&admin, &format!("select {} = ({inserted})", 60_001 + turn)).await;
    }
    let wanted = [(0, 0), (1, 0), (2, 0), (3, 0), (4, 0), (5, 5)];
    assert_eq!(seen, wanted.map(|(jobs, mail)| (jobs, mail, 60_000 + mail)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_queue_that_is_locked_hidden_or_dear_is_passed_over_and_told() {
    let cluster = cluster(&Options::default()).await;
    let admin = admin(&cluster).await;
    admin
        .batch_execute(
            "create table job_queue (state text, created_at timestamptz, started_at timestamptz, attempts int);
             create table outbox (id int, created_at timestamptz, sent_at timestamptz);
             insert into outbox select i, now(), now() from generate_series(1, 100) i;
             grant select on job_queue, outbox to erpscope;
             alter table outbox enable row level security",
        )
        .await
        .unwrap();
    let rig = Rig::start(looking(&cluster, "demo"));
    rig.until("both", |s| queue(s, "jobs").is_some() && unread(s, "outbox") == Some("refused"))
        .await;
    admin.batch_execute("alter table outbox disable row level security").await.unwrap();
    let file = "insert into outbox select i, now(), now() from generate_series(1, 1500000) i; analyze outbox";
    admin.batch_execute(file).await.unwrap();
    rig.until("a dear one", |s| unread(s, "outbox") == Some("costly")).await;
    admin.batch_execute("create index on outbox (created_at) where sent_at is null").await.unwrap();
    rig.until("a cheap one", |s| queue(s, "outbox").is_some_and(|q| q.waiting == 0)).await;
    admin.batch_execute("begin; lock table job_queue").await.unwrap();
    let locked = |s: &ServerSnapshot| matches!(unread(s, "jobs"), Some("locked" | "timeout"));
    let seen = rig.until("a locked one", locked).await;
    assert!(queue(&seen, "outbox").is_some() && ran(&seen, Sampler::Queues, Outcome::Ok) > 0);
    admin.batch_execute("rollback").await.unwrap();
    rig.until("all again", |s| queue(s, "jobs").is_some()).await;
    rig.agent.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn queues_of_tryton_erpnext_idempiere_and_metasfresh_are_read_off_tables_as_these_make_them()
{
    let cluster = cluster(&Options::default().set("TimeZone", "Europe/Berlin")).await;
    let admin = admin(&cluster).await;
    // Tryton's times are universal, the others' local.
    admin
        .batch_execute(
            r#"create table ir_queue (id serial primary key, name varchar, data text, enqueued_at timestamp(6) not null,
               dequeued_at timestamp(6), finished_at timestamp(6), scheduled_at timestamp(6), expected_at timestamp(6));
             insert into ir_queue (name, enqueued_at, dequeued_at, finished_at, scheduled_at)
             select name, u - ago, u - began, u - ended, u - due from (select now() at time zone 'UTC' as u) x, (values
               ('waits', interval '2 hours', null::interval, null::interval, null::interval),
               ('later', '2 hours', null, null, interval '-1 day'),
               ('runs', '1 hour', '59 minutes', null, null), ('lost', '3 days', '2 days', null, null),
               ('done', '1 day', '1 day', '23 hours', null)) y (name, ago, began, ended, due);
             create table "tabEmail Queue" (name varchar(140) primary key, creation timestamp(6), modified timestamp(6),
               status varchar(140), send_after timestamp, retry bigint not null default 0, message text);
             insert into "tabEmail Queue" select i, now() - interval '2 hours', now() - interval '1 hour', s, null, i from
               unnest(array['Not Sent', 'Partially Sent', 'Sending', 'Sent', 'Error', 'Partially Errored']) with ordinality w (s, i);
             create table "tabRepost Item Valuation" (name varchar(140), creation timestamp(6), modified timestamp(6),
               status varchar(140), docstatus smallint not null default 0);
             insert into "tabRepost Item Valuation" select i, now() - interval '2 hours', now(), s, d from generate_series(0, 2) d,
               unnest(array['Queued', 'In Progress', 'Completed', 'Failed', 'Skipped']) with ordinality w (s, i);
             create table ad_scheduler (ad_scheduler_id numeric(10), isactive char(1), datenextrun timestamp);
             create table c_acctprocessor (c_acctprocessor_id numeric(10), isactive char(1), datenextrun timestamp);
             insert into ad_scheduler values (1, 'Y', now() - interval '2 hours'), (2, 'Y', now() + interval '1 hour'),
               (3, 'N', now() - interval '9 hours');
             create table c_queue_workpackage (c_queue_workpackage_id numeric(10), isactive char(1), created timestamptz,
               isreadyforprocessing char(1), processed char(1), iserror char(1), iserroracknowledged char(1));
             insert into c_queue_workpackage values (1, 'Y', now() - interval '2 hours', 'Y', 'N', 'N', 'N'),
               (2, 'Y', now() - interval '1 day', 'N', 'N', 'N', 'N'), (3, 'Y', now() - interval '1 day', 'Y', 'Y', 'N', 'N'),
               (4, 'Y', now() - interval '1 day', 'Y', 'N', 'Y', 'N'), (5, 'N', now() - interval '1 day', 'Y', 'N', 'N', 'N'),
               (6, 'Y', now() - interval '1 day', 'Y', 'Y', 'Y', 'N');
             grant select on all tables in schema public to erpscope"#,
        )
        .await
        .unwrap();
    let hours = |seconds: Option<f64>| (seconds.unwrap_or(-1.0) / 3_600.0).round();
    let rig = Rig::start(looking(&cluster, "tryton"));
    let seen = rig.until("Tryton's", |s| queue(s, "jobs").is_some()).await;
    let jobs = queue(&seen, "jobs").unwrap();
    assert_eq!((jobs.waiting, jobs.running, jobs.failed), (1, Some(1), Some(1)), "{jobs:?}");
    assert_eq!((hours(jobs.oldest_seconds), hours(jobs.longest_seconds)), (2.0, 1.0), "{jobs:?}");
    rig.agent.stop().await;
    let rig = Rig::start(looking(&cluster, "erpnext"));
    let seen = rig.until("ERPNext's", |s| queue(s, "repost").is_some()).await;
    let mail = queue(&seen, "mail").unwrap();
    assert_eq!((mail.waiting, mail.running, mail.failed), (2, Some(1), Some(2)), "{mail:?}");
    assert_eq!((hours(mail.oldest_seconds), mail.tries), (2.0, Some(2)), "{mail:?}");
    let repost = queue(&seen, "repost").unwrap();
    let counts = (repost.waiting, repost.running, repost.failed);
    assert_eq!(counts, (1, Some(1), Some(1)), "neither drafts nor what was cancelled");
    rig.agent.stop().await;
    let rig = Rig::start(looking(&cluster, "idempiere"));
    let seen = rig.until("iDempiere's", |s| queue(s, "accounting").is_some()).await;
    let scheduler = queue(&seen, "scheduler").unwrap();
    assert_eq!((scheduler.waiting, hours(scheduler.oldest_seconds)), (1, 2.0), "{scheduler:?}");
    let packages = queue(&seen, "workpackages").unwrap();
    let counts = (packages.waiting, packages.running, packages.failed);
    assert_eq!((counts, hours(packages.oldest_seconds)), ((1, None, Some(1)), 2.0), "{packages:?}");
    rig.agent.stop().await;
}
