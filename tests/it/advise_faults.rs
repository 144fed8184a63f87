//! The index advisor in bad weather: what it cannot understand is said, the rest is advised on, and
//! PostgreSQL takes every word of it.

use std::fmt::Write;

use erpscope::advise::advice::{Advice, Request, advise};
use erpscope::advise::advisor::{Effort, Judge};
use erpscope::advise::candidate::Allowed;
use erpscope::advise::command::{self, Answer};
use erpscope::advise::select::Limits;
use erpscope::advise::workload::{Statement, Workload};
use erpscope::check::{Status, check};
use erpscope::config::{Config, Server};
use erpscope::demo::cluster::{Cluster, Options};
use erpscope::demo::{Faults, Load, Stage, StageOptions};
use erpscope::erp::{Erp, Profiles};
use erpscope::pg::{self, HypoPgThere};
use tokio_postgres::Client;

use crate::rig::{self, admin, server, session, until_true};

/// A server with one database `shop`, and a session in it.
pub async fn shop(options: Options) -> (Cluster, Client) {
    let (cluster, shop) = rig::shop(options.set("autovacuum", "off")).await;
    shop.batch_execute("create extension hypopg").await.unwrap();
    (cluster, shop)
}

/// A table of its own with 30,000 rows in which `partner` wants an index.
pub fn table(name: &str) -> String {
    format!(
        "create table {name} (id int primary key, partner int, state text, day date);
         insert into {name} select i, i % 5000, 'open', date '2024-01-01' + i / 100 from generate_series(1, 30000) i;
         analyze {name};"
    )
}

pub async fn load(client: &Client, sql: &str) {
    if let Err(error) = client.batch_execute(sql).await {
        panic!("{sql}: {error:?}");
    }
}

/// What is advised for these statements, each run 20,000 times a day. Every suggestion is created, and taken back.
pub async fn advised(cluster: &Cluster, texts: &[&str]) -> Advice {
    let statements = texts.iter().map(|text| Statement {
        text: (*text).to_owned(),
        calls: 20_000.0,
        rows: 20_000.0,
        ..Statement::default()
    });
    let workload = Workload { statements: statements.collect(), days: 7.0 };
    let server = server(cluster);
    let asking = pg::connect(&server, "shop").await.unwrap();
    let planning = pg::connect_to_plan(&server, "shop").await.unwrap();
    let request = Request {
        datname: "shop".to_owned(),
        effort: Effort {
            limits: Limits { bytes: 1e12, number: 50 },
            lean: true,
            judge: Judge::Visits,
            sizes_of_hypopg: false,
            calls: 20_000,
            planning_ms: 30_000.0,
        },
        allowed: Allowed { values_of: vec!["state".to_owned()] },
        writes: None,
        remembered: None,
        unused_days: 31.0,
    };
    let erp = Erp::new(Vec::new());
    let advice = advise(&asking, planning, &workload, &erp, &request).await.unwrap();
    let client = session(&cluster.url("shop")).await;
    for suggestion in &advice.suggestions {
        for ddl in &suggestion.ddl {
            load(&client, ddl).await;
        }
        for undo in &suggestion.undo {
            load(&client, undo).await;
        }
    }
    advice
}

pub fn tables(advice: &Advice) -> Vec<&str> {
    let mut tables: Vec<&str> = advice.suggestions.iter().map(|s| s.table.as_str()).collect();
    tables.sort_unstable();
    tables
}

/// What is said of the statements that were left out.
fn reasons(advice: &Advice) -> String {
    advice.skipped.iter().fold(String::new(), |mut text, skipped| {
        let _ = writeln!(text, "{} x {}", skipped.statements, skipped.reason);
        text
    })
}

#[tokio::test]
async fn a_table_that_somebody_has_for_himself_alone_keeps_no_other_from_advice() {
    let (cluster, shop) = shop(Options::default()).await;
    load(&shop, &table("sale")).await;
    load(&shop, &table("move")).await;
    let statements =
        ["select id from sale where partner = $1", "select id from move where partner = $1"];
    load(&shop, "begin; lock table move").await;
    let locked = advised(&cluster, &statements).await;
    assert_eq!(tables(&locked), ["public.sale"]);
    assert!(!locked.is_complete, "nothing is withdrawn for it");
    assert!(reasons(&locked).contains("locked to all others"), "{}", reasons(&locked));
    load(&shop, "rollback").await;
    let free = advised(&cluster, &statements).await;
    assert_eq!((tables(&free), free.is_complete), (vec!["public.move", "public.sale"], true));
}

#[tokio::test]
async fn what_cannot_be_planned_is_said_and_the_rest_is_advised_on() {
    let (cluster, shop) = shop(Options::default()).await;
    load(&shop, &table("sale")).await;
    load(&shop, "create temporary table basket (id int, item text)").await;
    load(&shop, "create procedure close_month(int) language sql as 'select 1'").await;
    let advice = advised(
        &cluster,
        &[
            "select id from sale where partner = $1",
            "select id from sale where partner = $1 and state in ($2, $3",
            "update sale set state = $1 where partner = (sel",
            "select id from sale where where",
            "select * from gone where id = $1",
            "select * from basket where item = $1",
            "select * from elsewhere.public.sale where partner = $1",
            "select gone_column from sale",
            "select relname from pg_class where relpages > $1",
            "select gone_function(id) from sale",
            "select $1",
            "call close_month($1)",
            "set work_mem = $1",
            "commit",
            "insert into sale values ($1, $2, $3, $4)",
            "select id from sale where partner = $1; drop table sale",
            "",
            "\u{fffd}\u{fffd} select",
        ],
    )
    .await;
    assert_eq!(tables(&advice), ["public.sale"], "{:?}", advice.suggestions);
    let reasons = reasons(&advice);
    for told in [
        "cut off or cannot be parsed",
        "cut off, or no longer SQL",
        "a table of it is gone or belongs to a session (SQLSTATE 42P01)",
        "a column of it is gone",
        "a function of it is gone",
        "SQLSTATE 0A000",
        "2 x it looks for no rows",
        "1 x what it reads is not in its text",
        "1 x it only adds rows",
    ] {
        assert!(reasons.contains(told), "{told}:\n{reasons}");
    }
    let left: usize = advice.skipped.iter().map(|skipped| skipped.statements).sum();
    assert_eq!(left + 3, 18, "every statement is somewhere:\n{reasons}");
    // Everything that is there is there still.
    shop.batch_execute("select from sale").await.unwrap();
}

#[tokio::test]
async fn every_name_that_postgresql_takes_is_taken() {
    let (cluster, shop) = shop(Options::default()).await;
    let odd = r#""Order ""by"" 'Müller'""#;
    let long = format!("{}é", "long".repeat(15));
    load(&shop, &table("\"Select\"")).await;
    load(&shop, &table(odd)).await;
    load(&shop, &table(&format!("\"{long}\""))).await;
    load(
        &shop,
        &format!(
            r#"alter table "Select" rename partner to "User";
            alter table {odd} rename partner to "a ""b"" c'd";
            alter table "{long}" rename partner to "{long}";
            create schema "My Schema"; alter table {odd} set schema "My Schema""#
        ),
    )
    .await;
    // As wide as a table can be.
    let columns: Vec<String> = (1..1600).map(|at| format!("c{at} int")).collect();
    let wide = format!("create table wide (id int, {})", columns.join(", "));
    load(&shop, &wide).await;
    load(&shop, "insert into wide (id, c1599) select i, i % 4000 from generate_series(1, 20000) i; analyze wide").await;
    let by_long = format!(r#"select id from "{long}" where "{long}" = $1"#);
    let advice = advised(
        &cluster,
        &[
            r#"select id from "Select" where "User" = $1"#,
            r#"select id from "My Schema"."Order ""by"" 'Müller'" where "a ""b"" c'd" = $1"#,
            &by_long,
            "select id from wide where c1599 = $1",
        ],
    )
    .await;
    assert_eq!(advice.suggestions.len(), 4, "{:?} {}", tables(&advice), reasons(&advice));
}

#[tokio::test]
async fn relations_of_every_kind_are_seen_through_or_left_alone() {
    let (cluster, shop) = shop(Options::default()).await;
    for name in ["base", "secret", "hidden", "parent", "child", "opaque"] {
        load(&shop, &table(name)).await;
    }
    load(&shop, "alter table child inherit parent").await;
    load(
        &shop,
        "create view v1 as select id, partner as p from base;
         create view v2 as select v1.id, v1.p as q from v1 where id > 0;
         create view v3 as select q from v2;
         create materialized view kept as select * from base; analyze kept;
         create function hiding(int) returns setof hidden stable language sql
           as 'select * from hidden where partner = $1';
         create function telling_nothing(int) returns bigint stable language plpgsql
           as 'begin return (select count(*) from opaque where partner = $1); end';
         create table parted (id int, partner int, day date) partition by range (day);
         create table parted_1 partition of parted for values from ('2024-01-01') to ('2024-07-01');
         create table parted_2 partition of parted for values from ('2024-07-01') to ('2025-01-01');
         insert into parted select i, i % 5000, date '2024-01-01' + i % 360 from generate_series(1, 60000) i;
         analyze parted;
         alter table secret enable row level security;
         create extension postgres_fdw;
         create server far foreign data wrapper postgres_fdw options (host '127.0.0.1', port '1');
         create user mapping for public server far;
         create foreign table far_sale (id int, partner int) server far;",
    )
    .await;
    let texts = [
        "select q from v3 where q = $1",
        "select id from kept where partner = $1",
        "select id from hiding($1)",
        "select telling_nothing($1)",
        "select id from parent where partner = $1",
        "select id from parted where partner = $1",
        "select id from far_sale where partner = $1",
        "select id from secret where partner = $1",
    ];
    let advice = advised(&cluster, &texts).await;
    let found = tables(&advice);
    for wanted in ["public.base", "public.kept", "public.hidden", "public.parted"] {
        assert!(found.contains(&wanted), "{wanted}: {found:?} {}", reasons(&advice));
    }
    assert!(found.contains(&"public.child") && found.contains(&"public.parent"), "{found:?}");
    assert!(!found.contains(&"public.far_sale") && !found.contains(&"public.opaque"), "{found:?}");
    // Without a policy for the role a plan tells what is looked for, if anything is.
    assert!(found.contains(&"public.secret"), "{found:?}");
    let advice = advised(&cluster, &["select id from secret"]).await;
    assert!(reasons(&advice).contains("row security hides all rows"), "{}", reasons(&advice));
    load(&shop, "create policy all_of_it on secret for select using (partner > 0)").await;
    let advice = advised(&cluster, &["select id from secret where partner = 7"]).await;
    assert_eq!(tables(&advice), ["public.secret"], "{}", reasons(&advice));
}

#[tokio::test]
async fn statistics_that_are_missing_or_old_are_said() {
    let (cluster, shop) = shop(Options::default()).await;
    load(&shop, "create table empty (id int, partner int)").await;
    load(&shop, &table("never").replace("analyze never", "")).await;
    load(&shop, &table("stale")).await;
    load(&shop, "insert into stale select i, i % 5000 from generate_series(30001, 60000) i").await;
    // What a session has written is counted when it is idle, soon.
    let counted = "select count(*) = 2 from pg_stat_user_tables
        where relname in ('never', 'stale') and n_mod_since_analyze >= 30000";
    until_true(&shop, counted).await;
    let advice = advised(
        &cluster,
        &[
            "select id from empty where partner = $1",
            "select id from never where partner = $1",
            "select id from stale where partner = $1",
        ],
    )
    .await;
    assert_eq!(tables(&advice), ["public.never", "public.stale"], "{}", reasons(&advice));
    for suggestion in &advice.suggestions {
        let is_told =
            suggestion.warnings.iter().any(|warning| warning.contains("stale: run `analyze"));
        assert!(is_told, "{suggestion:?}");
    }
}

#[tokio::test]
async fn tables_that_may_not_be_read_keep_nobody_from_the_others() {
    let (cluster, shop) = shop(Options::default()).await;
    load(&shop, &table("open")).await;
    load(&shop, &table("closed")).await;
    load(&shop, "revoke pg_read_all_data from erpscope; grant select on open to erpscope").await;
    let texts =
        ["select id from open where partner = $1", "select id from closed where partner = $1"];
    let advice = advised(&cluster, &texts).await;
    assert_eq!(tables(&advice), ["public.open"]);
    assert!(reasons(&advice).contains("grant it `select` on them (SQLSTATE 42501)"));
    assert_eq!(advice.skipped.len(), 1);
}

#[tokio::test]
async fn a_hypopg_that_is_absent_or_too_old_is_said_and_done_without() {
    let (cluster, shop) = shop(Options::default()).await;
    load(&shop, &table("sale")).await;
    let texts = ["select id from sale where partner = $1"];
    // One that lacks a function is what an old one looks like.
    load(
        &shop,
        "alter extension hypopg drop function hypopg_relation_size(oid);
        drop function hypopg_relation_size(oid)",
    )
    .await;
    let advice = advised(&cluster, &texts).await;
    let notes = advice.notes.join("\n");
    assert!(notes.contains("HypoPG is of version 1."), "{notes}");
    assert!(notes.contains(", without hypopg_relation_size, so the planner cannot be"), "{notes}");
    assert!(notes.contains("drop extension if exists hypopg; create extension hypopg"), "{notes}");
    let checked_by = |advice: &Advice| -> Vec<&'static str> {
        advice.suggestions.iter().map(|suggestion| suggestion.checked_by).collect()
    };
    assert_eq!(checked_by(&advice), ["reasoned"], "{advice:?}");
    assert!(!advice.is_complete && advice.refused == 0, "{advice:?}");
    load(&shop, HypoPgThere::MEND).await;
    let advice = advised(&cluster, &texts).await;
    assert!(!advice.notes.join("\n").contains("HypoPG"), "{:?}", advice.notes);
    assert_eq!(checked_by(&advice), ["what-if"], "{advice:?}");
    // One whose version is too old, although it has all functions.
    load(
        &shop,
        "set allow_system_table_mods = on;
        update pg_extension set extversion = '1.1.4' where extname = 'hypopg';
        reset allow_system_table_mods",
    )
    .await;
    let advice = advised(&cluster, &texts).await;
    let notes = advice.notes.join("\n");
    assert!(notes.contains("HypoPG is of version 1.1.4, before 1.2, so the planner"), "{notes}");
    assert_eq!(checked_by(&advice), ["reasoned"], "{advice:?}");
    let at_shop = Server { dbname: "shop".into(), ..server(&cluster) };
    let found = check(&at_shop, &Profiles::default()).await.findings;
    let found = found.iter().find(|finding| finding.capability == "hypopg").unwrap();
    assert_eq!(
        (found.status, &*found.seen),
        (Status::Degraded, "created, but version 1.1.4, before 1.2")
    );
    assert!(found.mend.iter().any(|mend| mend.contains(HypoPgThere::MEND)), "{found:?}");
    // One whose library has no such function.
    load(
        &shop,
        "drop extension hypopg; create extension hypopg;
        create or replace function hypopg_reset() returns void language plpgsql as
          $$ begin perform no_such_function(); end $$",
    )
    .await;
    let advice = advised(&cluster, &texts).await;
    let notes = advice.notes.join("\n");
    assert!(notes.contains("a version whose library refuses (SQLSTATE 42883)"), "{notes}");
    assert_eq!(checked_by(&advice), ["reasoned"], "{advice:?}");
    load(&shop, "drop extension hypopg").await;
    let advice = advised(&cluster, &texts).await;
    assert!(advice.notes.join("\n").contains("HypoPG is not installed"), "{:?}", advice.notes);
}

/// Everything of FIELD's list that pg_stat_statements makes of statements.
const QUIRKS: [&str; 22] = [
    "select id from sale where day > current_date - interval $1",
    "select id from sale where day > date $1",
    "select id from sale where day > date $1 - interval $2 day",
    "select id from sale where day > timestamp with time zone $1",
    "select id from sale where partner = $1 order by id limit $2",
    "select id from sale where partner = $1 order by id offset $2 limit $3",
    "select id from sale where partner = $1 order by id fetch first $2 rows only",
    "select id from sale where partner in ($1 /*, ... */)",
    "select id from sale where partner in ($1, $2, $3) /* shop:basket */",
    "select id -- which\n from sale where partner = $1",
    "/* at the beginning */ select id from sale where partner = $1",
    "declare c no scroll cursor with hold for select id from sale where partner = $1",
    "select extract($1 from day), count(*) from sale group by extract($2 from day)",
    "select date_trunc($1, day), count(*) from sale group by date_trunc($2, day) order by date_trunc($3, day)",
    "select \"a\".\"id\" from \"sale\" as \"a\" where \"a\".\"partner\" = $1 for update nowait",
    "update only sale set state = $1 where partner = $2 returning id",
    "delete from sale where id in (select id from sale where partner = $1 for update skip locked)",
    "with gone as (delete from sale where partner = $1 returning id) select count(*) from gone",
    "insert into sale select id + $1, partner from sale where partner = $2 on conflict do nothing",
    "copy (select id from sale where partner = 7) to stdout",
    "select id from sale where state ilike $1 and partner = any($2)",
    "select coalesce(sum(partner), $1)::int8 from sale where (day, id) > ($2, $3)",
];

#[tokio::test]
async fn every_quirk_of_a_text_is_mended_or_planned_all_the_same() {
    let (cluster, shop) = shop(Options::default()).await;
    load(&shop, &table("sale")).await;
    for text in QUIRKS {
        let advice = advised(&cluster, &[text]).await;
        assert!(advice.skipped.is_empty(), "{text}: {}", reasons(&advice));
        assert!((advice.understood_share - 1.0).abs() < 1e-9, "{text}");
    }
}

fn told(answers: &[Answer], datname: &str) -> String {
    let of = |answer: &&Answer| serde_json::to_value(answer).unwrap()["datname"] == datname;
    answers.iter().find(of).map(|answer| serde_json::to_string(answer).unwrap()).unwrap()
}

fn asked(datname: Option<&str>) -> command::Options {
    command::Options { datname: datname.map(str::to_owned), ..command::Options::default() }
}

#[tokio::test]
async fn a_connection_that_is_lost_or_a_history_that_is_broken_costs_no_more_than_itself() {
    let (cluster, shop) = shop(Options::default()).await;
    admin(&cluster).await.batch_execute("create database bar").await.unwrap();
    let bar = session(&cluster.url("bar")).await;
    load(&bar, "create extension hypopg").await;
    for client in [&shop, &bar] {
        load(client, &table("sale")).await;
        // To plan it is to end the agent's session.
        load(
            client,
            "create function fatal(int) returns int immutable language plpgsql as $$ begin
               if current_setting('application_name') = 'erpscope' then
                 perform pg_terminate_backend(pg_backend_pid());
               end if;
               return $1;
             end $$",
        )
        .await;
    }
    // What was loaded is no day's work.
    admin(&cluster).await.batch_execute("select pg_stat_statements_reset()").await.unwrap();
    for _ in 0..200 {
        shop.query("select id from sale where partner = $1", &[&7]).await.unwrap();
    }
    // A constant of a view is none of the statement's: it is there when the statement is planned.
    load(&bar, "create view doom as select * from sale where partner = fatal(3)").await;
    bar.query("select * from doom", &[]).await.unwrap();

    let folder = tempfile::tempdir().unwrap();
    let history = folder.path().join("history.sqlite");
    std::fs::write(&history, b"this is no database at all, and longer than a header".repeat(200))
        .unwrap();
    let mut config = Config::of(vec![server(&cluster)]).unwrap();
    config.history.path = Some(history);
    let answers = command::ask(&config, &asked(None)).await;
    let lost = told(&answers, "bar");
    assert!(lost.contains("the connection was lost while plans were asked for"), "{lost}");
    let advised = told(&answers, "shop");
    assert!(advised.contains("create index concurrently"), "{advised}");
    assert!(advised.contains("the history is left out"), "{advised}");
}

#[tokio::test]
async fn nearly_all_of_the_demos_time_is_understood() {
    let options = StageOptions { pg_bin: None, seed: 1, scale: 0.02, faults: Faults::default() };
    let stage = Stage::set(&options, |_| {}).await.unwrap();
    let client = session(&stage.cluster.url("distro")).await;
    let load = Load::start(&stage, 1).await.unwrap();
    let enough = "select count(*), sum(calls)::int8 from pg_stat_statements where calls > 1";
    for _ in 0..600 {
        let row = client.query_one(enough, &[]).await.unwrap();
        if row.get::<_, i64>(0) > 60 && row.get::<_, Option<i64>>(1) > Some(3_000) {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    load.stop().await;
    let config = Config::of(vec![stage.server()]).unwrap();
    let answers = command::ask(&config, &asked(Some("distro"))).await;
    let Some(Answer::Advised { advice, .. }) = answers.first() else { panic!("{answers:?}") };
    println!(
        "{} statements, {:.2} % of their time understood, {} questions, {:.0} ms of planning\n{}",
        advice.statements,
        advice.understood_share * 100.0,
        advice.what_if_calls,
        advice.planning_ms,
        reasons(advice)
    );
    for suggestion in &advice.suggestions {
        for ddl in &suggestion.ddl {
            println!("{ddl}");
            client.batch_execute(ddl).await.unwrap();
        }
    }
    assert!(advice.understood_share >= 0.99, "{}", reasons(advice));
}
