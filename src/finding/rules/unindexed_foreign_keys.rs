//! Foreign keys without an index, where it matters: of tables with many rows whose parent's rows are
//! deleted. Most foreign keys of an ERP need no index (its `create_uid` and `write_uid` least of all), so
//! one whose parent keeps its rows is not told of. How many are deleted in a day is known from the last
//! week of the history; before that has a day, it is what was seen since, at least. What it costs is the
//! time of the statements that delete from the parent and read much for each row.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use super::autovacuum_behind::{named, quoted};
use crate::erp::tables_changed;
use crate::finding::sight::dearest;
use crate::finding::{Judge, Rule, Sight};
use crate::sample::catalog::ForeignKey;
use crate::track::findings::{About, Candidate, Fact, Need, Severity};
use crate::track::tables::Table;

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

const DAY: Duration = Duration::from_secs(86_400);
/// Blocks for each row from which on a delete reads more than the row and its indexes.
const MUCH: f64 = 50.0;

/// Rows deleted in a day.
#[derive(Clone, Copy)]
struct Deletes {
    per_day: f64,
    /// They were counted for less than a day: there may be more.
    at_least: bool,
}

/// Rows deleted in the window, by schema and table, of those that were looked at singly.
type OfWindow<'a> = HashMap<(&'a str, &'a str), u64>;

fn judge(sight: &Sight<'_>) -> Vec<Candidate> {
    let mut found = Vec::new();
    for (datname, catalog) in &sight.server.catalog.databases {
        let window = of_window(sight, datname);
        for key in &catalog.read.unindexed_foreign_keys.rows {
            let deletes = deletes(sight, datname, key, &window);
            let is_much = deletes.per_day >= sight.limit("deletes_per_day");
            if key.rows as f64 >= sight.limit("rows") && is_much {
                let weight = deletes.per_day * key.rows as f64;
                found.push((weight, case(sight, datname, key, deletes)));
            }
        }
    }
    // Those for which most rows are read come first; there is no time measured to rank them by.
    found.sort_by(|(a, _), (b, _)| b.total_cmp(a));
    dearest(found.into_iter().map(|(_, candidate)| candidate).collect())
}

fn deletes(
    sight: &Sight<'_>,
    datname: &Arc<str>,
    key: &ForeignKey,
    window: &OfWindow<'_>,
) -> Deletes {
    let counted = |rows: &dyn Fn(&str, &str) -> u64, over: Duration| {
        // Rows are counted where they are: a partitioned table itself has none.
        let of_parts: u64 = key.parent_parts.iter().map(|(schema, name)| rows(schema, name)).sum();
        let all = of_parts + rows(&key.parent_schema, &key.parent);
        all as f64 * (DAY.as_secs_f64() / over.max(DAY).as_secs_f64())
    };
    let history = sight.deleted(datname);
    let remembered = history
        .map_or(0.0, |history| counted(&|schema, table| history.rows(schema, table), history.over));
    if history.is_some_and(|history| history.over >= DAY) {
        return Deletes { per_day: remembered, at_least: false };
    }
    let of = |schema: &str, table: &str| window.get(&(schema, table)).copied().unwrap_or(0);
    Deletes { per_day: counted(&of, sight.span).max(remembered), at_least: true }
}

fn of_window<'a>(sight: &Sight<'a>, datname: &str) -> OfWindow<'a> {
    let tables = sight.server.tables.databases.get(datname);
    let before = sight.before.tables.databases.get(datname);
    let then: HashMap<u32, &Table> =
        before.iter().flat_map(|of| &of.tables).map(|table| (table.oid, table)).collect();
    let grown = |table: &Table| match then.get(&table.oid) {
        None => table.here.n_tup_del,
        Some(then) => {
            let rows = table.counters.n_tup_del;
            // Less than before: the statistics were reset.
            rows.checked_sub(then.counters.n_tup_del).unwrap_or(rows)
        }
    };
    let all = tables.into_iter().flat_map(|of| &of.tables);
    all.map(|table| ((&*table.schema, &*table.table), grown(table))).collect()
}

fn case(sight: &Sight<'_>, datname: &Arc<str>, key: &ForeignKey, deletes: Deletes) -> Candidate {
    let table = named(&key.schema, &key.table);
    let seconds = seconds_of_deletes(sight, datname, key);
    Candidate {
        datname: Arc::clone(datname),
        subject: format!("{table} ({})", key.columns.join(", ")).into(),
        module: sight.module(datname, &key.table),
        severity: Severity::Warning,
        summary: format!(
            "each of {}{:.0} deletes a day from {} reads the {} rows of {table}",
            if deletes.at_least { "at least " } else { "" },
            deletes.per_day,
            key.parent,
            key.rows
        ),
        evidence: vec![
            Fact::text("constraint", key.constraint.as_str()),
            Fact::text("parent", named(&key.parent_schema, &key.parent)),
            Fact::number("deletes_per_day", deletes.per_day),
            Fact::count("rows", key.rows),
            Fact::bytes("bytes", key.bytes),
        ],
        sql: vec![index(key)],
        cost_seconds_per_day: Some(sight.per_day(seconds)).filter(|_| seconds > 0.0),
    }
}

fn index(key: &ForeignKey) -> String {
    let columns: Vec<String> =
        key.columns.iter().map(|column| format!("\"{}\"", column.replace('"', "\"\""))).collect();
    let on = format!("on {} ({});", quoted(&key.schema, &key.table), columns.join(", "));
    if key.is_partitioned {
        format!(
            "create index {on} -- not concurrently, as it is partitioned: who writes to it waits"
        )
    } else {
        format!("create index concurrently {on}")
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
