//! Known waits on a real server, and what the agent tells of them. The truth is what the clients'
//! clocks say: a wait is as long as the statement that waited, and ends when its blocker lets go.
//!
//! A session that queues behind another one for a row waits twice, for PostgreSQL and so for the
//! agent: first for its turn (`tuple`), then for the transaction of whoever had the turn before it.
//! So what is compared with a statement's time is the sum of the waits in it.

use std::time::Duration;

use erpscope::config::Locks;
use erpscope::demo::cluster::Options;
use serde_json::Value;

use crate::clients::{Looks, ODOO, count, events, seconds, started, until_sampling, until_settled};
use crate::lock_scenes::{Root, Waited, ms, play_all};
use crate::rig::{Rig, admin, cluster, config, server, sum};

/// A wait of this length must be told, in seconds.
const MUST_BE_TOLD: f64 = 0.25;
/// How wrong its length may be.
const TOLERANCE: f64 = 0.15;

/// What was told of a statement: its waits lie within the time it took.
fn told_of<'a>(waited: &Waited, events: &'a [Value]) -> Vec<&'a Value> {
    let within = |event: &Value| {
        let middle =
            started(event) + Duration::from_secs_f64(event["seconds"].as_f64().unwrap() / 2.0);
        let margin = ms(150);
        middle > waited.ran.sent - margin && middle < waited.ran.answered + margin
    };
    let own = events.iter().filter(|event| event["waiter"]["pid"] == waited.waiter.0);
    own.filter(|event| within(event)).collect()
}

fn total(told: &[&Value]) -> f64 {
    told.iter().map(|event| event["seconds"].as_f64().unwrap()).sum()
}

/// The root with the longest part of all these waits.
fn longest_root(told: &[&Value]) -> Option<Value> {
    let parts = || told.iter().flat_map(|event| event["roots"].as_array().unwrap());
    let time = |pid: &Value| -> f64 {
        let own = parts().filter(|part| part["pid"] == *pid);
        own.map(|part| part["seconds"].as_f64().unwrap()).sum()
    };
    parts()
        .max_by(|a, b| {
            let key = |part: &Value| (time(&part["pid"]), part["seconds"].as_f64().unwrap());
            key(a).partial_cmp(&key(b)).unwrap()
        })
        .cloned()
}

/// What is wrong with what was told of a statement.
fn faults(waited: &Waited, told: &[&Value], late: f64) -> Vec<String> {
    let (shortest, longest) = (seconds(waited.ran.sent, waited.released), waited.ran.seconds());
    let total = total(told);
    let mut faults = Vec::new();
    let wrong = (shortest - total).max(total - longest);
    if wrong > TOLERANCE + late {
        faults.push(format!("{total:.3} s told of a wait of {shortest:.3} to {longest:.3} s"));
    }
    match longest_root(told) {
        Some(part) => {
            let root = (&part["pid"], &part["application"], &part["state"]);
            let Root { pid, application, state } = waited.root;
            if *root.0 != pid || root.1 != application || root.2 != state {
                faults.push(format!("{root:?} was not its root, but {:?}", waited.root));
            }
        }
        None => faults.push("no root".to_owned()),
    }
    for event in told {
        let mode = event["mode"].as_str().unwrap();
        if !waited.modes.contains(&mode) || event["module"] != waited.module {
            faults.push(format!("{mode} on {} [{}]", event["object"], event["module"]));
        }
        if event["waiter"]["application"] != waited.waiter.1 {
            faults.push(format!("{} waited", event["waiter"]["application"]));
        }
    }
    faults.iter().map(|fault| format!("{}: {fault}; late {late:.3}", waited.what)).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_wait_is_told_with_its_length_and_its_root() {
    let cluster = cluster(&Options::default().set("max_connections", "300")).await;
    let client = admin(&cluster).await;
    client.batch_execute(ODOO).await.unwrap();
    for id in 100..140 {
        client.batch_execute(&format!("create table sale_order_{id} (id int)")).await.unwrap();
    }
    let mut config = config(vec![server(&cluster)]);
    config.locks = Locks { report_after: Duration::ZERO, ..config.locks };
    let rig = Rig::start(config);
    until_sampling(&rig).await;
    let looks = Looks::watch(&rig);
    let all = play_all(&cluster).await;
    until_settled(&rig).await;

    let told = events(&rig, "lock_wait").await;
    let mut wrong = Vec::new();
    let (mut recall, mut errors, mut late_ones) = ((0, 0), Vec::new(), 0);
    for waited in &all {
        let of_it = told_of(waited, &told);
        let late = looks.late(waited.ran.sent, waited.ran.answered + ms(200));
        late_ones += usize::from(late > 0.05);
        let length = seconds(waited.ran.sent, waited.released);
        if length >= MUST_BE_TOLD + late {
            wrong.extend(faults(waited, &of_it, late));
        } else if length >= 0.1 {
            recall = (recall.0 + usize::from(!of_it.is_empty()), recall.1 + 1);
        }
        if !of_it.is_empty() {
            errors.push(total(&of_it) - waited.ran.seconds());
        }
    }
    let mean = errors.iter().map(|error| error.abs()).sum::<f64>() / errors.len() as f64;
    let bias = errors.iter().sum::<f64>() / errors.len() as f64;
    println!(
        "{} waits, {} events; recall of 100 to 250 ms: {} of {}; mean error {:.0} ms, bias {:.0} ms; \
         {late_ones} while the agent came 50 ms late or more",
        all.len(),
        told.len(),
        recall.0,
        recall.1,
        mean * 1e3,
        bias * 1e3,
    );

    let metrics = rig.metrics().await;
    let blocked = sum(&metrics, "erpscope_blocked_seconds_total", "");
    let least: f64 = all.iter().map(|w| seconds(w.ran.sent, w.released)).sum();
    let most: f64 = all.iter().map(|w| w.ran.seconds()).sum();
    println!("blocked seconds: {blocked:.2} told, {least:.2} to {most:.2} true");
    if blocked < 0.95 * least || blocked > 1.05 * most {
        wrong.push(format!("{blocked} blocked seconds told, {least} to {most} true"));
    }
    let in_events: f64 = told.iter().map(|event| event["seconds"].as_f64().unwrap()).sum();
    if (blocked - in_events).abs() > 0.01 * blocked {
        wrong.push(format!("{blocked} blocked seconds, but {in_events} in the events"));
    }
    for name in ["erpscope_lock_waits_total", "erpscope_lock_wait_seconds_count"] {
        let counted = count(&metrics, name, "");
        if counted != told.len() {
            wrong.push(format!("{name} counts {counted} of {} waits", told.len()));
        }
    }
    assert_eq!(count(&metrics, "erpscope_lock_waiters", ""), 0);
    assert!(wrong.is_empty(), "{} faults:\n{}", wrong.len(), wrong.join("\n"));
    rig.agent.stop().await;
}
