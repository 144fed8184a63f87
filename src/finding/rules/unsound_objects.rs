//! Indexes that are not valid, as `create index concurrently` has failed or was broken off, and
//! constraints that were never checked for the rows that were there before them. An index that is being
//! made is not valid either: it is told of only if its table is not vacuumed or indexed just now, which
//! the time until a finding opens takes care of for most. That of a partitioned table is valid once each
//! partition has its part; it goes as a whole only.

use std::sync::Arc;

use super::autovacuum_behind::{named, quoted};
use crate::finding::sight::dearest;
use crate::finding::{Judge, Rule, Sight};
use crate::sample::catalog::Constraint;
use crate::sample::index_usage::Partitions;
use crate::track::findings::{About, Candidate, Fact, Need, Severity, Value};
use crate::track::tables::Index;

pub(super) static RULE: Rule = Rule {
    about: About {
        id: "unsound_objects",
        title: "Half-made indexes and unchecked constraints",
        severity: Severity::Warning,
        needs: &[Need::Catalog],
        explanation: "An index whose making was broken off helps no query, but every change still pays \
            for it. A constraint that was never checked promises something about old rows that \
            nobody has looked at.",
        remedy: &[
            "Index: make it anew with reindex concurrently, or drop it.",
            "Constraint: validate it; it reads the table once and lets others work meanwhile.",
        ],
    },
    judge: Judge::Server(judge),
};

fn judge(sight: &Sight<'_>) -> Vec<Candidate> {
    let mut found = Vec::new();
    for (datname, database) in &sight.server.tables.databases {
        let invalid = database.indexes.iter().filter(|index| !index.is_valid);
        found.extend(invalid.map(|index| index_case(datname, index)));
    }
    for (datname, catalog) in &sight.server.catalog.databases {
        let unchecked = &catalog.read.unvalidated_constraints.rows;
        found.extend(unchecked.iter().map(|constraint| unchecked_case(sight, datname, constraint)));
    }
    dearest(found)
}

fn index_case(datname: &Arc<str>, index: &Index) -> Candidate {
    let quoted = quoted(&index.schema, &index.index);
    Candidate {
        datname: Arc::clone(datname),
        subject: format!("index {}", named(&index.schema, &index.index)).into(),
        module: Arc::clone(&index.module),
        severity: Severity::Warning,
        summary: format!(
            "the index {} of {} is not valid: it helps nobody and takes {}",
            index.index,
            index.table,
            Value::Bytes(index.bytes)
        ),
        evidence: vec![
            Fact::text("table", named(&index.schema, &index.table)),
            Fact::bytes("bytes", index.bytes),
        ],
        sql: match index.partitions {
            Partitions::None => vec![
                format!("reindex index concurrently {quoted};"),
                format!("drop index concurrently {quoted};"),
            ],
            // It cannot be dropped without the whole.
            Partitions::Part => vec![format!("reindex index concurrently {quoted};")],
            Partitions::Whole => vec![format!(
                "drop index {quoted}; -- locks the table and its partitions for a moment, so set a lock_timeout"
            )],
        },
        cost_seconds_per_day: None,
    }
}

fn unchecked_case(sight: &Sight<'_>, datname: &Arc<str>, constraint: &Constraint) -> Candidate {
    let Constraint { schema, table, constraint: name, .. } = constraint;
    Candidate {
        datname: Arc::clone(datname),
        subject: format!("constraint {name} of {}", named(schema, table)).into(),
        module: sight.module(datname, table),
        severity: Severity::Info,
        summary: format!("the constraint {name} of {table} was not checked for older rows"),
        evidence: vec![Fact::text("table", named(schema, table))],
        sql: vec![format!(
            "alter table {} validate constraint \"{}\";",
            quoted(schema, table),
            name.replace('"', "\"\"")
        )],
        cost_seconds_per_day: None,
    }
}
