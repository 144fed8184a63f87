//! Where rows lie: how much an index and its table are in one order, and how far apart the rows of a table are.

use std::collections::BTreeMap;

use super::ROW;
use crate::advise::catalog::{Catalog, Table};
use crate::advise::definition::{Definition, quote};

/// Bytes of memory that is near to every processor: a cache of the third level, as servers have it.
const CACHE: f64 = 32.0 * 1_048_576.0;

/// Bytes at the head of a page.
const PAGE_HEADER: f64 = 24.0;

/// Pages of a table for each byte of its visibility map.
const MAPPED: f64 = 4.0;

/// What is known of where rows lie.
#[derive(Clone, Debug, Default)]
pub struct Ground {
    pub(super) leads: BTreeMap<String, Lead>,
    /// By relation and column: how much the order of its values is the table's, 0 to 1.
    pub(super) order: BTreeMap<(String, String), f64>,
    pub(super) fields: BTreeMap<String, Field>,
}

/// A table's rows.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Field {
    /// How many there are.
    pub rows: f64,
    /// Pages that they fill.
    pub pages: f64,
    /// What it costs to fetch one that is far from the last.
    pub row: f64,
}

impl Field {
    fn new(table: &Table, block: f64) -> Self {
        let doublings = (table.pages * block / CACHE).log2();
        Self { rows: table.rows, pages: table.pages, row: ROW * doublings.max(0.0) }
    }
}

/// What an index finds by its first key.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Lead {
    /// The key's column.
    pub column: String,
    /// How much the order of its values is the table's: the square of the correlation, as the planner has
    /// it (`cost_index`).
    pub order: f64,
    /// The share of the table's rows that have one value.
    pub of_value: f64,
    /// It is the only key: rows of one value come as they lie.
    pub is_only: bool,
    /// It holds some of the rows.
    pub is_partial: bool,
    /// Pages of the table's visibility map.
    pub maps: f64,
    /// The table's rows, of one with partitions all of them.
    pub field: Field,
}

impl Lead {
    /// `keys`: their columns, as far as they are columns.
    fn new(table: &Table, keys: &[Option<&str>], is_partial: bool, block: f64) -> Self {
        let name = keys.first().copied().flatten().unwrap_or_default();
        let column = table.column(name);
        let correlation = column.and_then(|column| column.correlation).unwrap_or(0.0);
        let distinct = column.and_then(|column| column.distinct).unwrap_or(table.rows);
        let valued = column.map_or(1.0, |column| 1.0 - column.null_share);
        Self {
            column: name.to_owned(),
            order: correlation * correlation,
            of_value: valued / distinct.max(1.0),
            is_only: keys.len() == 1,
            is_partial,
            maps: (table.pages / ((block - PAGE_HEADER) * MAPPED)).ceil().max(1.0),
            field: Field::new(table, block),
        }
    }

    /// How often so many entries, as they come, are on another page of the visibility map.
    pub fn map_visits(&self, rows: f64) -> f64 {
        let apart = rows * (1.0 - 1.0 / self.maps) * (1.0 - self.order);
        if self.is_only {
            let of_value = self.of_value * self.field.rows;
            apart.min((rows / of_value.max(1.0)).ceil() * (self.maps - 1.0))
        } else {
            apart
        }
    }

    /// Whether its first key is compared with one value.
    pub fn is_of_value(&self, condition: &str) -> bool {
        let column = quote(&self.column);
        [format!("({column} = "), format!("(({column})::text = ")]
            .iter()
            .any(|equal| condition.split(equal).skip(1).any(|rest| !rest.starts_with("ANY (")))
    }

    /// The column of another relation whose value is looked up, with its alias.
    pub fn sought(&self, condition: &str) -> Option<(String, String)> {
        let own = format!("({} = ", quote(&self.column));
        let (_, rest) = condition.split_once(&own)?;
        let (alias, column) = rest.split_once(')')?.0.rsplit_once('.')?;
        let bare = |name: &str| name.trim_matches('"').to_owned();
        let is_bare = |name: &str| !name.contains([' ', '(', ':']);
        (is_bare(alias) && is_bare(column)).then(|| (bare(alias), bare(column)))
    }
}

impl Ground {
    /// That of all tables and the indexes that are there. Of two of the same name in two schemas it is
    /// one of them: plans do not tell which.
    #[must_use]
    pub fn new(catalog: &Catalog) -> Self {
        let mut ground = Self::default();
        for table in catalog.tables.values() {
            for index in &table.indexes {
                let keys: Vec<Option<&str>> =
                    index.keys.iter().map(|key| key.column.as_deref()).collect();
                let is_partial = index.predicate.is_some();
                let lead = Lead::new(table, &keys, is_partial, catalog.block_size);
                ground.leads.insert(index.name.clone(), lead);
            }
            ground.fields.insert(table.name.clone(), Field::new(table, catalog.block_size));
            for column in &table.columns {
                let order = column.correlation.unwrap_or(0.0).powi(2);
                ground.order.insert((table.name.clone(), column.name.clone()), order);
            }
        }
        ground
    }

    /// Takes up an index that is supposed, by the name that the plan gives it.
    pub fn suppose(&mut self, name: &str, definition: &Definition, catalog: &Catalog) {
        if let Some(table) = catalog.tables.get(&definition.table) {
            let keys: Vec<Option<&str>> = definition.keys.iter().map(|key| key.name()).collect();
            let is_partial = definition.predicate.is_some();
            let lead = Lead::new(table, &keys, is_partial, catalog.block_size);
            self.leads.insert(name.to_owned(), lead);
        }
    }
}
