//! Keys of the rules for what statements take.

use super::super::{Section, Shape, key, milliseconds};
use super::{A_DAY, ENABLED, MANY, rule};

pub(super) const LARGE_SCANS: Section = rule(
    "finding.large_scans",
    "Statements that read much to return little.",
    &[
        ENABLED,
        key("seconds_per_day", A_DAY, "60s", "Those of a table take at least so much of a day."),
        key("blocks_per_call", MANY, "100", "Blocks that a call reads at least."),
        key(
            "blocks_per_row",
            MANY,
            "10",
            "Blocks that it reads at least for each row that it returns.",
        ),
        key(
            "rows",
            Shape::Count { min: 0, max: 1 << 40 },
            "1000",
            "A table with fewer rows is never one.",
        ),
    ],
);

pub(super) const PRIMARY_REPORTING: Section = rule(
    "finding.primary_reporting",
    "Reports and batches that take much of the primary's time.",
    &[
        ENABLED,
        key("share", Shape::Share, "0.1", "Of the time of all statements."),
        key("seconds_per_day", A_DAY, "600s", "They take at least so much of a day."),
        key(
            "report_seconds",
            milliseconds(10, 86_400_000),
            "500ms",
            "A query whose calls take so long in the mean may be a report.",
        ),
        key("report_blocks", MANY, "1000", "And reads so many blocks a call."),
    ],
);

pub(super) const TEMP_SPILLS: Section = rule(
    "finding.temp_spills",
    "Sorts and hashes that do not fit into work_mem.",
    &[
        ENABLED,
        key(
            "bytes_per_call",
            Shape::Count { min: 8_192, max: 1 << 50 },
            "1048576",
            "Bytes of temporary files that a call writes at least.",
        ),
        key(
            "bytes_per_day",
            Shape::Count { min: 1, max: 1 << 60 },
            "1073741824",
            "And all of its calls in a day.",
        ),
    ],
);

pub(super) const BAD_JOINS: Section = rule(
    "finding.bad_joins",
    "Joins that plans show to be bad.",
    &[
        ENABLED,
        key("seconds_per_day", A_DAY, "60s", "Statements with it take so much of a day."),
        key("times", MANY, "100", "An estimate of rows is wrong so many times; 10 at least."),
        key("rows", MANY, "10000", "Rows of a table that is read whole; 1,000 at least."),
        key("looped_rows", MANY, "1000000", "Rows looked at again in a call; 100,000 at least."),
        key("temp_bytes", MANY, "1048576", "Temporary files of a call, written and read."),
    ],
);

pub(super) const CACHE_MISSES: Section = rule(
    "finding.cache_misses",
    "Modules whose data does not stay in memory.",
    &[
        ENABLED,
        key(
            "hit_share",
            Shape::Share,
            "0.9",
            "Less than this share of its blocks is found in the buffer cache.",
        ),
        key("blocks_per_second", MANY, "500", "Blocks that are read for it at least."),
    ],
);

pub(super) const CUSTOMIZATION: Section = rule(
    "finding.customization",
    "Load that is not the standard ERP's.",
    &[
        ENABLED,
        key("share", Shape::Share, "0.3", "Of the time of all statements."),
        key("seconds_per_day", A_DAY, "600s", "They take at least so much of a day."),
        key(
            "function_seconds_per_day",
            A_DAY,
            "600s",
            "A function in the database takes at least so much of a day, what it calls included.",
        ),
    ],
);
