//! Known transactions on a real server, and what the agent tells of them. The truth is what the
//! clients' clocks say: from `begin` to the end, and idle from an answer to the next statement.

use std::time::Duration;

use erpscope::demo::cluster::{Cluster, Options};
use erpscope::sample::normalise;
use futures_util::future::{BoxFuture, FutureExt, join_all};
use serde_json::Value;

use crate::clients::{
    Client, Looks, ODOO, Ran, count, events, seconds, started, until_sampling, until_settled,
};
use crate::rig::{Rig, admin, cluster, config, server};
use crate::transaction_scenes::{Done, play_all, update};

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
    let share = number(told, "idle_seconds") / length;
    let (low, high) = (done.idle().0 / most, done.idle().1 / most);
    let allowed = SHARE + late / most;
    if share < low - allowed || share > high + allowed {
        faults.push(format!("idle for {share:.2} of its time, in truth for {low:.2} to {high:.2}"));
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
        assert_eq!(count(&metrics, name, ""), told.len(), "{name}");
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
        let holding = async {
            tokio::time::sleep(Duration::from_millis(1_150 + 30 * turn)).await;
            let committed = root.run("commit").await;
            root.run(&format!("begin; {}", update(2))).await;
            tokio::time::sleep(Duration::from_millis(1_250)).await;
            root.run("commit").await;
            committed
        };
        let mut waits: Vec<BoxFuture<'_, Ran>> =
            blocked.into_iter().map(FutureExt::boxed).collect();
        waits.push(holding.boxed());
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
