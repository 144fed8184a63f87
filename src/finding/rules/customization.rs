//! The share of a database's executing time that goes to tables which the ERP's profile does not know,
//! and the functions in it that take long, each by itself. It says nothing where most tables are unknown:
//! there is no profile for that ERP then, and nobody can tell what is its own.

use std::sync::Arc;

use super::autovacuum_behind::named;
use crate::erp::OTHER;
use crate::finding::sight::dearest;
use crate::finding::{Grown, Judge, Rule, Sight};
use crate::sample::function_usage::Counters;
use crate::track::findings::{About, Candidate, Fact, Need, Severity, Value};
use crate::track::tables::{Database, Function};

pub(super) static RULE: Rule = Rule {
    about: About {
        id: "customization",
        title: "What was added costs more than the ERP itself",
        severity: Severity::Warning,
        needs: &[Need::Samples, Need::Catalog],
        explanation: "A large part of the server's time goes to tables and functions that do not belong \
            to the standard ERP. Nobody but those who added them will make them faster, and each \
            upgrade has to carry them along.",
        remedy: &[
            "Ask who uses each of them, and whether the standard can do it by now.",
            "See the heaviest statements in the evidence; what is true of any slow statement is true of them.",
            "What is only for reports: move it out of the ERP's database.",
        ],
    },
    judge: Judge::Server(judge),
};

/// Where more of the tables are unknown there is no profile for this ERP.
const KNOWN: f64 = 0.5;
/// Statements, functions and triggers that are told as evidence.
const TOLD: usize = 3;

fn judge(sight: &Sight<'_>) -> Vec<Candidate> {
    let databases = sight.server.tables.databases.iter();
    let mut found = Vec::new();
    for (datname, database) in databases.filter(|(_, database)| is_known(database)) {
        found.extend(case(sight, datname, database));
        let functions = database.functions.iter();
        found.extend(functions.filter_map(|function| function_case(sight, datname, function)));
    }
    dearest(found)
}

fn is_known(database: &Database) -> bool {
    let all: u64 = database.modules.values().map(|module| module.tables).sum();
    let unknown = database.modules.get(OTHER).map_or(0, |module| module.tables);
    all > 0 && (unknown as f64) < KNOWN * all as f64
}

fn case(sight: &Sight<'_>, datname: &Arc<str>, database: &Database) -> Option<Candidate> {
    let mut own: Vec<&Grown> = sight
        .statements
        .iter()
        .filter(|grown| grown.datname == *datname && *grown.module == *OTHER)
        .filter(|grown| names_a_table_of(database, grown))
        .collect();
    let seconds = |grown: &Grown| grown.work.exec_seconds;
    own.sort_by(|a, b| seconds(b).total_cmp(&seconds(a)));
    let tables: f64 = own.iter().map(|grown| seconds(grown)).sum();
    let all = sight.statement_seconds(datname);
    let share = tables / all.max(1e-9);
    let cost = sight.per_day(tables);
    if share < sight.limit("share") || cost < sight.limit("seconds_per_day") {
        return None;
    }
    let mut functions: Vec<_> =
        database.functions.iter().filter(|f| f.growth.self_seconds > 0.0).collect();
    functions.sort_by(|a, b| b.growth.self_seconds.total_cmp(&a.growth.self_seconds));
    let triggers = sight.server.catalog.databases.get(datname);
    let triggers = triggers.map_or(0, |catalog| catalog.read.triggers.total);
    let mut evidence = vec![
        Fact::share("share", share),
        Fact::count("statements", own.len() as u64),
        Fact::count("triggers", triggers),
    ];
    for grown in own.iter().take(TOLD) {
        evidence.push(Fact::text("query", grown.text()));
        evidence.push(Fact::seconds("seconds_per_day", sight.per_day(seconds(grown))));
    }
    for function in functions.iter().take(TOLD) {
        evidence.push(Fact::text("function", format!("{}.{}", function.schema, function.function)));
        evidence.push(Fact::seconds("function_seconds", function.growth.self_seconds));
    }
    Some(Candidate {
        datname: Arc::clone(datname),
        subject: "tables outside the standard".into(),
        module: OTHER.into(),
        severity: Severity::Info,
        summary: format!(
            "{} of the time of {datname} goes to tables that the ERP's profile does not know",
            Value::Share(share)
        ),
        evidence,
        sql: Vec::new(),
        cost_seconds_per_day: Some(cost),
    })
}

/// A function, with what it calls: whoever calls it waits for all of that.
fn function_case(sight: &Sight<'_>, datname: &Arc<str>, function: &Function) -> Option<Candidate> {
    let before = sight.before.tables.databases.get(datname);
    let before = before.and_then(|b| b.functions.iter().find(|then| then.oid == function.oid));
    let (now, then) = match before {
        Some(before) => (function.counters, before.counters),
        None => (function.here, Counters::default()),
    };
    let calls = now.calls.saturating_sub(then.calls);
    let seconds = now.total_seconds - then.total_seconds;
    let cost = sight.per_day(seconds);
    if calls == 0 || cost < sight.limit("function_seconds_per_day") {
        return None;
    }
    let name = named(&function.schema, &function.function);
    Some(Candidate {
        datname: Arc::clone(datname),
        subject: format!("function {name}").into(),
        module: OTHER.into(),
        severity: Severity::Info,
        summary: format!(
            "the function {name}, which runs in the database, takes {} a day in {:.0} calls",
            Value::Seconds(cost),
            sight.per_day(calls as f64),
        ),
        evidence: vec![
            Fact::number("calls_per_day", sight.per_day(calls as f64)),
            Fact::seconds("seconds_per_call", seconds / (calls as f64)),
            Fact::seconds("seconds_per_day", cost),
        ],
        sql: Vec::new(),
        cost_seconds_per_day: Some(cost),
    })
}

/// A statement without a table of users belongs to nobody.
fn names_a_table_of(database: &Database, grown: &Grown) -> bool {
    let names = crate::erp::tables_of(grown.text());
    names.iter().any(|name| database.tables.iter().any(|table| *table.table == **name))
}
