//! Probes of other sides that are well, gone, slow, or not who they say.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::sync::Arc;
use std::time::Duration;

use erpscope::config::{Config, Sources, load};
use erpscope::integration::meter::probe::{Meter, Probe};
use erpscope::probe::Probes;

/// Answers each connection so, after a while.
fn there(answer: &'static [u8], after: Duration) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let _asked = stream.read(&mut [0; 2_048]);
            std::thread::sleep(after);
            let _gone = stream.write_all(answer);
        }
    });
    port
}

fn config(probes: &str) -> Config {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    let text =
        format!("{probes}\n[[integration]]\nname='bank'\ndirection='outbound'\n[[server]]\n");
    file.write_all(text.as_bytes()).unwrap();
    load(&Sources { file: Some(file.path().into()), ..Sources::default() }).unwrap().config
}

/// What a probe of this URL finds first.
async fn found(url: &str, more: &str) -> Probe {
    let text = format!(
        "[[probe]]\nname='api'\nintegration='bank'\nurl='{url}'\ninterval='1s'\ntimeout='500ms'\n{more}"
    );
    let meter = Arc::new(Meter::default());
    let _probes = Probes::start(&config(&text).probes, &meter).unwrap();
    for _ in 0..500 {
        if let Some(probe) = meter.read().probes.values().next() {
            return probe.clone();
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("{url}: nothing was found within 10 s");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_failure_is_told_by_its_phase_and_cause() {
    let ok = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";
    let at_once = Duration::ZERO;
    let well = there(ok, at_once);
    let probe = found(&format!("http://127.0.0.1:{well}/health"), "").await;
    assert!(probe.is_up && probe.failures.is_empty() && probe.certificate_expires.is_none());
    let phases: Vec<&str> = probe.phases.keys().copied().collect();
    assert_eq!(phases, ["body", "connect", "dns", "first_byte", "total"]);
    let broken = there(b"HTTP/1.1 503 Busy\r\ncontent-length: 0\r\n\r\n", at_once);
    let moved = there(
        b"HTTP/1.1 302 Found\r\nlocation: http://nowhere/\r\ncontent-length: 0\r\n\r\n",
        at_once,
    );
    let slow = there(ok, Duration::from_secs(2));
    let cut = there(b"HTTP/1.1 200 OK\r\ncontent-length: 20\r\n\r\nhalf", at_once);
    let gone = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    for (url, more, failure) in [
        (format!("http://127.0.0.1:{broken}/"), "", ("status", "server")),
        (format!("http://127.0.0.1:{moved}/"), "expect = '200'", ("status", "other")),
        (format!("http://127.0.0.1:{slow}/"), "", ("first_byte", "timeout")),
        (format!("http://127.0.0.1:{cut}/"), "", ("body", "broken")),
        (format!("http://127.0.0.1:{gone}/"), "", ("connect", "connect")),
        ("http://no-such-host.invalid/".to_owned(), "", ("dns", "dns")),
        (format!("https://127.0.0.1:{well}/"), "", ("tls", "tls")),
    ] {
        let probe = found(&format!("{url}?token=secret"), more).await;
        let failures: Vec<_> = probe.failures.keys().copied().collect();
        assert_eq!((probe.is_up, failures.as_slice()), (false, &[failure][..]), "{url}");
        assert!(!probe.phases.contains_key("total"));
        let last = probe.failure.unwrap();
        assert_eq!((last.phase, last.fault.name()), failure, "{url}");
        assert!(!last.detail.is_empty() && !last.detail.contains("secret"), "{}", last.detail);
    }
}

/// Speaks TLS with this certificate; the port.
fn there_with_tls(made: &rcgen::CertifiedKey<rcgen::KeyPair>) -> u16 {
    let key = rustls::pki_types::PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key)
        .unwrap();
    let config = Arc::new(config);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let session = rustls::ServerConnection::new(Arc::clone(&config)).unwrap();
            let mut stream = rustls::StreamOwned::new(session, stream.unwrap());
            if stream.read(&mut [0; 2_048]).is_ok() {
                let _gone = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n");
            }
        }
    });
    port
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_certificate_must_be_trusted_and_for_the_host_and_its_end_is_told() {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let mut pem = tempfile::NamedTempFile::new().unwrap();
    pem.write_all(made.cert.pem().as_bytes()).unwrap();
    let trusted = format!("root_cert='{}'", pem.path().display());
    let port = there_with_tls(&made);
    let probe = found(&format!("https://localhost:{port}/"), &trusted).await;
    assert!(probe.is_up, "{probe:?}");
    assert!(probe.certificate_expires.is_some() && probe.phases.contains_key("tls"));
    for (url, more, part) in [
        (format!("https://localhost:{port}/"), "", "UnknownIssuer"),
        (format!("https://127.0.0.1:{port}/"), trusted.as_str(), "not valid for name"),
    ] {
        let last = found(&url, more).await.failure.unwrap();
        assert_eq!((last.phase, last.fault.name()), ("tls", "tls"));
        assert!(last.detail.contains(part), "{}", last.detail);
    }
}

#[tokio::test]
async fn authorities_that_cannot_be_read_are_said_before_anything_is_asked() {
    let text = "[[probe]]\nname='api'\nintegration='bank'\nurl='https://localhost/'\nroot_cert='/nowhere/ca.pem'";
    let started = Probes::start(&config(text).probes, &Arc::default());
    let error = started.err().unwrap().to_string();
    assert!(error.contains("/nowhere/ca.pem") && error.contains("root_cert"), "{error}");
}

#[test]
fn a_probe_in_a_log_line_shows_no_path_and_no_query() {
    let text = "[[probe]]\nname='api'\nintegration='bank'\nurl='https://localhost/hooks/secret?token=secret'";
    let shown = format!("{:?}", config(text));
    assert!(shown.contains("localhost") && !shown.contains("secret"), "{shown}");
}

#[test]
fn probes_of_nobody_and_odd_ones_are_faults() {
    let text = "[[probe]]\nname='a'\nintegration='crm'\nurl='ftp://u:secret@x/'\nexpect='2xx'\n[[server]]\n";
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(text.as_bytes()).unwrap();
    let sources = Sources { file: Some(file.path().into()), ..Sources::default() };
    let faults = load(&sources).unwrap_err().to_string();
    for part in [
        "no [[integration]] is called \"crm\"",
        "probe[0].url: is not http:// or https://",
        "\"2xx\" is no status",
    ] {
        assert!(faults.contains(part), "{part} in {faults}");
    }
    assert!(!faults.contains("secret"), "{faults}");
}
