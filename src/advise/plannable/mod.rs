//! A statement as something that the planner can be asked about.
//!
//! Nothing of a user's is run. What changes rows becomes a select of the rows it would change: to
//! plan the change itself needs the right to make it.

mod change;
mod quirks;
mod rewrite;

pub use change::Change;

/// Why a statement cannot be planned.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, thiserror::Error)]
pub enum Unplannable {
    /// `set`, `vacuum`, `create table`, ...
    #[error("it reads no table (a utility statement)")]
    Utility,
    /// `insert ... values`
    #[error("it only adds rows")]
    OnlyInserts,
    /// Neither parsed nor a select.
    #[error("its text is cut off or cannot be parsed")]
    Text,
}

/// A statement that the planner can be asked about.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Plannable {
    /// One select.
    pub(super) sql: String,
    /// How many parameters it has, numbered without gaps.
    pub(super) parameters: usize,
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
        Some(statement) => (change::of(&statement), rewrite::to_select(statement)),
        None if quirks::is_select(&text) => (None, Ok(text)),
        None => (None, Err(Unplannable::Text)),
    };
    let reads = sql.map(|sql| {
        let (sql, parameters) = quirks::renumbered(&sql);
        Plannable { sql, parameters }
    });
    Parsed { change, reads }
}

/// Of a statement that is known to be one, what it reads.
pub fn plannable(text: &str) -> Result<Plannable, Unplannable> {
    parse(text).reads
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
            sql("select * from t where id = 1 for update nowait"),
            "SELECT * FROM t WHERE id = 1"
        );
        assert_eq!(sql("declare c cursor for select * from t"), "SELECT * FROM t");
    }

    #[test]
    fn what_reads_nothing_or_is_cut_off_says_so() {
        assert_eq!(plannable("insert into a values ($1)"), Err(Unplannable::OnlyInserts));
        assert_eq!(plannable("set work_mem = $1"), Err(Unplannable::Utility));
        assert_eq!(plannable("vacuum t"), Err(Unplannable::Utility));
        assert_eq!(plannable("update t set a = (sel"), Err(Unplannable::Text));
        assert_eq!(plannable("select 1; drop table t"), Err(Unplannable::Text));
    }
}
