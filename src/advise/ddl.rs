//! What is run to make an index and to take it back: its name, the statements, and the id by which a
//! suggestion is known from run to run.

use std::collections::BTreeSet;
use std::hash::{Hash, Hasher};

use super::catalog::{Kind, Table};
use super::definition::{Definition, Method, What, qualified, quote};

/// From what the index is, not from when it was found.
pub(super) fn create_id(datname: &str, table: &Table, definition: &Definition) -> String {
    let mut hasher = Fnv::default();
    (datname, &table.schema, &table.name, definition.body()).hash(&mut hasher);
    format!("create-{:012x}", hasher.finish() >> 16)
}

/// From the names of what it is about.
pub(super) fn stable_id(action: &str, names: &[&str]) -> String {
    let mut hasher = Fnv::default();
    names.hash(&mut hasher);
    format!("{action}-{:012x}", hasher.finish() >> 16)
}

/// FNV-1a: the same on every machine and in every release, which the standard hasher is not.
struct Fnv(u64);

impl Default for Fnv {
    fn default() -> Self {
        Self(0xcbf2_9ce4_8422_2325)
    }
}

impl Hasher for Fnv {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
    }
}

/// Schemas and names of relations that are there, or will be.
pub(super) type Taken = BTreeSet<(String, String)>;

/// PostgreSQL cuts names to 63 bytes.
pub(super) const LONGEST_NAME: usize = 63;

/// `table_column_column_idx`, as PostgreSQL itself would call it.
pub(super) fn name(definition: &Definition, table: &Table, taken: &mut Taken) -> String {
    let mut parts: Vec<String> = definition
        .keys
        .iter()
        .map(|key| match &key.what {
            What::Column(name) => name.clone(),
            What::Expression(_) => "expr".to_owned(),
        })
        .collect();
    if !definition.includes.is_empty() {
        parts.push("incl".to_owned());
    }
    if definition.predicate.is_some() {
        parts.push("part".to_owned());
    }
    let suffix = match definition.method {
        Method::Btree => "idx",
        Method::Gin => "gin",
        Method::Brin => "brin",
    };
    let mut digest = Fnv::default();
    definition.body().hash(&mut digest);
    let full = format!("{}_{}_{suffix}", table.name, parts.join("_"));
    if full.len() <= LONGEST_NAME && taken.insert((table.schema.clone(), full.clone())) {
        return full;
    }
    let tail = format!("_{:06x}_{suffix}", digest.finish() & 0xff_ffff);
    let mut head = full;
    let mut end = LONGEST_NAME.saturating_sub(tail.len()).min(head.len());
    while !head.is_char_boundary(end) {
        end -= 1;
    }
    head.truncate(end);
    let short = head + &tail;
    taken.insert((table.schema.clone(), short.clone()));
    short
}

/// A partitioned table's index cannot be built concurrently: it is built part by part and attached.
pub(super) fn create(
    name: &str,
    table: &Table,
    definition: &Definition,
    leaves: &[&Table],
    taken: &mut Taken,
) -> Vec<String> {
    let body = definition.body();
    if table.kind != Kind::Partitioned {
        return vec![format!(
            "create index concurrently {} on {} {body}",
            quote(name),
            qualified(table)
        )];
    }
    let parent = format!("{}.{}", quote(&table.schema), quote(name));
    let mut ddl = vec![format!("create index {} on only {} {body}", quote(name), qualified(table))];
    for leaf in leaves {
        let own = self::name(definition, leaf, taken);
        ddl.push(format!(
            "create index concurrently {} on {} {body}",
            quote(&own),
            qualified(leaf)
        ));
        let there = format!("{}.{}", quote(&leaf.schema), quote(&own));
        ddl.push(format!("alter index {parent} attach partition {there}"));
    }
    ddl
}

/// What takes it back.
pub(super) fn undo(name: &str, table: &Table) -> String {
    let how = if table.kind == Kind::Partitioned { "" } else { "concurrently " };
    format!("drop index {how}{}.{}", quote(&table.schema), quote(name))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::advise::definition::Key;

    #[test]
    fn a_name_fits_and_is_given_once() {
        let table = Table { schema: "public".into(), name: "t".repeat(60), ..Table::default() };
        let mut taken = Taken::new();
        let definition = Definition::btree(1, vec![Key::column("ä".repeat(20).as_str())]);
        let long = name(&definition, &table, &mut taken);
        assert!(long.len() <= LONGEST_NAME && long.ends_with("_idx"), "{long}");
        let table = Table { schema: "public".into(), name: "sale".into(), ..Table::default() };
        let up = Definition::btree(1, vec![Key::column("day")]);
        let down = Definition::btree(
            1,
            vec![Key { is_descending: true, nulls_first: true, ..Key::column("day") }],
        );
        assert_eq!(name(&up, &table, &mut taken), "sale_day_idx");
        let other = name(&down, &table, &mut taken);
        assert!(other.starts_with("sale_day_idx_") && other.ends_with("_idx"), "{other}");
    }
}
