//! Statements that read many blocks for each row that they return, weighted by the time they take,
//! together for each table. A statement that reads little a call is never one, however often it
//! runs, so a small table never is; nor is a report, whose work is to read much. The table is the one of
//! those that it names of which most rows were read from end to end, if a call reads at least half as many
//! blocks as it has; where none was, an index was used, and the time went elsewhere, such as into many
//! indexes that a change has to write, or into the check of a foreign key.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::erp::{OTHER, tables_changed, tables_of};
use crate::finding::sight::dearest;
use crate::finding::{Grown, Judge, Rule, Shape, Sight};
use crate::track::findings::{About, Candidate, Fact, Need, Severity, Value, counted};

pub(super) static RULE: Rule = Rule {
    about: About {
        id: "large_scans",
        title: "Much is read to find little",
        severity: Severity::Warning,
        needs: &[Need::Samples],
        explanation: "To find a few rows, the database reads a large part of a table each time, as \
            one would look for a name in a phone book that is not sorted. It gets slower as the \
            table grows. An index is the sorted list that is missing.",
        remedy: &[
            "Run `erpscope advise`: it says which index helps, what it saves and what it costs.",
            "Let the ERP's vendor know if the table is one of the ERP's own.",
            "If no index fits, change the search: fewer columns, a limit, a prefix instead of a part.",
        ],
    },
    judge: Judge::Server(judge),
};

/// Statements that are told as evidence.
const TOLD: usize = 3;

fn judge(sight: &Sight<'_>) -> Vec<Candidate> {
    let mut tables: BTreeMap<(Arc<str>, String), Vec<&Grown>> = BTreeMap::new();
    for grown in sight.statements.iter().filter(|grown| reads_much(sight, grown)) {
        let Some(table) = scanned(sight, grown) else { continue };
        tables.entry((Arc::clone(&grown.datname), table)).or_default().push(grown);
    }
    let all = tables.into_iter();
    let all = all.filter_map(|((datname, table), found)| case(sight, datname, &table, found));
    dearest(all.collect())
}

/// A table of which less than this share was read from end to end in the whole window was not scanned;
/// nor by a statement whose calls read less than this share of its blocks.
const ONCE: f64 = 0.5;
/// Scans of a table that bring less than this share of what a statement reads are not what it is busy with.
const MAIN: f64 = 0.25;
/// Blocks that a row which is written costs in each index of its table: the way down and a leaf.
const UPKEEP: f64 = 4.0;
/// As nearly every server is built.
const BLOCK: f64 = 8_192.0;

/// Of the tables of a statement the one of which most rows were read from end to end, else the first of
/// which that is not known. A table that is known to be small is none; where a table is known, one that
/// is not is smaller, or is a view.
fn scanned(sight: &Sight<'_>, grown: &Grown) -> Option<String> {
    let known = |name: &String| sight.table(&grown.datname, name);
    let read = |name: &String| sight.rows_scanned(&grown.datname, name).unwrap_or(0);
    let (blocks, rows) = (grown.per_call(grown.blocks()), grown.per_call(grown.work.rows as f64));
    let changed = tables_changed(grown.text());
    let mut names = tables_of(grown.text());
    if starts(grown, "insert") {
        names.retain(|name| !changed.contains(name));
    }
    let is_any_known = names.iter().any(|name| known(name).is_some());
    names.retain(|name| {
        let Some(table) = known(name) else { return !is_any_known };
        let upkeep =
            if changed.contains(name) { UPKEEP * table.indexes as f64 * rows } else { 0.0 };
        let live = table.n_live_tup as f64;
        let whole = table.bytes as f64 / BLOCK;
        let scans = read(name) as f64 / live.max(1.0);
        live >= sight.limit("rows")
            && scans >= ONCE
            && blocks - upkeep >= ONCE * whole
            && scans * whole >= MAIN * grown.blocks()
    });
    let name = names.into_iter().rev().max_by_key(read)?;
    (!is_by_reference(sight, grown, &name)).then_some(name)
}

/// Whether it deletes from a table that refers to itself without an index: it is the check of that
/// reference that scans, of which unindexed_foreign_keys tells.
fn is_by_reference(sight: &Sight<'_>, grown: &Grown, name: &str) -> bool {
    let catalog = sight.server.catalog.databases.get(&grown.datname);
    let mut keys = catalog.iter().flat_map(|catalog| &catalog.read.unindexed_foreign_keys.rows);
    starts(grown, "delete") && keys.any(|key| key.table == name && key.parent == name)
}

fn starts(grown: &Grown, word: &str) -> bool {
    let start = grown.text().trim_start().get(..word.len());
    start.is_some_and(|start| start.eq_ignore_ascii_case(word))
}

fn reads_much(sight: &Sight<'_>, grown: &Grown) -> bool {
    let blocks = grown.per_call(grown.blocks());
    let rows = grown.per_call(grown.work.rows as f64).max(1.0);
    blocks >= sight.limit("blocks_per_call")
        && blocks / rows >= sight.limit("blocks_per_row")
        && Shape::of(grown, 0.5, 1_000.0) == Shape::Transactional
}

fn case(
    sight: &Sight<'_>,
    datname: Arc<str>,
    table: &str,
    mut found: Vec<&Grown>,
) -> Option<Candidate> {
    let seconds = |grown: &Grown| grown.work.exec_seconds;
    found.sort_by(|a, b| seconds(b).total_cmp(&seconds(a)));
    let cost = sight.per_day(found.iter().map(|grown| seconds(grown)).sum());
    if cost < sight.limit("seconds_per_day") {
        return None;
    }
    let blocks: f64 = found.iter().map(|grown| grown.blocks()).sum();
    let rows: u64 = found.iter().map(|grown| grown.work.rows).sum();
    let calls: u64 = found.iter().map(|grown| grown.work.calls).sum();
    let mut evidence = vec![
        Fact::number("blocks_read_per_row_returned", blocks / (rows.max(1) as f64)),
        Fact::number("calls_per_day", sight.per_day(calls as f64)),
        Fact::number("blocks_per_call", blocks / (calls.max(1) as f64)),
        Fact::count("statements", found.len() as u64),
    ];
    if let Some(known) = sight.table(&datname, table) {
        evidence.push(Fact::count("rows_of_the_table", known.n_live_tup));
        evidence.push(Fact::bytes("bytes_of_the_table", known.bytes));
    }
    for grown in found.iter().take(TOLD) {
        evidence.push(Fact::text("queryid", grown.queryid.to_string()));
        evidence.push(Fact::text("query", grown.text()));
        if let Some(runner) = sight.server.activity.runners.of(&datname, grown.queryid) {
            evidence.push(Fact::text("application", Arc::clone(&runner.application)));
        }
        evidence.push(Fact::seconds("seconds_per_day", sight.per_day(seconds(grown))));
    }
    let mut sql = Vec::new();
    for line in sight.suggestions(&datname, "create").filter(|line| is_of(&line.table, table)) {
        evidence.push(Fact::text("suggestion", line.id.as_str()));
        evidence.push(Fact::seconds("it_saves_seconds_per_day", line.saved_seconds_per_day));
        sql.extend(line.ddl.iter().cloned());
    }
    let module = found.first().map_or_else(|| OTHER.into(), |grown| Arc::clone(&grown.module));
    Some(Candidate {
        datname,
        subject: table.into(),
        module,
        severity: Severity::Warning,
        summary: format!(
            "{} {table} {} {:.0} blocks for each row that {} a day",
            counted(found.len(), "statement on", "statements on"),
            if found.len() == 1 { "reads" } else { "read" },
            blocks / (rows.max(1) as f64),
            if found.len() == 1 {
                format!("it returns and takes {}", Value::Seconds(cost))
            } else {
                format!("they return and take {}", Value::Seconds(cost))
            },
        ),
        evidence,
        sql,
        cost_seconds_per_day: Some(cost),
    })
}

/// Whether a table's name with its schema, as SQL has it, is that of this table.
pub(super) fn is_of(with_schema: &str, table: &str) -> bool {
    with_schema.rsplit('.').next().is_some_and(|name| name.trim_matches('"') == table)
}
