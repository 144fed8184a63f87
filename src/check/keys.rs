//! Business keys whose columns the role may not read, and what mends that.

use std::collections::{BTreeMap, BTreeSet};

use super::assess::finding;
use super::mend::connect_to;
use super::report::{Finding, Status};
use crate::config::Server;
use crate::erp::Erps;
use crate::pg::{Lossy, Session, quoted};

/// A column of a business key.
struct Column {
    schema: String,
    table: String,
    name: String,
    may_enter: bool,
    may_read: bool,
    /// Row security hides rows, and with them the statistics of all.
    sees_a_part: bool,
}

/// A line for a database, if it has business keys.
pub(super) async fn in_database(
    server: &Server,
    session: &Session,
    datname: &str,
    erps: &Erps,
) -> Option<Finding> {
    let keys = erps.of(datname).keys();
    let wanted: BTreeSet<(&str, &str)> =
        keys.flat_map(|key| key.needed().map(|(column, _)| (key.table.as_str(), column))).collect();
    let (tables, columns): (Vec<&str>, Vec<&str>) = wanted.into_iter().unzip();
    if tables.is_empty() {
        return None;
    }
    let rows = session.client().query(include_str!("keys.sql"), &[&tables, &columns]).await.ok()?;
    let text = |row: &tokio_postgres::Row, place: usize| {
        row.try_get::<_, Lossy>(place).ok().map(|Lossy(text)| text)
    };
    let column = |row: &tokio_postgres::Row| {
        Some(Column {
            schema: text(row, 0)?,
            table: text(row, 1)?,
            name: text(row, 2)?,
            may_enter: row.try_get(3).ok()?,
            may_read: row.try_get(4).ok()?,
            sees_a_part: row.try_get(5).ok()?,
        })
    };
    let found: Vec<Column> = rows.iter().map(column).collect::<Option<_>>()?;
    assess(&server.user, datname, &found)
}

fn assess(user: &str, datname: &str, found: &[Column]) -> Option<Finding> {
    if found.is_empty() {
        return None;
    }
    let mut closed: BTreeSet<&str> = BTreeSet::new();
    let mut partly: BTreeSet<(&str, &str)> = BTreeSet::new();
    let mut hidden: BTreeMap<(&str, &str), Vec<String>> = BTreeMap::new();
    for column in found {
        if !column.may_enter {
            closed.insert(&column.schema);
        }
        if column.sees_a_part {
            partly.insert((&column.schema, &column.table));
        }
        if !column.may_read {
            let table = hidden.entry((&column.schema, &column.table)).or_default();
            table.push(quoted(&column.name));
        }
    }
    let finding = |seen: String| finding("business keys", false, seen);
    if closed.is_empty() && hidden.is_empty() && partly.is_empty() {
        return Some(finding(format!("{} columns in database {datname:?}", found.len())));
    }
    let role = quoted(user);
    let mut mend = vec![connect_to(datname)];
    mend.extend(
        closed.iter().map(|schema| format!("grant usage on schema {} to {role};", quoted(schema))),
    );
    mend.extend(hidden.iter().map(|((schema, table), columns)| {
        let (schema, table) = (quoted(schema), quoted(table));
        format!("grant select ({}) on {schema}.{table} to {role};", columns.join(", "))
    }));
    if !partly.is_empty() {
        let tables: Vec<String> = partly
            .iter()
            .map(|(schema, table)| format!("{}.{}", quoted(schema), quoted(table)))
            .collect();
        mend.push(format!("-- row security hides rows of {} from the role;", tables.join(", ")));
        mend.push(
            "-- no policy of a table changes that, this does, if it may see all that it may read:"
                .to_owned(),
        );
        mend.push(format!("alter role {role} bypassrls;"));
    }
    let is_hidden = |column: &&Column| !(column.may_enter && column.may_read) || column.sees_a_part;
    let count = found.iter().filter(is_hidden).count();
    let seen = format!("{count} of {} columns in database {datname:?} are hidden", found.len());
    Some(finding(seen).but(
        Status::Degraded,
        "Records that are there twice by these keys cannot be seen, neither by statistics nor by counting.",
        mend,
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn column(name: &str, may_read: bool, sees_a_part: bool) -> Column {
        let (schema, table, name) = ("public".into(), "party".into(), name.into());
        Column { schema, table, name, may_enter: true, may_read, sees_a_part }
    }

    #[test]
    fn columns_that_may_be_read_but_of_some_rows_only_are_hidden_too() {
        let told = |found: &[Column]| format!("{:?}", assess("watch", "erp", found).unwrap());
        let all = told(&[column("email", true, false), column("vat", true, false)]);
        assert!(all.contains("2 columns in database") && !all.contains("hidden"), "{all}");
        let partly = told(&[column("email", true, true), column("vat", false, true)]);
        assert!(partly.contains("2 of 2 columns"), "{partly}");
        assert!(partly.contains("alter role \\\"watch\\\" bypassrls;"), "{partly}");
        assert!(partly.contains("grant select"), "{partly}");
    }
}
