//! What pg_stats knows of the values of some columns. It stays in memory.

use std::collections::{BTreeMap, BTreeSet};

use tokio_postgres::{Client, Error, Row};

/// Statistics by schema, relation and column.
pub type Statistics = BTreeMap<(String, String, String), Column>;

/// One column.
#[derive(Clone, Default)]
pub struct Column {
    /// Its type, as SQL.
    pub kind: String,
    /// Its type's category (`pg_type.typcategory`).
    pub category: String,
    /// Share of nulls.
    pub null_share: f64,
    /// Distinct values.
    pub distinct: f64,
    /// Between its order and the table's, -1 to 1.
    pub correlation: f64,
    /// Most common values and their shares of the rows.
    pub common: Vec<(String, f64)>,
    /// Bounds of parts with equally many rows each, most common values left out.
    pub bounds: Vec<String>,
}

/// Rows come in the order of the column.
const GROWING: f64 = 0.9;

/// Types whose values have distances.
const RECKONED: [&str; 8] =
    ["smallint", "integer", "bigint", "numeric", "real", "double precision", "date", "timestamp"];

/// Reads them.
pub async fn statistics(
    client: &Client,
    columns: &BTreeSet<(String, String, String)>,
) -> Result<Statistics, Error> {
    if columns.is_empty() {
        return Ok(Statistics::new());
    }
    let schemas: Vec<&str> = columns.iter().map(|(schema, ..)| schema.as_str()).collect();
    let relations: Vec<&str> = columns.iter().map(|(_, relation, _)| relation.as_str()).collect();
    let names: Vec<&str> = columns.iter().map(|(.., name)| name.as_str()).collect();
    let sql = include_str!("statistics.sql");
    let rows = client.query(sql, &[&schemas, &relations, &names]).await?;
    rows.iter()
        .map(|row| Ok(((row.try_get(0)?, row.try_get(1)?, row.try_get(2)?), column(row)?)))
        .collect()
}

fn column(row: &Row) -> Result<Column, Error> {
    let values: Option<Vec<Option<String>>> = row.try_get(8)?;
    let shares: Option<Vec<f32>> = row.try_get(9)?;
    let bounds: Option<Vec<Option<String>>> = row.try_get(10)?;
    let shares = shares.unwrap_or_default().into_iter().map(f64::from);
    Ok(Column {
        kind: row.try_get(3)?,
        category: row.try_get(4)?,
        null_share: f64::from(row.try_get::<_, Option<f32>>(5)?.unwrap_or(0.0)),
        distinct: row.try_get::<_, Option<f64>>(6)?.unwrap_or(1.0),
        correlation: f64::from(row.try_get::<_, f32>(7)?),
        common: values.unwrap_or_default().into_iter().flatten().zip(shares).collect(),
        bounds: bounds.unwrap_or_default().into_iter().flatten().collect(),
    })
}

impl Column {
    /// A value of it as SQL, right whatever `standard_conforming_strings` is.
    #[must_use]
    pub fn literal(&self, value: &str) -> String {
        let quoted = value.replace('\'', "''");
        let escape = if value.contains('\\') { "E" } else { "" };
        format!("CAST({escape}'{}' AS {})", quoted.replace('\\', "\\\\"), self.kind)
    }

    /// A bound of the histogram as SQL.
    #[must_use]
    pub fn bound(&self, at: usize) -> Option<String> {
        Some(self.literal(self.bounds.get(at)?))
    }

    /// A little after one bound towards another, as SQL; types that cannot be reckoned with give
    /// that bound itself, or the one after it.
    #[must_use]
    pub fn slice(&self, at: usize, towards: usize, slices: usize) -> Option<String> {
        let (from, to) = (self.bound(at)?, self.bound(towards)?);
        if RECKONED.iter().any(|kind| self.kind.starts_with(kind)) {
            return Some(format!("CAST({from} + ({to} - {from}) / {slices} AS {})", self.kind));
        }
        Some(to)
    }

    /// New rows have greater values than old ones.
    #[must_use]
    pub fn grows(&self) -> bool {
        self.correlation >= GROWING || self.category == "D"
    }
}

impl std::fmt::Debug for Column {
    /// Values are shown to nobody.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Column").field("kind", &self.kind).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_cannot_end_its_quotes() {
        let column = Column { kind: "text".into(), ..Column::default() };
        assert_eq!(column.literal("it's"), "CAST('it''s' AS text)");
        assert_eq!(column.literal(r"a\' or 1"), r"CAST(E'a\\'' or 1' AS text)");
        let secret = Column { common: vec![("secret".into(), 1.0)], ..column };
        assert!(!format!("{secret:?}").contains("secret"));
    }
}
