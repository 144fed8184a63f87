//! One look at all queues of a RabbitMQ, page by page.
//!
//! <https://www.rabbitmq.com/docs/management>: pages have 500 queues at most, and are not sorted by
//! anything that the broker would have to compute for all of its queues; of each queue only the columns
//! that are needed are asked for.

use std::fmt::Display;
use std::time::Duration;

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use reqwest::{Client, Response, StatusCode};
use serde::Deserialize;
use serde_json::Value;

use crate::config::{self, Broker, PasswordError};
use crate::integration::meter::broker::{Depth, Expiry, Passed};

/// Queues of a page: the API gives no more.
const PAGE: u64 = 500;
/// Queues that are read of a broker; what is beyond is counted.
const MOST: usize = 10_000;
/// Bytes of a page.
const MOST_BYTES: usize = 4 << 20;
/// Characters of what is said of a failure.
const DETAIL: usize = 300;

const COLUMNS: &str = "name,vhost,type,exclusive,auto_delete,arguments.x-expires,arguments.x-message-ttl,\
     arguments.x-dead-letter-exchange,effective_policy_definition.expires,effective_policy_definition.message-ttl,\
     effective_policy_definition.dead-letter-exchange,messages_ready,messages_unacknowledged,consumers,\
     message_stats.publish,message_stats.deliver_get,message_stats.ack,message_stats.deliver_no_ack,\
     message_stats.get_no_ack,message_stats.redeliver";

/// What a look brought.
#[derive(Debug, Default)]
pub(super) struct Look {
    /// Queues.
    pub(super) queues: Vec<Reading>,
    /// Queues that were beyond [`MOST`].
    pub(super) unseen: u64,
}

/// One queue, as the broker tells of it.
#[derive(Clone, Debug, Default)]
pub(super) struct Reading {
    pub(super) vhost: String,
    pub(super) name: String,
    /// `None` where the broker tells no figures.
    pub(super) depth: Option<Depth>,
    /// Since the queue or the broker began; `None` where the broker tells none, as of a queue that nothing has passed yet.
    pub(super) passed: Option<Passed>,
    /// What becomes of messages that wait for long; `None` if they stay.
    pub(super) expiry: Option<Expiry>,
    /// It comes and goes with a connection or its consumers, or goes when nobody uses it.
    pub(super) is_passing: bool,
    /// What is in it stays when it is read: it has no depth.
    pub(super) is_stream: bool,
}

/// Why a look brought nothing.
#[derive(Debug)]
pub(super) struct Trouble {
    /// Bounded cause: password, connect, timeout, login, missing, status, too_large, broken, unreadable.
    pub(super) kind: &'static str,
    /// What, where, what to do.
    pub(super) message: String,
}

impl Trouble {
    fn new(kind: &'static str, config: &Broker, what: impl Display) -> Self {
        let host = config.url.host().unwrap_or_default();
        let message =
            format!("the queues of RabbitMQ {} at {host} are not seen: {what}", config.name);
        let plain = message.chars().take(DETAIL).map(|c| if c.is_control() { ' ' } else { c });
        Self { kind, message: plain.collect() }
    }

    /// It took longer than it may.
    pub(super) fn late(config: &Broker) -> Self {
        let what = format!(
            "no whole answer within {:?}; a broker with very many queues needs a longer `timeout` and \
             `interval`, or name its `vhosts`",
            config.timeout
        );
        Self::new("timeout", config, what)
    }
}

/// A page of the API.
#[derive(Deserialize)]
struct Page {
    items: Vec<Item>,
    #[serde(rename = "page_count")]
    pages: u64,
    #[serde(rename = "filtered_count")]
    all: u64,
}

#[derive(Deserialize)]
struct Item {
    name: String,
    vhost: String,
    #[serde(default, rename = "type")]
    kind: Value,
    #[serde(default)]
    arguments: Value,
    /// Of policies, those of operators included.
    #[serde(default, rename = "effective_policy_definition")]
    policy: Value,
    #[serde(default)]
    exclusive: Value,
    #[serde(default)]
    auto_delete: Value,
    messages_ready: Option<u64>,
    messages_unacknowledged: Option<u64>,
    consumers: Option<u64>,
    #[serde(default)]
    message_stats: Value,
}

/// Looks at all queues.
pub(super) async fn queues(client: &Client, config: &Broker) -> Result<Look, Trouble> {
    let password = config::secret(&config.password);
    let password =
        password.map_err(|error: PasswordError| Trouble::new("password", config, error))?;
    let ask = async |path: &str, page: u64| {
        let base = config.url.to_string();
        let url = format!(
            "{}/api/queues{path}?page={page}&page_size={PAGE}&columns={COLUMNS}",
            base.trim_end_matches('/')
        );
        let login = password.as_ref().map(config::Secret::reveal);
        client.get(url).basic_auth(&config.user, login).send().await
    };
    let paths: Vec<String> = match config.vhosts.as_slice() {
        [] => vec![String::new()],
        vhosts => vhosts.iter().map(|vhost| format!("/{}", encoded(vhost))).collect(),
    };
    let mut look = Look::default();
    for path in &paths {
        let mut read = 0;
        for number in 1.. {
            let answer = ask(path, number).await.map_err(|error| unsent(config, error))?;
            // Queues have gone while their pages were read.
            if number > 1 && answer.status() == StatusCode::BAD_REQUEST {
                break;
            }
            let page = page(config, answer).await?;
            read += page.items.len() as u64;
            look.queues.extend(page.items.into_iter().map(Reading::from));
            if number >= page.pages {
                break;
            }
            if look.queues.len() >= MOST {
                look.unseen += page.all.saturating_sub(read);
                break;
            }
        }
    }
    Ok(look)
}

fn encoded(vhost: &str) -> String {
    utf8_percent_encode(vhost, NON_ALPHANUMERIC).to_string()
}

async fn page(config: &Broker, mut answer: Response) -> Result<Page, Trouble> {
    let trouble = |kind, what: &str| Err(Trouble::new(kind, config, what));
    match answer.status() {
        StatusCode::OK => {}
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
            return trouble(
                "login",
                "it refuses the user; check `user` and its password, and that it has the tag monitoring \
                 (rabbitmqctl set_user_tags USER monitoring) and may see the virtual host",
            );
        }
        StatusCode::NOT_FOUND => {
            return trouble(
                "missing",
                "there is no such API or virtual host; check `url` and `vhosts`, and that the plugin is on \
                 (rabbitmq-plugins enable rabbitmq_management)",
            );
        }
        status => {
            let what = format!("it answers HTTP {}; see the broker's log", status.as_u16());
            return trouble("status", &what);
        }
    }
    let mut body = Vec::new();
    while let Some(bytes) = answer.chunk().await.map_err(|error| unsent(config, error))? {
        body.extend_from_slice(&bytes);
        if body.len() > MOST_BYTES {
            return trouble(
                "too_large",
                "a page of its answer is larger than 4 MiB; is `url` right?",
            );
        }
    }
    serde_json::from_slice(&body).or_else(|_| {
        trouble(
            "unreadable",
            "its answer is no page of queues; check that `url` is that of the management API",
        )
    })
}

/// No answer, or half of one. A URL is in none of the words.
fn unsent(config: &Broker, error: reqwest::Error) -> Trouble {
    let kind = if error.is_connect() { "connect" } else { "broken" };
    let error = error.without_url();
    let causes = std::iter::successors(Some(&error as &dyn std::error::Error), |e| e.source());
    let words: Vec<String> = causes.map(ToString::to_string).collect();
    let what = format!("{}; check `url` and that the broker runs", words.join(": "));
    Trouble::new(kind, config, what)
}

impl From<Item> for Reading {
    fn from(item: Item) -> Self {
        let is = |value: &Value| value.as_bool().unwrap_or(false);
        let is_stream = item.kind.as_str() == Some("stream");
        let depth = item.messages_ready.filter(|_| !is_stream).map(|ready| Depth {
            ready,
            unacked: item.messages_unacknowledged.unwrap_or(0),
            consumers: item.consumers,
        });
        // The broker names queues so that were declared without a name.
        let is_generated = item.name.starts_with("amq.");
        let expires = said(&item, "x-expires", "expires").next().is_some();
        let is_passing = is(&item.exclusive) || is(&item.auto_delete) || is_generated || expires;
        let expiry = expiry(&item).filter(|_| !is_stream);
        let passed = passed(&item.message_stats);
        let (vhost, name) = (item.vhost, item.name);
        Self { vhost, name, depth, passed, expiry, is_passing, is_stream }
    }
}

/// What the queue's argument and the policy say of a thing, if they do.
fn said<'a>(item: &'a Item, argument: &str, key: &str) -> impl Iterator<Item = &'a Value> {
    let both = [item.arguments.get(argument), item.policy.get(key)];
    both.into_iter().flatten().filter(|value| !value.is_null())
}

/// The lower of two times holds (<https://www.rabbitmq.com/docs/parameters#policies>).
fn expiry(item: &Item) -> Option<Expiry> {
    let times = said(item, "x-message-ttl", "message-ttl").filter_map(Value::as_u64);
    let after = Duration::from_millis(times.min()?);
    let is_passed_on =
        said(item, "x-dead-letter-exchange", "dead-letter-exchange").next().is_some();
    Some(Expiry { after, is_passed_on })
}

fn passed(stats: &Value) -> Option<Passed> {
    let stats = stats.as_object().filter(|stats| !stats.is_empty())?;
    let counter = |name: &str| stats.get(name).and_then(Value::as_u64).unwrap_or(0);
    Some(Passed {
        published: counter("publish"),
        delivered: counter("deliver_get"),
        done: counter("ack") + counter("deliver_no_ack") + counter("get_no_ack"),
        redelivered: counter("redeliver"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(more: &str) -> Reading {
        let text = format!(r#"{{"name":"a","vhost":"/","messages_ready":7{more}}}"#);
        serde_json::from_str::<Item>(&text).unwrap().into()
    }

    #[test]
    fn a_stream_has_no_depth_and_what_is_not_told_is_not_known() {
        let stream = read(r#","type":"stream","consumers":0,"message_stats":{"publish":9}"#);
        assert_eq!((stream.is_stream, stream.depth), (true, None));
        assert_eq!(stream.passed.map(|passed| passed.published), Some(9));
        let classic = read(r#","type":"classic","message_stats":{}"#);
        let depth = Depth { ready: 7, unacked: 0, consumers: None };
        assert_eq!((classic.is_stream, classic.depth), (false, Some(depth)));
        assert_eq!((classic.passed, read("").passed), (None, None));
        assert_eq!(read(r#","consumers":0"#).depth.and_then(|depth| depth.consumers), Some(0));
    }

    #[test]
    fn queues_that_come_and_go_are_those_of_a_connection_without_a_name_or_that_expire() {
        for more in [
            r#","exclusive":true"#,
            r#","auto_delete":true"#,
            r#","arguments":{"x-expires":60000}"#,
            r#","arguments":{},"effective_policy_definition":{"expires":60000}"#,
        ] {
            assert!(read(more).is_passing, "{more}");
        }
        for more in [
            "",
            r#","arguments":{}"#,
            r#","arguments":[],"exclusive":"","effective_policy_definition":[]"#,
            r#","effective_policy_definition":{"max-length":5}"#,
        ] {
            assert!(!read(more).is_passing, "{more}");
        }
    }

    #[test]
    fn messages_expire_by_an_argument_or_a_policy_whichever_is_sooner() {
        let expiry = |more: &str| {
            let expiry = read(more).expiry;
            expiry.map(|expiry| (expiry.after.as_millis(), expiry.is_passed_on))
        };
        assert_eq!(expiry(r#","arguments":{"x-message-ttl":5000}"#), Some((5_000, false)));
        let policy =
            r#","effective_policy_definition":{"message-ttl":3000,"dead-letter-exchange":""}"#;
        assert_eq!(expiry(policy), Some((3_000, true)));
        let both = format!(r#"{policy},"arguments":{{"x-message-ttl":1000}}"#);
        assert_eq!(expiry(&both), Some((1_000, true)));
        let others =
            r#","arguments":{"x-dead-letter-exchange":"x"},"effective_policy_definition":"""#;
        assert_eq!((expiry(""), expiry(others)), (None, None));
        assert_eq!(expiry(&format!(r#"{policy},"type":"stream""#)), None, "readers leave it there");
    }
}
