//! The ledger, fold by fold.

mod applied;
mod dropped;
mod looked;
mod measured;
mod partitioned;
mod rebuilt;
mod regressed;
mod suggested;
mod told;
mod waited;

use super::line::Built;
use super::*;
use crate::advise::catalog::{Index, IndexKey, Kind, Table};
use crate::advise::definition::{Key, Method, What};
use crate::advise::suggestion::{Confidence, Helped};
use crate::history::{HOUR, StatementHour, Work};

/// The first second of an hour.
const NOON: i64 = 1_800_000_000 / HOUR * HOUR;
const DAY: i64 = 24 * HOUR;

fn by_order() -> Definition {
    Definition::btree(7, vec![Key::column("order_id")])
}

fn suggestion(id: &str, action: &'static str, ddl: &str) -> Suggestion {
    Suggestion {
        id: id.to_owned(),
        action,
        reason: "workload",
        index: None,
        after: None,
        confidence: Confidence::High,
        datname: "shop".to_owned(),
        table: "public.sale_line".to_owned(),
        module: "sales".to_owned(),
        ddl: vec![ddl.to_owned()],
        undo: vec!["drop index concurrently public.sale_line_order_id_idx".to_owned()],
        helps: vec![Helped {
            queryid: Some("42".to_owned()),
            query: "select * from sale_line where order_id = $1".to_owned(),
            calls_per_day: 1_000.0,
            seconds_per_day: 50.0,
            share_of_load: 0.4,
            cost_before: 1_000.0,
            cost_after: 10.0,
        }],
        saved_seconds_per_day: 49.0,
        upkeep_seconds_per_day: 0.5,
        hot_updates_ended_per_day: 0.0,
        size_bytes: 1e6,
        build_seconds: 1.0,
        checked_by: "what-if",
        warnings: vec![],
        explanation: "one statement".to_owned(),
    }
}

fn create() -> Suggestion {
    let ddl = "create index concurrently sale_line_order_id_idx on public.sale_line (order_id)";
    suggestion("create-1", "create", ddl)
}

fn column(name: &str) -> IndexKey {
    IndexKey { sql: name.to_owned(), column: Some(name.to_owned()), ..IndexKey::default() }
}

fn index(name: &str, keys: Vec<IndexKey>) -> Index {
    Index {
        oid: 100,
        name: name.to_owned(),
        method: "btree".to_owned(),
        is_valid: true,
        keys,
        filenode: 100,
        ..Index::default()
    }
}

fn catalog(indexes: Vec<Index>) -> Catalog {
    let mut catalog = Catalog::default();
    catalog.add(Table {
        oid: 7,
        root: 7,
        schema: "public".to_owned(),
        name: "sale_line".to_owned(),
        indexes,
        ..Table::default()
    });
    catalog
}

/// A ledger of one database and its ways to be folded.
struct Book {
    ledger: Ledger,
    is_complete: bool,
}

impl Book {
    fn new() -> Self {
        Self { ledger: Ledger::default(), is_complete: true }
    }

    fn fold(
        &mut self,
        now: i64,
        catalog: &Catalog,
        suggestions: Option<&[Suggestion]>,
        past: Option<&Past>,
    ) -> Vec<Change> {
        let definitions = BTreeMap::from([("create-1".to_owned(), by_order())]);
        let is_complete = self.is_complete;
        let today = suggestions.map(|suggestions| Today {
            suggestions,
            definitions: &definitions,
            is_complete,
        });
        let (server, datname) = (Arc::from("erp"), Arc::from("shop"));
        let look = Look { server: &server, datname: &datname, now, catalog, today, past };
        self.ledger.fold(&look)
    }

    fn line(&self, id: &str) -> &Line {
        self.ledger.lines().find(|line| line.id == id).unwrap()
    }

    /// It was suggested at noon, and an hour later somebody had made it.
    fn applied() -> Self {
        let mut book = Self::new();
        book.fold(NOON, &catalog(vec![]), Some(&[create()]), None);
        book.fold(NOON + 50 * 60, &catalog(vec![]), None, None);
        book.fold(NOON + HOUR, &made(), None, None);
        book
    }
}

fn made() -> Catalog {
    catalog(vec![index("Anna's index", vec![column("order_id")])])
}

/// Hours with so many calls of so many seconds each.
fn hours(range: std::ops::Range<i64>, calls: u64, mean: f64) -> Vec<StatementHour> {
    range
        .map(|n| {
            // Some hours are slower than others.
            let factor = 1.0 + 0.1 * ((n.rem_euclid(5) as f64) - 2.0) / 2.0;
            let exec_seconds = calls as f64 * mean * factor;
            let work = Work { calls, exec_seconds, ..Work::default() };
            StatementHour { hour: NOON + n * HOUR, work }
        })
        .collect()
}

fn both(before: Vec<StatementHour>, after: Vec<StatementHour>) -> Vec<StatementHour> {
    before.into_iter().chain(after).collect()
}

fn past(of: &[(i64, Vec<StatementHour>)], writers: &[i64], scans: u64) -> Past {
    Past {
        hours: of.iter().cloned().collect(),
        writers: BTreeMap::from([("public.sale_line".to_owned(), writers.to_vec())]),
        users: BTreeMap::from([(
            "public.sale_line".to_owned(),
            of.iter().map(|(queryid, _)| *queryid).collect(),
        )]),
        scans: BTreeMap::from([("public.\"Anna's index\"".to_owned(), scans)]),
        looked: BTreeMap::from([("create-1".to_owned(), 1.0)]),
    }
}
