//! Texts of pg_stat_statements that PostgreSQL itself would not parse: it puts `$1` where only a
//! literal may stand.

use std::collections::BTreeMap;

use sqlparser::dialect::PostgreSqlDialect;
use sqlparser::tokenizer::{Token, Tokenizer, TokenizerError, Whitespace};

/// Types that are written before their literal.
const TYPES: [&str; 12] = [
    "date",
    "time",
    "timestamp",
    "timestamptz",
    "timetz",
    "interval",
    "numeric",
    "decimal",
    "bool",
    "boolean",
    "inet",
    "uuid",
];

/// What follows an interval's literal.
const FIELDS: [&str; 6] = ["year", "month", "day", "hour", "minute", "second"];

/// The text with its quirks mended and its comments gone.
pub fn mend(text: &str) -> String {
    let Ok(tokens) = tokens(text) else { return text.to_owned() };
    let tokens: Vec<Token> = tokens.into_iter().filter(|token| !is_comment(token)).collect();
    let mut mended = String::with_capacity(text.len());
    let mut at = 0;
    while let Some(token) = tokens.get(at) {
        let rest = tokens.get(at..).unwrap_or_default();
        let mend = if is_space(token) {
            None
        } else {
            typed(rest).or_else(|| extracted(rest)).or_else(|| only(rest))
        };
        if let Some((instead, taken)) = mend {
            mended.push_str(&instead);
            at += taken;
        } else {
            mended.push_str(&sql(token));
            at += 1;
        }
    }
    mended.trim().trim_end_matches(';').trim_end().to_owned()
}

/// Names and strings stay as they are written.
fn tokens(text: &str) -> Result<Vec<Token>, TokenizerError> {
    Tokenizer::new(&PostgreSqlDialect {}, text).with_unescape(false).tokenize()
}

/// A token as it was written, or to the same effect.
fn sql(token: &Token) -> String {
    match token {
        // It comes without its escapes whatever is asked for.
        Token::EscapedStringLiteral(text) => {
            format!("E'{}'", text.replace('\\', "\\\\").replace('\'', "''"))
        }
        token => token.to_string(),
    }
}

fn is_comment(token: &Token) -> bool {
    matches!(
        token,
        Token::Whitespace(Whitespace::SingleLineComment { .. } | Whitespace::MultiLineComment(_))
    )
}

fn is_space(token: &Token) -> bool {
    matches!(token, Token::Whitespace(_))
}

fn word(token: Option<&&Token>) -> Option<String> {
    match token {
        Some(Token::Word(word)) if word.quote_style.is_none() => {
            Some(word.value.to_ascii_lowercase())
        }
        _ => None,
    }
}

/// How many tokens the first `n` that are no spaces take.
fn length(tokens: &[Token], n: usize) -> usize {
    let solid = tokens.iter().enumerate().filter(|(_, token)| !is_space(token));
    solid.take(n).last().map_or(0, |(at, _)| at + 1)
}

/// `date $1`, `timestamp with time zone $1`, `interval $1 day`.
fn typed(tokens: &[Token]) -> Option<(String, usize)> {
    let solid: Vec<&Token> = tokens.iter().filter(|token| !is_space(token)).take(6).collect();
    let name = word(solid.first()).filter(|name| TYPES.contains(&name.as_str()))?;
    let mut kind = name.clone();
    let mut next = 1;
    if let (Some(with), Some("time"), Some("zone")) =
        (word(solid.get(1)), word(solid.get(2)).as_deref(), word(solid.get(3)).as_deref())
        && matches!(with.as_str(), "with" | "without")
    {
        kind = format!("{name} {with} time zone");
        next = 4;
    }
    let Some(Token::Placeholder(placeholder)) = solid.get(next) else { return None };
    let mut taken = next + 1;
    // The field is of no matter to the planner, and sqlparser does not know it in a cast.
    if name == "interval" && word(solid.get(taken)).is_some_and(|w| FIELDS.contains(&w.as_str())) {
        taken += 1;
    }
    Some((format!("cast({placeholder} as {kind})"), length(tokens, taken)))
}

/// `extract($1 from d)`: which field it was is not known, and of no matter to the planner.
fn extracted(tokens: &[Token]) -> Option<(String, usize)> {
    let solid: Vec<&Token> = tokens.iter().filter(|token| !is_space(token)).take(4).collect();
    let is_extract = word(solid.first())? == "extract";
    match solid.as_slice() {
        [_, Token::LParen, Token::Placeholder(_), from]
            if is_extract && word(Some(from)).as_deref() == Some("from") =>
        {
            Some(("extract(epoch from".to_owned(), length(tokens, 4)))
        }
        _ => None,
    }
}

/// `update only t`, which sqlparser does not know; tables that inherit from t are few.
fn only(tokens: &[Token]) -> Option<(String, usize)> {
    let solid: Vec<&Token> = tokens.iter().filter(|token| !is_space(token)).take(2).collect();
    let first = word(solid.first()).filter(|w| matches!(w.as_str(), "update" | "from"))?;
    let is_only = word(solid.get(1)).as_deref() == Some("only");
    is_only.then(|| (first, length(tokens, 2)))
}

/// First words of statements that look for no rows.
const NOTHING: [&str; 26] = [
    "abort",
    "analyze",
    "begin",
    "checkpoint",
    "close",
    "comment",
    "commit",
    "deallocate",
    "discard",
    "drop",
    "end",
    "grant",
    "listen",
    "lock",
    "notify",
    "release",
    "reset",
    "revoke",
    "rollback",
    "savepoint",
    "set",
    "show",
    "start",
    "truncate",
    "unlisten",
    "vacuum",
];

/// Whether it ends a transaction, sets something, and so on, and no index could make it faster.
pub fn looks_for_nothing(text: &str) -> bool {
    let first = text.split(|c: char| !c.is_alphabetic()).next().unwrap_or_default();
    NOTHING.contains(&first.to_ascii_lowercase().as_str()) && !text.contains(';')
}

/// Whether it begins like something that only reads.
pub fn is_select(text: &str) -> bool {
    let text = text.trim_start_matches(['(', ' ', '\n', '\t']);
    let first = text.split(|c: char| !c.is_alphabetic()).next().unwrap_or_default();
    let reads = first.eq_ignore_ascii_case("select") || first.eq_ignore_ascii_case("with");
    // A string that is not closed is a text that is cut off.
    reads && !text.contains(';') && tokens(text).is_ok()
}

/// Numbers the parameters from 1 without gaps, and says how many there are: of one that is gone, with
/// the `set` of an update, PostgreSQL could not tell the type.
pub fn renumbered(text: &str) -> (String, usize) {
    filled(text, &BTreeMap::new())
}

/// The same with SQL in the place of some parameters, by their numbers.
pub fn filled(text: &str, values: &BTreeMap<usize, String>) -> (String, usize) {
    let Ok(tokens) = tokens(text) else { return (text.to_owned(), 0) };
    let mut numbers: Vec<String> = Vec::new();
    let mut out = String::with_capacity(text.len());
    for token in &tokens {
        let Token::Placeholder(name) = token else {
            out.push_str(&sql(token));
            continue;
        };
        if let Some(value) = number(token).and_then(|number| values.get(&number)) {
            out.push_str(value);
            continue;
        }
        let known = numbers.iter().position(|number| number == name);
        let at = known.unwrap_or_else(|| {
            numbers.push(name.clone());
            numbers.len() - 1
        });
        out.push('$');
        out.push_str(&(at + 1).to_string());
    }
    (out, numbers.len())
}

/// The parameters behind `limit` and `offset` of the outermost select.
pub fn page(text: &str) -> (Option<usize>, Option<usize>) {
    let Ok(tokens) = tokens(text) else { return (None, None) };
    let solid: Vec<&Token> = tokens.iter().filter(|token| !is_space(token)).collect();
    let (mut depth, mut limit, mut offset) = (0_i32, None, None);
    for (at, token) in solid.iter().enumerate() {
        match token {
            Token::LParen => depth += 1,
            Token::RParen => depth -= 1,
            Token::Word(_) if depth == 0 => match word(Some(token)).as_deref() {
                Some("limit") => limit = solid.get(at + 1).and_then(|next| number(next)),
                Some("offset") => offset = solid.get(at + 1).and_then(|next| number(next)),
                _ => {}
            },
            _ => {}
        }
    }
    (limit, offset)
}

fn number(token: &Token) -> Option<usize> {
    match token {
        Token::Placeholder(name) => name.strip_prefix('$')?.parse().ok(),
        _ => None,
    }
}
