//! Kept or regressed: what the figures of an applied suggestion mean.

use super::line::{Line, Stage};
use super::measure::{Compared, Measured, WINDOW, is_of_table, measure, measure_writers};
use super::past::Past;
use super::{Look, done, same};

/// Before a day is over nobody knows what its night jobs say.
const DAY: i64 = 86_400;
/// How long it is measured.
const WATCHED: i64 = WINDOW;
/// Nothing has used an index if its scans are known for that share of the time.
const LEAST_LOOKED: f64 = 0.8;

/// Whether it is still measured what it brings. What has no verdict waits for one, however long nobody could say it.
pub(super) fn is_watched(line: &Line, now: i64) -> bool {
    match line.state {
        Stage::Applied | Stage::Measured => line.applied_at.is_some(),
        // The last hours of the last day come late.
        state => state.is_done() && line.applied_at.is_some_and(|at| now - at <= WATCHED + DAY),
    }
}

/// Whether its time of measuring is not over.
pub(super) fn is_young(line: &Line, now: i64) -> bool {
    line.applied_at.is_some_and(|at| now - at < WATCHED)
}

/// Measures it anew and says what that means.
pub(super) fn judge(line: &mut Line, past: &Past, look: &Look<'_>) {
    let now = look.now;
    let Some(applied_at) = line.applied_at else { return };
    let scans = past.scans_of(&done::scanned(line, look.catalog));
    if let Some(mut measured) = measure(line, past, now) {
        measured.index_scans = scans;
        line.measured_at = line.measured_at.or(Some(now));
        line.measured = Some(measured);
    }
    let age = now - applied_at;
    if let Some(reason) = harm(line, past, scans, look) {
        line.state = Stage::Regressed;
        line.reason = Some(reason);
        return;
    }
    line.state = match &line.measured {
        Some(measured) if age >= DAY && measured.helped.is_faster() => Stage::Kept,
        _ if age >= WATCHED => Stage::Kept,
        Some(_) => Stage::Measured,
        None => Stage::Applied,
    };
    line.reason = (line.state == Stage::Kept && is_of_table(line)).then(|| harmless(line));
}

/// Why it is worse than nothing, if it is.
fn harm(line: &Line, past: &Past, scans: Option<u64>, look: &Look<'_>) -> Option<String> {
    if is_of_table(line) {
        return line.measured.as_ref().and_then(|measured| slower(line, measured));
    }
    let overall = line.measured.as_ref().and_then(|measured| measured.overall.as_ref());
    if let Some(overall) = overall.filter(|overall| overall.is_slower()) {
        return Some(format!(
            "the statements that it was to help and those that write to {} take {} than before",
            line.table,
            more(overall)
        ));
    }
    if !is_unused(line, past, scans, look) {
        return None;
    }
    let writers = measure_writers(line, past, look.now);
    if let Some(writers) = writers.filter(Compared::is_slower) {
        let (table, more) = (&line.table, more(&writers));
        return Some(format!("nothing has used it, and writes to {table} take {more} than before"));
    }
    let is_written = past.writers_of(&line.table).next().is_some();
    (!is_young(line, look.now) && is_written).then(|| {
        format!("nothing has used it in {} days, and each write pays for it", WATCHED / DAY)
    })
}

/// Whether nothing has used its index, and somebody would know: the history knows its scans for most of the time since, and
/// the server, whose counter also has what happened while nobody looked, has counted none.
fn is_unused(line: &Line, past: &Past, scans: Option<u64>, look: &Look<'_>) -> bool {
    let looked = past.looked.get(&line.id).copied().unwrap_or(0.0);
    let table = line.relation().and_then(|(schema, name)| look.catalog.table(&schema, &name));
    let is_counted = line
        .index
        .as_ref()
        .zip(table)
        .is_some_and(|(index, table)| same::is_scanned(index, table, look.catalog));
    scans == Some(0) && looked >= LEAST_LOOKED && !is_counted
}

/// Of what is measured by its table: which statements have become slower, if any have.
fn slower(line: &Line, measured: &Measured) -> Option<String> {
    if let Some(alone) = &measured.slower {
        let (queryid, more) = (&alone.queryid, more(&alone.compared));
        return Some(format!(
            "the statement with queryid {queryid}, which names {}, takes {more} than before",
            line.table
        ));
    }
    measured.helped.is_slower().then(|| {
        format!(
            "the statements that name {} take {} than before",
            line.table,
            more(&measured.helped)
        )
    })
}

/// Why what is measured by its table is kept: what was compared.
fn harmless(line: &Line) -> String {
    let table = &line.table;
    match &line.measured {
        Some(measured) => format!(
            "nothing became slower: {} of the statements that name {table} ran before and since ({} calls since), and chance \
             aside neither one of them takes half as much time again nor all together a twentieth more",
            measured.statements.len(),
            measured.helped.calls_after
        ),
        None => format!(
            "nothing could be compared: no statement that names {table} ran often enough before and since"
        ),
    }
}

fn more(compared: &Compared) -> String {
    format!(
        "{:.0} % more time (p = {:.4})",
        (1.0 / compared.speedup - 1.0) * 100.0,
        compared.p_value
    )
}
