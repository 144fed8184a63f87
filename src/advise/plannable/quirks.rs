//! Texts of pg_stat_statements that PostgreSQL itself would not parse: it puts `$1` where only a
//! literal may stand.

use sqlparser::dialect::PostgreSqlDialect;
use sqlparser::tokenizer::{Token, Tokenizer, Whitespace};

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
    let dialect = PostgreSqlDialect {};
    let Ok(tokens) = Tokenizer::new(&dialect, text).tokenize() else { return text.to_owned() };
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
            mended.push_str(&token.to_string());
            at += 1;
        }
    }
    mended.trim().trim_end_matches(';').trim_end().to_owned()
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

/// Whether it begins like something that only reads.
pub fn is_select(text: &str) -> bool {
    let first = text.split(|c: char| !c.is_alphabetic()).next().unwrap_or_default();
    first.eq_ignore_ascii_case("select") && !text.contains(';')
}

/// Numbers the parameters from 1 without gaps, and says how many there are: of one that is gone, with
/// the `set` of an update, PostgreSQL could not tell the type.
pub fn renumbered(text: &str) -> (String, usize) {
    let dialect = PostgreSqlDialect {};
    let Ok(tokens) = Tokenizer::new(&dialect, text).tokenize() else {
        return (text.to_owned(), 0);
    };
    let mut numbers: Vec<String> = Vec::new();
    let mut out = String::with_capacity(text.len());
    for token in &tokens {
        let Token::Placeholder(name) = token else {
            out.push_str(&token.to_string());
            continue;
        };
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
