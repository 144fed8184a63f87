//! What people write, and what becomes of it.

use std::collections::BTreeMap;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
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
fn a_server_can_come_from_the_environment_alone() {
    let env = BTreeMap::from([
        ("ERPSCOPE_SERVER_URL".to_owned(), "postgres://u@h:6/d".to_owned()),
        ("ERPSCOPE_SERVER_NAME".to_owned(), "erp".to_owned()),
        ("ERPSCOPE_SERVER_PASWORD".to_owned(), "x".to_owned()),
    ]);
    let loaded = load(&Sources { env, ..Sources::default() }).unwrap();
    let server = &loaded.config.servers[0];
    assert_eq!(
        (server.name.as_str(), server.host.as_str(), server.port, server.dbname.as_str()),
        ("erp", "h", 6, "d")
    );
    let warning = loaded.warnings[0].to_string();
    assert!(warning.contains("did you mean ERPSCOPE_SERVER_PASSWORD?"), "{warning}");
}

#[test]
fn no_server_is_an_error_that_says_how_to_give_one() {
    let error = load(&Sources::default()).unwrap_err().to_string();
    assert!(error.contains("[[server]]") && error.contains("ERPSCOPE_SERVER_URL"), "{error}");
}

#[test]
fn the_environment_cannot_choose_among_several_servers() {
    let two = "[[server]]\nname = 'a'\n[[server]]\nname = 'b'\n";
    let error = load_text(two, &[("ERPSCOPE_SERVER_HOST", "x")]).unwrap_err().to_string();
    assert!(error.contains("ERPSCOPE_SERVER_HOST") && error.contains("several servers"), "{error}");
}

#[test]
fn urls_are_read_as_libpq_does() {
    let server = one_server(
        "url = 'postgresql://us%20er:p%40ss@[::1]:6000/my%2Fdb?sslmode=require&connect_timeout=3'",
    )
    .unwrap();
    assert_eq!((server.user.as_str(), server.host.as_str(), server.port), ("us er", "::1", 6000));
    assert_eq!((server.dbname.as_str(), server.tls.mode), ("my/db", TlsMode::Require));
    assert_eq!(server.password, Password::Inline(Secret::new("p@ss")));
    assert_eq!(server.connect_timeout, Duration::from_secs(3));
    assert_eq!(one_server("url = 'postgres://%2Frun%2Fpg/erp'").unwrap().host, "/run/pg");
    assert_eq!(one_server("url = 'postgres:///erp?host=/run/pg'").unwrap().host, "/run/pg");
}

#[test]
fn bad_urls_are_described_and_never_repeated() {
    for (url, problem) in [
        ("mysql://u:hunter2@h/d", "must begin with postgres://"),
        ("postgres://u:hunter2@a,b/d", "several hosts"),
        ("postgres://u:hunter2@h/d?hunter2=1", "not one of host, sslmode"),
        ("postgres://u:hunter2@[::1/d", "closing bracket"),
        ("postgres://u:hunter2@h:port/d", "is not a whole number from 1 to 65535"),
    ] {
        let error = one_server(&format!("url = '{url}'")).unwrap_err();
        assert!(error.contains(problem), "{url}: {error}");
        assert!(!error.contains("hunter2"), "{error}");
    }
}

#[test]
fn a_part_that_is_given_twice_is_an_error() {
    let error = one_server("url = 'postgres://u@h/d'\nuser = 'x'").unwrap_err();
    assert!(error.contains("server[0].user: is given by `url`, too"), "{error}");
    let error = one_server("password = 'x'\npassword_env = 'Y'").unwrap_err();
    assert!(error.contains("in one way, not several (password, password_env)"), "{error}");
}

#[test]
fn a_stronger_url_replaces_the_parts_of_the_file_and_an_empty_variable_is_none() {
    let env = [("ERPSCOPE_SERVER_URL", "postgres://u2@h2/d2"), ("ERPSCOPE_LISTEN", "")];
    let text = "[[server]]\nhost = 'h1'\nport = 7\nuser = 'u1'\n";
    let server = load_text(text, &env).unwrap().config.servers.remove(0);
    assert_eq!((server.host.as_str(), server.port, server.user.as_str()), ("h2", 7, "u2"));
}

#[test]
fn a_word_that_is_no_level_is_a_fault() {
    let error = load_text("log.level = 'inof'\n[[server]]\n", &[]).unwrap_err().to_string();
    assert!(error.contains(":1: log.level: \"inof\" is no level"), "{error}");
}

#[test]
fn services_give_what_the_config_does_not() {
    let services = file(
        "[other]\nhost=no\n[erp]\n# comment\nhost=db2\nport=6001\nuser=watch\nsslcompression=0\n",
    );
    let env = [("PGSERVICEFILE", services.path().to_str().unwrap())];
    let loaded = load_text("[[server]]\nservice = 'erp'\nport = 7000\n", &env).unwrap();
    let server = &loaded.config.servers[0];
    assert_eq!((server.host.as_str(), server.port, server.user.as_str()), ("db2", 7000, "watch"));
    let error = load_text("[[server]]\nservice = 'none'\n", &env).unwrap_err().to_string();
    assert!(error.contains("service \"none\" is in none of"), "{error}");
}

#[test]
fn passwords_come_from_files_variables_and_passfiles() {
    let with = |password| Server { password, ..one_server("host = 'db'\nuser = 'me'").unwrap() };
    let secret = |text| Some(Secret::new(text));
    let plain = file("s3cret\nsecond line\n");
    assert_eq!(password(&with(Password::File(plain.path().into()))).unwrap(), secret("s3cret"));
    let empty = file("");
    let error = password(&with(Password::File(empty.path().into()))).unwrap_err().to_string();
    assert!(error.contains("is empty"), "{error}");
    let error = password(&with(Password::File("/nowhere/pw".into()))).unwrap_err().to_string();
    assert!(error.contains("/nowhere/pw cannot be read"), "{error}");
    let error =
        password(&with(Password::Env("ERPSCOPE_TEST_UNSET".into()))).unwrap_err().to_string();
    assert!(error.contains("ERPSCOPE_TEST_UNSET"), "{error}");

    let passfile = file(
        "# c\nother:*:*:*:no\ndb:5432:*:you:no\ndb:*:postgres:me:a\\:b\\\\c:d\n*:*:*:*:late\n",
    );
    let server = with(Password::PassFile(passfile.path().into()));
    assert_eq!(password(&server).unwrap(), secret("a:b\\c:d"));
    std::fs::set_permissions(passfile.path(), std::fs::Permissions::from_mode(0o644)).unwrap();
    assert!(password(&server).unwrap_err().to_string().contains("chmod 600"));
}

#[test]
fn the_log_of_a_server_is_a_path_with_stars_in_its_last_part_only() {
    assert_eq!(one_server("host = 'db'").unwrap().log, None);
    let server = one_server("log = '/log/pg-*.csv'").unwrap();
    assert_eq!(server.log.as_deref(), Some(Path::new("/log/pg-*.csv")));
    let error = one_server("log = '/log/*/pg.csv'").unwrap_err();
    assert!(error.contains("server[0].log: may have a `*` in its last part only"), "{error}");
    let error = one_server("log = ''").unwrap_err();
    assert!(error.contains("server[0].log: is empty"), "{error}");
}

#[test]
fn a_password_others_can_read_is_a_warning() {
    let config = file("[[server]]\npassword = 'hunter2'\n");
    std::fs::set_permissions(config.path(), std::fs::Permissions::from_mode(0o644)).unwrap();
    let loaded = load(&Sources { file: Some(config.path().into()), ..Sources::default() }).unwrap();
    assert!(loaded.warnings[0].problem.contains("chmod 600"));
    assert!(!format!("{loaded:?}").contains("hunter2"));
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
            Some(key) if key.contains(" = ") && !key.ends_with("\"\"") => format!("{key}\n"),
            _ => format!("{line}\n"),
        })
        .collect();
    assert_eq!(load_text(&given, &[]).unwrap().config, plain);
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
