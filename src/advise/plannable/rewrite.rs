//! Statements into selects.

use std::ops::ControlFlow;

use sqlparser::ast::helpers::attached_token::AttachedToken;
use sqlparser::ast::{
    CopySource, CteAsMaterialized, Expr, FromTable, GroupByExpr, Ident, ObjectNamePart, OrderBy,
    OrderByKind, Query, SelectItem, SetExpr, Statement, TableFactor, TableWithJoins,
    UpdateTableFromKind, VisitMut, VisitorMut, visit_expressions, visit_expressions_mut,
};
use sqlparser::dialect::PostgreSqlDialect;
use sqlparser::parser::Parser;

use super::Unplannable;

/// Exactly one statement, or none.
pub fn parse(text: &str) -> Option<Statement> {
    let dialect = PostgreSqlDialect {};
    let statements = Parser::new(&dialect)
        .with_recursion_limit(200)
        .try_with_sql(text)
        .and_then(|mut parser| parser.parse_statements())
        .ok()?;
    <[Statement; 1]>::try_from(statements).ok().map(|[statement]| statement)
}

/// The rows that a statement reads, as a select.
pub fn to_select(mut statement: Statement) -> Result<String, Unplannable> {
    match &mut statement {
        Statement::Query(query) => keep_locked_rows(query),
        Statement::Insert(insert) => {
            insert.source.iter_mut().for_each(|query| keep_locked_rows(query));
        }
        Statement::Declare { stmts } => {
            let queries = stmts.iter_mut().filter_map(|declared| declared.for_query.as_mut());
            queries.for_each(|query| keep_locked_rows(query));
        }
        _ => {}
    }
    let _ = VisitMut::visit(&mut statement, &mut OnlyReads);
    match statement {
        Statement::Update(update) => {
            let further = match update.from {
                Some(
                    UpdateTableFromKind::AfterSet(from) | UpdateTableFromKind::BeforeSet(from),
                ) => from,
                None => Vec::new(),
            };
            let values = update.assignments.into_iter().map(|assignment| assignment.value);
            let queries: Vec<Expr> = values.filter(holds_query).collect();
            Ok(rows_of(update.table, further, update.selection.as_ref(), &Selected::Rows(&queries)))
        }
        Statement::Delete(delete) => {
            let (FromTable::WithFromKeyword(from) | FromTable::WithoutKeyword(from)) = delete.from;
            let mut from = from.into_iter();
            let table = from.next().ok_or(Unplannable::Text)?;
            let further = from.chain(delete.using.into_iter().flatten()).collect();
            Ok(rows_of(table, further, delete.selection.as_ref(), &Selected::Rows(&[])))
        }
        Statement::Insert(insert) => {
            insert.source.map_or(Err(Unplannable::OnlyInserts), |q| of_query(*q))
        }
        Statement::Query(query) | Statement::Copy { source: CopySource::Query(query), .. } => {
            of_query(*query)
        }
        Statement::Copy { source: CopySource::Table { .. }, to: false, .. } => {
            Err(Unplannable::OnlyInserts)
        }
        Statement::CreateTable(create) => {
            create.query.map_or(Err(Unplannable::Utility), |q| of_query(*q))
        }
        Statement::Declare { stmts } => stmts
            .into_iter()
            .find_map(|declared| declared.for_query)
            .map_or(Err(Unplannable::Utility), |q| of_query(*q)),
        _ => Err(Unplannable::Utility),
    }
}

/// Where rows are locked, the rows of all relations beside them are kept to be looked at again (`preprocess_rowmarks` in
/// PostgreSQL's planner), so no index alone answers for one. What is asked of the whole row here does the same, and is
/// as true of a view as of a table.
fn keep_locked_rows(query: &mut Query) {
    let SetExpr::Select(select) = &mut *query.body else { return };
    if query.locks.is_empty() {
        return;
    }
    let mut names = Vec::new();
    for from in &select.from {
        called(from, &mut names);
    }
    for name in names {
        let row = Expr::QualifiedWildcard(name.into(), AttachedToken::empty());
        let asked = Expr::IsNull(Box::new(Expr::Nested(Box::new(row))));
        select.projection.push(SelectItem::UnnamedExpr(asked));
    }
}

/// The names by which columns of relations are named.
fn called(from: &TableWithJoins, names: &mut Vec<Ident>) {
    let joined = from.joins.iter().map(|join| &join.relation);
    for relation in std::iter::once(&from.relation).chain(joined) {
        match relation {
            TableFactor::Table { alias: Some(alias), .. }
            | TableFactor::Derived { alias: Some(alias), .. } => names.push(alias.name.clone()),
            TableFactor::Table { name, args: None, .. } => {
                names.extend(name.0.last().and_then(ObjectNamePart::as_ident).cloned());
            }
            TableFactor::NestedJoin { table_with_joins, alias: None } => {
                called(table_with_joins, names);
            }
            _ => {}
        }
    }
}

/// Makes every query within a statement one that only reads: to lock rows or change them needs rights.
struct OnlyReads;

impl VisitorMut for OnlyReads {
    type Break = ();

    fn pre_visit_query(&mut self, query: &mut Query) -> ControlFlow<()> {
        query.locks.clear();
        for cte in query.with.iter_mut().flat_map(|with| &mut with.cte_tables) {
            if !cte.query.locks.is_empty() {
                keep_locked_rows(&mut cte.query);
                // PostgreSQL puts one that locks in no other's place.
                cte.materialized = Some(CteAsMaterialized::Materialized);
            }
            if let Some(reads) = returned(&cte.query.body) {
                cte.query.body = reads;
            }
        }
        ControlFlow::Continue(())
    }
}

/// A change within a `with`, as the select of what it returns.
fn returned(body: &SetExpr) -> Option<Box<SetExpr>> {
    let sql = match body {
        SetExpr::Update(Statement::Update(update)) => {
            let update = update.clone();
            let further = match update.from {
                Some(
                    UpdateTableFromKind::AfterSet(from) | UpdateTableFromKind::BeforeSet(from),
                ) => from,
                None => Vec::new(),
            };
            let returning = update.returning.unwrap_or_default();
            rows_of(
                update.table,
                further,
                update.selection.as_ref(),
                &Selected::Returned(&returning),
            )
        }
        SetExpr::Delete(Statement::Delete(delete)) => {
            let delete = delete.clone();
            let (FromTable::WithFromKeyword(from) | FromTable::WithoutKeyword(from)) = delete.from;
            let mut from = from.into_iter();
            let table = from.next()?;
            let further = from.chain(delete.using.into_iter().flatten()).collect();
            let returning = delete.returning.unwrap_or_default();
            rows_of(table, further, delete.selection.as_ref(), &Selected::Returned(&returning))
        }
        _ => return None,
    };
    match parse(&sql)? {
        Statement::Query(query) => Some(query.body),
        _ => None,
    }
}

fn of_query(mut query: Query) -> Result<String, Unplannable> {
    let with = query.with.as_ref().map_or_else(String::new, |with| format!("{with} "));
    match *query.body {
        SetExpr::Values(_) => Err(Unplannable::OnlyInserts),
        SetExpr::Update(statement) | SetExpr::Delete(statement) | SetExpr::Insert(statement) => {
            Ok(with + &to_select(statement)?)
        }
        ref mut body => {
            let selected = align(body);
            if let Some(OrderBy { kind: OrderByKind::Expressions(keys), .. }) = &mut query.order_by
            {
                for key in keys {
                    take_from(&selected, &mut key.expr);
                }
            }
            Ok(query.to_string())
        }
    }
}

/// Whether something is looked up for its value.
fn holds_query(value: &Expr) -> bool {
    let looks_up = |expr: &Expr| match expr {
        Expr::Subquery(_) | Expr::Exists { .. } | Expr::InSubquery { .. } => ControlFlow::Break(()),
        _ => ControlFlow::Continue(()),
    };
    visit_expressions(value, looks_up).is_break()
}

/// What a change needs of its rows.
enum Selected<'a> {
    /// To find them, and to look these values up for each.
    Rows(&'a [Expr]),
    /// What it returns.
    Returned(&'a [SelectItem]),
}

/// The rows of a change.
fn rows_of(
    table: TableWithJoins,
    further: Vec<TableWithJoins>,
    selection: Option<&Expr>,
    selected: &Selected<'_>,
) -> String {
    let name = match &table.relation {
        TableFactor::Table { alias: Some(alias), .. } => alias.name.to_string(),
        TableFactor::Table { name, .. } => {
            name.0.last().map_or_else(String::new, ToString::to_string)
        }
        other => other.to_string(),
    };
    let from: Vec<String> =
        std::iter::once(table).chain(further).map(|table| table.to_string()).collect();
    let condition = selection.map_or_else(String::new, |expr| format!(" WHERE {expr}"));
    let rows = || format!("{name}.ctid");
    let items: Vec<String> = match selected {
        Selected::Rows(looked_up) => {
            std::iter::once(rows()).chain(looked_up.iter().map(ToString::to_string)).collect()
        }
        Selected::Returned([]) => vec![rows()],
        Selected::Returned(items) => items.iter().map(ToString::to_string).collect(),
    };
    format!("SELECT {} FROM {}{condition}", items.join(", "), from.join(", "))
}

/// `select f($1, x) ... group by f($2, x)`: once the same literal, now two parameters, so that
/// PostgreSQL does not see that the two are one. What is grouped by takes the selected one's.
/// Returns what is selected.
fn align(body: &mut SetExpr) -> Vec<Expr> {
    let select = match body {
        SetExpr::Select(select) => select,
        SetExpr::SetOperation { left, right, .. } => {
            align(left);
            align(right);
            return Vec::new();
        }
        _ => return Vec::new(),
    };
    let selected = select.projection.iter().filter_map(|item| match item {
        SelectItem::UnnamedExpr(expr) | SelectItem::ExprWithAlias { expr, .. } => {
            Some(expr.clone())
        }
        _ => None,
    });
    let selected: Vec<Expr> = selected.collect();
    if let GroupByExpr::Expressions(keys, _) = &mut select.group_by {
        for key in keys {
            take_from(&selected, key);
        }
    }
    selected
}

/// Gives a key the parameters of what is selected and looks the same.
fn take_from(selected: &[Expr], key: &mut Expr) {
    let shape = without_numbers(key);
    if shape != *key
        && let Some(same) = selected.iter().find(|expr| without_numbers(expr) == shape)
    {
        *key = same.clone();
    }
}

fn without_numbers(expr: &Expr) -> Expr {
    let mut expr = expr.clone();
    let _ = visit_expressions_mut(&mut expr, |e| {
        if let Expr::Value(value) = e
            && let sqlparser::ast::Value::Placeholder(name) = &mut value.value
        {
            "$".clone_into(name);
        }
        ControlFlow::<()>::Continue(())
    });
    expr
}
