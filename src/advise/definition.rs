//! An index that could be: what it is on, and its DDL.

use std::fmt::Write;

use serde::{Deserialize, Serialize};

use super::catalog::{Index, Table};
use super::printed;

/// How an index is built.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Method {
    /// The usual one.
    Btree,
    /// Elements of arrays, documents, texts.
    Gin,
    /// Summaries of ranges of blocks.
    Brin,
}

impl Method {
    /// As in SQL.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Btree => "btree",
            Self::Gin => "gin",
            Self::Brin => "brin",
        }
    }
}

/// One key.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Key {
    /// A column's name, or an expression as SQL.
    pub what: What,
    /// Operator class, if it is not the default.
    pub opclass: Option<String>,
    /// Descending.
    pub is_descending: bool,
    /// Nulls first.
    pub nulls_first: bool,
}

/// What a key is.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum What {
    /// A column, by its name.
    Column(String),
    /// An expression, as SQL prints it.
    Expression(String),
}

impl Key {
    /// A column in its usual order.
    #[must_use]
    pub fn column(name: &str) -> Self {
        Self::of(What::Column(name.to_owned()))
    }

    /// Something in its usual order.
    #[must_use]
    pub fn of(what: What) -> Self {
        Self { what, opclass: None, is_descending: false, nulls_first: false }
    }

    /// The column's name, if it is one.
    #[must_use]
    pub fn name(&self) -> Option<&str> {
        match &self.what {
            What::Column(name) => Some(name),
            What::Expression(_) => None,
        }
    }

    /// Whether this is its operator class. The catalog gives its name alone; in DDL it may have a schema.
    #[must_use]
    pub fn is_of_opclass(&self, opcname: Option<&str>) -> bool {
        let bare = |sql: &str| identifiers(sql)?.pop();
        let own = self.opclass.as_deref().map(|sql| bare(sql).unwrap_or_else(|| sql.to_owned()));
        own.as_deref() == opcname
    }

    /// As in DDL.
    #[must_use]
    pub fn sql(&self) -> String {
        let mut sql = match &self.what {
            What::Column(name) => quote(name),
            What::Expression(text) => format!("({text})"),
        };
        if let Some(opclass) = &self.opclass {
            let _ = write!(sql, " {opclass}");
        }
        if self.is_descending {
            sql.push_str(" desc");
        }
        match (self.is_descending, self.nulls_first) {
            (false, true) => sql.push_str(" nulls first"),
            (true, false) => sql.push_str(" nulls last"),
            _ => {}
        }
        sql
    }
}

/// An index without a name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Definition {
    /// The table's oid.
    pub table: u32,
    /// How it is built.
    pub method: Method,
    /// What it is searched by, the first first.
    pub keys: Vec<Key>,
    /// Columns that it carries along.
    pub includes: Vec<String>,
    /// Rows that it holds; all if absent.
    pub predicate: Option<String>,
}

impl Definition {
    /// A b-tree on some keys.
    #[must_use]
    pub fn btree(table: u32, keys: Vec<Key>) -> Self {
        Self { table, method: Method::Btree, keys, includes: Vec::new(), predicate: None }
    }

    /// Everything behind `create index ... on`, the table's name aside.
    #[must_use]
    pub fn body(&self) -> String {
        let keys: Vec<String> = self.keys.iter().map(Key::sql).collect();
        let method = match self.method {
            Method::Btree => String::new(),
            other => format!("using {} ", other.name()),
        };
        let mut sql = format!("{method}({})", keys.join(", "));
        if !self.includes.is_empty() {
            let names: Vec<String> = self.includes.iter().map(|name| quote(name)).collect();
            let _ = write!(sql, " include ({})", names.join(", "));
        }
        if let Some(predicate) = &self.predicate {
            let _ = write!(sql, " where {predicate}");
        }
        sql
    }

    /// It holds the trigrams of a text.
    #[must_use]
    pub fn is_of_trigrams(&self) -> bool {
        self.method == Method::Gin && self.keys.iter().any(|key| key.opclass.is_some())
    }

    /// HypoPG knows this kind.
    #[must_use]
    pub const fn can_be_supposed(&self) -> bool {
        matches!(self.method, Method::Btree | Method::Brin)
    }

    /// DDL for HypoPG, which needs no name.
    #[must_use]
    pub fn hypothetical(&self, table: &Table) -> String {
        format!("create index on {} {}", qualified(table), self.body())
    }

    /// One index that does what both do, if the keys of one begin with those of the other.
    #[must_use]
    pub fn merged(&self, other: &Self) -> Option<Self> {
        let carried = |name: &&String| !self.keys.iter().any(|key| key.name() == Some(name));
        let mut includes: Vec<String> = self.includes.clone();
        includes.extend(other.includes.iter().filter(carried).cloned());
        includes.sort();
        includes.dedup();
        let both = Self { includes, ..self.clone() };
        (both != *self && both.does_all_of(other)).then_some(both)
    }

    /// Whether it can do all that another one does: its keys begin with those of the other, and it holds what that carries along.
    #[must_use]
    pub fn does_all_of(&self, other: &Self) -> bool {
        let holds = |name: &String| {
            self.includes.contains(name) || self.keys.iter().any(|key| key.name() == Some(name))
        };
        self.table == other.table
            && self.method == Method::Btree
            && other.method == Method::Btree
            && self.predicate == other.predicate
            && self.keys.starts_with(&other.keys)
            && other.includes.iter().all(holds)
    }

    /// The same with a bit less: without what it carries along, or without its last key.
    #[must_use]
    pub fn less(&self) -> Vec<Self> {
        let mut less = Vec::new();
        if !self.includes.is_empty() {
            less.push(Self { includes: Vec::new(), ..self.clone() });
        } else if let Some((_, keys)) = self.keys.split_last()
            && !keys.is_empty()
        {
            less.push(Self { keys: keys.to_vec(), ..self.clone() });
        }
        less
    }

    /// Whether an index that is there does all that this one would.
    #[must_use]
    pub fn is_covered_by(&self, index: &Index) -> bool {
        let same_kind = index.is_valid && index.method == self.method.name();
        let keys = self.keys.iter().enumerate().all(|(at, key)| {
            index.keys.get(at).is_some_and(|there| {
                let same = match &key.what {
                    What::Column(name) => there.column.as_ref() == Some(name),
                    What::Expression(text) => {
                        there.column.is_none() && printed::is_same(text, &there.sql)
                    }
                };
                same && key.is_of_opclass(there.opclass.as_deref())
            })
        });
        let carried = self.includes.iter().all(|name| {
            index.includes.contains(name)
                || index.keys.iter().any(|key| key.column.as_ref() == Some(name))
        });
        let order = self.keys.iter().zip(&index.keys);
        let forward = order
            .clone()
            .all(|(a, b)| (a.is_descending, a.nulls_first) == (b.is_descending, b.nulls_first));
        let backward = order
            .clone()
            .all(|(a, b)| (a.is_descending, a.nulls_first) == (!b.is_descending, !b.nulls_first));
        let all_rows = || match (&self.predicate, &index.predicate) {
            (_, None) => true,
            (Some(own), Some(there)) => printed::is_same(own, there),
            (None, Some(_)) => false,
        };
        same_kind && keys && carried && (forward || backward) && all_rows()
    }
}

/// A table's name with its schema, quoted where it must be.
#[must_use]
pub fn qualified(table: &Table) -> String {
    format!("{}.{}", quote(&table.schema), quote(&table.name))
}

/// Words that are no names unless quoted: those that PostgreSQL reserves (its manual, appendix C).
const RESERVED: &str = "\
    all analyse analyze and any array as asc asymmetric authorization binary both case cast \
    check collate collation column concurrently constraint create cross current_catalog \
    current_date current_role current_schema current_time current_timestamp current_user \
    default deferrable desc distinct do else end except false fetch for foreign freeze from \
    full grant group having ilike in initially inner intersect into is isnull join lateral \
    leading left like limit localtime localtimestamp natural not notnull null offset on only \
    or order outer overlaps placing primary references returning right select session_user \
    similar some symmetric table tablesample then to trailing true union unique user using \
    variadic verbose when where window with";

/// An identifier as SQL.
#[must_use]
pub fn quote(name: &str) -> String {
    let is_plain = name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
        && !name.starts_with(|c: char| c.is_ascii_digit())
        && !name.is_empty()
        && !RESERVED.split(' ').any(|word| word == name);
    if is_plain { name.to_owned() } else { format!("\"{}\"", name.replace('"', "\"\"")) }
}

/// The parts of a qualified name as SQL writes it, unquoted; `None` if it is none.
#[must_use]
pub fn identifiers(text: &str) -> Option<Vec<String>> {
    let mut parts = Vec::new();
    let mut rest = text.trim();
    loop {
        let part;
        if let Some(quoted) = rest.strip_prefix('"') {
            let mut end = quoted.find('"')?;
            while quoted.get(end + 1..)?.starts_with('"') {
                end += 2 + quoted.get(end + 2..)?.find('"')?;
            }
            part = quoted.get(..end)?.replace("\"\"", "\"");
            rest = quoted.get(end + 1..)?;
        } else {
            let end = rest.find('.').unwrap_or(rest.len());
            let plain;
            (plain, rest) = rest.split_at_checked(end)?;
            if plain.is_empty() || plain.contains([' ', '"']) {
                return None;
            }
            part = plain.to_ascii_lowercase();
        }
        parts.push(part);
        match rest.strip_prefix('.') {
            Some(more) => rest = more,
            None => return rest.is_empty().then_some(parts),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::advise::catalog::IndexKey;

    #[test]
    fn an_index_that_is_there_covers_though_its_class_has_no_schema_and_its_rows_are_printed() {
        let key = |opclass: Option<&str>| IndexKey {
            sql: "name".to_owned(),
            column: Some("name".to_owned()),
            opclass: opclass.map(str::to_owned),
            ..IndexKey::default()
        };
        let there = |method: &str, opclass: Option<&str>, predicate: Option<&str>| Index {
            method: method.to_owned(),
            is_valid: true,
            keys: vec![key(opclass)],
            predicate: predicate.map(str::to_owned),
            ..Index::default()
        };
        let of = |opclass: &str| Key { opclass: Some(opclass.to_owned()), ..Key::column("name") };
        for class in ["public.gin_trgm_ops", "\"Our ops\".gin_trgm_ops", "gin_trgm_ops"] {
            let new = Definition { method: Method::Gin, ..Definition::btree(1, vec![of(class)]) };
            assert!(new.is_covered_by(&there("gin", Some("gin_trgm_ops"), None)), "{class}");
            assert!(!new.is_covered_by(&there("gin", Some("gin_bigm_ops"), None)), "{class}");
            assert!(!new.is_covered_by(&there("gin", None, None)), "{class}");
        }
        let plain = Definition::btree(1, vec![Key::column("name")]);
        assert!(!plain.is_covered_by(&there("btree", Some("text_pattern_ops"), None)));
        let predicate = Some("state = 'draft'".to_owned());
        let partial = Definition { predicate, ..plain.clone() };
        let printed = Some("((state)::text = 'draft'::text)");
        assert!(partial.is_covered_by(&there("btree", None, printed)));
        assert!(partial.is_covered_by(&there("btree", None, None)), "it has all rows");
        assert!(!partial.is_covered_by(&there("btree", None, Some("(state = 'open'::text)"))));
        assert!(!plain.is_covered_by(&there("btree", None, printed)));
    }

    #[test]
    fn an_index_serves_an_order_only_with_its_nulls_at_the_same_end() {
        let there = |is_descending: bool, nulls_first: bool| Index {
            method: "btree".to_owned(),
            is_valid: true,
            keys: vec![IndexKey {
                column: Some("day".to_owned()),
                is_descending,
                nulls_first,
                ..IndexKey::default()
            }],
            ..Index::default()
        };
        let up = Definition::btree(1, vec![Key::column("day")]);
        assert!(up.is_covered_by(&there(false, false)));
        assert!(up.is_covered_by(&there(true, true)), "read backwards");
        assert!(!up.is_covered_by(&there(true, false)) && !up.is_covered_by(&there(false, true)));
        let key = Key { is_descending: true, ..Key::column("day") };
        let latest = Definition::btree(1, vec![key]);
        assert!(
            latest.is_covered_by(&there(true, false)) && latest.is_covered_by(&there(false, true))
        );
        assert!(
            !latest.is_covered_by(&there(true, true))
                && !latest.is_covered_by(&there(false, false))
        );
    }

    #[test]
    fn names_are_read_as_they_are_written() {
        for parts in
            [vec!["public", "sale_idx"], vec!["a.b", "c\"d \"e"], vec!["Order"], vec!["\"\""]]
        {
            let text: Vec<String> = parts.iter().map(|part| quote(part)).collect();
            assert_eq!(identifiers(&text.join(".")).unwrap(), parts);
        }
        for text in ["", "a b", "a.", "\"a", "\"a\"b"] {
            assert_eq!(identifiers(text), None, "{text}");
        }
    }
}
