//! The ledger on a real server: what was suggested is made, and what that brings is what it brings.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use erpscope::advise::candidate::Allowed;
use erpscope::advise::database::{self, Bounds, advise_on};
use erpscope::advise::definition::{Definition, Key, Method};
use erpscope::advise::ledger::{Change, Ledger, Line, Look, Past, Stage, Today};
use erpscope::advise::suggestion::{Confidence, Helped, Suggestion};
use erpscope::config::{Config, Hours};
use erpscope::demo::cluster::{Cluster, Options};
use erpscope::erp::Erp;
use erpscope::history::{
    Batch, Covered, HOUR, History, IndexGrowth, IndexUse, Kind, Limits, Place, StatementGrowth,
    StatementText, Work, hour_of,
};
use erpscope::pg;
use erpscope::track::hours::unix;
use serde_json::Value;
use tokio_postgres::Client;

use crate::rig::{self, Rig, admin, config, server, value};

const TABLE: &str = "
    create table sale_order_line (id int primary key, order_id int not null, price int not null);
    insert into sale_order_line select i, i % 1000, i % 7 from generate_series(1, 200000) i;
    vacuum analyze sale_order_line";
const SELECT: &str = "select sum(price) from sale_order_line where order_id = $1";

/// A database with a statement that wants an index, and all that the advisor needs.
async fn shop(extensions: &[&str]) -> (Cluster, Client) {
    let (cluster, shop) = rig::shop(Options::default()).await;
    for extension in extensions {
        shop.batch_execute(&format!("create extension {extension}")).await.unwrap();
    }
    for statement in TABLE.split(';') {
        shop.batch_execute(statement).await.unwrap();
    }
    let admin = admin(&cluster).await;
    admin.batch_execute("select pg_stat_statements_reset()").await.unwrap();
    (cluster, shop)
}

async fn work(shop: &Client, calls: i32) {
    for order in 0..calls {
        shop.query(SELECT, &[&(order % 1000)]).await.unwrap();
    }
}

fn place() -> Place {
    Place { server: "erp".into(), datname: "shop".into() }
}

/// Calls and seconds of the statement whose text has these words, since the last reset.
async fn taken(admin: &Client, words: &str) -> (i64, Work) {
    let sql =
        "select queryid, calls, total_exec_time / 1e3 from pg_stat_statements where query like $1";
    let row = admin.query_one(sql, &[&format!("{words}%")]).await.unwrap();
    let calls = u64::try_from(row.get::<_, i64>(1)).unwrap();
    (row.get(0), Work { calls, exec_seconds: row.get(2), ..Work::default() })
}

fn limits() -> Limits {
    Limits { keep: Duration::from_secs(35 * 86_400), max_bytes: 1 << 30, statements: 2_000 }
}

/// The ledger of a server, asked by hand, so that hours pass when the test says so.
struct Desk<'a> {
    cluster: &'a Cluster,
    admin: Client,
    history: History,
    ledger: Ledger,
}

impl<'a> Desk<'a> {
    async fn at(cluster: &'a Cluster) -> Self {
        let history = History::open(None, limits()).unwrap();
        Self { cluster, admin: admin(cluster).await, history, ledger: Ledger::default() }
    }

    /// What a statement takes while `done` goes on is written down as that of an hour; returns it.
    async fn hour(&self, hour: i64, words: &str, done: impl Future<Output = ()>) -> Work {
        self.admin.batch_execute("select pg_stat_statements_reset()").await.unwrap();
        done.await;
        let (queryid, work) = taken(&self.admin, words).await;
        let growth = StatementGrowth { place: place(), hour, queryid: Some(queryid), work };
        let text = StatementText { place: place(), queryid, text: words.into() };
        self.history.record(Batch {
            at: hour,
            statements: vec![growth],
            texts: vec![text],
            ..Batch::default()
        });
        work
    }

    /// Looks at the catalog and the history as at this moment.
    async fn look(&mut self, now: i64, today: Option<Today<'_>>) -> Vec<Change> {
        let mut relations = self.ledger.relations("shop");
        relations.insert(("public".into(), "sale_order_line".into()));
        relations.insert(("public".into(), "doc".into()));
        let session = pg::connect(&server(self.cluster), "shop").await.unwrap();
        let catalog = database::look(&session, "shop", &relations).await.unwrap();
        let watched = self.ledger.watched("shop", &catalog, now);
        let past = self.history.ask(move |r| Past::read(r, &place(), &watched, now)).unwrap();
        let Place { server, datname } = place();
        let past = past.unwrap();
        let look = Look {
            server: &server,
            datname: &datname,
            now,
            catalog: &catalog,
            today,
            past: Some(&past),
        };
        self.ledger.fold(&look)
    }

    fn line(&self, id: &str) -> &Line {
        self.ledger.lines().find(|line| line.id == id).unwrap()
    }
}

pub(crate) fn suggestion(id: &str, action: &'static str, table: &str, ddl: &str) -> Suggestion {
    Suggestion {
        id: id.into(),
        action,
        reason: "workload",
        index: None,
        after: None,
        confidence: Confidence::Low,
        datname: "shop".into(),
        table: table.into(),
        module: "other".into(),
        ddl: vec![ddl.into()],
        undo: Vec::new(),
        helps: Vec::<Helped>::new(),
        saved_seconds_per_day: 10.0,
        upkeep_seconds_per_day: 1.0,
        hot_updates_ended_per_day: 0.0,
        size_bytes: 1e6,
        build_seconds: 1.0,
        checked_by: "reasoned",
        warnings: vec![],
        explanation: String::new(),
    }
}

fn sum(works: &[Work]) -> f64 {
    let calls: u64 = works.iter().map(|work| work.calls).sum();
    works.iter().map(|work| work.exec_seconds).sum::<f64>() / calls as f64
}

#[tokio::test]
async fn an_applied_suggestion_is_measured_with_its_true_speed_up() {
    let (cluster, shop) = shop(&["hypopg"]).await;
    let mut desk = Desk::at(&cluster).await;
    let zero = 1_800_000_000 / HOUR * HOUR;
    let mut before = Vec::new();
    for hour in 0..4 {
        before.push(desk.hour(zero + hour * HOUR, SELECT, work(&shop, 40)).await);
    }
    work(&shop, 200).await;
    let bounds = Bounds {
        budget_bytes: 1 << 30,
        max: 20,
        planning: Duration::from_secs(30),
        allowed: Allowed::default(),
        unused_days: 31,
    };
    let server = server(&cluster);
    let advised = advise_on(&server, &Erp::new(Vec::new()), "shop", &bounds, None).await.unwrap();
    let advice = advised.advice;
    assert_eq!(advice.suggestions.len(), 1, "{:?}", advice.suggestions);
    let id = advice.suggestions[0].id.clone();
    let today = Today {
        suggestions: &advice.suggestions,
        definitions: &advice.definitions,
        is_complete: true,
    };
    let changes = desk.look(zero + 4 * HOUR, Some(today)).await;
    assert_eq!((changes.len(), desk.line(&id).state), (1, Stage::Suggested));

    // As it is suggested, but under a name of one's own.
    let ddl = desk.line(&id).ddl[0].replace("sale_order_line_order_id", "\"Anna's\"");
    let ddl =
        ddl.replace("\"Anna's\"_incl_idx", "\"Anna's\"").replace("\"Anna's\"_idx", "\"Anna's\"");
    shop.batch_execute(&ddl).await.unwrap();
    desk.look(zero + 4 * HOUR + 600, None).await;
    assert_eq!(desk.line(&id).state, Stage::Applied, "{ddl}");
    assert_eq!(desk.line(&id).applied_as.as_deref(), Some("public.\"Anna's\""));
    shop.batch_execute("vacuum sale_order_line").await.unwrap();

    let mut after = Vec::new();
    for hour in 5..9 {
        after.push(desk.hour(zero + hour * HOUR, SELECT, work(&shop, 400)).await);
    }
    desk.look(zero + 10 * HOUR, None).await;
    let line = desk.line(&id);
    assert_eq!(line.state, Stage::Measured);
    let measured = &line.measured.as_ref().unwrap().helped;
    let truth = sum(&before) / sum(&after);
    println!("true {truth:.1}, measured {:.1}, p {:.6}", measured.speedup, measured.p_value);
    assert!((measured.speedup / truth - 1.0).abs() < 0.2, "{truth} {measured:?}");
    assert!(truth > 2.0 && measured.p_value < 0.01, "{truth} {measured:?}");
    assert_eq!((measured.calls_before, measured.calls_after), (160, 1_600));
}

#[tokio::test]
async fn an_index_that_makes_it_worse_regresses_and_is_to_be_dropped() {
    let (cluster, shop) = shop(&[]).await;
    shop.batch_execute(
        "create table doc (id int primary key, part int, tags int[]) with (fillfactor = 40);
         insert into doc select i, i % 20, array(select (i * 31 + t * 17) % 5000 from generate_series(1, 40) t)
         from generate_series(1, 2000) i;
         create index on doc (part);",
    )
    .await
    .unwrap();
    shop.batch_execute("vacuum analyze doc").await.unwrap();
    let mut desk = Desk::at(&cluster).await;
    let zero = 1_800_000_000 / HOUR * HOUR;
    let update = "update doc set tags = array(select unnest(tags) + $1) where part = $2";
    let write = async || {
        for n in 0..25_i32 {
            shop.execute(update, &[&(n % 3 - 1), &(n % 20)]).await.unwrap();
        }
    };
    for hour in 0..4 {
        desk.hour(zero + hour * HOUR, update, write()).await;
    }
    // The advisor was wrong: nothing asks for it.
    let ddl = "create index concurrently doc_tags_gin on public.doc using gin (tags)";
    let suggestion = Suggestion {
        undo: vec!["drop index concurrently public.doc_tags_gin".into()],
        ..suggestion("create-1", "create", "public.doc", ddl)
    };
    let gin = Definition { method: Method::Gin, ..Definition::btree(0, vec![Key::column("tags")]) };
    let definitions = BTreeMap::from([("create-1".to_owned(), gin)]);
    let today = Today { suggestions: &[suggestion], definitions: &definitions, is_complete: true };
    desk.look(zero + 4 * HOUR, Some(today)).await;
    shop.batch_execute("create index mine on doc using gin (tags) with (fastupdate = off)")
        .await
        .unwrap();
    desk.look(zero + 4 * HOUR + 600, None).await;
    assert_eq!(desk.line("create-1").state, Stage::Applied);
    for hour in 5..9 {
        desk.hour(zero + hour * HOUR, update, write()).await;
    }
    // The history has looked at the index for one hour, and then for all of them, and nothing has used it.
    let looked = |n: i64| Batch {
        at: zero + n * HOUR,
        covered: vec![Covered {
            place: place(),
            hour: zero + n * HOUR,
            kind: Kind::Usage,
            seconds: 3_600.0,
            resets: 0,
        }],
        indexes: vec![IndexGrowth {
            place: place(),
            hour: zero + n * HOUR,
            schema: "public".into(),
            table: "doc".into(),
            index: "mine".into(),
            growth: IndexUse::default(),
            bytes: 0,
        }],
        ..Batch::default()
    };
    desk.history.record(looked(8));
    desk.look(zero + 10 * HOUR, None).await;
    assert_eq!(desk.line("create-1").state, Stage::Applied, "nobody knows of the other hours");
    (5..8).for_each(|n| desk.history.record(looked(n)));
    let changes = desk.look(zero + 10 * HOUR, None).await;
    assert_eq!(desk.line("create-1").state, Stage::Regressed, "{changes:?}");
    println!("{}", desk.line("create-1").reason.as_deref().unwrap());
    let undo = desk.line("undo-create-1").clone();
    assert_eq!(undo.state, Stage::Suggested);
    // What is suggested can be run, and is seen.
    shop.batch_execute(&undo.ddl[0]).await.unwrap();
    desk.look(zero + 11 * HOUR, None).await;
    assert_eq!(desk.line("undo-create-1").state, Stage::Applied);
    assert_eq!(desk.line("create-1").state, Stage::Gone);
    desk.look(zero + 12 * HOUR, Some(today)).await;
    assert_eq!(desk.line("create-1").state, Stage::Gone, "once bitten");
}

#[tokio::test]
async fn a_drop_that_made_something_slower_regresses_and_its_undo_can_be_run() {
    let (cluster, shop) = shop(&[]).await;
    shop.batch_execute("create index \"By order\" on sale_order_line (order_id)").await.unwrap();
    shop.batch_execute("vacuum analyze sale_order_line").await.unwrap();
    let mut desk = Desk::at(&cluster).await;
    let zero = 1_800_000_000 / HOUR * HOUR;
    for hour in 0..4 {
        desk.hour(zero + hour * HOUR, SELECT, work(&shop, 25)).await;
    }
    // The advisor was wrong: it is asked for.
    let drop = "drop index concurrently public.\"By order\"";
    let definition = "select pg_get_indexdef('\"By order\"'::regclass)";
    let definition: String = shop.query_one(definition, &[]).await.unwrap().get(0);
    let suggestion = Suggestion {
        reason: "unused",
        undo: vec![definition.replace("CREATE INDEX", "create index concurrently")],
        ..suggestion("drop-1", "drop", "public.sale_order_line", drop)
    };
    let definitions = BTreeMap::new();
    let today = Today { suggestions: &[suggestion], definitions: &definitions, is_complete: true };
    desk.look(zero + 4 * HOUR, Some(today)).await;
    shop.batch_execute(drop).await.unwrap();
    desk.look(zero + 4 * HOUR + 600, None).await;
    assert_eq!(desk.line("drop-1").state, Stage::Applied);
    for hour in 5..9 {
        desk.hour(zero + hour * HOUR, SELECT, work(&shop, 25)).await;
    }
    let changes = desk.look(zero + 10 * HOUR, None).await;
    assert_eq!(desk.line("drop-1").state, Stage::Regressed, "{changes:#?}");
    println!("{}", desk.line("drop-1").reason.as_deref().unwrap());
    let undo = desk.line("undo-drop-1").clone();
    assert_eq!((undo.state, undo.action.as_str()), (Stage::Suggested, "create"));
    shop.batch_execute(&undo.ddl[0]).await.unwrap();
    desk.look(zero + 11 * HOUR, None).await;
    assert_eq!(desk.line("drop-1").state, Stage::Gone);
    let undo = desk.line("undo-drop-1");
    assert_eq!(undo.state, Stage::Applied);
    assert_eq!(undo.applied_as.as_deref(), Some("public.\"By order\""));
}

#[test]
fn a_file_of_before_causes_were_kept_is_read_and_the_same_file_keeps_them() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("history.db");
    let write = |payload: &dyn Fn(&mut Value)| {
        let drop = suggestion("drop-1", "drop", "public.doc", "drop index public.doc_part");
        let drop = Suggestion { reason: "covered", after: Some("create-2".into()), ..drop };
        let mut row = Line::of(&"erp".into(), &drop, None, now()).to_row().unwrap();
        let mut json: Value = serde_json::from_str(&row.payload).unwrap();
        payload(&mut json);
        row.payload = json.to_string();
        let history = History::open(Some(&path), limits()).unwrap();
        history.record(Batch { at: now(), suggestions: vec![row], ..Batch::default() });
        history.stop();
    };
    let read = || -> Value { serde_json::from_str(&told(&path, &["--format", "json"])).unwrap() };
    write(&|json| {
        for key in ["cause", "confidence", "after"] {
            json.as_object_mut().unwrap().remove(key).unwrap();
        }
    });
    assert_eq!((&read()[0]["id"], &read()[0]["cause"]), (&"drop-1".into(), &Value::Null));
    assert!(told(&path, &[]).contains("drop-1"));
    write(&|_| {});
    let line = read()[0].clone();
    let kept = (&line["cause"], &line["confidence"], &line["after"]);
    assert_eq!(kept, (&"covered".into(), &"low".into(), &"create-2".into()));
    assert!(told(&path, &[]).contains("not before create-2 is carried out"));
    assert!(told(&path, &["--format", "markdown"]).contains("why: covered, confidence: low"));
}

/// An agent whose advisor runs whenever it can.
fn advising(cluster: &Cluster, path: &Path) -> Config {
    let mut config = config(vec![server(cluster)]);
    config.history.path = Some(path.into());
    config.history.write_interval = Duration::from_secs(1);
    config.advisor.first_after = Duration::from_secs(1);
    config.advisor.interval = Duration::from_secs(2);
    config.advisor.look_interval = Duration::from_secs(1);
    config.advisor.hours = Hours::ALWAYS;
    config.advisor.datnames = vec!["shop".into()];
    config
}

async fn suggestions(rig: &Rig, query: &str) -> Vec<Value> {
    let (status, text) = rig.get(&format!("/api/v1/suggestions{query}")).await;
    assert_eq!(status, 200, "{text}");
    let page: Value = serde_json::from_str(&text).unwrap();
    page["suggestions"].as_array().unwrap().clone()
}

/// Waits until there is a suggestion in this state.
async fn until(rig: &Rig, state: &str) -> Value {
    for _ in 0..1_200 {
        if let Some(line) = suggestions(rig, &format!("?state={state}")).await.into_iter().next() {
            return line;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("not within a minute: {state}\n{:#}", Value::from(suggestions(rig, "").await));
}

/// As `erpscope advise --history` tells it.
fn told(path: &Path, args: &[&str]) -> String {
    let file = tempfile::NamedTempFile::new().unwrap();
    let text = format!("[history]\npath = {path:?}\n[[server]]\nname = 'erp'\n");
    std::fs::write(file.path(), text).unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_erpscope"))
        .args(["advise", "--history", "--config"])
        .arg(file.path())
        .args(args)
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

fn now() -> i64 {
    unix(SystemTime::now())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_agent_suggests_sees_what_was_made_and_remembers_it() {
    let (cluster, shop) = shop(&["hypopg"]).await;
    work(&shop, 300).await;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("history.db");
    let rig = Rig::start(advising(&cluster, &path));
    let line = until(&rig, "suggested").await;
    let id = line["id"].as_str().unwrap().to_owned();
    let ddl = line["ddl"][0].as_str().unwrap().to_owned();
    assert_eq!((&line["datname"], &line["server"]), (&"shop".into(), &"erp".into()));
    assert!(line["estimated_speedup"].as_f64().unwrap() > 2.0, "{line}");
    let metrics = rig.metrics().await;
    let series = |state: &str| {
        format!(
            r#"erpscope_index_suggestions{{server="erp",datname="shop",action="create",state="{state}"}}"#
        )
    };
    assert_eq!(value(&metrics, &series("suggested")), Some(1.0));
    let of = |name: &str| {
        let series = format!(r#"{name}{{server="erp",datname="shop",id="{id}"}}"#);
        value(&metrics, &series)
    };
    assert!(of("erpscope_index_suggestion_saved_seconds_per_day") > Some(0.0));
    assert!(of("erpscope_index_suggestion_size_bytes") > Some(1e6));
    assert_eq!(of("erpscope_index_suggestion_measured_speedup_ratio"), None);
    let runs = |result: &str| {
        format!(r#"erpscope_advisor_runs_total{{server="erp",datname="shop",result="{result}"}}"#)
    };
    assert!(value(&metrics, &runs("ok")) >= Some(1.0));
    let understood = r#"erpscope_advisor_understood_ratio{server="erp",datname="shop"}"#;
    assert!(value(&metrics, understood) > Some(0.5), "{metrics}");
    assert!(
        metrics.contains(&format!(r#"id="{id}",action="create",table="public.sale_order_line""#))
    );
    let (status, page) = rig.get("/").await;
    assert!(status == 200 && page.contains("Suggested indexes") && page.contains(&ddl), "{page}");
    let (status, refused) = rig.get("/api/v1/suggestions?state=done").await;
    assert!(status == 400 && refused.contains("regressed"), "{refused}");

    shop.batch_execute(&ddl.replace("sale_order_line_order_id", "of_anna")).await.unwrap();
    let line = until(&rig, "applied").await;
    assert_eq!(line["id"].as_str(), Some(id.as_str()));
    assert!(line["applied_as"].as_str().unwrap().starts_with("public.of_anna"), "{line}");
    assert_eq!(suggestions(&rig, "?state=suggested").await.len(), 0);
    let (_, events) = rig.get("/api/v1/events?kind=suggestion").await;
    let events: Value = serde_json::from_str(&events).unwrap();
    let told_states: Vec<&str> =
        events["events"].as_array().unwrap().iter().map(|e| e["state"].as_str().unwrap()).collect();
    assert_eq!(told_states, ["suggested", "applied"]);
    rig.server().unwrap();
    let own = r#"erpscope_own_database_seconds_total{server="erp",sampler="advisor"}"#;
    rig.until("the run's cost", |server| {
        server.samplers.records.contains_key(&erpscope::sample::Sampler::Advisor)
    })
    .await;
    assert!(value(&rig.metrics().await, own) > Some(0.0));
    rig.agent.stop().await;
    let table = told(&path, &[]);
    assert!(table.contains(&id) && table.contains("applied"), "{table}");
    assert!(told(&path, &["--datname", "other"]).contains("nothing was suggested yet"));

    // Five hours pass: what was written down is moved into the past, and hours are put around it.
    age(&path, &shop, &admin(&cluster).await).await;
    let rig = Rig::start(advising(&cluster, &path));
    let line = until(&rig, "measured").await;
    assert_eq!(line["id"].as_str(), Some(id.as_str()));
    let speedup = line["measured"]["speedup"].as_f64().unwrap();
    assert!((speedup - 8.0).abs() < 0.01, "{line}");
    let series = format!(
        r#"erpscope_index_suggestion_measured_speedup_ratio{{server="erp",datname="shop",id="{id}"}}"#
    );
    let metrics = rig.metrics().await;
    assert!((value(&metrics, &series).unwrap() - 8.0).abs() < 0.01, "{metrics}");
    rig.agent.stop().await;
    let told: Value = serde_json::from_str(&told(&path, &["--format", "json"])).unwrap();
    assert_eq!(
        (&told[0]["state"], &told[0]["measured"]["calls_before"]),
        (&"measured".into(), &400.into())
    );
}

/// Makes the applied line of the file five hours old, with four hours of 8 ms a call before and
/// four of 1 ms after.
async fn age(path: &Path, shop: &Client, admin: &Client) {
    work(shop, 1).await;
    let (queryid, _) = taken(admin, SELECT).await;
    let history = History::open(Some(path), limits()).unwrap();
    let rows = history.ask(|reader| reader.suggestions().unwrap()).unwrap();
    let mut line = Line::from_row(&rows[0]).unwrap();
    let applied = hour_of(now()) - 5 * HOUR + 60;
    (line.applied_at, line.not_applied_at) = (Some(applied), Some(applied - 1));
    let hours = (-4..0).map(|n| (n, 0.8)).chain((1..5).map(|n| (n, 0.1)));
    let statements = hours.map(|(n, exec_seconds)| StatementGrowth {
        place: place(),
        hour: hour_of(applied) + n * HOUR,
        queryid: Some(queryid),
        work: Work { calls: 100, exec_seconds, ..Work::default() },
    });
    history.record(Batch {
        at: now(),
        statements: statements.collect(),
        suggestions: vec![line.to_row().unwrap()],
        ..Batch::default()
    });
    history.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_advisor_lacks_is_said_and_leaves_the_agent_ready() {
    let (cluster, shop) = shop(&[]).await;
    admin(&cluster).await.batch_execute("revoke pg_read_all_data from erpscope").await.unwrap();
    work(&shop, 50).await;
    let folder = tempfile::tempdir().unwrap();
    let mut config = advising(&cluster, &folder.path().join("history.db"));
    config.advisor.datnames = vec!["shop".into(), "nowhere".into()];
    let rig = Rig::start(config);
    let server =
        rig.until("both databases", |server| server.suggestions.databases.len() == 2).await;
    let nowhere: Arc<str> = "nowhere".into();
    assert_eq!(server.suggestions.databases[&nowhere].failures["connect"], 1);
    let (status, ready) = rig.get("/readyz").await;
    assert_eq!(status, 200, "{ready}");
    let ready: Value = serde_json::from_str(&ready).unwrap();
    let advisor = &ready["servers"]["erp"]["advisor"];
    assert!(advisor["shop"][0].as_str().unwrap().contains("HypoPG is not installed"), "{ready}");
    assert!(advisor["nowhere"][0].as_str().unwrap().contains("nowhere"), "{ready}");
    rig.until("sampling goes on", |server| {
        server.samplers.records.contains_key(&erpscope::sample::Sampler::Advisor)
    })
    .await;
    rig.samples(2).await;
    rig.agent.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_suggested_for_a_database_that_is_dropped_is_gone_and_looking_goes_on() {
    let (cluster, shop) = shop(&["hypopg"]).await;
    work(&shop, 300).await;
    let folder = tempfile::tempdir().unwrap();
    let mut config = advising(&cluster, &folder.path().join("history.db"));
    config.advisor.interval = Duration::from_secs(12);
    let rig = Rig::start(config);
    let line = until(&rig, "suggested").await;
    drop(shop);
    let admin = admin(&cluster).await;
    admin.batch_execute("drop database shop with (force)").await.unwrap();
    let gone = until(&rig, "gone").await;
    assert_eq!(gone["id"], line["id"]);
    assert_eq!(gone["reason"], "the database is not there any more", "{gone}");
    rig.until("a look that did not fail", |server| {
        let looks = server.samplers.records.get(&erpscope::sample::Sampler::Ledger);
        looks.is_some_and(|looks| looks.failure.is_none())
    })
    .await;
    rig.agent.stop().await;
}
