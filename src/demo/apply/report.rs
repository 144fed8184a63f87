//! What the second load did better, for the terminal: lines of at most a hundred columns.

use std::fmt::Write;

use super::affected::Affected;
use super::compare::{Compared, OfLoad, Verdict};
use crate::advise::advice::Advice;

/// Columns of a line.
const WIDTH: usize = 100;

/// Share of the time that waits for locks must be to be called the most of it.
const MOST: f64 = 0.5;

/// What was suggested, and whom it helps.
pub(super) fn suggestions(advice: &Advice, affected: &Affected, grown: i64) -> String {
    let mut text = format!(
        "\nwhat was suggested and run, with the share of all statements' time that it was to save\n\
         (the planner's estimate; {:.1} % of that time was understood):\n",
        advice.understood_share * 100.0
    );
    let mut estimated = 0.0;
    for suggestion in &advice.suggestions {
        estimated += suggestion.size_bytes;
        let share = 100.0 * suggestion.saved_seconds_per_day
            / advice.seconds_per_day.max(f64::MIN_POSITIVE);
        for (at, ddl) in suggestion.ddl.iter().enumerate() {
            let lead = if at == 0 { format!("{share:6.1} %  ") } else { " ".repeat(10) };
            let _infallible = writeln!(text, "{lead}{}", wrapped(ddl, 10));
        }
        let workers = affected.by(suggestion);
        let whom =
            if workers.is_empty() { "none of the workers".to_owned() } else { workers.join(", ") };
        let _infallible = writeln!(
            text,
            "          for {whom}; {:.1} MB; checked by {}",
            suggestion.size_bytes / 1e6,
            suggestion.checked_by
        );
    }
    let _infallible = write!(
        text,
        "together they were to take {:.1} MB, and took {:.1} MB",
        estimated / 1e6,
        grown as f64 / 1e6
    );
    text
}

/// Breaks a statement at spaces; the lines after the first are indented.
fn wrapped(text: &str, indent: usize) -> String {
    let mut out = String::new();
    let mut column = indent;
    for word in text.split(' ') {
        if column > indent && column + 1 + word.len() > WIDTH {
            let _infallible = write!(out, "\n{}", " ".repeat(indent + 2));
            column = indent + 2;
        } else if column > indent {
            out.push(' ');
            column += 1;
        }
        out.push_str(word);
        column += word.len();
    }
    out
}

/// Each worker before and after, and all that a suggestion helps together.
pub(super) fn workers(compared: &[Compared], affected: &Affected) -> String {
    let mut text = String::from(
        "\ntime of a transaction at the client, thinking aside: means of the turns that both loads reached\n\
         \n                     turns   mean ms                  less       waits for locks, ms\n\
         worker            compared    before     after        (95 %)     before     after\n",
    );
    for worker in compared {
        line(&mut text, worker, affected.is_affected(worker.application));
    }
    text.push_str("* a suggestion helps one of its statements\n\n");
    let helped: Vec<&Compared> =
        compared.iter().filter(|worker| affected.is_affected(worker.application)).collect();
    together(&mut text, "the workers with *", &helped);
    together(&mut text, "all workers", &compared.iter().collect::<Vec<_>>());
    let names = |verdict| -> Vec<&str> {
        let found = compared.iter().filter(|worker| worker.verdict() == verdict);
        found.map(|worker| worker.application).collect()
    };
    let slower = names(Verdict::Slower);
    if slower.is_empty() {
        text.push_str("no worker became slower beyond the noise");
    } else {
        let _infallible = write!(text, "slower, beyond the noise: {}", slower.join(", "));
    }
    let few = names(Verdict::TooFew);
    if !few.is_empty() {
        let _infallible =
            write!(text, "\ntoo few turns to tell: {} (more --seconds help)", few.join(", "));
    }
    text
}

fn line(text: &mut String, worker: &Compared, is_affected: bool) {
    let [before, after] = worker.loads.map(|load| 1e3 * load.waits / per(load));
    let change = match (worker.verdict(), worker.uncertain) {
        (Verdict::TooFew, _) | (_, None) => "too few".to_owned(),
        (Verdict::Equal, Some(_)) => "equal".to_owned(),
        (_, Some(half)) => format!(
            "{:.0} ± {:.0} %",
            100.0 * less(worker.before, worker.after),
            100.0 * half / worker.before.max(f64::MIN_POSITIVE)
        ),
    };
    let _infallible = writeln!(
        text,
        "{:<18}{:>8}  {:>8.1}  {:>8.1}{} {:>12}   {before:>8.1}  {after:>8.1}",
        worker.application,
        worker.turns,
        1e3 * worker.before,
        1e3 * worker.after,
        if is_affected { " *" } else { "  " },
        change,
    );
}

fn per(load: OfLoad) -> f64 {
    load.turns.max(1) as f64
}

fn less(before: f64, after: f64) -> f64 {
    1.0 - after / before.max(f64::MIN_POSITIVE)
}

/// Workers as one: each turn counts alike.
fn together(text: &mut String, who: &str, workers: &[&Compared]) {
    let turns: usize = workers.iter().map(|worker| worker.turns).sum();
    let mean = |of: fn(&Compared) -> f64| {
        let sum: f64 = workers.iter().map(|worker| worker.turns as f64 * of(worker)).sum();
        1e3 * sum / turns.max(1) as f64
    };
    let (before, after) = (mean(|worker| worker.before), mean(|worker| worker.after));
    let [first, second] = [0, 1].map(|at| sum(workers, at));
    let work = |load: OfLoad| 1e3 * (load.seconds - load.waits).max(0.0) / per(load);
    let _infallible = writeln!(
        text,
        "{who}: {before:.1} ms before, {after:.1} ms after: {:.0} % less\n  \
         waits for locks aside: {:.1} ms before, {:.1} ms after: {:.0} % less\n  \
         transactions in the same time: {} before ({} failed), {} after ({} failed)",
        100.0 * less(before, after),
        work(first),
        work(second),
        100.0 * less(work(first), work(second)),
        first.turns,
        first.failures,
        second.turns,
        second.failures,
    );
    let share = second.waits / second.seconds.max(f64::MIN_POSITIVE);
    if share > MOST {
        let _infallible = writeln!(
            text,
            "  {:.0} % of what is left is waiting for locks, which no index mends",
            100.0 * share
        );
    }
}

fn sum(workers: &[&Compared], at: usize) -> OfLoad {
    let loads = workers.iter().filter_map(|worker| worker.loads.get(at));
    loads.fold(OfLoad::default(), |sum, load| OfLoad {
        turns: sum.turns + load.turns,
        failures: sum.failures + load.failures,
        seconds: sum.seconds + load.seconds,
        waits: sum.waits + load.waits,
    })
}
