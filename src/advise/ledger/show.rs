//! The ledger for people: a table for the terminal, Markdown for a ticket.

use std::fmt::Write;

use super::line::{Line, moment_text};
use crate::advise::suggestion::Confidence;

/// For the terminal.
#[must_use]
pub fn table(lines: &[Line]) -> String {
    if lines.is_empty() {
        return "nothing was suggested yet\n".to_owned();
    }
    let mut out = String::new();
    let _infallible = writeln!(
        out,
        "{:<24} {:<8} {:<10} {:<10} {:<10} {:<20} {:<20} {:>17} {:>19} {:>8} {:>9}  {:<24} ddl",
        "id",
        "action",
        "why",
        "confidence",
        "state",
        "suggested",
        "applied",
        "calls",
        "mean ms",
        "faster",
        "estimated",
        "table"
    );
    for line in lines {
        let measured = line.measured.as_ref().map(|measured| &measured.helped);
        let of = |text: Option<String>| text.unwrap_or_else(|| "-".to_owned());
        let _infallible = writeln!(
            out,
            "{:<24} {:<8} {:<10} {:<10} {:<10} {:<20} {:<20} {:>17} {:>19} {:>8} {:>9}  {:<24} {}",
            line.id,
            line.action,
            line.cause.as_deref().unwrap_or("-"),
            line.confidence.map_or("-", Confidence::name),
            line.state.name(),
            moment_text(line.suggested_at),
            of(line.applied_at.map(moment_text)),
            of(measured.map(|m| format!("{} -> {}", m.calls_before, m.calls_after))),
            of(measured.map(|m| format!(
                "{} -> {}",
                milliseconds(m.mean_before_seconds),
                milliseconds(m.mean_after_seconds)
            ))),
            of(measured.map(|m| factor(m.speedup))),
            of(line.estimated_speedup.map(factor)),
            format!("{}/{}", line.datname, line.table),
            line.ddl.first().map_or("", String::as_str),
        );
        for note in notes(line) {
            let _infallible = writeln!(out, "{:<24} {note}", "");
        }
    }
    out
}

/// For a ticket.
#[must_use]
pub fn markdown(lines: &[Line]) -> String {
    let mut out = "## The ledger of suggestions\n".to_owned();
    if lines.is_empty() {
        out.push_str("\nNothing was suggested yet.\n");
    }
    for line in lines {
        let _infallible = write!(
            out,
            "\n### {}: {} ({}, {}/{}, module {})\n\n```sql\n{};\n```\n\nUndo: {}\n\n- suggested {}{}\n",
            line.id,
            line.state.name(),
            line.action,
            line.server,
            line.datname,
            line.module,
            line.ddl.join(";\n"),
            if line.undo.is_empty() { "not needed".to_owned() } else { format!("`{}`", line.undo) },
            moment_text(line.suggested_at),
            why(line),
        );
        if let Some(applied) = line.applied_at {
            let name =
                line.applied_as.as_ref().map_or_else(String::new, |name| format!(" as `{name}`"));
            let _infallible = writeln!(out, "- applied {}{name}", moment_text(applied));
        }
        if let (Some(at), Some(measured)) = (line.measured_at, &line.measured) {
            let helped = &measured.helped;
            let _infallible = writeln!(
                out,
                "- measured {}: {} ms a call before ({} calls in {} hours), {} ms after ({} calls in {} hours): {}, p = {:.4}; estimated {}",
                moment_text(at),
                milliseconds(helped.mean_before_seconds),
                helped.calls_before,
                helped.hours_before,
                milliseconds(helped.mean_after_seconds),
                helped.calls_after,
                helped.hours_after,
                factor(helped.speedup),
                helped.p_value,
                line.estimated_speedup.map_or_else(|| "-".to_owned(), factor),
            );
        }
        for note in notes(line) {
            let _infallible = writeln!(out, "- {note}");
        }
    }
    out
}

/// Why it is suggested, as far as that was kept.
fn why(line: &Line) -> String {
    let cause = line.cause.as_ref().map(|cause| format!(", why: {cause}"));
    let confidence = line.confidence.map(|it| format!(", confidence: {}", it.name()));
    cause.into_iter().chain(confidence).collect()
}

fn notes(line: &Line) -> Vec<String> {
    let mut notes: Vec<String> = line.reason.iter().cloned().collect();
    if let Some(first) = line.after.as_ref().filter(|_| !line.state.is_done()) {
        notes.push(format!("not before {first} is carried out"));
    }
    if let Some((there, all)) = line.applied_parts {
        notes.push(format!("it is on {there} of {all} partitions"));
    }
    let together = line.measured.iter().flat_map(|measured| &measured.together_with);
    let together: Vec<&str> = together.map(String::as_str).collect();
    if !together.is_empty() {
        notes.push(format!("measured together with {}", together.join(", ")));
    }
    notes
}

fn milliseconds(seconds: f64) -> String {
    let milliseconds = seconds * 1e3;
    if milliseconds < 10.0 { format!("{milliseconds:.3}") } else { format!("{milliseconds:.1}") }
}

fn factor(speedup: f64) -> String {
    if speedup < 10.0 { format!("{speedup:.2}x") } else { format!("{speedup:.0}x") }
}
