//! Which workers a suggestion helps: those that prepared a statement which it makes cheaper.

use std::collections::{BTreeMap, BTreeSet};

use crate::advise::advice::Advice;
use crate::advise::suggestion::Suggestion;
use crate::demo::load::Diary;
use crate::demo::stage::{DATNAME, DemoError, Stage};
use crate::sample::normalise;

/// Characters of a statement by which it is known.
const TEXT_CHARS: usize = 1_000;

/// The workers, by suggestion.
pub(super) struct Affected {
    by_suggestion: BTreeMap<String, BTreeSet<&'static str>>,
}

impl Affected {
    /// Looks for the statements that suggestions help among those that workers prepared. A look for
    /// the children of a deleted row, which PostgreSQL makes by itself, is of those who delete.
    pub(super) async fn of(
        stage: &Stage,
        advice: &Advice,
        diaries: &[Diary],
    ) -> Result<Self, DemoError> {
        let parents = parents(stage).await?;
        let mut by_suggestion = BTreeMap::new();
        for suggestion in &advice.suggestions {
            let helped = |text: &str| helps(suggestion, &parents, &shape(text));
            let workers = diaries.iter().filter(|diary| diary.statements.iter().any(|s| helped(s)));
            by_suggestion
                .insert(suggestion.id.clone(), workers.map(|diary| diary.application).collect());
        }
        Ok(Self { by_suggestion })
    }

    /// Those that one suggestion helps.
    pub(super) fn by(&self, suggestion: &Suggestion) -> Vec<&'static str> {
        let found = self.by_suggestion.get(&suggestion.id);
        found.map(|workers| workers.iter().copied().collect()).unwrap_or_default()
    }

    /// Whether any does.
    pub(super) fn is_affected(&self, application: &str) -> bool {
        self.by_suggestion.values().any(|workers| workers.contains(application))
    }
}

fn helps(suggestion: &Suggestion, parents: &BTreeSet<(String, String)>, text: &str) -> bool {
    suggestion.helps.iter().any(|helped| {
        let deletes = || {
            let mut of_table = parents.iter().filter(|(child, _)| *child == suggestion.table);
            of_table.any(|(_, parent)| text.starts_with(&format!("delete from {parent} ")))
        };
        shape(&helped.query) == text || (helped.queryid.is_none() && deletes())
    })
}

/// A text in which constants and parameters are alike, as pg_stat_statements numbers both.
fn shape(text: &str) -> String {
    let text = normalise(text, TEXT_CHARS);
    let mut shape = String::with_capacity(text.len());
    let mut rest = text.chars().peekable();
    while let Some(c) = rest.next() {
        if c == '$' && rest.peek().is_some_and(char::is_ascii_digit) {
            while rest.next_if(char::is_ascii_digit).is_some() {}
            shape.push('?');
        } else {
            shape.push(c);
        }
    }
    shape
}

/// Child with its schema, and parent, of every foreign key.
async fn parents(stage: &Stage) -> Result<BTreeSet<(String, String)>, DemoError> {
    let erp = |source| DemoError::Erp { step: "foreign keys", source };
    let client = stage.administer(DATNAME).await.map_err(erp)?;
    let sql = "select n.nspname || '.' || c.relname, p.relname::text from pg_constraint k \
               join pg_class c on c.oid = k.conrelid join pg_namespace n on n.oid = c.relnamespace \
               join pg_class p on p.oid = k.confrelid where k.contype = 'f'";
    let rows = client.query(sql, &[]).await.map_err(erp)?;
    rows.iter()
        .map(|row| Ok((row.try_get(0)?, row.try_get(1)?)))
        .collect::<Result<_, _>>()
        .map_err(erp)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_statement_has_one_shape_as_it_is_prepared_and_as_it_is_counted() {
        let prepared = "insert into o (number, day) values ('SO' || $1::bigint, $2) returning id";
        let counted = "insert into o (number, day) values ($3 || $1::bigint, $2) returning id";
        assert_eq!(shape(prepared), shape(counted));
        assert_ne!(shape(prepared), shape("insert into p (number) values ($1)"));
    }
}
