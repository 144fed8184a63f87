//! Each rule where it says something, and where it nearly does and must not.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use crate::erp::Profiles;
use crate::finding::Deleted;
use crate::finding::month::{More, Peak, Position};
use crate::finding::tests::{Stage, at, heavy};
use crate::history::{HourLoad, Place};
use crate::integration::Direction;
use crate::integration::{Integration, Kind, Mode, Objective, Rules};
use crate::sample::catalog::{self as read, Column, ForeignKey, Listed};
use crate::sample::replication::{Slot, Standby};
use crate::sample::settings::Setting;
use crate::sample::statements::Counters;
use crate::sample::{function_usage, index_usage, table_usage, vacuum as sampled};
use crate::track::activity::{StateKey, View as Activity};
use crate::track::calls::{Held, HeldIn, OfView, OperationView, Sum, View as Calls};
use crate::track::capped::Capped;
use crate::track::catalog::{Database as Catalog, Number};
use crate::track::duplicates::{Database as Keys, Key, View as KeysView};
use crate::track::findings::{Candidate, Severity};
use crate::track::footprints::BreachKey;
use crate::track::growth;
use crate::track::histogram::Histogram;
use crate::track::hot_spots::{HotSpots, Spot, SpotKey};
use crate::track::lock_waits::BlockedKey;
use crate::track::reports::{BoundaryBreach, LockWait, Part, Party, Report, SlowTransaction};
use crate::track::tables::{Database as Tables, Due, Function, Index, Module, Table};
use crate::track::vacuum::{Age, Running};

fn work(calls: u64, rows: u64, exec_seconds: f64, blocks_hit: u64) -> Counters {
    Counters { calls, rows, exec_seconds, blocks_hit, ..Counters::default() }
}

fn party(application: &str) -> Party {
    Party {
        pid: Some(7),
        datname: Some("erp".into()),
        usename: Some("erp".into()),
        application: application.into(),
        integration: None,
        trace_id: None,
        route: None,
        application_name: None,
        client_addr: None,
        query: Some("update t set a = ?".into()),
        queryid: Some("1".into()),
    }
}

fn slow(application: &str, seconds: f64, idle: f64) -> SlowTransaction {
    SlowTransaction {
        party: party(application),
        session_kind: "interactive",
        module: "sales".into(),
        last_module: "sales".into(),
        started: SystemTime::UNIX_EPOCH,
        seconds,
        state: "idle in transaction",
        idle_seconds: idle,
        waited_seconds: 0.0,
        blocked_others_seconds: 0.0,
        victims: 0,
        xmin_age: 0,
        keeps_back: Some(0),
        kept_back_seconds: seconds,
        wrote: true,
        statements: vec![Part {
            query: None,
            queryid: Some("1".into()),
            module: "sales".into(),
            seconds: 0.1,
        }],
        other_statements_seconds: 0.0,
    }
}

fn activity(stage: &mut Stage) -> &mut Activity {
    Arc::make_mut(&mut stage.server().activity)
}

fn table(name: &str, rows: u64) -> Table {
    Table {
        oid: 1,
        schema: "public".into(),
        table: name.into(),
        module: "sales".into(),
        is_shown: true,
        counters: table_usage::Counters::default(),
        growth: table_usage::Counters::default(),
        series: table_usage::Counters::default(),
        here: table_usage::Counters::default(),
        n_live_tup: rows,
        bytes: 100 << 20,
        index_bytes: 0,
        indexes: 0,
        upkeep: table_usage::Upkeep::default(),
        due: Due { vacuum: Some(0.5), analyze: Some(0.5), ..Due::default() },
    }
}

fn index(scans: u64) -> Index {
    let counters = index_usage::Counters { idx_scan: scans, ..index_usage::Counters::default() };
    Index {
        oid: 2,
        schema: "public".into(),
        table: "t".into(),
        index: "t_a".into(),
        module: "sales".into(),
        is_shown: true,
        counters,
        growth: counters,
        series: counters,
        bytes: 10 << 20,
        is_valid: true,
        enforces: false,
        partitions: index_usage::Partitions::None,
        since: None,
    }
}

fn with_tables(mut stage: Stage, tables: Vec<Table>, indexes: Vec<Index>) -> Stage {
    let modules = [("sales", 3), ("other", 2)]
        .map(|(name, tables)| (Arc::from(name), Module { tables, ..Module::default() }));
    let database = Tables {
        dbid: 5,
        at: at(3_600),
        read_at: SystemTime::UNIX_EPOCH,
        over: Duration::from_secs(3_600),
        bytes: 0,
        tables_total: 0,
        indexes_total: 0,
        tables,
        other_tables: table_usage::Counters::default(),
        indexes,
        other_indexes: index_usage::Counters::default(),
        functions: vec![],
        other_functions: function_usage::Counters::default(),
        track_functions: "none".into(),
        words: 0,
        modules: modules.into(),
        resets: 0,
    };
    let view = Arc::make_mut(&mut stage.server().tables);
    view.databases.insert("erp".into(), Arc::new(database));
    stage
}

fn with_catalog(mut stage: Stage, read: read::Database, numbers: Vec<Number>) -> Stage {
    let database = Catalog { at: at(0), read: Arc::new(read), numbers };
    let view = Arc::make_mut(&mut stage.server().catalog);
    view.databases.insert("erp".into(), database);
    stage
}

/// A table of 4,000 blocks that somebody reads from end to end.
fn read_through(name: &str) -> Table {
    let mut table = table(name, 100_000);
    table.here.seq_tup_read = 100_000_000;
    Table { bytes: 4_000 * 8_192, ..table }
}

mod advice;
mod bad_joins;
mod bloat;
mod duplicate_records;
mod message_queues;
mod queues;
mod server;
mod statements;
mod tables;
mod transactions;
