//! Tables by the statement's syntax tree.

use std::collections::BTreeSet;
use std::fmt::Write;
use std::ops::ControlFlow;

use sqlparser::ast::{
    CopySource, Delete, FromTable, Ident, ObjectName, Query, Statement, TableFactor, TableObject,
    TableWithJoins, Visit, Visitor,
};
use sqlparser::dialect::PostgreSqlDialect;
use sqlparser::parser::Parser;

use super::Tables;
use super::token::{Token, tokens};

/// How deeply expressions may be nested; what is deeper is scanned.
const DEPTH: usize = 64;

/// The tables; `None` if the text cannot be parsed, or is no query and no change of rows.
pub(super) fn tables(text: &str) -> Option<Tables> {
    let parser = Parser::new(&PostgreSqlDialect {}).with_recursion_limit(DEPTH);
    let statements = parser.try_with_sql(&parsable(text)).ok()?.parse_statements().ok()?;
    if !statements.iter().all(is_understood) {
        return None;
    }
    let mut names = Names::default();
    let _all_visited: ControlFlow<()> = statements.visit(&mut names);
    Some(names.tables())
}

/// The same text with its constants and placeholders as empty strings, which fit wherever a
/// constant was: PostgreSQL's normalised `date $1` and our `limit ?` are no SQL.
fn parsable(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut glued = true;
    for token in tokens(text) {
        let is_tight = matches!(token, Token::Sign(c) if c != '?');
        if !is_tight && !glued {
            out.push(' ');
        }
        glued = is_tight;
        let _infallible = match token {
            Token::Word(word) => write!(out, "{word}"),
            Token::Name(name) => write!(out, "\"{}\"", name.replace('"', "\"\"")),
            Token::Sign('?') => write!(out, " ''"),
            Token::Sign(c) => write!(out, "{c}"),
        };
    }
    out
}

/// Those whose relations the tree names all; utility statements are scanned.
fn is_understood(statement: &Statement) -> bool {
    match statement {
        Statement::Query(_)
        | Statement::Insert(_)
        | Statement::Update(_)
        | Statement::Delete(_)
        | Statement::Merge(_)
        | Statement::StartTransaction { .. }
        | Statement::Commit { .. }
        | Statement::Rollback { .. }
        | Statement::Savepoint { .. } => true,
        Statement::Copy { source, .. } => matches!(source, CopySource::Table { .. }),
        Statement::Explain { statement, .. } | Statement::Prepare { statement, .. } => {
            is_understood(statement)
        }
        _ => false,
    }
}

/// Names in the order of the text.
#[derive(Default)]
struct Names {
    targets: Vec<String>,
    relations: Vec<String>,
    with: BTreeSet<String>,
}

impl Names {
    fn tables(self) -> Tables {
        let mut tables = Tables::default();
        let Self { targets, relations, with } = self;
        targets.into_iter().filter(|name| !with.contains(name)).for_each(|name| tables.write(name));
        relations.into_iter().filter(|name| !with.contains(name)).for_each(|n| tables.read(n));
        tables
    }

    fn target(&mut self, table: &TableWithJoins) {
        if let TableFactor::Table { name, .. } = &table.relation {
            self.targets.extend(last(name));
        }
    }

    fn deleted_from(&mut self, delete: &Delete) {
        let (FromTable::WithFromKeyword(tables) | FromTable::WithoutKeyword(tables)) = &delete.from;
        for table in tables {
            self.target(table);
        }
    }
}

impl Visitor for Names {
    type Break = ();

    fn pre_visit_query(&mut self, query: &Query) -> ControlFlow<()> {
        for cte in query.with.iter().flat_map(|with| &with.cte_tables) {
            self.with.insert(folded(&cte.alias.name));
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_relation(&mut self, relation: &ObjectName) -> ControlFlow<()> {
        let schema = relation.0.first().and_then(|part| part.as_ident()).map(folded);
        let is_system = relation.0.len() > 1
            && schema.is_some_and(|s| s == "pg_catalog" || s == "information_schema");
        if !is_system {
            self.relations.extend(last(relation));
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_statement(&mut self, statement: &Statement) -> ControlFlow<()> {
        match statement {
            Statement::Insert(insert) => {
                if let TableObject::TableName(name) = &insert.table {
                    self.targets.extend(last(name));
                }
            }
            Statement::Update(update) => self.target(&update.table),
            Statement::Delete(delete) => self.deleted_from(delete),
            Statement::Merge(merge) => {
                if let TableFactor::Table { name, .. } = &merge.table {
                    self.targets.extend(last(name));
                }
            }
            Statement::Copy { source: CopySource::Table { table_name, .. }, to, .. } => {
                let names = if *to { &mut self.relations } else { &mut self.targets };
                names.extend(last(table_name));
            }
            _ => {}
        }
        ControlFlow::Continue(())
    }

    /// A function in FROM is no table.
    fn pre_visit_table_factor(&mut self, factor: &TableFactor) -> ControlFlow<()> {
        if let TableFactor::Table { name, args: Some(_), .. } = factor {
            self.with.extend(last(name));
        }
        ControlFlow::Continue(())
    }
}

fn last(name: &ObjectName) -> Option<String> {
    name.0.last().and_then(|part| part.as_ident()).map(folded)
}

fn folded(ident: &Ident) -> String {
    if ident.quote_style.is_some() { ident.value.clone() } else { ident.value.to_lowercase() }
}
