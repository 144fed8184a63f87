//! Which statement of pg_stat_statements a text is that a client has sent.
//!
//! Drivers write placeholders as `%s`, `$1`, `:name` or not at all; pg_stat_statements writes `$1`; our own
//! normalising writes `?` for literals. With all of them as `?`, the same shape is the same text.

use std::collections::HashMap;
use std::sync::Arc;

use serde::Serialize;

use crate::track::statements;

/// A statement that is shown singly.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Known {
    /// Hash of its shape, as text: JavaScript cannot hold 64 bits.
    pub queryid: String,
    /// The business module of its tables.
    pub module: Arc<str>,
}

/// Statements by their text.
#[derive(Debug, Default)]
pub struct Texts(HashMap<String, Known>);

impl Texts {
    /// Of all servers. Where a text stands for several (of several databases), the first is told.
    pub fn of<'a>(views: impl Iterator<Item = &'a statements::View>) -> Self {
        let mut all = HashMap::new();
        for shown in views.flat_map(|view| &view.shown) {
            let Some(query) = &shown.query else { continue };
            all.entry(canonical(query)).or_insert_with(|| Known {
                queryid: shown.queryid.to_string(),
                module: Arc::clone(&shown.module),
            });
        }
        Self(all)
    }

    /// The statement of a normalised text, if one is shown.
    #[must_use]
    pub fn find(&self, query: &str) -> Option<&Known> {
        self.0.get(&canonical(query))
    }
}

/// The text with every placeholder as `?`, and without what may follow it.
fn canonical(text: &str) -> String {
    let text = text.trim_end_matches([';', ' ']);
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(['$', '%', ':']) {
        let (before, mark) = rest.split_at(at);
        out.push_str(before);
        let length = placeholder(mark, out.chars().next_back());
        match length {
            Some(_) => out.push('?'),
            None => out.extend(mark.chars().take(1)),
        }
        rest = mark.get(length.unwrap_or(1)..).unwrap_or_default();
    }
    out.push_str(rest);
    out
}

/// The length of the placeholder that `mark` begins with.
fn placeholder(mark: &str, before: Option<char>) -> Option<usize> {
    let tail = mark.get(1..)?;
    let word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let end = |text: &str| text.find(|c| !word(c)).unwrap_or(text.len());
    match mark.as_bytes().first()? {
        b'$' => {
            let digits = tail.find(|c: char| !c.is_ascii_digit()).unwrap_or(tail.len());
            (digits > 0).then_some(1 + digits)
        }
        b'%' if tail.starts_with('s') => (end(tail) == 1).then_some(2),
        b'%' if tail.starts_with('(') => tail.find(")s").map(|close| 1 + close + 2),
        // `::` is a cast.
        b':' if before != Some(':') && tail.starts_with(|c: char| c.is_ascii_alphabetic()) => {
            Some(1 + end(tail))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn placeholders_of_all_drivers_are_one() {
        let expected = "select a from t where b = ? and c in (?, ?) limit ?";
        for text in [
            "select a from t where b = $1 and c in ($2, $13) limit $4",
            "select a from t where b = %s and c in (%s, %s) limit %s;",
            "select a from t where b = %(b)s and c in (%(c1)s, %(c2)s) limit %(n)s",
            "select a from t where b = :b and c in (:c1, :c2) limit :n ",
            "select a from t where b = ? and c in (?, $1) limit ?",
        ] {
            assert_eq!(canonical(text), expected, "{text}");
        }
        for text in
            ["select a::text from t", "select a % size from t", "select a[1:n] from x$y", "a %som"]
        {
            let same = text.replace(":n]", "?]");
            assert_eq!(canonical(text), same, "{text}");
        }
    }

    proptest! {
        #[test]
        fn any_text_has_one_and_it_is_its_own(text in "[a-z$%:?()s 0-9]{0,60}") {
            let once = canonical(&text);
            prop_assert_eq!(canonical(&once), once);
        }
    }
}
