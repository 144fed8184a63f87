//! The words of a text. Lexical rules: PostgreSQL's manual, section 4.1.

use std::iter::Peekable;
use std::str::CharIndices;

/// A piece of a statement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Token {
    /// A key word or name, in lower case.
    Word(String),
    /// A quoted name, as it stands.
    Name(String),
    /// `(`, `)`, `,`, `.`, `;` and every other sign; a constant or placeholder is `?`.
    Sign(char),
}

impl Token {
    pub(super) fn is(&self, word: &str) -> bool {
        matches!(self, Self::Word(found) if found == word)
    }

    pub(super) fn is_one_of(&self, words: &[&str]) -> bool {
        words.iter().any(|word| self.is(word))
    }
}

/// The pieces, without comments. A text that is cut within one ends before it.
pub(super) fn tokens(text: &str) -> Vec<Token> {
    let mut rest = text.char_indices().peekable();
    let mut tokens = Vec::new();
    while let Some((at, c)) = rest.next() {
        match c {
            '-' if next_is(&mut rest, '-') => skip_line(&mut rest),
            '/' if next_is(&mut rest, '*') => skip_comment(&mut rest),
            '\'' => {
                skip_string(&mut rest);
                tokens.push(Token::Sign('?'));
            }
            '"' => match quoted(&mut rest) {
                Some(name) => tokens.push(Token::Name(name)),
                None => return tokens,
            },
            _ if c == '_' || c.is_alphabetic() => {
                let end = end_of_word(text, at, &mut rest);
                let word = text.get(at..end).unwrap_or_default();
                tokens.push(Token::Word(word.to_lowercase()));
            }
            _ if c == '$' || c.is_ascii_digit() => {
                end_of_word(text, at, &mut rest);
                tokens.push(Token::Sign('?'));
            }
            _ if c.is_whitespace() => {}
            _ => tokens.push(Token::Sign(c)),
        }
    }
    tokens
}

type Rest<'a> = Peekable<CharIndices<'a>>;

fn next_is(rest: &mut Rest<'_>, wanted: char) -> bool {
    rest.peek().is_some_and(|(_, c)| *c == wanted)
}

fn skip_line(rest: &mut Rest<'_>) {
    while rest.next_if(|(_, c)| *c != '\n').is_some() {}
}

fn skip_comment(rest: &mut Rest<'_>) {
    let mut star = false;
    rest.next();
    for (_, c) in rest.by_ref() {
        if star && c == '/' {
            return;
        }
        star = c == '*';
    }
}

fn skip_string(rest: &mut Rest<'_>) {
    while let Some((_, c)) = rest.next() {
        if c == '\'' && rest.next_if(|(_, c)| *c == '\'').is_none() {
            return;
        }
    }
}

fn quoted(rest: &mut Rest<'_>) -> Option<String> {
    let mut name = String::new();
    while let Some((_, c)) = rest.next() {
        if c == '"' && rest.next_if(|(_, c)| *c == '"').is_none() {
            return Some(name);
        }
        name.push(c);
    }
    None
}

fn end_of_word(text: &str, at: usize, rest: &mut Rest<'_>) -> usize {
    while rest.next_if(|(_, c)| *c == '_' || *c == '$' || c.is_alphanumeric()).is_some() {}
    rest.peek().map_or(text.len(), |(end, _)| *end).max(at)
}
