//! Tables whose rows, written anew with the same fillfactor, would take less than half of what they have, and b-trees
//! that the index advisor would rebuild. Of tables that is computed from statistics, once they are fresh (analyzed
//! since the server counts, and of ten rows at most one changed since) and our role may see those of all columns;
//! `erpscope_tables_not_estimated` counts the others. The estimate is within some per cent where rows are of
//! about one length and within a fifth or so elsewhere, so a share below a quarter is never told. What lies in
//! TOAST is not looked at. Room in a table is no loss where it fills up again, as in a queue; it is where rows were
//! deleted for good. What it costs in time is not measured.

use std::sync::Arc;

use super::autovacuum_behind::{named, quoted};
use super::unused_indexes::index_of;
use crate::advise::ledger::Line;
use crate::finding::sight::dearest;
use crate::finding::{Judge, Rule, Sight};
use crate::sample::bloat;
use crate::sample::database::CATALOGS;
use crate::track::findings::{About, Candidate, Fact, Need, Severity, Value};
use crate::track::tables::Table;

pub(super) static RULE: Rule = Rule {
    about: About {
        id: "bloat",
        title: "Tables and indexes are mostly empty",
        severity: Severity::Warning,
        needs: &[Need::Catalog],
        explanation: "When rows are changed or deleted, their room is kept for rows to come and not given \
            back to the disk. Here most of a table or an index is such room: it takes disk, memory and backups, and \
            whoever reads it whole reads mostly nothing.",
        remedy: &[
            "See first why: a transaction that stayed open, autovacuum switched off or too seldom, rows deleted in \
             bulk. Else it comes back.",
            "If the room will be filled again soon, leave it.",
            "An index: rebuild it with reindex concurrently; nobody has to wait for that.",
            "A table: pg_repack writes it anew and locks it for a moment only. vacuum full needs no extension, but \
             nobody can read or write the table while it runs. Both need room for a second copy.",
            "Let autovacuum come sooner for this table (autovacuum_vacuum_scale_factor); where rows are updated \
             much, leave room in its pages (fillfactor).",
        ],
    },
    judge: Judge::Server(judge),
};

/// A smaller share may be the estimate's error.
const LEAST_SHARE: f64 = 0.25;
/// From here on it is more than worth knowing: 1 GiB.
const MUCH: f64 = 1_073_741_824.0;
/// A transaction that kept rows back from vacuum for so many seconds may be why.
const LONG: f64 = 900.0;
/// So may a snapshot so many transactions old.
const OLD: u32 = 1_000_000;

fn judge(sight: &Sight<'_>) -> Vec<Candidate> {
    let least = sight.limit("bytes");
    let share = sight.limit("share").max(LEAST_SHARE);
    let mut found = Vec::new();
    for (datname, database) in &sight.server.catalog.databases {
        let is_bloated = |table: &&bloat::Table| {
            let waste = table.bytes - table.bytes_after;
            waste >= least && waste >= share * table.bytes
        };
        let bloated = database.read.bloat.tables.iter().filter(is_bloated);
        found.extend(bloated.map(|table| of_table(sight, datname, table)));
    }
    for datname in sight.server.databases.shown.keys() {
        let lines = sight.suggestions(datname, "reindex");
        found.extend(
            lines.filter(|line| line.size_bytes >= least).map(|line| of_index(datname, line)),
        );
    }
    dearest(found)
}

fn of_table(sight: &Sight<'_>, datname: &Arc<str>, table: &bloat::Table) -> Candidate {
    let name = named(&table.schema, &table.table);
    let waste = table.bytes - table.bytes_after;
    let share = waste / table.bytes.max(1.0);
    let tables = sight.server.tables.databases.get(datname);
    let known = tables.and_then(|database| {
        let is_it = |t: &&Table| *t.schema == *table.schema && *t.table == *table.table;
        database.tables.iter().find(is_it)
    });
    let mut evidence = vec![
        Fact::bytes("table_bytes", bytes(table.bytes)),
        Fact::bytes("bytes_written_anew", bytes(table.bytes_after)),
        Fact::bytes("bytes_given_back", bytes(waste)),
        Fact::share("empty_share", share),
    ];
    evidence.extend(known.into_iter().flat_map(written));
    evidence.extend(why(sight, datname, known).map(|why| Fact::text("may_come_from", why)));
    Candidate {
        datname: Arc::clone(datname),
        subject: name.as_str().into(),
        module: sight.server.erps.of(datname).module(&table.table),
        severity: severity(waste),
        summary: format!(
            "{name} has {}; its rows would take about {}: {} of it is empty",
            Value::Bytes(bytes(table.bytes)),
            Value::Bytes(bytes(table.bytes_after)),
            Value::Share(share)
        ),
        evidence,
        sql: remedies(table, known),
        cost_seconds_per_day: None,
    }
}

/// What happened to its rows since the server counts.
fn written(table: &Table) -> Vec<Fact> {
    let counters = table.counters;
    let mut facts = vec![
        Fact::count("rows", table.n_live_tup),
        Fact::count("dead_rows", table.upkeep.n_dead_tup),
        Fact::count("rows_deleted", counters.n_tup_del),
        Fact::count("rows_updated", counters.n_tup_upd),
    ];
    if counters.n_tup_upd > 0 {
        facts.push(Fact::share("hot_share_of_updates", hot_share(table)));
    }
    facts
}

fn hot_share(table: &Table) -> f64 {
    table.counters.n_tup_hot_upd as f64 / (table.counters.n_tup_upd.max(1) as f64)
}

/// What is known that keeps vacuum away, or did in the window.
fn why(sight: &Sight<'_>, datname: &Arc<str>, table: Option<&Table>) -> Option<String> {
    if sight.server.settings.number("autovacuum") == Some(0.0) {
        return Some("autovacuum is switched off".to_owned());
    }
    if table.is_some_and(|table| !is_vacuumed(table)) {
        return Some("autovacuum is switched off for this table".to_owned());
    }
    let here = sight.transactions().filter(|slow| slow.party.datname.as_ref() == Some(datname));
    let longest = here.max_by(|a, b| a.kept_back_seconds.total_cmp(&b.kept_back_seconds));
    if let Some(slow) = longest.filter(|slow| slow.kept_back_seconds >= LONG) {
        let (application, open) = (&slow.party.application, Value::Seconds(slow.seconds));
        return Some(format!("a transaction of {application} that was open for {open}"));
    }
    let holders = sight.server.databases.horizon.iter().filter(|(holder, _)| holder != CATALOGS);
    let oldest = holders.max_by_key(|(_, age)| *age);
    let (holder, age) = oldest.filter(|(_, age)| *age >= OLD)?;
    Some(format!("nothing was cleaned up for {age} transactions, because of: {holder}"))
}

/// Its own options let autovacuum come.
fn is_vacuumed(table: &Table) -> bool {
    let options = table.upkeep.options.as_deref();
    options.and_then(|options| options.autovacuum_enabled).unwrap_or(true)
}

fn remedies(table: &bloat::Table, known: Option<&Table>) -> Vec<String> {
    let name = quoted(&table.schema, &table.table);
    let mut sql = Vec::new();
    if known.is_some_and(|known| !is_vacuumed(known)) {
        sql.push(format!("alter table {name} reset (autovacuum_enabled);"));
    }
    let options = known.and_then(|known| known.upkeep.options.as_deref());
    if options.is_none_or(|options| options.vacuum_scale_factor.is_none()) {
        sql.push(format!("alter table {name} set (autovacuum_vacuum_scale_factor = 0.02);"));
    }
    let is_updated_afar =
        |known: &Table| known.counters.n_tup_upd > known.n_live_tup && hot_share(known) < 0.5;
    let has_no_room = options.is_none_or(|options| options.fillfactor.is_none());
    if has_no_room && known.is_some_and(is_updated_afar) {
        sql.push(format!("alter table {name} set (fillfactor = 90);"));
    }
    // Nothing that locks so is to be run by being copied with the rest.
    sql.push(format!(
        "-- nobody can read or write it meanwhile, and it needs {} of disk: vacuum (full, analyze) {name};",
        Value::Bytes(bytes(table.bytes_after))
    ));
    sql
}

fn of_index(datname: &Arc<str>, line: &Line) -> Candidate {
    Candidate {
        datname: Arc::clone(datname),
        subject: format!("index {}", index_of(line)).into(),
        module: line.module.as_str().into(),
        severity: severity(line.size_bytes),
        summary: line.explanation.clone(),
        evidence: vec![
            Fact::text("table", line.table.as_str()),
            Fact::bytes("bytes_given_back", bytes(line.size_bytes)),
            Fact::text("suggestion", line.id.as_str()),
        ],
        sql: line.ddl.clone(),
        cost_seconds_per_day: None,
    }
}

fn severity(waste: f64) -> Severity {
    if waste >= MUCH { Severity::Warning } else { Severity::Info }
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a size in bytes")]
const fn bytes(bytes: f64) -> u64 {
    bytes.max(0.0) as u64
}
