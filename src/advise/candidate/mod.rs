//! Which indexes could serve a statement: from what a plan says of each relation.
//!
//! A b-tree is searched by columns that are compared for equality, then by one range or in an order;
//! what else the statement needs of the table can be carried along, so that the table itself is
//! not read (PostgreSQL's manual, chapters 11.3 to 11.9). The planner decides later which of them are of
//! any use, so these are rather too many than too few.

mod qualify;
mod special;
mod terms;
mod width;

use std::collections::BTreeSet;

pub use terms::{Terms, what};
pub use width::{fits, without_bound};

use super::catalog::{Catalog, Table};
use super::constants::may_be_shown;
use super::definition::{Definition, Key, What};
use super::plan::{Reading, Use};

/// Fewer blocks are read as quickly as an index.
const TINY_PAGES: f64 = 12.0;

/// Keys of one index.
const MOST_KEYS: usize = 5;

/// Bytes of a row that are carried along at most: more is a second table.
const MOST_CARRIED: f64 = 96.0;

/// What may be suggested.
#[derive(Clone, Debug, Default)]
pub struct Allowed {
    /// Columns (`column` or `table.column`) whose values may stand in the predicate of a partial index.
    pub values_of: Vec<String>,
}

impl Allowed {
    /// Whether values of a column may be shown.
    #[must_use]
    pub fn names(&self, table: &str, column: &str) -> bool {
        let is_it = |name: &String| {
            name.strip_suffix(column)
                .is_some_and(|before| before.is_empty() || before.strip_suffix('.') == Some(table))
        };
        self.values_of.iter().any(is_it)
    }
}

/// All candidates for one statement, in a stable order.
#[must_use]
pub fn candidates(reading: &Reading, catalog: &Catalog, allowed: &Allowed) -> BTreeSet<Definition> {
    let mut found = BTreeSet::new();
    for usage in reading.uses.values() {
        let Some(table) = catalog.table(&usage.schema, &usage.relation) else { continue };
        if table.is_indexable() && table.pages >= TINY_PAGES {
            let terms = Terms::of(usage, table);
            btrees(&terms, usage, table, &mut found);
            special::candidates(usage, table, catalog, allowed, &terms, &mut found);
        }
    }
    found.retain(|definition| {
        let table = catalog.tables.get(&definition.table);
        let has_it = |table: &Table| table.indexes.iter().any(|i| definition.is_covered_by(i));
        // Beside foreign parts it would take up one that a part has, and the undo would drop that, too.
        let is_taken_up =
            |table: &Table| table.foreign_parts > 0 && catalog.parts(table).any(has_it);
        let is_new = |table: &Table| !has_it(table) && !is_taken_up(table);
        let may_stand = |table: &Table| {
            let mut keys = definition.keys.iter();
            fits(definition, table) && keys.all(|key| is_shown(key, table, allowed))
        };
        table.is_some_and(|table| is_new(table) && may_stand(table))
    });
    found.into_iter().filter_map(|definition| qualify::qualified(definition, catalog)).collect()
}

/// What is suggested is shown, with the values in its expressions.
fn is_shown(key: &Key, table: &Table, allowed: &Allowed) -> bool {
    match &key.what {
        What::Column(_) => true,
        What::Expression(text) => may_be_shown(text, table, allowed),
    }
}

fn btrees(terms: &Terms, usage: &Use, table: &Table, found: &mut BTreeSet<Definition>) {
    for keys in key_lists(terms) {
        let keys: Vec<Key> = keys.into_iter().take(MOST_KEYS).collect();
        if keys.is_empty() || !keys.iter().all(|key| can_be_key(key, table)) {
            continue;
        }
        let definition = Definition::btree(table.oid, keys);
        if let Some(covering) = covering(&definition, usage, table) {
            found.insert(covering);
        }
        found.insert(definition);
    }
    for arm in &terms.arms {
        btrees(arm, &Use { whole_row: true, ..Use::default() }, table, found);
    }
}

/// Orders of keys that are worth asking about.
fn key_lists(terms: &Terms) -> Vec<Vec<Key>> {
    let (equal, ranges) = (&terms.equal, &terms.ranges);
    let mut heads: Vec<Vec<Key>> = vec![Vec::new(), equal.clone()];
    heads.extend(equal.iter().map(|key| vec![key.clone()]));
    for join in &terms.joins {
        heads.push(join.clone());
        heads.extend(join.iter().map(|key| vec![key.clone()]));
        heads.push(joined(join, equal));
        heads.push(joined(equal, join));
        for key in equal {
            heads.push(joined(join, std::slice::from_ref(key)));
            heads.push(joined(std::slice::from_ref(key), join));
        }
    }
    for (first, a) in terms.joins.iter().enumerate() {
        for (second, b) in terms.joins.iter().enumerate() {
            if first != second {
                heads.push(joined(a, b));
            }
        }
    }
    let mut lists = Vec::new();
    for head in heads {
        for range in ranges {
            lists.push(joined(&head, std::slice::from_ref(range)));
        }
        for order in &terms.orders {
            lists.push(joined(&head, order));
        }
        lists.push(head);
    }
    for range in ranges {
        for other in ranges.iter().chain(equal).chain(terms.joins.iter().flatten()) {
            lists.push(joined(std::slice::from_ref(range), std::slice::from_ref(other)));
        }
    }
    lists.sort();
    lists.dedup();
    lists
}

/// One after the other, each key once.
fn joined(head: &[Key], tail: &[Key]) -> Vec<Key> {
    let mut keys = head.to_vec();
    for key in tail {
        if !keys.iter().any(|there| there.what == key.what) {
            keys.push(key.clone());
        }
    }
    keys
}

fn can_be_key(key: &Key, table: &Table) -> bool {
    match &key.what {
        What::Column(name) => table.column(name).is_some_and(|column| column.is_sortable),
        What::Expression(_) => true,
    }
}

/// The same with everything that the statement needs of the table, if that is not too wide.
fn covering(definition: &Definition, usage: &Use, table: &Table) -> Option<Definition> {
    if usage.whole_row || usage.needed.is_empty() {
        return None;
    }
    let carried = |name: &&String| {
        table.column(name).is_some() && !definition.keys.iter().any(|key| key.name() == Some(name))
    };
    let includes: Vec<String> = usage.needed.iter().filter(carried).cloned().collect();
    let width: f64 = includes.iter().filter_map(|name| table.column(name)).map(|c| c.width).sum();
    (!includes.is_empty() && width <= MOST_CARRIED)
        .then(|| Definition { includes, ..definition.clone() })
}
