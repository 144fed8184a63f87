//! Keys of the rules for tables, their keys and their indexes.

use super::super::{Section, Shape, key};
use super::{ENABLED, MANY, rule};

pub(super) const DUPLICATE_RECORDS: Section = rule(
    "finding.duplicate_records",
    "Records that are there twice by a business key.",
    &[
        ENABLED,
        key("rows", MANY, "10", "So many rows beyond one of each key were counted."),
        key(
            "estimated_rows",
            MANY,
            "10",
            "There are so many by statistics, if nobody has counted: worth knowing.",
        ),
        key(
            "estimated_share",
            Shape::Share,
            "0.001",
            "And they are at least this share of the table's rows.",
        ),
    ],
);

pub(super) const NUMBERS_RUN_OUT: Section = rule(
    "finding.numbers_run_out",
    "Sequences and integer keys near their end.",
    &[
        ENABLED,
        key("share", Shape::Share, "0.75", "Of the numbers are used."),
        key(
            "days",
            Shape::Count { min: 1, max: 36_500 },
            "180",
            "Or a quarter is used, and they last no longer than so many days.",
        ),
    ],
);

pub(super) const AUTOVACUUM_BEHIND: Section = rule(
    "finding.autovacuum_behind",
    "Tables that autovacuum does not keep clean.",
    &[
        ENABLED,
        key("dead_rows", MANY, "50000", "Dead rows of a table at least."),
        key(
            "times",
            Shape::Count { min: 1, max: 1_000 },
            "3",
            "So many times what should bring autovacuum.",
        ),
    ],
);

pub(super) const STALE_STATISTICS: Section = rule(
    "finding.stale_statistics",
    "Tables whose statistics are old.",
    &[
        ENABLED,
        key(
            "changed_rows",
            MANY,
            "50000",
            "Rows that have changed since the last analyze at least.",
        ),
        key(
            "times",
            Shape::Count { min: 1, max: 1_000 },
            "3",
            "So many times what should bring an analyze.",
        ),
    ],
);

pub(super) const BLOAT: Section = rule(
    "finding.bloat",
    "Tables and indexes that are much larger than their rows.",
    &[
        ENABLED,
        key(
            "bytes",
            Shape::Count { min: 1 << 20, max: 1 << 50 },
            "134217728",
            "Bytes that one written anew would give back at least.",
        ),
        key(
            "share",
            Shape::Share,
            "0.5",
            "And so much of its size. Less than a quarter counts as a quarter: the estimate is no better.",
        ),
    ],
);

pub(super) const UNINDEXED_FOREIGN_KEYS: Section = rule(
    "finding.unindexed_foreign_keys",
    "Foreign keys that make deletes slow.",
    &[
        ENABLED,
        key("rows", MANY, "10000", "Rows of the table at least."),
        key(
            "deletes_per_day",
            MANY,
            "100",
            "Rows deleted from the parent at least, in a mean day of the last week.",
        ),
    ],
);

pub(super) const UNUSED_INDEXES: Section = rule(
    "finding.unused_indexes",
    "Indexes that nobody scans.",
    &[
        ENABLED,
        key("bytes", Shape::Count { min: 8_192, max: 1 << 50 }, "1048576", "Their size at least."),
        key(
            "days",
            Shape::Count { min: 0, max: 3_650 },
            "7",
            "For so many days the statistics have counted at least.",
        ),
        key(
            "writes",
            Shape::Count { min: 1, max: 1 << 50 },
            "1000",
            "Rows of the table inserted or updated, but for HOT updates, since the statistics began.",
        ),
    ],
);

pub(super) const UNSOUND_OBJECTS: Section =
    rule("finding.unsound_objects", "Invalid indexes and unchecked constraints.", &[ENABLED]);
