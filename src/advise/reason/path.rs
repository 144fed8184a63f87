//! What reading a table by an index costs: after `cost_index`, `cost_bitmap_heap_scan` and
//! `btcostestimate` of PostgreSQL's `costsize.c` and `selfuncs.c`.

use super::share::{Term, of_any, of_predicate};
use crate::advise::catalog::{Catalog, Table};
use crate::advise::definition::{Definition, Key, Method, What};
use crate::advise::plan::{Operator, Use};
use crate::advise::size;

/// Bytes of a key that is an expression.
const EXPRESSION_WIDTH: f64 = 16.0;

/// Of an entry: its header and its line pointer.
const ENTRY_OVERHEAD: f64 = 12.0;

/// Blocks of a range in a BRIN.
const BRIN_RANGE: f64 = 128.0;

/// The order in an index of several keys follows the table's less (`btcostestimate`).
const CORRELATION_OF_SEVERAL: f64 = 0.75;

/// Operators' worth of going down one page (`DEFAULT_PAGE_CPU_MULTIPLIER`).
const PAGE_CPU: f64 = 50.0;

/// Columns that no index holds.
const SYSTEM_COLUMNS: [&str; 6] = ["ctid", "xmin", "xmax", "cmin", "cmax", "tableoid"];

/// One index on one relation of a plan.
pub struct Path<'a> {
    /// The index.
    pub index: &'a Definition,
    /// The table, or the partition.
    pub table: &'a Table,
    /// The database.
    pub catalog: &'a Catalog,
    /// What is needed of the relation.
    pub usage: &'a Use,
    /// What its rows must fulfil.
    pub terms: &'a [Term],
    /// Columns that are compared with another relation's, whose value comes in.
    pub joined: &'a [What],
    /// How often it is read.
    pub loops: f64,
}

/// How far an index serves.
#[derive(Debug)]
struct Match {
    /// Rows that it holds.
    held: f64,
    /// Share of these that are looked at in the index.
    bounded: f64,
    /// Share of these whose rows are fetched.
    fetched: f64,
    /// Conditions that it serves.
    served: usize,
    /// Leading keys that are equal to something.
    equal_keys: usize,
    /// At least one of them is a join's.
    is_joined: bool,
}

/// What an index would take in bytes; a computation where its size is not known better.
#[must_use]
pub fn bytes(index: &Definition, catalog: &Catalog, table: &Table, held: f64) -> f64 {
    if index.method == Method::Brin {
        return catalog.block_size * 3.0;
    }
    if let Some(bytes) = size::estimate(index, catalog, table) {
        return bytes;
    }
    let width = |what: &What| match what {
        What::Column(name) => table.column(name).map_or(EXPRESSION_WIDTH, |column| column.width),
        What::Expression(_) => EXPRESSION_WIDTH,
    };
    let keys: f64 = index.keys.iter().map(|key| width(&key.what)).sum();
    let carried: f64 =
        index.includes.iter().filter_map(|name| table.column(name)).map(|c| c.width).sum();
    let entry = ((keys + carried) / 8.0).ceil() * 8.0 + ENTRY_OVERHEAD;
    (held * entry / 0.9).max(catalog.block_size * 2.0)
}

impl Path<'_> {
    /// The cost of one reading, in any order.
    pub fn cost(&self) -> Option<f64> {
        let matched = self.matched()?;
        if self.index.method == Method::Brin {
            return Some(self.brin(&matched));
        }
        let is_of_use = matched.served > 0 || self.index.predicate.is_some();
        if !is_of_use && !self.covers() {
            return None;
        }
        let plain = self.index_scan(&matched);
        let bitmap = if matched.served > 0 { self.bitmap(&matched) } else { plain };
        Some(plain.min(bitmap))
    }

    /// The cost of reading it once for each of many values that come from elsewhere.
    pub fn lookup(&self) -> Option<f64> {
        let matched = self.matched().filter(|matched| matched.is_joined)?;
        if self.index.method == Method::Brin {
            return None;
        }
        Some(self.index_scan(&matched).min(self.bitmap(&matched)))
    }

    /// The cost of reading all of it in an order, and the rows that are fetched for that.
    pub fn ordered(&self, order: &[Key]) -> Option<(f64, f64)> {
        let matched = self.matched().filter(|_| self.index.method == Method::Btree)?;
        let equal = |what: &What| {
            self.terms.iter().any(|term| term.what == *what && term.operator == Operator::Equal)
                || self.joined.contains(what)
        };
        let keys = self.index.keys.iter().skip(matched.equal_keys);
        let wanted: Vec<&Key> = order.iter().filter(|key| !equal(&key.what)).collect();
        let found: Vec<&Key> = keys.take(wanted.len()).collect();
        let is_same = found.len() == wanted.len()
            && wanted.iter().zip(&found).all(|(a, b)| a.what == b.what && b.opclass.is_none());
        let forward = wanted
            .iter()
            .zip(&found)
            .all(|(a, b)| a.is_descending == b.is_descending && a.nulls_first == b.nulls_first);
        let backward = wanted
            .iter()
            .zip(&found)
            .all(|(a, b)| a.is_descending != b.is_descending && a.nulls_first != b.nulls_first);
        let rows = (matched.held * matched.fetched).max(1.0);
        (is_same && (forward || backward)).then(|| (self.index_scan(&matched), rows))
    }

    fn matched(&self) -> Option<Match> {
        let share = match &self.index.predicate {
            Some(predicate) => of_predicate(predicate, self.terms)?,
            None => 1.0,
        };
        let mut matched = Match {
            held: (self.table.rows * share).max(1.0),
            bounded: 1.0,
            fetched: 1.0,
            served: 0,
            equal_keys: 0,
            is_joined: false,
        };
        let mut is_bounding = true;
        for key in &self.index.keys {
            let is_joined = self.joined.contains(&key.what);
            let equal = self.equal(key);
            let range = self.range(key);
            match (is_joined, equal, range) {
                (true, _, _) => {
                    let share = self.of_join(key);
                    matched.fetched *= share;
                    matched.is_joined |= is_bounding;
                    matched.bounded *= if is_bounding { share } else { 1.0 };
                    matched.equal_keys += usize::from(is_bounding);
                    matched.served += 1;
                }
                (_, Some((share, is_one)), _) => {
                    matched.fetched *= share;
                    matched.bounded *= if is_bounding { share } else { 1.0 };
                    matched.equal_keys += usize::from(is_bounding && is_one);
                    matched.served += 1;
                    is_bounding &= is_one || matched.equal_keys == 0;
                }
                (_, None, Some(share)) => {
                    matched.fetched *= share;
                    matched.bounded *= if is_bounding { share } else { 1.0 };
                    matched.served += 1;
                    is_bounding = false;
                }
                _ => is_bounding = false,
            }
        }
        // Rows of a predicate are all of its own: what it says need not be fulfilled once more.
        Some(matched)
    }

    /// Compared for equality: the share, and whether with one value alone.
    fn equal(&self, key: &Key) -> Option<(f64, bool)> {
        self.terms.iter().find_map(|term| {
            let is_one = matches!(term.operator, Operator::Equal | Operator::Null);
            let fits = term.what == key.what && (is_one || term.operator == Operator::Any);
            let is_free = key.opclass.is_none() || term.operator != Operator::Null;
            (fits && is_free && !self.is_implied(term)).then_some((term.share, is_one))
        })
    }

    fn range(&self, key: &Key) -> Option<f64> {
        let is_for_patterns =
            key.opclass.as_deref().is_some_and(|class| class.ends_with("_pattern_ops"));
        let column = key.name().and_then(|name| self.table.column(name));
        let is_bytewise = key.opclass.is_none() && column.is_some_and(|column| column.is_bytewise);
        let fits = |term: &&Term| {
            term.what == key.what
                && match term.operator {
                    Operator::Like => is_for_patterns || is_bytewise,
                    Operator::Range => !is_for_patterns,
                    _ => false,
                }
        };
        let mut ranges = self.terms.iter().filter(fits).peekable();
        ranges.peek()?;
        Some(ranges.map(|term| term.share).product())
    }

    /// The predicate says it already.
    fn is_implied(&self, term: &Term) -> bool {
        match (&self.index.predicate, &term.as_sql) {
            (Some(predicate), Some(sql)) => predicate == sql,
            _ => false,
        }
    }

    fn of_join(&self, key: &Key) -> f64 {
        match key.name().and_then(|name| self.table.column(name)) {
            Some(column) => of_any(column, self.table.rows),
            None => 1.0 / 200.0,
        }
    }

    /// Everything that is needed of the table is in the index.
    fn covers(&self) -> bool {
        let has = |name: &String| {
            self.index.includes.contains(name)
                || self.index.keys.iter().any(|key| key.name() == Some(name))
        };
        let needed = self.usage.needed.iter().filter(|name| self.table.column(name).is_some());
        // What finds a row to change or to lock is in no index.
        let is_of_the_row = self.usage.needed.iter().any(|name| SYSTEM_COLUMNS.contains(&&**name));
        !self.usage.whole_row && !is_of_the_row && needed.into_iter().all(has)
    }

    /// Entries looked at, and what going through them costs.
    fn in_index(&self, matched: &Match) -> f64 {
        let catalog = self.catalog;
        let pages = bytes(self.index, catalog, self.table, matched.held) / catalog.block_size;
        let entries = (matched.held * matched.bounded).max(1.0);
        let touched = (pages * entries / matched.held).ceil().max(1.0);
        let read = fetched(touched * self.loops, pages, catalog.cache_pages) / self.loops;
        let down = (matched.held.log2().ceil() + 3.0 * PAGE_CPU) * catalog.cpu_operator_cost;
        read * catalog.random_page_cost
            + entries
                * (catalog.cpu_index_tuple_cost + matched.served as f64 * catalog.cpu_operator_cost)
            + down
    }

    fn index_scan(&self, matched: &Match) -> f64 {
        let catalog = self.catalog;
        let table = self.table;
        let rows = (matched.held * matched.fetched).max(1.0);
        let hidden = if self.covers() {
            (1.0 - table.visible_pages / table.pages.max(1.0)).clamp(0.0, 1.0)
        } else {
            1.0
        };
        let scattered = fetched(rows * self.loops, table.pages, catalog.cache_pages) / self.loops;
        let most = scattered * hidden * catalog.random_page_cost;
        let together = (rows / table.rows.max(1.0) * table.pages).ceil().max(1.0) * hidden;
        let least = if self.loops > 1.0 {
            (together * catalog.random_page_cost).min(most)
        } else {
            let rest = (together - 1.0).max(0.0) * catalog.seq_page_cost;
            (together.min(1.0) * catalog.random_page_cost + rest).min(most)
        };
        let follows = self.correlation().powi(2);
        self.in_index(matched) + most + follows * (least - most) + rows * self.of_row(matched)
    }

    fn bitmap(&self, matched: &Match) -> f64 {
        let rows = (matched.held * matched.fetched).max(1.0);
        self.in_index(matched)
            + rows * 0.1 * self.catalog.cpu_operator_cost
            + self.heap(rows)
            + rows * self.of_row(matched)
    }

    /// Pages of the table that hold so many rows, in their order (`compute_bitmap_pages`).
    fn heap(&self, rows: f64) -> f64 {
        let (catalog, pages) = (self.catalog, self.table.pages.max(1.0));
        let touched = if self.loops > 1.0 {
            fetched(rows * self.loops, pages, catalog.cache_pages) / self.loops
        } else {
            (2.0 * pages * rows / (2.0 * pages + rows)).min(pages).ceil()
        };
        let nearness = (touched / pages).min(1.0).sqrt();
        let a_page = catalog.random_page_cost
            - (catalog.random_page_cost - catalog.seq_page_cost) * nearness;
        touched * a_page
    }

    /// The processor's part for a row that is fetched.
    fn of_row(&self, matched: &Match) -> f64 {
        let others = self.terms.len().saturating_sub(matched.served) as f64;
        self.catalog.cpu_tuple_cost + others * self.catalog.cpu_operator_cost
    }

    fn correlation(&self) -> f64 {
        let first = self.index.keys.first().and_then(Key::name);
        let column = first.and_then(|name| self.table.column(name));
        let follows = column.and_then(|column| column.correlation).unwrap_or(0.0);
        if self.index.keys.len() > 1 { follows * CORRELATION_OF_SEVERAL } else { follows }
    }

    fn brin(&self, matched: &Match) -> f64 {
        let (catalog, table) = (self.catalog, self.table);
        let pages = (table.pages * matched.fetched + BRIN_RANGE).min(table.pages);
        let rows = table.rows * pages / table.pages.max(1.0);
        catalog.block_size / 1e3
            + pages * catalog.seq_page_cost
            + rows * (catalog.cpu_tuple_cost + catalog.cpu_operator_cost)
    }
}

/// Pages of a table that so many fetches at random touch, when not all of it can stay in the cache
/// (Mackert and Lohman, "Index scans using a finite LRU buffer", TODS 14(3), 1989, as `index_pages_fetched` has it).
fn fetched(tuples: f64, pages: f64, cache: f64) -> f64 {
    let t = pages.max(1.0);
    let b = cache.max(1.0);
    let touched = 2.0 * t * tuples / (2.0 * t + tuples);
    if t <= b {
        return touched.min(t).ceil();
    }
    let limit = 2.0 * t * b / (2.0 * t - b);
    if tuples <= limit { touched.ceil() } else { (b + (tuples - limit) * (t - b) / t).ceil() }
}

#[cfg(test)]
mod tests {
    use super::fetched;

    #[test]
    fn pages_fetched_are_never_more_than_there_are_while_they_fit_the_cache() {
        assert!((fetched(1.0, 1_000.0, 10_000.0) - 1.0).abs() < 0.01);
        assert!((fetched(1e9, 1_000.0, 10_000.0) - 1_000.0).abs() < 0.01);
        // A page that has left the cache is fetched again.
        assert!(fetched(1e6, 1_000.0, 100.0) > 1_000.0);
    }
}
