//! Writes past the ERP's own logic. Of integrations: those into tables that they do not own, as
//! `[[integration]] owns` says. Of others: rows that a role writes which no integration declares, and
//! which writes less than a fifth of what is written in its database, so it is not the ERP's own.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::erp::{OTHER, tables_changed};
use crate::finding::sight::{dearest, growth};
use crate::finding::{Judge, Rule, Sight};
use crate::track::findings::{About, Candidate, Fact, Need, Severity, counted};
use crate::track::reports::{BoundaryBreach, Report};

pub(super) static RULE: Rule = Rule {
    about: About {
        id: "direct_writes",
        title: "Data is written past the ERP",
        severity: Severity::Warning,
        needs: &[Need::Samples],
        explanation: "Somebody writes into the ERP's tables without asking the ERP. What the ERP \
            would have done with it (checks, postings, stock valuation, messages) is not done, so \
            figures no longer fit together, and nobody notices until the books are closed.",
        remedy: &[
            "Find out who owns that system, and what it needs to change.",
            "Let it call the ERP's API instead, or write into a table of its own that a job takes up.",
            "Then take its right to write away; until then, declare what it may write in `owns`.",
        ],
    },
    judge: Judge::Server(judge),
};

/// A role that writes at least this share of a database's rows is the ERP's own.
const OWN_SHARE: f64 = 0.2;
/// Tables that are told as evidence.
const TOLD: usize = 5;

fn judge(sight: &Sight<'_>) -> Vec<Candidate> {
    let mut found = breaches(sight);
    found.extend(strangers(sight));
    dearest(found)
}

/// What integrations write that they do not own.
fn breaches(sight: &Sight<'_>) -> Vec<Candidate> {
    let now = &sight.server.activity.footprints.breaches;
    let then = &sight.before.activity.footprints.breaches;
    let grown = growth(now, then, u64::saturating_sub);
    let mut cases = Vec::new();
    for (key, count) in grown.into_iter().filter(|(_, count)| *count > 0) {
        let told = sight.reports().filter_map(|(_, report)| match report {
            Report::BoundaryBreach(b)
                if b.integration == key.integration && b.module == key.module =>
            {
                Some(b)
            }
            _ => None,
        });
        let by_table: BTreeMap<&Arc<str>, &BoundaryBreach> = told.map(|b| (&b.table, b)).collect();
        for (table, breach) in by_table {
            cases.push(breach_case(sight, breach, table, count));
        }
    }
    cases
}

fn breach_case(sight: &Sight<'_>, breach: &BoundaryBreach, table: &str, count: u64) -> Candidate {
    let integration = &breach.integration;
    let role = breach.party.usename.as_deref().unwrap_or(OTHER);
    Candidate {
        datname: breach.party.datname.clone().unwrap_or_else(|| "".into()),
        subject: format!("{integration} writes {table}").into(),
        module: Arc::clone(&breach.module),
        severity: Severity::Warning,
        summary: format!(
            "{integration} writes {table}, which is not its own; {count} writes into {} were seen",
            breach.module
        ),
        evidence: vec![
            Fact::text("integration", Arc::clone(integration)),
            Fact::text("table", table),
            Fact::text("usename", role),
            Fact::text("query", breach.party.query.as_deref().unwrap_or_default()),
            Fact::number("writes_into_module_per_day", sight.per_day(count as f64)),
        ],
        sql: vec![format!(
            "revoke insert, update, delete on {} from {};",
            quote(table),
            quote(role)
        )],
        cost_seconds_per_day: None,
    }
}

/// What one role has written into one database.
#[derive(Default)]
struct Written {
    rows: u64,
    tables: BTreeSet<String>,
    module: Option<Arc<str>>,
}

/// What is written by roles that nobody declares.
fn strangers(sight: &Sight<'_>) -> Vec<Candidate> {
    let mut roles: BTreeMap<(&Arc<str>, &Arc<str>), Written> = BTreeMap::new();
    let mut all: BTreeMap<&Arc<str>, u64> = BTreeMap::new();
    for grown in sight.statements.iter().filter(|grown| is_business(&grown.module)) {
        let tables = changed_rows(grown.text());
        if tables.is_empty() {
            continue;
        }
        *all.entry(&grown.datname).or_default() += grown.work.rows;
        let role = roles.entry((&grown.datname, &grown.usename)).or_default();
        role.rows += grown.work.rows;
        role.tables.extend(tables);
        role.module.get_or_insert_with(|| Arc::clone(&grown.module));
    }
    let mut found = Vec::new();
    for ((datname, usename), written) in roles {
        let rows = written.rows as f64;
        let share = rows / (all.get(datname).copied().unwrap_or(0).max(1) as f64);
        let is_much = sight.per_day(rows) >= sight.limit("rows_per_day");
        if share < OWN_SHARE && is_much && !is_declared(sight, usename) {
            found.push(stranger_case(datname, usename, written));
        }
    }
    found
}

fn stranger_case(datname: &Arc<str>, usename: &Arc<str>, written: Written) -> Candidate {
    let Written { rows, tables, module } = written;
    let mut evidence = vec![Fact::text("usename", Arc::clone(usename)), Fact::count("rows", rows)];
    evidence.extend(tables.iter().take(TOLD).map(|table| Fact::text("table", table.as_str())));
    Candidate {
        datname: Arc::clone(datname),
        subject: format!("role {usename}").into(),
        module: module.unwrap_or_else(|| OTHER.into()),
        severity: Severity::Info,
        summary: format!(
            "role {usename}, which no integration declares, wrote {} into {}",
            counted(rows, "row", "rows"),
            counted(tables.len(), "table", "tables")
        ),
        evidence,
        sql: Vec::new(),
        cost_seconds_per_day: None,
    }
}

fn is_business(module: &str) -> bool {
    module != OTHER && module != "unknown"
}

/// The tables whose rows a statement changes; definitions are changed by upgrades.
fn changed_rows(text: &str) -> Vec<String> {
    let first = text.split_whitespace().next().unwrap_or_default().to_lowercase();
    let writes = ["insert", "update", "delete", "merge", "copy", "with"];
    if writes.contains(&first.as_str()) { tables_changed(text) } else { Vec::new() }
}

fn is_declared(sight: &Sight<'_>, usename: &str) -> bool {
    let declared = sight.snapshot.calls.integrations.iter().filter_map(|of| of.declared.as_ref());
    declared.flat_map(|integration| &integration.rules.roles).any(|role| role.fits(usename))
}

fn quote(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}
