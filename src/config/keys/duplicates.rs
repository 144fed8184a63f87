//! Keys of the search for records that are there twice.

use super::{Section, Shape, Times, key, seconds};

pub(in crate::config) const DUPLICATES: Section = Section {
    name: "duplicates",
    times: Times::Once,
    help: "Records that are there twice, by the business keys that the profiles of ERPs name, see docs/profiles.md#business-keys. Counts alone are read, never a value.",
    keys: &[
        key(
            "interval",
            seconds(1, 7 * 86_400),
            "1h",
            "How often the statistics of the keys are looked at, which reads catalogs alone.",
        ),
        key(
            "count",
            Shape::Switch,
            "false",
            "Whether keys are counted, too: one table is read from end to end at each look. Statistics of a large table see only a part.",
        ),
        key(
            "quiet_hours",
            Shape::Text,
            "22:00-05:00",
            "When that may be, in the server's own time zone (its setting `TimeZone`); \"00:00-24:00\" is always.",
        ),
        key(
            "count_interval",
            seconds(1, 14 * 86_400),
            "20h",
            "No key is counted again before, unless erpscope was started anew.",
        ),
        key(
            "count_timeout",
            seconds(1, 60),
            "5s",
            "A count that takes longer is given up; what else is asked of the server waits for it, but for sessions and locks.",
        ),
        key(
            "max_rows",
            Shape::Count { min: 1, max: 1 << 40 },
            "1000000",
            "Tables of more rows are not counted.",
        ),
        key(
            "max_bytes",
            Shape::Count { min: 1, max: 1 << 50 },
            "536870912",
            "Tables of more bytes are not counted.",
        ),
    ],
};
