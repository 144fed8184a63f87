//! Transactions that are slow, or are not, for all the reasons there are: played by clients that note
//! when they asked and when they were answered.

use std::time::Duration;

use erpscope::demo::cluster::Cluster;
use futures_util::future::join_all;

use crate::clients::{Client, Ran, seconds, word};

/// What a client does in a transaction.
pub enum Step {
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
pub struct Done {
    pub what: &'static str,
    pub pid: i32,
    pub application: &'static str,
    /// All its statements, `begin` and `commit` too.
    pub statements: Vec<(String, Ran)>,
    /// The module of what took most of its time.
    pub module: &'static str,
}

impl Done {
    pub fn first(&self) -> Ran {
        self.statements[0].1
    }

    pub fn last(&self) -> Ran {
        self.statements[self.statements.len() - 1].1
    }

    /// It took at least and at most so many seconds.
    pub fn length(&self) -> (f64, f64) {
        let (first, last) = (self.first(), self.last());
        // Of a single statement, only the whole is known.
        let is_single = self.statements.len() == 1;
        let begun = if is_single { first.sent } else { first.answered };
        let ending = if is_single { last.answered } else { last.sent };
        (seconds(begun, ending), seconds(first.sent, last.answered))
    }

    /// It was idle for at least and at most so many seconds: on a busy machine a client sees an answer long after the
    /// server gave it, and until a statement arrives the server has nothing to do. Only what sleeps is surely busy.
    pub fn idle(&self) -> (f64, f64) {
        let least =
            self.statements.windows(2).map(|pair| seconds(pair[0].1.answered, pair[1].1.sent));
        let busy: f64 = self.statements.iter().map(|(sql, _)| slept(sql)).sum();
        let least: f64 = least.sum();
        (least, (self.length().1 - busy).max(least))
    }
}

/// For how many seconds a text of SQL sleeps.
fn slept(sql: &str) -> f64 {
    let seconds = |rest: &str| rest.split(')').next().and_then(|s| s.parse::<f64>().ok());
    sql.split("pg_sleep(").skip(1).filter_map(seconds).sum()
}

/// Plays a transaction; the first and the last step begin and end it.
async fn play(client: &Client, story: Story) -> Done {
    let mut statements = Vec::new();
    for step in story.steps {
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
    Done { what: story.what, pid: client.pid, application, statements, module: story.module }
}

pub fn update(id: usize) -> String {
    format!("update stock_quant set n = 98765432 where id = {id}")
}

/// A transaction that is to be played.
struct Story {
    what: &'static str,
    module: &'static str,
    steps: Vec<Step>,
}

fn story(what: &'static str, module: &'static str, steps: Vec<Step>) -> Story {
    Story { what, module, steps }
}

/// The same between `begin` and `commit`.
fn block(what: &'static str, module: &'static str, steps: Vec<Step>) -> Story {
    let steps = std::iter::once(run("begin")).chain(steps).chain([run("commit")]).collect();
    story(what, module, steps)
}

const OF_SALES: &str = "select count(*), pg_sleep(2.2) from sale_order where name <> 'Geheim'";
const OF_STOCK: &str = "select pg_sleep(1.3), 'Diskret' from stock_quant where id = 1";

/// What takes long because of its statements.
fn busy() -> Vec<(&'static str, Vec<Story>)> {
    let of_nobody =
        "select pg_sleep(1.6) from (select count(*) from account_move where name = 'Geheim') a";
    let of_two = "select pg_sleep(0.8) from (select count(*) from account_move) a; select pg_sleep(0.9), 'Diskret'";
    let gaps = vec![
        run(update(1)),
        Pause(250),
        run("select pg_sleep(0.4), 'Vertraulich' from stock_quant where id = 1"),
        Pause(350),
        run("select pg_sleep(0.3)"),
        Pause(200),
        run(update(2)),
    ];
    let bound = vec![
        run("set local work_mem = '98765kB'"),
        Bind("update sale_order set name = $1 where id = 1", "Vertraulich"),
        Pause(700),
        Bind(
            "select pg_sleep(0.8) from (select count(*) from sale_order where name = $1) a",
            "Geheim",
        ),
    ];
    let text_of_two = format!("select 1 from sale_order; {OF_STOCK}");
    let quick = [300, 500, 700, 750, 600, 650].map(|ms| {
        let steps = vec![Pause(ms / 2), run(format!("select pg_sleep({})", ms as f64 / 2e3))];
        block("quick", "other", steps)
    });
    vec![
        ("odoo-1", vec![block("statements with gaps", "inventory", gaps)]),
        ("Metabase v0.50", vec![block("one long statement", "sales", vec![run(OF_SALES)])]),
        ("Metabase v0.50", vec![story("a statement alone", "accounting", vec![run(of_nobody)])]),
        ("psql", vec![story("two statements in one text", "accounting", vec![run(of_two)])]),
        ("odoo-6", vec![block("with bind values", "sales", bound)]),
        ("odoo-8", quick.into()),
        (
            "odoo-10",
            vec![
                block("two in one text", "sales", vec![run(text_of_two), Pause(150)]),
                block("the second of them alone", "inventory", vec![run(OF_STOCK)]),
            ],
        ),
    ]
}

/// What takes long because its client does.
fn idle() -> Vec<(&'static str, Vec<Story>)> {
    let of_note =
        "select pg_sleep(0.6) from (select count(*) from account_move where name = $$Diskret$$) a";
    let savepoints = vec![
        run("begin isolation level repeatable read"),
        run("savepoint \"b6f1\""),
        run("insert into account_move (name) values (E'Privat')"),
        Pause(300),
        run("rollback to savepoint \"b6f1\""),
        run(of_note),
        run("release savepoint \"b6f1\""),
        Pause(500),
        run("commit"),
    ];
    let failed = vec![
        run("begin"),
        run(update(4)),
        Fail("select 'Geheim'::int from stock_quant"),
        Pause(1_500),
        run("rollback"),
    ];
    let small = |_| [run("select 1 from stock_quant where id = 98765432"), Pause(35)];
    let in_small_steps = (0..120).flat_map(small).collect();
    let just = vec![Pause(600), run("select pg_sleep(0.65)")];
    let long = vec![run("select pg_sleep(4.5)"), Pause(5_500)];
    vec![
        ("psql", vec![block("mostly idle", "inventory", vec![run(update(3)), Pause(3_000)])]),
        ("odoo-2", vec![story("savepoints", "accounting", savepoints)]),
        ("odoo-3", vec![story("aborted", "inventory", failed)]),
        ("odoo-4", vec![block("just long enough", "other", just)]),
        ("odoo-5", vec![block("in small steps", "inventory", in_small_steps)]),
        ("pgAdmin 4 - CONN:7", vec![block("long", "other", long)]),
        (
            "odoo-9",
            vec![
                block(
                    "slow, then another at once",
                    "inventory",
                    vec![run(update(9)), Pause(1_400)],
                ),
                block("at once after another", "sales", vec![run(OF_SALES)]),
            ],
        ),
    ]
}

/// Everything, side by side; the transactions of one session follow each other at once.
pub async fn play_all(cluster: &Cluster) -> Vec<Done> {
    let sessions = busy().into_iter().chain(idle()).map(|(name, stories)| async move {
        let client = Client::connect(cluster, name).await;
        let mut done = Vec::new();
        for story in stories {
            done.push(play(&client, story).await);
        }
        done
    });
    join_all(sessions).await.into_iter().flatten().collect()
}
