//! Tables by the words that stand before them: for what cannot be parsed, such as a text that was
//! cut, and for utility statements.

use std::collections::BTreeSet;

use super::Tables;
use super::token::{Token, tokens};

/// Functions in whose brackets FROM and FOR are part of the call.
const CALLS: [&str; 4] = ["extract", "substring", "trim", "overlay"];
/// Words that may stand between a key word and a table.
const BEFORE_NAME: [&str; 12] = [
    "only",
    "lateral",
    "table",
    "if",
    "not",
    "exists",
    "concurrently",
    "materialized",
    "view",
    "verbose",
    "full",
    "analyze",
];
/// Statements that begin with the table they change, and what may stand before that.
const CHANGES: [&str; 10] = [
    "update", "truncate", "lock", "copy", "vacuum", "cluster", "reindex", "refresh", "alter",
    "drop",
];
/// Words that are no table after a comma in FROM or a key word.
const NO_TABLES: [&str; 11] =
    ["select", "with", "values", "set", "where", "on", "rows", "unnest", "from", "of", "stdin"];

/// Tokens of a list of columns; a longer one is none.
const COLUMNS: usize = 400;

/// The tables.
pub(super) fn tables(text: &str) -> Tables {
    let tokens = tokens(text);
    let with = names_of_with(&tokens);
    let mut scan = Scan {
        tokens: &tokens,
        at: 0,
        brackets: Vec::new(),
        had: BTreeSet::new(),
        tables: Tables::default(),
    };
    scan.run();
    let mut tables = scan.tables;
    tables.written.retain(|name| !with.contains(name));
    tables.read.retain(|name| !with.contains(name));
    tables
}

/// `with name [(columns)] as [not materialized] (` and `, name as (`.
fn names_of_with(tokens: &[Token]) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for (at, token) in tokens.iter().enumerate() {
        let Some(name) = name(token) else { continue };
        let before = at.checked_sub(1).and_then(|at| tokens.get(at));
        let can_begin = before.is_some_and(|before| {
            before.is_one_of(&["with", "recursive"]) || *before == Token::Sign(',')
        });
        let mut rest = tokens.get(at + 1..).unwrap_or_default().iter().peekable();
        if !can_begin {
            continue;
        }
        if rest.next_if(|token| **token == Token::Sign('(')).is_some() {
            rest.by_ref().take(COLUMNS).find(|token| **token == Token::Sign(')'));
        }
        let is_as = rest.next().is_some_and(|token| token.is("as"));
        let mut rest = rest.skip_while(|token| token.is_one_of(&["not", "materialized"]));
        if is_as && rest.next() == Some(&Token::Sign('(')) {
            names.insert(name.to_owned());
        }
    }
    names
}

fn name(token: &Token) -> Option<&str> {
    match token {
        Token::Word(word) if !NO_TABLES.contains(&word.as_str()) => Some(word),
        Token::Name(name) => Some(name),
        _ => None,
    }
}

struct Scan<'a> {
    tokens: &'a [Token],
    at: usize,
    /// For each open bracket: whether it belongs to one of [`CALLS`], and whether FROM's list goes
    /// on after it.
    brackets: Vec<(bool, bool)>,
    /// Of these words, which the statement has had so far.
    had: BTreeSet<&'static str>,
    tables: Tables,
}

/// Words that give USING and ON another meaning.
const TURNS: [&str; 3] = ["create", "delete", "merge"];

impl<'a> Scan<'a> {
    fn run(&mut self) {
        // In the list after FROM, where a comma leads to another table.
        let mut in_list = false;
        while let Some(token) = self.tokens.get(self.at) {
            match token {
                Token::Sign('(') => {
                    let is_call = self.back(1).is_some_and(|before| before.is_one_of(&CALLS));
                    self.brackets.push((is_call, in_list));
                    in_list = false;
                }
                Token::Sign(')') => in_list = self.brackets.pop().is_some_and(|(_, list)| list),
                Token::Sign(',') if in_list => self.table(false),
                Token::Sign(';') => {
                    in_list = false;
                    self.had.clear();
                }
                Token::Word(word) => in_list = self.word(word, in_list),
                _ => {}
            }
            self.at += 1;
        }
    }

    /// What a key word says of the words after it; whether a list of tables is open then.
    fn word(&mut self, word: &str, in_list: bool) -> bool {
        let is_first = self.back(1).is_none_or(|before| {
            matches!(before, Token::Sign(';' | '(' | ')'))
                || before.is_one_of(&["explain", "analyze", "as"])
        });
        self.had.extend(TURNS.iter().filter(|turn| **turn == word));
        let in_call = self.brackets.last().is_some_and(|(is_call, _)| *is_call);
        match word {
            "from" if in_call || self.back(1).is_some_and(|b| b.is("distinct")) => in_list,
            "from" => {
                self.table(self.back(1).is_some_and(|before| before.is("delete")));
                true
            }
            "join" => {
                self.table(false);
                true
            }
            "using" if ["delete", "merge"].iter().any(|word| self.had.contains(word)) => {
                self.table(false);
                true
            }
            "into" => {
                self.table(true);
                false
            }
            _ if is_first && CHANGES.contains(&word) => {
                self.skip_options();
                self.table(true);
                false
            }
            "table" if is_first => {
                self.table(false);
                false
            }
            "on" if self.had.contains("create") => {
                self.table(true);
                false
            }
            "where" | "set" | "group" | "order" | "limit" | "returning" | "having" | "window"
            | "select" | "values" => false,
            _ => in_list,
        }
    }

    /// `vacuum (analyze, verbose) ...`; after `copy (`, a query is scanned as any other.
    fn skip_options(&mut self) {
        let is_copy = self.tokens.get(self.at).is_some_and(|token| token.is("copy"));
        if is_copy || self.tokens.get(self.at + 1) != Some(&Token::Sign('(')) {
            return;
        }
        let rest = self.tokens.get(self.at..).unwrap_or_default();
        if let Some(end) = rest.iter().position(|token| *token == Token::Sign(')')) {
            self.at += end;
        }
    }

    /// Takes the table that stands after the current token, if one does.
    fn table(&mut self, written: bool) {
        let mut next = self.at + 1;
        while self.tokens.get(next).is_some_and(|token| token.is_one_of(&BEFORE_NAME)) {
            next += 1;
        }
        // A join in brackets.
        while self.tokens.get(next) == Some(&Token::Sign('(')) {
            next += 1;
        }
        let Some(mut found) = self.tokens.get(next).and_then(name) else { return };
        let mut is_system = false;
        while self.tokens.get(next + 1) == Some(&Token::Sign('.')) {
            is_system = matches!(found, "pg_catalog" | "information_schema");
            next += 2;
            match self.tokens.get(next).and_then(name) {
                Some(name) => found = name,
                None => return,
            }
        }
        let columns_may_follow = written;
        let is_function = self.tokens.get(next + 1) == Some(&Token::Sign('('));
        if is_system || is_function && !columns_may_follow {
            return;
        }
        if written {
            self.tables.write(found.to_owned());
        } else {
            self.tables.read(found.to_owned());
        }
    }

    fn back(&self, steps: usize) -> Option<&'a Token> {
        self.at.checked_sub(steps).and_then(|at| self.tokens.get(at))
    }
}
