//! Sessions that make each other wait: pairs, chains, queues. Every one is played by clients that
//! note when they asked, when they were answered, and when they let go.

use std::time::{Duration, SystemTime};

use erpscope::demo::cluster::Cluster;
use futures_util::future::{join, join_all};

use crate::clients::{Client, Ran, word};

/// A statement that has waited.
pub struct Waited {
    pub what: String,
    pub waiter: (i32, &'static str),
    pub ran: Ran,
    /// When the last of its blockers was told to let go.
    pub released: SystemTime,
    pub root: Root,
    /// Modes it can have waited in.
    pub modes: &'static [&'static str],
    pub module: &'static str,
}

/// Who was at the root for the longest part.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Root {
    pub pid: i32,
    pub application: &'static str,
    pub state: &'static str,
}

impl Root {
    fn of(client: &Client, state: &'static str) -> Self {
        Self { pid: client.pid, application: word(client.application_name), state }
    }
}

const IDLE: &str = "idle in transaction";
const ROW: &[&str] = &["ShareLock"];
/// Behind another one for the same row: for its turn, then for the row.
const QUEUED: &[&str] = &["ShareLock", "ExclusiveLock"];

pub fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

/// One holds, one waits; the holder lets go so long after the other has begun to wait.
struct Pair {
    what: &'static str,
    take: String,
    /// What the holder does while it holds, if anything.
    meanwhile: Option<String>,
    release: &'static str,
    want: String,
    length: u64,
    names: (&'static str, &'static str),
    state: &'static str,
    modes: &'static [&'static str],
    module: &'static str,
}

impl Pair {
    async fn play(self, cluster: &Cluster) -> Waited {
        let holder = Client::connect(cluster, self.names.0).await;
        let waiter = Client::connect(cluster, self.names.1).await;
        self.repeat(&holder, &waiter).await
    }

    async fn repeat(&self, holder: &Client, waiter: &Client) -> Waited {
        holder.run(&self.take).await;
        let (ran, released) = join(waiter.run(&self.want), async {
            match &self.meanwhile {
                Some(sql) => _ = holder.run(sql).await,
                None => tokio::time::sleep(ms(self.length)).await,
            }
            holder.run(self.release).await.sent
        })
        .await;
        Waited {
            what: format!("{} of {} ms", self.what, self.length),
            waiter: (waiter.pid, word(waiter.application_name)),
            ran,
            released,
            root: Root::of(holder, self.state),
            modes: self.modes,
            module: self.module,
        }
    }
}

fn row(id: usize, length: u64, names: (&'static str, &'static str)) -> Pair {
    Pair {
        what: "row",
        take: format!("begin; update stock_quant set n = 1 where id = {id}"),
        meanwhile: None,
        release: "rollback",
        want: format!("update stock_quant set n = 2 where id = {id}"),
        length,
        names,
        state: IDLE,
        modes: ROW,
        module: "inventory",
    }
}

fn row_of_an_active_root(id: usize, length: u64, names: (&'static str, &'static str)) -> Pair {
    let sleep = Duration::from_millis(length).as_secs_f64();
    Pair {
        what: "row, active root",
        meanwhile: Some(format!("select pg_sleep({sleep})")),
        release: "commit",
        state: "active",
        ..row(id, length, names)
    }
}

/// Table `sale_order_<id>` must be there.
fn table(id: usize, length: u64, names: (&'static str, &'static str)) -> Pair {
    Pair {
        what: "table",
        take: format!("begin; lock table sale_order_{id}"),
        want: format!("select count(*) from sale_order_{id}"),
        modes: &["AccessShareLock"],
        module: "sales",
        ..row(id, length, names)
    }
}

/// The holder is in no transaction at all.
fn advisory(id: usize, length: u64, names: (&'static str, &'static str)) -> Pair {
    Pair {
        what: "advisory, idle root",
        take: format!("select pg_advisory_lock({id})"),
        want: format!("select pg_advisory_xact_lock({id})"),
        release: "select pg_advisory_unlock_all()",
        state: "idle",
        modes: &["ExclusiveLock"],
        module: "other",
        ..row(id, length, names)
    }
}

const NAMES: [&str; 6] = [
    "odoo-1",
    "psql",
    "Metabase v0.50",
    "odoo-4711",
    "pgAdmin 4 - CONN:7",
    "PostgreSQL JDBC Driver",
];

fn names(index: usize) -> (&'static str, &'static str) {
    (NAMES[index % NAMES.len()], NAMES[(index * 5 + 1) % NAMES.len()])
}

/// How long the single waits are, in milliseconds.
const ROWS: [u64; 22] = [
    50, 60, 80, 90, 100, 120, 150, 180, 200, 230, 250, 260, 300, 400, 500, 700, 1_000, 2_000,
    5_000, 8_000, 12_000, 20_000,
];
const TABLES: [u64; 6] = [80, 160, 300, 900, 2_500, 6_000];
const ADVISORY: [u64; 6] = [70, 140, 270, 450, 1_500, 7_000];
const ACTIVE: [u64; 5] = [130, 280, 350, 1_200, 4_000];

/// Every kind of single wait, side by side.
async fn pairs(cluster: &Cluster) -> Vec<Waited> {
    let all = ROWS
        .iter()
        .map(|length| (row as fn(_, _, _) -> Pair, *length))
        .chain(TABLES.iter().map(|length| (table as fn(_, _, _) -> Pair, *length)))
        .chain(ADVISORY.iter().map(|length| (advisory as fn(_, _, _) -> Pair, *length)))
        .chain(ACTIVE.iter().map(|length| (row_of_an_active_root as fn(_, _, _) -> Pair, *length)));
    let played = all.enumerate().map(|(index, (make, length))| async move {
        // Not all at the same moment of the agent's interval.
        tokio::time::sleep(ms(37 * index as u64)).await;
        make(100 + index, length, names(index)).play(cluster).await
    });
    join_all(played).await
}

/// The same two sessions, again and again: waits of 100 to 250 ms.
async fn short_ones(cluster: &Cluster, lane: usize) -> Vec<Waited> {
    let (holder, waiter) =
        (Client::connect(cluster, "odoo-7").await, Client::connect(cluster, "psql").await);
    let mut all = Vec::new();
    for turn in 0..10_u64 {
        let length = 100 + (turn * 47 + lane as u64 * 13) % 150;
        all.push(row(200 + lane, length, ("", "")).repeat(&holder, &waiter).await);
        tokio::time::sleep(ms(480 + lane as u64 * 11)).await;
    }
    all
}

/// Each holds its own row and waits for that of the one before it.
async fn chain(cluster: &Cluster, first: usize, depth: usize, length: u64) -> Vec<Waited> {
    let sessions = (0..=depth).map(|index| Client::connect(cluster, names(index).0));
    let sessions = join_all(sessions).await;
    for (index, session) in sessions.iter().enumerate() {
        session
            .run(&format!("begin; update stock_quant set n = 1 where id = {}", first + index))
            .await;
    }
    let root = async {
        tokio::time::sleep(ms(length)).await;
        (None, sessions[0].run("commit").await.sent)
    };
    let victims = sessions.iter().enumerate().skip(1).map(|(index, session)| async move {
        let sql = format!("update stock_quant set n = 2 where id = {}", first + index - 1);
        let ran = session.run(&sql).await;
        (Some(ran), session.run("commit").await.sent)
    });
    let (root, victims) = join(root, join_all(victims)).await;
    let all: Vec<_> = std::iter::once(root).chain(victims).collect();
    (1..=depth)
        .map(|index| Waited {
            what: format!("member {index} of a chain of {depth}"),
            waiter: (sessions[index].pid, word(sessions[index].application_name)),
            ran: all[index].0.unwrap(),
            released: all[index - 1].1,
            root: Root::of(&sessions[0], IDLE),
            modes: ROW,
            module: "inventory",
        })
        .collect()
}

/// All want the same row; each holds it for a while when its turn has come. The first has it for
/// longest, so it is the root of the longest part of every wait.
async fn queue(cluster: &Cluster, id: usize, holds: &[u64]) -> Vec<Waited> {
    let sessions = (0..holds.len()).map(|index| Client::connect(cluster, names(index).1));
    let sessions = join_all(sessions).await;
    let sql = format!("update stock_quant set n = n + 1 where id = {id}");
    sessions[0].run(&format!("begin; {sql}")).await;
    let root = async {
        tokio::time::sleep(ms(holds[0])).await;
        sessions[0].run("commit").await.sent
    };
    let waiters = sessions.iter().zip(holds).skip(1).map(|(session, hold)| {
        let sql = &sql;
        async move {
            let ran = session.run(&format!("begin; {sql}")).await;
            tokio::time::sleep(ms(*hold)).await;
            (session, ran, session.run("commit").await.sent)
        }
    });
    let (mut released, mut waiters) = join(root, join_all(waiters)).await;
    waiters.sort_by_key(|(_, ran, _)| ran.answered);
    let root = Root::of(&sessions[0], IDLE);
    let waited = waiters.into_iter().enumerate().map(|(index, (session, ran, commit))| Waited {
        what: format!("number {} in a queue for a row", index + 1),
        waiter: (session.pid, word(session.application_name)),
        ran,
        released: std::mem::replace(&mut released, commit),
        root,
        modes: QUEUED,
        module: "inventory",
    });
    waited.collect()
}

/// The middle one waits for the first, then keeps the last waiting itself, for longer.
async fn middle_keeps_on(cluster: &Cluster, first: usize) -> Vec<Waited> {
    let (a, b, c) = (
        Client::connect(cluster, "Metabase v0.50").await,
        Client::connect(cluster, "odoo-1").await,
        Client::connect(cluster, "psql").await,
    );
    let update = |id: usize| format!("update stock_quant set n = 3 where id = {id}");
    a.run(&format!("begin; {}", update(first))).await;
    b.run(&format!("begin; {}", update(first + 1))).await;
    let root = async {
        tokio::time::sleep(ms(600)).await;
        a.run("commit").await.sent
    };
    let middle = async {
        let ran = b.run(&update(first)).await;
        tokio::time::sleep(ms(1_400)).await;
        (ran, b.run("commit").await.sent)
    };
    let sql = update(first + 1);
    let ((released, (of_b, committed)), of_c) = join(join(root, middle), c.run(&sql)).await;
    let waited = |what: &str, client: &Client, ran, released, root| Waited {
        what: what.to_owned(),
        waiter: (client.pid, word(client.application_name)),
        ran,
        released,
        root,
        modes: ROW,
        module: "inventory",
    };
    vec![
        waited("the middle of three", &b, of_b, released, Root::of(&a, IDLE)),
        waited("the last of three", &c, of_c, committed, Root::of(&b, IDLE)),
    ]
}

/// Two waits in one text, for different roots.
async fn two_waits_of_one_text(cluster: &Cluster, first: usize) -> Waited {
    let (a, b, waiter) = (
        Client::connect(cluster, "odoo-1").await,
        Client::connect(cluster, "pgAdmin 4 - CONN:7").await,
        Client::connect(cluster, "psql").await,
    );
    let update = |id: usize| format!("update stock_quant set n = 3 where id = {id}");
    a.run(&format!("begin; {}", update(first))).await;
    b.run(&format!("begin; {}", update(first + 1))).await;
    let sql = format!("{}; {}", update(first), update(first + 1));
    let (ran, released) = join(waiter.run(&sql), async {
        tokio::time::sleep(ms(450)).await;
        a.run("commit").await;
        tokio::time::sleep(ms(900)).await;
        b.run("commit").await.sent
    })
    .await;
    Waited {
        what: "two waits of one text".to_owned(),
        waiter: (waiter.pid, word(waiter.application_name)),
        ran,
        released,
        root: Root::of(&b, IDLE),
        modes: ROW,
        module: "inventory",
    }
}

/// A waiter that gives up, and is not let in.
async fn given_up(cluster: &Cluster, id: usize) -> Waited {
    let (holder, waiter) =
        (Client::connect(cluster, "odoo-1").await, Client::connect(cluster, "psql").await);
    holder.run(&format!("begin; update stock_quant set n = 1 where id = {id}")).await;
    waiter.run("set lock_timeout = '800ms'").await;
    let sql = format!("update stock_quant set n = 2 where id = {id}");
    let (ran, answer) = waiter.try_run(&sql).await;
    assert!(answer.is_err(), "nobody let it in");
    holder.run("rollback").await;
    Waited {
        what: "a waiter that gives up".to_owned(),
        waiter: (waiter.pid, word(waiter.application_name)),
        ran,
        released: ran.sent + ms(800),
        root: Root::of(&holder, IDLE),
        modes: ROW,
        module: "inventory",
    }
}

/// Everything, side by side.
pub async fn play_all(cluster: &Cluster) -> Vec<Waited> {
    let short = join_all((0..5).map(|lane| short_ones(cluster, lane)));
    let chains = join(chain(cluster, 300, 2, 1_700), chain(cluster, 310, 20, 3_500));
    let queues =
        join(queue(cluster, 340, &[1_800, 700, 500, 300]), queue(cluster, 341, &[900, 300]));
    let odd = join(two_waits_of_one_text(cluster, 350), given_up(cluster, 360));
    let trees = join(join(chains, queues), join(odd, middle_keeps_on(cluster, 370)));
    let ((pairs, short), (((two, twenty), (long, brief)), ((text, lost), three))) =
        join(join(pairs(cluster), short), trees).await;
    [
        pairs,
        short.into_iter().flatten().collect(),
        two,
        twenty,
        long,
        brief,
        vec![text, lost],
        three,
    ]
    .into_iter()
    .flatten()
    .collect()
}
