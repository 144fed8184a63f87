//! One page for somebody who does not look at dashboards: how the ERP's database is, by module and
//! integration, what is worst, what has changed since last week.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::time::Duration;

use askama::Template;

use super::json::{BadQuery, FindingJson, ModuleJson, ServerQuery, modules};
use crate::state::{ServerSnapshot, Snapshot};
use crate::track::findings::{Severity, Value, counted};

/// Findings that are told in full.
const WORST: usize = 10;
/// Modules of one database that are told.
const MODULES: usize = 12;

/// How it is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Writing {
    /// Markdown.
    Markdown,
    /// HTML.
    Html,
}

#[derive(Template)]
#[template(path = "report.html")]
struct Page {
    at: String,
    servers: Vec<String>,
    in_short: String,
    databases: Vec<Database>,
    integrations: Vec<Integration>,
    worst: Vec<FindingJson>,
    more: usize,
    suggestions: Vec<String>,
    changes: Vec<String>,
}

struct Database {
    name: String,
    modules: Vec<Module>,
}

struct Module {
    name: String,
    share: String,
    seconds: String,
    blocked: String,
    slow: String,
    grows: String,
    findings: String,
}

struct Integration {
    name: String,
    calls: u64,
    failed: String,
    p99: String,
    blocking: String,
    breaches: u64,
}

/// The page.
///
/// # Errors
/// Never for a snapshot; the type is that of all answers.
pub fn report(snapshot: &Snapshot, writing: Writing) -> Result<String, BadQuery> {
    let page = Page {
        at: snapshot.findings.judged.map_or_else(
            || "before the rules have looked".to_owned(),
            |at| humantime::format_rfc3339_seconds(at).to_string(),
        ),
        servers: snapshot.servers.iter().map(server).collect(),
        in_short: in_short(snapshot),
        databases: databases(modules(snapshot, &ServerQuery::default())?.modules),
        integrations: integrations(snapshot),
        worst: snapshot.findings.told().take(WORST).map(FindingJson::of).collect(),
        more: snapshot.findings.told().count().saturating_sub(WORST),
        suggestions: suggestions(snapshot),
        changes: changes(snapshot),
    };
    Ok(match writing {
        Writing::Markdown => page.markdown(),
        Writing::Html => {
            page.render().unwrap_or_else(|error| format!("the page cannot be rendered: {error}"))
        }
    })
}

fn server(server: &ServerSnapshot) -> String {
    let facts = server.databases.server.as_ref();
    let about = facts.map_or_else(String::new, |facts| {
        let most = facts.max_connections.saturating_sub(facts.reserved_connections);
        format!(
            ", PostgreSQL {}, {} of {most} connections{}",
            facts.version,
            facts.connections,
            if facts.in_recovery { ", a replica" } else { "" }
        )
    });
    let state = if server.is_up() { "can be reached" } else { "cannot be reached" };
    format!("{} {state}{about}", server.name)
}

fn in_short(snapshot: &Snapshot) -> String {
    let count =
        |wanted| snapshot.findings.told().filter(|f| f.candidate.severity == wanted).count();
    let (critical, warnings) = (count(Severity::Critical), count(Severity::Warning));
    let dearest = snapshot
        .findings
        .told()
        .filter_map(|finding| Some((finding.candidate.cost_seconds_per_day?, finding)))
        .max_by(|(a, _), (b, _)| a.total_cmp(b));
    let mut text = match (critical, warnings) {
        (0, 0) => "Nothing is wrong, as far as the rules see.".to_owned(),
        (0, n) => format!(
            "{} time or will; nothing stops people from working.",
            counted(n, "thing costs", "things cost")
        ),
        (c, n) => format!(
            "{} to; {} time.",
            counted(
                c,
                "thing stops people from working or is about",
                "things stop people from working or are about"
            ),
            counted(n, "more costs", "more cost"),
        ),
    };
    if let Some((cost, finding)) = dearest {
        let _infallible = write!(
            text,
            " The dearest: {} ({}), {} a day.",
            lower_first(finding.about.title),
            finding.candidate.subject,
            Value::Seconds(cost)
        );
    }
    text
}

fn databases(all: Vec<ModuleJson>) -> Vec<Database> {
    let mut by_name: BTreeMap<String, Vec<Module>> = BTreeMap::new();
    for module in all {
        let is_idle = module.statement_seconds < 1.0 && module.findings.is_empty();
        if is_idle || module.datname.is_empty() {
            continue;
        }
        let named = format!("{} on {}", module.datname, module.server);
        let modules = by_name.entry(named).or_default();
        if modules.len() < MODULES {
            modules.push(Module::of(&module));
        }
    }
    by_name.into_iter().map(|(name, modules)| Database { name, modules }).collect()
}

impl Module {
    fn of(module: &ModuleJson) -> Self {
        let findings: Vec<String> =
            module.findings.iter().map(|(severity, count)| format!("{count} {severity}")).collect();
        let slow = match (module.slow_p50_seconds, module.slow_p99_seconds) {
            (Some(p50), Some(p99)) => {
                format!("{}: half up to {p50} s, 99 % up to {p99} s", module.slow_transactions)
            }
            _ => String::new(),
        };
        Self {
            name: module.module.to_string(),
            share: format!("{:.0} %", 100.0 * module.statement_share),
            seconds: format!("{:.0}", module.statement_seconds),
            blocked: format!("{:.0}", module.blocked_seconds),
            slow,
            grows: module.bytes_per_day.map_or_else(String::new, |bytes| {
                format!("{:+.1} MiB", bytes / f64::from(1 << 20))
            }),
            findings: findings.join(", "),
        }
    }
}

fn integrations(snapshot: &Snapshot) -> Vec<Integration> {
    let prints = || snapshot.servers.iter().map(|server| &server.activity.footprints);
    let of = |of: &crate::track::calls::OfView| Integration {
        name: of.name.to_string(),
        calls: of.calls(),
        failed: format!("{:.1} %", 100.0 * of.failed() as f64 / (of.calls().max(1) as f64)),
        p99: of.percentiles.map_or_else(String::new, |[_, _, p99, _]| format!("{p99:.2} s")),
        blocking: format!(
            "{:.0}",
            prints()
                .filter_map(|prints| prints.blocking.get(&of.name))
                .sum::<Duration>()
                .as_secs_f64()
        ),
        breaches: prints()
            .flat_map(|prints| prints.breaches.iter())
            .filter(|(key, _)| key.integration == of.name)
            .map(|(_, count)| *count)
            .sum(),
    };
    snapshot.calls.integrations.iter().map(of).collect()
}

/// Indexes that the advisor suggests, and what has become of those that somebody made.
fn suggestions(snapshot: &Snapshot) -> Vec<String> {
    let all = snapshot.servers.iter().flat_map(|server| server.suggestions.singly());
    all.take(WORST)
        .map(|line| {
            let saves = match line.saved_seconds_per_day {
                saved if saved >= 1.0 => format!(", saves {} a day", Value::Seconds(saved)),
                _ => String::new(),
            };
            format!("{} ({}{saves}): {}", line.table, line.state.name(), line.ddl.join(" "))
        })
        .collect()
}

fn changes(snapshot: &Snapshot) -> Vec<String> {
    let week = &snapshot.findings.week;
    let mut lines = vec![format!(
        "{} opened and {} closed in the last seven days",
        counted(week.opened, "finding", "findings"),
        week.closed
    )];
    for database in &week.databases {
        let now = Value::Seconds(database.seconds_per_day);
        let name = format!("{} on {}", database.datname, database.server);
        lines.push(match database.before {
            Some(before) => format!(
                "{name}: statements take {now} a day, {} the week before ({:+.0} %)",
                Value::Seconds(before),
                100.0 * (database.seconds_per_day / before.max(1e-9) - 1.0)
            ),
            None => format!("{name}: statements take {now} a day; the week before is not known"),
        });
    }
    lines
}

impl Page {
    fn markdown(&self) -> String {
        let mut out = format!("# The ERP's database, {}\n\n", self.at);
        self.servers.iter().for_each(|server| line(&mut out, &format!("- {server}")));
        let _infallible = write!(out, "\n{}\n", self.in_short);
        for database in &self.databases {
            let _infallible = write!(
                out,
                "\n## Modules of {}, since the agent's start\n\n\
                 | module | share of time | seconds | waited for locks, s | slow transactions | grows by, a day | findings |\n\
                 |---|---:|---:|---:|---|---:|---|\n",
                database.name
            );
            for m in &database.modules {
                let (name, share, seconds) = (&m.name, &m.share, &m.seconds);
                let rest = format!("{} | {} | {} | {}", m.blocked, m.slow, m.grows, m.findings);
                line(&mut out, &format!("| {name} | {share} | {seconds} | {rest} |"));
            }
        }
        if !self.integrations.is_empty() {
            out.push_str(
                "\n## Integrations, since the agent's start\n\n\
                 | integration | calls | failed | p99 | made others wait, s | writes of what is not its own |\n\
                 |---|---:|---:|---:|---:|---:|\n",
            );
            for i in &self.integrations {
                let first = format!("| {} | {} | {} | {}", i.name, i.calls, i.failed, i.p99);
                line(&mut out, &format!("{first} | {} | {} |", i.blocking, i.breaches));
            }
        }
        out.push_str("\n## What is worst\n");
        if self.worst.is_empty() {
            out.push_str("\nNothing.\n");
        }
        for finding in &self.worst {
            let _infallible = write!(
                out,
                "\n### {}: {} ({})\n\n{}{}. Module: {}.\n\n{}\n\n",
                finding.title,
                finding.subject,
                finding.severity,
                finding.summary,
                finding
                    .cost_seconds_per_day
                    .map_or_else(String::new, |cost| format!(" ({} a day)", Value::Seconds(cost))),
                finding.module,
                finding.explanation,
            );
            for (index, step) in finding.steps.iter().enumerate() {
                line(&mut out, &format!("{}. {step}", index + 1));
            }
        }
        if self.more > 0 {
            let _infallible = write!(out, "\nAnd {} more: `erpscope findings`.\n", self.more);
        }
        if !self.suggestions.is_empty() {
            out.push_str("\n## Indexes that the advisor suggests, and what became of them\n\n");
            self.suggestions.iter().for_each(|one| line(&mut out, &format!("- {one}")));
        }
        out.push_str("\n## What has changed\n\n");
        self.changes.iter().for_each(|change| line(&mut out, &format!("- {change}")));
        out
    }
}

fn line(out: &mut String, text: &str) {
    out.push_str(text);
    out.push('\n');
}

fn lower_first(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or_else(String::new, |first| first.to_lowercase().chain(chars).collect())
}
