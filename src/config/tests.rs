//! What people write, and what becomes of it.

mod profiles;
mod server;

use std::collections::BTreeMap;
use std::io::Write;
use std::path::Path;
use std::time::Duration;

use proptest::prelude::*;
use tempfile::NamedTempFile;

use super::*;

fn file(text: &str) -> NamedTempFile {
    let mut file = NamedTempFile::new().unwrap();
    file.write_all(text.as_bytes()).unwrap();
    file
}

fn load_text(text: &str, env: &[(&str, &str)]) -> Result<Loaded, ConfigErrors> {
    let file = file(text);
    load(&Sources {
        file: Some(file.path().into()),
        env: env.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect(),
        flags: Flags::default(),
    })
}

fn one_server(server: &str) -> Result<Server, String> {
    let loaded = load_text(&format!("[[server]]\n{server}"), &[]);
    loaded.map(|mut l| l.config.servers.remove(0)).map_err(|e| e.to_string())
}

#[test]
fn the_defaults_are_complete() {
    let config = load_text("[[server]]\nhost = 'db1'\n", &[]).unwrap().config;
    assert_eq!(config.listen, "127.0.0.1:10187".parse().unwrap());
    assert_eq!(config.statements.top, 200);
    assert_eq!(config.statements.interval, Duration::from_secs(10));
    assert_eq!(
        (config.servers[0].name.as_str(), config.servers[0].user.as_str()),
        ("db1:5432", "erpscope")
    );
}

#[test]
fn every_fault_is_told_at_once_with_its_key_and_line() {
    let error = load_text(
        "listen = 'nowhere'\nbudgt = 1\nbudget = 7\n[statements]\ninterval = 10\ntop = 'many'\n\n[[server]]\nsslmode = 'verify'\nport = 0\n[[server]]\nname = 'b'\nsslcert = '/nowhere.pem'\n[[server]]\nname = 'b'\n",
        &[("ERPSCOPE_DATABASE_INTERVAL", "2 weeks")],
    )
    .unwrap_err();
    let text = error.to_string();
    for part in [
        ":1: listen: \"nowhere\" is not an address",
        ":2: budgt: there is no such key; did you mean `budget`?",
        ":3: budget: \"7\" is not a number above 0",
        ":5: statements.interval: 10 has no unit: write \"10s\"",
        ":6: statements.top: \"many\" is not a whole number",
        ":9: server[0].sslmode: \"verify\" is not one of disable, prefer",
        ":10: server[0].port: \"0\" is not a whole number from 1 to 65535",
        ":13: server[1].sslcert: a client certificate needs sslkey",
        ":13: server[1].sslcert: /nowhere.pem cannot be read",
        "server[2].name: \"b\" is the name of another server",
        "ERPSCOPE_DATABASE_INTERVAL: database.interval: \"2 weeks\" is not a duration",
    ] {
        assert!(text.contains(part), "{part}\nnot in\n{text}");
    }
    assert!(text.starts_with("the config has 11 faults:"), "{text}");
}

#[test]
fn syntax_errors_have_a_line_and_do_not_hide_other_faults() {
    let text = load_text("a = \n[statements]\ntop = 'x'\n", &[]).unwrap_err().to_string();
    assert!(text.contains(":1: not TOML"), "{text}");
    assert!(text.contains("statements.top"), "{text}");
}

#[test]
fn environment_outranks_the_file_and_flags_outrank_both() {
    let file = file("listen = '127.0.0.1:1'\n[log]\nlevel = 'debug'\n[[server]]\nhost = 'a'\n");
    let mut sources = Sources { file: Some(file.path().into()), ..Sources::default() };
    let env = [
        ("ERPSCOPE_LISTEN", "127.0.0.1:2"),
        ("ERPSCOPE_LOG_LEVEL", "warn"),
        ("ERPSCOPE_SERVER_HOST", "b"),
    ];
    sources.env = env.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
    sources.flags.listen = Some("127.0.0.1:3".into());
    let config = load(&sources).unwrap().config;
    assert_eq!(config.listen.port(), 3);
    assert_eq!(config.log.level, "warn");
    assert_eq!(config.servers[0].host, "b");
}

#[test]
fn no_server_is_an_error_that_says_how_to_give_one() {
    let error = load(&Sources::default()).unwrap_err().to_string();
    assert!(error.contains("[[server]]") && error.contains("ERPSCOPE_SERVER_URL"), "{error}");
}

#[test]
fn a_word_that_is_no_level_is_a_fault() {
    let error = load_text("log.level = 'inof'\n[[server]]\n", &[]).unwrap_err().to_string();
    assert!(error.contains(":1: log.level: \"inof\" is no level"), "{error}");
}

#[test]
fn docs_and_example_are_what_the_declarations_say() {
    for (path, expected) in [("erpscope.toml", example()), ("docs/configuration.md", reference())] {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
        if std::env::var_os("UPDATE_DOCS").is_some() {
            std::fs::write(&path, &expected).unwrap();
        }
        let found = std::fs::read_to_string(&path).unwrap_or_default();
        assert!(
            found == expected,
            "{} is stale: UPDATE_DOCS=1 cargo test --lib docs",
            path.display()
        );
    }
}

#[test]
fn the_example_is_a_valid_config_with_and_without_its_comments() {
    let plain = load_text(&example(), &[]).unwrap().config;
    let given: String = example()
        .lines()
        .map(|line| match line.strip_prefix("# ") {
            Some(header) if header.starts_with("[[") => format!("{header}\n"),
            Some(key) if key.contains(" = ") && !key.ends_with("\"\"") => format!("{key}\n"),
            _ => format!("{line}\n"),
        })
        .collect();
    let mut config = load_text(&given, &[]).unwrap().config;
    assert_eq!(config.proxies.pop().unwrap().listen.port(), 8069);
    assert_eq!(&*config.probes.pop().unwrap().name, "bank-api");
    assert_eq!(&*config.brokers.pop().unwrap().name, "orders");
    assert_eq!(config.applications.pop().unwrap().name, "bi-report");
    assert_eq!(config.finding.mutes.pop().unwrap().rule, "hot_rows");
    let integrations = std::mem::take(&mut config.integrations);
    assert!(integrations.get("webshop").is_some());
    assert_eq!(config, plain);
}

#[test]
fn a_list_is_a_list_of_texts() {
    for (list, found) in
        [("'a.toml'", "text"), ("3", "whole number"), ("[3]", "list of something else")]
    {
        let told = load_text(&format!("profiles = {list}\n[[server]]\n"), &[]).unwrap_err();
        let part = format!(":1: profiles: a {found} where a list of texts in quotes");
        assert!(told.to_string().contains(&part), "{told}");
    }
}

#[test]
fn applications_have_thresholds_of_their_own() {
    let text = "[[application]]\nname = 'bi-report'\nslow_after = '30s'\n[[application]]\nname = 'other'\nslow_after = '5s'\n[[server]]\n";
    let loaded = load_text(text, &[]).unwrap();
    let expected = [("bi-report", 30), ("other", 5)].map(|(name, seconds)| Application {
        name: name.to_owned(),
        slow_after: Duration::from_secs(seconds),
    });
    assert_eq!(loaded.config.applications, expected);
    assert!(loaded.warnings.is_empty(), "{:?}", loaded.warnings);
    let text = "[[application]]\nname = 'bi-reprt'\nslow_after = '30s'\n[[server]]\n";
    let warning = load_text(text, &[]).unwrap().warnings[0].to_string();
    assert!(
        warning.contains(":2: application[0].name: no profile names an application \"bi-reprt\"; did you mean \"bi-report\"?"),
        "{warning}"
    );
}

#[test]
fn applications_that_lack_something_or_stand_twice_are_faults() {
    let text = "[[application]]\nname = 'odoo'\n[[application]]\nslow_after = 3\nnme = 'x'\n[[application]]\nname = 'psql'\nslow_after = '1s'\n[[application]]\nname = 'psql'\nslow_after = '2s'\n[[server]]\n";
    let told = load_text(text, &[]).unwrap_err().to_string();
    for part in [
        ":1: application[0].slow_after: is missing: add slow_after = \"30s\"",
        ":3: application[1].name: is missing: add name = \"bi-report\"",
        ":4: application[1].slow_after: 3 has no unit",
        ":5: application[1].nme: there is no such key; did you mean `name`?",
        ":9: application[3].name: \"psql\" is the name of another application, too",
    ] {
        assert!(told.contains(part), "{part}\nnot in\n{told}");
    }
    let told = load_text("[application]\nname = 'x'\n[[server]]\n", &[]).unwrap_err().to_string();
    assert!(told.contains("application: write each application as its own table: [[application]]"));
    let loaded = load_text("[[server]]\n", &[("ERPSCOPE_APPLICATION_NAME", "x")]).unwrap();
    assert!(loaded.warnings[0].problem.contains("means nothing"));
}

proptest! {
    #[test]
    fn no_file_makes_it_panic(text in any::<String>()) {
        let _ = load_text(&text, &[]);
    }

    #[test]
    fn no_url_makes_it_panic_or_is_repeated(tail in "[ -~]{0,40}") {
        let env = BTreeMap::from([("ERPSCOPE_SERVER_URL".to_owned(), format!("postgres://me:hunter2{tail}"))]);
        match load(&Sources { env, ..Sources::default() }) {
            Ok(loaded) => {
                let shown = format!("{:?}", loaded.config.servers[0].password);
                prop_assert!(!shown.contains("hunter2"), "{}", shown);
            }
            Err(error) => {
                let shown = format!("{error} {error:?}");
                prop_assert!(!shown.contains("hunter2"), "{}", shown);
            }
        }
    }
}

#[test]
fn integrations_are_read_and_what_is_wrong_with_them_is_told() {
    let loaded = |text: &str| load_text(text, &[]);
    let text = |rest: &str| {
        format!(
            "[[integration]]\nname = 'bi'\nkind = 'bi'\ndirection = 'inbound'\nmode = 'batch'\nowns = ['bi_*']\nlatency = '2s'\nsuccess = 0.99\nroles = ['bi']\napplication_names = ['bi-*']\nclients = ['10.0.0.0/8', '::1']\ncomments = ['job = bi*']\nspans = ['peer.service=bi']\n{rest}\n[[server]]\n"
        )
    };
    let good = loaded(&text("")).unwrap();
    let bi = good.config.integrations.get("bi").unwrap();
    assert_eq!((bi.kind.0, bi.direction.name(), bi.mode.name()), ("bi", "inbound", "batch"));
    assert_eq!(bi.objective.latency, Some(Duration::from_secs(2)));
    assert!(bi.owns("bi_cube", "other") && bi.rules.clients.len() == 2);
    let overlap =
        loaded(&text("[[integration]]\nname = 'x'\ndirection = 'outbound'\ncomments = ['job=*']"))
            .unwrap();
    assert!(overlap.warnings[0].to_string().contains("\"bi\" before it, which has it"));
    let faults = loaded(&text(
        "[[integration]]\nname = 'bi'\ndirection = 'in'\nclients = ['here']\nspans = ['x']\n[[integration]]\nname = 'c'\ndirection = 'inbound'\ncomments = ['job=bi-a']",
    ))
    .unwrap_err()
    .to_string();
    for part in
        ["\"in\" is not one of", "no address and no network", "is not a name, `=` and a pattern"]
    {
        assert!(faults.contains(part), "{part} in {faults}");
    }
    let unreachable = "[[integration]]\nname = 'c'\ndirection = 'inbound'\ncomments = ['job=bi-a']";
    let faults = loaded(&text(unreachable)).unwrap_err().to_string();
    assert!(faults.contains(":17: integration[1].comments: nothing is left"), "{faults}");
}

#[test]
fn a_length_of_a_queue_that_is_never_counted_is_refused_as_a_limit() {
    let with =
        |depth: u64| load_text(&format!("[finding.queues]\ndepth = {depth}\n[[server]]\n"), &[]);
    assert!(with(10_000).is_ok());
    let told = with(10_001).unwrap_err().to_string();
    assert!(told.contains("finding.queues.depth"), "{told}");
}

#[test]
fn rules_have_tables_of_their_own_and_what_is_muted_has_a_reason_and_a_last_day() {
    let text = "[finding]\ninterval = '10s'\n[finding.hot_rows]\nenabled = false\nwaits = 7\n\
                [[mute]]\nrule = 'hot_*'\nreason = 'known'\nuntil = '2030-01-31'\n[[server]]\n";
    let finding = load_text(text, &[]).unwrap().config.finding;
    assert_eq!(finding.interval, Duration::from_secs(10));
    let hot_rows = &finding.rules["hot_rows"];
    assert_eq!((hot_rows.enabled, hot_rows.limits["waits"]), (false, 7.0));
    assert!(finding.rules["large_scans"].enabled);
    let end = humantime::parse_rfc3339("2030-02-01T00:00:00Z").unwrap();
    assert_eq!((&*finding.mutes[0].subject, finding.mutes[0].end), ("*", end));
    let variable = [("ERPSCOPE_FINDING_HOT_ROWS_WAITS", "9")];
    let varied = load_text(text, &variable).unwrap().config.finding;
    assert!((varied.rules["hot_rows"].limits["waits"] - 9.0).abs() < f64::EPSILON);
    let text = "[finding.hot_row]\n[finding.hot_rows]\nwait = 7\nenabled = 'perhaps'\n\
                [[mute]]\nrule = 'x'\nuntil = 'soon'\n[[server]]\n";
    let faults = load_text(text, &[]).unwrap_err().to_string();
    for part in [
        "finding.hot_row: there is no such key; did you mean `hot_rows`?",
        "finding.hot_rows.wait: there is no such key; did you mean `waits`?",
        "finding.hot_rows.enabled",
        "mute[0].reason: is missing",
        "\"soon\" is no day: write it as \"2030-01-31\"",
    ] {
        assert!(faults.contains(part), "{part}\nnot in\n{faults}");
    }
}

#[test]
fn the_advisor_has_its_hours_and_tells_what_is_wrong_with_them() {
    let good = "[advisor]\nenabled = false\nhours = '12:00-13:00'\nstate_columns = ['state']\n[[server]]\n";
    let advisor = load_text(good, &[]).unwrap().config.advisor;
    assert!(!advisor.enabled && advisor.hours.contains(12 * 60) && !advisor.hours.contains(0));
    assert_eq!(advisor.state_columns, ["state"]);
    let bad = "[advisor]\nenabled = 'perhaps'\nhours = 'nights'\ninterval = '1s'\n[[server]]\n";
    let text = load_text(bad, &[]).unwrap_err().to_string();
    for part in [
        ":2: advisor.enabled: \"perhaps\" is not true or false",
        ":3: advisor.hours: \"nights\" is no part of a day",
        ":4: advisor.interval: \"1s\" is not a duration",
    ] {
        assert!(text.contains(part), "{part}\n{text}");
    }
    let off = [("ERPSCOPE_ADVISOR_ENABLED", "false")];
    assert!(!load_text("[[server]]\n", &off).unwrap().config.advisor.enabled);
}
