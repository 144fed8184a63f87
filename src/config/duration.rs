//! Durations as people write them: `500ms`, `10s`, `1m30s`, `1h`.

use std::fmt::Write;
use std::time::Duration;

/// Parses a duration; `None` if it is none.
pub(super) fn parse(text: &str) -> Option<Duration> {
    let mut rest = text.trim();
    let mut total = Duration::ZERO;
    if rest.is_empty() {
        return None;
    }
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
        let (number, after) = rest.split_at_checked(digits)?;
        let letters = after.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(after.len());
        let (unit, after) = after.split_at_checked(letters)?;
        let milliseconds: u64 = match unit {
            "ms" => 1,
            "s" => 1_000,
            "m" | "min" => 60_000,
            "h" => 3_600_000,
            "d" => 86_400_000,
            _ => return None,
        };
        let part = number.parse::<u64>().ok()?.checked_mul(milliseconds)?;
        total = total.checked_add(Duration::from_millis(part))?;
        rest = after;
    }
    Some(total)
}

/// Writes a duration so that [`parse`] reads it back, to the millisecond.
pub(super) fn write(duration: Duration) -> String {
    let mut rest = duration.as_millis();
    let mut out = String::new();
    for (unit, milliseconds) in
        [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1)]
    {
        if rest >= milliseconds {
            let _infallible = write!(out, "{}{unit}", rest / milliseconds);
            rest %= milliseconds;
        }
    }
    if out.is_empty() { "0s".to_owned() } else { out }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn durations_are_read_and_other_texts_are_not() {
        assert_eq!(parse("1h30m"), Some(Duration::from_secs(5_400)));
        assert_eq!(parse(" 250ms "), Some(Duration::from_millis(250)));
        for text in ["", "10", "s", "1.5s", "10 s", "-1s", "99999999999999999999s", "1y", "1ſ"] {
            assert_eq!(parse(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(ms in 0..1_000_000_000_u64) {
            let duration = Duration::from_millis(ms);
            prop_assert_eq!(parse(&write(duration)), Some(duration));
        }

        #[test]
        fn no_text_makes_it_panic(text in any::<String>()) {
            let _ = parse(&text);
        }
    }
}
