//! Bad joins for the terminal and for a ticket.

use std::fmt::Write;

use super::{BadJoin, Terms};

/// Joins that are listed.
const LISTED: usize = 10;

/// Those that are worth telling, as lines; nothing if there are none.
#[must_use]
pub fn table(joins: &[BadJoin]) -> String {
    let told = told(joins);
    let mut out = String::new();
    if told.is_empty() {
        return out;
    }
    let _infallible =
        writeln!(out, "\n{:>9} {:<12} {:<60} what is wrong", "s/day", "module", "bad join");
    for join in told.iter().take(LISTED) {
        let _infallible = writeln!(
            out,
            "{:>9.1} {:<12} {:<60} {}",
            join.seconds_per_day,
            join.module,
            join.subject(),
            join.sign
        );
    }
    out + &rest(told.len())
}

/// The same as Markdown, with what to run.
#[must_use]
pub fn markdown(joins: &[BadJoin]) -> String {
    let told = told(joins);
    let mut out = String::new();
    if told.is_empty() {
        return out;
    }
    out.push_str("\n## Bad joins\n");
    for join in told.iter().take(LISTED) {
        let _infallible = write!(
            out,
            "\n### {} (module {})\n\n{:.1} s a day in {} statement(s): {}\n",
            join.subject(),
            join.module,
            join.seconds_per_day,
            join.statements_total,
            join.sign
        );
        if !join.sql.is_empty() {
            let _infallible = write!(out, "\n```sql\n{}\n```\n", join.sql.join("\n"));
        }
    }
    out + &rest(told.len())
}

fn told(joins: &[BadJoin]) -> Vec<&BadJoin> {
    let terms = Terms::default();
    joins.iter().filter(|join| join.is_told(&terms)).collect()
}

fn rest(told: usize) -> String {
    let rest = told.saturating_sub(LISTED);
    if rest == 0 { String::new() } else { format!("and {rest} more, see `--format json`\n") }
}
