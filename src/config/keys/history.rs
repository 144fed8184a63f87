//! Keys of what is remembered over restarts.

use super::{Section, Shape, Times, key, optional, seconds};

pub(in crate::config) const USAGE: Section = Section {
    name: "usage",
    times: Times::Once,
    help: "Sampling of how tables and indexes are used, in the database connected to and in those of ERPs.",
    keys: &[key("interval", seconds(1, 3_600), "5m", "How often they are looked at.")],
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
        key("keep", seconds(3_600, 3_650 * 86_400), "35d", "What is older goes."),
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
