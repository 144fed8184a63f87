//! Records as servers wrote them, and any bytes.

use std::time::{Duration, SystemTime};

use proptest::prelude::*;

use super::line::Format;
use super::splitter::Splitter;
use super::{Batch, Object, Sqlstate, What};

/// PostgreSQL 15, csvlog: a wait, its end, a deadlock with newlines in DETAIL.
pub(super) const CSV: &str = concat!(
    r#"2025-11-23 18:35:22.182 UTC,"postgres","erp",14728,"[local]",6b04876a.3988,1,"UPDATE waiting",2025-11-23 18:35:22 UTC,4/5,727,LOG,00000,"process 14728 still waiting for ShareLock on transaction 726 after 100.153 ms","Process holding the lock: 14727. Wait queue: 14728.",,,,"while updating tuple (0,1) in relation ""stock_quant""","update stock_quant set note = 'geheim', id = 1 where id = 1",,,"odoo-17","client backend",,8121561002861712534"#,
    "\n",
    r#"2025-11-23 18:35:22.291 UTC,"postgres","erp",14728,"[local]",6b04876a.3988,4,"SELECT waiting",2025-11-23 18:35:22 UTC,4/6,0,LOG,00000,"process 14728 acquired AccessShareLock on relation 16416 of database 5 after 104.605 ms",,,,,,"select * from stock_quant where note = 'geheim'",15,,"odoo-17","client backend",,0"#,
    "\n",
    r#"2025-11-23 18:35:22.515 UTC,"postgres","erp",14732,"[local]",6b04876a.398c,2,"UPDATE",2025-11-23 18:35:22 UTC,5/2,734,ERROR,40P01,"deadlock detected","Process 14732 waits for ShareLock on transaction 735; blocked by process 14733."#,
    "\nProcess 14733 waits for ShareLock on transaction 734; blocked by process 14732.\n",
    r#"Process 14732: update stock_quant set note = 'geheim' where id = 2"#,
    "\n",
    r#"Process 14733: update stock_quant set note = 'geheim' where id = 1","See server log for query details.",,,"while updating tuple (0,6) in relation ""stock_quant""","update stock_quant set note = 'geheim' where id = 2",,,"","client backend",,8576540583494470642"#,
    "\n",
);

/// The same as PostgreSQL 13 writes it: without leader_pid and query_id.
fn csv_of_13() -> String {
    CSV.replace(",,8121561002861712534\n", "\n")
        .replace(",,8576540583494470642\n", "\n")
        .replace("\"client backend\",,0\n", "\"client backend\"\n")
}

/// PostgreSQL 15, jsonlog: the same.
pub(super) const JSON: &str = concat!(
    r#"{"timestamp":"2025-11-23 18:35:22.182 UTC","user":"postgres","dbname":"erp","pid":14728,"remote_host":"[local]","session_id":"6b04876a.3988","line_num":1,"ps":"UPDATE waiting","session_start":"2025-11-23 18:35:22 UTC","vxid":"4/5","txid":727,"error_severity":"LOG","message":"process 14728 still waiting for ShareLock on transaction 726 after 100.153 ms","detail":"Process holding the lock: 14727. Wait queue: 14728.","context":"while updating tuple (0,1) in relation \"stock_quant\"","statement":"update stock_quant set note = 'geheim', id = 1 where id = 1","application_name":"odoo-17","backend_type":"client backend","query_id":8121561002861712534}"#,
    "\n",
    r#"{"timestamp":"2025-11-23 18:35:22.291 UTC","user":"postgres","dbname":"erp","pid":14728,"remote_host":"[local]","session_id":"6b04876a.3988","line_num":4,"ps":"SELECT waiting","session_start":"2025-11-23 18:35:22 UTC","vxid":"4/6","txid":0,"error_severity":"LOG","message":"process 14728 acquired AccessShareLock on relation 16416 of database 5 after 104.605 ms","statement":"select * from stock_quant where note = 'geheim'","cursor_position":15,"application_name":"odoo-17","backend_type":"client backend","query_id":0}"#,
    "\n",
    r#"{"timestamp":"2025-11-23 18:35:22.515 UTC","user":"postgres","dbname":"erp","pid":14732,"remote_host":"[local]","session_id":"6b04876a.398c","line_num":2,"ps":"UPDATE","session_start":"2025-11-23 18:35:22 UTC","vxid":"5/2","txid":734,"error_severity":"ERROR","state_code":"40P01","message":"deadlock detected","detail":"Process 14732 waits for ShareLock on transaction 735; blocked by process 14733.\nProcess 14732: update stock_quant set note = 'geheim' where id = 2","hint":"See server log for query details.","context":"while updating tuple (0,6) in relation \"stock_quant\"","statement":"update stock_quant set note = 'geheim' where id = 2","backend_type":"client backend","query_id":8576540583494470642}"#,
    "\n",
);

fn split(splitter: &mut Splitter, chunks: &[&[u8]]) -> Batch {
    let mut batch = Batch::default();
    for chunk in chunks {
        splitter.feed(chunk, &mut batch);
    }
    splitter.finish(&mut batch);
    batch
}

fn whole(text: impl AsRef<[u8]>) -> Batch {
    split(&mut Splitter::new(None), &[text.as_ref()])
}

/// Counts: entries, read, unreadable, too long.
fn counts(batch: &Batch) -> (usize, u64, u64, u64) {
    (batch.entries.len(), batch.read, batch.unreadable, batch.too_long)
}

#[test]
fn both_formats_of_every_version_say_the_same() {
    let json = whole(JSON);
    assert_eq!(counts(&json), (3, 3, 0, 0));
    assert_eq!(whole(CSV), json);
    let mut old = whole(csv_of_13());
    assert!(old.entries.iter().all(|entry| entry.queryid.is_none()));
    for (old, new) in old.entries.iter_mut().zip(&json.entries) {
        old.queryid = new.queryid;
    }
    assert_eq!(old, json);
    let [wait, end, deadlock] = json.entries.as_slice() else { unreachable!() };
    assert_eq!(
        wait.what,
        What::Waiting {
            mode: "ShareLock",
            object: Object { locktype: "transactionid", relation: None, database: None },
            relation: Some("stock_quant".into()),
            after: Duration::from_micros(100_153),
        }
    );
    assert_eq!((wait.pid, wait.queryid), (14_728, Some(8_121_561_002_861_712_534)));
    assert_eq!(wait.at, Some(SystemTime::UNIX_EPOCH + Duration::from_millis(1_763_922_922_182)));
    assert_eq!(
        end.what,
        What::Acquired {
            mode: "AccessShareLock",
            object: Object { locktype: "relation", relation: Some(16_416), database: Some(5) },
            relation: None,
            after: Duration::from_micros(104_605),
        }
    );
    let (sqlstate, relation) = (Sqlstate::DeadlockDetected, Some("stock_quant".into()));
    assert_eq!(deadlock.what, What::Failed { sqlstate, relation });
    assert!(!format!("{json:?}").contains("geheim"));
}

#[test]
fn bytes_of_any_encoding_are_read() {
    let mut text = CSV.replace("stock_quant", "b@stand").into_bytes();
    text.iter_mut().filter(|byte| **byte == b'@').for_each(|byte| *byte = 0xe4);
    let batch = whole(text);
    assert_eq!(counts(&batch), (3, 3, 0, 0));
    assert!(batch.entries[0].statement.as_ref().unwrap().contains("b\u{fffd}stand"));
}

#[test]
fn lines_that_are_no_records_are_counted_and_harm_nothing() {
    let stderr = "2025-11-23 18:35:21.976 UTC [14716] LOG:  ending log output to stderr\n";
    for (text, unreadable) in
        [(format!("{CSV}{stderr}\n{CSV}"), 2), (format!("{JSON}{{\"pid\":\nnull\n{JSON}"), 2)]
    {
        assert_eq!(counts(&whole(text)), (6, 6, unreadable, 0));
    }
    assert_eq!(counts(&whole(stderr.repeat(3))), (0, 0, 3, 0));
}

#[test]
fn a_record_torn_by_a_crash_costs_no_other() {
    for at in 1..CSV.len() {
        let batch = whole(format!("{}{CSV}", &CSV[..at]));
        let torn = format!("{at}: {:?}", counts(&batch));
        // The server goes on in the same line: with the torn record its first one is lost.
        assert!(batch.entries.len() >= 2 && batch.unreadable <= 4, "{torn}");
        let batch = whole(format!("{}\n{CSV}", &CSV[..at]));
        assert!(batch.entries.len() >= 3, "{at}: {:?}", counts(&batch));
    }
}

#[test]
fn a_record_of_more_than_a_mebibyte_is_passed_over_and_counted() {
    let long = "x, \"\"y\"\"\n".repeat(200_000);
    let csv = CSV.replacen("update", &long, 1);
    let json = JSON.replacen("update", &"x".repeat(2_000_000), 1);
    for text in [&csv, &json] {
        for size in [4_000, 100_000, text.len()] {
            let chunks: Vec<&[u8]> = text.as_bytes().chunks(size).collect();
            let batch = split(&mut Splitter::new(None), &chunks);
            assert_eq!(counts(&batch), (2, 2, 0, 1));
        }
    }
}

#[test]
fn midway_nothing_counts_until_a_record_begins() {
    for (format, log) in [(Format::Csv, CSV), (Format::Json, JSON)] {
        for at in 1..log.len() {
            let inside = !log[..at].ends_with('\n');
            let mut splitter = Splitter::midway(Some(format), inside);
            let rest = format!("{}{log}", &log[at..]);
            let batch = split(&mut splitter, &[rest.as_bytes()]);
            let more = batch.entries.len();
            assert!((3..=6).contains(&more) && batch.unreadable == 0, "{at}: {:?}", counts(&batch));
        }
    }
}

proptest! {
    #[test]
    fn however_the_bytes_are_cut_the_entries_are_the_same(
        parts in prop::collection::vec(part(), 0..12),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..12),
        midway in any::<bool>(),
    ) {
        let bytes = parts.concat();
        let mut at: Vec<usize> = cuts.iter().map(|cut| cut.index(bytes.len() + 1)).collect();
        at.extend([0, bytes.len()]);
        at.sort_unstable();
        let chunks: Vec<&[u8]> = at.windows(2).map(|pair| &bytes[pair[0]..pair[1]]).collect();
        let new = || {
            if midway {
                Splitter::midway(Some(Format::Csv), true)
            } else {
                Splitter::new(None)
            }
        };
        let (one, many) = (split(&mut new(), &[&bytes]), split(&mut new(), &chunks));
        prop_assert_eq!(&one, &many);
        let shown = format!("{one:?}");
        prop_assert!(!shown.contains("geheim"));
    }
}

fn part() -> impl Strategy<Value = Vec<u8>> {
    let cut = |log: &'static str| {
        any::<prop::sample::Index>()
            .prop_map(move |at| log.as_bytes()[at.index(log.len())..].to_vec())
    };
    prop_oneof![
        Just(CSV.as_bytes().to_vec()),
        Just(JSON.as_bytes().to_vec()),
        cut(CSV),
        cut(JSON),
        prop::collection::vec(any::<u8>(), 0..40),
        "[\",{}\n0-9a-z ]{0,40}".prop_map(String::into_bytes),
    ]
}
