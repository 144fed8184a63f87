//! A profile's file as it was written: every name a short word, or every fault with its line.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::Kind;
use super::key::{self, Key};
use super::queue::{self, Queue};

/// Names that become values of labels are bounded in number and length.
pub(super) const MOST_MODULES: usize = 64;
pub(super) const MOST_APPLICATIONS: usize = 200;
const LONGEST_WORD: usize = 40;
/// What PostgreSQL cuts a name to, and some room for stars.
const LONGEST_PATTERN: usize = 80;
/// Names with a meaning of their own.
const RESERVED: [&str; 3] = ["other", "unknown", "generic"];

const KEYS: [&str; 10] = [
    "name",
    "extends",
    "recognised_by",
    "modules",
    "applications",
    "roles",
    "kinds",
    "states",
    "queue",
    "key",
];

/// One thing that is wrong in a profile's file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProfileFault {
    /// Line of the file, from 1.
    pub line: usize,
    /// Such as `modules.sales`.
    pub key: String,
    /// What is wrong and what would be right.
    pub problem: String,
}

impl fmt::Display for ProfileFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { line, key, problem } = self;
        let colon = if key.is_empty() { "" } else { ": " };
        write!(f, "line {line}: {key}{colon}{problem}")
    }
}

/// A text that is no profile: every fault in it, at least one.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a profile: {}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))]
pub struct ProfileError(pub Vec<ProfileFault>);

/// A table of names, each with its patterns.
#[derive(Debug)]
pub(super) struct Lists<T> {
    pub(super) names: BTreeMap<T, Vec<String>>,
    /// Where it stands; 1 if it does not.
    pub(super) line: usize,
}

/// What stands in a file.
#[derive(Debug)]
pub(super) struct File {
    pub(super) name: Written,
    pub(super) extends: Option<Written>,
    pub(super) recognised_by: Option<Vec<String>>,
    pub(super) modules: Lists<String>,
    pub(super) applications: Lists<String>,
    pub(super) roles: Lists<String>,
    pub(super) kinds: Lists<Kind>,
    pub(super) states: Vec<String>,
    pub(super) queues: Vec<Arc<Queue>>,
    pub(super) keys: Vec<Arc<Key>>,
}

/// A word and where it stands.
#[derive(Debug, Default)]
pub(super) struct Written {
    pub(super) word: String,
    pub(super) line: usize,
}

/// Reads a file. What has faults is left out of what is returned.
pub(super) fn read(text: &str) -> (File, Faults<'_>) {
    let mut faults = Faults { text, found: Vec::new() };
    let (root, errors) = DeTable::parse_recoverable(text);
    for error in &errors {
        let offset = error.span().map_or(0, |span| span.start);
        let problem = format!("not TOML: {}", error.message().trim().replace('\n', ", "));
        faults.at(offset, "", problem);
    }
    let file = faults.file(root.get_ref());
    (file, faults)
}

/// What is wrong so far.
#[derive(Debug)]
pub(super) struct Faults<'a> {
    text: &'a str,
    found: Vec<ProfileFault>,
}

impl Faults<'_> {
    /// All of them, from the first line to the last.
    pub(super) fn finish(mut self) -> Result<(), ProfileError> {
        self.found.sort_by_key(|fault| fault.line);
        if self.found.is_empty() { Ok(()) } else { Err(ProfileError(self.found)) }
    }

    pub(super) fn add(&mut self, line: usize, key: &str, problem: impl Into<String>) {
        let fault = ProfileFault { line, key: key.to_owned(), problem: problem.into() };
        self.found.push(fault);
    }

    pub(super) fn at(&mut self, offset: usize, key: &str, problem: impl Into<String>) {
        self.add(self.line(offset), key, problem);
    }

    fn line(&self, offset: usize) -> usize {
        let before = self.text.get(..offset.min(self.text.len())).unwrap_or_default();
        before.matches('\n').count() + 1
    }

    fn file(&mut self, root: &DeTable<'_>) -> File {
        for name in root.keys() {
            let known: &str = name.get_ref();
            if !KEYS.contains(&known) {
                let problem = format!("there is no such key; there are {}", KEYS.join(", "));
                self.at(name.span().start, known, problem);
            }
        }
        if !root.contains_key("name") {
            self.add(1, "name", "is missing: write name = \"our-erp\" at the top");
        }
        let recognised_by = root.get("recognised_by").map(|v| self.patterns("recognised_by", v));
        File {
            name: self.written(root, "name").unwrap_or_default(),
            extends: self.written(root, "extends"),
            recognised_by,
            modules: self.lists(root, "modules", value_of_label),
            applications: self.lists(root, "applications", value_of_label),
            roles: self.lists(root, "roles", value_of_label),
            kinds: self.lists(root, "kinds", kind),
            states: root.get("states").map(|v| self.columns(v)).unwrap_or_default(),
            queues: queue::read(root, self),
            keys: key::read(root, self),
        }
    }

    /// The name of a profile.
    fn written(&mut self, root: &DeTable<'_>, key: &str) -> Option<Written> {
        let value = root.get(key)?;
        let line = self.line(value.span().start);
        let checked = match value.get_ref() {
            DeValue::String(text) => word(text),
            other => Err(format!("write text in quotes; this is of type {}", other.type_str())),
        };
        checked
            .map(|word| Written { word, line })
            .map_err(|problem| self.add(line, key, problem))
            .ok()
    }

    /// A table of lists of patterns.
    fn lists<T: Ord>(
        &mut self,
        root: &DeTable<'_>,
        table: &str,
        named: fn(&str) -> Result<T, String>,
    ) -> Lists<T> {
        let mut lists = Lists { names: BTreeMap::new(), line: 1 };
        let Some(value) = root.get(table) else { return lists };
        lists.line = self.line(value.span().start);
        let DeValue::Table(found) = value.get_ref() else {
            self.at(value.span().start, table, format!("write it as a table: [{table}]"));
            return lists;
        };
        for (name, value) in found {
            let key = format!("{table}.{}", name.get_ref());
            let patterns = self.patterns(&key, value);
            match named(name.get_ref()) {
                Ok(name) => {
                    lists.names.insert(name, patterns);
                }
                Err(problem) => self.at(name.span().start, &key, problem),
            }
        }
        lists
    }

    /// Columns, each in full: what may be shown is said without stars.
    fn columns(&mut self, value: &Spanned<DeValue<'_>>) -> Vec<String> {
        let columns = self.patterns("states", value);
        for column in columns.iter().filter(|column| column.contains('*')) {
            let problem = format!("`{column}`: write each column in full, without `*`");
            self.at(value.span().start, "states", problem);
        }
        columns
    }

    fn patterns(&mut self, key: &str, value: &Spanned<DeValue<'_>>) -> Vec<String> {
        let DeValue::Array(list) = value.get_ref() else {
            let problem = "write a list of patterns in quotes, such as [\"sale_*\"]";
            self.at(value.span().start, key, problem);
            return Vec::new();
        };
        let mut patterns = Vec::new();
        for item in list {
            let problem = match item.get_ref() {
                DeValue::String(text) => match pattern(text) {
                    Ok(()) => {
                        patterns.push(text.to_string());
                        continue;
                    }
                    Err(problem) => problem,
                },
                other => format!("write a pattern in quotes; this is of type {}", other.type_str()),
            };
            self.at(item.span().start, key, problem);
        }
        patterns
    }
}

/// The names that a file and what it extends have together must stay few.
pub(super) fn too_many(
    what: &str,
    names: &BTreeSet<impl AsRef<str>>,
    most: usize,
) -> Option<String> {
    (names.len() > most).then(|| {
        format!(
            "{} {what}, with those of the profile it extends; at most {most}, as each is a value of \
             a label: put several patterns under one name",
            names.len()
        )
    })
}

fn word(text: &str) -> Result<String, String> {
    let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "_-".contains(c);
    match text.chars().count() {
        1..=LONGEST_WORD if text.chars().all(fits) => Ok(text.to_owned()),
        _ => Err(format!(
            "is no short word: use lower case letters, digits, `_` and `-`, at most {LONGEST_WORD}"
        )),
    }
}

/// A name that can be a value of a label: short, plain, and without a meaning of its own.
///
/// # Errors
/// What is wrong with it, in words that follow the name.
pub fn value_of_label(text: &str) -> Result<String, String> {
    if RESERVED.contains(&text) {
        return Err(format!(
            "`{text}` has a meaning of its own and cannot be a name: choose another"
        ));
    }
    word(text)
}

fn kind(text: &str) -> Result<Kind, String> {
    match text {
        "interactive" => Ok(Kind::Interactive),
        "job" => Ok(Kind::Job),
        "report" => Ok(Kind::Report),
        "maintenance" => Ok(Kind::Maintenance),
        _ => Err("is no kind: use one of interactive, job, report, maintenance".to_owned()),
    }
}

pub(super) fn pattern(text: &str) -> Result<(), String> {
    match text.chars().count() {
        0 => Err("an empty pattern matches nothing: leave it out".to_owned()),
        n if n > LONGEST_PATTERN => Err(format!(
            "a pattern of {n} characters; names in PostgreSQL have at most 63: shorten it"
        )),
        _ if text.chars().any(char::is_control) => {
            Err("a pattern with control characters: write them as `*`".to_owned())
        }
        _ => Ok(()),
    }
}
