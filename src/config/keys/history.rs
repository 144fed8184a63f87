//! Keys of what is remembered over restarts.

use super::{Section, Shape, Times, key, optional, seconds};

pub(in crate::config) const USAGE: Section = Section {
    name: "usage",
    times: Times::Once,
    help: "Sampling of how tables, indexes and functions are used and kept, in the database connected to and in those of ERPs.",
    keys: &[
        key("interval", seconds(1, 3_600), "5m", "How often they are looked at."),
        key(
            "top",
            Shape::Count { min: 0, max: 5_000 },
            "100",
            "Tables, as many indexes and as many functions shown singly for each server, shared among its databases; the rest is in `other`.",
        ),
    ],
};

pub(in crate::config) const UPKEEP: Section = Section {
    name: "upkeep",
    times: Times::Once,
    help: "Sampling of what keeps a server sound: vacuum, replication, checkpoints, settings, catalogs.",
    keys: &[
        key(
            "interval",
            seconds(1, 3_600),
            "60s",
            "How often vacuum, replication, checkpoints and I/O are looked at.",
        ),
        key("settings_interval", seconds(1, 86_400), "15m", "How often settings are read."),
        key(
            "catalog_interval",
            seconds(1, 86_400),
            "1h",
            "How often catalogs are looked into: foreign keys without an index, numbers that run out, triggers, sizes on disk.",
        ),
        key(
            "queues_interval",
            seconds(1, 86_400),
            "60s",
            "How often the queues are looked at that the profiles of ERPs name; one that is dear to look at, in up to five turns once.",
        ),
    ],
};

pub(in crate::config) const HISTORY: Section = Section {
    name: "history",
    times: Times::Once,
    help: "What is remembered over restarts, see docs/history.md; a change needs a restart.",
    keys: &[
        optional(
            "path",
            Shape::Text,
            "SQLite file; without it the history is in memory and ends with the agent.",
        ),
        key(
            "keep",
            seconds(3_600, 3_650 * 86_400),
            "100d",
            "What is older goes. Days of the month that stand out are known from two months on.",
        ),
        key(
            "max_size_bytes",
            Shape::Count { min: 1 << 20, max: 1 << 40 },
            "536870912",
            "When the file is larger, the oldest hours go; in memory at most 32 MiB are kept.",
        ),
        key(
            "statements",
            Shape::Count { min: 10, max: 50_000 },
            "2000",
            "Statements of one database told apart in one hour; the rest is one row.",
        ),
        key(
            "write_interval",
            seconds(1, 3_600),
            "5m",
            "How often what has grown is written; a crash loses no more.",
        ),
    ],
};
