//! Keys of sessions, locks and transactions.

use super::{Section, Shape, Times, key, milliseconds, required};

pub(in crate::config) const ACTIVITY: Section = Section {
    name: "activity",
    times: Times::Once,
    help: "Sampling of sessions: what they do, what they wait for, who blocks whom.",
    keys: &[
        key("interval", milliseconds(50, 10_000), "100ms", "How often sessions are looked at."),
        key(
            "series",
            Shape::Count { min: 100, max: 50_000 },
            "1000",
            "Series of one metric of sessions, locks or transactions for each server; what is over it is in `other`.",
        ),
    ],
};

pub(in crate::config) const LOCKS: Section = Section {
    name: "locks",
    times: Times::Once,
    help: "What is told as an event of waits for locks.",
    keys: &[
        key(
            "report_after",
            milliseconds(0, 3_600_000),
            "1s",
            "A finished wait of this length is an event.",
        ),
        key(
            "incident_victims",
            Shape::Count { min: 1, max: 10_000 },
            "3",
            "Sessions that wait because of one root blocker are an incident from this number on.",
        ),
        key(
            "incident_after",
            milliseconds(0, 3_600_000),
            "10s",
            "A root blocker that somebody has waited for so long is an incident, too.",
        ),
    ],
};

pub(in crate::config) const TRANSACTIONS: Section = Section {
    name: "transactions",
    times: Times::Once,
    help: "What counts as a slow transaction.",
    keys: &[key(
        "slow_after",
        milliseconds(10, 86_400_000),
        "1s",
        "A transaction of this length is a slow one.",
    )],
};

pub(in crate::config) const APPLICATION: Section = Section {
    name: "application",
    times: Times::Any,
    help: "An application with a threshold of its own; repeat the whole table for each.",
    keys: &[
        required("name", Shape::Text, "bi-report", "As the profiles name it, or `other`."),
        required(
            "slow_after",
            milliseconds(10, 86_400_000),
            "30s",
            "A transaction of this application is a slow one only from this length on.",
        ),
    ],
};
