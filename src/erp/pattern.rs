//! Names with `*` in them.

use std::sync::Arc;

/// A pattern: `*` stands for any text. Letters match in either case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pattern {
    parts: Vec<String>,
}

impl Pattern {
    /// Any text is a pattern.
    #[must_use]
    pub fn new(text: &str) -> Self {
        Self { parts: text.to_lowercase().split('*').map(str::to_owned).collect() }
    }

    /// Whether it stands for `name`.
    #[must_use]
    pub fn fits(&self, name: &str) -> bool {
        self.matches(&name.to_lowercase())
    }

    /// Whether it stands for everything that `other` does. A star of the other can only be under a
    /// star of ours, as no part of a pattern has one.
    #[must_use]
    pub fn covers(&self, other: &Self) -> bool {
        self.matches(&other.parts.join("*"))
    }

    /// Whether there is a name that both stand for.
    #[must_use]
    pub fn meets(&self, other: &Self) -> bool {
        let (ours, theirs) = (self.parts.join("*"), other.parts.join("*"));
        let theirs: Vec<char> = theirs.chars().collect();
        // Whether what was read of ours can go with the first n of theirs, for every n.
        let mut reached = vec![false; theirs.len() + 1];
        let stars = theirs.iter().take_while(|c| **c == '*').count();
        reached.iter_mut().take(stars + 1).for_each(|r| *r = true);
        for ours in ours.chars() {
            let mut next = vec![false; reached.len()];
            for at in 0..reached.len() {
                let here = |row: &[bool], at: usize| row.get(at).copied().unwrap_or(false);
                let before = at.checked_sub(1);
                let theirs = before.and_then(|before| theirs.get(before)).copied();
                let by_star = (ours == '*' || theirs == Some('*'))
                    && (here(&reached, at) || before.is_some_and(|b| here(&next, b)));
                let by_letter = theirs == Some(ours) && before.is_some_and(|b| here(&reached, b));
                if let Some(cell) = next.get_mut(at) {
                    *cell = by_star || by_letter;
                }
            }
            reached = next;
        }
        reached.last().copied().unwrap_or(false)
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

    #[test]
    fn what_one_pattern_covers_and_where_two_meet() {
        let of = |text: &str| Pattern::new(text);
        for (a, b, covers, meets) in [
            ("bi-*", "bi-report", true, true),
            ("bi-report", "bi-*", false, true),
            ("bi-*", "*-report", false, true),
            ("bi-*", "wms*", false, false),
            ("*", "*", true, true),
            ("a*b", "a*c*b", true, true),
            ("a*c", "*b", false, false),
            ("abc", "abc", true, true),
            ("abc", "abd", false, false),
            ("a*", "*a", false, true),
            ("", "*", false, true),
        ] {
            assert_eq!(of(a).covers(&of(b)), covers, "{a} covers {b}");
            assert_eq!(of(a).meets(&of(b)), meets, "{a} meets {b}");
            assert_eq!(of(b).meets(&of(a)), meets, "{b} meets {a}");
        }
    }

    proptest! {
        #[test]
        fn patterns_that_fit_one_name_meet(a in "[ab*]{0,5}", b in "[ab*]{0,5}", name in "[ab]{0,5}") {
            let (a, b) = (Pattern::new(&a), Pattern::new(&b));
            prop_assert!(!(a.fits(&name) && b.fits(&name)) || a.meets(&b));
            prop_assert!(!(a.covers(&b) && b.fits(&name)) || a.fits(&name));
        }

        #[test]
        fn a_pattern_matches_what_it_was_made_of(parts in prop::collection::vec("[a-z_]{0,4}", 1..4), fill in "[a-z]{0,5}") {
            prop_assert!(Pattern::new(&parts.join("*")).matches(&parts.join(&fill)));
        }
    }
}
