//! The tables that a statement names, and from them its business module.
//!
//! Texts come in every shape: normalised (`?`, `$1`), cut at any length, several statements in one.
//! What sqlparser can parse is read off its tree; the rest is scanned word by word.

mod parsed;
mod scanned;
mod token;

/// Characters of a text that are looked at.
const MOST: usize = 20_000;

/// Tables by their names without schema, as written or folded to lower case, in order, each once.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Tables {
    /// Changed or locked: targets of insert, update, delete, merge, copy, truncate, lock, ...
    pub(super) written: Vec<String>,
    /// Only read.
    pub(super) read: Vec<String>,
}

impl Tables {
    fn write(&mut self, name: String) {
        self.read.retain(|read| *read != name);
        if !is_system(&name) && !self.written.contains(&name) {
            self.written.push(name);
        }
    }

    fn read(&mut self, name: String) {
        if !is_system(&name) && !self.written.contains(&name) && !self.read.contains(&name) {
            self.read.push(name);
        }
    }
}

/// PostgreSQL's own, which belong to no module.
fn is_system(name: &str) -> bool {
    name.starts_with("pg_")
}

/// Statements that hold a table and leave its rows and definition as they were.
const KEEPERS: [&str; 6] = ["lock", "vacuum", "cluster", "reindex", "refresh", "analyze"];

/// Whether what a statement writes is changed by it, in rows or definition.
pub(super) fn changes(text: &str) -> bool {
    let first = text.split_whitespace().next().unwrap_or_default();
    !KEEPERS.iter().any(|keeper| first.eq_ignore_ascii_case(keeper))
}

/// The tables of a statement.
pub(super) fn tables(text: &str) -> Tables {
    let end = text.char_indices().nth(MOST).map_or(text.len(), |(at, _)| at);
    let text = text.get(..end).unwrap_or_default();
    parsed::tables(text).unwrap_or_else(|| scanned::tables(text))
}

#[cfg(test)]
mod tests;
