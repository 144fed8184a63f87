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
    };
    let (kind, message) = outcome(&cluster_free).await.unwrap_err();
    assert!(kind == "timeout" && message.contains("300ms"), "{message}");
}
