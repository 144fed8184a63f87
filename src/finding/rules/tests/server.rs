//! The server as a whole: its limits, settings, disk, replicas and hours.

use super::*;

#[test]
fn connections_near_their_limit_and_idle_pools_are_told() {
    let with = |connections| {
        let mut stage = Stage::new();
        stage.facts().connections = connections;
        stage
            .look("connections")
            .iter()
            .map(|c| (c.subject.to_string(), c.severity))
            .collect::<Vec<_>>()
    };
    let limit = "max_connections".to_owned();
    assert_eq!(with(85), [(limit.clone(), Severity::Warning)]);
    assert_eq!(with(99), [(limit, Severity::Critical)]);
    assert!(with(79).is_empty());
    let pool = |idle, active| {
        let mut counts = Capped::new(9);
        for (state, count) in [("idle", idle), ("active", active)] {
            *counts.of(StateKey { datname: "erp".into(), application: "odoo".into(), state }) =
                count;
        }
        let mut stage = Stage::new();
        activity(&mut stage).sessions = counts;
        stage.subjects("connections")
    };
    assert_eq!(pool(59, 1), ["idle pools"]);
    assert!(pool(40, 20).is_empty() && pool(20, 0).is_empty());
}

#[test]
fn workers_do_not_count_toward_the_limit_of_a_database() {
    use crate::sample::database::ConnectionLimit;
    use crate::track::databases::Database;
    let with = |used| {
        let connection_limit = Some(ConnectionLimit { most: 10, used });
        let database = Database { connections: 20, connection_limit, ..Database::default() };
        let mut stage = Stage::new();
        Arc::make_mut(&mut stage.server().databases).shown.insert("erp".into(), database);
        stage.subjects("connections")
    };
    assert_eq!(with(9), ["connection limit"]);
    assert!(with(7).is_empty());
}

#[test]
fn numbers_that_run_out_are_told_transactions_and_keys() {
    let age = |xids| {
        let mut stage = Stage::new();
        let view = Arc::make_mut(&mut stage.server().vacuum);
        view.ages.insert("erp".into(), Age { xids, mxids: 0 });
        stage.look("wraparound").iter().map(|c| c.severity).collect::<Vec<_>>()
    };
    assert_eq!(age(1_100_000_000), [Severity::Warning]);
    assert_eq!(age(1_700_000_000), [Severity::Critical]);
    assert!(age(900_000_000).is_empty());
    let number = |used_ratio, ratio_per_day| {
        let column = Column {
            schema: "public".into(),
            table: "t".into(),
            column: "id".into(),
            type_name: "integer".into(),
        };
        let number = Number {
            sequence: None,
            column: Some(column),
            is_identity: false,
            end: 2_147_483_647,
            used_ratio,
            ratio_per_day,
        };
        let stage = with_catalog(Stage::new(), read::Database::default(), vec![number]);
        stage
            .look("numbers_run_out")
            .iter()
            .map(|c| (c.subject.to_string(), c.severity))
            .collect::<Vec<_>>()
    };
    let key = || "t.id".to_owned();
    assert_eq!(number(0.8, None), [(key(), Severity::Warning)]);
    assert_eq!(number(0.3, Some(0.1)), [(key(), Severity::Critical)]);
    assert_eq!(number(0.5, Some(0.005)), [(key(), Severity::Warning)]);
    assert!(number(0.1, Some(0.1)).is_empty() && number(0.7, Some(0.0001)).is_empty());
}

#[test]
fn forced_checkpoints_are_told_and_a_single_one_not() {
    let with = |requested, timed| {
        let mut stage = Stage::new();
        Arc::make_mut(&mut stage.before.servers[0].io).at = Some(at(0));
        let io = Arc::make_mut(&mut stage.server().io);
        (io.checkpoints.requested, io.checkpoints.timed) = (requested, timed);
        stage.subjects("checkpoints")
    };
    assert_eq!(with(9, 2), ["checkpoints"]);
    assert!(with(1, 0).is_empty() && with(4, 9).is_empty());
}

#[test]
fn slots_that_nobody_reads_and_standbys_that_lag_are_told() {
    let slot = |is_active, retained_bytes| {
        let slot = Slot {
            name: "bi".into(),
            is_logical: true,
            datname: None,
            is_active,
            retained_bytes: Some(retained_bytes),
            wal_status: Some("extended".into()),
            safe_bytes: None,
            xmin_age: None,
            inactive_seconds: None,
            is_invalid: false,
        };
        let mut stage = Stage::new();
        Arc::make_mut(&mut stage.server().replication).slots.insert("bi".into(), slot);
        stage
            .look("replication")
            .iter()
            .map(|c| (c.subject.to_string(), c.severity))
            .collect::<Vec<_>>()
    };
    assert_eq!(slot(false, 20 << 30), [("slot bi".to_owned(), Severity::Critical)]);
    assert_eq!(slot(true, 20 << 30), [("slot bi".to_owned(), Severity::Warning)]);
    assert!(slot(false, 1 << 20).is_empty());
    let standby = |lag| {
        let worst = Standby {
            name: "replica".into(),
            state: "streaming".into(),
            sync_state: "async".into(),
            unsent_bytes: Some(0),
            unflushed_bytes: Some(0),
            unreplayed_bytes: Some(0),
            flush_lag_seconds: None,
            replay_lag_seconds: Some(lag),
        };
        let standing = crate::track::replication::Standing { connections: 1, worst };
        let mut stage = Stage::new();
        Arc::make_mut(&mut stage.server().replication).standbys.insert("replica".into(), standing);
        stage.subjects("replication")
    };
    assert_eq!(standby(600.0), ["standby replica"]);
    assert!(standby(5.0).is_empty());
}

#[test]
fn a_standby_that_receives_nothing_any_more_is_told_and_one_that_an_archive_feeds_not() {
    use crate::sample::replication::{Conflicts, Here};
    let with = |receiver: Option<&str>, streamed: Option<u64>, unreplayed_bytes, lag| {
        let mut stage = Stage::new();
        let view = Arc::make_mut(&mut stage.server().replication);
        view.at = Some(at(3_600));
        view.streamed = streamed.map(at);
        view.here = Some(Here {
            receiver: receiver.map(Into::into),
            unreplayed_bytes,
            lag_seconds: Some(lag),
            is_paused: false,
            conflicts: Conflicts::default(),
        });
        stage
    };
    let subjects = |stage: &Stage| stage.subjects("replication");
    let gone = "receiver of this standby";
    assert_eq!(subjects(&with(None, Some(3_000), Some(0), 0.0)), [gone]);
    assert_eq!(subjects(&with(Some("waiting"), Some(3_000), Some(0), 0.0)), [gone]);
    assert!(subjects(&with(None, Some(3_500), Some(0), 0.0)).is_empty(), "for a moment");
    assert!(subjects(&with(Some("streaming"), Some(3_600), Some(0), 0.0)).is_empty());
    assert!(subjects(&with(Some("hidden"), None, Some(0), 0.0)).is_empty(), "it may stream");
    let weekend = 172_800.0;
    let mut archive = with(None, None, None, weekend);
    assert!(subjects(&archive).is_empty(), "nobody has written");
    assert!(subjects(&with(None, None, Some(0), weekend)).is_empty(), "it streamed before us");
    assert_eq!(subjects(&with(Some("streaming"), Some(3_600), Some(9), 600.0)), ["this standby"]);
    let view = Arc::make_mut(&mut archive.server().replication);
    view.here.as_mut().unwrap().is_paused = true;
    assert_eq!(subjects(&archive), ["this standby"], "it does not replay");
}

#[test]
fn settings_that_hurt_are_told_and_those_that_could_not_be_read_not() {
    let with = |name: &str, value: Option<&str>, unit: &str| {
        let setting = Setting {
            name: name.into(),
            value: value.map(Into::into),
            unit: unit.into(),
            source: "configuration file".into(),
            is_default: false,
            pending_restart: false,
        };
        let mut stage = Stage::new();
        let view = Arc::make_mut(&mut stage.server().settings);
        (view.at, view.sample.settings) = (Some(at(0)), vec![setting]);
        stage
            .look("settings")
            .iter()
            .map(|c| (c.subject.to_string(), c.severity, c.summary.clone()))
            .collect::<Vec<_>>()
    };
    let fsync = with("fsync", Some("off"), "");
    assert_eq!((&*fsync[0].0, fsync[0].1), ("fsync", Severity::Critical));
    assert!(with("fsync", Some("on"), "").is_empty() && with("fsync", None, "").is_empty());
    assert_eq!(with("work_mem", Some("2097152"), "kB").len(), 1);
    assert!(with("work_mem", Some("65536"), "kB").is_empty());
    let buffers = with("shared_buffers", Some("8192"), "8kB");
    assert!(buffers[0].2.starts_with("shared_buffers is 64 MiB: the default"), "{buffers:?}");
    let timeout = with("idle_in_transaction_session_timeout", Some("0"), "ms");
    assert!(timeout[0].2.starts_with("idle_in_transaction_session_timeout is 0: "), "{timeout:?}");
}

#[test]
fn hours_that_stand_out_day_after_day_are_told_and_a_single_one_not() {
    let with = |days: i64, busy: &dyn Fn(i64, i64) -> bool| {
        let mut stage = Stage::new();
        Arc::make_mut(&mut stage.server().databases)
            .shown
            .insert("erp".into(), crate::track::databases::Database::default());
        let place = Place { server: "db".into(), datname: "erp".into() };
        let hour = |day, hour| HourLoad {
            hour: day * 86_400 + hour * 3_600,
            exec_seconds: if busy(day, hour) { 3_600.0 } else { 180.0 },
            covered_seconds: 3_600.0,
        };
        let hours = (0..days).flat_map(|day| (0..24).map(move |h| hour(day, h))).collect();
        stage.hours.insert(place, hours);
        stage.subjects("peaks")
    };
    assert_eq!(with(5, &|_, hour| hour == 2), ["hour 02 UTC"]);
    assert!(with(5, &|day, hour| day == 1 && hour == 2).is_empty());
    assert!(with(2, &|_, hour| hour == 2).is_empty());
    assert!(with(5, &|_, _| true).is_empty());
}

#[test]
fn a_day_of_the_month_that_stands_out_is_told_with_what_makes_it() {
    let with = |months: usize, times: f64, load: f64| {
        let mut stage = Stage::new();
        Arc::make_mut(&mut stage.server().databases)
            .shown
            .insert("erp".into(), crate::track::databases::Database::default());
        let more = |text: &str, seconds, seconds_per_call| More {
            queryid: Some(7),
            text: Some(text.into()),
            seconds,
            seconds_per_call,
        };
        let peak = Peak {
            position: Position::LastWorking,
            days: (0..30 * i64::try_from(months).unwrap()).step_by(30).collect(),
            times,
            load,
            made_by: vec![
                more("select * from account_move_line", 5_000.0, 40.0),
                more("select * from stock_move where id = $1", 600.0, 0.001),
                more("select * from account_move", 400.0, 0.1),
            ],
        };
        let place = Place { server: "db".into(), datname: "erp".into() };
        stage.months.insert(place, vec![peak]);
        stage.look("peaks")
    };
    let told = with(3, 4.0, 0.5);
    assert_eq!(&*told[0].subject, "last working day of the month");
    assert_eq!(&*told[0].module, "accounting");
    assert_eq!(
        told[0].summary,
        "on the last working day of the month statements take 4.0 times what they take on an ordinary day, in each of \
         3 months, most of it accounting"
    );
    let said: Vec<String> =
        told[0].evidence.iter().map(|fact| format!("{}={}", fact.key, fact.value)).collect();
    assert!(said.contains(&"report=select * from account_move_line".to_owned()), "{said:?}");
    assert!(said.contains(&"statement=select * from account_move".to_owned()), "{said:?}");
    assert!(said.contains(&"module_seconds_more=90 min".to_owned()), "{said:?}");
    assert!(with(1, 4.0, 0.5).is_empty() && with(3, 1.9, 0.5).is_empty());
    assert!(with(3, 4.0, 0.09).is_empty());
}

#[test]
fn a_disk_that_fills_up_is_told_once_its_size_is_known() {
    let with = |disk: f64, per_day: f64| {
        let read = read::Database { bytes: Some(50 << 30), ..read::Database::default() };
        let mut stage = with_catalog(Stage::new(), read, vec![]).limit("disk_bytes", disk);
        let grown = growth::Growth { bytes_per_day: per_day, ..growth::Growth::default() };
        let database = growth::Database {
            bytes_per_day: per_day,
            modules: BTreeMap::from([("sales".into(), grown)]),
            ..growth::Database::default()
        };
        Arc::make_mut(&mut stage.server().growth).databases.insert("erp".into(), database);
        stage.look("disk_growth").iter().map(|c| c.severity).collect::<Vec<_>>()
    };
    let (disk, gib) = (60.0 * 1_073_741_824.0, 1_073_741_824.0);
    assert_eq!(with(disk, 0.5 * gib), [Severity::Warning]);
    assert_eq!(with(disk, 2.0 * gib), [Severity::Critical]);
    assert!(with(disk, 0.1 * gib).is_empty() && with(disk, -gib).is_empty());
    assert!(with(0.0, gib).is_empty());
}
