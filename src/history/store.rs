//! The tables, as their one writer sees them.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use rusqlite::{Connection, Transaction, params};

use super::error::HistoryError;
use super::file::{self, Files, Lock};
use super::row::{
    Batch, Covered, Episode, IndexGrowth, IndexUse, ModuleSize, Place, StatementGrowth,
    StatementText, Suggestion, TableGrowth, TableUse,
};

/// The queryid of the rest in the file: PostgreSQL gives it to no statement.
pub(super) const REST: i64 = 0;

/// A history that is written.
pub(super) struct Store {
    pub(super) db: Connection,
    /// `None` in memory.
    pub(super) path: Option<PathBuf>,
    /// As it was when it was last looked at.
    pub(super) files: Option<Files>,
    _lock: Option<Lock>,
}

impl Store {
    /// In memory.
    pub(super) fn in_memory() -> Result<Self, HistoryError> {
        let db = file::in_memory().map_err(|source| HistoryError::Sqlite {
            doing: "begin",
            path: None,
            source,
        })?;
        Ok(Self { db, path: None, files: None, _lock: None })
    }

    /// In a file, which is made if there is none.
    pub(super) fn open(path: &Path) -> Result<Self, HistoryError> {
        let (db, lock) = file::open(path)?;
        let files = Some(Files::at(path));
        Ok(Self { db, path: Some(path.into()), files, _lock: Some(lock) })
    }

    /// Whether the path still leads to the file that is written: somebody may have moved, removed or replaced it, and
    /// what is written then is lost to whoever comes after us.
    pub(super) fn is_there(&mut self) -> bool {
        let (Some(path), Some(before)) = (&self.path, self.files) else { return true };
        let now = Files::at(path);
        if now.is_same_as(before) {
            self.files = Some(now);
        }
        now.is_same_as(before)
    }

    /// Writes a batch: all of it, or nothing.
    pub(super) fn write(&mut self, batch: &Batch) -> Result<(), HistoryError> {
        let path = self.path.clone();
        self.try_write(batch).map_err(|source| HistoryError::Sqlite {
            doing: "write to",
            path,
            source,
        })
    }

    fn try_write(&mut self, batch: &Batch) -> rusqlite::Result<()> {
        let mut writing = Writing { tx: self.db.transaction()?, ids: HashMap::new() };
        batch.covered.iter().try_for_each(|row| writing.covered(row))?;
        batch.statements.iter().try_for_each(|row| writing.statement(row))?;
        batch.texts.iter().try_for_each(|row| writing.text(row, batch.at))?;
        batch.tables.iter().try_for_each(|row| writing.table(row))?;
        batch.indexes.iter().try_for_each(|row| writing.index(row))?;
        batch.modules.iter().try_for_each(|row| writing.module(row))?;
        batch.episodes.iter().try_for_each(|row| writing.episode(row))?;
        batch.suggestions.iter().try_for_each(|row| writing.suggestion(row))?;
        writing.tx.commit()
    }
}

/// One transaction.
struct Writing<'a> {
    tx: Transaction<'a>,
    /// Of databases.
    ids: HashMap<Place, i64>,
}

impl Writing<'_> {
    fn database(&mut self, place: &Place) -> rusqlite::Result<i64> {
        if let Some(id) = self.ids.get(place) {
            return Ok(*id);
        }
        let names = params![&*place.server, &*place.datname];
        let sql = include_str!("write/database.sql");
        let id = self.tx.prepare_cached(sql)?.query_row(names, |row| row.get(0))?;
        self.ids.insert(place.clone(), id);
        Ok(id)
    }

    fn covered(&mut self, row: &Covered) -> rusqlite::Result<()> {
        let id = self.database(&row.place)?;
        self.tx.prepare_cached(include_str!("write/coverage.sql"))?.execute(params![
            row.hour,
            id,
            row.kind.name(),
            row.seconds,
            stored(row.resets)
        ])?;
        Ok(())
    }

    fn statement(&mut self, row: &StatementGrowth) -> rusqlite::Result<()> {
        let id = self.database(&row.place)?;
        let work = row.work;
        self.tx.prepare_cached(include_str!("write/statement_hour.sql"))?.execute(params![
            id,
            row.hour,
            row.queryid.unwrap_or(REST),
            stored(work.calls),
            stored(work.rows),
            work.exec_seconds,
            stored(work.blocks),
            stored(work.temp_blocks),
        ])?;
        match row.queryid {
            Some(queryid) => self.known(id, queryid, row.hour, None),
            None => Ok(()),
        }
    }

    fn text(&mut self, row: &StatementText, at: i64) -> rusqlite::Result<()> {
        let id = self.database(&row.place)?;
        self.known(id, row.queryid, super::row::hour_of(at), Some(&row.text))
    }

    fn known(
        &self,
        database: i64,
        queryid: i64,
        hour: i64,
        text: Option<&str>,
    ) -> rusqlite::Result<()> {
        self.tx
            .prepare_cached(include_str!("write/statement.sql"))?
            .execute(params![database, queryid, hour, text])?;
        Ok(())
    }

    fn table(&mut self, row: &TableGrowth) -> rusqlite::Result<()> {
        let id = self.database(&row.place)?;
        let (live, bytes) = (stored(row.n_live_tup), stored(row.bytes));
        let table: i64 =
            self.tx.prepare_cached(include_str!("write/table.sql"))?.query_row(
                params![id, &*row.schema, &*row.table, row.hour, live, bytes],
                |row| row.get(0),
            )?;
        let TableUse { seq_scan, seq_tup_read, idx_scan, idx_tup_fetch, .. } = row.growth;
        let TableUse { n_tup_ins, n_tup_upd, n_tup_del, n_tup_hot_upd, .. } = row.growth;
        if row.growth == TableUse::default() {
            return Ok(());
        }
        self.tx.prepare_cached(include_str!("write/table_hour.sql"))?.execute(params![
            row.hour,
            table,
            stored(seq_scan),
            stored(seq_tup_read),
            stored(idx_scan),
            stored(idx_tup_fetch),
            stored(n_tup_ins),
            stored(n_tup_upd),
            stored(n_tup_del),
            stored(n_tup_hot_upd),
            live,
            bytes,
        ])?;
        Ok(())
    }

    fn index(&mut self, row: &IndexGrowth) -> rusqlite::Result<()> {
        let id = self.database(&row.place)?;
        let bytes = stored(row.bytes);
        let index: i64 = self.tx.prepare_cached(include_str!("write/index.sql"))?.query_row(
            params![id, &*row.schema, &*row.table, &*row.index, row.hour, bytes],
            |row| row.get(0),
        )?;
        let IndexUse { idx_scan, idx_tup_read } = row.growth;
        if row.growth == IndexUse::default() {
            return Ok(());
        }
        self.tx.prepare_cached(include_str!("write/index_hour.sql"))?.execute(params![
            row.hour,
            index,
            stored(idx_scan),
            stored(idx_tup_read),
            bytes
        ])?;
        Ok(())
    }

    fn module(&mut self, row: &ModuleSize) -> rusqlite::Result<()> {
        let (id, hour) = (self.database(&row.place)?, super::row::hour_of(row.at));
        let before = include_str!("write/module_hour_before.sql");
        self.tx.prepare_cached(before)?.execute(params![hour, id, row.at])?;
        self.tx.prepare_cached(include_str!("write/module_hour.sql"))?.execute(params![
            hour,
            id,
            &*row.module,
            row.at,
            row.words,
            stored(row.bytes),
            stored(row.n_live_tup),
        ])?;
        Ok(())
    }

    fn episode(&self, row: &Episode) -> rusqlite::Result<()> {
        self.tx.prepare_cached(include_str!("write/episode.sql"))?.execute(params![
            row.server.as_deref(),
            &*row.kind,
            row.start,
            row.end,
            row.json
        ])?;
        Ok(())
    }

    fn suggestion(&self, row: &Suggestion) -> rusqlite::Result<()> {
        self.tx.prepare_cached(include_str!("write/suggestion.sql"))?.execute(params![
            row.id,
            &*row.place.server,
            &*row.place.datname,
            row.action,
            row.state,
            row.ddl,
            row.payload,
            row.suggested_at,
            row.applied_at,
            row.measured_at,
            row.updated_at,
        ])?;
        Ok(())
    }
}

/// SQLite's numbers have a sign; what does not fit is as much as fits.
fn stored(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}
