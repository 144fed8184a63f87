//! Records that are there twice, on a real server: what statistics see, what is counted, and what is left alone.

use std::time::Duration;

use erpscope::config::{Config, Hours};
use erpscope::demo::cluster::{Cluster, Options};
use erpscope::erp::Profiles;
use erpscope::sample::duplicates::{to_keep_out, to_see};
use erpscope::sample::{Outcome, Sampler};
use erpscope::state::ServerSnapshot;
use erpscope::track::duplicates::{Key, Known};
use erpscope::track::findings::Severity;

use crate::rig::{Rig, admin, cluster, config, server, until_true, value};
use crate::upkeep::ran;

/// Five hundred parties; one in fifty is there twice, with other letters and spaces around.
const PARTIES: &str = "
    create table party (id serial primary key, email varchar, vat text, active bool not null, code text, client int not null);
    insert into party (email, vat, active, code, client)
    select 'secret' || i || '@example.com', 'DE ' || i, true, 'P' || i, 1 from generate_series(1, 500) i;
    insert into party (email, vat, active, code, client)
    select ' Secret' || i || '@example.com', 'de-' || i, i % 100 = 0, 'P' || i, 1 from generate_series(1, 500) i where i % 50 = 0;
    insert into party (email, vat, active, code, client) select ' ', (array['/', '-', null])[i % 3 + 1], true, '', 1 from generate_series(1, 30) i;
    analyze party";

const KEYS: &str = "
name = 'ours'
[[key]]
name = 'email'
table = 'party'
columns = ['email']
fold = 'lower'
[[key]]
name = 'vat'
table = 'party'
columns = ['vat']
fold = 'compact'
only = { active = 'true' }
[[key]]
name = 'code'
table = 'party'
columns = ['client', 'code']
";

/// Statistics are looked at every second, in these words.
fn looking(cluster: &Cluster, keys: &str) -> Config {
    let mut server = server(cluster);
    server.erp = Some("ours".to_owned());
    let mut config = config(vec![server]);
    let mut profiles = Profiles::default();
    profiles.add(keys).unwrap();
    config.profiles = profiles;
    config.duplicates.interval = Duration::from_secs(1);
    config
}

/// Keys are counted every second, too.
fn counting(cluster: &Cluster, keys: &str) -> Config {
    let mut config = looking(cluster, keys);
    config.duplicates.count = true;
    config.duplicates.quiet_hours = Hours::ALWAYS;
    config.duplicates.count_interval = Duration::from_secs(1);
    config
}

fn key<'a>(server: &'a ServerSnapshot, name: &str) -> Option<&'a Key> {
    let database = server.duplicates.databases.get("postgres")?;
    database.keys.iter().find(|key| &*key.now.key.name == name)
}

fn surplus(server: &ServerSnapshot, name: &str) -> Option<(u64, Known)> {
    key(server, name)?.surplus()
}

fn unread(server: &ServerSnapshot, name: &str) -> Option<&'static str> {
    let database = server.duplicates.databases.get("postgres")?;
    database.unread.iter().find(|(unread, _)| &**unread == name).map(|(_, reason)| *reason)
}

fn lines(text: &str) -> Vec<&str> {
    text.lines().filter(|line| line.contains("duplicate")).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn statistics_tell_of_equal_keys_and_counting_of_those_that_differ_in_letters_too() {
    let cluster = cluster(&Options::default()).await;
    let admin = admin(&cluster).await;
    admin.batch_execute(PARTIES).await.unwrap();
    admin
        .batch_execute("grant select (email, vat, active, code, client) on party to erpscope")
        .await
        .unwrap();
    let rig = Rig::start(looking(&cluster, KEYS));
    let seen = rig.until("statistics", |s| surplus(s, "code").is_some()).await;
    assert_eq!(surplus(&seen, "code"), Some((10, Known::Statistics)), "blanks are none: {seen:#?}");
    assert_eq!(surplus(&seen, "email"), Some((0, Known::Statistics)), "they differ in letters");
    assert_eq!(surplus(&seen, "vat"), Some((0, Known::Statistics)), "what stands for none is none");
    assert_eq!(seen.duplicates.counts.len(), 0, "nothing is counted unless that is allowed");
    rig.agent.stop().await;

    let rig = Rig::start(counting(&cluster, KEYS));
    let all = ["email", "vat", "code"];
    let is_counted = |s: &ServerSnapshot, name: &&str| {
        surplus(s, name).is_some_and(|(_, known)| known == Known::Counted)
    };
    let seen = rig.until("all counted", |s| all.iter().all(|name| is_counted(s, name))).await;
    let counted = all.map(|name| surplus(&seen, name).unwrap().0);
    assert_eq!(counted, [10, 5, 10], "of the active alone where that is meant");
    let text = rig.metrics().await;
    let series = format!(
        r#"erpscope_duplicate_records{{server="{}",datname="postgres",module="parties",key="email",known="counted"}}"#,
        seen.name
    );
    assert_eq!(value(&text, &series), Some(10.0), "{series} in {:#?}", lines(&text));
    let told = format!("{seen:?}{text}").to_lowercase();
    assert!(!told.contains("secret"), "no value leaves");
    rig.agent.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_index_that_is_told_keeps_a_key_unique_and_is_known_again() {
    let cluster = cluster(&Options::default()).await;
    let admin = admin(&cluster).await;
    admin.batch_execute(PARTIES).await.unwrap();
    admin.batch_execute("grant select on party to erpscope").await.unwrap();
    let rig = Rig::start(looking(&cluster, KEYS));
    let seen = rig.until("all keys", |s| key(s, "code").is_some()).await;
    for (name, more) in [("email", 10), ("vat", 5), ("code", 10)] {
        let reading = &key(&seen, name).unwrap().now;
        let rows = admin.query(&to_see(reading), &[]).await.unwrap();
        assert_eq!(rows.len(), more, "{}", to_see(reading));
        let index = to_keep_out(reading).unwrap();
        let twice = admin.batch_execute(&index).await.unwrap_err();
        assert_eq!(twice.code().unwrap().code(), "23505", "{index}: {twice}");
    }
    admin.batch_execute("delete from party where id > 500 and code <> ''").await.unwrap();
    for name in ["email", "vat", "code"] {
        let index = to_keep_out(&key(&seen, name).unwrap().now).unwrap();
        admin.batch_execute(&index).await.unwrap_or_else(|error| panic!("{index}: {error}"));
    }
    let is_unique = |s: &ServerSnapshot, name| surplus(s, name) == Some((0, Known::Index));
    let all = |s: &ServerSnapshot| ["email", "vat", "code"].iter().all(|name| is_unique(s, name));
    rig.until("indexes", all).await;
    rig.agent.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_locked_closed_large_or_missing_is_passed_over_and_told() {
    let cluster = cluster(&Options::default()).await;
    let admin = admin(&cluster).await;
    admin.batch_execute(PARTIES).await.unwrap();
    admin
        .batch_execute(
            "create table device (serial text); insert into device select 'x' from generate_series(1, 50);
             create table large (code text); insert into large select i::text from generate_series(1, 5000) i;
             create table none (code text); insert into none select null from generate_series(1, 500); analyze;
             grant select (email, active, code, client) on party to erpscope;
             grant select on device, large, none to erpscope",
        )
        .await
        .unwrap();
    let more = format!(
        "{KEYS}\n[[key]]\nname = 'device'\ntable = 'device'\ncolumns = ['serial', 'maker']\n\
         [[key]]\nname = 'large'\ntable = 'large'\ncolumns = ['code']\n\
         [[key]]\nname = 'none'\ntable = 'none'\ncolumns = ['code']\n\
         [[key]]\nname = 'nowhere'\ntable = 'nowhere'\ncolumns = ['code']\n"
    );
    let mut config = counting(&cluster, &more);
    config.duplicates.max_rows = 2_000;
    let rig = Rig::start(config);
    let uncounted = |s: &ServerSnapshot, name| key(s, name).and_then(|key| key.uncounted);
    let is_told = |s: &ServerSnapshot| {
        uncounted(s, "large") == Some("large")
            && surplus(s, "none") == Some((0, Known::Counted))
            && surplus(s, "email") == Some((10, Known::Counted))
    };
    let seen = rig.until("each", is_told).await;
    assert_eq!((unread(&seen, "vat"), unread(&seen, "device")), (Some("refused"), Some("missing")));
    assert!(key(&seen, "nowhere").is_none() && unread(&seen, "nowhere").is_none());
    assert_eq!(surplus(&seen, "large"), Some((0, Known::Statistics)));
    admin.batch_execute("begin; lock table party").await.unwrap();
    let seen = rig.until("locked", |s| uncounted(s, "email") == Some("locked")).await;
    assert_eq!(surplus(&seen, "email"), Some((10, Known::Counted)), "what was counted stands");
    assert!(seen.duplicates.counts["locked"] > 0);
    assert!(ran(&seen, Sampler::Duplicates, Outcome::Ok) > 0);
    admin.batch_execute("rollback").await.unwrap();
    rig.until("all again", |s| uncounted(s, "email").is_none()).await;
    rig.agent.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_was_lost_is_no_reason_to_count_again() {
    let cluster = cluster(&Options::default()).await;
    let admin = admin(&cluster).await;
    admin.batch_execute(PARTIES).await.unwrap();
    admin.batch_execute("grant select on party to erpscope").await.unwrap();
    let mut config = counting(&cluster, KEYS);
    config.duplicates.count_interval = Duration::from_secs(86_400);
    let rig = Rig::start(config);
    let all = |s: &ServerSnapshot| s.duplicates.counts.get("ok") == Some(&3);
    rig.until("all counted", all).await;
    let kill = "select pg_terminate_backend(pid) from pg_stat_activity where usename = 'erpscope'";
    admin.batch_execute(kill).await.unwrap();
    rig.until("lost", |s| !s.is_up()).await;
    let seen = rig.until("there again", ServerSnapshot::is_up).await;
    let before = ran(&seen, Sampler::Duplicates, Outcome::Ok);
    let seen = rig
        .until("looks", |s| s.is_up() && ran(s, Sampler::Duplicates, Outcome::Ok) >= before + 4)
        .await;
    assert!(all(&seen), "none is due: {:?}", seen.duplicates.counts);
    rig.agent.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn extended_statistics_tell_what_columns_have_together() {
    let cluster = cluster(&Options::default()).await;
    let admin = admin(&cluster).await;
    admin
        .batch_execute(
            "create table bill (supplier int not null, ref text not null);
             insert into bill select i % 40, 'R' || i / 40 from generate_series(1, 4000) i;
             insert into bill select * from bill limit 25; analyze bill;
             -- Servers that were made since May 2024 show extended statistics to owners alone.
             alter table bill owner to erpscope",
        )
        .await
        .unwrap();
    let keys =
        "name = 'ours'\n[[key]]\nname = 'bill'\ntable = 'bill'\ncolumns = ['supplier', 'ref']\n";
    let rig = Rig::start(looking(&cluster, keys));
    let seen = rig.until("the key", |s| key(s, "bill").is_some()).await;
    assert_eq!(surplus(&seen, "bill"), None, "neither column tells it alone");
    admin
        .batch_execute("create statistics together (ndistinct) on supplier, ref from bill")
        .await
        .unwrap();
    // What was inserted must be counted before it is analyzed: else it counts as changed since.
    until_true(&admin, "select n_tup_ins = 4025 from pg_stat_user_tables where relname = 'bill'")
        .await;
    admin.batch_execute("analyze bill").await.unwrap();
    rig.until("both", |s| surplus(s, "bill") == Some((25, Known::Statistics))).await;
    rig.agent.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_finding_says_how_it_is_known_and_has_what_to_run() {
    let cluster = cluster(&Options::default()).await;
    let admin = admin(&cluster).await;
    admin.batch_execute(PARTIES).await.unwrap();
    admin.batch_execute("grant select on party to erpscope").await.unwrap();
    let mut config = counting(&cluster, KEYS);
    let second = Duration::from_secs(1);
    config.finding.interval = second;
    config.finding.warm_up = second;
    config.finding.open_after = second;
    config.finding.rules.get_mut("duplicate_records").unwrap().limits.insert("rows", 10.0);
    let rig = Rig::start(config);
    let found = |rig: &Rig| {
        let all = rig.snapshot().findings.findings.clone();
        all.into_iter().find(|finding| {
            finding.about.id == "duplicate_records" && &*finding.candidate.subject == "email"
        })
    };
    rig.until("a warning", |_| {
        found(&rig).is_some_and(|finding| finding.candidate.severity == Severity::Warning)
    })
    .await;
    let all = rig.snapshot().findings.findings.clone();
    assert!(!all.iter().any(|finding| &*finding.candidate.subject == "vat"), "five are few");
    let told = found(&rig).unwrap();
    assert!(format!("{:?}", told.candidate.evidence).contains("counted"), "{told:?}");
    assert_eq!(told.candidate.sql.len(), 2);
    rig.agent.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_counted_is_told_by_the_next_agent_and_not_counted_again_before_its_time() {
    let cluster = cluster(&Options::default()).await;
    let admin = admin(&cluster).await;
    admin.batch_execute(PARTIES).await.unwrap();
    admin.batch_execute("grant select on party to erpscope").await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let mut config = counting(&cluster, KEYS);
    config.duplicates.count_interval = Duration::from_secs(86_400);
    config.history.path = Some(folder.path().join("history.db"));
    let rig = Rig::start(config.clone());
    let all = |s: &ServerSnapshot| s.duplicates.counts.get("ok") == Some(&3);
    let seen = rig.until("all counted", all).await;
    let when = |s: &ServerSnapshot| {
        key(s, "vat").and_then(|key| key.counted).map(|(at, _)| at.unix_seconds())
    };
    let first = when(&seen).unwrap();
    rig.agent.stop().await;

    let rig = Rig::start(config);
    let seen = rig.until("looks", |s| ran(s, Sampler::Duplicates, Outcome::Ok) >= 4).await;
    let told = ["email", "vat", "code"].map(|name| surplus(&seen, name));
    assert_eq!(told, [10, 5, 10].map(|rows| Some((rows, Known::Counted))));
    assert!((when(&seen).unwrap() - first).abs() < 1.0, "when it was counted, in whole seconds");
    assert_eq!(seen.duplicates.counts.len(), 0, "none is due: {:?}", seen.duplicates.counts);
    rig.agent.stop().await;
}
