//! Findings for the terminal and for tickets: a table, Markdown, everything about one.

use std::fmt::Write;

use super::json::{FindingJson, FindingsPage};
use crate::track::findings::Value;

/// Characters of a summary in the table.
const SUMMARY: usize = 110;

/// One line each, the worst first.
#[must_use]
pub fn table(page: &FindingsPage) -> String {
    let mut out = String::new();
    if page.findings.is_empty() {
        out.push_str("nothing is wrong, as far as the rules see\n");
    } else {
        let _infallible =
            writeln!(out, "{:<10} {:>9}  {:<13} {:<24} WHAT", "SEVERITY", "S/DAY", "MODULE", "ID");
    }
    for finding in &page.findings {
        let severity = if finding.muted.is_some() { "muted" } else { &finding.severity };
        let _infallible = writeln!(
            out,
            "{severity:<10} {:>9}  {:<13} {}\n{:36}{}",
            cost(finding),
            finding.module,
            finding.id,
            "",
            cut(&format!("{}: {}", finding.subject, finding.summary), SUMMARY),
        );
    }
    notes(&mut out, page);
    out
}

/// For a ticket or a chat.
#[must_use]
pub fn markdown(page: &FindingsPage) -> String {
    let mut out = String::from(
        "| severity | s/day | module | subject | what | id |\n|---|---:|---|---|---|---|\n",
    );
    for finding in &page.findings {
        let severity = if finding.muted.is_some() { "muted" } else { &finding.severity };
        let _infallible = writeln!(
            out,
            "| {severity} | {} | {} | {} | {} | {} |",
            cost(finding),
            cell(&finding.module),
            cell(&finding.subject),
            cell(&finding.summary),
            finding.id
        );
    }
    notes(&mut out, page);
    out
}

/// Everything about one.
#[must_use]
pub fn explain(finding: &FindingJson) -> String {
    let mut out = format!(
        "{} ({})\n{}\n\n{}\n\n",
        finding.title, finding.severity, finding.summary, finding.explanation
    );
    let place = [("server", &finding.server), ("database", &finding.datname)];
    for (name, value) in place.into_iter().filter(|(_, value)| !value.is_empty()) {
        let _infallible = writeln!(out, "{name}: {value}");
    }
    let _infallible = writeln!(out, "module: {}\nopen since: {}", finding.module, finding.opened);
    if let Some(reason) = &finding.muted {
        let _infallible = writeln!(out, "muted: {reason}");
    }
    if let Some(cost) = finding.cost_seconds_per_day {
        let cost = Value::Seconds(cost);
        let _infallible = writeln!(out, "it takes {cost} a day, which mending gives back at most");
    }
    out.push_str("\nEvidence\n");
    for fact in &finding.evidence {
        let _infallible = writeln!(out, "  {}: {}", fact.key.replace('_', " "), fact.text);
    }
    out.push_str("\nWhat to do\n");
    for (index, step) in finding.steps.iter().enumerate() {
        let _infallible = writeln!(out, "  {}. {step}", index + 1);
    }
    if !finding.sql.is_empty() {
        out.push_str("\nSQL, for a person to run\n");
        finding.sql.iter().for_each(|sql| {
            let _infallible = writeln!(out, "  {sql}");
        });
    }
    let _infallible = writeln!(out, "\nRunbook: {}", finding.runbook);
    out
}

fn notes(out: &mut String, page: &FindingsPage) {
    if page.judged.is_none() {
        out.push_str("\nthe rules have not looked yet\n");
    }
    if page.left_out > 0 {
        let _infallible = writeln!(out, "\nand {} more, which are not kept", page.left_out);
    }
    for rule in &page.rules_off {
        let why = rule.detail.as_deref().unwrap_or("the config wants it so");
        let _infallible = writeln!(out, "\nrule {} is off ({}): {why}", rule.rule, rule.state);
    }
    for mute in &page.expired_mutes {
        let _infallible = writeln!(out, "\na mute is over: {mute}");
    }
}

fn cost(finding: &FindingJson) -> String {
    finding.cost_seconds_per_day.map_or_else(String::new, |cost| format!("{cost:.0}"))
}

fn cell(text: &str) -> String {
    text.replace('|', "\\|").replace('\n', " ")
}

fn cut(text: &str, most: usize) -> String {
    if text.chars().count() <= most {
        return text.to_owned();
    }
    text.chars().take(most - 1).chain(['…']).collect()
}
