//! What comments of a statement say of who sent it and why.
//!
//! Two ways of writing are read: sqlcommenter's, `/*route='%2Forders',traceparent='00-...'*/`
//! (<https://google.github.io/sqlcommenter/spec/>), and the older `/*application:shop,job:push*/`. What
//! stands within a literal or a quoted name is no comment, whatever it looks like: users write
//! those. Lexical rules: PostgreSQL's manual, section 4.1; where they leave a doubt (a backslash before
//! a quote in a plain string), nothing more is read.

use percent_encoding::percent_decode_str;

use super::recognise::Tag;
use super::trace::{TraceId, Traceparent};

/// Tags of one text.
const TAGS: usize = 16;
/// Characters of a key.
const KEY: usize = 40;
/// Characters of a value.
const VALUE: usize = 100;
/// Bytes of a `traceparent`.
const TRACEPARENT: usize = 55;
/// Bytes of one comment that are looked at.
const LONGEST: usize = 4_096;

/// What the comments of a text say.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Comment {
    /// The request it belongs to.
    pub trace: Option<TraceId>,
    /// Keys and values, decoded. Of a key that stands twice, the first: what the program itself writes
    /// comes before what libraries add at the end.
    pub tags: Vec<Tag>,
}

/// Reads the comments of an SQL text. A comment that was cut counts as far as it is whole.
#[must_use]
pub fn read(text: &str) -> Comment {
    let mut comment = Comment::default();
    // Nearly all texts have none.
    if text.contains("/*") {
        let mut rest = text;
        while let Some((inside, after)) = next(rest) {
            comment.take(inside);
            rest = after;
        }
    }
    comment
}

/// The trace id of a `traceparent` that a program gave as its name, or as a part of it.
#[must_use]
pub fn of_application_name(name: &str) -> Option<TraceId> {
    let parts = name.char_indices().filter_map(|(at, _)| name.get(at..at + TRACEPARENT));
    parts.filter_map(Traceparent::parse).map(|parent| parent.trace).next()
}

/// What is in a block comment, and whether its end is there.
#[derive(Clone, Copy)]
struct Inside<'a> {
    text: &'a str,
    is_whole: bool,
}

/// The next block comment of a text, and what comes after it.
fn next(text: &str) -> Option<(Inside<'_>, &str)> {
    let mut at = 0;
    while let Some(&byte) = text.as_bytes().get(at) {
        let rest = text.get(at..)?;
        at += match byte {
            b'/' if rest.starts_with("/*") => return block(rest.get(2..)?),
            b'-' if rest.starts_with("--") => rest.find(['\n', '\r'])?,
            b'\'' => string(rest, false)?,
            b'"' => 1 + rest.get(1..)?.find('"')? + 1,
            b'$' => dollar(rest)?,
            _ if starts_name(byte) => name(rest)?,
            _ => 1,
        };
    }
    None
}

/// Bytes beyond ASCII are letters of names, all of them.
fn starts_name(byte: u8) -> bool {
    byte.is_ascii_alphabetic() || byte == b'_' || !byte.is_ascii()
}

/// The length of the name that `text` begins with, or of the string with escapes whose mark it is.
/// Names are passed whole: a dollar in one begins no string, and `date'...'` has no escapes.
fn name(text: &str) -> Option<usize> {
    let is_part = |byte: u8| starts_name(byte) || byte.is_ascii_digit() || byte == b'$';
    let end = text.bytes().position(|byte| !is_part(byte)).unwrap_or(text.len());
    let (name, rest) = text.split_at_checked(end)?;
    let has_escapes = matches!(name, "e" | "E") && rest.starts_with('\'');
    Some(end + if has_escapes { string(rest, true)? } else { 0 })
}

/// The length of the string that `text` begins with; `None` if it does not end, or in doubt.
fn string(text: &str, has_escapes: bool) -> Option<usize> {
    let mut bytes = text.bytes().enumerate().skip(1).peekable();
    while let Some((at, byte)) = bytes.next() {
        match byte {
            b'\\' if has_escapes => {
                bytes.next();
            }
            b'\\' if matches!(bytes.peek(), Some((_, b'\''))) => return None,
            b'\'' if bytes.next_if(|(_, byte)| *byte == b'\'').is_none() => return Some(at + 1),
            _ => {}
        }
    }
    None
}

/// The length of the dollar-quoted string that `text` begins with, or of the sign alone.
fn dollar(text: &str) -> Option<usize> {
    let is_part = |byte: &u8| starts_name(*byte) || byte.is_ascii_digit();
    let tag = text.bytes().skip(1).take_while(is_part).count();
    let (quote, rest) = match text.split_at_checked(tag + 2) {
        Some((quote, rest)) if quote.ends_with('$') => (quote, rest),
        _ => return Some(1),
    };
    if quote.as_bytes().get(1).is_some_and(u8::is_ascii_digit) {
        return Some(1);
    }
    rest.find(quote).map(|length| quote.len() + length + quote.len())
}

/// The block comment whose beginning was read. One with another in it carries no tags.
fn block(text: &str) -> Option<(Inside<'_>, &str)> {
    let (mut depth, mut at, mut nested) = (1, 0, false);
    while let Some(found) = text.get(at..)?.find(['*', '/']) {
        at += found;
        let rest = text.get(at..)?;
        if rest.starts_with("/*") {
            (depth, at, nested) = (depth + 1, at + 2, true);
        } else if rest.starts_with("*/") {
            depth -= 1;
            if depth == 0 {
                let inside = if nested { "" } else { text.get(..at)? };
                return Some((Inside { text: inside, is_whole: true }, text.get(at + 2..)?));
            }
            at += 2;
        } else {
            at += 1;
        }
    }
    let inside = if nested { "" } else { text };
    Some((Inside { text: inside, is_whole: false }, ""))
}

impl Comment {
    fn take(&mut self, inside: Inside<'_>) {
        // `/*+ ... */` are hints for the planner.
        if inside.text.starts_with('+') || inside.text.len() > LONGEST {
            return;
        }
        // It may have been cut between the two characters of its end.
        let half_an_end = if inside.is_whole { None } else { inside.text.strip_suffix('*') };
        let mut rest = half_an_end.unwrap_or(inside.text).trim();
        while !rest.is_empty() {
            let Some((pair, after)) = pair(rest, inside.is_whole) else { return };
            self.add(pair);
            rest = after.trim_start();
        }
    }

    fn add(&mut self, (key, value): (&str, String)) {
        let is_key = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
        if key.is_empty() || key.len() > KEY || !key.chars().all(is_key) {
            return;
        }
        if key == "traceparent" {
            self.trace = self.trace.or(Traceparent::parse(&value).map(|parent| parent.trace));
            return;
        }
        let is_known = self.tags.iter().any(|tag| tag.key == key);
        if self.tags.len() < TAGS && !is_known {
            self.tags.push(Tag { key: key.to_owned(), value });
        }
    }
}

/// The first pair of a comment, and what comes after it; `None` if that is no pair, or was cut.
fn pair(text: &str, is_whole: bool) -> Option<((&str, String), &str)> {
    let (at, _) = text.char_indices().find(|(_, c)| matches!(c, '=' | ':' | ','))?;
    let (key, rest) = (text.get(..at)?.trim(), text.get(at + 1..)?);
    if text.get(at..)?.starts_with(',') {
        // A word alone.
        return Some((("", String::new()), rest));
    }
    let rest = rest.trim_start();
    let (value, after) = if rest.starts_with('\'') {
        let end = quoted(rest)?;
        let value = rest.get(1..end)?.replace("\\'", "'");
        let after = rest.get(end + 1..)?.trim_start();
        (value, after.strip_prefix(',').or(after.is_empty().then_some(""))?)
    } else {
        match rest.split_once(',') {
            Some((value, after)) => (value.trim().to_owned(), after),
            None if is_whole => (rest.trim().to_owned(), ""),
            None => return None,
        }
    };
    // Instrumentation of Python's drivers doubles the sign, as their placeholders begin with one; a
    // sign that is meant itself is written `%25`.
    let value = value.replace("%%", "%");
    let decoded = percent_decode_str(&value).decode_utf8_lossy();
    let plain = decoded.chars().take(VALUE);
    let plain = plain.map(|c| if c.is_control() { char::REPLACEMENT_CHARACTER } else { c });
    Some(((key, plain.collect()), after))
}

/// Where the quote that `text` begins with ends.
fn quoted(text: &str) -> Option<usize> {
    let mut bytes = text.bytes().enumerate().skip(1);
    while let Some((at, byte)) = bytes.next() {
        match byte {
            b'\\' => {
                bytes.next();
            }
            b'\'' => return Some(at),
            _ => {}
        }
    }
    None
}

#[cfg(test)]
mod tests;
