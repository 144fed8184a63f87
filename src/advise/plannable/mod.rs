//! A statement as something that the planner can be asked about.
//!
//! Nothing of a user's is run. What changes rows becomes a select of the rows it would change: to
//! plan the change itself needs the right to make it.

mod change;
mod quirks;
mod rewrite;

use std::collections::BTreeMap;

pub use change::{Change, Target};

use super::search_path::SearchPath;

/// Why a statement cannot be planned.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, thiserror::Error)]
pub enum Unplannable {
    /// `call`, `create index`, `fetch`, ...: what they read is not in their text.
    #[error("what it reads is not in its text (a utility statement)")]
    Utility,
    /// `commit`, `set`, `vacuum`, ...
    #[error("it looks for no rows (a utility statement)")]
    LooksForNothing,
    /// `insert ... values`
    #[error("it only adds rows")]
    OnlyInserts,
    /// Neither parsed nor a select.
    #[error("its text is cut off or cannot be parsed")]
    Text,
}

impl Unplannable {
    /// Whether all is known that there is to know: no index could make it faster.
    #[must_use]
    pub const fn is_understood(self) -> bool {
        matches!(self, Self::OnlyInserts | Self::LooksForNothing)
    }
}

/// A statement that the planner can be asked about.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Plannable {
    /// One select.
    pub(super) sql: String,
    /// How many parameters it has, numbered without gaps.
    pub(super) parameters: usize,
    /// It has values that a user's statement may have had: the server is asked in a way that leaves
    /// them in no text that it keeps.
    pub(super) has_values: bool,
    /// Where its names are looked up first, if that is known.
    pub(super) search_path: Option<SearchPath>,
}

/// What a text is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parsed {
    /// What it changes.
    pub change: Option<Change>,
    /// What it reads.
    pub reads: Result<Plannable, Unplannable>,
}

/// A statement as pg_stat_statements or pg_stat_activity shows it.
#[must_use]
pub fn parse(text: &str) -> Parsed {
    let text = quirks::mend(text);
    let (change, sql) = match rewrite::parse(&text) {
        Some(_) if quirks::looks_for_nothing(&text) => (None, Err(Unplannable::LooksForNothing)),
        Some(statement) => (change::of(&statement), rewrite::to_select(statement)),
        None if quirks::is_select(&text) => (None, Ok(text)),
        None if quirks::looks_for_nothing(&text) => (None, Err(Unplannable::LooksForNothing)),
        None => (None, Err(Unplannable::Text)),
    };
    let reads = sql.map(|sql| {
        let (sql, parameters) = quirks::renumbered(&sql);
        Plannable { sql, parameters, has_values: false, search_path: None }
    });
    Parsed { change, reads }
}

/// Of a statement that is known to be one, what it reads.
pub fn plannable(text: &str) -> Result<Plannable, Unplannable> {
    parse(text).reads
}

/// Of a statement that was seen running, what it reads.
pub fn seen(text: &str) -> Result<Plannable, Unplannable> {
    Ok(Plannable { has_values: true, ..plannable(text)? })
}

impl Plannable {
    /// The same with SQL in the place of some parameters, by their numbers.
    #[must_use]
    pub fn with(&self, values: &BTreeMap<usize, String>) -> Self {
        let (sql, parameters) = quirks::filled(&self.sql, values);
        Self { sql, parameters, has_values: true, search_path: self.search_path.clone() }
    }

    /// The same with its names looked up there first.
    #[must_use]
    pub fn looked_up_in(self, search_path: Option<&SearchPath>) -> Self {
        Self { search_path: search_path.cloned(), ..self }
    }

    /// The parameters behind `limit` and `offset`.
    #[must_use]
    pub fn page(&self) -> (Option<usize>, Option<usize>) {
        quirks::page(&self.sql)
    }
}

impl std::fmt::Debug for Plannable {
    /// A statement that was seen running has literals: they are shown to nobody.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Plannable").field("parameters", &self.parameters).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sql(text: &str) -> String {
        plannable(text).unwrap().sql
    }

    #[test]
    fn what_postgresql_cannot_parse_after_normalisation_is_mended() {
        assert_eq!(sql("select interval $1"), "SELECT CAST($1 AS INTERVAL)");
        assert!(
            sql("select * from t where d < date $1 - interval $2 day")
                .contains("CAST($2 AS INTERVAL)")
        );
        assert_eq!(sql("select extract($1 from d) from t"), "SELECT EXTRACT(EPOCH FROM d) FROM t");
        assert_eq!(
            sql("select date_trunc($1, d), count(*) from t group by date_trunc($2, d)"),
            "SELECT date_trunc($1, d), count(*) FROM t GROUP BY date_trunc($1, d)"
        );
        assert_eq!(
            sql("select * from t where a in ($1 /*, ... */)"),
            "SELECT * FROM t WHERE a IN ($1)"
        );
        assert_eq!(
            sql("select timestamp with time zone $1"),
            "SELECT CAST($1 AS TIMESTAMP WITH TIME ZONE)"
        );
    }

    #[test]
    fn changes_become_selects_of_the_rows_they_change() {
        assert_eq!(
            sql("update a set x = $1 from b where a.id = b.id and b.y = $2"),
            "SELECT a.ctid FROM a, b WHERE a.id = b.id AND b.y = $1"
        );
        assert_eq!(
            sql("update only t x set n = 1 where id = 4 returning id"),
            "SELECT x.ctid FROM t x WHERE id = 4"
        );
        assert_eq!(
            sql(
                "update o set n = $1, s = coalesce((select sum(x) from l where l.o = o.id), $2) where id = $3"
            ),
            "SELECT o.ctid, coalesce((SELECT sum(x) FROM l WHERE l.o = o.id), $1) FROM o WHERE id = $2"
        );
        assert_eq!(
            sql("delete from a using b where a.id = b.id"),
            "SELECT a.ctid FROM a, b WHERE a.id = b.id"
        );
        assert_eq!(sql("insert into a select * from b where c = 1"), "SELECT * FROM b WHERE c = 1");
        assert_eq!(
            sql("select id from t where id = 1 for update nowait"),
            "SELECT id, (t.*) IS NULL FROM t WHERE id = 1"
        );
        assert_eq!(
            sql("select a.x, b.y from s.t a join u b on a.i = b.i where a.i = 1 for share of a"),
            "SELECT a.x, b.y, (a.*) IS NULL, (b.*) IS NULL FROM s.t a JOIN u b ON a.i = b.i WHERE a.i = 1"
        );
        assert_eq!(sql("declare c cursor for select * from t"), "SELECT * FROM t");
        assert_eq!(
            sql("with g as (delete from t where a = $1 returning id) select count(*) from g"),
            "WITH g AS (SELECT id FROM t WHERE a = $1) SELECT count(*) FROM g"
        );
        assert_eq!(
            sql(
                "with j as (select id from t where a = 1 for update skip locked) update t set a = 2 from j where t.id = j.id"
            ),
            "WITH j AS MATERIALIZED (SELECT id, (t.*) IS NULL FROM t WHERE a = 1) SELECT t.ctid FROM t, j WHERE t.id = j.id"
        );
        assert_eq!(
            sql(
                r#"select x from (a join b on a.i = b.i) left join (select 1) "S" on true for update of a"#
            ),
            r#"SELECT x, (a.*) IS NULL, (b.*) IS NULL, ("S".*) IS NULL FROM (a JOIN b ON a.i = b.i) LEFT JOIN (SELECT 1) "S" ON true"#
        );
        assert_eq!(
            sql("delete from t where id in (select id from t where a = 1 for update skip locked)"),
            "SELECT t.ctid FROM t WHERE id IN (SELECT id FROM t WHERE a = 1)"
        );
    }

    #[test]
    fn names_and_strings_stay_what_they_are() {
        assert_eq!(
            sql(r#"select "a ""b""" from "T ""x" where s = 'it''s' and e = E'it\'s \\'"#),
            r#"SELECT "a ""b""" FROM "T ""x" WHERE s = 'it''s' AND e = E'it''s \\'"#
        );
    }

    #[test]
    fn some_parameters_get_values_and_the_others_new_numbers() {
        let text = "select * from t where a = $1 and b > $2 and note <> '$1' limit $3 offset $4";
        let template = plannable(text).unwrap();
        assert_eq!(template.page(), (Some(3), Some(4)));
        let values = BTreeMap::from([(1, "CAST('it''s' AS text)".into()), (3, "80".into())]);
        let filled = template.with(&values);
        assert_eq!(
            filled.sql,
            "SELECT * FROM t WHERE a = CAST('it''s' AS text) AND b > $1 AND note <> '$1' LIMIT 80 OFFSET $2"
        );
        assert_eq!((filled.parameters, filled.has_values), (2, true));
        let inner = plannable("select (select x from u limit $1) from t where a = $2").unwrap();
        assert_eq!(inner.page(), (None, None));
    }

    #[test]
    fn what_reads_nothing_or_is_cut_off_says_so() {
        assert_eq!(plannable("insert into a values ($1)"), Err(Unplannable::OnlyInserts));
        assert_eq!(plannable("set work_mem = $1"), Err(Unplannable::LooksForNothing));
        assert_eq!(plannable("vacuum t"), Err(Unplannable::LooksForNothing));
        assert_eq!(plannable("COMMIT"), Err(Unplannable::LooksForNothing));
        assert_eq!(plannable("call close_month($1)"), Err(Unplannable::Utility));
        assert_eq!(plannable("update t set a = (sel"), Err(Unplannable::Text));
        assert_eq!(plannable("select 1; drop table t"), Err(Unplannable::Text));
    }
}
