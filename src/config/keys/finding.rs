//! Keys of findings: when they open and close, what is muted.

use super::{Section, Shape, Times, key, required, seconds};

pub(in crate::config) const FINDING: Section = Section {
    name: "finding",
    times: Times::Once,
    help: "What is wrong, as rules say, see docs/findings.md. Each rule has a table of its own.",
    keys: &[
        key("interval", seconds(1, 3_600), "30s", "How often the rules look."),
        key(
            "window",
            seconds(60, 86_400),
            "1h",
            "What is measured is measured over so long, and rates are over so long also before it has passed.",
        ),
        key("warm_up", seconds(1, 3_600), "1m", "Before so much was measured, no rule looks."),
        key(
            "open_after",
            seconds(1, 86_400),
            "1m",
            "A finding opens when a rule has said it for so long.",
        ),
        key(
            "close_after",
            seconds(1, 604_800),
            "10m",
            "A finding closes when its rule has not said it for so long.",
        ),
        key(
            "top",
            Shape::Count { min: 1, max: 5_000 },
            "200",
            "Findings that are shown, the worst first; the rest is counted.",
        ),
    ],
};

pub(in crate::config) const MUTE: Section = Section {
    name: "mute",
    times: Times::Any,
    help: "Findings that are known and not to be told until a day; repeat the whole table for each.",
    keys: &[
        required("rule", Shape::Text, "hot_rows", "Pattern of the rule's name."),
        key("subject", Shape::Text, "*", "Pattern of the subject."),
        key("server", Shape::Text, "*", "Pattern of the server's name."),
        required("reason", Shape::Text, "known to the vendor", "Why; it is shown."),
        required(
            "until",
            Shape::Text,
            "2030-01-31",
            "The last day (UTC); after it the finding is told again.",
        ),
    ],
};
