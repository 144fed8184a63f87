//! Keys of the rules for transactions and the rows that they lock.

use super::super::{Section, Shape, key, milliseconds, seconds};
use super::{A_DAY, ENABLED, MANY, rule};

pub(super) const BULK_IN_TRANSACTIONS: Section = rule(
    "finding.bulk_in_transactions",
    "Rows changed in bulk while a user waits.",
    &[
        ENABLED,
        key(
            "rows_per_call",
            Shape::Count { min: 2, max: 1 << 40 },
            "100",
            "Rows that a call changes at least.",
        ),
        key("seconds_per_call", milliseconds(0, 86_400_000), "50ms", "What a call takes at least."),
    ],
);

pub(super) const IDLE_IN_TRANSACTION: Section = rule(
    "finding.idle_in_transaction",
    "Applications that leave transactions open and do nothing.",
    &[
        ENABLED,
        key(
            "idle_for",
            milliseconds(100, 86_400_000),
            "2s",
            "A transaction is idle for so long at least, all together.",
        ),
        key("share", Shape::Share, "0.5", "And for this share of its length."),
        key(
            "held_for",
            seconds(1, 86_400),
            "5m",
            "From this length on it is told whatever it holds.",
        ),
    ],
);

pub(super) const LONG_TRANSACTIONS: Section = rule(
    "finding.long_transactions",
    "Open transactions that keep vacuum from its work.",
    &[
        ENABLED,
        key("longest", seconds(1, 604_800), "15m", "An open transaction of this length."),
        key(
            "xmin_age",
            Shape::Count { min: 1, max: 2_000_000_000 },
            "1000000",
            "Or a snapshot that so many transactions ago was taken.",
        ),
    ],
);

pub(super) const HOT_ROWS: Section = rule(
    "finding.hot_rows",
    "Rows for which many wait: gapless numbers, stock of the best sellers.",
    &[
        ENABLED,
        key("waits", MANY, "5", "Waits for rows of a table in the window at least."),
        key("seconds_per_day", A_DAY, "300s", "They take at least so much of a day."),
    ],
);
