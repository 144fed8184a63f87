//! How many rows were deleted from each table in the last week: from the history, a day at a time, so that
//! nobody who asks it waits for long.

use std::sync::Arc;
use std::time::Duration;

use super::ask::ask;
use crate::finding::Deletes;
use crate::history::{HOUR, History, HistoryError, Kind, Period, Reader, hour_of};
use crate::sample::Moment;
use crate::track::hours::unix;

/// How often it is asked.
const EVERY: Duration = Duration::from_secs(3_600);
/// So many days are asked for.
const DAYS: i64 = 7;
const DAY: i64 = 86_400;

/// What was asked for last.
pub(super) struct Memory {
    history: Arc<History>,
    asked: Option<Duration>,
    deletes: Arc<Deletes>,
}

impl Memory {
    pub(super) fn new(history: Arc<History>) -> Self {
        Self { history, asked: None, deletes: Arc::default() }
    }

    /// As they are known, asked for anew if it is time to.
    pub(super) async fn recall(&mut self, at: Moment) -> Arc<Deletes> {
        if self.asked.is_none_or(|asked| at.elapsed.saturating_sub(asked) >= EVERY) {
            self.asked = Some(at.elapsed);
            match self.learn(unix(at.wall)).await {
                Ok(deletes) => self.deletes = Arc::new(deletes),
                Err(error) => tracing::debug!("how many rows are deleted is not known: {error}"),
            }
        }
        Arc::clone(&self.deletes)
    }

    async fn learn(&self, now: i64) -> Result<Deletes, HistoryError> {
        let until = hour_of(now) + HOUR;
        let from = until - DAYS * DAY;
        let mut deletes = ask(&self.history, move |reader| looked_at(reader, from, until)).await?;
        for day in 0..DAYS {
            let from = from + day * DAY;
            for row in ask(&self.history, move |reader| reader.deleted(from, from + DAY)).await? {
                deletes.entry(row.place).or_default().add(row.schema, row.table, row.rows);
            }
        }
        Ok(deletes)
    }
}

/// For how long each database was looked at.
fn looked_at(reader: &Reader<'_>, from: i64, until: i64) -> Result<Deletes, HistoryError> {
    let mut deletes = Deletes::new();
    for place in reader.databases()? {
        let period = Period { place: place.clone(), from, until };
        let seconds = reader.coverage(&period, Kind::Usage)?.seconds;
        deletes.entry(place).or_default().over = Duration::from_secs_f64(seconds.max(0.0));
    }
    Ok(deletes)
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use super::*;
    use crate::history::{Batch, Covered, Limits, Place, TableGrowth, TableUse};

    /// Now, in seconds since 1970, in the middle of an hour.
    const NOW: i64 = 20_000 * DAY + HOUR / 2;

    fn after(seconds: u64) -> Moment {
        let elapsed = Duration::from_secs(seconds);
        let wall = Duration::from_secs(NOW.unsigned_abs()) + elapsed;
        Moment { wall: SystemTime::UNIX_EPOCH + wall, elapsed }
    }

    fn place() -> Place {
        Place { server: "db".into(), datname: "erp".into() }
    }

    /// So many rows of a table are deleted in each hour from so many hours ago on.
    fn batch(table: &str, hours: i64, n_tup_del: u64) -> Batch {
        let mut batch = Batch { at: NOW, ..Batch::default() };
        for hour in (0..hours).map(|ago| hour_of(NOW) - ago * HOUR) {
            batch.covered.push(Covered {
                place: place(),
                hour,
                kind: Kind::Usage,
                seconds: 3_600.0,
                resets: 0,
            });
            batch.tables.push(TableGrowth {
                place: place(),
                hour,
                schema: "public".into(),
                table: table.into(),
                growth: TableUse { n_tup_del, ..TableUse::default() },
                n_live_tup: 1,
                bytes: 1,
            });
        }
        batch
    }

    #[tokio::test]
    async fn rows_deleted_in_the_last_week_are_known_and_asked_for_once_an_hour() {
        let keep = Duration::from_secs(400 * 86_400);
        let limits = Limits { keep, max_bytes: 1 << 30, statements: 10 };
        let history = Arc::new(History::open(None, limits).unwrap());
        history.record(batch("head", 10 * 24, 2));
        history.record(batch("line", 1, 0));
        let mut memory = Memory::new(Arc::clone(&history));
        let deletes = memory.recall(after(0)).await;
        let erp = &deletes[&place()];
        assert_eq!(erp.rows("public", "head"), 7 * 24 * 2, "no hour counts twice");
        assert_eq!((erp.rows("public", "line"), erp.rows("other", "head")), (0, 0));
        assert_eq!(erp.over, Duration::from_secs(7 * 86_400 + 3_600), "an hour was told twice");
        history.record(batch("line", 1, 9));
        let rows = |deletes: &Deletes| deletes[&place()].rows("public", "line");
        assert_eq!(rows(&*memory.recall(after(1_000)).await), 0, "it was asked just now");
        assert_eq!(rows(&*memory.recall(after(3_600)).await), 9);
    }
}
