//! Advice for people: a table, Markdown for a ticket, SQL for a migration.

use std::fmt::Write;

use super::advice::Advice;
use super::command::Answer;
use super::joins;
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
        if advice.creates().next().is_none() {
            out.push_str("\nno new index is worth its keep\n");
        } else {
            let _infallible = writeln!(
                out,
                "\n{:<20} {:>12} {:>10} {:>9} {:<12} {:<10} index",
                "create", "saves s/day", "writes s", "size MB", "module", "confidence"
            );
        }
        for s in advice.creates() {
            let _infallible = writeln!(
                out,
                "{:<20} {:>12.1} {:>10.1} {:>9.1} {:<12} {:<10} {}{}",
                s.id,
                s.saved_seconds_per_day,
                s.upkeep_seconds_per_day,
                s.size_bytes / 1e6,
                s.module,
                s.confidence.name(),
                s.ddl.first().map_or("", String::as_str),
                if s.checked_by == "reasoned" { "   (reasoned)" } else { "" }
            );
        }
        if advice.others().next().is_some() {
            let _infallible = writeln!(
                out,
                "\n{:<21} {:>9} {:>12} {:<12} {:<10} {:<10} what to run",
                "drop or rebuild", "frees MB", "writes s/day", "module", "confidence", "why"
            );
        }
        for s in advice.others() {
            let _infallible = writeln!(
                out,
                "{:<21} {:>9.1} {:>12.1} {:<12} {:<10} {:<10} {}{}",
                s.id,
                s.size_bytes / 1e6,
                s.saved_seconds_per_day,
                s.module,
                s.confidence.name(),
                s.reason,
                s.ddl.first().map_or("", String::as_str),
                s.after.as_ref().map_or_else(String::new, |id| format!("   (after {id})"))
            );
        }
        out.push_str(&joins::table(&advice.bad_joins));
        footer(&mut out, advice);
        out
    }

    /// For a ticket.
    #[must_use]
    pub fn markdown(&self) -> String {
        let Self::Advised { server, source, advice } = self else { return self.failure() };
        let mut out = format!("## {}", headline(server, source, advice));
        for s in advice.creates() {
            ticket(&mut out, s);
        }
        if advice.others().next().is_some() {
            out.push_str("\n## To drop or rebuild\n");
        }
        for s in advice.others() {
            ticket(&mut out, s);
        }
        out.push_str(&joins::markdown(&advice.bad_joins));
        footer(&mut out, advice);
        out
    }

    /// For a migration: every line can be run as it is, outside of a transaction. What drops or rebuilds
    /// is there as a comment, the safest first: somebody has to want it.
    #[must_use]
    pub fn sql(&self) -> String {
        let Self::Advised { server, source, advice } = self else {
            return commented(&self.failure());
        };
        let mut out = commented(&headline(server, source, advice));
        for s in advice.creates() {
            let text = format!("{}: {}\nundo: {}", s.id, s.explanation, undo(s, "\n      "));
            let _infallible = write!(out, "\n{}{};\n", commented(&text), s.ddl.join(";\n"));
        }
        if advice.others().next().is_some() {
            out.push_str(
                "\n-- To drop or rebuild. One at a time, the safest first, each with a day to see what it changes; take \
                 away the\n-- two dashes of what you want.\n",
            );
        }
        for s in advice.others() {
            let warnings: String =
                s.warnings.iter().fold(String::new(), |text, warning| text + "\nmind: " + warning);
            let text = format!(
                "{} ({}, confidence {}): {}{warnings}\nundo: {}",
                s.id,
                s.reason,
                s.confidence.name(),
                s.explanation,
                undo(s, "\n      ")
            );
            let ddl = format!("{};", s.ddl.join(";\n"));
            let _infallible = write!(out, "\n{}{}", commented(&text), commented(&ddl));
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

impl Advice {
    /// What to create.
    fn creates(&self) -> impl Iterator<Item = &Suggestion> {
        self.suggestions.iter().filter(|suggestion| suggestion.action == "create")
    }

    /// What to drop or rebuild.
    fn others(&self) -> impl Iterator<Item = &Suggestion> {
        self.suggestions.iter().filter(|suggestion| suggestion.action != "create")
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

fn ticket(out: &mut String, s: &Suggestion) {
    let _infallible = write!(
        out,
        "\n### {} ({}, {}, module {}, confidence {}, checked by {})\n\n{}\n\n```sql\n{};\n```\n\nUndo: {}\n",
        s.index.as_ref().unwrap_or(&s.table),
        s.id,
        s.reason,
        s.module,
        s.confidence.name(),
        s.checked_by,
        s.explanation,
        s.ddl.join(";\n"),
        if s.undo.is_empty() { undo(s, "") } else { format!("`{}`", undo(s, "` `")) }
    );
    for warning in &s.warnings {
        let _infallible = write!(out, "\n- {warning}");
    }
    if !s.warnings.is_empty() {
        out.push('\n');
    }
}

fn undo(s: &Suggestion, between: &str) -> String {
    if s.undo.is_empty() {
        "none is needed".to_owned()
    } else {
        s.undo.join(&format!(";{between}")) + ";"
    }
}

fn explained(s: &Suggestion) -> String {
    let mut out = format!(
        "{} on {} (module {}): {}\n\n{}\n\n  {};\n\nundo\n  {}\n\n",
        s.id,
        s.index.as_ref().unwrap_or(&s.table),
        s.module,
        s.reason,
        s.explanation,
        s.ddl.join(";\n  "),
        undo(s, "\n  ")
    );
    let _infallible =
        write!(out, "checked by {}; confidence {}; ", s.checked_by, s.confidence.name());
    let megabytes = s.size_bytes / 1e6;
    let _infallible = match s.action {
        "create" => writeln!(
            out,
            "{megabytes:.1} MB; building it takes about {:.0} s; saves {:.1} s a day, costs {:.1} s a day at writes",
            s.build_seconds.max(1.0),
            s.saved_seconds_per_day,
            s.upkeep_seconds_per_day
        ),
        "reindex" => writeln!(
            out,
            "gives back {megabytes:.1} MB; building it takes about {:.0} s",
            s.build_seconds.max(1.0)
        ),
        _ => writeln!(
            out,
            "gives back {megabytes:.1} MB; writes take {:.1} s a day less",
            s.saved_seconds_per_day
        ),
    };
    if let Some(id) = &s.after {
        let _infallible = writeln!(out, "only after {id}");
    }
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

/// Neither a line feed nor a carriage return in a name must end the comment: for PostgreSQL both do.
fn commented(text: &str) -> String {
    let lines = text.trim_end_matches(['\n', '\r']).split(['\n', '\r']);
    lines.fold(String::new(), |out, line| out + "-- " + line + "\n")
}

#[cfg(test)]
mod tests {
    use super::commented;

    #[test]
    fn no_name_ends_a_comment() {
        let text = "drop x\rcreate table y;\r\n--\nz\n";
        let lines = "-- drop x\n-- create table y;\n-- \n-- --\n-- z\n";
        assert_eq!(commented(text), lines);
    }
}
