//! Joins that are bad as the plans of the index advisor show them; nothing is executed to find out. The
//! advisor plans each heavy statement with likely values. What a statement returned and what it wrote to
//! temporary files is counted. Told are: estimates that are off by many times, either way; keys that are cast to the
//! other side's type, so that no index on them can be used; keys without an index, where a big table is read to
//! find few of its rows; tables that are read again for each row of another; hash joins that do not fit into memory,
//! if temporary files were written. It says nothing before the advisor's first turn, also after a restart; what was
//! mended is gone at the advisor's next turn. A key that [large_scans](#large_scans-much-is-read-to-find-little) tells
//! of with its index is not told of twice.

use std::sync::Arc;

use super::large_scans::is_of;
use crate::advise::joins::{BadJoin, Joining, Sign, Terms};
use crate::advise::ledger::{Line, OfDatabase};
use crate::finding::sight::dearest;
use crate::finding::{Judge, Rule, Sight};
use crate::track::findings::{About, Candidate, Fact, Need, Severity, Value};

pub(super) static RULE: Rule = Rule {
    about: About {
        id: "bad_joins",
        title: "Tables are joined the hard way",
        severity: Severity::Warning,
        needs: &[Need::Plans],
        explanation: "To put rows of two tables together, the database chooses among several ways, by how many \
            rows it expects and by which indexes it can use. Here it is mistaken, or the good way is barred: \
            it reads a whole table where a few rows would do, or more than its memory holds.",
        remedy: &[
            "Wrong estimate: run the SQL; it analyzes, or lets the planner learn which columns depend on each other. If \
             it stays, split the statement, so that the first part's rows are known before the second is planned.",
            "Different types: cast the other side of the comparison, so that the index on this one can be used. In \
             the long run, make the interface's column the type of the key (`alter table ... alter column ... type ...` \
             rewrites the table and keeps everybody out meanwhile).",
            "Key without an index: `erpscope advise` says whether an index on it is worth its keep, and how to make it.",
            "Read again and again: give the join an equality, or fewer rows on its outer side; a condition with `or`, \
             or with a range alone, can often be two statements.",
            "Hash join on disk: more work_mem for the role or the transaction that runs it, not for all; or fewer \
             columns and rows in the side that is hashed.",
        ],
    },
    judge: Judge::Server(judge),
};

fn judge(sight: &Sight<'_>) -> Vec<Candidate> {
    let terms = Terms {
        seconds_per_day: sight.limit("seconds_per_day"),
        times: sight.limit("times"),
        rows: sight.limit("rows"),
        looped_rows: sight.limit("looped_rows"),
        temp_bytes: sight.limit("temp_bytes"),
    };
    let mut found = Vec::new();
    for (datname, of) in &sight.server.suggestions.databases {
        let told = of
            .bad_joins
            .iter()
            .filter(|join| join.is_told(&terms) && !is_told_elsewhere(sight, datname, join));
        found.extend(told.map(|join| case(sight, datname, of, join)));
    }
    dearest(found)
}

/// Whether `large_scans` tells of the same table already, and of an index that begins with the key.
fn is_told_elsewhere(sight: &Sight<'_>, datname: &Arc<str>, join: &BadJoin) -> bool {
    let Sign::UnindexedKey { .. } = join.sign else { return false };
    let Some(table) = join.tables.first() else { return false };
    is_open(sight, "large_scans", datname, last(table))
        && indexes(sight, datname, table).any(|line| join.columns.iter().any(|c| begins(line, c)))
}

/// What the advisor would make for a table.
fn indexes<'a>(
    sight: &'a Sight<'_>,
    datname: &str,
    table: &'a str,
) -> impl Iterator<Item = &'a Line> {
    let name = last(table);
    sight.suggestions(datname, "create").filter(move |line| is_of(&line.table, name))
}

/// Without what it is in: other rules call a table by its name alone.
fn last(name: &str) -> &str {
    name.rsplit('.').next().unwrap_or(name)
}

/// Whether a suggested index begins with a column.
fn begins(line: &Line, column: &str) -> bool {
    let column = last(column);
    let first =
        line.ddl.iter().filter_map(|ddl| ddl.split_once('(')?.1.split([',', ')', ' ']).next());
    first.into_iter().any(|first| first.trim_matches('"') == column)
}

/// Whether a finding of another rule is open.
fn is_open(sight: &Sight<'_>, rule: &str, datname: &str, subject: &str) -> bool {
    sight.snapshot.findings.findings.iter().any(|finding| {
        finding.about.id == rule
            && finding.server == sight.server.name
            && *finding.candidate.datname == *datname
            && *finding.candidate.subject == *subject
    })
}

fn case(sight: &Sight<'_>, datname: &Arc<str>, of: &OfDatabase, join: &BadJoin) -> Candidate {
    let mut evidence =
        vec![Fact::text("kind", join.sign.kind()), Fact::text("tables", join.tables.join(", "))];
    if !join.columns.is_empty() {
        evidence.push(Fact::text("columns", join.columns.join(", ")));
    }
    evidence.extend(figures(&join.sign));
    evidence.push(Fact::count("statements", join.statements_total as u64));
    let age = sight.now.duration_since(std::time::SystemTime::UNIX_EPOCH).unwrap_or_default();
    if let Some(at) = of.last_success {
        evidence.push(Fact::seconds("age_of_the_plans", (age.as_secs_f64() - at as f64).max(0.0)));
    }
    for joining in &join.statements {
        statement(sight, datname, joining, &mut evidence);
    }
    if let Sign::UnindexedKey { .. } | Sign::DifferentTypes { .. } = join.sign
        && let Some(table) = join.tables.first()
    {
        // Of this table's own columns: those of the other side are listed, too.
        let own = format!("{table}.");
        let keys = || join.columns.iter().filter(|column| column.starts_with(&own));
        for line in indexes(sight, datname, table).filter(|line| keys().any(|c| begins(line, c))) {
            evidence.push(Fact::text("suggestion", line.id.as_str()));
        }
        if is_open(sight, "large_scans", datname, last(table)) {
            evidence.push(Fact::text("also_told_by", "large_scans"));
        }
    }
    Candidate {
        datname: Arc::clone(datname),
        subject: join.subject().into(),
        module: join.module.as_str().into(),
        severity: Severity::Warning,
        summary: format!(
            "{} statement(s) that take {} a day join {}: {}",
            join.statements_total,
            Value::Seconds(join.seconds_per_day),
            join.tables.join(", "),
            join.sign
        ),
        evidence,
        sql: join.sql.clone(),
        cost_seconds_per_day: Some(join.seconds_per_day),
    }
}

fn statement(sight: &Sight<'_>, datname: &Arc<str>, joining: &Joining, evidence: &mut Vec<Fact>) {
    if let Some(queryid) = &joining.queryid {
        evidence.push(Fact::text("queryid", queryid.as_str()));
        let number = queryid.parse().ok();
        let runner = number.and_then(|id| sight.server.activity.runners.of(datname, id));
        evidence.extend(runner.map(|r| Fact::text("application", Arc::clone(&r.application))));
        if is_open(sight, "temp_spills", datname, &format!("statement {queryid}")) {
            evidence.push(Fact::text("also_told_by", "temp_spills"));
        }
    }
    evidence.push(Fact::text("query", joining.query.as_str()));
    evidence.push(Fact::number("calls_per_day", joining.calls_per_day));
    evidence.push(Fact::seconds("seconds_per_day", joining.seconds_per_day));
}

/// The figures of a sign.
fn figures(sign: &Sign) -> Vec<Fact> {
    match sign {
        Sign::WrongEstimate { planned_rows, real_rows } => vec![
            Fact::number("planned_rows", *planned_rows),
            Fact::number("real_rows", *real_rows),
            Fact::number("times", sign.times().unwrap_or_default()),
        ],
        Sign::DifferentTypes {
            table_rows,
            rounds,
            column_type,
            other_type,
            compared_as,
            unusable_index,
        } => {
            let mut facts = vec![
                Fact::text("column_type", column_type.as_str()),
                Fact::text("compared_as", compared_as.as_str()),
                Fact::number("table_rows", *table_rows),
                Fact::number("planned_rounds", *rounds),
            ];
            facts.extend(other_type.as_deref().map(|name| Fact::text("other_type", name)));
            facts.extend(unusable_index.as_deref().map(|name| Fact::text("unusable_index", name)));
            facts
        }
        Sign::UnindexedKey { table_rows, wanted_rows, rounds } => vec![
            Fact::number("table_rows", *table_rows),
            Fact::number("planned_rows", *wanted_rows),
            Fact::number("planned_rounds", *rounds),
        ],
        Sign::Rescanned { table_rows, rounds, looped_rows } => vec![
            Fact::number("table_rows", *table_rows),
            Fact::number("planned_rounds", *rounds),
            Fact::number("planned_rows_of_all_rounds", *looped_rows),
        ],
        Sign::HashSpill { expected_bytes, memory_bytes, temp_bytes_per_call } => vec![
            Fact::bytes("expected_bytes", whole(*expected_bytes)),
            Fact::bytes("memory_bytes", whole(*memory_bytes)),
            Fact::bytes("temporary_bytes_per_call", whole(*temp_bytes_per_call)),
        ],
    }
}

/// Bytes without a fraction.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a size")]
const fn whole(bytes: f64) -> u64 {
    bytes as u64
}
