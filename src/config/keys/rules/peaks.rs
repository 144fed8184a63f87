//! Keys of the rule that looks for hours and days whose load stands out.

use super::super::{Section, Shape, key};
use super::{ENABLED, rule};

pub(super) const PEAKS: Section = rule(
    "finding.peaks",
    "Hours that stand out, day after day, and days of the month, month after month.",
    &[
        ENABLED,
        key(
            "days",
            Shape::Count { min: 1, max: 3_650 },
            "3",
            "Days that were looked at, at least.",
        ),
        key(
            "times",
            Shape::Count { min: 2, max: 1_000 },
            "4",
            "An hour takes so many times what the median hour takes.",
        ),
        key("busy_share", Shape::Share, "0.25", "And so many statements run at once in the mean."),
        key(
            "months",
            Shape::Count { min: 2, max: 12 },
            "2",
            "Months in which a day of the month was looked at, at least.",
        ),
        key(
            "day_times",
            Shape::Count { min: 2, max: 1_000 },
            "2",
            "It takes so many times what an ordinary day takes, in each of them.",
        ),
        key(
            "day_busy_share",
            Shape::Share,
            "0.1",
            "And so many statements run at once in its mean, nights included.",
        ),
    ],
);
