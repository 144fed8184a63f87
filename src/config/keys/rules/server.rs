//! Keys of the rules for the server as a whole.

use super::super::{Section, Shape, key, seconds};
use super::{ENABLED, MANY, rule};

pub(super) const CONNECTIONS: Section = rule(
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
);

pub(super) const DISK_GROWTH: Section = rule(
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
        key("days", Shape::Count { min: 1, max: 3_650 }, "60", "It is full within so many days."),
    ],
);

pub(super) const WRAPAROUND: Section = rule(
    "finding.wraparound",
    "Transaction numbers near their end.",
    &[ENABLED, key("share", Shape::Share, "0.5", "Of the numbers are in use.")],
);

pub(super) const CHECKPOINTS: Section = rule(
    "finding.checkpoints",
    "Checkpoints that are forced.",
    &[
        ENABLED,
        key("forced", MANY, "3", "In the window at least."),
        key("share", Shape::Share, "0.5", "Of all checkpoints."),
    ],
);

pub(super) const REPLICATION: Section = rule(
    "finding.replication",
    "Standbys and slots that fall behind.",
    &[
        ENABLED,
        key(
            "lag",
            seconds(1, 604_800),
            "5m",
            "A standby lags by so much, or has received nothing for so long.",
        ),
        key(
            "kept_bytes",
            Shape::Count { min: 1, max: 1 << 60 },
            "10737418240",
            "Bytes of write-ahead log that are kept, or not replayed.",
        ),
    ],
);

pub(super) const SETTINGS: Section = rule("finding.settings", "Settings that hurt.", &[ENABLED]);
