//! postgres_exporter on the same server, asked for statements as it commonly is: the hundred
//! heaviest of the view, by a query of one's own where the version has no collector for it.

use std::io::Write;
use std::process::Command;
use std::time::{Duration, Instant};

use crate::rig::{Bench, Child, Cpu, free_port, median};

const PROGRAM: &str = "prometheus-postgres-exporter";

const QUERIES: &str = r#"
pg_stat_statements:
  query: "select r.rolname, d.datname, s.queryid::text as queryid, s.calls, s.total_exec_time / 1000 as seconds, s.rows, s.shared_blks_hit, s.shared_blks_read, s.temp_blks_written from pg_stat_statements s join pg_roles r on r.oid = s.userid join pg_database d on d.oid = s.dbid order by s.total_exec_time desc limit 100"
  metrics:
    - rolname: { usage: LABEL, description: role }
    - datname: { usage: LABEL, description: database }
    - queryid: { usage: LABEL, description: queryid }
    - calls: { usage: COUNTER, description: calls }
    - seconds: { usage: COUNTER, description: seconds }
    - rows: { usage: COUNTER, description: rows }
    - shared_blks_hit: { usage: COUNTER, description: blocks hit }
    - shared_blks_read: { usage: COUNTER, description: blocks read }
    - temp_blks_written: { usage: COUNTER, description: temporary blocks }
"#;

pub async fn run(bench: &Bench) {
    let Ok(version) = Command::new(PROGRAM).arg("--version").output() else {
        println!("{PROGRAM} is not installed: not compared");
        return;
    };
    let words = [version.stdout, version.stderr].concat();
    let version = String::from_utf8_lossy(&words).lines().next().unwrap_or_default().to_owned();
    let port = free_port();
    let mut queries = tempfile::NamedTempFile::new().unwrap();
    queries.write_all(QUERIES.as_bytes()).unwrap();
    let mut command = Command::new(PROGRAM);
    command
        .env("DATA_SOURCE_NAME", format!("postgres://erpscope@127.0.0.1:{}/postgres?sslmode=disable&application_name=exporter", bench.port()))
        .arg(format!("--web.listen-address=127.0.0.1:{port}"))
        .arg("--extend.query-path")
        .arg(queries.path());
    let exporter = Child::start(command, port, Some(queries));
    exporter.until_up().await;
    let (mut wall, mut database, mut own) = (Vec::new(), Vec::new(), Vec::new());
    let mut series = 0;
    for _ in 0..12 {
        let backends = bench.backends("exporter").await;
        let before = (Cpu::sum(&backends), Cpu::of(exporter.pid()));
        let began = Instant::now();
        series = exporter.scrape().await.lines().filter(|line| !line.starts_with('#')).count();
        wall.push(began.elapsed().as_secs_f64() * 1e3);
        if bench.backends("exporter").await == backends {
            database.push((Cpu::sum(&backends) - before.0).as_secs_f64() * 1e3);
        }
        own.push((Cpu::of(exporter.pid()) - before.1).as_secs_f64() * 1e3);
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    println!("{version}, {series} series, statements from the view");
    println!("  a scrape                 {:6.1} ms", median(&mut wall));
    println!("  database's processor     {:6.1} ms a scrape", median(&mut database));
    println!("  its own                  {:6.1} ms a scrape", median(&mut own));
    println!("  its memory               {:6.1} MiB", exporter.rss_mib());
}
