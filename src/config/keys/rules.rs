//! Keys of each rule of findings: whether it looks, and what it calls too much.

mod queues;

use self::queues::{MESSAGE_QUEUES, QUEUES};
use super::{Key, Section, Shape, Times, key, milliseconds, seconds};

const ENABLED: Key = key("enabled", Shape::Switch, "true", "Whether this rule looks.");
const MANY: Shape = Shape::Count { min: 1, max: 1 << 40 };
const A_DAY: Shape = milliseconds(0, 86_400_000);

const fn rule(name: &'static str, help: &'static str, keys: &'static [Key]) -> Section {
    Section { name, times: Times::Once, help, keys }
}

/// One table for each rule, in the order of the rules.
pub(in crate::config) const RULES: &[&Section] = &[
    &rule(
        "finding.large_scans",
        "Statements that read much to return little.",
        &[
            ENABLED,
            key(
                "seconds_per_day",
                A_DAY,
                "60s",
                "Those of a table take at least so much of a day.",
            ),
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
    ),
    &rule(
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
    ),
    &rule(
        "finding.direct_writes",
        "Writes past the ERP: of integrations into what they do not own, and of roles that nobody declares.",
        &[
            ENABLED,
            key(
                "rows_per_day",
                MANY,
                "10",
                "Rows that a role which is no integration's writes at least.",
            ),
        ],
    ),
    &rule(
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
            key(
                "seconds_per_call",
                milliseconds(0, 86_400_000),
                "50ms",
                "What a call takes at least.",
            ),
        ],
    ),
    &rule(
        "finding.calls_in_transactions",
        "Other systems called while a transaction is open.",
        &[ENABLED, key("calls", MANY, "2", "Such calls in the window at least.")],
    ),
    &rule(
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
    ),
    &QUEUES,
    &MESSAGE_QUEUES,
    &rule(
        "finding.duplicate_records",
        "Records that are there twice by a business key.",
        &[
            ENABLED,
            key(
                "rows",
                Shape::Count { min: 1, max: 1 << 40 },
                "10",
                "So many rows beyond one of each key were counted.",
            ),
            key(
                "estimated_rows",
                Shape::Count { min: 1, max: 1 << 40 },
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
    ),
    &rule(
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
    ),
    &rule(
        "finding.hot_rows",
        "Rows for which many wait: gapless numbers, stock of the best sellers.",
        &[
            ENABLED,
            key("waits", MANY, "5", "Waits for rows of a table in the window at least."),
            key("seconds_per_day", A_DAY, "300s", "They take at least so much of a day."),
        ],
    ),
    &rule(
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
    ),
    &rule(
        "finding.bad_joins",
        "Joins that plans show to be bad.",
        &[
            ENABLED,
            key("seconds_per_day", A_DAY, "60s", "Statements with it take so much of a day."),
            key("times", MANY, "100", "An estimate of rows is wrong so many times; 10 at least."),
            key("rows", MANY, "10000", "Rows of a table that is read whole; 1,000 at least."),
            key(
                "looped_rows",
                MANY,
                "1000000",
                "Rows looked at again in a call; 100,000 at least.",
            ),
            key("temp_bytes", MANY, "1048576", "Temporary files of a call, written and read."),
        ],
    ),
    &rule(
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
    ),
    &rule(
        "finding.connections",
        "Connections near their limit.",
        &[
            ENABLED,
            key("share", Shape::Share, "0.8", "Of the connections that are allowed."),
            key(
                "idle_share",
                Shape::Share,
                "0.9",
                "Of the sessions are idle: a pool is larger than it need be.",
            ),
        ],
    ),
    &rule(
        "finding.integration_failures",
        "Other systems whose calls fail.",
        &[
            ENABLED,
            key("share", Shape::Share, "0.05", "Of the calls in the window fail."),
            key("calls", MANY, "5", "Calls that have failed at least."),
        ],
    ),
    &rule(
        "finding.peaks",
        "Hours that stand out, day after day.",
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
            key(
                "busy_share",
                Shape::Share,
                "0.25",
                "And so many statements run at once in the mean.",
            ),
        ],
    ),
    &rule(
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
    ),
    &rule(
        "finding.disk_growth",
        "A disk that fills up.",
        &[
            ENABLED,
            key(
                "disk_bytes",
                Shape::Count { min: 0, max: 1 << 60 },
                "0",
                "How large the disk of the databases is; 0: that is not known, and the rule says nothing.",
            ),
            key(
                "days",
                Shape::Count { min: 1, max: 3_650 },
                "60",
                "It is full within so many days.",
            ),
        ],
    ),
    &rule(
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
    ),
    &rule(
        "finding.wraparound",
        "Transaction numbers near their end.",
        &[ENABLED, key("share", Shape::Share, "0.5", "Of the numbers are in use.")],
    ),
    &rule(
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
    ),
    &rule(
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
    ),
    &rule(
        "finding.unindexed_foreign_keys",
        "Foreign keys that make deletes slow.",
        &[
            ENABLED,
            key("rows", MANY, "10000", "Rows of the table at least."),
            key("deletes_per_day", MANY, "100", "Rows deleted from the parent at least."),
        ],
    ),
    &rule(
        "finding.unused_indexes",
        "Indexes that nobody scans.",
        &[
            ENABLED,
            key(
                "bytes",
                Shape::Count { min: 8_192, max: 1 << 50 },
                "1048576",
                "Their size at least.",
            ),
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
    ),
    &rule("finding.unsound_objects", "Invalid indexes and unchecked constraints.", &[ENABLED]),
    &rule(
        "finding.checkpoints",
        "Checkpoints that are forced.",
        &[
            ENABLED,
            key("forced", MANY, "3", "In the window at least."),
            key("share", Shape::Share, "0.5", "Of all checkpoints."),
        ],
    ),
    &rule(
        "finding.replication",
        "Standbys and slots that fall behind.",
        &[
            ENABLED,
            key("lag", seconds(1, 604_800), "5m", "A standby lags by so much."),
            key(
                "kept_bytes",
                Shape::Count { min: 1, max: 1 << 60 },
                "10737418240",
                "Bytes of write-ahead log that are kept, or not replayed.",
            ),
        ],
    ),
    &rule("finding.settings", "Settings that hurt.", &[ENABLED]),
];
