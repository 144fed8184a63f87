//! The queues of a real RabbitMQ, where one is installed (Debian: rabbitmq-server).

use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use erpscope::config::Config;
use erpscope::integration::meter::broker::{Depth, Queue};
use erpscope::track::findings::Severity;
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;

use crate::rig::{Rig, config, declaring, http, server_of};

/// A node of its own, with a folder, ports and a port mapper of its own.
struct RabbitMq {
    node: Child,
    folder: tempfile::TempDir,
    api: u16,
    mapper: u16,
}

/// The newest one's programs.
fn programs() -> Option<PathBuf> {
    let versions = std::fs::read_dir("/usr/lib/rabbitmq/lib").ok()?;
    let folders = versions.filter_map(|entry| Some(entry.ok()?.path().join("sbin")));
    folders.filter(|sbin| sbin.join("rabbitmq-server").is_file()).max()
}

fn free_port() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

impl RabbitMq {
    async fn start(sbin: &Path) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        let [amqp, api, distribution, mapper] = [(); 4].map(|()| free_port());
        let conf = format!(
            "listeners.tcp.1 = 127.0.0.1:{amqp}\nmanagement.tcp.ip = 127.0.0.1\nmanagement.tcp.port = {api}\n\
             collect_statistics_interval = 1000\n"
        );
        std::fs::write(path("rabbitmq.conf"), conf).unwrap();
        std::fs::write(path("enabled_plugins"), "[rabbitmq_management].").unwrap();
        let node = Command::new(sbin.join("rabbitmq-server"))
            .current_dir(folder.path())
            .env("HOME", folder.path())
            .env("RABBITMQ_NODENAME", format!("erpscope{api}@localhost"))
            .env("RABBITMQ_MNESIA_BASE", path("mnesia"))
            .env("RABBITMQ_LOG_BASE", path("log"))
            .env("RABBITMQ_ENABLED_PLUGINS_FILE", path("enabled_plugins"))
            .env("RABBITMQ_CONFIG_FILE", path("rabbitmq.conf"))
            .env("RABBITMQ_DIST_PORT", distribution.to_string())
            .env("ERL_EPMD_PORT", mapper.to_string())
            .env("ERL_EPMD_ADDRESS", "127.0.0.1")
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .process_group(0)
            .spawn()
            .unwrap();
        let broker = Self { node, folder, api, mapper };
        for _ in 0..600 {
            let overview = http().get(broker.url("overview")).basic_auth("guest", Some("guest"));
            if overview.send().await.is_ok_and(|answer| answer.status().is_success()) {
                return broker;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        panic!("RabbitMQ in {} does not answer within a minute", broker.folder.path().display());
    }

    fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}/api/{path}", self.api)
    }

    async fn put(&self, path: &str, body: &str) {
        let request = http().put(self.url(path)).basic_auth("guest", Some("guest"));
        let answer = request.body(body.to_owned()).send().await.unwrap();
        assert!(answer.status().is_success(), "{path}: {}", answer.status());
    }

    async fn post(&self, path: &str, body: &str) {
        let request = http().post(self.url(path)).basic_auth("guest", Some("guest"));
        let answer = request.body(body.to_owned()).send().await.unwrap();
        assert!(answer.status().is_success(), "{path}: {}", answer.status());
    }

    async fn publish(&self, queue: &str, count: usize) {
        let body = format!(
            r#"{{"properties":{{}},"routing_key":"{queue}","payload":"x","payload_encoding":"string"}}"#
        );
        for _ in 0..count {
            self.post("exchanges/%2F/amq.default/publish", &body).await;
        }
    }

    /// Takes so many, done with them.
    async fn fetch(&self, queue: &str, count: usize) {
        let body =
            format!(r#"{{"count":{count},"ackmode":"ack_requeue_false","encoding":"auto"}}"#);
        self.post(&format!("queues/%2F/{queue}/get"), &body).await;
    }
}

impl Drop for RabbitMq {
    fn drop(&mut self) {
        // The node is a child of the script, and the port mapper a daemon of its own.
        let group = Pid::from_raw(self.node.id().cast_signed());
        let _has_ended = killpg(group, Signal::SIGKILL);
        let _status = self.node.wait();
        let mapper = self.mapper.to_string();
        for _ in 0..50 {
            let mut end = Command::new("epmd");
            let end = end.args(["-port", &mapper, "-kill"]).stdout(Stdio::null()).status();
            if end.is_ok_and(|status| status.success()) {
                break;
            }
            std::thread::sleep(Duration::from_millis(100));
        }
    }
}

async fn until(rig: &Rig, what: &str, wanted: impl Fn(&[Queue]) -> bool) -> Vec<Queue> {
    let mut last = None;
    for _ in 0..600 {
        let snapshot = rig.snapshot();
        last = snapshot.intake.broker.brokers.get("mq").cloned();
        if let Some(broker) = last.as_ref().filter(|b| b.is_up && wanted(&b.queues)) {
            return broker.queues.clone();
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("not within 30 s: {what}\n{last:#?}");
}

fn queue<'a>(queues: &'a [Queue], name: &str) -> Option<&'a Queue> {
    queues.iter().find(|queue| &*queue.name == name)
}

fn depth(queues: &[Queue], name: &str) -> Depth {
    queue(queues, name).and_then(|queue| queue.depth).unwrap_or_default()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn queues_of_a_real_rabbitmq_are_seen_and_one_that_nobody_consumes_is_found() {
    let Some(sbin) = programs() else {
        println!("skipped: no RabbitMQ is installed (Debian: apt-get install rabbitmq-server)");
        return;
    };
    let broker = RabbitMq::start(&sbin).await;
    let user = r#"{"password":"hunter2","tags":"monitoring"}"#;
    broker.put("users/erpscope", user).await;
    let none = r#"{"configure":"^$","write":"^$","read":"^$"}"#;
    broker.put("permissions/%2F/erpscope", none).await;
    broker.put("queues/%2F/orders.new", r#"{"durable":true}"#).await;
    let quorum = r#"{"durable":true,"arguments":{"x-queue-type":"quorum"}}"#;
    broker.put("queues/%2F/stock.moves", quorum).await;
    let stream = r#"{"durable":true,"arguments":{"x-queue-type":"stream"}}"#;
    broker.put("queues/%2F/orders.log", stream).await;
    let expiring = r#"{"durable":true,"arguments":{"x-expires":3600000}}"#;
    broker.put("queues/%2F/reply.1", expiring).await;
    let text = format!(
        "[[rabbitmq]]\nname='mq'\nurl='http://127.0.0.1:{}'\npassword='hunter2'\nvhosts=['/']\n\
         modules=['orders.*=sales']\ninterval='1s'\n",
        broker.api
    );
    let rig = Rig::start(watching(&text));
    until(&rig, "both", |all| {
        ["orders.new", "stock.moves"]
            .iter()
            .all(|name| queue(all, name).is_some_and(|q| q.depth.is_some()))
    })
    .await;
    broker.publish("orders.new", 5).await;
    broker.publish("stock.moves", 3).await;
    let came = until(&rig, "what came", |all| {
        let passed = |name| queue(all, name).map_or(0, |queue| queue.passed.published);
        depth(all, "orders.new").ready == 5
            && depth(all, "stock.moves").ready == 3
            && (passed("orders.new"), passed("stock.moves")) == (5, 3)
    })
    .await;
    assert_eq!(&*queue(&came, "orders.new").unwrap().module, "sales");
    assert_eq!(depth(&came, "orders.new").consumers, Some(0));
    assert_eq!(queue(&came, "orders.log").map(|stream| stream.depth), Some(None), "a stream");
    assert!(queue(&came, "reply.1").is_none(), "it goes when nobody uses it");
    let found = finding(&rig).await;
    assert!(found.contains("nobody consumes"), "{found}");
    broker.fetch("orders.new", 2).await;
    until(&rig, "what was done", |all| {
        let orders = queue(all, "orders.new");
        depth(all, "orders.new").ready == 3 && orders.is_some_and(|queue| queue.passed.done == 2)
    })
    .await;
    broker.put("users/erpscope", r#"{"password":"another","tags":"monitoring"}"#).await;
    let mut refused = None;
    for _ in 0..600 {
        let snapshot = rig.snapshot();
        refused = snapshot.intake.broker.brokers.get("mq").filter(|b| !b.is_up).cloned();
        if refused.is_some() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let refused = refused.expect("it is refused within 30 s");
    assert!(refused.failures.contains_key("login"), "{refused:?}");
    rig.agent.stop().await;
}

/// Rules that look as soon as they can.
fn watching(text: &str) -> Config {
    let mut config = declaring(text, config(vec![server_of(1)]));
    let second = Duration::from_secs(1);
    let finding = &mut config.finding;
    (finding.interval, finding.warm_up, finding.open_after) = (second, second, second);
    finding.window = 4 * second;
    let limits = &mut finding.rules.get_mut("message_queues").unwrap().limits;
    limits.insert("idle", 1.0);
    config
}

async fn finding(rig: &Rig) -> String {
    for _ in 0..600 {
        let all = rig.snapshot().findings.findings.clone();
        let is_it = |subject: &str| subject == "mq: orders.new in /";
        if let Some(found) = all.iter().find(|found| is_it(&found.candidate.subject)) {
            assert_eq!(found.candidate.severity, Severity::Warning);
            return found.candidate.summary.clone();
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("nothing was found within 30 s: {:?}", rig.snapshot().findings.findings);
}
