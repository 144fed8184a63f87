//! Questions to the history.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rusqlite::{Connection, Params, Row, params};

use super::error::HistoryError;
use super::file;
use super::row::{Episode, IndexUse, Kind, ModuleSize, Place, Suggestion, TableUse, Work};
use super::store::REST;
use super::sum::{
    Coverage, DeletedRows, HourLoad, IndexSum, Period, StatementHour, StatementSum, Sums, TableSum,
};

/// Answers from the file, or from the agent's memory.
pub struct Reader<'a> {
    db: Db<'a>,
    path: Option<PathBuf>,
}

enum Db<'a> {
    Own(Connection),
    Writers(&'a Connection),
}

impl Reader<'static> {
    /// Reads a file, whether or not an agent writes it.
    ///
    /// # Errors
    /// When there is none, or it is not ours.
    pub fn open(path: &Path) -> Result<Self, HistoryError> {
        Ok(Self { db: Db::Own(file::open_to_read(path)?), path: Some(path.into()) })
    }
}

impl<'a> Reader<'a> {
    pub(super) fn of(db: &'a Connection, path: Option<PathBuf>) -> Self {
        Self { db: Db::Writers(db), path }
    }

    /// Databases of which anything is known.
    pub fn databases(&self) -> Result<Vec<Place>, HistoryError> {
        self.all(include_str!("read/databases.sql"), [], |row| place(row, 0))
    }

    /// Statements over a period, the one that took most time first; the rest is one of them.
    pub fn statements(&self, period: &Period) -> Result<Sums<StatementSum>, HistoryError> {
        let coverage = self.coverage(period, Kind::Statements)?;
        let rows = self.all(include_str!("read/statements.sql"), bounds(period), |row| {
            Ok(StatementSum {
                queryid: Some(row.get(0)?).filter(|queryid| *queryid != REST),
                text: row.get(1)?,
                work: work(row, 2)?,
                first_hour: row.get(7)?,
                last_hour: row.get(8)?,
                hours: count(row, 9)?,
            })
        })?;
        Ok(Sums { coverage, rows })
    }

    /// The hours of one statement in which it ran and was among the heaviest, in their order.
    pub fn statement(
        &self,
        period: &Period,
        queryid: i64,
    ) -> Result<Vec<StatementHour>, HistoryError> {
        let Period { place, from, until } = period;
        let values = params![&*place.server, &*place.datname, from, until, queryid];
        self.all(include_str!("read/statement.sql"), values, |row| {
            Ok(StatementHour { hour: row.get(0)?, work: work(row, 1)? })
        })
    }

    /// All statements hour by hour, for the hours that were looked at.
    pub fn hours(&self, period: &Period) -> Result<Vec<HourLoad>, HistoryError> {
        self.all(include_str!("read/hours.sql"), bounds(period), |row| {
            Ok(HourLoad {
                hour: row.get(0)?,
                exec_seconds: row.get(1)?,
                covered_seconds: row.get(2)?,
            })
        })
    }

    /// Tables over a period, by name.
    pub fn tables(&self, period: &Period) -> Result<Sums<TableSum>, HistoryError> {
        let coverage = self.coverage(period, Kind::Usage)?;
        let rows = self.all(include_str!("read/tables.sql"), bounds(period), |row| {
            Ok(TableSum {
                schema: row.get(0)?,
                table: row.get(1)?,
                growth: TableUse {
                    seq_scan: count(row, 2)?,
                    seq_tup_read: count(row, 3)?,
                    idx_scan: count(row, 4)?,
                    idx_tup_fetch: count(row, 5)?,
                    n_tup_ins: count(row, 6)?,
                    n_tup_upd: count(row, 7)?,
                    n_tup_del: count(row, 8)?,
                    n_tup_hot_upd: count(row, 9)?,
                },
                n_live_tup: count(row, 10)?,
                bytes: count(row, 11)?,
                first_hour: row.get(12)?,
                last_hour: row.get(13)?,
            })
        })?;
        Ok(Sums { coverage, rows })
    }

    /// Rows deleted from tables of all databases in the hours that end after `from` and begin before
    /// `until`; tables without any are left out.
    pub fn deleted(&self, from: i64, until: i64) -> Result<Vec<DeletedRows>, HistoryError> {
        self.all(include_str!("read/deleted.sql"), [from, until], |row| {
            Ok(DeletedRows {
                place: place(row, 0)?,
                schema: row.get(2)?,
                table: row.get(3)?,
                rows: count(row, 4)?,
            })
        })
    }

    /// Indexes over a period, by name.
    pub fn indexes(&self, period: &Period) -> Result<Sums<IndexSum>, HistoryError> {
        let coverage = self.coverage(period, Kind::Usage)?;
        let rows = self.all(include_str!("read/indexes.sql"), bounds(period), |row| {
            Ok(IndexSum {
                schema: row.get(0)?,
                table: row.get(1)?,
                index: row.get(2)?,
                growth: IndexUse { idx_scan: count(row, 3)?, idx_tup_read: count(row, 4)? },
                last_scan_hour: row.get(8)?,
                bytes: count(row, 5)?,
                first_hour: row.get(6)?,
                last_hour: row.get(7)?,
            })
        })?;
        Ok(Sums { coverage, rows })
    }

    /// Sizes of the modules of all databases since `from`, the oldest first.
    pub fn module_sizes(&self, from: i64) -> Result<Vec<ModuleSize>, HistoryError> {
        self.all(include_str!("read/module_sizes.sql"), [from], |row| {
            Ok(ModuleSize {
                place: place(row, 0)?,
                at: row.get(2)?,
                words: row.get(3)?,
                module: row.get::<_, String>(4)?.into(),
                bytes: count(row, 5)?,
                n_live_tup: count(row, 6)?,
            })
        })
    }

    /// How much of a period was looked at.
    pub fn coverage(&self, period: &Period, kind: Kind) -> Result<Coverage, HistoryError> {
        let Period { place, from, until } = period;
        let values = params![&*place.server, &*place.datname, from, until, kind.name()];
        let found = self.all(include_str!("read/coverage.sql"), values, |row| {
            Ok(Coverage {
                seconds: row.get(0)?,
                first_hour: row.get(1)?,
                last_hour: row.get(2)?,
                resets: count(row, 3)?,
            })
        })?;
        Ok(found.into_iter().next().unwrap_or_default())
    }

    /// What ended from `from` on and before `until`, the latest first; of one kind, or of all.
    pub fn episodes(
        &self,
        from: i64,
        until: i64,
        kind: Option<&str>,
        at_most: u32,
    ) -> Result<Vec<Episode>, HistoryError> {
        self.all(include_str!("read/episodes.sql"), params![from, until, kind, at_most], |row| {
            Ok(Episode {
                server: row.get::<_, Option<String>>(0)?.map(Arc::from),
                kind: row.get::<_, String>(1)?.into(),
                start: row.get(2)?,
                end: row.get(3)?,
                json: row.get(4)?,
            })
        })
    }

    /// The ledger, by server, database and when it was suggested.
    pub fn suggestions(&self) -> Result<Vec<Suggestion>, HistoryError> {
        self.all(include_str!("read/suggestions.sql"), [], |row| {
            Ok(Suggestion {
                id: row.get(0)?,
                place: place(row, 1)?,
                action: row.get(3)?,
                state: row.get(4)?,
                ddl: row.get(5)?,
                payload: row.get(6)?,
                suggested_at: row.get(7)?,
                applied_at: row.get(8)?,
                measured_at: row.get(9)?,
                updated_at: row.get(10)?,
            })
        })
    }

    fn all<T>(
        &self,
        sql: &str,
        values: impl Params,
        read: impl FnMut(&Row<'_>) -> rusqlite::Result<T>,
    ) -> Result<Vec<T>, HistoryError> {
        let db = match &self.db {
            Db::Own(db) => db,
            Db::Writers(db) => db,
        };
        let ask = || db.prepare_cached(sql)?.query_map(values, read)?.collect::<Result<_, _>>();
        ask().map_err(|source| HistoryError::Sqlite {
            doing: "read",
            path: self.path.clone(),
            source,
        })
    }
}

fn bounds(period: &Period) -> (&str, &str, i64, i64) {
    (&period.place.server, &period.place.datname, period.from, period.until)
}

fn place(row: &Row<'_>, column: usize) -> rusqlite::Result<Place> {
    let name = |column| row.get::<_, String>(column).map(Arc::from);
    Ok(Place { server: name(column)?, datname: name(column + 1)? })
}

fn work(row: &Row<'_>, column: usize) -> rusqlite::Result<Work> {
    Ok(Work {
        calls: count(row, column)?,
        rows: count(row, column + 1)?,
        exec_seconds: row.get(column + 2)?,
        blocks: count(row, column + 3)?,
        temp_blocks: count(row, column + 4)?,
    })
}

fn count(row: &Row<'_>, column: usize) -> rusqlite::Result<u64> {
    row.get::<_, i64>(column).map(|count| u64::try_from(count).unwrap_or(0))
}
