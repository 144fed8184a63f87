//! Foreign keys without an index, where it matters: of tables with many rows whose parent's rows are
//! deleted. Most foreign keys of an ERP need no index (its `create_uid` and `write_uid` least of all), so
//! one whose parent keeps its rows is not told of. What it costs is the time of the statements that
//! delete from the parent and read much for each row.

use std::sync::Arc;

use super::autovacuum_behind::{named, quoted};
use crate::erp::tables_changed;
use crate::finding::sight::dearest;
use crate::finding::{Judge, Rule, Sight};
use crate::sample::catalog::ForeignKey;
use crate::track::findings::{About, Candidate, Fact, Need, Severity};
use crate::track::tables::Database;

pub(super) static RULE: Rule = Rule {
    about: About {
        id: "unindexed_foreign_keys",
        title: "Each delete reads a whole table",
        severity: Severity::Warning,
        needs: &[Need::Catalog],
        explanation: "When a row is deleted, the database has to make sure that no other row points to \
            it. Without an index it reads the whole other table to find out, once for each row that \
            is deleted, and keeps its locks meanwhile.",
        remedy: &[
            "Make the index; concurrently, so that nobody has to wait.",
            "Ask `erpscope advise` first: it also knows whether queries want such an index.",
        ],
    },
    judge: Judge::Server(judge),
};

const DAY: f64 = 86_400.0;
/// Blocks for each row from which on a delete reads more than the row and its indexes.
const MUCH: f64 = 50.0;

fn judge(sight: &Sight<'_>) -> Vec<Candidate> {
    let mut found = Vec::new();
    for (datname, catalog) in &sight.server.catalog.databases {
        let Some(tables) = sight.server.tables.databases.get(datname) else { continue };
        for key in &catalog.read.unindexed_foreign_keys.rows {
            let deletes = deletes_per_day(tables, key);
            if key.rows as f64 >= sight.limit("rows") && deletes >= sight.limit("deletes_per_day") {
                found.push((deletes * key.rows as f64, case(sight, datname, key, deletes)));
            }
        }
    }
    // Those for which most rows are read come first; there is no time measured to rank them by.
    found.sort_by(|(a, _), (b, _)| b.total_cmp(a));
    dearest(found.into_iter().map(|(_, candidate)| candidate).collect())
}

fn deletes_per_day(tables: &Database, key: &ForeignKey) -> f64 {
    let is_parent = |schema: &str, table: &str| schema == key.parent_schema && table == key.parent;
    let parent = tables.tables.iter().find(|table| is_parent(&table.schema, &table.table));
    let seconds = tables.over.as_secs_f64();
    parent
        .filter(|_| seconds > 0.0)
        .map_or(0.0, |parent| parent.growth.n_tup_del as f64 / seconds * DAY)
}

fn case(sight: &Sight<'_>, datname: &Arc<str>, key: &ForeignKey, deletes: f64) -> Candidate {
    let table = named(&key.schema, &key.table);
    let seconds = seconds_of_deletes(sight, datname, key);
    let columns: Vec<String> =
        key.columns.iter().map(|column| format!("\"{}\"", column.replace('"', "\"\""))).collect();
    Candidate {
        datname: Arc::clone(datname),
        subject: format!("{table} ({})", key.columns.join(", ")).into(),
        module: sight.module(datname, &key.table),
        severity: Severity::Warning,
        summary: format!(
            "each of {deletes:.0} deletes a day from {} reads the {} rows of {table}",
            key.parent, key.rows
        ),
        evidence: vec![
            Fact::text("constraint", key.constraint.as_str()),
            Fact::text("parent", named(&key.parent_schema, &key.parent)),
            Fact::number("deletes_per_day", deletes),
            Fact::count("rows", key.rows),
            Fact::bytes("bytes", key.bytes),
        ],
        sql: vec![format!(
            "create index concurrently on {} ({});",
            quoted(&key.schema, &key.table),
            columns.join(", ")
        )],
        cost_seconds_per_day: Some(sight.per_day(seconds)).filter(|_| seconds > 0.0),
    }
}

/// What the deletes from a key's parent took in the window that read more than a row's own blocks.
fn seconds_of_deletes(sight: &Sight<'_>, datname: &Arc<str>, key: &ForeignKey) -> f64 {
    let deletes = sight.statements.iter().filter(|grown| {
        let text = grown.text().trim_start();
        grown.datname == *datname
            && text.get(..6).is_some_and(|verb| verb.eq_ignore_ascii_case("delete"))
            && tables_changed(text).first().is_some_and(|table| *table == key.parent)
            && grown.blocks() >= MUCH * (grown.work.rows.max(grown.work.calls) as f64)
    });
    deletes.map(|grown| grown.work.exec_seconds).sum()
}
