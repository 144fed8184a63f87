//! Business keys: columns by which people tell one record from another, whatever its id is. Two rows
//! with the same e-mail address are mostly the same customer, entered twice.

use std::collections::BTreeSet;
use std::sync::Arc;

use toml::de::DeTable;

use super::declared::{Entry, Kind};
use super::file::{Faults, value_of_label};

/// Each is a value of a label.
const KIND: Kind = Kind {
    name: "key",
    keys: &["name", "table", "columns", "fold", "only", "null"],
    most: 32,
    most_words: 4,
};

/// How the texts of a key are compared.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Fold {
    /// As they are.
    #[default]
    Exact,
    /// Without regard to case, and to spaces around them: e-mail addresses.
    Lower,
    /// By their letters and digits alone, without regard to case: tax numbers, bank accounts.
    Compact,
}

/// Columns that are to have no values in common between two rows of a table. A row in which one of
/// them is null or blank has no such key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Key {
    /// What it is called: the label `key`. Of several of one name the first counts whose table has
    /// all the columns, so that versions of an ERP can differ.
    pub name: Arc<str>,
    /// Its table, without schema.
    pub table: String,
    /// What is compared, at least one.
    pub columns: Vec<String>,
    /// How those of them are compared that hold text.
    pub fold: Fold,
    /// Only rows count that have this word in this column.
    pub only: Vec<(String, String)>,
    /// Only rows count in which these columns are null.
    pub null: Vec<String>,
}

impl Key {
    /// Every column that it needs: those that are compared, then those that say which rows count, each
    /// with the word that it must have.
    pub fn needed(&self) -> impl Iterator<Item = (&str, Option<&str>)> {
        let compared = self.columns.iter().map(|column| (column.as_str(), None));
        let only = self.only.iter().map(|(column, word)| (column.as_str(), Some(word.as_str())));
        compared.chain(only).chain(self.null.iter().map(|column| (column.as_str(), None)))
    }
}

/// Reads every `[[key]]` of a file.
pub(super) fn read(root: &DeTable<'_>, faults: &mut Faults<'_>) -> Vec<Arc<Key>> {
    let entries = KIND.entries(root, faults);
    entries.iter().filter_map(|entry| one(entry, faults)).map(Arc::new).collect()
}

fn one(entry: &Entry<'_, '_>, faults: &mut Faults<'_>) -> Option<Key> {
    let (name, table) = (entry.text("name", faults), entry.text("table", faults));
    let fold = entry.text("fold", faults);
    let folded = match fold.as_deref() {
        None => Some(Fold::Exact),
        Some("lower") => Some(Fold::Lower),
        Some("compact") => Some(Fold::Compact),
        Some(_) => None,
    };
    let key = Key {
        name: name.clone().unwrap_or_default().into(),
        table: table.clone().unwrap_or_default(),
        columns: entry.words("columns", faults),
        fold: folded.unwrap_or_default(),
        only: entry.pairs("only", faults),
        null: entry.words("null", faults),
    };
    let name_fault = name.as_deref().and_then(|name| value_of_label(name).err());
    let distinct: BTreeSet<&str> = key.needed().map(|(column, _)| column).collect();
    let wrong = [
        (name.is_none(), "name", "is missing: write name = \"party-email\""),
        (name_fault.is_some(), "name", name_fault.as_deref().unwrap_or_default()),
        (table.is_none(), "table", "is missing: write table = \"res_partner\""),
        (key.columns.is_empty(), "columns", "is missing: write columns = [\"email\"]"),
        (
            folded.is_none(),
            "fold",
            "is no way to compare: use lower (case and spaces around do not matter) or compact (letters \
             and digits alone do)",
        ),
        (
            distinct.len() < key.needed().count(),
            "columns",
            "a column stands twice, here or in `only` and `null`: name each once",
        ),
    ];
    entry.is_right(&wrong, faults).then_some(key)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use crate::erp::{Fold, Key, Profiles, built_in};

    fn keys(text: &str) -> Result<Vec<Key>, String> {
        let mut profiles = Profiles::default();
        profiles.add(text).map_err(|error| error.to_string())?;
        let erp = profiles.words(profiles.all().next());
        Ok(erp.keys().map(|key| (**key).clone()).collect())
    }

    #[test]
    fn keys_of_a_file_come_before_those_of_what_it_extends() {
        let text = "name = 'x'\nextends = 'odoo'\n[[key]]\nname = 'serial'\ntable = 'x_device'\n\
                    columns = ['maker_id', 'serial']\nfold = 'compact'\n\
                    only = { active = 'true' }\nnull = ['scrapped_at']\n";
        let found = keys(text).unwrap();
        let first = &found[0];
        assert_eq!((&*first.name, first.fold), ("serial", Fold::Compact));
        let needed: Vec<_> = first.needed().collect();
        let wanted =
            [("maker_id", None), ("serial", None), ("active", Some("true")), ("scrapped_at", None)];
        assert_eq!(needed, wanted);
        assert!(found.iter().any(|key| &*key.name == "partner-email"), "{found:?}");
    }

    #[test]
    fn every_built_in_erp_has_keys_and_generic_has_none() {
        for profile in built_in().unwrap() {
            let names: BTreeSet<&str> = profile.keys().map(|key| &*key.name).collect();
            let is_generic = profile.name() == "generic";
            assert!(if is_generic { names.is_empty() } else { names.len() >= 3 }, "{names:?}");
        }
    }

    #[test]
    fn every_fault_of_a_key_is_told_with_its_line() {
        let text = "name = 'x'\n[[key]]\nname = 'E-Mail'\nfold = 'upper'\nwhere = 'active'\n\
                    [[key]]\nname = 'a'\ntable = 't'\ncolumns = ['x', 'y*']\nonly = ['x']\n\
                    [[key]]\nname = 'b'\ntable = 't'\ncolumns = ['x']\n\
                    only = { x = 'a', z = \"it's\" }\n\
                    [[key]]\nname = 'c'\ntable = 't'\ncolumns = ['a', 'b', 'c', 'd', 'e']\n";
        let told = keys(text).unwrap_err();
        for part in [
            "line 2: key.name: is no short word",
            "line 2: key.table: is missing",
            "line 2: key.columns: is missing",
            "line 2: key.fold: is no way to compare",
            "line 5: key.where: there is no such key; there are name, table, columns",
            "line 9: key.columns: `y*`: write it in full",
            "line 10: key.only: write columns and words",
            "line 11: key.columns: a column stands twice",
            "line 15: key.only: `it's`: write it in full",
            "line 19: key.columns: 5 words; at most 4",
        ] {
            assert!(told.contains(part), "{part}\nnot in\n{told}");
        }
        assert!(keys("name = 'x'\nkey = 3\n").unwrap_err().contains("[[key]]"));
    }
}
