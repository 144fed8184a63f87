//! Sequences that do not begin again, and integer keys, by the share of their numbers that is used and
//! the days that are left at the rate of late. A sequence that is nearly empty is not told of, whatever
//! its rate; one that is fuller is, if it lasts no longer than the days of the config. What ends first is
//! changed: a column by its type, a sequence by its own, as that of a `serial` stays an integer's.

use std::sync::Arc;

use super::autovacuum_behind::{named, quoted};
use crate::erp::OTHER;
use crate::finding::sight::dearest;
use crate::finding::{Judge, Rule, Sight};
use crate::sample::catalog::Column;
use crate::track::catalog::Number;
use crate::track::findings::{About, Candidate, Fact, Need, Severity, Value};

pub(super) static RULE: Rule = Rule {
    about: About {
        id: "numbers_run_out",
        title: "Keys run out of numbers",
        severity: Severity::Critical,
        needs: &[Need::Catalog],
        explanation: "The rows of a table are numbered, and the numbers have a largest one. When it is \
            reached, nothing can be added any more: no order, no posting, no log line.",
        remedy: &[
            "Ask the ERP's vendor for the upgrade that makes the column a bigint.",
            "Or change the column yourself, in a maintenance window: the table is rewritten and locked.",
            "Change its sequence and the columns that refer to it, too: otherwise these end where it did.",
            "See whether something throws numbers away, such as inserts that conflict or are rolled back.",
        ],
    },
    judge: Judge::Server(judge),
};

/// From this share on, or with so few days left, it is an emergency.
const EMERGENCY: (f64, f64) = (0.9, 14.0);
/// A supply that is emptier is not told of.
const NEARLY_UNUSED: f64 = 0.25;
/// A sequence that ends here or before is narrower than a bigint.
const NARROW: u64 = 1 << 31;

fn judge(sight: &Sight<'_>) -> Vec<Candidate> {
    let mut found = Vec::new();
    for (datname, database) in &sight.server.catalog.databases {
        let short = database.numbers.iter().filter(|number| {
            let days = number.days_left().unwrap_or(f64::INFINITY);
            number.used_ratio >= sight.limit("share")
                || number.used_ratio >= NEARLY_UNUSED && days <= sight.limit("days")
        });
        found.extend(short.map(|number| case(sight, datname, number)));
    }
    dearest(found)
}

fn case(sight: &Sight<'_>, datname: &Arc<str>, number: &Number) -> Candidate {
    let days = number.days_left();
    let column = number.column.as_ref();
    let name = match (column, &number.sequence) {
        (Some(column), _) => format!("{}.{}", named(&column.schema, &column.table), column.column),
        (None, Some((schema, sequence))) => named(schema, sequence),
        (None, None) => "a key".to_owned(),
    };
    let is_emergency =
        number.used_ratio >= EMERGENCY.0 || days.is_some_and(|days| days <= EMERGENCY.1);
    let mut evidence = vec![
        Fact::share("used_share", number.used_ratio),
        Fact::count("largest_number", number.end),
    ];
    evidence.extend(days.map(|days| Fact::number("days_left", days)));
    evidence.extend(column.map(|column| Fact::text("type", column.type_name.as_str())));
    let table = column.map(|column| column.table.as_str());
    Candidate {
        datname: Arc::clone(datname),
        subject: name.as_str().into(),
        module: table.map_or_else(|| OTHER.into(), |table| sight.module(datname, table)),
        severity: if is_emergency { Severity::Critical } else { Severity::Warning },
        summary: match days {
            Some(days) => format!(
                "{} of the numbers of {name} are used; they last {days:.0} more days",
                Value::Share(number.used_ratio)
            ),
            None => {
                format!("{} of the numbers of {name} are used", Value::Share(number.used_ratio))
            }
        },
        evidence,
        sql: remedy(number),
        cost_seconds_per_day: None,
    }
}

/// What makes room: of column and sequence those that end here.
fn remedy(number: &Number) -> Vec<String> {
    let mut sql = Vec::new();
    let narrow = number.column.as_ref().filter(|of| end_of(&of.type_name) == Some(number.end));
    if let Some(column) = narrow {
        sql.push(format!(
            "alter table {} alter column \"{}\" type bigint; -- rewrites the table under a lock",
            quoted(&column.schema, &column.table),
            column.column.replace('"', "\"\"")
        ));
    }
    let is_carried_along = number.is_identity && narrow.is_some();
    if let Some((schema, sequence)) = &number.sequence
        && !is_carried_along
        && number.end <= NARROW
    {
        // That of an identity has the type of its column.
        let how = if number.is_identity { "no maxvalue" } else { "as bigint no maxvalue" };
        let is_a_types = ["smallint", "integer"].iter().any(|of| end_of(of) == Some(number.end));
        let unless = if is_a_types { "" } else { " -- unless its end is meant" };
        sql.push(format!("alter sequence {} {how};{unless}", quoted(schema, sequence)));
    }
    sql.extend(narrow.map(referring));
    sql
}

/// The largest number of a type that is too narrow.
fn end_of(type_name: &str) -> Option<u64> {
    match type_name {
        "smallint" => Some(32_767),
        "integer" => Some(2_147_483_647),
        _ => None,
    }
}

/// What finds the columns that refer to one.
fn referring(column: &Column) -> String {
    let table = quoted(&column.schema, &column.table).replace('\'', "''");
    let name = column.column.replace('\'', "''");
    format!(
        "select c.conrelid::regclass, a.attname, a.atttypid::regtype from pg_constraint c join pg_attribute a on \
         a.attrelid = c.conrelid and a.attnum = c.conkey[array_position(c.confkey, (select k.attnum from \
         pg_attribute k where k.attrelid = c.confrelid and k.attname = '{name}'))] where c.contype = 'f' and \
         c.confrelid = '{table}'::regclass; -- these have to become bigint, too"
    )
}
