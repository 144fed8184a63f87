//! Reading what a profile declares as a list of tables, such as `[[queue]]`: names and words in full.

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::file::{Faults, pattern};

/// What one kind of list is called, and how much of it there may be.
#[derive(Clone, Copy, Debug)]
pub(super) struct Kind {
    /// Such as `queue`.
    pub(super) name: &'static str,
    /// Every key that one may have.
    pub(super) keys: &'static [&'static str],
    /// Tables of one file.
    pub(super) most: usize,
    /// Members of one list in a table.
    pub(super) most_words: usize,
}

/// One table of a list.
pub(super) struct Entry<'a, 'd> {
    kind: Kind,
    table: &'a DeTable<'d>,
    offset: usize,
}

impl Kind {
    /// Every table of this kind; keys that it may not have are told.
    pub(super) fn entries<'a, 'd>(
        self,
        root: &'a DeTable<'d>,
        faults: &mut Faults<'_>,
    ) -> Vec<Entry<'a, 'd>> {
        let Some(value) = root.get(self.name) else { return Vec::new() };
        let each = format!("write each {0} as a table: [[{0}]]", self.name);
        let DeValue::Array(list) = value.get_ref() else {
            faults.at(value.span().start, self.name, each);
            return Vec::new();
        };
        if list.len() > self.most {
            let problem = format!("{} of them; at most {}", list.len(), self.most);
            faults.at(value.span().start, self.name, problem);
        }
        let mut entries = Vec::new();
        for item in list.iter().take(self.most) {
            let offset = item.span().start;
            let DeValue::Table(table) = item.get_ref() else {
                faults.at(offset, self.name, each.as_str());
                continue;
            };
            for key in table.keys().filter(|key| !self.keys.contains(&&**key.get_ref())) {
                let problem = format!("there is no such key; there are {}", self.keys.join(", "));
                faults.at(key.span().start, &format!("{}.{}", self.name, key.get_ref()), problem);
            }
            entries.push(Entry { kind: self, table, offset });
        }
        entries
    }
}

impl Entry<'_, '_> {
    /// A name in full.
    pub(super) fn text(&self, key: &str, faults: &mut Faults<'_>) -> Option<String> {
        let value = self.table.get(key)?;
        full(value).map_err(|problem| self.at(value, key, problem, faults)).ok()
    }

    /// A list of words in full.
    pub(super) fn words(&self, key: &str, faults: &mut Faults<'_>) -> Vec<String> {
        let Some(value) = self.table.get(key) else { return Vec::new() };
        let DeValue::Array(list) = value.get_ref() else {
            self.at(value, key, "write a list of words in quotes".to_owned(), faults);
            return Vec::new();
        };
        if list.len() > self.kind.most_words {
            let problem = format!("{} words; at most {}", list.len(), self.kind.most_words);
            self.at(value, key, problem, faults);
        }
        let mut found = Vec::new();
        for item in list {
            match full(item) {
                Ok(word) => found.push(word),
                Err(problem) => self.at(item, key, problem, faults),
            }
        }
        found
    }

    /// Names with a word each, as `{ active = "true" }`.
    pub(super) fn pairs(&self, key: &str, faults: &mut Faults<'_>) -> Vec<(String, String)> {
        let Some(value) = self.table.get(key) else { return Vec::new() };
        let DeValue::Table(table) = value.get_ref() else {
            let problem = "write columns and words, such as { active = \"true\" }".to_owned();
            self.at(value, key, problem, faults);
            return Vec::new();
        };
        let mut found = Vec::new();
        for (name, word) in table {
            let name = name.get_ref();
            match is_full(name).and_then(|()| full(word)) {
                Ok(word) => found.push((name.to_string(), word)),
                Err(problem) => self.at(word, key, problem, faults),
            }
        }
        found
    }

    /// Tells of what is wrong with it; whether nothing is.
    pub(super) fn is_right(
        &self,
        wrong: &[(bool, &'static str, &str)],
        faults: &mut Faults<'_>,
    ) -> bool {
        let mut is_right = true;
        for (_, key, problem) in wrong.iter().filter(|(is_wrong, ..)| *is_wrong) {
            faults.at(self.offset, &format!("{}.{key}", self.kind.name), *problem);
            is_right = false;
        }
        is_right
    }

    fn at(
        &self,
        value: &Spanned<DeValue<'_>>,
        key: &str,
        problem: String,
        faults: &mut Faults<'_>,
    ) {
        faults.at(value.span().start, &format!("{}.{key}", self.kind.name), problem);
    }
}

fn full(value: &Spanned<DeValue<'_>>) -> Result<String, String> {
    let text = match value.get_ref() {
        DeValue::String(text) => text,
        other => return Err(format!("write text in quotes; this is of type {}", other.type_str())),
    };
    is_full(text).map(|()| text.to_string())
}

/// What becomes a part of a query holds nothing that could end a name or a word there.
fn is_full(text: &str) -> Result<(), String> {
    pattern(text)?;
    if text.contains(['*', '\'', '"', '\\']) {
        return Err(format!("`{text}`: write it in full, without stars, quotes or backslashes"));
    }
    Ok(())
}
