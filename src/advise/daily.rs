//! What is written in a day.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::catalog::{Catalog, Kind, Table, Writes};
use super::understood::Understood;

/// Columns that statements set, with executions a day, by the table's name.
pub type Sets = BTreeMap<String, Vec<(BTreeSet<String>, f64)>>;

/// What is written in a day.
#[derive(Clone, Debug, Default)]
pub struct Daily {
    /// Rows, by the table's oid: of a partitioned one, those of all its leaves.
    pub writes: BTreeMap<u32, Writes>,
    /// Columns that updates set.
    pub sets: Sets,
}

impl Daily {
    /// As it was `counted` in the history (schema, table, rows a day), else as the server has counted it for at least a day
    /// (a load of data at the beginning would look like every day's work), else as the statements of the workload do it.
    #[must_use]
    pub fn of(
        catalog: &Catalog,
        understood: &Understood,
        counted: Option<&[(String, String, Writes)]>,
    ) -> Self {
        let by_name = counted.map(|rows| {
            rows.iter()
                .map(|(schema, name, writes)| ((&**schema, &**name), *writes))
                .collect::<HashMap<(&str, &str), Writes>>()
        });
        let days = days(catalog).filter(|days| *days >= 1.0);
        let of = |table: &Table| match (&by_name, days) {
            // Rows are counted where they are: the partitioned table itself has none.
            (Some(counted), _) => catalog
                .parts(table)
                .filter_map(|part| counted.get(&(&*part.schema, &*part.name)))
                .fold(Writes::default(), |sum, writes| sum.and(*writes)),
            (None, Some(days)) => table.writes.times(1.0 / days),
            (None, None) => by_statements(catalog, table, &understood.writes),
        };
        let writes = catalog.tables.values().map(|table| (table.oid, of(table))).collect();
        Self { writes, sets: understood.sets.clone() }
    }
}

/// Over which the server has counted.
fn days(catalog: &Catalog) -> Option<f64> {
    let counted = catalog.now?.duration_since(catalog.stats_reset?).ok()?;
    Some(counted.as_secs_f64() / 86_400.0)
}

/// Statements name a partitioned table, or one of its parts.
fn by_statements(catalog: &Catalog, table: &Table, by_name: &BTreeMap<String, Writes>) -> Writes {
    let itself = Some(table).filter(|table| table.kind == Kind::Partitioned);
    let named = itself.into_iter().chain(catalog.parts(table));
    let sum = named
        .filter_map(|named| by_name.get(&named.name))
        .fold(Writes::default(), |sum, writes| sum.and(*writes));
    let hot_share = table.writes.hot_updates / table.writes.updates.max(1.0);
    Writes { hot_updates: sum.updates * hot_share, ..sum }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, SystemTime};

    use super::*;

    /// A partitioned table with two leaves, of which rows were inserted since the statistics began.
    fn catalog() -> Catalog {
        let mut catalog = Catalog::default();
        let table = |oid, name: &str| Table {
            oid,
            root: 1,
            schema: "public".into(),
            name: name.into(),
            writes: inserts(if oid == 1 { 50.0 } else { 25.0 }),
            ..Table::default()
        };
        catalog.add(Table { kind: Kind::Partitioned, leaves: vec![2, 3], ..table(1, "move") });
        catalog.add(table(2, "move_2025"));
        catalog.add(table(3, "move_2026"));
        catalog
    }

    fn inserts(inserts: f64) -> Writes {
        Writes { inserts, ..Writes::default() }
    }

    fn row(name: &str, rows: f64) -> (String, String, Writes) {
        ("public".to_owned(), name.to_owned(), inserts(rows))
    }

    fn daily(
        catalog: &Catalog,
        understood: &Understood,
        counted: Option<&[(String, String, Writes)]>,
    ) -> Vec<f64> {
        let daily = Daily::of(catalog, understood, counted);
        daily.writes.values().map(|writes| writes.inserts).collect()
    }

    #[test]
    fn what_was_counted_of_leaves_is_written_to_the_partitioned_table() {
        // The server has a row for the partitioned table, too, and counts nothing there.
        let counted = [row("move", 0.0), row("move_2025", 3.0), row("move_2026", 40.0)];
        let none = Understood::default();
        assert_eq!(daily(&catalog(), &none, Some(&counted)), [43.0, 3.0, 40.0]);
    }

    #[test]
    fn without_a_history_the_server_speaks_once_it_has_counted_for_a_day() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_hours(240);
        let mut catalog = catalog();
        catalog.now = Some(now);
        catalog.stats_reset = Some(now - Duration::from_hours(120));
        let writes = BTreeMap::from([
            ("move".to_owned(), inserts(7.0)),
            ("move_2026".to_owned(), inserts(1.0)),
        ]);
        let understood = Understood { writes, ..Understood::default() };
        assert_eq!(daily(&catalog, &understood, None), [10.0, 5.0, 5.0]);
        catalog.stats_reset = Some(now - Duration::from_hours(2));
        assert_eq!(daily(&catalog, &understood, None), [8.0, 0.0, 1.0]);
    }
}
