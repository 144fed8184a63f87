//! Samples in, hours out.

use proptest::prelude::*;

use super::*;
use crate::history::{IndexUse, TableUse};
use crate::sample::database::{self, Database};
use crate::sample::index_usage::{self, Index};
use crate::sample::table_usage::{self, Table, Upkeep};
use crate::sample::texts::TextKey;

const EVERY: Duration = Duration::from_secs(300);
/// An hour's beginning.
const NOON: u64 = 1_767_225_600;
const START: i64 = NOON.cast_signed();

fn at(seconds: u64) -> Moment {
    Moment {
        wall: SystemTime::UNIX_EPOCH + Duration::from_secs(NOON + seconds),
        elapsed: Duration::from_secs(seconds),
    }
}

fn names(databases: &[(u32, &str)]) -> Names {
    let row = |&(dbid, datname): &(u32, &str)| Database {
        dbid,
        datname: datname.into(),
        stats_reset: None,
        connection_limit: None,
        connections: 0,
        counters: database::Counters::default(),
    };
    let server = database::Server {
        version: String::new(),
        version_num: 150_000,
        start_time: SystemTime::UNIX_EPOCH,
        in_recovery: false,
        max_connections: 1,
        role: "erpscope".into(),
        reserved_connections: 0,
        statements_max: 0,
        connections: 0,
    };
    let mut names = Names::new(1);
    let sample = database::Sample {
        read_at: SystemTime::UNIX_EPOCH,
        server,
        databases: databases.iter().map(row).collect(),
        roles: vec![],
        horizon: vec![],
    };
    names.learn(&sample, Duration::ZERO);
    names
}

fn erp() -> Names {
    names(&[(1, "erp"), (2, "beyond the limit")])
}

fn hours() -> Hours {
    Hours::new("erp-prod".into(), EVERY)
}

fn grown(dbid: u32, queryid: Option<i64>, calls: u64) -> (Key, Counters) {
    let key = Key { userid: 10, dbid, queryid, toplevel: true };
    (key, Counters { calls, blocks_hit: calls, blocks_read: 2 * calls, ..Counters::default() })
}

fn table(oid: u32, seq_scan: u64, n_live_tup: u64) -> Table {
    let counters = table_usage::Counters { seq_scan, ..table_usage::Counters::default() };
    let (schema, table) = ("public".into(), format!("t{oid}"));
    Table { oid, schema, table, counters, n_live_tup, bytes: 8_192, upkeep: Upkeep::default() }
}

fn index(oid: u32, idx_scan: u64) -> Index {
    let counters = index_usage::Counters { idx_scan, idx_tup_read: 2 * idx_scan };
    let (schema, table, index) = ("public".into(), "t".into(), format!("i{oid}"));
    Index { counters, bytes: 8_192, ..Index::named(oid, schema, table, index) }
}

fn usage(tables: Vec<Table>, indexes: Vec<Index>) -> usage::Sample {
    let database = usage::Database { dbid: 1, tables, indexes, ..usage::Database::default() };
    usage::Sample { databases: vec![database], skipped: 0 }
}

/// How long tables and indexes were looked at.
fn seen(batch: &Batch) -> Duration {
    let usage = batch.covered.iter().filter(|row| row.kind == Kind::Usage);
    usage.map(|row| Duration::from_secs_f64(row.seconds)).sum()
}

#[test]
fn growth_goes_into_the_hour_in_which_it_was_seen_and_is_given_away_once() {
    let (mut hours, names) = (hours(), erp());
    assert_eq!(hours.due(at(3_000)), None);
    hours.statements(at(3_500), None, &names);
    hours.statements(at(3_590), Some(&[grown(1, Some(7), 5)]), &names);
    hours.statements(at(3_610), Some(&[grown(1, Some(7), 3), grown(1, Some(7), 1)]), &names);
    let batch = hours.due(at(3_610)).unwrap();
    let rows: Vec<_> = batch
        .statements
        .iter()
        .map(|row| (&*row.place.datname, row.hour, row.queryid, row.work.calls, row.work.blocks))
        .collect();
    assert_eq!(rows, [("erp", START, Some(7), 5, 15), ("erp", START + 3_600, Some(7), 4, 12)]);
    let covered = |hour| {
        let here = |row: &&Covered| row.hour == hour && &*row.place.datname == "erp";
        batch.covered.iter().find(here).map(|row| row.seconds)
    };
    assert_eq!((covered(START), covered(START + 3_600)), (Some(90.0), Some(20.0)));
    assert_eq!((hours.due(at(3_611)), hours.take(at(3_612)).len()), (None, 0));
}

#[test]
fn what_cannot_be_told_apart_is_the_rest_of_its_database() {
    let (mut hours, names) = (hours(), erp());
    let growths = [grown(1, None, 5), grown(2, Some(7), 1), grown(2, Some(8), 1)];
    hours.statements(at(0), Some(&growths), &names);
    let batch = hours.take(at(1));
    let rows: Vec<_> = batch
        .statements
        .iter()
        .map(|row| (&*row.place.datname, row.queryid, row.work.calls))
        .collect();
    assert_eq!(rows, [("erp", None, 5), ("other", None, 2)]);
}

#[test]
fn a_crowd_of_statements_is_bounded_and_none_of_its_calls_is_lost() {
    let (mut hours, names) = (hours(), erp());
    let crowd: Vec<_> = (1..=30_000).map(|queryid| grown(1, Some(queryid), 1)).collect();
    hours.statements(at(0), Some(&crowd), &names);
    let batch = hours.take(at(1));
    assert!(batch.statements.len() <= STATEMENTS + 1);
    assert_eq!(batch.statements.iter().map(|row| row.work.calls).sum::<u64>(), 30_000);
}

#[test]
fn texts_are_given_away_once() {
    let (mut hours, names) = (hours(), erp());
    let key = |dbid| TextKey { userid: 10, dbid, queryid: 7 };
    let texts = vec![(key(1), "select $1".to_owned()), (key(2), "select $1".to_owned())];
    hours.texts(&texts::Sample { asked: vec![], texts }, &names);
    let texts = hours.take(at(1)).texts;
    assert_eq!(texts.len(), 1);
    assert_eq!((&*texts[0].place.datname, &*texts[0].text), ("erp", "select $1"));
    assert!(hours.take(at(2)).texts.is_empty());
}

#[test]
fn the_first_look_is_a_base_and_a_relation_made_since_has_grown_from_zero() {
    let (mut hours, names) = (hours(), erp());
    hours.usage(at(0), &usage(vec![table(1, 1_000, 5)], vec![index(2, 500)]), &names);
    let two = usage(vec![table(1, 1_003, 6), table(9, 4, 0)], vec![index(2, 500)]);
    hours.usage(at(300), &two, &names);
    let batch = hours.take(at(301));
    let rows: Vec<_> =
        batch.tables.iter().map(|row| (&*row.table, row.growth.seq_scan, row.n_live_tup)).collect();
    assert_eq!(rows, [("t1", 3, 6), ("t9", 4, 0)]);
    assert_eq!(batch.indexes.len(), 1, "it is told that it is there");
    assert_eq!(batch.indexes[0].growth, IndexUse::default());
    assert_eq!(seen(&batch), Duration::from_secs(300));
    // Nothing new within the hour, so nothing to write.
    hours.usage(at(600), &two, &names);
    let batch = hours.take(at(601));
    assert_eq!((batch.tables.len(), batch.indexes.len(), batch.covered.len()), (0, 0, 1));
    hours.usage(at(3_600), &two, &names);
    assert_eq!(hours.take(at(3_601)).tables.len(), 2, "but once an hour");
}

#[test]
fn of_a_database_that_was_dropped_nothing_is_kept() {
    let mut hours = hours();
    hours.usage(at(0), &usage(vec![table(7, 1, 1)], vec![index(8, 1)]), &erp());
    assert_eq!(hours.relations.databases(), 1);
    let others = names(&[(2, "beyond the limit")]);
    hours.usage(at(300), &usage::Sample { databases: vec![], skipped: 0 }, &others);
    assert_eq!(hours.relations.databases(), 0);
}

#[test]
fn counters_that_went_back_begin_again_from_zero_and_are_counted() {
    let (mut hours, names) = (hours(), erp());
    hours.usage(at(0), &usage(vec![table(1, 1_000, 5)], vec![index(2, 500)]), &names);
    hours.usage(at(300), &usage(vec![table(1, 7, 5)], vec![index(2, 600)]), &names);
    let batch = hours.take(at(301));
    assert_eq!(batch.tables[0].growth, TableUse { seq_scan: 7, ..TableUse::default() });
    assert_eq!(batch.indexes[0].growth.idx_scan, 100);
    assert_eq!(batch.covered.iter().map(|row| row.resets).sum::<u64>(), 1);
}

#[test]
fn a_dropped_index_is_no_reset_of_its_table() {
    let (mut hours, names) = (hours(), erp());
    let scanned = |seq_scan, idx_scan| {
        let table = table(1, seq_scan, 5);
        Table { counters: table_usage::Counters { idx_scan, ..table.counters }, ..table }
    };
    hours.usage(at(0), &usage(vec![scanned(1_000, 900)], vec![index(2, 900)]), &names);
    hours.usage(at(300), &usage(vec![scanned(1_003, 0)], vec![]), &names);
    let batch = hours.take(at(301));
    assert_eq!(batch.tables[0].growth, TableUse { seq_scan: 3, ..TableUse::default() });
    assert_eq!(batch.covered.iter().map(|row| row.resets).sum::<u64>(), 0);
}

#[test]
fn after_a_fail_over_the_other_servers_counters_are_only_a_base() {
    let (mut hours, names) = (hours(), erp());
    hours.usage(at(0), &usage(vec![table(1, 1_000, 5)], vec![]), &names);
    hours.usage(at(10), &usage(vec![table(1, 1_002, 5)], vec![]), &names);
    hours.rebase();
    hours.usage(at(20), &usage(vec![table(1, 90_000, 5)], vec![]), &names);
    let batch = hours.take(at(21));
    assert_eq!(batch.tables.iter().map(|row| row.growth.seq_scan).sum::<u64>(), 2);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn hours_sum_to_the_growth_that_was_given(
        steps in prop::collection::vec(
            (1_u64..2_000, prop::collection::vec((0_u32..4, 0_i64..6, 0_u64..50, any::<bool>()), 0..6)),
            1..60,
        ),
    ) {
        let (mut hours, names) = (hours(), names(&[(1, "erp")]));
        let (mut seconds, mut given, mut kept) = (0, 0, Vec::new());
        let mut scans = 0;
        for (wait, growths) in steps {
            seconds += wait;
            let grown: Vec<_> = growths
                .iter()
                .map(|(dbid, queryid, calls, hidden)| {
                    grown(*dbid, (!hidden).then_some(*queryid), *calls)
                })
                .collect();
            given += growths.iter().map(|(_, _, calls, _)| calls).sum::<u64>();
            hours.statements(at(seconds), Some(&grown), &names);
            scans += wait;
            hours.usage(at(seconds), &usage(vec![table(1, scans, 0)], vec![index(2, scans)]), &names);
            kept.extend(hours.due(at(seconds)));
        }
        kept.push(hours.take(at(seconds)));
        let statements = kept.iter().flat_map(|batch| &batch.statements);
        prop_assert_eq!(statements.map(|row| row.work.calls).sum::<u64>(), given);
        let scans = kept.iter().flat_map(|b| &b.tables).map(|row| row.growth.seq_scan).sum::<u64>();
        // Each second was a scan, and before the first sample nobody looked.
        prop_assert_eq!(scans, kept.iter().map(seen).sum::<Duration>().as_secs());
    }
}
