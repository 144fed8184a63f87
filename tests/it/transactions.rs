//! Known transactions on a real server, and what the agent tells of them. The truth is what the
//! clients' clocks say: from `begin` to the end, and idle from an answer to the next statement.

use std::time::Duration;

use erpscope::demo::cluster::{Cluster, Options};
use erpscope::sample::normalise;
use futures_util::future::{BoxFuture, FutureExt, join_all};
use serde_json::Value;

use crate::clients::{
    Client, Looks, ODOO, Ran, events, seconds, started, until_sampling, until_settled, word,
};
use crate::rig::{Rig, admin, cluster, config, server, sum};

/// A transaction of this length must be told, in seconds.
const MUST_BE_TOLD: f64 = 1.2;
/// One of this length must not.
const MUST_NOT_BE_TOLD: f64 = 0.8;
/// How wrong a length may be.
const TOLERANCE: f64 = 0.15;
/// How wrong the share of idle time may be.
const SHARE: f64 = 0.1;

/// What users have typed as values; it must be nowhere.
const SECRETS: [&str; 5] = ["Geheim", "98765432", "Vertraulich", "Privat", "Diskret"];

/// What a client does in a transaction.
enum Step {
    Run(String),
    /// A statement that fails.
    Fail(&'static str),
    /// A statement with a bind value.
    Bind(&'static str, &'static str),
    /// Nothing, for so many milliseconds.
    Pause(u64),
}

use Step::{Bind, Fail, Pause};

fn run(sql: impl Into<String>) -> Step {
    Step::Run(sql.into())
}

/// A transaction that is over.
struct Done {
    what: &'static str,
    pid: i32,
    application: &'static str,
    /// All its statements, `begin` and `commit` too.
    statements: Vec<(String, Ran)>,
    /// The module of what took most of its time.
    module: &'static str,
}

impl Done {
    fn first(&self) -> Ran {
        self.statements[0].1
    }

    fn last(&self) -> Ran {
        self.statements[self.statements.len() - 1].1
    }

    /// It took at least and at most so many seconds.
    fn length(&self) -> (f64, f64) {
        let (first, last) = (self.first(), self.last());
        let least = if self.statements.len() == 1 {
            // Of a single statement, only the whole is known.
            first.seconds()
        } else {
            seconds(first.answered, last.sent)
        };
        (least, seconds(first.sent, last.answered))
    }

    fn idle(&self) -> f64 {
        self.statements.windows(2).map(|pair| seconds(pair[0].1.answered, pair[1].1.sent)).sum()
    }
}

/// Plays a transaction; the first and the last step begin and end it.
async fn play(client: &Client, what: &'static str, module: &'static str, steps: Vec<Step>) -> Done {
    let mut statements = Vec::new();
    for step in steps {
        match step {
            Step::Run(sql) => {
                let ran = client.run(&sql).await;
                statements.push((sql, ran));
            }
            Fail(sql) => {
                let (ran, answer) = client.try_run(sql).await;
                assert!(answer.is_err(), "{sql}");
                statements.push((sql.to_owned(), ran));
            }
            Bind(sql, value) => {
                let ran = client.run_with(sql, value).await;
                statements.push((sql.to_owned(), ran));
            }
            Pause(ms) => tokio::time::sleep(Duration::from_millis(ms)).await,
        }
    }
    let application = word(client.application_name);
    Done { what, pid: client.pid, application, statements, module }
}

fn update(id: usize) -> String {
    format!("update stock_quant set n = 98765432 where id = {id}")
}

/// Each transaction with who does it; those of one inner list follow each other in one session.
fn stories() -> Vec<(&'static str, Vec<(&'static str, &'static str, Vec<Step>)>)> {
    let begin = || run("begin");
    let commit = || run("commit");
    let sleep = |seconds: &str| run(format!("select pg_sleep({seconds})"));
    let of_sales = "select count(*), pg_sleep(2.2) from sale_order where name <> 'Geheim'";
    let mut in_small_steps = vec![begin()];
    for _ in 0..120 {
        in_small_steps.extend([run("select 1 from stock_quant where id = 98765432"), Pause(35)]);
    }
    in_small_steps.push(commit());
    let mut quick = Vec::new();
    for ms in [300, 500, 700, 750, 600, 650] {
        quick.push((
            "quick",
            "other",
            vec![
                begin(),
                Pause(ms / 2),
                run(format!("select pg_sleep({})", ms as f64 / 2e3)),
                commit(),
            ],
        ));
    }
    vec![
        (
            "odoo-1",
            vec![(
                "statements with gaps",
                "inventory",
                vec![
                    begin(),
                    run(update(1)),
                    Pause(250),
                    run("select pg_sleep(0.4), 'Vertraulich' from stock_quant where id = 1"),
                    Pause(350),
                    sleep("0.3"),
                    Pause(200),
                    run(update(2)),
                    commit(),
                ],
            )],
        ),
        (
            "Metabase v0.50",
            vec![("one long statement", "sales", vec![begin(), run(of_sales), commit()])],
        ),
        (
            "psql",
            vec![(
                "mostly idle",
                "inventory",
                vec![begin(), run(update(3)), Pause(3_000), commit()],
            )],
        ),
        (
            "odoo-2",
            vec![(
                "savepoints",
                "accounting",
                vec![
                    run("begin isolation level repeatable read"),
                    run("savepoint \"b6f1\""),
                    run("insert into account_move (name) values (E'Privat')"),
                    Pause(300),
                    run("rollback to savepoint \"b6f1\""),
                    run(
                        "select pg_sleep(0.6) from (select count(*) from account_move where name = $$Diskret$$) a",
                    ),
                    run("release savepoint \"b6f1\""),
                    Pause(500),
                    commit(),
                ],
            )],
        ),
        (
            "odoo-3",
            vec![(
                "aborted",
                "inventory",
                vec![
                    begin(),
                    run(update(4)),
                    Fail("select 'Geheim'::int from stock_quant"),
                    Pause(1_500),
                    run("rollback"),
                ],
            )],
        ),
        (
            "Metabase v0.50",
            vec![(
                "a read-only statement alone",
                "accounting",
                vec![run(
                    "select pg_sleep(1.6) from (select count(*) from account_move where name = 'Geheim') a",
                )],
            )],
        ),
        (
            "psql",
            vec![(
                "two statements in one text",
                "accounting",
                vec![run(
                    "select pg_sleep(0.8) from (select count(*) from account_move) a; select pg_sleep(0.9), 'Diskret'",
                )],
            )],
        ),
        (
            "odoo-4",
            vec![("just long enough", "other", vec![begin(), Pause(600), sleep("0.65"), commit()])],
        ),
        ("odoo-5", vec![("in small steps", "inventory", in_small_steps)]),
        (
            "odoo-6",
            vec![(
                "with bind values",
                "sales",
                vec![
                    begin(),
                    run("set local work_mem = '98765kB'"),
                    Bind("update sale_order set name = $1 where id = 1", "Vertraulich"),
                    Pause(700),
                    Bind(
                        "select pg_sleep(0.8) from (select count(*) from sale_order where name = $1) a",
                        "Geheim",
                    ),
                    commit(),
                ],
            )],
        ),
        (
            "pgAdmin 4 - CONN:7",
            vec![("long", "other", vec![begin(), sleep("4.5"), Pause(5_500), commit()])],
        ),
        ("odoo-8", quick),
        (
            "odoo-10",
            vec![
                (
                    "a text of two statements",
                    "sales",
                    vec![
                        begin(),
                        run(
                            "select 1 from sale_order; select pg_sleep(1.1), 'Diskret' from stock_quant where id = 1",
                        ),
                        Pause(150),
                        commit(),
                    ],
                ),
                (
                    "the second of them alone",
                    "inventory",
                    vec![
                        begin(),
                        run("select pg_sleep(1.3), 'Diskret' from stock_quant where id = 1"),
                        commit(),
                    ],
                ),
            ],
        ),
        (
            "odoo-9",
            vec![
                (
                    "slow, then another at once",
                    "inventory",
                    vec![begin(), run(update(9)), Pause(1_400), commit()],
                ),
                ("at once after another", "sales", vec![begin(), run(of_sales), commit()]),
            ],
        ),
    ]
}

async fn play_all(cluster: &Cluster) -> Vec<Done> {
    let sessions = stories().into_iter().map(|(name, stories)| async move {
        let client = Client::connect(cluster, name).await;
        let mut done = Vec::new();
        for (what, module, steps) in stories {
            done.push(play(&client, what, module, steps).await);
        }
        done
    });
    join_all(sessions).await.into_iter().flatten().collect()
}

fn told_of<'a>(done: &Done, events: &'a [Value]) -> Vec<&'a Value> {
    let margin = Duration::from_millis(50);
    let began = done.first().sent - margin..done.first().answered + margin;
    events.iter().filter(|e| e["pid"] == done.pid && began.contains(&started(e))).collect()
}

fn number(event: &Value, key: &str) -> f64 {
    event[key].as_f64().unwrap_or_else(|| panic!("{key} in {event:#}"))
}

/// What is wrong with what was told of a transaction; `late` seconds came the agent late at worst.
fn faults(done: &Done, told: &Value, late: f64) -> Vec<String> {
    let mut faults = Vec::new();
    let (least, most) = done.length();
    let length = number(told, "seconds");
    if length < least - TOLERANCE - late || length > most + TOLERANCE + late {
        faults.push(format!("{length:.3} s told of {least:.3} to {most:.3} s"));
    }
    let (share, truth) = (number(told, "idle_seconds") / length, done.idle() / most);
    if (share - truth).abs() > SHARE + late / most {
        faults.push(format!("idle for {share:.2} of its time, in truth for {truth:.2}"));
    }
    for (key, truth) in [("application", done.application), ("module", done.module)] {
        if told[key] != truth {
            faults.push(format!("{key} {}, in truth {truth}", told[key]));
        }
    }
    let parts = told["statements"].as_array().unwrap();
    for (sql, ran) in &done.statements {
        let text = normalise(sql, 1_000);
        let part = parts.iter().find(|part| part["query"] == text.as_str());
        let listed = part.map_or(0.0, |part| number(part, "seconds"));
        if ran.seconds() > 0.2 + late && (listed - ran.seconds()).abs() > TOLERANCE + late {
            faults.push(format!("{listed:.3} of {:.3} s told of `{text}`", ran.seconds()));
        }
    }
    let parts: f64 = parts.iter().map(|part| number(part, "seconds")).sum();
    let parts = parts + number(told, "other_statements_seconds") + number(told, "idle_seconds");
    if (parts - length).abs() > TOLERANCE + late {
        faults.push(format!("{parts:.3} of its {length:.3} s are accounted for"));
    }
    faults.iter().map(|fault| format!("{}: {fault}; late {late:.3}", done.what)).collect()
}

const TABLES: &str = "create table sale_order (id int, name text); insert into sale_order values (1, 'x'); \
    create table account_move (name text)";

async fn watched() -> (Cluster, Rig) {
    let cluster = cluster(&Options::default()).await;
    let client = admin(&cluster).await;
    client.batch_execute(ODOO).await.unwrap();
    client.batch_execute(TABLES).await.unwrap();
    let rig = Rig::start(config(vec![server(&cluster)]));
    until_sampling(&rig).await;
    (cluster, rig)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_slow_transaction_is_told_and_no_quick_one() {
    let (cluster, rig) = watched().await;
    let looks = Looks::watch(&rig);
    let all = play_all(&cluster).await;
    until_settled(&rig).await;
    let told = events(&rig, "slow_transaction").await;
    let (mut wrong, mut errors) = (Vec::new(), Vec::new());
    for done in &all {
        let late = looks.late(done.first().sent, done.last().answered + Duration::from_millis(200));
        let (least, most) = done.length();
        match told_of(done, &told)[..] {
            [] if least >= MUST_BE_TOLD => wrong.push(format!("{} was not told", done.what)),
            [] => {}
            [_] if most < MUST_NOT_BE_TOLD - late => wrong.push(format!("{} was told", done.what)),
            [one] => {
                errors.push((number(one, "seconds") - least.midpoint(most)).abs());
                wrong.extend(faults(done, one, late));
            }
            _ => wrong.push(format!("{} was told more than once", done.what)),
        }
    }
    println!(
        "{} transactions, {} events, mean error {:.0} ms",
        all.len(),
        told.len(),
        errors.iter().sum::<f64>() / errors.len() as f64 * 1e3
    );
    let known = |event: &&Value| {
        all.iter().any(|done| !told_of(done, std::slice::from_ref(*event)).is_empty())
    };
    if let Some(stranger) = told.iter().find(|event| !known(event)) {
        wrong.push(format!("told of what nobody did: {stranger:#}"));
    }
    let metrics = rig.metrics().await;
    for name in ["erpscope_slow_transactions_total", "erpscope_slow_transaction_seconds_count"] {
        assert_eq!(sum(&metrics, name, ""), told.len() as f64, "{name}");
    }
    for path in [
        "/metrics",
        "/api/v1/events",
        "/api/v1/transactions",
        "/api/v1/locks",
        "/api/v1/statements",
        "/",
    ] {
        let (_, text) = rig.get(path).await;
        let leaked: Vec<&&str> = SECRETS.iter().filter(|secret| text.contains(**secret)).collect();
        assert!(leaked.is_empty(), "{leaked:?} at {path}");
    }
    let states: Vec<&str> = told.iter().map(|event| event["state"].as_str().unwrap()).collect();
    assert!(states.contains(&"idle in transaction (aborted)"), "{states:?}");
    assert!(wrong.is_empty(), "{} faults:\n{}", wrong.len(), wrong.join("\n"));
    rig.agent.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_root_answers_for_its_victims_and_its_next_transaction_does_not() {
    let (cluster, rig) = watched().await;
    let looks = Looks::watch(&rig);
    let root = Client::connect(&cluster, "Metabase v0.50").await;
    let victims =
        [Client::connect(&cluster, "odoo-1").await, Client::connect(&cluster, "psql").await];
    // Several times: the next transaction begins at any moment between two samples.
    let mut turns = Vec::new();
    for turn in 0..4 {
        root.run(&format!("begin; {}", update(1))).await;
        let blocked = victims
            .each_ref()
            .map(|victim| victim.run("update stock_quant set n = 5 where id = 1"));
        let blocker = async {
            tokio::time::sleep(Duration::from_millis(1_150 + 30 * turn)).await;
            let committed = root.run("commit").await;
            root.run(&format!("begin; {}", update(2))).await;
            tokio::time::sleep(Duration::from_millis(1_250)).await;
            root.run("commit").await;
            committed
        };
        let mut waits: Vec<BoxFuture<'_, Ran>> =
            blocked.into_iter().map(FutureExt::boxed).collect();
        waits.push(blocker.boxed());
        turns.push(join_all(waits).await);
    }
    until_settled(&rig).await;
    let told = events(&rig, "slow_transaction").await;
    let of_root: Vec<&Value> = told.iter().filter(|event| event["pid"] == root.pid).collect();
    assert_eq!(of_root.len(), 8, "{told:#?}");
    for (turn, pair) in turns.iter().zip(of_root.chunks(2)) {
        let (first, second) = (pair[0], pair[1]);
        let late = looks.late(turn[0].sent, turn[2].answered + Duration::from_millis(200));
        let truth = turn[0].seconds() + turn[1].seconds();
        let blamed = number(first, "blocked_others_seconds");
        assert!(
            (blamed - truth).abs() < 2.0 * (TOLERANCE + late),
            "{blamed} of {truth} s; late {late}"
        );
        assert_eq!(first["victims"], 2, "{first:#}");
        assert_eq!(second["victims"], 0, "{second:#}");
        for (victim, ran) in victims.iter().zip(turn) {
            let own = told.iter().find(|event| {
                let began = seconds(ran.sent, started(event)).abs();
                event["pid"] == victim.pid && began < TOLERANCE
            });
            let waited = number(own.expect("it waited for over a second"), "waited_seconds");
            assert!(
                (waited - ran.seconds()).abs() < TOLERANCE + late,
                "{waited} of {} s",
                ran.seconds()
            );
        }
    }
    rig.agent.stop().await;
}
