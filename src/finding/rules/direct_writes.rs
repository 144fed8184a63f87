//! Writes past the ERP's own logic. Of integrations: those into tables that they do not own, as
//! `[[integration]] owns` says; the right to write is taken from a role only that is an integration's
//! alone, as many work under the ERP's own. Of others: rows that a role writes which no integration
//! declares, and which writes less than a fifth of what such roles write in its database, so it is not
//! the ERP's own. Where none of them writes a fifth, each person has a role, and nothing is said of roles.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::autovacuum_behind::quoted;
use crate::erp::{OTHER, tables_changed};
use crate::finding::sight::{dearest, growth};
use crate::finding::{Grown, Judge, Rule, Sight};
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
            "Then give it a role of its own, if it works under another's, and take that role's right to write \
             away. Until then, declare what it may write in `owns`.",
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
    let datname = breach.party.datname.clone().unwrap_or_else(|| "".into());
    let mut evidence = vec![
        Fact::text("integration", Arc::clone(integration)),
        Fact::text("table", table),
        Fact::text("usename", role),
        Fact::text("query", breach.party.query.as_deref().unwrap_or_default()),
        Fact::number("writes_into_module_per_day", sight.per_day(count as f64)),
    ];
    let mut sql = Vec::new();
    if has_own_role(sight, breach) {
        let tables = written(sight, &datname, table);
        sql.push(format!("revoke insert, update, delete on {tables} from {};", quote(role)));
    } else {
        let first = "give it a role of its own: this one may be the ERP's, which has to write";
        evidence.push(Fact::text("first", first));
    }
    Candidate {
        datname,
        subject: format!("{integration} writes {table}").into(),
        module: Arc::clone(&breach.module),
        severity: Severity::Warning,
        summary: format!(
            "{integration} writes {table}, which is not its own; {count} writes into {} were seen",
            breach.module
        ),
        evidence,
        sql,
        cost_seconds_per_day: None,
    }
}

/// Whether an integration is told by the role that has written, and by nothing else: of a session that
/// is told by its name, address or comments the role may be anybody's.
fn has_own_role(sight: &Sight<'_>, breach: &BoundaryBreach) -> bool {
    let of = sight.snapshot.calls.integrations.iter().find(|of| of.name == breach.integration);
    let declared = of.and_then(|of| of.declared.as_ref());
    let usename = breach.party.usename.as_deref();
    declared.zip(usename).is_some_and(|(of, usename)| of.rules.is_role(usename))
}

/// The tables of that name, which is without a schema, in each schema that has one; as it is where none
/// is known.
fn written(sight: &Sight<'_>, datname: &str, name: &str) -> String {
    let tables = sight.server.tables.databases.get(datname).map(|database| &database.tables);
    let of_name = tables.into_iter().flatten().filter(|table| *table.table == *name);
    let all: BTreeSet<String> = of_name.map(|table| quoted(&table.schema, &table.table)).collect();
    if all.is_empty() { quote(name) } else { Vec::from_iter(all).join(", ") }
}

/// What one role has written into one database.
#[derive(Default)]
struct Written {
    rows: u64,
    tables: BTreeSet<String>,
    module: Option<Arc<str>>,
}

/// What is written by roles that nobody declares, where one of these is the ERP's own.
fn strangers(sight: &Sight<'_>) -> Vec<Candidate> {
    let mut roles: BTreeMap<(&Arc<str>, &Arc<str>), Written> = BTreeMap::new();
    let mut all: BTreeMap<&Arc<str>, u64> = BTreeMap::new();
    let undeclared =
        |grown: &&Grown| is_business(&grown.module) && !is_declared(sight, &grown.usename);
    for grown in sight.statements.iter().filter(undeclared) {
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
    let is_own = |datname: &Arc<str>, written: &Written| {
        let rows = all.get(datname).copied().unwrap_or(0).max(1) as f64;
        written.rows as f64 / rows >= OWN_SHARE
    };
    let with_an_own: BTreeSet<&Arc<str>> = roles
        .iter()
        .filter(|((datname, _), written)| is_own(datname, written))
        .map(|((datname, _), _)| *datname)
        .collect();
    let strangers = roles.into_iter().filter(|((datname, _), written)| {
        let is_much = sight.per_day(written.rows as f64) >= sight.limit("rows_per_day");
        is_much && with_an_own.contains(datname) && !is_own(datname, written)
    });
    strangers
        .map(|((datname, usename), written)| stranger_case(datname, usename, written))
        .collect()
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
