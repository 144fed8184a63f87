//! The suggestion that takes back what has made things worse.

use std::sync::Arc;

use super::line::Line;
use super::same;
use crate::advise::catalog::Catalog;
use crate::advise::suggestion::Confidence;

/// What takes back an index that was made, or makes again one that was dropped; nothing for what is itself such a
/// suggestion.
pub(super) fn of(line: &Line, catalog: &Catalog, now: i64) -> Option<Line> {
    if line.undoes.is_some() {
        return None;
    }
    let reason = line.reason.clone().unwrap_or_default();
    let undo = undone(line, now);
    match line.action.as_str() {
        "create" => {
            let name = line.applied_as.as_ref()?;
            let (schema, table) = line.relation()?;
            let table = catalog.table(&schema, &table)?;
            let ddl = same::drops(line.index.as_ref()?, table, catalog);
            if ddl.is_empty() {
                return None;
            }
            let (what, was) = if ddl.len() > 1 { ("indexes", "were") } else { ("index", "was") };
            Some(Line {
                action: "drop".to_owned(),
                ddl,
                undo: line.ddl.join(";\n"),
                saved_seconds_per_day: line.upkeep_seconds_per_day,
                upkeep_seconds_per_day: 0.0,
                warnings: vec!["a standby has statistics of its own: look there, too".to_owned()],
                explanation: format!(
                    "The {what} {name} {was} suggested as {}, and made: {reason}.",
                    line.id
                ),
                ..undo
            })
        }
        "drop" if !line.undo.is_empty() => Some(Line {
            action: "create".to_owned(),
            ddl: line.undo.split(";\n").map(str::to_owned).collect(),
            undo: line.ddl.join(";\n"),
            // What it was to save at writes is to be paid again; what it gives back at reads was measured, not estimated.
            saved_seconds_per_day: 0.0,
            upkeep_seconds_per_day: line.saved_seconds_per_day,
            warnings: vec![
                "a release of the ERP or more data in the same days slows statements, too: look at one of them first"
                    .to_owned(),
            ],
            explanation: format!(
                "An index of {} was to be dropped as {}, and was: {reason}.",
                line.table, line.id
            ),
            ..undo
        }),
        _ => None,
    }
}

/// What all of them have.
fn undone(line: &Line, now: i64) -> Line {
    Line {
        server: Arc::clone(&line.server),
        datname: Arc::clone(&line.datname),
        table: line.table.clone(),
        module: line.module.clone(),
        cause: Some("regressed".to_owned()),
        confidence: Some(Confidence::Medium),
        size_bytes: line.size_bytes,
        checked_by: "measured".to_owned(),
        undoes: Some(line.id.clone()),
        helps: line.helps.clone(),
        ..Line::begun(format!("undo-{}", line.id), now)
    }
}
