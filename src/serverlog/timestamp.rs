//! The time at the beginning of a record, such as `2025-03-01 09:30:00.123 UTC`.

use std::time::{Duration, SystemTime};

/// Only `UTC`, `GMT` and numbers (`+03`, `-0330`) are sure; other abbreviations are ambiguous.
pub(super) fn parse(text: &str) -> Option<SystemTime> {
    let mut parts = text.split(' ');
    let (date, time, zone) = (parts.next()?, parts.next()?, parts.next()?);
    if parts.next().is_some() {
        return None;
    }
    let [year, month, day] = numbers(date, '-')?;
    let (time, millis) = time.split_once('.')?;
    let [hour, minute, second] = numbers(time, ':')?;
    if year < 1970 || !(1..=12).contains(&month) || !(1..=31).contains(&day) {
        return None;
    }
    let seconds = days(year, month, day) * 86_400 + hour * 3_600 + minute * 60 + second;
    let utc = u64::try_from(seconds - offset(zone)?).ok()?;
    let millis = u64::from(millis.parse::<u16>().ok().filter(|n| *n < 1_000)?);
    SystemTime::UNIX_EPOCH.checked_add(Duration::from_millis(utc * 1_000 + millis))
}

fn numbers(text: &str, separator: char) -> Option<[i64; 3]> {
    let mut parts = text.split(separator).map(|part| part.parse::<u16>().ok().map(i64::from));
    let found = [parts.next()??, parts.next()??, parts.next()??];
    parts.next().is_none().then_some(found)
}

/// Seconds east of Greenwich.
fn offset(zone: &str) -> Option<i64> {
    let (sign, digits) = match zone.split_at_checked(1)? {
        _ if ["UTC", "GMT"].contains(&zone) => return Some(0),
        ("+", digits) => (1, digits),
        ("-", digits) => (-1, digits),
        _ => return None,
    };
    let number: i64 = digits.parse::<u16>().ok()?.into();
    match digits.len() {
        2 => Some(sign * number * 3_600),
        4 => Some(sign * (number / 100 * 3_600 + number % 100 * 60)),
        _ => None,
    }
}

/// Days since 1970, counted in years that begin in March, so that the leap day is the last.
fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = if month > 2 { year } else { year - 1 };
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    year * 365 + year / 4 - year / 100 + year / 400 + day_of_year - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_read_where_its_zone_is_sure() {
        for (text, millis) in [
            ("1970-01-01 00:00:00.000 UTC", Some(0)),
            ("2024-02-29 12:00:00.007 GMT", Some(1_709_208_000_007)),
            ("2025-03-01 09:30:00.123 +03", Some(1_740_810_600_123)),
            ("2025-03-01 03:00:00.123 -0330", Some(1_740_810_600_123)),
            ("2000-03-01 00:00:00.000 UTC", Some(951_868_800_000)),
            ("2025-03-01 09:30:00.123 CST", None),
            ("2025-03-01 09:30:00.123", None),
            ("2025-13-01 09:30:00.123 UTC", None),
            ("9:x", None),
            ("", None),
        ] {
            let at = millis.map(|ms| SystemTime::UNIX_EPOCH + Duration::from_millis(ms));
            assert_eq!(parse(text), at, "{text}");
        }
    }
}
