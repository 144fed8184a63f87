//! Keys of the agent itself and of what is sampled on a schedule.

use super::{Section, Shape, Times, key, optional, seconds};

pub(in crate::config) const GENERAL: Section = Section {
    name: "",
    times: Times::Once,
    help: "",
    keys: &[
        key(
            "listen",
            Shape::Address,
            "127.0.0.1:10187",
            "Where /metrics, the API and the page are served.",
        ),
        key(
            "budget",
            Shape::Share,
            "0.01",
            "Share of one core of a server's time that sampling it may take; intervals are stretched to keep it.",
        ),
        optional(
            "profiles",
            Shape::List,
            "Files of profiles of your own, see docs/profiles.md; read again at SIGHUP.",
        ),
    ],
};

pub(in crate::config) const LOG: Section = Section {
    name: "log",
    times: Times::Once,
    help: "What is written to standard error.",
    keys: &[
        key(
            "level",
            Shape::Text,
            "info",
            "error, warn, info, debug, trace, or a filter such as erpscope=debug.",
        ),
        key(
            "format",
            Shape::Choice(&["text", "json"]),
            "text",
            "For people, or one JSON object a line.",
        ),
    ],
};

pub(in crate::config) const STATEMENTS: Section = Section {
    name: "statements",
    times: Times::Once,
    help: "Sampling of pg_stat_statements.",
    keys: &[
        key("interval", seconds(1, 3_600), "10s", "How often counters are read."),
        key(
            "texts_interval",
            seconds(1, 86_400),
            "60s",
            "At most how often texts are read; only while one is missing.",
        ),
        key(
            "top",
            Shape::Count { min: 0, max: 5_000 },
            "200",
            "Statements shown singly for each server; the rest is in `other`.",
        ),
        key(
            "text_chars",
            Shape::Count { min: 50, max: 10_000 },
            "1000",
            "A normalised text is cut to so many characters.",
        ),
    ],
};

pub(in crate::config) const DATABASE: Section = Section {
    name: "database",
    times: Times::Once,
    help: "Sampling of pg_stat_database and of facts about the server.",
    keys: &[
        key("interval", seconds(1, 3_600), "15s", "How often they are read."),
        key(
            "top",
            Shape::Count { min: 1, max: 1_000 },
            "100",
            "Databases shown singly for each server; the rest is in `other`.",
        ),
    ],
};
