//! Advice for people: a table, Markdown for a ticket, SQL for a migration.

use std::fmt::Write;

use super::advice::Advice;
use super::command::Answer;
use super::suggestion::Suggestion;

/// Reasons for skipping that are listed.
const REASONS: usize = 5;

/// Statements of one suggestion that are listed.
const HELPED: usize = 5;

impl Answer {
    /// Whether there is an advice.
    #[must_use]
    pub fn is_advised(&self) -> bool {
        matches!(self, Self::Advised { .. })
    }

    /// For the terminal.
    #[must_use]
    pub fn table(&self) -> String {
        let Self::Advised { server, source, advice } = self else { return self.failure() };
        let mut out = headline(server, source, advice);
        if advice.suggestions.is_empty() {
            out.push_str("\nno index is worth its keep\n");
        } else {
            let _infallible = writeln!(
                out,
                "\n{:<20} {:>12} {:>10} {:>9} {:<12} index",
                "id", "saves s/day", "writes s", "size MB", "module"
            );
        }
        for s in &advice.suggestions {
            let _infallible = writeln!(
                out,
                "{:<20} {:>12.1} {:>10.1} {:>9.1} {:<12} {}",
                s.id,
                s.saved_seconds_per_day,
                s.upkeep_seconds_per_day,
                s.size_bytes / 1e6,
                s.module,
                s.ddl.first().map_or("", String::as_str)
            );
        }
        footer(&mut out, advice);
        out
    }

    /// For a ticket.
    #[must_use]
    pub fn markdown(&self) -> String {
        let Self::Advised { server, source, advice } = self else { return self.failure() };
        let mut out = format!("## {}", headline(server, source, advice));
        for s in &advice.suggestions {
            let _infallible = write!(
                out,
                "\n### {} ({}, module {})\n\n{}\n\n```sql\n{};\n```\n\nUndo: `{}`\n",
                s.table,
                s.id,
                s.module,
                s.explanation,
                s.ddl.join(";\n"),
                s.undo
            );
            for warning in &s.warnings {
                let _infallible = write!(out, "\n- {warning}");
            }
        }
        footer(&mut out, advice);
        out
    }

    /// For a migration: every line can be run as it is, outside of a transaction.
    #[must_use]
    pub fn sql(&self) -> String {
        let Self::Advised { server, source, advice } = self else {
            return commented(&self.failure());
        };
        let mut out = commented(&headline(server, source, advice));
        for s in &advice.suggestions {
            let text = format!("{}: {}\nundo: {};", s.id, s.explanation, s.undo);
            let _infallible = write!(out, "\n{}{};\n", commented(&text), s.ddl.join(";\n"));
        }
        out
    }

    /// Everything about one suggestion, if it is here.
    #[must_use]
    pub fn explain(&self, id: &str) -> Option<String> {
        let Self::Advised { advice, .. } = self else { return None };
        advice.suggestions.iter().find(|s| s.id == id).map(explained)
    }

    fn failure(&self) -> String {
        match self {
            Self::Failed { server, datname, error } => {
                let datname = datname.as_ref().map_or_else(String::new, |name| format!("/{name}"));
                format!("{server}{datname}: {error}\n")
            }
            Self::Advised { .. } => String::new(),
        }
    }
}

fn headline(server: &str, source: &str, advice: &Advice) -> String {
    format!(
        "{server}/{}: {} statements, {:.0} s a day, from {source}; {:.1} % of that time understood\n",
        advice.datname,
        advice.statements,
        advice.seconds_per_day,
        advice.understood_share * 100.0
    )
}

fn footer(out: &mut String, advice: &Advice) {
    out.push('\n');
    for skipped in advice.skipped.iter().take(REASONS) {
        let _infallible = writeln!(
            out,
            "left out: {} statement{} ({:.1} % of the time): {}",
            skipped.statements,
            if skipped.statements == 1 { "" } else { "s" },
            skipped.share_of_load * 100.0,
            skipped.reason
        );
    }
    if advice.skipped.len() > REASONS {
        let _infallible = writeln!(
            out,
            "and {} more reasons, see `--format json`",
            advice.skipped.len() - REASONS
        );
    }
    for note in &advice.notes {
        let _infallible = writeln!(out, "note: {note}");
    }
    let _infallible = writeln!(
        out,
        "the planner was asked {} times, which took it {:.0} ms; nothing was executed",
        advice.what_if_calls, advice.planning_ms
    );
}

fn explained(s: &Suggestion) -> String {
    let mut out = format!(
        "{} on {} (module {})\n\n{}\n\n  {};\n\nundo\n  {};\n\n",
        s.id,
        s.table,
        s.module,
        s.explanation,
        s.ddl.join(";\n  "),
        s.undo
    );
    let _infallible = writeln!(
        out,
        "checked by {}; {:.1} MB; building it takes about {:.0} s",
        s.checked_by,
        s.size_bytes / 1e6,
        s.build_seconds.max(1.0)
    );
    for warning in &s.warnings {
        let _infallible = writeln!(out, "mind: {warning}");
    }
    for helped in s.helps.iter().take(HELPED) {
        let _infallible = writeln!(
            out,
            "\n{:.0} calls and {:.1} s a day, {:.1} % of the time; planner's cost {:.0} -> {:.0}\n  {}",
            helped.calls_per_day,
            helped.seconds_per_day,
            helped.share_of_load * 100.0,
            helped.cost_before,
            helped.cost_after,
            helped.query.split_whitespace().collect::<Vec<_>>().join(" ")
        );
    }
    if s.helps.len() > HELPED {
        let _infallible = writeln!(out, "\nand {} more statements", s.helps.len() - HELPED);
    }
    out
}

/// A line feed in a name must not end the comment.
fn commented(text: &str) -> String {
    text.lines().fold(String::new(), |out, line| out + "-- " + line + "\n")
}
