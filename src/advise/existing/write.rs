//! A verdict as a suggestion: what to run, what takes it back, and why, for people.

use std::collections::BTreeSet;
use std::fmt::Write;

use super::{Existing, Fault, Idle, Inventory, Leftover, Owner, Verdict};
use crate::advise::ddl::stable_id;
use crate::advise::definition::quote;
use crate::advise::suggestion::{ROWS_BUILT_PER_SECOND, Suggestion};
use crate::advise::upkeep::{entries, kept};
use crate::erp::{Erp, OTHER};

/// What is known when a verdict is written down.
pub struct Told<'a> {
    /// The database.
    pub datname: &'a str,
    /// Its indexes.
    pub inventory: &'a Inventory,
    /// Its words.
    pub erp: &'a Erp,
}

/// The suggestion; nothing if the index or its table is gone from the inventory.
#[must_use]
pub fn write(told: &Told<'_>, verdict: &Verdict) -> Option<Suggestion> {
    let index = told.inventory.index(verdict.index)?;
    let owner = told.inventory.owners.get(&index.table)?;
    let module = told.erp.module(&index.table_name);
    let is_rebuilt = matches!(verdict.fault, Fault::Bloated { .. });
    let action = if is_rebuilt { "reindex" } else { "drop" };
    let spared =
        if is_rebuilt { 0.0 } else { kept(&index.method, index.predicate.is_some(), owner.writes) };
    let (freed, dearer) = match &verdict.fault {
        Fault::Bloated { bytes_after } => (index.bytes - bytes_after, 0.0),
        Fault::Covered { reads_dearer, .. } => (index.bytes, *reads_dearer),
        _ => (index.bytes, 0.0),
    };
    let mut warnings = verdict.warnings.clone();
    warnings.extend(of_running(index, is_rebuilt, &module));
    Some(Suggestion {
        id: stable_id(action, &[told.datname, &index.schema, &index.table_name, &index.name]),
        action,
        reason: reason(&verdict.fault),
        datname: told.datname.to_owned(),
        table: format!("{}.{}", index.schema, index.table_name),
        index: Some(format!("{}.{}", index.schema, index.name)),
        module: module.to_string(),
        after: match &verdict.fault {
            Fault::Covered { by, is_new: true, .. } => Some(by.clone()),
            _ => None,
        },
        ddl: ddl(index, is_rebuilt),
        undo: undo(index, &verdict.fault),
        helps: Vec::new(),
        saved_seconds_per_day: spared,
        upkeep_seconds_per_day: dearer,
        hot_updates_ended_per_day: 0.0,
        size_bytes: freed,
        build_seconds: if is_rebuilt { owner.rows / ROWS_BUILT_PER_SECOND } else { 0.0 },
        checked_by: match &verdict.fault {
            Fault::Unused(_) => "measured",
            Fault::Bloated { .. } | Fault::Covered { is_new: true, .. } => "reasoned",
            _ => "catalog",
        },
        confidence: verdict.confidence,
        warnings,
        explanation: explanation(told.inventory, index, owner, &verdict.fault),
    })
}

fn reason(fault: &Fault) -> &'static str {
    match fault {
        Fault::Duplicate { .. } => "duplicate",
        Fault::Covered { .. } => "covered",
        Fault::Unused(_) => "unused",
        Fault::Invalid(_) => "invalid",
        Fault::Bloated { .. } => "bloated",
    }
}

fn of_running(index: &Existing, is_rebuilt: bool, module: &str) -> Vec<String> {
    let mut warnings = Vec::new();
    if index.is_partitioned {
        warnings.push(
            "an index of a partitioned table cannot be dropped concurrently: the table and all its partitions \
             are locked for a moment, so set a lock_timeout; the undo locks out writers while it builds"
                .to_owned(),
        );
    }
    if is_rebuilt {
        warnings.push(format!(
            "it needs {:.0} MB of disk for the new one meanwhile, waits for transactions that are open, and \
             leaves an invalid index (`_ccnew`) if it fails",
            index.bytes / 1e6
        ));
    } else if module != OTHER && index.is_valid {
        warnings.push("if the ERP made it, its next upgrade may make it again".to_owned());
    }
    warnings
}

fn ddl(index: &Existing, is_rebuilt: bool) -> Vec<String> {
    let name = index.qualified();
    vec![match &index.constraint {
        _ if is_rebuilt => format!("reindex index concurrently {name}"),
        Some(constraint) => {
            format!("alter table {} drop constraint {}", table(index), quote(constraint))
        }
        None if index.is_partitioned => format!("drop index {name}"),
        None => format!("drop index concurrently {name}"),
    }]
}

fn table(index: &Existing) -> String {
    format!("{}.{}", quote(&index.schema), quote(&index.table_name))
}

/// What creates it again. A rebuilt index needs no undo, nor does what nobody could use.
fn undo(index: &Existing, fault: &Fault) -> Vec<String> {
    if matches!(fault, Fault::Bloated { .. } | Fault::Invalid(_)) {
        return Vec::new();
    }
    let definition = &index.definition;
    let create = if index.is_partitioned {
        definition.replacen(" ON ONLY ", " ON ", 1)
    } else if let Some(rest) = definition.strip_prefix("CREATE UNIQUE INDEX ") {
        format!("create unique index concurrently {rest}")
    } else if let Some(rest) = definition.strip_prefix("CREATE INDEX ") {
        format!("create index concurrently {rest}")
    } else {
        definition.clone()
    };
    let mut undo = vec![create];
    if let Some(constraint) = &index.constraint {
        undo.push(format!(
            "alter table {} add constraint {} unique using index {}",
            table(index),
            quote(constraint),
            quote(&index.name)
        ));
    }
    if let Some(tablespace) = &index.tablespace {
        undo.insert(0, format!("set default_tablespace = {}", quote(tablespace)));
        undo.push("reset default_tablespace".to_owned());
    }
    undo
}

fn explanation(inventory: &Inventory, index: &Existing, owner: &Owner, fault: &Fault) -> String {
    let name = index.qualified();
    let mut text = match fault {
        Fault::Duplicate { keeps, .. } => format!(
            "{name} has the same keys, operator classes, order and rows as {keeps}, which stays: whatever one finds \
             the other finds as quickly."
        ),
        Fault::Covered { by, is_new, bytes, reads_dearer } => {
            covered(&name, by, *is_new, bytes / index.bytes.max(1.0), *reads_dearer)
        }
        Fault::Unused(idle) => unused(&name, index, owner, *idle),
        Fault::Invalid(leftover) => invalid(&name, *leftover),
        Fault::Bloated { bytes_after } => {
            return format!(
                "{name} has {:.0} MB; its entries would take about {:.0} MB in pages that are nine tenths full, by the \
                 table's statistics. The rest is room in pages that PostgreSQL does not give back. Rebuilding it \
                 concurrently blocks neither reads nor writes.",
                index.bytes / 1e6,
                bytes_after / 1e6
            );
        }
    };
    let written = entries(owner.writes);
    let _infallible = write!(text, " Without it {} are free", size(index.bytes));
    if written >= 1.0 && index.is_valid {
        let _infallible = write!(text, " and {written:.0} entries a day need not be written");
    }
    text.push('.');
    let alone = columns_alone(inventory, index);
    if !alone.is_empty() && owner.writes.updates >= 1.0 {
        let _infallible = write!(
            text,
            " No other index has {}, so updates of that alone could be HOT.",
            alone.join(", ")
        );
    }
    text
}

fn size(bytes: f64) -> String {
    if bytes < 1e6 { format!("{:.0} kB", bytes / 1e3) } else { format!("{:.1} MB", bytes / 1e6) }
}

fn covered(name: &str, by: &str, is_new: bool, times: f64, reads_dearer: f64) -> String {
    let mut text = if is_new {
        format!(
            "{by}, which is suggested, begins with the keys of {name} and has more. Once it is built, it finds what \
             this one finds: drop this one then, not before."
        )
    } else {
        format!("{by} begins with the keys of {name} and has more: it finds what this one finds.")
    };
    if times > 1.5 {
        let _infallible = write!(
            text,
            " It is {times:.1} times as large, which makes today's scans about {reads_dearer:.1} s a day dearer."
        );
    }
    text
}

fn unused(name: &str, index: &Existing, owner: &Owner, idle: Idle) -> String {
    let span = if idle.days < 2.0 {
        format!("{:.0} h", idle.days * 24.0)
    } else {
        format!("{:.0} days", idle.days)
    };
    let kind = match (index.method.as_str(), index.keys.iter().any(|k| k.opclass_name.is_some())) {
        ("btree", true) => " It is for patterns or another special order, and none was asked for.",
        ("hash", _) => " A hash index serves equality alone.",
        _ => "",
    };
    format!(
        "Nothing has scanned {name} for {span}, by {}, while {}.{} was read {:.0} times.{kind}",
        idle.source, owner.schema, owner.name, owner.reads
    )
}

fn invalid(name: &str, leftover: Leftover) -> String {
    match leftover {
        Leftover::Created => format!(
            "{name} is invalid: a `create index concurrently` of it failed or was cancelled. No plan may use it, and \
             writes may keep it all the same. Drop it and, if it is wanted, create it again, or instead \
             `reindex index concurrently {name}`; if it is unique, look for duplicates first."
        ),
        Leftover::Copy => format!(
            "{name} is the unfinished copy of a `reindex concurrently` that failed. The original is still there and \
             serves: drop the copy, and reindex again."
        ),
        Leftover::Replaced => format!(
            "{name} is the original that a `reindex concurrently` has replaced and could not drop at its end. The new \
             one serves: nothing is left to do but to drop this one."
        ),
    }
}

/// Columns of the index that updates set and that are in no other index of the table.
fn columns_alone(inventory: &Inventory, index: &Existing) -> Vec<String> {
    let Some(sets) = inventory.sets.get(&index.table_name) else { return Vec::new() };
    let others: BTreeSet<&str> = inventory
        .indexes
        .iter()
        .filter(|other| other.table == index.table && other.oid != index.oid)
        .flat_map(|other| {
            other.columns().flatten().chain(other.includes.iter().map(String::as_str))
        })
        .collect();
    let own = index.columns().flatten().chain(index.includes.iter().map(String::as_str));
    own.filter(|column| sets.contains(*column) && !others.contains(column))
        .map(str::to_owned)
        .collect()
}
