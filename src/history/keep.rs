//! Not more than so many days, bytes and rows: the oldest hours go first.

use std::time::Duration;

use rusqlite::params;

use super::error::HistoryError;
use super::row::{HOUR, hour_of};
use super::store::Store;

/// Episodes of one kind.
const EPISODES: i64 = 10_000;
/// Lines of the ledger.
const SUGGESTIONS: i64 = 10_000;
/// In memory there is less room than on a disk.
const MOST_IN_MEMORY: u64 = 32 * 1_024 * 1_024;
/// When there is too much, it is brought down to this share, so that it is not too much at once
/// again.
const TARGET: f64 = 0.9;

/// How much is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// What ended before that goes.
    pub keep: Duration,
    /// Bytes of the file; what SQLite keeps beside it while writing is some megabytes more.
    pub max_bytes: u64,
    /// Statements of one database in one hour; the rest is one row.
    pub statements: usize,
}

/// What has been done already.
#[derive(Debug, Default)]
pub(super) struct Kept {
    /// The hour in which it was last done.
    hour: Option<i64>,
}

impl Store {
    /// Brings it within its limits: age and numbers once an hour, bytes each time.
    pub(super) fn keep(
        &mut self,
        kept: &mut Kept,
        limits: &Limits,
        now: i64,
    ) -> Result<(), HistoryError> {
        let this_hour = hour_of(now);
        let path = self.path.clone();
        let mut keep = || {
            if kept.hour != Some(this_hour) {
                // Rows of an hour can come after its end.
                let from = kept.hour.map_or(i64::MIN, |hour| hour - HOUR);
                self.fold(from, this_hour, limits.statements)?;
                let age = i64::try_from(limits.keep.as_secs()).unwrap_or(i64::MAX);
                self.forget(hour_of(now.saturating_sub(age)))?;
                self.db.execute(include_str!("keep/episodes.sql"), [EPISODES])?;
                self.db.execute(include_str!("keep/suggestions.sql"), [SUGGESTIONS])?;
                kept.hour = Some(this_hour);
            }
            self.shrink(limits, this_hour)
        };
        keep().map_err(|source| HistoryError::Sqlite { doing: "shrink", path, source })
    }

    /// Bytes in use, without pages that are free.
    pub(super) fn bytes(&self) -> rusqlite::Result<u64> {
        let number = |pragma| self.db.pragma_query_value(None, pragma, |row| row.get::<_, i64>(0));
        let pages = number("page_count")? - number("freelist_count")?;
        Ok(u64::try_from(pages * number("page_size")?).unwrap_or(0))
    }

    /// The first hour of which anything is known.
    pub(super) fn oldest(&self) -> rusqlite::Result<Option<i64>> {
        self.db.query_row(include_str!("keep/oldest.sql"), [], |row| row.get(0))
    }

    fn fold(&mut self, from: i64, this_hour: i64, most: usize) -> rusqlite::Result<()> {
        let most = i64::try_from(most).unwrap_or(i64::MAX);
        let tx = self.db.transaction()?;
        let overfull: Vec<(i64, i64)> = tx
            .prepare(include_str!("keep/overfull.sql"))?
            .query_map([from, this_hour, most], |row| Ok((row.get(0)?, row.get(1)?)))?
            .collect::<Result<_, _>>()?;
        for (database, hour) in overfull {
            tx.execute(include_str!("keep/fold_add.sql"), params![database, hour, most])?;
            tx.execute(include_str!("keep/fold_remove.sql"), params![database, hour, most])?;
        }
        tx.commit()
    }

    fn forget(&mut self, before: i64) -> rusqlite::Result<()> {
        let tx = self.db.transaction()?;
        tx.execute_batch(
            &include_str!("keep/forget.sql").replace("{before}", &before.to_string()),
        )?;
        tx.commit()
    }

    fn shrink(&mut self, limits: &Limits, this_hour: i64) -> rusqlite::Result<()> {
        let in_memory = self.path.is_none();
        let most =
            if in_memory { limits.max_bytes.min(MOST_IN_MEMORY) } else { limits.max_bytes } as f64;
        if self.bytes()? as f64 > most {
            while self.bytes()? as f64 > most * TARGET
                && let Some(oldest) = self.oldest()?.filter(|oldest| *oldest < this_hour)
            {
                let hours = ((this_hour - oldest) / HOUR / 20).max(1);
                self.forget(oldest + hours * HOUR)?;
            }
        }
        if self.path.is_some() && self.free_pages()? > 0 {
            self.vacuum()?;
        }
        Ok(())
    }

    fn free_pages(&self) -> rusqlite::Result<i64> {
        self.db.pragma_query_value(None, "freelist_count", |row| row.get(0))
    }

    /// Gives free pages back: one is freed with each step of the statement.
    fn vacuum(&self) -> rusqlite::Result<()> {
        let mut vacuum = self.db.prepare("pragma incremental_vacuum")?;
        let mut steps = vacuum.query([])?;
        while steps.next()?.is_some() {}
        Ok(())
    }
}
