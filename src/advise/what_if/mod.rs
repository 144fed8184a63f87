//! Asks the planner: what would a statement cost if these indexes were there?
//!
//! Indexes are HypoPG's: they live in this session alone, and nothing is written. Statements are
//! planned and never run.

mod suppose;

use std::collections::{BTreeMap, BTreeSet};

use futures_util::future::try_join_all;
use tokio_postgres::types::Type;
use tokio_postgres::{Client, Row};

pub use suppose::parts;

use super::catalog::Catalog;
use super::plan::{Explained, Node};
use super::plannable::Plannable;
use super::search_path::SearchPath;
use crate::pg::{Lossy, Session, quoted};

/// Why the planner did not answer.
#[derive(Debug, thiserror::Error)]
pub enum WhatIfError {
    /// The server refused this statement or this index; others may work.
    #[error("{0}")]
    Refused(String),
    /// This question was cancelled: it took longer than `statement_timeout`, or somebody has cancelled it. Others may work.
    #[error(
        "the question was cancelled, by statement_timeout or by somebody (SQLSTATE {CANCELLED})"
    )]
    Cancelled,
    /// The connection is gone.
    #[error("the connection was lost while plans were asked for: {0}")]
    Lost(tokio_postgres::Error),
}

/// `query_canceled`.
pub(super) const CANCELLED: &str = "57014";

/// `lock_not_available`.
pub(super) const LOCKED: &str = "55P03";

impl WhatIfError {
    /// Whether nothing can be asked any more; else this question alone is lost.
    #[must_use]
    pub const fn is_the_end(&self) -> bool {
        matches!(self, Self::Lost(_))
    }

    /// Whether the question may have an answer at another time: it was cancelled, or a table of it is locked.
    #[must_use]
    pub fn is_for_now(&self) -> bool {
        match self {
            Self::Cancelled => true,
            Self::Refused(state) => state == LOCKED,
            Self::Lost(_) => false,
        }
    }
}

/// The planner's answer to one question.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The plan.
    pub plan: Node,
    /// Which of the supposed indexes it uses, by what the plan calls them.
    pub named: BTreeMap<String, usize>,
}

impl Answer {
    /// Which of the supposed indexes it uses.
    #[must_use]
    pub fn used(&self) -> BTreeSet<usize> {
        self.named.values().copied().collect()
    }
}

/// A session that plans.
pub struct WhatIf {
    session: Session,
    version_num: i32,
    hypopg: Option<String>,
    /// Why HypoPG cannot be asked although it was created, if its library refuses.
    pub unfit: Option<String>,
    /// Oids of what is supposed: one, or one for each leaf of a partitioned table.
    supposed: BTreeMap<usize, Vec<u32>>,
    /// Something failed while indexes were supposed: which are is not known.
    is_unclear: bool,
    /// All schemas, as SQL.
    everywhere: Option<String>,
    /// Where names are looked up now before that.
    looks_in: Option<SearchPath>,
    /// How often the planner was asked.
    pub calls: u64,
    /// Questions, to plan or to suppose, that had no answer.
    pub unanswered: u64,
    /// Milliseconds that it took, by the server's clock.
    pub planning_ms: f64,
}

impl WhatIf {
    /// Nothing is supposed yet.
    #[must_use]
    pub fn new(session: Session, catalog: &Catalog) -> Self {
        Self {
            session,
            version_num: catalog.version_num,
            hypopg: catalog.hypopg.as_ref().filter(|it| it.is_fit()).map(|it| quoted(&it.schema)),
            unfit: None,
            supposed: BTreeMap::new(),
            is_unclear: false,
            everywhere: None,
            looks_in: None,
            calls: 0,
            unanswered: 0,
            planning_ms: 0.0,
        }
    }

    /// Whether indexes can be supposed here.
    #[must_use]
    pub fn can_suppose(&self) -> bool {
        self.hypopg.is_some()
    }

    /// Whether HypoPG's library answers: one that was removed, or is older or newer than what was created, refuses. Then the
    /// planner is asked without it.
    pub async fn try_hypopg(&mut self) -> Result<(), WhatIfError> {
        let Some(schema) = &self.hypopg else { return Ok(()) };
        let reset = format!("select {schema}.hypopg_reset()");
        match self.client().query_typed(&reset, &[]).await.map_err(refused) {
            Err(WhatIfError::Refused(state)) => {
                self.unfit = Some(format!("a version whose library refuses (SQLSTATE {state})"));
                self.hypopg = None;
                Ok(())
            }
            Err(WhatIfError::Cancelled) | Ok(_) => Ok(()),
            Err(lost) => Err(lost),
        }
    }

    fn client(&self) -> &Client {
        self.session.client()
    }

    /// Names without a schema are looked up in all of them: first where our role would, then where
    /// others may have.
    pub async fn look_everywhere(&mut self) -> Result<(), WhatIfError> {
        let row = self.ask_one(include_str!("../search_path/everywhere.sql")).await?;
        self.everywhere = Some(row.try_get(0).map_err(refused)?);
        Ok(())
    }

    /// Before that they are looked up where the role that runs a statement looks.
    async fn look_first_in(&mut self, path: Option<&SearchPath>) -> Result<(), WhatIfError> {
        if self.looks_in.as_ref() == path {
            return Ok(());
        }
        let all = path.map(|path| &**path).into_iter().chain(self.everywhere.as_deref());
        let all: Vec<&str> = all.filter(|schemas| !schemas.is_empty()).collect();
        let all = all.join(", ");
        let set = "select pg_catalog.set_config('search_path', $1, false)";
        self.client().query_typed(set, &[(&all, Type::TEXT)]).await.map_err(refused)?;
        self.looks_in = path.cloned();
        Ok(())
    }

    /// Asks for one row, as a session has it that plans.
    pub(super) async fn ask_one(&self, sql: &str) -> Result<Row, WhatIfError> {
        self.client().query_typed_one(sql, &[]).await.map_err(refused)
    }

    /// Plans a statement with what is supposed now.
    pub async fn plan(&mut self, statement: &Plannable) -> Result<Answer, WhatIfError> {
        self.ask(statement, "format json, summary on").await
    }

    /// Plans a statement and tells all that there is to read in the plan.
    pub async fn read(&mut self, statement: &Plannable) -> Result<Answer, WhatIfError> {
        self.ask(statement, "verbose, format json, summary on").await
    }

    async fn ask(&mut self, statement: &Plannable, options: &str) -> Result<Answer, WhatIfError> {
        self.calls += 1;
        let answer = self.asked(statement, options).await;
        if answer.as_ref().is_err_and(WhatIfError::is_for_now) {
            self.unanswered += 1;
        }
        answer
    }

    async fn asked(&mut self, statement: &Plannable, options: &str) -> Result<Answer, WhatIfError> {
        self.clear_up().await?;
        self.look_first_in(statement.search_path.as_ref()).await?;
        let mut explained = self.explained(statement, options).await?;
        if explained.plan.hides_parts() {
            // To explain is to begin, and with parameters that are null no partition is wanted.
            self.prune(false).await?;
            let whole = self.explained(statement, options).await;
            // Without it all that comes after would be planned as if there was no pruning.
            if self.prune(true).await.is_err() {
                self.prune(true).await?;
            }
            explained = whole?;
        }
        let mut named = BTreeMap::new();
        for name in explained.plan.indexes() {
            let oid = hypothetical_oid(name);
            let is_it = |supposed: &Vec<u32>| oid.is_some_and(|oid| supposed.contains(&oid));
            if let Some((id, _)) = self.supposed.iter().find(|(_, supposed)| is_it(supposed)) {
                named.insert(name.to_owned(), *id);
            }
        }
        Ok(Answer { plan: explained.plan, named })
    }

    async fn explained(
        &mut self,
        statement: &Plannable,
        options: &str,
    ) -> Result<Explained, WhatIfError> {
        let text = self.explain(statement, options).await.map_err(refused)?;
        let mut explained: Vec<Explained> =
            serde_json::from_str(&text).map_err(|e| WhatIfError::Refused(e.to_string()))?;
        let Some(explained) = explained.pop() else {
            return Err(WhatIfError::Refused("the planner sent no plan".to_owned()));
        };
        self.planning_ms += explained.planning_ms;
        Ok(explained)
    }

    async fn prune(&self, is_on: bool) -> Result<(), WhatIfError> {
        let value = if is_on { "on" } else { "off" };
        let set =
            format!("select pg_catalog.set_config('enable_partition_pruning', '{value}', false)");
        self.client().query_typed(&set, &[]).await.map_err(refused)?;
        Ok(())
    }

    async fn explain(
        &self,
        statement: &Plannable,
        options: &str,
    ) -> Result<String, tokio_postgres::Error> {
        let prepared = self.explain_prepared(statement, options).await;
        let Err(error) = prepared else { return prepared };
        let is_for_now = |code: &str| code == CANCELLED || code == LOCKED;
        let is_refused = error.code().is_some_and(|state| !is_for_now(state.code()));
        let how = match statement.parameters {
            0 => "",
            _ if self.version_num >= 160_000 => ", generic_plan",
            _ => return Err(error),
        };
        if statement.has_values || !is_refused {
            return Err(error);
        }
        // There may be no null of a parameter's type, or it is no text that can be prepared.
        self.one(&format!("explain ({options}{how}) {}", statement.sql)).await
    }

    /// pg_stat_statements keeps the text of `explain` as it is, but not that of `prepare`: so its books get a few short texts
    /// of ours, and none that is a user's or makes theirs go.
    async fn explain_prepared(
        &self,
        statement: &Plannable,
        options: &str,
    ) -> Result<String, tokio_postgres::Error> {
        let sql = &statement.sql;
        let nulls = match statement.parameters {
            0 => String::new(),
            number => format!("({})", vec!["null"; number].join(", ")),
        };
        // A plan is kept with its prepared statement, and HypoPG does not make it stale. First away with the one before, so that
        // nothing is left in the way of the next if one of these is cancelled.
        let steps = [
            "deallocate all".to_owned(),
            format!("prepare erpscope as {sql}"),
            format!("explain ({options}) execute erpscope{nulls}"),
        ];
        let mut texts = try_join_all(steps.iter().map(|step| self.one(step))).await?.into_iter();
        Ok(texts.next_back().unwrap_or_default())
    }

    async fn one(&self, sql: &str) -> Result<String, tokio_postgres::Error> {
        let rows = self.client().query_typed(sql, &[]).await?;
        let Some(row) = rows.first() else { return Ok(String::new()) };
        Ok(row.try_get::<_, Lossy>(0)?.0)
    }

    /// Plans of prepared statements as if every value was possible, where there are parameters.
    pub async fn prefer_generic_plans(&self) -> Result<(), WhatIfError> {
        let set = "select pg_catalog.set_config('plan_cache_mode', 'force_generic_plan', false)";
        self.client().query_typed(set, &[]).await.map_err(refused)?;
        Ok(())
    }
}

/// The server's words hold names and types; of a syntax error also a piece of the text, so only the
/// class is told.
pub(super) fn refused(error: tokio_postgres::Error) -> WhatIfError {
    match error.as_db_error() {
        Some(db) if db.code().code() == CANCELLED => WhatIfError::Cancelled,
        Some(db) => WhatIfError::Refused(db.code().code().to_owned()),
        None => WhatIfError::Lost(error),
    }
}

/// HypoPG names its indexes `<oid>method_table_columns`.
fn hypothetical_oid(name: &str) -> Option<u32> {
    name.strip_prefix('<')?.split_once('>')?.0.parse().ok()
}
