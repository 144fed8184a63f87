//! What watching costs: the database, the agent, a scrape; postgres_exporter beside it; sessions
//! ten times a second with few and with many connections, and in an incident; the trackers alone.
//!
//! For statements, the server has what a middling ERP has: 6,000 statements, half of them with 2 kB of text, 1,200
//! tables with 3 indexes each, 100 connections. Processor time is the kernel's count of each
//! process (nanoseconds in schedstat), so what else the machine does matters little; every figure
//! is the median of several rounds.

#![expect(clippy::unwrap_used, clippy::print_stdout, clippy::expect_used, reason = "a bench")]

mod exporter;
mod fleet;
mod rig;
mod sessions;
mod trackers;

use std::time::{Duration, Instant};

use rig::{Bench, Child, Cpu, median, quantile};

/// All parts, or those that are named: `statements`, `sessions`, `trackers`, `fleet`.
fn main() {
    let named: Vec<String> = std::env::args().skip(1).filter(|arg| !arg.starts_with('-')).collect();
    let wanted = |part: &str| named.is_empty() || named.iter().any(|name| name == part);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        if wanted("trackers") {
            trackers::run();
        }
        if wanted("sessions") {
            sessions::run().await;
        }
        if wanted("fleet") {
            fleet::run().await;
        }
        if wanted("statements") {
            let bench = Bench::start().await;
            println!("{}", bench.machine().await);
            sample(&bench).await;
            agent(&bench).await;
            scrape(&bench).await;
            exporter::run(&bench).await;
        }
    });
}

/// Twelve columns of all entries: what a sample costs at least.
const FLOOR: &str = "select userid, dbid, toplevel, queryid, calls, rows, total_exec_time, total_plan_time, \
    shared_blks_hit, shared_blks_read, shared_blks_dirtied, shared_blks_written from public.pg_stat_statements(false)";

/// One statements sample: processor time of its backend, and until the last row is decoded.
async fn sample(bench: &Bench) {
    const ROUNDS: usize = 9;
    const SAMPLES: u32 = 30;
    let server = bench.server();
    let session = erpscope::pg::connect(&server, "postgres").await.unwrap();
    let found = erpscope::pg::probe(&server, &session).await.unwrap().statements.unwrap();
    let client = session.client();
    let reader = erpscope::sample::statements::Reader::prepare(client, &found).await.unwrap();
    let pid: i32 = client.query_one("select pg_backend_pid()", &[]).await.unwrap().get(0);
    let floor = client.prepare(FLOOR).await.unwrap();
    let (mut ours, mut twelve, mut wall, mut entries) = (Vec::new(), Vec::new(), Vec::new(), 0);
    for _ in 0..ROUNDS {
        let (before, began) = (Cpu::of(pid), Instant::now());
        for _ in 0..SAMPLES {
            entries = reader.read(client).await.unwrap().statements.len();
        }
        wall.push(began.elapsed().as_secs_f64() * 1e3 / f64::from(SAMPLES));
        ours.push((Cpu::of(pid) - before).as_secs_f64() * 1e3 / f64::from(SAMPLES));
        let before = Cpu::of(pid);
        for _ in 0..SAMPLES {
            client.query(&floor, &[]).await.unwrap();
        }
        twelve.push((Cpu::of(pid) - before).as_secs_f64() * 1e3 / f64::from(SAMPLES));
    }
    let (ours, twelve) = (median(&mut ours), median(&mut twelve));
    println!("one statements sample, {entries} entries");
    println!(
        "  backend processor time   {ours:6.2} ms   (goal: at most 8, where 12 columns take 6.4)"
    );
    println!(
        "  12 columns, plainly      {twelve:6.2} ms   in the same run: ours is {:.2} of it",
        ours / twelve
    );
    println!("  until the last row       {:6.2} ms", median(&mut wall));
}

/// The agent as it is by default, for a minute.
async fn agent(bench: &Bench) {
    const MINUTE: Duration = Duration::from_secs(60);
    let agent = Child::agent(bench.port(), &[]);
    agent.until_up().await;
    tokio::time::sleep(Duration::from_secs(15)).await;
    let backends = bench.backends("erpscope").await;
    let before = (Cpu::of(agent.pid()), Cpu::sum(&backends));
    let began = Instant::now();
    while began.elapsed() < MINUTE {
        // A scrape every 15 s, as Prometheus would.
        agent.scrape().await;
        tokio::time::sleep(Duration::from_secs(15)).await;
    }
    let seconds = began.elapsed().as_secs_f64();
    let share = |spent: Duration| 100.0 * spent.as_secs_f64() / seconds;
    println!("the agent with its defaults, for {seconds:.0} s, a scrape every 15 s");
    println!(
        "  agent's processor time   {:6.3} % of a core   (goal: at most 1)",
        share(Cpu::of(agent.pid()) - before.0)
    );
    println!(
        "  database's               {:6.3} % of a core   (budget: 1)",
        share(Cpu::sum(&backends) - before.1)
    );
    println!("  agent's memory           {:6.1} MiB   (goal: at most 32)", agent.rss_mib());
}

/// `/metrics` with 20,000 series while the statements are sampled every second.
async fn scrape(bench: &Bench) {
    const SCRAPES: usize = 2_000;
    let agent = Child::agent(
        bench.port(),
        &["[statements]", "top = 1440", "interval = '1s'", "texts_interval = '1s'"],
    );
    agent.until_up().await;
    let mut series = 0;
    for _ in 0..200 {
        series = agent.scrape().await.lines().filter(|line| !line.starts_with('#')).count();
        if series >= 20_000 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let mut times = Vec::with_capacity(SCRAPES);
    let mut bytes = 0;
    for _ in 0..SCRAPES {
        let (took, size) = agent.timed_scrape();
        bytes = size;
        times.push(took.as_secs_f64() * 1e3);
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    println!(
        "/metrics, {series} series, {} kB, statements sampled every second, {SCRAPES} scrapes",
        bytes / 1_000
    );
    println!("  p50                      {:6.2} ms", quantile(&mut times, 0.5));
    println!(
        "  p99                      {:6.2} ms   (goal: at most 5)",
        quantile(&mut times, 0.99)
    );
    println!("  agent's memory           {:6.1} MiB", agent.rss_mib());
}
