//! Keys of the rules for queues, in tables and in brokers.

use super::super::{Section, Shape, key, seconds};
use super::{ENABLED, MANY, rule};

/// So many rows of a queue are counted and no more: a limit above that is never reached.
const COUNTED: Shape = Shape::Count { min: 1, max: 10_000 };

pub(super) const QUEUES: Section = rule(
    "finding.queues",
    "Queues of work for later that do not get done.",
    &[
        ENABLED,
        key(
            "oldest",
            seconds(1, 31_536_000),
            "1h",
            "The oldest row waits for so long, and they become no fewer.",
        ),
        key("running", seconds(1, 31_536_000), "6h", "A row is being worked on for so long."),
        key("tries", MANY, "10", "A row that waits was tried so often."),
        key("failed", MANY, "100", "So many rows have failed, whenever that was: worth knowing."),
        key("failed_anew", MANY, "10", "So many have failed in the window."),
        key(
            "growing",
            MANY,
            "100",
            "It has grown by so many rows in the window, in both halves of it.",
        ),
        key(
            "depth",
            COUNTED,
            "5000",
            "Of a queue that grows it is told when so many rows will wait; more than 10,000 are not counted.",
        ),
    ],
);

pub(super) const MESSAGE_QUEUES: Section = rule(
    "finding.message_queues",
    "Queues of a broker that nobody works on, see docs/rabbitmq.md.",
    &[
        ENABLED,
        key(
            "idle",
            seconds(1, 604_800),
            "5m",
            "For the next two: nothing was done in half a window, and that is at least so long.",
        ),
        key("waiting", MANY, "1", "So many messages wait, and nobody consumes them."),
        key("unacked", MANY, "1", "So many are handed out, and none is acknowledged."),
        key(
            "growing",
            MANY,
            "1000",
            "It has grown by so many messages in the window, in both halves of it.",
        ),
        key("depth", MANY, "100000", "Of a queue that grows it is told when so many will wait."),
        key(
            "expired",
            MANY,
            "100",
            "So many, and more than one in twenty of those that came, have expired in the window, and no dead letter exchange has them.",
        ),
    ],
);
