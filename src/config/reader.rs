//! Reading keys from flags, environment, file and defaults, in this order, collecting all faults.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::duration;
use super::fault::Fault;
use super::keys::{Key, Section, Shape};

/// One value that somebody gave.
#[derive(Clone, Debug)]
pub(super) struct Given {
    /// As text; a TOML string without its quotes.
    pub(super) text: String,
    /// A TOML list: its members, each with its place.
    pub(super) list: Option<Vec<(String, String)>>,
    /// A TOML number, boolean, ...: for messages, and because a duration must be text.
    pub(super) bare: Option<&'static str>,
    /// Where it stands.
    pub(super) place: String,
    /// It was cut out of a URL, where a password can stand in any wrong place: never repeated.
    pub(super) quiet: bool,
}

/// The text of a config file and where its lines begin.
pub(super) struct File<'a> {
    pub(super) name: String,
    pub(super) text: &'a str,
}

impl File<'_> {
    /// Such as `erpscope.toml:12`, for a byte offset.
    pub(super) fn place(&self, offset: usize) -> String {
        let before = self.text.get(..offset.min(self.text.len())).unwrap_or_default();
        format!("{}:{}", self.name, before.matches('\n').count() + 1)
    }
}

/// All faults found so far.
#[derive(Debug, Default)]
pub(super) struct Faults(pub(super) Vec<Fault>);

impl Faults {
    pub(super) fn add(
        &mut self,
        place: impl Into<String>,
        key: impl Into<String>,
        problem: impl Into<String>,
    ) {
        self.0.push(Fault { place: place.into(), key: key.into(), problem: problem.into() });
    }
}

/// The keys of one table, as given.
#[derive(Debug)]
pub(super) struct Table {
    section: &'static Section,
    /// Such as `server[0]`.
    pub(super) path: String,
    /// Where the table begins.
    pub(super) place: String,
    given: BTreeMap<&'static str, Given>,
}

impl Table {
    /// No key given.
    pub(super) fn new(section: &'static Section, path: &str, place: &str) -> Self {
        Self { section, path: path.to_owned(), place: place.to_owned(), given: BTreeMap::new() }
    }

    /// Takes what a TOML table gives. Keys that are not declared are faults, except `tables`,
    /// which others read.
    pub(super) fn take(
        &mut self,
        table: &DeTable<'_>,
        file: &File<'_>,
        tables: &[&str],
        faults: &mut Faults,
    ) {
        for (name, value) in table {
            let place = file.place(name.span().start);
            let name: &str = name.get_ref();
            match self.section.keys.iter().find(|key| key.name == name) {
                Some(key) => match given(value, key.shape, file) {
                    Ok(given) => {
                        self.given.insert(key.name, given);
                    }
                    Err(found) => {
                        faults.add(
                            place,
                            self.key(name),
                            format!("a {found} where {} was expected", expected(key.shape)),
                        );
                    }
                },
                None if tables.contains(&name) => {}
                None => faults.add(place, self.key(name), unknown(name, self.section, tables)),
            }
        }
    }

    /// Takes a value that outranks what was given so far.
    pub(super) fn set(&mut self, name: &'static str, text: &str, place: &str) {
        self.given.insert(name, Given::new(text, place));
    }

    /// Takes a value that messages must not repeat.
    pub(super) fn set_quietly(&mut self, name: &'static str, text: &str, place: &str) {
        self.given.insert(name, Given { quiet: true, ..Given::new(text, place) });
    }

    /// Takes a value unless one was given.
    pub(super) fn offer(&mut self, name: &'static str, text: &str, place: &str) {
        if !self.given.contains_key(name) {
            self.set(name, text, place);
        }
    }

    /// The name of its section.
    pub(super) fn section(&self) -> &'static str {
        self.section.name
    }

    /// The name of a key for messages.
    pub(super) fn key(&self, name: &str) -> String {
        if self.path.is_empty() { name.to_owned() } else { format!("{}.{name}", self.path) }
    }

    pub(super) fn given(&self, name: &str) -> Option<&Given> {
        self.given.get(name)
    }

    /// The value of a text key, or its default.
    pub(super) fn text(&self, name: &'static str, faults: &mut Faults) -> Option<String> {
        self.read(name, faults, |text, shape| match shape {
            Shape::Choice(words) if !words.contains(&text) => {
                Err(format!("{text:?} is not one of {}", words.join(", ")))
            }
            _ if text.is_empty() => Err("is empty".to_owned()),
            _ if text.chars().any(char::is_control) => Err("holds control characters".to_owned()),
            _ => Ok(text.to_owned()),
        })
    }

    /// The members of a list, each with its place. In a variable `:` or `,` stands between them.
    pub(super) fn list(&self, name: &str, faults: &mut Faults) -> Vec<(String, String)> {
        let mut members = match self.given.get(name) {
            None => Vec::new(),
            Some(Given { list: Some(list), .. }) => list.clone(),
            Some(given) => given
                .text
                .split([':', ','])
                .map(|member| (member.trim().to_owned(), given.place.clone()))
                .filter(|(member, _)| !member.is_empty())
                .collect(),
        };
        members.retain(|(member, place)| {
            let good = !member.is_empty() && !member.chars().any(char::is_control);
            if !good {
                faults.add(place, self.key(name), "a member is empty or holds control characters");
            }
            good
        });
        members
    }

    /// The value of a whole number.
    pub(super) fn count(&self, name: &'static str, faults: &mut Faults) -> Option<u64> {
        self.read(name, faults, |text, shape| match (text.parse::<u64>(), shape) {
            (Ok(n), Shape::Count { min, max }) if (min..=max).contains(&n) => Ok(n),
            (_, shape) => Err(format!("{text:?} is not {}", expected(shape))),
        })
    }

    /// The value of a whole number that counts what is in memory.
    pub(super) fn size(&self, name: &'static str, faults: &mut Faults) -> Option<usize> {
        self.count(name, faults).and_then(|n| usize::try_from(n).ok())
    }

    /// The value of a share.
    pub(super) fn share(&self, name: &'static str, faults: &mut Faults) -> Option<f64> {
        self.read(name, faults, |text, shape| match text.parse::<f64>() {
            Ok(share) if share > 0.0 && share <= 1.0 => Ok(share),
            _ => Err(format!("{text:?} is not {}", expected(shape))),
        })
    }

    /// The value of a switch.
    pub(super) fn switch(&self, name: &'static str, faults: &mut Faults) -> Option<bool> {
        self.read(name, faults, |text, shape| {
            text.parse().map_err(|_| format!("{text:?} is not {}", expected(shape)))
        })
    }

    /// The value of a whole number, a share, or a duration in seconds.
    pub(super) fn number(&self, name: &'static str, faults: &mut Faults) -> Option<f64> {
        let key = self.section.keys.iter().find(|key| key.name == name)?;
        match key.shape {
            Shape::Duration { .. } => self.duration(name, faults).map(|d| d.as_secs_f64()),
            Shape::Share => self.share(name, faults),
            _ => self.count(name, faults).map(|count| count as f64),
        }
    }

    /// The value of an address.
    pub(super) fn address(&self, name: &'static str, faults: &mut Faults) -> Option<SocketAddr> {
        self.read(name, faults, |text, shape| {
            text.parse().map_err(|_| format!("{text:?} is not {}", expected(shape)))
        })
    }

    /// The value of a duration.
    pub(super) fn duration(&self, name: &'static str, faults: &mut Faults) -> Option<Duration> {
        self.read(name, faults, |text, shape| match (duration::parse(text), shape) {
            (Some(d), Shape::Duration { min, max }) if (min..=max).contains(&d) => Ok(d),
            (None, _) if text.parse::<f64>().is_ok() => Err(format!(
                "{text} has no unit: write \"{text}s\" for seconds, \"{text}ms\" for milliseconds"
            )),
            (_, shape) => Err(format!("{text:?} is not {}", expected(shape))),
        })
    }

    fn read<T>(
        &self,
        name: &'static str,
        faults: &mut Faults,
        parse: impl Fn(&str, Shape) -> Result<T, String>,
    ) -> Option<T> {
        let key = self.section.keys.iter().find(|key| key.name == name)?;
        let (text, place) = match self.given.get(name) {
            Some(given) => (given.text.as_str(), given.place.as_str()),
            None => match (key.default, key.example) {
                (Some(default), _) => (default, "the default"),
                (None, Some(example)) => {
                    let problem = format!("is missing: add {name} = {example:?}");
                    faults.add(&self.place, self.key(name), problem);
                    return None;
                }
                (None, None) => return None,
            },
        };
        let wrong_type = self.given.get(name).and_then(|given| given.bare).filter(|found| {
            !matches!(
                (key.shape, *found),
                (Shape::Count { .. } | Shape::Duration { .. }, "whole number")
                    | (Shape::Share, _)
                    | (Shape::Switch, "true or false")
            )
        });
        let parsed = match wrong_type {
            Some(found) => Err(format!("a {found} where {} was expected", expected(key.shape))),
            None => parse(text, key.shape),
        };
        let quiet = self.given.get(name).is_some_and(|given| given.quiet);
        parsed
            .map_err(|problem| {
                let quietly = || format!("is not {}", expected(key.shape));
                faults.add(place, self.key(name), if quiet { quietly() } else { problem });
            })
            .ok()
    }
}

impl Given {
    fn new(text: &str, place: &str) -> Self {
        let (text, place) = (text.to_owned(), place.to_owned());
        Self { text, list: None, bare: None, place, quiet: false }
    }
}

fn given(
    value: &Spanned<DeValue<'_>>,
    shape: Shape,
    file: &File<'_>,
) -> Result<Given, &'static str> {
    let place = file.place(value.span().start);
    let (text, bare) = match value.get_ref() {
        DeValue::Array(members) if shape == Shape::List => {
            let list = members.iter().map(|member| match member.get_ref() {
                DeValue::String(text) => Ok((text.to_string(), file.place(member.span().start))),
                _ => Err("list of something else"),
            });
            return Ok(Given {
                list: Some(list.collect::<Result<_, _>>()?),
                ..Given::new("", &place)
            });
        }
        DeValue::String(text) => (text.to_string(), None),
        DeValue::Integer(n) => (n.as_str().to_owned(), Some("whole number")),
        DeValue::Float(n) => (n.as_str().to_owned(), Some("number")),
        DeValue::Boolean(b) => (b.to_string(), Some("true or false")),
        DeValue::Datetime(_) => return Err("date"),
        DeValue::Array(_) => return Err("list"),
        DeValue::Table(_) => return Err("table"),
    };
    if shape == Shape::List {
        return Err(bare.unwrap_or("text"));
    }
    Ok(Given { bare, ..Given::new(&text, &place) })
}

/// What a key holds, in words.
pub(super) fn expected(shape: Shape) -> String {
    match shape {
        Shape::Text | Shape::Secret => "text in quotes".to_owned(),
        Shape::Address => "an address and port such as \"127.0.0.1:10187\"".to_owned(),
        Shape::Duration { min, max } => {
            format!(
                "a duration in quotes such as \"10s\", from {} to {}",
                duration::write(min),
                duration::write(max)
            )
        }
        Shape::Count { min, max } => format!("a whole number from {min} to {max}"),
        Shape::Switch => "true or false".to_owned(),
        Shape::Share => "a number above 0 and at most 1".to_owned(),
        Shape::Choice(words) => format!("one of {}", words.join(", ")),
        Shape::List => "a list of texts in quotes such as [\"...\", \"...\"]; a variable has `:` or `,` between them".to_owned(),
    }
}

fn unknown(name: &str, section: &Section, tables: &[&str]) -> String {
    let known = section.keys.iter().map(|key| key.name).chain(tables.iter().copied());
    match nearest(name, known) {
        Some(near) => format!("there is no such key; did you mean `{near}`?"),
        None => "there is no such key".to_owned(),
    }
}

/// The known word within two edits of `word`, if there is one.
pub(super) fn nearest<'a>(word: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    known.map(|k| (distance(word, k), k)).min().filter(|(d, _)| *d <= 2).map(|(_, k)| k)
}

/// Levenshtein's distance.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, ca) in a.chars().enumerate() {
        let mut diagonal = i;
        let mut left = i + 1;
        if let Some(first) = row.first_mut() {
            *first = left;
        }
        for (cell, cb) in row.iter_mut().skip(1).zip(&b) {
            let best = (diagonal + usize::from(ca != *cb)).min(*cell + 1).min(left + 1);
            diagonal = *cell;
            *cell = best;
            left = best;
        }
    }
    row.last().copied().unwrap_or(0)
}

/// Whether a key of this section exists, for checking environment variables.
pub(super) fn declares<'a>(section: &'a Section, variable: &str) -> Option<&'a Key> {
    section.keys.iter().find(|key| section.variable(key.name).as_deref() == Some(variable))
}
