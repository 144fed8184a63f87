//! What is written in a day.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::catalog::{Catalog, Kind, Table, Writes};
use super::plannable::Target;
use super::understood::Understood;

/// Columns that statements set, with executions a day, by the table as it is named.
pub type Sets = BTreeMap<Target, Vec<(BTreeSet<String>, f64)>>;

/// Rows written in a day, as the history has counted them.
#[derive(Clone, Debug, Default)]
pub struct Counted {
    /// Over so many days.
    pub days: f64,
    /// Of each table: its schema and name.
    pub rows: Vec<(String, String, Writes)>,
}

/// Counted for less, it may be any hour's work: a load of data, or the quiet of a night.
const ENOUGH_DAYS: f64 = 1.0;

/// What is written in a day.
#[derive(Clone, Debug, Default)]
pub struct Daily {
    /// Rows, by the table's oid: of a partitioned one, those of all its leaves.
    pub writes: BTreeMap<u32, Writes>,
    /// Columns that updates set.
    pub sets: Sets,
}

impl Daily {
    /// As the history has counted it for at least a day, else as the server has, else as the history has for less, else as the
    /// statements of the workload do it.
    #[must_use]
    pub fn of(catalog: &Catalog, understood: &Understood, counted: Option<&Counted>) -> Self {
        let days = days(catalog).filter(|days| *days >= ENOUGH_DAYS);
        let counted = counted.filter(|counted| counted.days >= ENOUGH_DAYS || days.is_none());
        let by_name = counted.map(|counted| {
            let rows = counted.rows.iter();
            rows.map(|(schema, name, writes)| ((&**schema, &**name), *writes))
                .collect::<HashMap<(&str, &str), Writes>>()
        });
        let statements = ByStatements { catalog, writes: &understood.writes };
        let of = |table: &Table| match (&by_name, days) {
            // Rows are counted where they are: the partitioned table itself has none.
            (Some(counted), _) => catalog
                .parts(table)
                .filter_map(|part| counted.get(&(&*part.schema, &*part.name)))
                .fold(Writes::default(), |sum, writes| sum.and(*writes)),
            (None, Some(days)) => table.writes.times(1.0 / days),
            (None, None) => statements.of(table),
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

/// Rows that statements write.
struct ByStatements<'a> {
    catalog: &'a Catalog,
    writes: &'a BTreeMap<Target, Writes>,
}

impl ByStatements<'_> {
    /// Statements name a partitioned table, or one of its parts.
    fn of(&self, table: &Table) -> Writes {
        let itself = Some(table).filter(|table| table.kind == Kind::Partitioned);
        let named = itself.into_iter().chain(self.catalog.parts(table));
        let sum = named.fold(Writes::default(), |sum, named| sum.and(self.naming(named)));
        let hot_share = table.writes.hot_updates / table.writes.updates.max(1.0);
        Writes { hot_updates: sum.updates * hot_share, ..sum }
    }

    /// Written by statements that name this table. Those without a schema may mean any table of the name: each its part, by
    /// what the server has counted there.
    fn naming(&self, table: &Table) -> Writes {
        let of = |schema: Option<&String>| {
            self.writes.get(&Target { schema: schema.cloned(), name: table.name.clone() }).copied()
        };
        let with_schema = of(Some(&table.schema)).unwrap_or_default();
        let Some(without) = of(None) else { return with_schema };
        let namesakes = self.catalog.tables.values().filter(|other| other.name == table.name);
        let counted: Vec<f64> = namesakes.map(|other| all(other.writes)).collect();
        let sum: f64 = counted.iter().sum();
        let share =
            if sum > 0.0 { all(table.writes) / sum } else { 1.0 / counted.len().max(1) as f64 };
        with_schema.and(without.times(share))
    }
}

fn all(writes: Writes) -> f64 {
    writes.inserts + writes.updates + writes.deletes
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

    fn daily(catalog: &Catalog, understood: &Understood, counted: Option<&Counted>) -> Vec<f64> {
        let daily = Daily::of(catalog, understood, counted);
        daily.writes.values().map(|writes| writes.inserts).collect()
    }

    fn target(schema: Option<&str>, name: &str) -> Target {
        Target { schema: schema.map(str::to_owned), name: name.to_owned() }
    }

    /// The server has counted for so long.
    fn counting(hours: u64, catalog: Catalog) -> Catalog {
        let mut catalog = catalog;
        let now = SystemTime::UNIX_EPOCH + Duration::from_hours(240);
        catalog.now = Some(now);
        catalog.stats_reset = Some(now - Duration::from_hours(hours));
        catalog
    }

    #[test]
    fn what_was_counted_of_leaves_is_written_to_the_partitioned_table() {
        // The server has a row for the partitioned table, too, and counts nothing there.
        let rows = vec![row("move", 0.0), row("move_2025", 3.0), row("move_2026", 40.0)];
        let counted = Counted { days: 7.0, rows };
        let none = Understood::default();
        assert_eq!(daily(&catalog(), &none, Some(&counted)), [43.0, 3.0, 40.0]);
    }

    #[test]
    fn some_hours_of_the_history_count_only_where_the_server_has_no_more() {
        let counted = Counted { days: 0.1, rows: vec![row("move_2026", 500.0)] };
        let none = Understood::default();
        let of = |hours| daily(&counting(hours, catalog()), &none, Some(&counted));
        assert_eq!(of(120), [10.0, 5.0, 5.0]);
        assert_eq!(of(20), [500.0, 0.0, 500.0]);
    }

    #[test]
    fn without_a_history_the_server_speaks_once_it_has_counted_for_a_day() {
        let writes = BTreeMap::from([
            (target(Some("public"), "move"), inserts(7.0)),
            (target(None, "move_2026"), inserts(1.0)),
            (target(Some("other"), "move"), inserts(100.0)),
        ]);
        let understood = Understood { writes, ..Understood::default() };
        assert_eq!(daily(&counting(120, catalog()), &understood, None), [10.0, 5.0, 5.0]);
        assert_eq!(daily(&counting(2, catalog()), &understood, None), [8.0, 0.0, 1.0]);
    }

    #[test]
    fn a_name_that_several_schemas_have_is_written_where_the_server_counts() {
        let mut catalog = Catalog::default();
        for (oid, schema, counted) in [(1, "a", 30.0), (2, "b", 10.0), (3, "c", 0.0)] {
            catalog.add(Table {
                oid,
                root: oid,
                schema: schema.into(),
                name: "line".into(),
                writes: inserts(counted),
                ..Table::default()
            });
        }
        let writes = BTreeMap::from([
            (target(None, "line"), inserts(100.0)),
            (target(Some("c"), "line"), inserts(7.0)),
        ]);
        let understood = Understood { writes, ..Understood::default() };
        assert_eq!(daily(&catalog, &understood, None), [75.0, 25.0, 7.0]);
    }
}
