//! Statements of the workload as sessions run them now, or ran them last. They stay in memory.

use std::collections::BTreeMap;

use tokio_postgres::types::Type;
use tokio_postgres::{Client, Error};

use crate::advise::plannable::plannable;
use crate::advise::workload::{Specimen, Workload};
use crate::pg::{Lossy, reason};

/// The activity knows queryids since then.
const SINCE_VERSION: i32 = 140_000;

/// Different texts of one statement that are kept.
const MOST: usize = 3;

/// What was seen, by queryid.
#[derive(Debug, Default)]
pub struct Seen {
    texts: BTreeMap<i64, Vec<Specimen>>,
    /// Why nothing more was seen, if the server refused to tell.
    pub fault: Option<String>,
}

impl Seen {
    /// Looks once at what sessions of a database do. Texts whose values came apart from them tell
    /// no more than the workload does.
    pub async fn look(
        &mut self,
        client: &Client,
        version_num: i32,
        datname: &str,
        workload: &Workload,
    ) -> Result<(), Error> {
        let wanted: Vec<i64> = workload.statements.iter().filter_map(|s| s.queryid).collect();
        if version_num < SINCE_VERSION || wanted.is_empty() {
            return Ok(());
        }
        let sql = include_str!("seen.sql");
        let parameters: [(&(dyn tokio_postgres::types::ToSql + Sync), Type); 2] =
            [(&datname, Type::TEXT), (&wanted, Type::INT8_ARRAY)];
        let rows = match client.query_typed(sql, &parameters).await {
            Ok(rows) => rows,
            // Without it the statistics alone have to do.
            Err(error) if error.as_db_error().is_some() => {
                self.fault = Some(reason(&error));
                return Ok(());
            }
            Err(lost) => return Err(lost),
        };
        for row in rows {
            let text = row.try_get::<_, Lossy>(1)?.0;
            self.take(row.try_get(0)?, text);
        }
        Ok(())
    }

    fn take(&mut self, queryid: i64, text: String) {
        let has_values = plannable(&text).is_ok_and(|statement| statement.parameters == 0);
        let texts = self.texts.entry(queryid).or_default();
        if has_values && texts.len() < MOST && !texts.iter().any(|seen| seen.0 == text) {
            texts.push(Specimen(text));
        }
    }

    /// What was seen of one statement.
    #[must_use]
    pub fn of(&self, queryid: Option<i64>) -> &[Specimen] {
        queryid.and_then(|queryid| self.texts.get(&queryid)).map_or(&[], Vec::as_slice)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_whole_statements_with_their_values_are_kept_and_each_once() {
        let mut seen = Seen::default();
        for text in [
            "select * from t where a = 'secret'",
            "select * from t where a = 'secret'",
            "select * from t where a = $1",
            "select * from t where a = 'cut off",
            "select * from t where a = 'x'; select 1",
        ] {
            seen.take(7, text.to_owned());
        }
        assert_eq!(seen.of(Some(7)).len(), 1);
        assert!(seen.of(None).is_empty() && seen.of(Some(8)).is_empty());
        assert!(!format!("{seen:?}").contains("secret"));
    }
}
