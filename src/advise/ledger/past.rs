//! What the history says of applied suggestions: the hours of their statements and of those that
//! write to their tables, and how often their indexes were scanned.

use std::collections::{BTreeMap, BTreeSet};

use super::line::Line;
use super::measure::{WINDOW, after, is_of_table};
use crate::advise::definition::quote;
use crate::erp::tables_of;
use crate::history::{HOUR, HistoryError, Kind, Period, Place, Reader, StatementHour};

/// Statements that write to one table, the heaviest.
const WRITERS: usize = 20;
/// Statements that name one table, the heaviest.
const USERS: usize = 30;

/// A line of which it is still measured what it brings.
#[derive(Clone, Debug)]
pub struct Watched {
    /// The line.
    pub line: Line,
    /// What its indexes are called whose scans are counted, as SQL, with the schema: of a partitioned table, those of its
    /// parts.
    pub indexes: Vec<String>,
}

/// What is needed to compare before and after.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Past {
    /// Hours of statements, by queryid.
    pub hours: BTreeMap<i64, Vec<StatementHour>>,
    /// Statements that write to a table, by its name with the schema.
    pub writers: BTreeMap<String, Vec<i64>>,
    /// Statements that name a table from which an index was dropped, by its name with the schema. One that does not say
    /// which schema it means may mean another.
    pub users: BTreeMap<String, Vec<i64>>,
    /// Scans of indexes, by their names as SQL, with the schema.
    pub scans: BTreeMap<String, u64>,
    /// For which share of the hours since each suggestion was applied the scans of its index are known, by its id. The agent
    /// may have been stopped: what nobody has looked at is not unused.
    pub looked: BTreeMap<String, f64>,
}

impl Past {
    /// Reads what these lines of one database need. Cost: every hour of every statement of the
    /// database over two weeks before and after, so not to be asked every minute.
    ///
    /// # Errors
    /// When the history cannot be read.
    pub fn read(
        reader: &Reader<'_>,
        place: &Place,
        watched: &[Watched],
        now: i64,
    ) -> Result<Self, HistoryError> {
        let lines = || watched.iter().map(|watched| &watched.line);
        let applied =
            |line: &Line| Some(line.not_applied_at.unwrap_or(line.seen_at).min(line.applied_at?));
        let Some(first) = lines().filter_map(applied).min() else {
            return Ok(Self::default());
        };
        let from = first - WINDOW - HOUR;
        let period = Period { place: place.clone(), from, until: now + 1 };
        let mut past = Self::default();
        let mut wanted: BTreeSet<i64> = lines().flat_map(Line::queryids).collect();
        let tables: BTreeSet<String> = lines().map(|line| line.table.clone()).collect();
        let of_table = lines().filter(|line| is_of_table(line));
        let dropped: BTreeSet<String> = of_table.map(|line| line.table.clone()).collect();
        for sum in reader.statements(&period)?.rows {
            let (Some(queryid), Some(text)) = (sum.queryid, &sum.text) else { continue };
            for table in tables.iter().filter(|table| writes_to(text, table)) {
                let writers = past.writers.entry(table.clone()).or_default();
                if writers.len() < WRITERS {
                    writers.push(queryid);
                    wanted.insert(queryid);
                }
            }
            for table in dropped.iter().filter(|table| names(text, table)) {
                let users = past.users.entry(table.clone()).or_default();
                if users.len() < USERS {
                    users.push(queryid);
                    wanted.insert(queryid);
                }
            }
        }
        for queryid in wanted {
            past.hours.insert(queryid, reader.statement(&period, queryid)?);
        }
        past.read_scans(reader, &Period { from: first, ..period }, watched, now)?;
        Ok(past)
    }

    fn read_scans(
        &mut self,
        reader: &Reader<'_>,
        period: &Period,
        watched: &[Watched],
        now: i64,
    ) -> Result<(), HistoryError> {
        let mut met = BTreeMap::new();
        for index in reader.indexes(period)?.rows {
            let name = format!("{}.{}", quote(&index.schema), quote(&index.index));
            met.insert(name.clone(), index.first_hour);
            self.scans.insert(name, index.growth.idx_scan);
        }
        for Watched { line, indexes } in watched {
            // Of parts the first one: all are looked at together, so one that is met later was made later.
            let met = indexes.iter().filter_map(|name| met.get(name)).min();
            let (Some(met), Some(hours)) = (met, after(line, now)) else { continue };
            // Before it was met its zeros say nothing.
            let from = hours.start.max(*met);
            let known = Period { place: period.place.clone(), from, until: hours.end };
            let seconds = reader.coverage(&known, Kind::Usage)?.seconds;
            let all = (hours.end - hours.start).max(HOUR) as f64;
            self.looked.insert(line.id.clone(), seconds / all);
        }
        Ok(())
    }

    /// Scans of these indexes together, as far as the history knows them; nothing if it knows none of them.
    pub(super) fn scans_of(&self, indexes: &[String]) -> Option<u64> {
        let known = indexes.iter().filter_map(|name| self.scans.get(name));
        known.copied().reduce(u64::saturating_add)
    }

    pub(super) fn writers_of(&self, table: &str) -> impl Iterator<Item = i64> {
        self.writers.get(table).into_iter().flatten().copied()
    }

    pub(super) fn users_of(&self, table: &str) -> impl Iterator<Item = i64> {
        self.users.get(table).into_iter().flatten().copied()
    }
}

/// Whether a statement names this table, whatever it does with it. Most do not, and are not parsed.
fn names(text: &str, table: &str) -> bool {
    let name = table.split_once('.').map_or(table, |(_, name)| name);
    let is_within = text.to_lowercase().contains(&name.to_lowercase());
    is_within && tables_of(text).iter().any(|named| named == name)
}

/// Whether a statement's text begins as one that writes to this table. One behind a `with` or in a
/// function does not; a table of the same name in another schema does, if the text names none.
fn writes_to(text: &str, table: &str) -> bool {
    let mut words = text.split_whitespace().map(|word| word.trim_end_matches([',', ';']));
    let mut next = || words.next().unwrap_or_default();
    let first = next().to_ascii_lowercase();
    let mut target = match first.as_str() {
        "insert" | "delete" | "merge" => {
            next();
            next()
        }
        "update" => next(),
        _ => return false,
    };
    if target.eq_ignore_ascii_case("only") {
        target = next();
    }
    let target = target.split('(').next().unwrap_or_default();
    let Some((schema, name)) = table.split_once('.') else { return false };
    let is = |written: &str, name: &str| {
        written.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).map_or_else(
            || written.to_ascii_lowercase() == name,
            |inner| inner.replace("\"\"", "\"") == name,
        )
    };
    match target.rsplit_once('.') {
        Some((of_schema, written)) => is(of_schema, schema) && is(written, name),
        None => is(target, name),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statements_that_write_to_a_table_are_told_by_how_they_begin() {
        for text in [
            "insert into sale_order (id) values ($1)",
            "INSERT INTO sale_order(id) values ($1)",
            "update \"sale_order\" set state = $1",
            "delete from only public.sale_order where id = $1",
            "merge into sale_order using x on true",
        ] {
            assert!(writes_to(text, "public.sale_order"), "{text}");
        }
        for text in [
            "select * from sale_order for update",
            "update sale_order_line set state = $1",
            "insert into archive.sale_order values ($1)",
            "update \"Sale_order\" set state = $1",
            "",
        ] {
            assert!(!writes_to(text, "public.sale_order"), "{text}");
        }
    }

    #[test]
    fn statements_that_name_a_table_are_told_whatever_they_do_with_it() {
        for text in [
            "select sum(price) from Sale_Order o join partner p on p.id = o.partner where o.id = $1",
            "with x as (select 1 from public.sale_order) select * from x",
            "delete from sale_order where id = $1",
        ] {
            assert!(names(text, "public.sale_order"), "{text}");
        }
        for text in ["select sale_order from t", "select * from sale_order_line", ""] {
            assert!(!names(text, "public.sale_order"), "{text}");
        }
    }
}
