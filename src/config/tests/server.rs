//! How a server is named: by its parts, a URL, a service, variables; and where its password comes from.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use super::*;

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
