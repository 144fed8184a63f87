//! Statement texts without anything that a user typed as a value.
//!
//! pg_stat_statements replaces the constants of queries but not those of utility statements
//! (`alter role ... password '...'`), and a text can be cut anywhere. So every text passes here
//! before it goes on: literals become `?`, comments go, white space becomes single spaces.

use std::iter::Peekable;
use std::str::CharIndices;

/// Normalises `text` and cuts it to `max_chars` characters (then it ends with `…`).
///
/// Lexical rules: PostgreSQL's manual, section 4.1. Where they leave a doubt, nothing more of the
/// text is shown rather than a value: a string that is not closed, and a backslash before a quote
/// in a plain string, whose meaning depends on standard_conforming_strings, both end the text.
#[must_use]
pub fn normalise(text: &str, max_chars: usize) -> String {
    let mut lexer =
        Lexer { text, rest: text.char_indices().peekable(), out: String::new(), space: false };
    lexer.run();
    cut(lexer.out, max_chars)
}

fn cut(mut text: String, max_chars: usize) -> String {
    if let Some((at, _)) = text.char_indices().nth(max_chars) {
        let keep = text.char_indices().nth(max_chars.saturating_sub(1)).map_or(at, |(at, _)| at);
        text.truncate(keep);
        text.push('…');
    }
    text
}

/// Whether the rest of the text can still be read safely.
enum Next {
    Go,
    Stop,
}

struct Lexer<'a> {
    text: &'a str,
    rest: Peekable<CharIndices<'a>>,
    out: String,
    /// White space or a comment was passed and is still to be written as one space.
    space: bool,
}

impl Lexer<'_> {
    fn run(&mut self) {
        while let Some(&(at, c)) = self.rest.peek() {
            let next = match c {
                _ if c.is_whitespace() || c.is_control() => self.blank(),
                '-' if self.next_is(at, "--") => self.line_comment(),
                '/' if self.next_is(at, "/*") => self.block_comment(),
                '\'' => self.string(false),
                '"' => self.quoted_name(),
                '$' => self.dollar(at),
                _ if c.is_ascii_digit() => self.number(),
                '.' if self.digit_follows(at) => self.number(),
                _ if starts_name(c) => self.name(at),
                _ => self.copy(),
            };
            if matches!(next, Next::Stop) {
                self.write("…");
                return;
            }
        }
    }

    fn next_is(&self, at: usize, what: &str) -> bool {
        self.text.get(at..).is_some_and(|rest| rest.starts_with(what))
    }

    fn digit_follows(&self, at: usize) -> bool {
        let after_name = self.out.ends_with(|c: char| starts_name(c) || c == '"') && !self.space;
        !after_name
            && self
                .text
                .get(at + 1..)
                .is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()))
    }

    fn write(&mut self, what: &str) {
        if self.space && !self.out.is_empty() {
            self.out.push(' ');
        }
        self.space = false;
        self.out.push_str(what);
    }

    fn copy(&mut self) -> Next {
        if let Some((_, c)) = self.rest.next() {
            self.write(c.encode_utf8(&mut [0; 4]));
        }
        Next::Go
    }

    fn blank(&mut self) -> Next {
        self.rest.next();
        self.space = true;
        Next::Go
    }

    fn line_comment(&mut self) -> Next {
        self.space = true;
        while self.rest.next_if(|&(_, c)| !matches!(c, '\n' | '\r')).is_some() {}
        Next::Go
    }

    /// Block comments nest.
    fn block_comment(&mut self) -> Next {
        self.space = true;
        let mut depth = 0_u32;
        while let Some((at, _)) = self.rest.next() {
            if self.next_is(at, "/*") {
                self.rest.next();
                depth += 1;
            } else if self.next_is(at, "*/") {
                self.rest.next();
                depth -= 1;
                if depth == 0 {
                    return Next::Go;
                }
            }
        }
        Next::Go
    }

    /// A string constant, from its opening quote.
    fn string(&mut self, escapes: bool) -> Next {
        self.write("?");
        self.rest.next();
        while let Some((_, c)) = self.rest.next() {
            match c {
                '\\' if escapes => {
                    self.rest.next();
                }
                '\\' if self.rest.peek().is_some_and(|&(_, c)| c == '\'') => return Next::Stop,
                '\'' if self.rest.next_if(|&(_, c)| c == '\'').is_none() => return Next::Go,
                _ => {}
            }
        }
        Next::Stop
    }

    fn quoted_name(&mut self) -> Next {
        self.copy();
        for (_, c) in self.rest.by_ref() {
            self.out.push(if c.is_control() { ' ' } else { c });
            if c == '"' {
                return Next::Go;
            }
        }
        Next::Stop
    }

    /// `$1`, or a dollar-quoted string.
    fn dollar(&mut self, at: usize) -> Next {
        let rest = self.text.get(at + 1..).unwrap_or_default();
        let tag = rest
            .split(|c: char| !(starts_name(c) || c.is_ascii_digit()))
            .next()
            .unwrap_or_default();
        if tag.starts_with(|c: char| c.is_ascii_digit())
            || !rest.get(tag.len()..).is_some_and(|r| r.starts_with('$'))
        {
            self.copy();
            while let Some((_, c)) = self.rest.next_if(|&(_, c)| c.is_ascii_digit()) {
                self.out.push(c);
            }
            return Next::Go;
        }
        self.write("?");
        let delimiter = format!("${tag}$");
        let body = at + delimiter.len();
        let Some(length) = self.text.get(body..).and_then(|rest| rest.find(&delimiter)) else {
            return Next::Stop;
        };
        let end = body + length + delimiter.len();
        while self.rest.next_if(|&(at, _)| at < end).is_some() {}
        Next::Go
    }

    fn number(&mut self) -> Next {
        self.write("?");
        let mut last = '0';
        while let Some((_, c)) = self.rest.next_if(|&(_, c)| {
            c.is_alphanumeric()
                || c == '.'
                || c == '_'
                || (matches!(c, '+' | '-') && matches!(last, 'e' | 'E'))
        }) {
            last = c;
        }
        Next::Go
    }

    /// A key word or name, or the prefix of a string (`E'...'`, `B'...'`, `U&'...'`).
    fn name(&mut self, at: usize) -> Next {
        let mut end = at;
        while let Some((at, c)) =
            self.rest.next_if(|&(_, c)| starts_name(c) || c.is_ascii_digit() || c == '$')
        {
            end = at + c.len_utf8();
        }
        let word = self.text.get(at..end).unwrap_or_default();
        let quote_follows = self.rest.peek().is_some_and(|&(_, c)| c == '\'');
        match word {
            "e" | "E" if quote_follows => self.string(true),
            "b" | "B" | "x" | "X" | "n" | "N" if quote_follows => self.string(false),
            "u" | "U" if self.next_is(end, "&'") => {
                self.rest.next();
                self.string(false)
            }
            _ => {
                self.write(word);
                Next::Go
            }
        }
    }
}

fn starts_name(c: char) -> bool {
    c.is_alphabetic() || c == '_' || !c.is_ascii()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::normalise;

    #[test]
    fn literals_become_question_marks_and_names_stay() {
        let cases = [
            ("select  *\n\tfrom  t where a = 1 and b='x'", "select * from t where a = ? and b=?"),
            ("select $1, $12::int", "select $1, $12::int"),
            ("alter role r password 'hunter2'", "alter role r password ?"),
            ("select 'it''s', E'a\\'b', b'01', X'FF', U&'d\\0061t'", "select ?, ?, ?, ?, ?"),
            ("select $$secret$$, $tag$ a $$ b $tag$ from t", "select ?, ? from t"),
            ("select 1.5e-3, .5, 0xFF, 1_000, col1, t2.c3", "select ?, ?, ?, ?, col1, t2.c3"),
            ("select 1 /* a /* nested */ secret */ + 2 -- end", "select ? + ?"),
            (
                "select \"Müller \"\"x\"\"\", straße from \"tabSales Invoice\"",
                "select \"Müller \"\"x\"\"\", straße from \"tabSales Invoice\"",
            ),
            ("select a->>'k', b @> '{\"x\":1}'::jsonb", "select a->>?, b @> ?::jsonb"),
            ("select $€$secret$€$, 1", "select ?, ?"),
            ("-- it's\rselect '\nsecret', 1", "select ?, ?"),
            ("", ""),
        ];
        for (text, expected) in cases {
            assert_eq!(normalise(text, 1_000), expected, "{text}");
        }
    }

    #[test]
    fn where_a_literal_has_no_sure_end_the_text_ends() {
        for text in [
            "select 'secret",
            "select E'secret\\",
            "select $a$secret",
            "set x = 'a\\' secret 'b'",
            "select 1 /* secret",
        ] {
            assert!(!normalise(text, 1_000).contains("secret"), "{text}");
        }
    }

    #[test]
    fn a_long_text_is_cut_on_a_character() {
        assert_eq!(normalise("ääääää", 4), "äää…");
        assert_eq!(normalise("ääää", 4), "ääää");
        let huge = format!("select {}", "x, ".repeat(200_000));
        assert_eq!(normalise(&huge, 1_000).chars().count(), 1_000);
    }

    proptest! {
        #[test]
        fn any_text_is_normalised_without_control_characters(text in any::<String>()) {
            prop_assert!(!normalise(&text, 500).contains(|c: char| c.is_control()));
        }

        #[test]
        fn a_quoted_value_never_passes(
            before in "[a-z =(,]{0,20}",
            value in "[A-Z]{3,12}",
            after in "[a-z =),]{0,20}",
            style in 0..4,
        ) {
            let literal = match style {
                0 => format!("'{value}'"),
                1 => format!("E'\\'{value}'"),
                2 => format!("$q${value}$q$"),
                _ => format!("'{value}"),
            };
            let shown = normalise(&format!("{before} {literal} {after}"), 500);
            prop_assert!(!shown.contains(&value), "{shown}");
        }
    }
}
