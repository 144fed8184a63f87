//! Keys of the rules for other systems, and for what writes past the ERP.

use super::super::{Section, Shape, key};
use super::{ENABLED, MANY, rule};

pub(super) const DIRECT_WRITES: Section = rule(
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
);

pub(super) const CALLS_IN_TRANSACTIONS: Section = rule(
    "finding.calls_in_transactions",
    "Other systems called while a transaction is open.",
    &[ENABLED, key("calls", MANY, "2", "Such calls in the window at least.")],
);

pub(super) const INTEGRATION_FAILURES: Section = rule(
    "finding.integration_failures",
    "Other systems whose calls fail.",
    &[
        ENABLED,
        key(
            "share",
            Shape::Share,
            "0.05",
            "Of the calls in the window fail; or fewer, if an integration's `success` allows fewer.",
        ),
        key("calls", MANY, "5", "Calls that have failed at least."),
    ],
);
