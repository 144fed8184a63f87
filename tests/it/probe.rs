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
        let probe = found(&url, more).await;
        let failures: Vec<_> = probe.failures.keys().copied().collect();
        assert_eq!((probe.is_up, failures.as_slice()), (false, &[failure][..]), "{url}");
        assert!(!probe.phases.contains_key("total"));
    }
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
