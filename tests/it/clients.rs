//! Clients of an ERP's database: each with a name, a process and a clock, so that a test knows how
//! long something took without asking the server or the agent.

use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use erpscope::demo::cluster::{Cluster, Options};
use erpscope::sample::{Outcome, Sampler};
use serde_json::Value;
use tokio_postgres::NoTls;

use crate::rig::{Rig, admin, cluster, config, server, sum};

/// The tables by which Odoo is recognised, and one with rows to fight for.
pub const ODOO: &str = "create table ir_module_module (id int); create table res_partner (id int); \
    create table ir_model (id int); create table stock_quant (id int primary key, n int); \
    insert into stock_quant select g, 0 from generate_series(1, 1000) g";

/// A session.
pub struct Client {
    pub pid: i32,
    pub application_name: &'static str,
    session: tokio_postgres::Client,
}

/// When a statement was sent, and when its answer was there.
#[derive(Clone, Copy, Debug)]
pub struct Ran {
    pub sent: SystemTime,
    pub answered: SystemTime,
}

impl Client {
    pub async fn connect(cluster: &Cluster, application_name: &'static str) -> Self {
        Self::connect_to(&cluster.url("postgres"), application_name).await
    }

    pub async fn connect_to(url: &str, application_name: &'static str) -> Self {
        let mut config: tokio_postgres::Config = url.parse().unwrap();
        let (session, connection) =
            config.application_name(application_name).connect(NoTls).await.unwrap();
        tokio::spawn(connection);
        let pid = session.query_one("select pg_backend_pid()", &[]).await.unwrap().get(0);
        Self { pid, application_name, session }
    }

    /// Runs SQL, and notes how long that took.
    pub async fn run(&self, sql: &str) -> Ran {
        let (ran, answer) = self.try_run(sql).await;
        answer.unwrap_or_else(|error| panic!("{}: {sql}: {error:?}", self.application_name));
        ran
    }

    /// Runs SQL that may fail.
    pub async fn try_run(&self, sql: &str) -> (Ran, Result<(), tokio_postgres::Error>) {
        let sent = SystemTime::now();
        let answer = self.session.batch_execute(sql).await;
        (Ran { sent, answered: SystemTime::now() }, answer)
    }

    /// A parameter goes as a bind value.
    pub async fn run_with(&self, sql: &str, value: &str) -> Ran {
        let sent = SystemTime::now();
        self.session.execute(sql, &[&value]).await.unwrap();
        Ran { sent, answered: SystemTime::now() }
    }
}

impl Ran {
    pub fn seconds(&self) -> f64 {
        seconds(self.sent, self.answered)
    }
}

/// From `from` to `to`; less than nothing if that is backwards.
pub fn seconds(from: SystemTime, to: SystemTime) -> f64 {
    to.duration_since(from).map_or_else(|e| -e.duration().as_secs_f64(), |d| d.as_secs_f64())
}

/// The word of Odoo's profile for an application.
pub fn word(application_name: &str) -> &'static str {
    match application_name {
        "psql" => "psql",
        "PostgreSQL JDBC Driver" => "jdbc",
        _ if application_name.starts_with("odoo-") => "odoo",
        _ if application_name.starts_with("Metabase") => "metabase",
        _ if application_name.starts_with("pgAdmin") => "pgadmin",
        _ => "other",
    }
}

/// An agent that watches such a database and tells of every wait.
pub async fn watched(options: &Options) -> (Cluster, Rig) {
    let cluster = cluster(options).await;
    admin(&cluster).await.batch_execute(ODOO).await.unwrap();
    let mut config = config(vec![server(&cluster)]);
    config.locks.report_after = Duration::ZERO;
    let rig = Rig::start(config);
    until_sampling(&rig).await;
    (cluster, rig)
}

/// Until sessions are sampled.
pub async fn until_sampling(rig: &Rig) {
    rig.until("sessions are sampled", |server| runs(server, Sampler::Activity) > 0).await;
}

/// Until so many more samples of sessions were taken, and a picture made of them.
pub async fn until_settled(rig: &Rig) {
    let before = rig.server().map_or(0, |server| runs(&server, Sampler::Activity));
    rig.until("more samples of sessions", |s| runs(s, Sampler::Activity) > before + 3).await;
    let picture = rig.server().unwrap().activity;
    rig.until("a picture of sessions", |s| !Arc::ptr_eq(&s.activity, &picture)).await;
}

pub fn runs(server: &erpscope::state::ServerSnapshot, sampler: Sampler) -> u64 {
    let record = server.samplers.records.get(&sampler);
    record.and_then(|record| record.runs.get(&Outcome::Ok)).copied().unwrap_or(0)
}

/// All events of a kind.
pub async fn events(rig: &Rig, kind: &str) -> Vec<Value> {
    let (status, text) = rig.get(&format!("/api/v1/events?kind={kind}")).await;
    assert_eq!(status, 200, "{text}");
    let mut page: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(page["missed"], 0);
    page["events"].as_array_mut().map(std::mem::take).unwrap()
}

/// The forest of the only server.
pub async fn locks(rig: &Rig) -> Value {
    let (status, text) = rig.get("/api/v1/locks").await;
    assert_eq!(status, 200, "{text}");
    serde_json::from_str::<Value>(&text).unwrap()["servers"][0].take()
}

/// Waits until the forest is as wanted.
pub async fn until_locks(rig: &Rig, what: &str, wanted: impl Fn(&Value) -> bool) -> Value {
    let mut last = Value::Null;
    for _ in 0..600 {
        last = locks(rig).await;
        if wanted(&last) {
            return last;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("not within 30 s: {what}\n{last:#}");
}

pub fn list<'a>(value: &'a Value, key: &str) -> &'a Vec<Value> {
    value[key].as_array().unwrap_or_else(|| panic!("{key} in {value:#}"))
}

/// The sum of counts over all series of a metric whose labels contain `part`.
pub fn count(metrics: &str, name: &str, part: &str) -> usize {
    format!("{:.0}", sum(metrics, name, part).abs()).parse().unwrap()
}

/// When an event began.
pub fn started(event: &Value) -> SystemTime {
    humantime::parse_rfc3339(event["started"].as_str().unwrap()).unwrap()
}

/// When the agent looked at sessions, as seen from outside. On a busy machine it can come late, and
/// a comparison with other clocks has to allow for that.
pub struct Looks {
    task: tokio::task::JoinHandle<()>,
    at: Arc<Mutex<Vec<SystemTime>>>,
}

impl Looks {
    pub fn watch(rig: &Rig) -> Self {
        let at: Arc<Mutex<Vec<SystemTime>>> = Arc::default();
        let (board, seen) = (Arc::clone(rig.agent.board()), Arc::clone(&at));
        let task = tokio::spawn(async move {
            loop {
                let server = board.load().snapshot.servers.first().cloned();
                let last =
                    server.and_then(|s| s.samplers.records.get(&Sampler::Activity)?.last_success);
                if let Some(last) = last {
                    let mut seen = seen.lock().unwrap();
                    if seen.last() != Some(&last.wall) {
                        seen.push(last.wall);
                    }
                }
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        });
        Self { task, at }
    }

    /// The longest time in seconds without a look that reaches into `from..to`.
    pub fn gap(&self, from: SystemTime, to: SystemTime) -> f64 {
        let at = self.at.lock().unwrap();
        let touching = at.windows(2).filter(|pair| pair[1] >= from && pair[0] <= to);
        touching.map(|pair| seconds(pair[0], pair[1])).fold(0.0, f64::max)
    }

    /// By how many seconds the agent came later than it should have, at worst.
    pub fn late(&self, from: SystemTime, to: SystemTime) -> f64 {
        (self.gap(from, to) - 0.1).max(0.0)
    }
}

impl Drop for Looks {
    fn drop(&mut self) {
        self.task.abort();
    }
}
