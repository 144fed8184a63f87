//! The trackers of sessions alone: 2,000 sessions, ten samples a second, in memory.

use std::time::{Duration, Instant, SystemTime};

use erpscope::erp::Erps;
use erpscope::sample::activity::{Backend, Sample, Session, State, Wait};
use erpscope::sample::database::{Counters, Database, Sample as Facts, Server};
use erpscope::track::activity::{Activity, Limits, Taken};
use erpscope::track::incidents::Thresholds;
use erpscope::track::names::Names;
use erpscope::track::sessions::Words;
use erpscope::track::transactions::SlowAfter;

use crate::rig::median;

const SESSIONS: i32 = 2_000;
const WAITERS: i32 = 50;
/// Shapes of statements.
const SHAPES: i32 = 500;
/// One session in so many begins a statement at each sample.
const NEW: i32 = 10;
/// Samples of a round (20 s of them) and rounds.
const SAMPLES: u32 = 200;
const ROUNDS: u32 = 5;

pub fn run() {
    let before = resident_mib();
    let mut activity = Activity::new(limits());
    let (names, erps) = (known(), Erps::default());
    let words = Words { names: &names, erps: &erps, integrations: &std::sync::Arc::default() };
    let mut shares = Vec::new();
    for round in 0..ROUNDS {
        let mut spent = Duration::ZERO;
        for index in 0..SAMPLES {
            let tick = round * SAMPLES + index;
            let sample = sample(tick);
            let began = Instant::now();
            let told = activity.apply(taken(tick), &sample, words);
            spent += began.elapsed();
            drop(told);
        }
        shares.push(100.0 * spent.as_secs_f64() / (f64::from(SAMPLES) * 0.1));
    }
    println!("trackers: {SESSIONS} sessions, {WAITERS} of them waiting, ten samples a second");
    println!(
        "  processor time           {:6.3} % of a core   (goal: at most 2)",
        median(&mut shares)
    );
    println!("  memory                   {:6.1} MiB   (goal: at most 64)", resident_mib() - before);
}

/// The names of one database and one role.
fn known() -> Names {
    let database = Database {
        dbid: 1,
        datname: "erp".to_owned(),
        stats_reset: None,
        connection_limit: None,
        connections: 0,
        counters: Counters::default(),
    };
    let server = Server {
        version: String::new(),
        version_num: 150_000,
        start_time: clock(0),
        in_recovery: false,
        max_connections: 3_000,
        role: "erpscope".into(),
        reserved_connections: 3,
        statements_max: 5_000,
        connections: 2_000,
    };
    let mut names = Names::new(100);
    names.learn(
        &Facts {
            read_at: clock(0),
            server,
            databases: vec![database],
            roles: vec![(10, "erp".to_owned())],
            horizon: Vec::new(),
        },
        Duration::ZERO,
    );
    names
}

fn limits() -> Limits {
    Limits {
        series: 1_000,
        picture_every: Duration::from_secs(1),
        slow_after: SlowAfter { general: Duration::from_secs(1), ..SlowAfter::default() },
        report_after: Duration::from_secs(1),
        incident: Thresholds { victims: 3, after: Duration::from_secs(10) },
    }
}

fn elapsed(tick: u32) -> Duration {
    Duration::from_millis(100) * tick
}

fn taken(tick: u32) -> Taken {
    Taken { at: elapsed(tick), interval: Duration::from_millis(100), sighted: true }
}

fn clock(tick: u32) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000) + elapsed(tick)
}

fn sample(tick: u32) -> Sample {
    let sessions: Vec<Session> = (1..=SESSIONS).map(|pid| session(pid, tick)).collect();
    let waits = (1..=WAITERS).map(|waiter| Wait {
        pid: waiter,
        blockers: vec![SESSIONS - waiter % 5],
        locktype: "transactionid".to_owned(),
        mode: "ShareLock".to_owned(),
        relation: Some((1, 16_384)),
        since: Some(clock(0)),
    });
    let waits = Some(waits.collect());
    Sample { now: clock(tick), sessions, all: tick.is_multiple_of(10), waits, prepared: Vec::new() }
}

fn session(pid: i32, tick: u32) -> Session {
    let waits = pid <= WAITERS;
    let phase = u32::try_from(pid % NEW).unwrap();
    // A waiter waits on; the others begin a statement now and then, and a transaction with it.
    let turns = u32::try_from(NEW).unwrap();
    let begun = if waits { 0 } else { tick.saturating_sub((tick + phase) % turns) };
    let is_new = begun == tick;
    let shape = (pid + i32::try_from(begun).unwrap()) % SHAPES;
    let state = if pid % 4 == 3 && !waits { State::IdleInTransaction } else { State::Active };
    Session {
        pid,
        dbid: 1,
        userid: 10,
        application_name: format!("odoo-{pid}"),
        client_addr: None,
        backend: Backend::Client,
        leader: None,
        backend_start: Some(clock(0)),
        state,
        state_change: Some(clock(begun)),
        xact_start: Some(clock(begun)),
        query_start: Some(clock(begun)),
        wait: match pid % 3 {
            _ if waits => Some(("Lock".to_owned(), "transactionid".to_owned())),
            0 => Some(("IO".to_owned(), "DataFileRead".to_owned())),
            1 => Some(("Client".to_owned(), "ClientRead".to_owned())),
            _ => None,
        },
        queryid: Some(i64::from(shape) + 1),
        query: is_new.then(|| {
            format!("select a, b, c from sale_order_{shape} o join res_partner p on p.id = o.partner_id where o.state = ?")
        }),
        xmin_age: Some(7),
        comment: None,
        holds_xid: true,
    }
}

fn resident_mib() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib: f64 = line.and_then(|l| l.split_whitespace().next()?.parse().ok()).unwrap_or(0.0);
    kib / 1_024.0
}
