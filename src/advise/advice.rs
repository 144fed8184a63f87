//! The whole way: from a workload to suggestions that a DBA would sign.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::advisor::{Advisor, Effort, Found};
use super::candidate::Allowed;
use super::catalog::{self, Catalog, Kind};
use super::constants::{self, Seen};
use super::daily::{Counted, Daily};
use super::ddl;
use super::definition::Definition;
use super::existing::Remembered;
use super::gate;
use super::joins::{self, BadJoin, Known, Memory};
use super::reason;
use super::suggestion::{Facts, Helped, Suggestion};
use super::tidy::Tidy;
use super::understood::{Skipped, Understood, understand};
use super::upkeep::upkeep;
use super::what_if::{WhatIf, WhatIfError};
use super::workload::Workload;
use crate::erp::Erp;
use crate::pg::{HypoPgThere, Session, reason};
use crate::sample::normalise;

/// Characters of a statement that are shown.
const TEXT_CHARS: usize = 1_000;

/// Bad joins that are told of.
const MOST_JOINS: usize = 200;

/// What is asked for.
#[derive(Clone, Debug)]
pub struct Request {
    /// The database.
    pub datname: String,
    /// How far to go.
    pub effort: Effort,
    /// What may be suggested.
    pub allowed: Allowed,
    /// Rows written in a day, if the history has counted them; else the server's own counts are taken.
    pub writes: Option<Counted>,
    /// How indexes and tables were used, if the history knows; else the server's own counts are taken.
    pub remembered: Option<Remembered>,
    /// Days that nothing has used an index before it is suggested to be dropped.
    pub unused_days: f64,
}

/// What is advised for one database.
#[derive(Clone, Debug, Serialize)]
pub struct Advice {
    /// The database.
    pub datname: String,
    /// Days that the workload was counted over.
    pub days: f64,
    /// Statements of the workload.
    pub statements: usize,
    /// Seconds a day that they take.
    pub seconds_per_day: f64,
    /// Share of that time whose statements are understood.
    pub understood_share: f64,
    /// Statements that are not, the most time first.
    pub skipped: Vec<Skipped>,
    /// What to create, the most saved first; then what to drop, the safest first; then what to rebuild.
    pub suggestions: Vec<Suggestion>,
    /// Joins that are bad as plans show them, the most time first.
    pub bad_joins: Vec<BadJoin>,
    /// What each suggested index is, by the suggestion's id.
    #[serde(skip)]
    pub definitions: BTreeMap<String, Definition>,
    /// Indexes that PostgreSQL did not want to suppose.
    pub refused: usize,
    /// Questions to the planner.
    pub what_if_calls: u64,
    /// Milliseconds that it took to answer them, by the server's clock.
    pub planning_ms: f64,
    /// HypoPG was there, all tables could be looked at, every question had an answer and no limit was reached: what is not suggested is not worth it.
    pub is_complete: bool,
    /// What the reader should know of the whole.
    pub notes: Vec<String>,
}

/// Why there is no advice.
#[derive(Debug, thiserror::Error)]
pub enum AdviceError {
    /// The catalog.
    #[error("cannot read the catalog of `{datname}`: {}", reason(source))]
    Catalog {
        /// Of which database.
        datname: String,
        /// Why.
        source: tokio_postgres::Error,
    },
    /// The planner.
    #[error("cannot ask the planner of `{datname}`: {source}")]
    Planner {
        /// Of which database.
        datname: String,
        /// Why.
        source: WhatIfError,
    },
}

/// Advises on one database. `asking` reads its catalog, `planning` is where its planner is asked.
pub async fn advise(
    asking: &Session,
    planning: Session,
    workload: &Workload,
    erp: &Erp,
    request: &Request,
) -> Result<Advice, AdviceError> {
    let of_catalog = |source| AdviceError::Catalog { datname: request.datname.clone(), source };
    let of_planner = |source| AdviceError::Planner { datname: request.datname.clone(), source };
    let server = catalog::read(asking.client(), &BTreeSet::new()).await.map_err(of_catalog)?;
    let mut what_if = WhatIf::new(planning, &server);
    what_if.try_hypopg().await.map_err(of_planner)?;
    what_if.prefer_generic_plans().await.map_err(of_planner)?;
    what_if.look_everywhere().await.map_err(of_planner)?;
    let (version, datname) = (server.version_num, request.datname.as_str());
    let mut seen = Seen::default();
    seen.look(asking.client(), version, datname, workload).await.map_err(of_catalog)?;
    let mut understood =
        understand(&mut what_if, asking.client(), workload, &seen).await.map_err(of_planner)?;
    seen.look(asking.client(), version, datname, workload).await.map_err(of_catalog)?;
    constants::fill(&mut what_if, asking.client(), &mut understood, &seen)
        .await
        .map_err(of_planner)?;
    let catalog =
        catalog::read(asking.client(), &understood.relations).await.map_err(of_catalog)?;
    let (days, seen_running) = (workload.days, &seen);
    let memory = Memory::ask(&what_if).await;
    let (mut bad_joins, of_joins) = match memory {
        Ok(memory) => {
            let known = Known { catalog: &catalog, seen: seen_running, memory: &memory, days, erp };
            (joins::find(&understood, &known), None)
        }
        Err(error) if error.is_the_end() => return Err(of_planner(error)),
        Err(error) => (Vec::new(), Some(format!("bad joins were not looked for: {error}"))),
    };
    let left_out = bad_joins.len().saturating_sub(MOST_JOINS);
    bad_joins.truncate(MOST_JOINS);
    let daily = Daily::of(&catalog, &understood, request.writes.as_ref());
    let effort = request.effort.clone();
    let advisor = Advisor::new(&mut what_if, &catalog, &daily, &understood.planned, effort);
    let found =
        advisor.run(&request.allowed, &[request.effort.limits]).await.map_err(of_planner)?.pop();
    let found = found.unwrap_or_default();
    let is_supposed = what_if.can_suppose();
    let advised = Advised {
        request,
        catalog: &catalog,
        daily: &daily,
        understood: &understood,
        erp,
        is_supposed,
    };
    let passed = advised.passed(&found);
    let mut suggestions = advised.suggestions(&found, &passed, workload.days);
    let mut notes = notes(&catalog, &what_if, &request.effort, &found);
    if left_out > 0 {
        notes.push(format!("{left_out} bad joins are left out: too mild to be told, or those that take the least time"));
    }
    notes.extend(of_joins);
    notes.extend(understood.fault.clone());
    notes.extend(seen.fault.map(|fault| format!("what sessions run was not looked at: {fault}")));
    let tidy = Tidy { advised: &advised, found: &found, passed: &passed };
    let mut is_tidy = true;
    let mut locked = catalog.tables.values().filter(|table| table.kind == Kind::Locked).count();
    match tidy.suggestions(asking, &mut what_if).await {
        Ok((more, of_all)) => {
            locked = locked.max(of_all);
            notes.extend(given_back(&more));
            suggestions.extend(more);
        }
        Err(error) => {
            is_tidy = false;
            notes.push(format!("what to drop or rebuild is not known: {error}"));
        }
    }
    if locked > 0 {
        notes.push(format!(
            "{locked} table(s) were locked to all others (ACCESS EXCLUSIVE): nothing is said of them and nothing is withdrawn; \
             ask again when the lock is gone"
        ));
    }
    notes.extend(unanswered(&what_if));
    Ok(Advice {
        datname: request.datname.clone(),
        days: workload.days,
        statements: workload.statements.len(),
        seconds_per_day: understood.seconds,
        understood_share: understood.share(),
        suggestions,
        bad_joins,
        definitions: advised.definitions(&found),
        refused: found.refused.len(),
        what_if_calls: what_if.calls,
        planning_ms: what_if.planning_ms,
        is_complete: what_if.can_suppose()
            && is_tidy
            && locked == 0
            && what_if.unanswered == 0
            && !is_spent(&what_if, &request.effort),
        notes,
        skipped: understood.skipped,
    })
}

/// Drops do not count in the storage budget, as nobody knows whether they are carried out.
fn given_back(suggestions: &[Suggestion]) -> Option<String> {
    let bytes: f64 = suggestions.iter().map(|suggestion| suggestion.size_bytes).sum();
    (bytes >= 1e6).then(|| {
        format!(
            "what is to be dropped or rebuilt would give back {:.0} MB; the budget for new indexes does not count on it",
            bytes / 1e6
        )
    })
}

fn notes(catalog: &Catalog, what_if: &WhatIf, effort: &Effort, found: &Found) -> Vec<String> {
    let mut notes = Vec::new();
    let mend = HypoPgThere::MEND;
    let there = catalog.hypopg.as_ref();
    if let Some(unfit) = there.and_then(|there| what_if.unfit.clone().or_else(|| there.unfit())) {
        notes.push(format!(
            "HypoPG is of {unfit}, so the planner cannot be asked what an index would change: what is suggested is only \
             reasoned from statistics, and only where it is worth much. Install 1.2 or later and run `{mend}`"
        ));
    } else if !what_if.can_suppose() {
        notes.push(
            "HypoPG is not installed, so the planner cannot be asked what an index would change: what is \
             suggested is only reasoned from statistics, and only where it is worth much. Install HypoPG \
             (`erpscope check` says how) and ask again"
                .to_owned(),
        );
    }
    if catalog.in_recovery {
        notes.push("this is a standby: create what is suggested on its primary".to_owned());
    }
    if is_spent(what_if, effort) {
        notes.push("the search ended at its limit of questions to the planner".to_owned());
    }
    if found.left_out > 0 {
        let number = found.left_out;
        notes.push(format!(
            "{number} possible indexes were left out: too many for single statements"
        ));
    }
    notes
}

/// Told at the end, when all was asked.
fn unanswered(what_if: &WhatIf) -> Option<String> {
    let number = what_if.unanswered;
    (number > 0).then(|| {
        format!(
            "{number} question(s) to the planner had no answer (cancelled by statement_timeout or by somebody, or refused): \
             what hangs on them is left out, and nothing is withdrawn for it"
        )
    })
}

fn is_spent(what_if: &WhatIf, effort: &Effort) -> bool {
    what_if.calls >= effort.calls || what_if.planning_ms >= effort.planning_ms
}

/// Everything that a suggestion is written from.
pub(super) struct Advised<'a> {
    pub(super) request: &'a Request,
    pub(super) catalog: &'a Catalog,
    pub(super) daily: &'a Daily,
    pub(super) understood: &'a Understood,
    pub(super) erp: &'a Erp,
    is_supposed: bool,
}

impl Advised<'_> {
    /// Those to suggest: what is only reasoned has to be worth more.
    fn passed(&self, found: &Found) -> BTreeSet<usize> {
        let mut passed = gate::passed(found, self.catalog);
        if !self.is_supposed {
            reason::keep_convincing(found, &mut passed);
        }
        passed
    }

    fn suggestions(&self, found: &Found, passed: &BTreeSet<usize>, days: f64) -> Vec<Suggestion> {
        let mut taken = self.catalog.taken.clone();
        let mut suggestions: Vec<Suggestion> = passed
            .iter()
            .filter_map(|id| self.facts(*id, found, passed, days))
            .map(|facts| Suggestion::of(facts, &mut taken))
            .collect();
        suggestions.sort_by(|a, b| {
            let is_reasoned = |suggestion: &Suggestion| suggestion.checked_by == "reasoned";
            is_reasoned(a)
                .cmp(&is_reasoned(b))
                .then(b.saved_seconds_per_day.total_cmp(&a.saved_seconds_per_day))
                .then_with(|| a.id.cmp(&b.id))
        });
        suggestions
    }

    /// What each chosen index is, by the id of its suggestion.
    fn definitions(&self, found: &Found) -> BTreeMap<String, Definition> {
        let chosen = found.chosen.iter().filter_map(|id| found.definitions.get(*id));
        let of = |definition: &Definition| {
            let table = self.catalog.tables.get(&definition.table)?;
            let id = ddl::create_id(&self.request.datname, table, definition);
            Some((id, definition.clone()))
        };
        chosen.filter_map(of).collect()
    }

    fn facts<'a>(
        &'a self,
        id: usize,
        found: &'a Found,
        passed: &BTreeSet<usize>,
        days: f64,
    ) -> Option<Facts<'a>> {
        let definition = found.definitions.get(id)?;
        let table = self.catalog.tables.get(&definition.table)?;
        Some(Facts {
            datname: &self.request.datname,
            table,
            module: self.erp.module(&table.name),
            definition,
            bytes: found.model.indexes.get(id).map_or(0.0, |index| index.bytes),
            upkeep: upkeep(definition, table, self.daily),
            helps: self.helps(id, found, passed),
            saved: gate::saved(id, &found.model, passed),
            tree: self.catalog.tree(table),
            days,
            is_supposed: self.is_supposed && definition.can_be_supposed(),
        })
    }

    /// Statements that would be dearer without this index, the most saved first.
    fn helps(&self, id: usize, found: &Found, passed: &BTreeSet<usize>) -> Vec<Helped> {
        let mut rest = passed.clone();
        rest.remove(&id);
        let mut helps: Vec<(f64, Helped)> = Vec::new();
        let all = self.understood.statements.iter().zip(&self.understood.planned);
        for ((statement, planned), weighted) in all.zip(&found.model.statements) {
            let (before, after) = (weighted.cost(&rest), weighted.cost(passed));
            if after < before * (1.0 - gate::LEAST_SHARE) {
                helps.push((
                    weighted.weight * (before - after),
                    Helped {
                        queryid: statement.queryid.map(|queryid| queryid.to_string()),
                        query: normalise(&statement.text, TEXT_CHARS),
                        calls_per_day: statement.calls,
                        seconds_per_day: statement.seconds.unwrap_or(planned.seconds),
                        share_of_load: planned.seconds
                            / self.understood.seconds.max(f64::MIN_POSITIVE),
                        cost_before: before,
                        cost_after: after,
                    },
                ));
            }
        }
        helps.sort_by(|a, b| b.0.total_cmp(&a.0));
        helps.into_iter().map(|(_, helped)| helped).collect()
    }
}
