//! `[advisor]`: when the index advisor runs, and how far it goes.

use std::time::Duration;

use super::reader::{Faults, Table};

/// `[advisor]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Advisor {
    /// `enabled`: whether it runs (default true).
    pub enabled: bool,
    /// `interval`: at most how often each server is advised on (default 6 h, 1 min to 30 days).
    pub interval: Duration,
    /// `first_after`: how long the agent has watched before (default 1 h, 1 min to 7 days).
    pub first_after: Duration,
    /// `hours`: when that may begin, in the server's time zone (default `20:00-06:00`).
    pub hours: Hours,
    /// `look_interval`: how often it is looked whether suggestions were applied (default 5 min,
    /// 10 s to 1 day).
    pub look_interval: Duration,
    /// `days`: of the history (default 7).
    pub days: u32,
    /// `unused_days`: that nothing has used an index before it is suggested to be dropped (default 31).
    pub unused_days: u32,
    /// `budget_bytes`: of all new indexes of a database (default 10 GiB).
    pub budget_bytes: u64,
    /// `max`: suggestions for a database (default 20, 1 to 200).
    pub max: usize,
    /// `shown`: suggestions of a server that metrics show singly (default 100, 1 to 2,000).
    pub shown: usize,
    /// `state_columns`: those whose values may be named.
    pub state_columns: Vec<String>,
    /// `datnames`: databases; if empty, the ten busiest of each server.
    pub datnames: Vec<String>,
    /// `database_time`: planning time of one run (default 30 s, 1 s to 1 h).
    pub database_time: Duration,
}

/// Part of a day, by minutes from midnight; over midnight if it ends before it begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hours {
    from: u32,
    until: u32,
}

const DAY: u32 = 24 * 60;

impl Hours {
    /// All day.
    pub const ALWAYS: Self = Self { from: 0, until: DAY };

    /// Reads `20:00-06:00`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let minutes = |text: &str| {
            let (hours, minutes) = text.trim().split_once(':')?;
            let digits = |text: &str| text.len() == 2 && text.chars().all(|c| c.is_ascii_digit());
            let (hours, minutes) = (
                Some(hours).filter(|hours| digits(hours))?.parse::<u32>().ok()?,
                Some(minutes).filter(|minutes| digits(minutes))?.parse::<u32>().ok()?,
            );
            let all = hours * 60 + minutes;
            (minutes < 60 && all <= DAY).then_some(all)
        };
        let (from, until) = text.split_once('-')?;
        let hours = Self { from: minutes(from)?, until: minutes(until)? };
        (hours.from != hours.until && hours.from < DAY).then_some(hours)
    }

    /// The value of a key.
    pub(super) fn read(table: &Table, name: &'static str, faults: &mut Faults) -> Option<Self> {
        let text = table.text(name, faults)?;
        let hours = Self::parse(&text);
        if hours.is_none() {
            let place = table.given(name).map_or("the default", |given| &given.place);
            let problem = format!("{text:?} is no part of a day such as \"20:00-06:00\"");
            faults.add(place, table.key(name), problem);
        }
        hours
    }

    /// Whether a minute of the day is in it.
    #[must_use]
    pub const fn contains(self, minute: u32) -> bool {
        if self.from < self.until {
            self.from <= minute && minute < self.until
        } else {
            self.from <= minute || minute < self.until
        }
    }
}

/// Reads it.
pub(super) fn read(table: &Table, faults: &mut Faults) -> Option<Advisor> {
    let enabled = table.switch("enabled", faults);
    let interval = table.duration("interval", faults);
    let first_after = table.duration("first_after", faults);
    let look_interval = table.duration("look_interval", faults);
    let database_time = table.duration("database_time", faults);
    let days = table.count("days", faults).and_then(|n| u32::try_from(n).ok());
    let unused_days = table.count("unused_days", faults).and_then(|n| u32::try_from(n).ok());
    let budget_bytes = table.count("budget_bytes", faults);
    let max = table.size("max", faults);
    let shown = table.size("shown", faults);
    let list = |name, faults: &mut Faults| -> Vec<String> {
        table.list(name, faults).into_iter().map(|(member, _)| member).collect()
    };
    let state_columns = list("state_columns", faults);
    let datnames = list("datnames", faults);
    let hours = Hours::read(table, "hours", faults);
    Some(Advisor {
        enabled: enabled?,
        interval: interval?,
        first_after: first_after?,
        hours: hours?,
        look_interval: look_interval?,
        days: days?,
        unused_days: unused_days?,
        budget_bytes: budget_bytes?,
        max: max?,
        shown: shown?,
        state_columns,
        datnames,
        database_time: database_time?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_night_goes_over_midnight() {
        let night = Hours::parse("20:00-06:00").unwrap();
        let at = |hour: u32, minute: u32| night.contains(hour * 60 + minute);
        assert!(at(20, 0) && at(23, 59) && at(0, 0) && at(5, 59));
        assert!(!at(6, 0) && !at(12, 0) && !at(19, 59));
        let noon = Hours::parse("12:00-13:30").unwrap();
        assert!(noon.contains(12 * 60) && !noon.contains(13 * 60 + 30));
        assert_eq!(Hours::parse("00:00-24:00"), Some(Hours::ALWAYS));
        assert!((0..DAY).all(|minute| Hours::ALWAYS.contains(minute)));
    }

    #[test]
    fn what_is_no_part_of_a_day_is_refused() {
        for text in [
            "",
            "20:00",
            "20-06",
            "8:00-9:00",
            "06:00-06:00",
            "20:60-06:00",
            "24:00-06:00",
            "00:00-24:01",
        ] {
            assert_eq!(Hours::parse(text), None, "{text}");
        }
    }
}
