//! What is run to make an index and to take it back: its name, the statements, and the id by which a
//! suggestion is known from run to run.

use std::collections::BTreeSet;
use std::hash::{Hash, Hasher};

use super::catalog::{Kind, Table, Tree};
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
    let full = format!("{}_{}_{suffix}", table.name, parts.join("_"));
    if full.len() <= LONGEST_NAME && taken.insert((table.schema.clone(), full.clone())) {
        return full;
    }
    let mut digest = Fnv::default();
    definition.body().hash(&mut digest);
    loop {
        let tail = format!("_{:06x}_{suffix}", digest.finish() & 0xff_ffff);
        let mut end = LONGEST_NAME.saturating_sub(tail.len()).min(full.len());
        while !full.is_char_boundary(end) {
            end -= 1;
        }
        let short = full.get(..end).unwrap_or_default().to_owned() + &tail;
        if taken.insert((table.schema.clone(), short.clone())) {
            return short;
        }
        // Partitions with long names differ at their ends, which are cut off.
        table.name.hash(&mut digest);
    }
}

/// An index of a partitioned table cannot be built concurrently. Those of its leaves are, and each is attached to
/// that of the table which it is directly a part of, as PostgreSQL attaches to no other. The uppermost is valid when all are attached.
///
/// An index made `on only` a table that has a foreign table among its direct parts never becomes valid, as nothing can be
/// attached for that part (seen with 15). One that is made on all parts passes foreign tables over, as long as it is
/// not unique, and takes up indexes of the same kind that the others have: there it comes last and builds nothing.
pub(super) fn create(
    name: &str,
    tree: &Tree<'_>,
    definition: &Definition,
    taken: &mut Taken,
) -> Vec<String> {
    let Tree { table, parts } = tree;
    let body = definition.body();
    let on = |how: &str, only: &str| {
        format!("create index {how}{} on {only}{} {body}", quote(name), qualified(table))
    };
    if table.kind != Kind::Partitioned {
        return vec![on("concurrently ", "")];
    }
    let is_foreign = |part: &&Tree<'_>| part.table.kind == Kind::Unindexable;
    let is_last = parts.iter().any(|part| is_foreign(&part));
    let mut ddl = Vec::new();
    if !is_last {
        ddl.push(on("", "only "));
    }
    for part in parts.iter().filter(|part| !is_foreign(part)) {
        let own = self::name(definition, part.table, taken);
        ddl.extend(create(&own, part, definition, taken));
        if !is_last {
            let (whole, part) = (index(table, name), index(part.table, &own));
            ddl.push(format!("alter index {whole} attach partition {part}"));
        }
    }
    if is_last {
        ddl.push(on("", ""));
    }
    ddl
}

/// An index's name with its schema, which is that of its table.
fn index(table: &Table, name: &str) -> String {
    format!("{}.{}", quote(&table.schema), quote(name))
}

/// What takes it back: with the index of a partitioned table go those that are attached to it, and to these.
pub(super) fn undo(name: &str, table: &Table) -> String {
    let how = if table.kind == Kind::Partitioned { "" } else { "concurrently " };
    format!("drop index {how}{}", index(table, name))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::advise::catalog::Catalog;
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

    /// Sales by company, and by year below: one company has no table yet, one a foreign one.
    fn sales() -> Catalog {
        let long = format!("sale_of_the_company_{}", "x".repeat(40));
        let mut catalog = Catalog::default();
        let mut add = |oid, parent, name: &str, kind| {
            let (schema, name) = ("public".into(), name.into());
            catalog.add(Table { oid, root: 1, parent, schema, name, kind, ..Table::default() });
        };
        add(1, 0, "sale", Kind::Partitioned);
        add(2, 1, "sale_1", Kind::Partitioned);
        add(3, 2, &format!("{long}24"), Kind::Table);
        add(4, 2, &format!("{long}25"), Kind::Table);
        add(5, 1, "sale_2", Kind::Partitioned);
        add(6, 1, "sale_3", Kind::Partitioned);
        add(7, 6, "sale_3_old", Kind::Unindexable);
        add(8, 6, "sale_3_new", Kind::Table);
        catalog
    }

    #[test]
    fn each_index_is_attached_to_that_of_the_table_it_is_directly_a_part_of() {
        let catalog = sales();
        let definition = Definition::btree(1, vec![Key::column("day")]);
        let mut taken = Taken::new();
        let ddl = create("p", &catalog.tree(&catalog.tables[&1]), &definition, &mut taken);
        let long = format!("sale_of_the_company_{}", "x".repeat(32));
        let [first, second] = [3, 5].map(|at| {
            let rest = ddl[at - 1].strip_prefix("create index concurrently ").unwrap();
            rest.split_once(" on ").unwrap().0.to_owned()
        });
        assert!(first != second && [&first, &second].iter().all(|n| n.len() <= LONGEST_NAME));
        let expected = [
            "create index p on only public.sale (day)".to_owned(),
            "create index sale_1_day_idx on only public.sale_1 (day)".to_owned(),
            format!("create index concurrently {first} on public.{long}xxxxxxxx24 (day)"),
            format!("alter index public.sale_1_day_idx attach partition public.{first}"),
            format!("create index concurrently {second} on public.{long}xxxxxxxx25 (day)"),
            format!("alter index public.sale_1_day_idx attach partition public.{second}"),
            "alter index public.p attach partition public.sale_1_day_idx".to_owned(),
            "create index sale_2_day_idx on only public.sale_2 (day)".to_owned(),
            "alter index public.p attach partition public.sale_2_day_idx".to_owned(),
            "create index concurrently sale_3_new_day_idx on public.sale_3_new (day)".to_owned(),
            "create index sale_3_day_idx on public.sale_3 (day)".to_owned(),
            "alter index public.p attach partition public.sale_3_day_idx".to_owned(),
        ];
        assert_eq!(ddl, expected);
        assert_eq!(undo("p", &catalog.tables[&1]), "drop index public.p");
    }
}
