//! Which days of the month stand out, and what makes them: from the history, in small pieces, so that nobody who
//! asks it waits for long.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use super::ask::ask;
use crate::finding::month::{self, Loads, Months, More};
use crate::history::{History, HistoryError, Period, Place, Reader, StatementSum};
use crate::sample::Moment;
use crate::track::hours::unix;

/// How often it is looked at.
const EVERY: Duration = Duration::from_secs(6 * 3_600);
/// So many days are looked at: three months and what is left of a fourth.
const DAYS: i64 = 100;
/// So many in one question.
const AT_ONCE: i64 = 10;
const DAY: i64 = 86_400;

/// What was asked for last.
pub(super) struct Memory {
    history: Arc<History>,
    asked: Option<Duration>,
    /// The first day that was not asked for.
    next: i64,
    loads: BTreeMap<Place, Loads>,
    months: Arc<Months>,
}

impl Memory {
    pub(super) fn new(history: Arc<History>) -> Self {
        let (loads, months) = (BTreeMap::new(), Arc::default());
        Self { history, asked: None, next: 0, loads, months }
    }

    /// As they are known, asked for anew if it is time to.
    pub(super) async fn recall(&mut self, at: Moment) -> Arc<Months> {
        if self.asked.is_none_or(|asked| at.elapsed.saturating_sub(asked) >= EVERY) {
            self.asked = Some(at.elapsed);
            // Today is not over.
            if let Err(error) = self.learn(unix(at.wall).div_euclid(DAY)).await {
                tracing::debug!("which days of the month stand out is not known: {error}");
            }
        }
        Arc::clone(&self.months)
    }

    async fn learn(&mut self, today: i64) -> Result<(), HistoryError> {
        let first = today - DAYS;
        self.next = self.next.max(first);
        while self.next < today {
            let days = self.next..today.min(self.next + AT_ONCE);
            let until = days.end;
            for (place, loads) in ask(&self.history, move |reader| loads_of(reader, &days)).await? {
                self.loads.entry(place).or_default().extend(loads);
            }
            self.next = until;
        }
        self.loads.values_mut().for_each(|loads| loads.retain(|day, _| *day >= first));
        self.loads.retain(|_, loads| !loads.is_empty());
        let mut months = Months::new();
        for (place, loads) in &self.loads {
            let mut peaks = month::peaks(loads);
            for peak in &mut peaks {
                let (place, days) = (place.clone(), peak.days.clone());
                peak.made_by =
                    ask(&self.history, move |reader| made_by(reader, &place, &days)).await?;
            }
            if !peaks.is_empty() {
                months.insert(place.clone(), peaks);
            }
        }
        self.months = Arc::new(months);
        Ok(())
    }
}

fn period(place: &Place, days: &Range<i64>) -> Period {
    Period { place: place.clone(), from: days.start * DAY, until: days.end * DAY }
}

fn loads_of(reader: &Reader<'_>, days: &Range<i64>) -> Result<Vec<(Place, Loads)>, HistoryError> {
    let of = |place: Place| {
        let hours = reader.hours(&period(&place, days))?;
        Ok((place, month::loads(&hours)))
    };
    reader.databases()?.into_iter().map(of).collect()
}

/// What takes more on these days than a week before.
fn made_by(reader: &Reader<'_>, place: &Place, days: &[i64]) -> Result<Vec<More>, HistoryError> {
    let on = |shift: i64| -> Result<Vec<StatementSum>, HistoryError> {
        let mut all = Vec::new();
        for day in days.iter().map(|day| day - shift) {
            all.extend(reader.statements(&period(place, &(day..day + 1)))?.rows);
        }
        Ok(all)
    };
    Ok(month::more(&on(0)?, &on(7)?, days.len()))
}
