//! The program itself: its exit status, its words, its signals.

use std::io::{Read, Write};
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use erpscope::demo::cluster::{Cluster, Options};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::rig::{admin, cluster, get, http};

fn erpscope(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_erpscope"));
    command
        .args(args)
        .env_clear()
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

fn text(output: &Output) -> String {
    String::from_utf8_lossy(&[output.stdout.clone(), output.stderr.clone()].concat()).into_owned()
}

fn file(text: &str) -> tempfile::NamedTempFile {
    let mut file = tempfile::Builder::new().suffix(".toml").tempfile().unwrap();
    file.write_all(text.as_bytes()).unwrap();
    file
}

/// A running agent; killed when dropped.
struct Running {
    child: std::process::Child,
    port: u16,
}

impl Running {
    fn start(config: &Path, port: u16) -> Self {
        let child = erpscope(&["run", "--config", config.to_str().unwrap()]).spawn().unwrap();
        Self { child, port }
    }

    async fn metrics(&self) -> String {
        get(&format!("http://127.0.0.1:{}/metrics", self.port)).await.1
    }

    async fn until(&self, what: &str, wanted: impl Fn(&str) -> bool) -> String {
        for _ in 0..600 {
            let url = format!("http://127.0.0.1:{}/metrics", self.port);
            if let Ok(answer) = http().get(&url).send().await {
                let metrics = answer.text().await.unwrap();
                if wanted(&metrics) {
                    return metrics;
                }
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("not within 30 s: {what}");
    }

    fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(i32::try_from(self.child.id()).unwrap()), signal).unwrap();
    }

    /// Ends it as a supervisor would, and returns everything it has written.
    fn stop(mut self) -> String {
        self.signal(Signal::SIGTERM);
        let mut written = String::new();
        self.child.stdout.take().unwrap().read_to_string(&mut written).unwrap();
        self.child.stderr.take().unwrap().read_to_string(&mut written).unwrap();
        let status = self.child.wait().unwrap();
        assert!(status.success(), "{status}: {written}");
        written
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ended = self.child.kill();
        let _reaped = self.child.wait();
    }
}

fn free_port() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

#[test]
fn a_bad_config_is_told_whole_and_nothing_starts() {
    let config = file("listen = 1\n[statements]\ninterval = 'never'\n");
    for args in [&["run"][..], &["run", "--check-config"], &["check"]] {
        let output =
            erpscope(args).args(["--config", config.path().to_str().unwrap()]).output().unwrap();
        let words = text(&output);
        assert!(!output.status.success());
        for part in [":1: listen", ":3: statements.interval", "no server to watch"] {
            assert!(words.contains(part), "{part} in {words}");
        }
    }
}

#[test]
fn a_good_config_is_said_to_be_good() {
    let output =
        erpscope(&["run", "--check-config", "--url", "postgres://u@h/d"]).output().unwrap();
    assert!(
        output.status.success() && text(&output).contains("the config is good: 1 server"),
        "{}",
        text(&output)
    );
}

#[test]
fn a_bad_profile_is_told_with_its_file_and_line_wherever_its_path_comes_from() {
    let profile = file("name = 'ours'\nextends = 'odo'\n");
    let path = profile.path().to_str().unwrap();
    let config = file(&format!("profiles = ['{path}']\n[[server]]\n"));
    let mut by_file = erpscope(&["run", "--check-config"]);
    by_file.args(["--config", config.path().to_str().unwrap()]);
    let mut by_variable = erpscope(&["run", "--check-config", "--url", "postgres://u@h/d"]);
    by_variable.env("ERPSCOPE_PROFILES", path);
    for command in [&mut by_file, &mut by_variable] {
        let output = command.output().unwrap();
        let words = text(&output);
        assert!(!output.status.success(), "{words}");
        assert!(
            words.contains(&format!("{path}:2: extends: there is no profile \"odo\"")),
            "{words}"
        );
    }
}

#[test]
fn a_taken_port_ends_the_program_with_a_clear_message() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let listen = taken.local_addr().unwrap().to_string();
    let output = erpscope(&["run", "--url", "postgres://u@127.0.0.1:1/d", "--listen", &listen])
        .output()
        .unwrap();
    assert!(!output.status.success());
    assert!(text(&output).contains(&format!("cannot listen on {listen}")), "{}", text(&output));
    assert_eq!(text(&output).matches("os error").count(), 1, "told once: {}", text(&output));
}

#[test]
fn a_reader_that_goes_away_is_no_fault() {
    let mut child = erpscope(&["setup", "--pg-version", "15"]).spawn().unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success() && output.stderr.is_empty(), "{}", text(&output));
}

#[tokio::test]
async fn sighup_takes_up_a_good_config_and_keeps_the_old_one_for_a_bad_one() {
    let cluster = cluster(&Options::default()).await;
    let port = free_port();
    let with = |name: &str, rest: &str| {
        format!(
            "listen = '127.0.0.1:{port}'\n[database]\ninterval = '1s'\n[[server]]\nname = '{name}'\nport = {}\nhost = '127.0.0.1'\n{rest}",
            cluster.port()
        )
    };
    let config = file(&with("before", ""));
    let running = Running::start(config.path(), port);
    running.until("up", |m| m.contains("erpscope_up{server=\"before\"} 1")).await;
    std::fs::write(config.path(), with("bad", "port = 'x'\n")).unwrap();
    running.signal(Signal::SIGHUP);
    std::fs::write(config.path(), with("after", "")).unwrap();
    // The first signal may be handled before or after the file was mended: both are fine.
    running.signal(Signal::SIGHUP);
    let metrics =
        running.until("reloaded", |m| m.contains("erpscope_up{server=\"after\"} 1")).await;
    assert!(!metrics.contains("server=\"before\""));
    std::fs::write(config.path(), "nonsense").unwrap();
    running.signal(Signal::SIGHUP);
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert!(running.metrics().await.contains("erpscope_up{server=\"after\"} 1"));
    let written = running.stop();
    assert!(written.contains("the old one stays") && written.contains(":1: not TOML"), "{written}");
}

#[tokio::test]
async fn sighup_takes_up_the_level_of_the_log_and_tells_warnings() {
    let cluster = cluster(&Options::default()).await;
    let port = free_port();
    let with = |level: &str, name: &str, password: &str| {
        format!(
            "listen = '127.0.0.1:{port}'\nlog.level = '{level}'\n[[server]]\nname = '{name}'\nhost = '127.0.0.1'\nport = {}\n{password}",
            cluster.port()
        )
    };
    let config = file(&with("warn", "before", ""));
    let running = Running::start(config.path(), port);
    running.until("up", |m| m.contains("erpscope_up{server=\"before\"} 1")).await;
    let absent = "password_file = '/nowhere/password'\n";
    std::fs::write(config.path(), with("info", "after", absent)).unwrap();
    running.signal(Signal::SIGHUP);
    running.until("reloaded", |m| m.contains("reason=\"password_source\"")).await;
    let written = running.stop();
    for part in ["the config was reloaded", "it is looked for at each connection"] {
        assert!(written.contains(part), "{part} in {written}");
    }
    assert!(!written.contains("serving"), "said before the level was changed: {written}");
}

#[tokio::test]
async fn no_secret_is_ever_written() {
    const SECRETS: [&str; 4] = ["hunter2-file", "hunter2-url", "hunter2-right", "hunter2-literal"];
    let cluster = cluster(
        &Options::default()
            .hba("host all erpscope all scram-sha-256")
            .hba("host all wrong all scram-sha-256"),
    )
    .await;
    let client = admin(&cluster).await;
    client
        .batch_execute("set password_encryption = 'scram-sha-256'; create role wrong login password 'x'; alter role erpscope password 'hunter2-right'")
        .await
        .unwrap();
    let password = file("hunter2-right\n");
    let wrong = file("hunter2-file\n");
    let (port, pg) = (free_port(), cluster.port());
    let config = file(&format!(
        "listen = '127.0.0.1:{port}'\nlog.level = 'trace'\n[statements]\ninterval = '1s'\ntexts_interval = '1s'\n\
         [[server]]\nname = 'good'\nhost = '127.0.0.1'\nport = {pg}\npassword_file = '{}'\n\
         [[server]]\nname = 'wrong'\nhost = '127.0.0.1'\nport = {pg}\nuser = 'wrong'\npassword_file = '{}'\n\
         [[server]]\nname = 'url'\nurl = 'postgres://wrong:hunter2-url@127.0.0.1:{pg}/postgres'\n\
         [[server]]\nname = 'nowhere'\nurl = 'postgres://wrong:hunter2-url@no-such-host.invalid/postgres'\n",
        password.path().display(),
        wrong.path().display(),
    ));
    let running = Running::start(config.path(), port);
    running.until("up", |m| m.contains("erpscope_up{server=\"good\"} 1")).await;
    running
        .until("the others are refused", |m| {
            m.matches("reason=\"password\"").count() == 2 && m.contains("reason=\"host\"")
        })
        .await;
    for _ in 0..5 {
        client.batch_execute("alter role wrong password 'hunter2-literal'").await.unwrap();
        client.simple_query("select 'hunter2-literal' as a").await.unwrap();
        client
            .batch_execute("do $body$ begin perform 'hunter2-literal'; end $body$")
            .await
            .unwrap();
    }
    let metrics = running.until("its text", |m| m.contains("alter role wrong password")).await;
    let base = format!("http://127.0.0.1:{port}");
    let mut seen = metrics;
    for path in ["/", "/readyz", "/api/v1/statements?limit=5000", "/nowhere"] {
        seen.push_str(&get(&format!("{base}{path}")).await.1);
    }
    seen.push_str(&running.stop());
    let check = erpscope(&["check", "--config", config.path().to_str().unwrap()]).output().unwrap();
    seen.push_str(&text(&check));
    let config = std::fs::read_to_string(config.path())
        .unwrap()
        .replace("[[server]]\nname = 'url'", "[[server]]\nnam = 'url'\nport = 'x'");
    let broken = file(&config);
    seen.push_str(&text(
        &erpscope(&["run", "--config", broken.path().to_str().unwrap()]).output().unwrap(),
    ));
    for secret in SECRETS {
        let at =
            seen.find(secret).map(|at| &seen[at.saturating_sub(200)..(at + 50).min(seen.len())]);
        assert!(at.is_none(), "{secret} was written: {at:?}");
    }
}

#[tokio::test]
async fn a_message_is_written_once_and_not_once_a_try() {
    let cluster = Cluster::start(&Options::default().hba("host all erpscope all scram-sha-256"))
        .await
        .unwrap();
    admin(&cluster).await.batch_execute("create role erpscope login").await.unwrap();
    let port = free_port();
    let config = file(&format!(
        "listen = '127.0.0.1:{port}'\n[[server]]\nname = 'erp'\nurl = 'postgres://erpscope:wrong@127.0.0.1:{}/postgres'\n",
        cluster.port()
    ));
    let running = Running::start(config.path(), port);
    running.until("down", |m| m.contains("reason=\"password\"")).await;
    // Several tries: the server's log counts them.
    for _ in 0..600 {
        if cluster.log().matches("password authentication failed").count() >= 3 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert!(cluster.log().matches("password authentication failed").count() >= 3);
    let written = running.stop();
    assert_eq!(written.matches("does not accept the password").count(), 1, "{written}");
}

#[tokio::test]
async fn locks_of_one_server_are_told_when_another_is_down() {
    let cluster = cluster(&Options::default()).await;
    let config = file(&format!(
        "[[server]]\nname = 'good'\nhost = '127.0.0.1'\nport = {}\n[[server]]\nname = 'down'\nhost = '127.0.0.1'\nport = 1\n",
        cluster.port()
    ));
    let config = config.path().to_str().unwrap().to_owned();
    let output = erpscope(&["locks", "--config", &config]).output().unwrap();
    let words = text(&output);
    assert!(!output.status.success());
    assert!(
        words.contains("good: nobody waits for a lock") && words.contains("down: cannot connect"),
        "{words}"
    );
    let output = erpscope(&["locks", "--format", "json", "--config", &config]).output().unwrap();
    let answers: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(answers[0]["victims"], 0);
    assert!(answers[1]["error"].as_str().unwrap().contains("cannot connect"));
}

#[tokio::test]
async fn check_and_setup_answer_on_standard_output_with_an_exit_status() {
    let cluster = Cluster::start(&Options::default()).await.unwrap();
    let url = cluster.url("postgres");
    let output = erpscope(&["check", "--url", &url]).output().unwrap();
    assert!(!output.status.success());
    assert!(text(&output).contains("create extension pg_stat_statements;"), "{}", text(&output));
    admin(&cluster).await.batch_execute("create extension pg_stat_statements").await.unwrap();
    let output = erpscope(&["check", "--format", "json", "--url", &url]).output().unwrap();
    assert!(output.status.success(), "{}", text(&output));
    let reports: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(reports[0]["findings"][0]["status"], "ok");
    let output = erpscope(&["setup", "--url", &url]).output().unwrap();
    assert!(text(&output).contains("grant pg_monitor to \"erpscope\""), "{}", text(&output));
    let output = erpscope(&["setup", "--pg-version", "17"]).output().unwrap();
    assert!(text(&output).contains("PostgreSQL 17") && output.status.success());
}

#[test]
fn setup_says_when_no_server_could_be_asked_and_refuses_a_config_with_faults() {
    let folder = tempfile::tempdir().unwrap();
    let setup = |args: &[&str]| {
        let output = erpscope(&["setup"]).args(args).current_dir(&folder).output().unwrap();
        let told = String::from_utf8(output.stderr).unwrap();
        (output.status.success(), String::from_utf8(output.stdout).unwrap(), told)
    };
    let (is_good, sql, told) = setup(&[]);
    assert!(is_good && sql.contains("grant pg_monitor to \"erpscope\""), "{sql}{told}");
    assert!(told.contains("no server is named; so this is for PostgreSQL 15"), "{told}");
    let (is_good, sql, told) = setup(&["--url", "postgres://u:hunter2@127.0.0.1:1/postgres"]);
    assert!(is_good && sql.contains("PostgreSQL 15"), "{sql}{told}");
    assert!(told.contains("cannot connect") && told.contains("--pg-version"), "{told}");
    assert!(!told.contains("hunter2"), "{told}");
    assert_eq!(setup(&["--pg-version", "17"]).2, "");
    std::fs::write(folder.path().join("erpscope.toml"), "[[server]]\nport = 0\n").unwrap();
    let (is_good, sql, told) = setup(&[]);
    assert!(
        !is_good && sql.is_empty() && told.contains("erpscope.toml:2: server[0].port"),
        "{told}"
    );
}

#[tokio::test]
async fn the_agent_is_asked_straight_whatever_proxy_the_environment_names() {
    let port = free_port();
    let server = "[[server]]\nhost = '127.0.0.1'\nport = 1\n";
    let config = file(&format!("listen = '127.0.0.1:{port}'\n{server}"));
    let agent = Running::start(config.path(), port);
    agent.until("served", |metrics| metrics.contains("erpscope_up")).await;
    let mut health = erpscope(&["health", "--config", config.path().to_str().unwrap()]);
    for name in ["HTTP_PROXY", "http_proxy", "ALL_PROXY"] {
        health.env(name, "http://127.0.0.1:1");
    }
    let output = health.output().unwrap();
    assert!(output.status.success(), "{}", text(&output));
}
