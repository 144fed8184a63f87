//! Every way in, and every way in which it can be barred.

use std::path::{Path, PathBuf};
use std::time::Duration;

use erpscope::config::{ClientCert, Server, Tls, TlsMode};
use erpscope::demo::cluster::{Cluster, Options};
use erpscope::pg::connect;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use tempfile::TempDir;

use crate::rig::{admin, server};

/// An authority and what it issued: for the server (name `localhost`) and for the role erpscope.
struct Certificates {
    folder: TempDir,
}

impl Certificates {
    fn make() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut params = CertificateParams::new(Vec::<String>::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let authority = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        let write =
            |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
        write("ca.pem", &authority.pem());
        for (name, subject) in [("server", "localhost"), ("client", "erpscope")] {
            let mut params = CertificateParams::new(vec![subject.to_owned()]).unwrap();
            params.distinguished_name.push(rcgen::DnType::CommonName, subject);
            let key = KeyPair::generate().unwrap();
            write(&format!("{name}.pem"), &params.signed_by(&key, &authority).unwrap().pem());
            write(&format!("{name}.key"), &key.serialize_pem());
        }
        let stranger = CertificateParams::new(vec!["stranger".to_owned()]).unwrap();
        write("stranger.pem", &stranger.self_signed(&KeyPair::generate().unwrap()).unwrap().pem());
        Self { folder }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }
}

async fn tls_cluster(certificates: &Certificates, hba: &str) -> Cluster {
    let mut cluster = Cluster::start(&Options::default().hba(hba)).await.unwrap();
    admin(&cluster).await.batch_execute("create role erpscope login").await.unwrap();
    for name in ["ca.pem", "server.pem", "server.key"] {
        let there = cluster.data().join(name);
        std::fs::copy(certificates.path(name), &there).unwrap();
        cluster.hand_over(&there).unwrap();
    }
    let settings = "ssl = on\nssl_cert_file = 'server.pem'\nssl_key_file = 'server.key'\nssl_ca_file = 'ca.pem'\n";
    cluster.append("postgresql.conf", settings).unwrap();
    cluster.stop().await.unwrap();
    cluster.start_again().await.unwrap();
    cluster
}

fn with_tls(cluster: &Cluster, host: &str, mode: TlsMode, root_cert: Option<&Path>) -> Server {
    let tls = Tls { mode, root_cert: root_cert.map(Path::to_owned), client: None };
    Server { host: host.into(), tls, ..server(cluster) }
}

/// Whether the session is encrypted, or the reason why there is none.
async fn outcome(server: &Server) -> Result<bool, (&'static str, String)> {
    match connect(server, &server.dbname).await {
        Ok(session) => {
            let sql = "select ssl from pg_stat_ssl where pid = pg_backend_pid()";
            Ok(session.client().query_one(sql, &[]).await.unwrap().get(0))
        }
        Err(error) => Err((error.kind(), error.to_string())),
    }
}

#[tokio::test]
async fn tls_modes_check_what_libpq_checks() {
    use TlsMode::{Disable, Prefer, Require, VerifyCa, VerifyFull};
    let certificates = Certificates::make();
    let cluster = tls_cluster(&certificates, "").await;
    let (ca, stranger) = (certificates.path("ca.pem"), certificates.path("stranger.pem"));
    let (ca, stranger) = (Some(ca.as_path()), Some(stranger.as_path()));
    // The certificate is for `localhost`, so `127.0.0.1` is another name.
    for (host, mode, root, expected) in [
        ("127.0.0.1", Disable, None, Ok(false)),
        ("127.0.0.1", Prefer, None, Ok(true)),
        ("127.0.0.1", Require, None, Ok(true)),
        ("127.0.0.1", Require, ca, Ok(true)),
        ("127.0.0.1", Require, stranger, Err("tls")),
        ("127.0.0.1", VerifyCa, ca, Ok(true)),
        ("127.0.0.1", VerifyCa, stranger, Err("tls")),
        ("127.0.0.1", VerifyCa, None, Err("tls")),
        ("127.0.0.1", VerifyFull, ca, Err("tls")),
        ("localhost", VerifyFull, ca, Ok(true)),
        ("localhost", VerifyFull, stranger, Err("tls")),
    ] {
        let found = outcome(&with_tls(&cluster, host, mode, root)).await;
        let kind = found.as_ref().map(|encrypted| *encrypted).map_err(|(kind, _)| *kind);
        assert_eq!(kind, expected, "{host} {mode:?} {root:?}: {found:?}");
    }
}

#[tokio::test]
async fn prefer_goes_without_tls_where_there_is_none_and_require_does_not() {
    let cluster = Cluster::start(&Options::default()).await.unwrap();
    admin(&cluster).await.batch_execute("create role erpscope login").await.unwrap();
    assert_eq!(outcome(&with_tls(&cluster, "127.0.0.1", TlsMode::Prefer, None)).await, Ok(false));
    let (kind, message) =
        outcome(&with_tls(&cluster, "127.0.0.1", TlsMode::Require, None)).await.unwrap_err();
    assert_eq!(kind, "tls", "{message}");
}

#[tokio::test]
async fn a_client_certificate_opens_what_is_closed_without_one() {
    let certificates = Certificates::make();
    let cluster =
        tls_cluster(&certificates, "hostssl all erpscope all cert\nhost all erpscope all reject")
            .await;
    let without = with_tls(&cluster, "localhost", TlsMode::Require, None);
    assert!(outcome(&without).await.is_err());
    let mut with = without;
    with.tls.client = Some(ClientCert {
        cert: certificates.path("client.pem"),
        key: certificates.path("client.key"),
    });
    assert_eq!(outcome(&with).await, Ok(true));
    with.tls.client = Some(ClientCert {
        cert: certificates.path("client.pem"),
        key: certificates.path("none.key"),
    });
    let (kind, message) = outcome(&with).await.unwrap_err();
    assert!(kind == "tls" && message.contains("none.key"), "{message}");
}

#[tokio::test]
async fn a_unix_socket_is_a_host_that_begins_with_a_slash() {
    let cluster = Cluster::start(&Options::default()).await.unwrap();
    admin(&cluster).await.batch_execute("create role erpscope login").await.unwrap();
    let folder = cluster.folder().to_str().unwrap().to_owned();
    assert_eq!(outcome(&Server { host: folder, ..server(&cluster) }).await, Ok(false));
}

#[tokio::test]
async fn each_cause_has_its_kind_and_says_what_to_do() {
    let cluster =
        Cluster::start(&Options::default().hba("host all barred all reject")).await.unwrap();
    admin(&cluster)
        .await
        .batch_execute("create role erpscope login; create role barred login; create role asleep")
        .await
        .unwrap();
    for (server, kind, part) in [
        (Server { dbname: "none".into(), ..server(&cluster) }, "database", "dbname"),
        (Server { user: "none".into(), ..server(&cluster) }, "not_allowed", "none"),
        (Server { user: "asleep".into(), ..server(&cluster) }, "not_allowed", "log in"),
        (Server { user: "barred".into(), ..server(&cluster) }, "not_allowed", "pg_hba.conf"),
        (Server { host: "no-such-host.invalid".into(), ..server(&cluster) }, "host", "DNS"),
        (Server { port: 1, ..server(&cluster) }, "unreachable", "listen_addresses"),
    ] {
        let (found, message) = outcome(&server).await.unwrap_err();
        assert!(found == kind && message.contains(part), "{kind}: {found}: {message}");
        assert!(message.contains("`erp`") && !message.contains('\n'), "{message}");
    }
}

#[tokio::test]
async fn a_server_that_never_answers_is_given_up_in_time() {
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let cluster_free = Server {
        erp: None,
        name: "silent".into(),
        host: "127.0.0.1".into(),
        port: silent.local_addr().unwrap().port(),
        user: "u".into(),
        dbname: "d".into(),
        password: erpscope::config::Password::None,
        tls: Tls { mode: TlsMode::Disable, root_cert: None, client: None },
        connect_timeout: Duration::from_millis(300),
        statement_timeout: Duration::from_secs(1),
        lock_timeout: Duration::from_millis(100),
        log: None,
    };
    let (kind, message) = outcome(&cluster_free).await.unwrap_err();
    assert!(kind == "timeout" && message.contains("300ms"), "{message}");
}

/// Runs openssl in the folder of these certificates.
fn openssl(certificates: &Certificates, args: &str) {
    let output = std::process::Command::new("openssl")
        .args(args.split(' '))
        .current_dir(certificates.folder.path())
        .output()
        .expect("openssl comes with Debian's PostgreSQL");
    assert!(output.status.success(), "{args}: {}", String::from_utf8_lossy(&output.stderr));
}

/// PostgreSQL's manual, "Creating Certificates": names only as the subject's CN, and by older
/// versions of openssl certificates of X.509 version 1.
#[tokio::test]
async fn certificates_made_as_the_manual_says_are_accepted() {
    use TlsMode::{Prefer, Require, VerifyCa, VerifyFull};
    let certificates = Certificates::make();
    for command in [
        "req -new -x509 -days 9 -nodes -out self.pem -keyout self.key -subj /CN=localhost",
        "req -new -nodes -out server.csr -keyout server.key -subj /CN=localhost",
        "x509 -req -in server.csr -days 9 -CA self.pem -CAkey self.key -set_serial 1 -out server.pem",
    ] {
        openssl(&certificates, command);
    }
    let cluster = tls_cluster(&certificates, "").await;
    let own = certificates.path("self.pem");
    for (mode, root) in [(Prefer, None), (Require, None)] {
        let found = outcome(&with_tls(&cluster, "localhost", mode, root)).await;
        assert_eq!(found, Ok(true), "{mode:?}");
    }
    let found = outcome(&with_tls(&cluster, "localhost", VerifyCa, Some(&own))).await;
    assert!(
        matches!(&found, Ok(true) | Err(("tls", _))),
        "a certificate of version 1 cannot be checked: {found:?}"
    );
    if let Err((_, message)) = found {
        assert!(message.contains("subjectAltName"), "{message}");
    }
    drop(cluster);
    for (from, to) in [("self.pem", "server.pem"), ("self.key", "server.key")] {
        std::fs::copy(certificates.path(from), certificates.path(to)).unwrap();
    }
    let cluster = tls_cluster(&certificates, "").await;
    let (ca, old) = (certificates.path("ca.pem"), certificates.path("old.pem"));
    for (host, mode, root, expected) in [
        ("localhost", Require, &own, Ok(true)),
        ("127.0.0.1", VerifyCa, &own, Ok(true)),
        ("localhost", VerifyFull, &own, Ok(true)),
        ("127.0.0.1", VerifyFull, &own, Err("tls")),
        ("localhost", VerifyCa, &ca, Err("tls")),
    ] {
        let found = outcome(&with_tls(&cluster, host, mode, Some(root))).await;
        let kind = found.as_ref().map(|encrypted| *encrypted).map_err(|(kind, _)| *kind);
        assert_eq!(kind, expected, "{host} {mode:?} {root:?}: {found:?}");
    }
    drop(cluster);
    let mut params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.not_after = rcgen::date_time_ymd(2020, 1, 1);
    let key = KeyPair::generate().unwrap();
    let expired = params.self_signed(&key).unwrap().pem();
    std::fs::write(certificates.path("server.pem"), &expired).unwrap();
    std::fs::write(&old, &expired).unwrap();
    std::fs::write(certificates.path("server.key"), key.serialize_pem()).unwrap();
    let cluster = tls_cluster(&certificates, "").await;
    let (kind, message) =
        outcome(&with_tls(&cluster, "localhost", VerifyFull, Some(&old))).await.unwrap_err();
    assert!(kind == "tls" && message.contains("expired"), "{kind}: {message}");
}

#[tokio::test]
async fn tls_settings_are_ignored_where_there_is_no_tls() {
    let cluster = Cluster::start(&Options::default()).await.unwrap();
    admin(&cluster).await.batch_execute("create role erpscope login").await.unwrap();
    let folder = cluster.folder().to_str().unwrap().to_owned();
    let absent = Path::new("no-such-file.pem");
    for (host, mode) in [
        (folder.as_str(), TlsMode::Require),
        (folder.as_str(), TlsMode::VerifyFull),
        ("127.0.0.1", TlsMode::Disable),
    ] {
        let mut server = with_tls(&cluster, host, mode, Some(absent));
        server.tls.client = Some(ClientCert { cert: absent.into(), key: absent.into() });
        assert_eq!(outcome(&server).await, Ok(false), "{host} {mode:?}");
    }
}

#[tokio::test]
async fn prefer_tries_without_tls_where_tls_is_barred() {
    let certificates = Certificates::make();
    let cluster = tls_cluster(&certificates, "hostssl all erpscope all reject").await;
    let prefer = with_tls(&cluster, "127.0.0.1", TlsMode::Prefer, None);
    assert_eq!(outcome(&prefer).await, Ok(false));
    let require = with_tls(&cluster, "127.0.0.1", TlsMode::Require, None);
    assert_eq!(outcome(&require).await.unwrap_err().0, "not_allowed");
    let stranger = Server { user: "nobody".into(), ..prefer };
    let (kind, message) = outcome(&stranger).await.unwrap_err();
    assert!(kind == "not_allowed" && message.contains("does not exist"), "{message}");
}

/// Passes one connection on, without the startup options: as a pooler that is told to ignore them.
async fn pooler(port: u16) -> u16 {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        let (mut client, _) = listener.accept().await.unwrap();
        let mut server = tokio::net::TcpStream::connect(("127.0.0.1", port)).await.unwrap();
        let length = client.read_u32().await.unwrap();
        let mut startup = vec![0; usize::try_from(length).unwrap() - 4];
        client.read_exact(&mut startup).await.unwrap();
        let mut words = startup[4..].split(|byte| *byte == 0);
        let mut kept = startup[..4].to_vec();
        while let (Some(name), Some(value)) = (words.next(), words.next()) {
            if !name.is_empty() && name != b"options" {
                kept.extend([name, &[0], value, &[0]].concat());
            }
        }
        kept.push(0);
        server.write_u32(u32::try_from(kept.len() + 4).unwrap()).await.unwrap();
        server.write_all(&kept).await.unwrap();
        let _ended = tokio::io::copy_bidirectional(&mut client, &mut server).await;
    });
    address.port()
}

#[tokio::test]
async fn guards_that_a_pooler_drops_are_missed_even_where_the_role_is_read_only() {
    let cluster = Cluster::start(&Options::default()).await.unwrap();
    admin(&cluster)
        .await
        .batch_execute(
            "create role erpscope login; alter role erpscope set default_transaction_read_only = on",
        )
        .await
        .unwrap();
    let mut through = with_tls(&cluster, "127.0.0.1", TlsMode::Disable, None);
    through.port = pooler(cluster.port()).await;
    let (kind, message) = outcome(&through).await.unwrap_err();
    assert!(kind == "guards" && message.contains("statement_timeout"), "{kind}: {message}");
}

#[tokio::test]
async fn a_server_that_is_too_old_for_a_guard_is_said_to_be_too_old() {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        let (mut client, _) = listener.accept().await.unwrap();
        client.read_buf(&mut bytes::BytesMut::with_capacity(1_000)).await.unwrap();
        let fields =
            b"SFATAL\0VFATAL\0C42704\0Munrecognized configuration parameter \"jit\"\0\0".to_vec();
        client.write_all(b"E").await.unwrap();
        client.write_u32(u32::try_from(fields.len() + 4).unwrap()).await.unwrap();
        client.write_all(&fields).await.unwrap();
    });
    let cluster = Cluster::start(&Options::default()).await.unwrap();
    let old = Server { port, ..with_tls(&cluster, "127.0.0.1", TlsMode::Disable, None) };
    let (kind, message) = outcome(&old).await.unwrap_err();
    assert!(kind == "version" && message.contains("13 or later"), "{kind}: {message}");
}

#[tokio::test]
async fn odd_names_stay_on_one_line_and_a_missing_privilege_is_named() {
    let cluster = Cluster::start(&Options::default()).await.unwrap();
    admin(&cluster)
        .await
        .batch_execute(
            "create role erpscope login; revoke connect on database postgres from public",
        )
        .await
        .unwrap();
    let (kind, message) = outcome(&server(&cluster)).await.unwrap_err();
    assert!(kind == "not_allowed" && message.contains("grant connect"), "{message}");
    let odd = Server { user: "no\nsuch\trole".into(), ..server(&cluster) };
    let (kind, message) = outcome(&odd).await.unwrap_err();
    assert!(kind == "not_allowed" && !message.contains(char::is_control), "{message:?}");
}

#[tokio::test]
async fn an_idle_session_of_ours_is_not_ended_by_the_servers_default() {
    let cluster = Cluster::start(&Options::default()).await.unwrap();
    admin(&cluster)
        .await
        .batch_execute(
            "create role erpscope login; \
             do $$ begin \
               if current_setting('idle_session_timeout', true) is not null then \
                 alter role erpscope set idle_session_timeout = '9s'; \
               end if; \
             end $$",
        )
        .await
        .unwrap();
    let session = connect(&server(&cluster), "postgres").await.unwrap();
    let sql = "select coalesce(current_setting('idle_session_timeout', true), '0')";
    let row = session.client().query_one(sql, &[]).await.unwrap();
    assert_eq!(row.get::<_, &str>(0), "0");
}

#[tokio::test]
async fn what_a_probe_stumbles_over_is_said_in_the_servers_words() {
    let cluster = Cluster::start(&Options::default()).await.unwrap();
    let mut client = admin(&cluster).await;
    client.batch_execute("create role erpscope login").await.unwrap();
    let session = connect(&server(&cluster), "postgres").await.unwrap();
    let locked = client.transaction().await.unwrap();
    locked.batch_execute("lock table pg_extension in access exclusive mode").await.unwrap();
    let error = erpscope::pg::probe(&server(&cluster), &session).await.unwrap_err().to_string();
    assert!(error.contains("lock timeout"), "{error}");
}
