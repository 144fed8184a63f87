//! The same record twice, by the business keys that a profile names: parties with the same e-mail address
//! or tax number, products with the same code, a supplier's invoice that was entered two times. It is a
//! warning once that was counted. Statistics alone make it worth knowing: of a large table they are those of
//! a sample, and they do not know that two addresses differ in capitals only.

use std::sync::Arc;

use super::autovacuum_behind::named;
use crate::finding::sight::dearest;
use crate::finding::{Judge, Rule, Sight};
use crate::sample::duplicates::{to_keep_out, to_see};
use crate::track::duplicates::{Key, Known};
use crate::track::findings::{About, Candidate, Fact, Need, Severity, Value};

pub(super) static RULE: Rule = Rule {
    about: About {
        id: "duplicate_records",
        title: "The same record is there more than once",
        severity: Severity::Warning,
        needs: &[Need::Catalog],
        explanation: "Two records have what only one should have: the same e-mail address, tax number, \
            product code or account. Mostly somebody or some import has entered it again. Orders, open \
            items and stock are then split between them, limits do not hold, and an invoice that was \
            entered twice is paid twice.",
        remedy: &[
            "See which they are by the first statement below; it shows their values, so run it where that \
             is allowed.",
            "Let the business decide which record stays, and merge them in the ERP: it knows what else \
             points to them.",
            "Find who enters them: mostly an import or an integration that does not look first.",
            "When none is left, keep them out by the unique index of the second statement (of a partitioned \
             table there is none). Ask the ERP's maker first, if some may be equal on purpose.",
        ],
    },
    judge: Judge::Server(judge),
};

fn judge(sight: &Sight<'_>) -> Vec<Candidate> {
    let mut found = Vec::new();
    for (datname, database) in &sight.server.duplicates.databases {
        found.extend(database.keys.iter().filter_map(|key| case(sight, datname, key)));
    }
    // Where most is wrong comes first.
    found.sort_by_key(|(surplus, _)| std::cmp::Reverse(*surplus));
    dearest(found.into_iter().map(|(_, candidate)| candidate).collect())
}

fn case(sight: &Sight<'_>, datname: &Arc<str>, key: &Key) -> Option<(u64, Candidate)> {
    let (surplus, known) = key.surplus()?;
    let rows = key.now.rows.unwrap_or(0);
    let share = surplus as f64 / (rows.max(surplus).max(1)) as f64;
    let is_much = match known {
        Known::Index => false,
        Known::Counted => surplus as f64 >= sight.limit("rows"),
        Known::Statistics => {
            surplus as f64 >= sight.limit("estimated_rows")
                && share >= sight.limit("estimated_share")
        }
    };
    if !is_much {
        return None;
    }
    let table = named(&key.now.schema, &key.now.key.table);
    let columns = key.now.key.columns.join(", ");
    let (at_least, by) = match (known, &key.now.estimate) {
        (Known::Counted, _) | (_, None) => ("", String::new()),
        (_, Some(seen)) if seen.sampled >= rows => ("at least ", ", by statistics".to_owned()),
        (_, Some(seen)) => {
            ("about ", format!(", by statistics of some {} of {rows} rows", seen.sampled))
        }
    };
    let mut evidence = vec![
        Fact::text("table", table.as_str()),
        Fact::text("columns", columns.as_str()),
        Fact::text("known_by", known.name()),
        Fact::count("surplus_rows", surplus),
    ];
    if rows > 0 {
        evidence.extend([Fact::count("rows", rows), Fact::share("share_of_rows", share)]);
    }
    match (known, &key.counted, &key.now.estimate) {
        (Known::Counted, Some((at, counted)), _) => {
            let ago = sight.now.duration_since(at.wall).unwrap_or_default();
            evidence.push(Fact::count("keys_more_than_once", counted.groups));
            evidence.push(Fact::seconds("counted_ago", ago.as_secs_f64()));
        }
        (_, _, Some(seen)) => {
            evidence.push(Fact::count("rows_sampled", seen.sampled));
            evidence.extend(seen.seconds_ago.map(|ago| Fact::seconds("analyzed_ago", ago)));
        }
        _ => {}
    }
    let candidate = Candidate {
        datname: Arc::clone(datname),
        subject: Arc::clone(&key.now.key.name),
        module: Arc::clone(&key.module),
        severity: if known == Known::Counted { Severity::Warning } else { Severity::Info },
        summary: format!(
            "{at_least}{surplus} rows of {table} ({}) have the same {columns} as another one{by}",
            Value::Share(share)
        ),
        evidence,
        sql: std::iter::once(to_see(&key.now)).chain(to_keep_out(&key.now)).collect(),
        cost_seconds_per_day: None,
    };
    Some((surplus, candidate))
}
