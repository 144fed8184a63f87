//! Keys of the index advisor.

use super::{Section, Shape, Times, key, optional, seconds};

pub(in crate::config) const ADVISOR: Section = Section {
    name: "advisor",
    times: Times::Once,
    help: "The index advisor inside the agent, see docs/advisor.md.",
    keys: &[
        key("enabled", Shape::Switch, "true", "Whether it runs."),
        key(
            "interval",
            seconds(60, 30 * 86_400),
            "6h",
            "At most how often each server is advised on.",
        ),
        key(
            "first_after",
            seconds(60, 7 * 86_400),
            "1h",
            "How long the agent has watched at least before the first time.",
        ),
        key(
            "hours",
            Shape::Text,
            "20:00-06:00",
            "When that may begin, in the server's own time zone (its setting `TimeZone`); \"00:00-24:00\" is always.",
        ),
        key(
            "look_interval",
            seconds(10, 86_400),
            "5m",
            "How often it is looked whether suggestions were applied.",
        ),
        key("days", Shape::Count { min: 1, max: 3_650 }, "7", "Days of the history that count."),
        key(
            "unused_days",
            Shape::Count { min: 1, max: 3_650 },
            "31",
            "Days that nothing has used an index before it is suggested to be dropped: a month's end should be among them.",
        ),
        key(
            "budget_bytes",
            Shape::Count { min: 0, max: 1 << 50 },
            "10737418240",
            "Bytes that the new indexes of a database may take together.",
        ),
        key(
            "max",
            Shape::Count { min: 1, max: 200 },
            "20",
            "Indexes that are suggested for a database at most.",
        ),
        key(
            "shown",
            Shape::Count { min: 1, max: 2_000 },
            "100",
            "Suggestions of a server that are shown singly in metrics; all are counted.",
        ),
        optional(
            "state_columns",
            Shape::List,
            "Columns (`column` or `table.column`) with few values, such as a state, that may be named in the predicate of a partial index, and so in metrics.",
        ),
        optional("datnames", Shape::List, "Databases; without it the ten busiest of each server."),
        key(
            "database_time",
            seconds(1, 3_600),
            "30s",
            "Planning time that one run may take from a server.",
        ),
    ],
};
