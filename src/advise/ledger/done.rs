//! Whether what was suggested was done, or is undone: read off the catalog.

use super::line::{Built, Line, Stage};
use super::{Look, same};
use crate::advise::catalog::{Catalog, Index, Kind, Table};
use crate::advise::definition::{identifiers, quote};

/// Looks whether it was done, or is undone.
pub(super) fn check(line: &mut Line, look: &Look<'_>, looked: Option<i64>) {
    let table = line.relation().and_then(|(schema, name)| look.catalog.table(&schema, &name));
    let Some(table) = table else {
        // Its table is gone, and with it all that was on it.
        if !line.state.is_over() {
            let what = format!("the table {} is not there any more", line.table);
            undone(line, what, look.now);
        }
        return;
    };
    let mut parts = None;
    let done = match (&line.index, line.action.as_str()) {
        (Some(definition), "create") => {
            let found = same::find(definition, table, look.catalog);
            let whole = found.as_ref().is_some_and(same::Found::is_whole);
            parts = found.as_ref().filter(|_| !whole).and_then(|found| found.parts);
            if !line.state.is_over() && !line.state.is_done() {
                line.applied_parts = parts;
            }
            found.filter(|_| whole).map(|found| Some(found.names.join(", ")))
        }
        // What was dropped comes back under the name that it had.
        (None, "create") => {
            let index = made(line).and_then(|name| index_of(line, &(None, name), look.catalog));
            let there = index.filter(|index| index.is_valid);
            there.map(|index| Some(format!("{}.{}", quote(&table.schema), quote(&index.name))))
        }
        (_, "drop") => {
            let is_there = |name| index_of(line, &name, look.catalog).is_some();
            (!line.ddl.iter().filter_map(|ddl| target(ddl)).any(is_there)).then_some(None)
        }
        (_, "reindex") => {
            let now = rebuilt(line, look.catalog);
            let is_new = now.is_some_and(|now| now.is_valid && line.built != Some(built(now)));
            // Without what it was, nobody can tell.
            (line.built.is_some() && is_new).then_some(None)
        }
        _ => return,
    };
    match (done, line.state) {
        (Some(name), Stage::Suggested | Stage::Withdrawn) => {
            line.not_applied_at = looked.filter(|at| *at >= line.seen_at).or(Some(line.seen_at));
            line.applied_at = Some(look.now);
            line.applied_as = name;
            (line.applied_parts, line.reason) = (None, None);
            line.state = Stage::Applied;
        }
        (Some(Some(name)), state) if state.is_done() => line.applied_as = Some(name),
        (None, state) if state.is_done() => {
            let what = match (line.action.as_str(), parts) {
                ("drop", _) => "the index is there again".to_owned(),
                (_, Some((there, all))) => {
                    format!("the index is only on {there} of {all} partitions")
                }
                _ => "the index is not there any more".to_owned(),
            };
            undone(line, what, look.now);
        }
        _ => {}
    }
}

/// It is not there any more. That it had made things worse its figures do not always say.
fn undone(line: &mut Line, reason: String, now: i64) {
    if line.state == Stage::Regressed {
        line.taken_back_at = Some(now);
    }
    line.state = Stage::Gone;
    line.reason = Some(reason);
}

/// The file that the index of a line is in now.
pub(super) fn built_now(line: &Line, catalog: &Catalog) -> Option<Built> {
    rebuilt(line, catalog).map(built)
}

/// The index that is to be built again.
fn rebuilt<'a>(line: &Line, catalog: &'a Catalog) -> Option<&'a Index> {
    index_of(line, &target(line.ddl.first()?)?, catalog)
}

/// What the indexes that a line has made are called, as SQL, as far as the server counts their scans: not that of a
/// partitioned table, but those of its parts.
pub(super) fn scanned(line: &Line, catalog: &Catalog) -> Vec<String> {
    let Some((schema, name)) = line.relation() else { return Vec::new() };
    match (&line.index, catalog.table(&schema, &name)) {
        (Some(definition), Some(table)) => same::scanned(definition, table, catalog),
        // One that is made again is known by its name, and its parts are not.
        (None, Some(_)) => {
            let of = catalog.relation(&schema, &name);
            let is_counted = of.is_some_and(|of| of.kind != Kind::Partitioned);
            line.applied_as.iter().filter(|_| is_counted).cloned().collect()
        }
        (_, None) => Vec::new(),
    }
}

fn built(index: &Index) -> Built {
    Built { oid: index.oid, filenode: index.filenode }
}

/// The index that a `drop index`, a `reindex index` or the drop of its constraint names: its schema, if
/// that is named, and name. A constraint's index is called as it is.
fn target(ddl: &str) -> Option<(Option<String>, String)> {
    if let Some((_, constraint)) = ddl.rsplit_once(" drop constraint ") {
        return Some((None, identifiers(constraint)?.pop()?));
    }
    let rest = ddl.strip_prefix("drop index ").or_else(|| ddl.strip_prefix("reindex index "))?;
    let rest = rest.strip_prefix("concurrently ").unwrap_or(rest);
    let mut names = identifiers(rest)?;
    let name = names.pop()?;
    Some((names.pop(), name))
}

/// The name of the index that a `create index` makes, as PostgreSQL prints it or as it is suggested.
fn made(line: &Line) -> Option<String> {
    let of = |ddl: &String| {
        let mut rest = ddl.as_str();
        for word in ["create ", "unique ", "index ", "concurrently "] {
            let is_next =
                rest.get(..word.len()).is_some_and(|head| head.eq_ignore_ascii_case(word));
            if is_next {
                rest = rest.get(word.len()..)?;
            } else if matches!(word, "create " | "index ") {
                return None;
            }
        }
        // A quoted name may have ` on ` within.
        let ends = rest.match_indices(" ON ").chain(rest.match_indices(" on "));
        let mut ends: Vec<usize> = ends.map(|(at, _)| at).collect();
        ends.sort_unstable();
        ends.into_iter().find_map(|end| identifiers(rest.get(..end)?)?.pop())
    };
    line.ddl.iter().find_map(of)
}

/// An index of the line's table, or of its parts.
fn index_of<'a>(
    line: &Line,
    (schema, name): &(Option<String>, String),
    catalog: &'a Catalog,
) -> Option<&'a Index> {
    let (of_table, table) = line.relation()?;
    let table = catalog.table(&of_table, &table)?;
    let is_here = |part: &&Table| schema.as_ref().is_none_or(|schema| part.schema == *schema);
    let here = catalog.family(table).filter(is_here);
    here.flat_map(|part| &part.indexes).find(|index| index.name == *name)
}
