//! Names with `*` in them.

use std::sync::Arc;

/// A pattern: `*` stands for any text. Letters match in either case.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Pattern {
    parts: Vec<String>,
}

impl Pattern {
    fn new(text: &str) -> Self {
        Self { parts: text.to_lowercase().split('*').map(str::to_owned).collect() }
    }

    /// How particular it is: its letters, and one more if it has no `*`.
    fn weight(&self) -> usize {
        2 * self.parts.iter().map(String::len).sum::<usize>() + usize::from(self.parts.len() == 1)
    }

    /// `name` must be in lower case.
    fn matches(&self, name: &str) -> bool {
        let [first, middle @ .., last] = self.parts.as_slice() else {
            return self.parts.first().is_some_and(|whole| whole == name);
        };
        let Some(mut rest) = name.strip_prefix(first.as_str()) else { return false };
        for part in middle {
            let Some((_, after)) = rest.split_once(part.as_str()) else { return false };
            rest = after;
        }
        rest.ends_with(last.as_str())
    }
}

/// Patterns with what they stand for; the most particular one that matches decides.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Patterns<T> {
    /// The most particular first.
    all: Vec<(Pattern, T)>,
}

impl<T> Patterns<T> {
    pub(super) fn new(given: impl IntoIterator<Item = (String, T)>) -> Self {
        let mut all: Vec<(Pattern, T)> =
            given.into_iter().map(|(text, value)| (Pattern::new(&text), value)).collect();
        all.sort_by_key(|(pattern, _)| std::cmp::Reverse(pattern.weight()));
        Self { all }
    }

    /// Everything that the patterns stand for, with repetitions.
    pub(super) fn values(&self) -> impl Iterator<Item = &T> {
        self.all.iter().map(|(_, value)| value)
    }

    pub(super) fn find(&self, name: &str) -> Option<&T> {
        let name = name.to_lowercase();
        self.all.iter().find(|(pattern, _)| pattern.matches(&name)).map(|(_, value)| value)
    }
}

/// The names of a table of lists, each with the patterns that stand for it.
pub(super) fn named(lists: &std::collections::BTreeMap<String, Vec<String>>) -> Patterns<Arc<str>> {
    Patterns::new(lists.iter().flat_map(|(name, patterns)| {
        let name: Arc<str> = name.as_str().into();
        patterns.iter().map(move |pattern| (pattern.clone(), Arc::clone(&name)))
    }))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_star_is_any_text_and_case_does_not_matter() {
        for (pattern, name, expected) in [
            ("sale_*", "sale_order", true),
            ("sale_*", "sale", false),
            ("*worker*", "odoo-worker-3", true),
            ("a*b*c", "a-b-b-c", true),
            ("a*b*c", "ac", false),
            ("ab*ba", "aba", false),
            ("tabSales *", "tabSales Order", true),
            ("parts", "parts", true),
            ("parts", "partsgroup", false),
            ("*", "", true),
        ] {
            assert_eq!(
                Pattern::new(pattern).matches(&name.to_lowercase()),
                expected,
                "{pattern} {name}"
            );
        }
    }

    #[test]
    fn the_most_particular_pattern_decides() {
        let patterns =
            Patterns::new([("a*", 1), ("a_b*", 2), ("a_b_c", 3)].map(|(p, v)| (p.to_owned(), v)));
        assert_eq!(patterns.find("A_x"), Some(&1));
        assert_eq!(patterns.find("a_b_x"), Some(&2));
        assert_eq!(patterns.find("a_b_c"), Some(&3));
        assert_eq!(patterns.find("b"), None);
    }

    proptest! {
        #[test]
        fn a_pattern_matches_what_it_was_made_of(parts in prop::collection::vec("[a-z_]{0,4}", 1..4), fill in "[a-z]{0,5}") {
            prop_assert!(Pattern::new(&parts.join("*")).matches(&parts.join(&fill)));
        }
    }
}
