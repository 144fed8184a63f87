//! How well the judgement of a plan tells its time: statements run by the plans that the planner takes under several sets of
//! indexes, and by those that it takes when some of its ways are closed to it, each against the plan without indexes.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

use erpscope::advise::advisor::Judge;
use erpscope::advise::catalog;
use erpscope::advise::plan::{Explained, Node};
use erpscope::advise::visits::Ground;
use erpscope::config::Server;
use tokio_postgres::{Client, SimpleQueryMessage};

use super::execute::{FOUND, create, drop};
use super::workload::{APART, Task, queries};
use super::{BUDGETS, advise};

/// Ways that are closed to the planner.
const CLOSED: [&[&str]; 4] =
    [&[], &["enable_nestloop"], &["enable_hashjoin", "enable_mergejoin"], &["enable_seqscan"]];

/// A plan costs as much more if it takes a way that is closed (`disable_cost` in `costsize.c`).
const DISABLED: f64 = 1e10;

/// Runs of each plan, of which the quickest counts.
const RUNS: usize = 2;

/// A statement that takes longer is ended and left out.
const TIMEOUT: &str = "12s";

/// What is slower is so by more than this; what is foretold to be no slower is so by less.
const SLOWER: f64 = 1.1;

/// A plan that was run.
struct Run {
    number: usize,
    /// The planner took it by itself.
    is_taken: bool,
    cost: f64,
    judged: f64,
    ms: f64,
}

/// Runs the plans and prints how wrong both measures are.
pub async fn judged(server: &Server, client: &Client) {
    let mut seen = BTreeSet::new();
    let now = runs(client, 0, &mut seen).await;
    let base: BTreeMap<usize, usize> = (0..now.len())
        .rev()
        .filter_map(|at| now.get(at).filter(|run| run.is_taken).map(|run| (run.number, at)))
        .collect();
    let mut all = now;
    let judges = [Judge::Planner, Judge::Visits];
    let sets = judges.into_iter().flat_map(|judge| BUDGETS.map(|budget| (judge, budget)));
    for (at, (judge, budget)) in sets.enumerate() {
        let mut task = Task::new(server, client, false).await;
        let found = advise(&mut task, budget, judge, false).await;
        let names = create(client, &task, &found).await;
        all.extend(runs(client, at + 1, &mut seen).await);
        client.batch_execute(&drop(&names)).await.unwrap();
    }
    println!(
        "how wrong a plan's time is foretold from that of the plan without indexes, as a factor"
    );
    println!(
        "plans                 by       number  median  90 %  slower  of these not foreseen  foreseen in vain"
    );
    for taken in [true, false] {
        print(&all, &base, taken, "planner", |run| run.cost);
        print(&all, &base, taken, "judged", |run| run.judged);
    }
}

/// Every plan that was not seen yet, with the indexes that are there: those of one set have names of their own.
async fn runs(client: &Client, set: usize, seen: &mut BTreeSet<(usize, String)>) -> Vec<Run> {
    let mut runs = Vec::new();
    for number in (1..=queries().len()).filter(|number| !APART.contains(number)) {
        for closed in CLOSED {
            let off: Vec<String> = closed.iter().map(|way| format!("set {way} = off")).collect();
            client.batch_execute(&off.join("; ")).await.unwrap();
            let plan = explained(client, number, "format json").await;
            if plan.cost < DISABLED
                && seen.insert((number, shape(&plan, set)))
                && let Some(ms) = timed(client, number).await
            {
                let judged = ground(client, number).await.true_cost(&plan);
                runs.push(Run { number, is_taken: closed.is_empty(), cost: plan.cost, judged, ms });
            }
            client.batch_execute("reset all").await.unwrap();
        }
    }
    runs
}

async fn explained(client: &Client, number: usize, options: &str) -> Node {
    let sql = format!("explain ({options}) {}", queries()[number - 1]);
    let answer = client.simple_query(&sql).await.unwrap();
    let text = answer.iter().find_map(|message| match message {
        SimpleQueryMessage::Row(row) => row.get(0),
        _ => None,
    });
    let explained: Vec<Explained> = serde_json::from_str(text.unwrap()).unwrap();
    explained.into_iter().next().unwrap().plan
}

/// Of the tables of a statement. The plan that tells schemas says conditions in other words than the one that is judged.
async fn ground(client: &Client, number: usize) -> Ground {
    let mut relations = BTreeSet::new();
    let named = explained(client, number, "verbose, format json").await;
    named.walk(&mut |node| relations.extend(node.schema.clone().zip(node.relation.clone())));
    Ground::new(&catalog::read(client, &relations).await.unwrap())
}

/// What a plan does, without its figures.
fn shape(plan: &Node, set: usize) -> String {
    let mut shape = String::new();
    plan.walk(&mut |node| {
        for part in [Some(&node.kind), node.relation.as_ref(), node.index.as_ref()] {
            shape.push_str(part.map_or("", String::as_str));
            shape.push(' ');
        }
        shape.push_str(node.index_condition.as_deref().unwrap_or_default());
    });
    if plan.indexes().iter().any(|name| name.starts_with(FOUND)) {
        shape.push_str(&set.to_string());
    }
    shape
}

/// Milliseconds; none if it takes too long.
async fn timed(client: &Client, number: usize) -> Option<f64> {
    client.batch_execute(&format!("set statement_timeout = '{TIMEOUT}'")).await.unwrap();
    let mut best: Option<f64> = None;
    for _ in 0..RUNS {
        let began = Instant::now();
        client.simple_query(&queries()[number - 1]).await.ok()?;
        let ms = began.elapsed().as_secs_f64() * 1e3;
        best = Some(best.map_or(ms, |best| best.min(ms)));
    }
    best
}

/// A line: what was foretold as the advisor does it, at the pace of the whole workload for what is added.
fn print(
    all: &[Run],
    base: &BTreeMap<usize, usize>,
    taken: bool,
    by: &str,
    measure: impl Fn(&Run) -> f64,
) {
    let bases = || base.values().map(|at| &all[*at]);
    let pace: f64 = bases().map(|run| run.ms).sum::<f64>() / bases().map(&measure).sum::<f64>();
    let mut errors = Vec::new();
    let (mut slower, mut unforeseen, mut vain) = (0, 0, 0);
    for (at, run) in all.iter().enumerate() {
        let Some(now) = base.get(&run.number).filter(|now| **now != at && run.is_taken == taken)
        else {
            continue;
        };
        let now = &all[*now];
        let (before, after) = (measure(now), measure(run));
        let pace = (pace * before / now.ms).min(1.0);
        let foretold =
            if after < before { after / before } else { 1.0 + (after / before - 1.0) * pace };
        let real = run.ms / now.ms;
        errors.push((foretold / real).ln().abs().exp());
        slower += usize::from(real > SLOWER);
        unforeseen += usize::from(real > SLOWER && foretold <= SLOWER);
        vain += usize::from(real <= 1.0 && foretold > SLOWER);
    }
    errors.sort_by(f64::total_cmp);
    let at = |share: usize| errors.get(errors.len() * share / 100).copied().unwrap_or(f64::NAN);
    let which = if taken { "that the planner takes" } else { "with ways closed" };
    println!(
        "{which:<22} {by:<8} {:>5} {:>7.2} {:>5.2} {slower:>7} {unforeseen:>22} {vain:>17}",
        errors.len(),
        at(50),
        at(90)
    );
}
