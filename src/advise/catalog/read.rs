//! Asks for the catalog.

use std::collections::{BTreeMap, BTreeSet};

use tokio_postgres::error::SqlState;
use tokio_postgres::{Client, Row};

use super::{Catalog, Column, Index, IndexKey, Kind, Table, Writes};
use crate::pg::hypopg;
use crate::sample::layout::align_of;

/// Tables that are asked about in one go: of thousands, a busy server would have no answer within `statement_timeout`.
pub const AT_ONCE: usize = 500;

/// Reads what there is of these relations (schema, name). A question that was cancelled, by `statement_timeout` most
/// likely, is no reason to have no advice at all: all is asked once more.
///
/// # Errors
/// When a question fails, or is cancelled a second time.
pub async fn read(
    client: &Client,
    relations: &BTreeSet<(String, String)>,
) -> Result<Catalog, tokio_postgres::Error> {
    match read_once(client, relations).await {
        Err(error) if error.code() == Some(&SqlState::QUERY_CANCELED) => {
            read_once(client, relations).await
        }
        read => read,
    }
}

async fn read_once(
    client: &Client,
    relations: &BTreeSet<(String, String)>,
) -> Result<Catalog, tokio_postgres::Error> {
    let mut catalog = Catalog::default();
    database(client, &mut catalog).await?;
    let tables = tables(client, relations).await?;
    let oids: Vec<u32> = tables.iter().map(|table| table.oid).collect();
    let locked = locked(client).await?;
    let mut columns: BTreeMap<u32, Vec<Column>> = BTreeMap::new();
    for some in oids.chunks(AT_ONCE) {
        for row in client.query(include_str!("columns.sql"), &[&some]).await? {
            columns.entry(row.try_get(0)?).or_default().push(column(&row)?);
        }
    }
    let free: Vec<u32> = oids.into_iter().filter(|oid| !locked.contains(oid)).collect();
    let mut indexes = indexes(client, &free).await?;
    for mut table in tables {
        if locked.contains(&table.oid) {
            table.kind = Kind::Locked;
        }
        let own = columns.remove(&table.oid).unwrap_or_default();
        table.columns = own.into_iter().map(|column| absolute(column, table.rows)).collect();
        table.indexes = indexes.remove(&table.oid).unwrap_or_default();
        if table.pages < 1.0 {
            table.pages = unseen_pages(&table, catalog.block_size);
        }
        catalog.add(table);
    }
    for row in client.query(include_str!("names.sql"), &[]).await? {
        catalog.taken.insert((row.try_get(0)?, row.try_get(1)?));
    }
    join_partitions(&mut catalog);
    Ok(catalog)
}

/// Relations of the database that are locked to all others, or soon will be, by their oid. What can be asked of them must
/// not wait for that.
pub async fn locked(client: &Client) -> Result<BTreeSet<u32>, tokio_postgres::Error> {
    let rows = client.query(include_str!("locked.sql"), &[]).await?;
    rows.iter().map(|row| row.try_get(0)).collect()
}

/// Reads these relations and their indexes alone.
pub async fn read_indexes(
    client: &Client,
    relations: &BTreeSet<(String, String)>,
) -> Result<Catalog, tokio_postgres::Error> {
    let mut catalog = Catalog::default();
    let tables = tables(client, relations).await?;
    let oids: Vec<u32> = tables.iter().map(|table| table.oid).collect();
    let mut indexes = indexes(client, &oids).await?;
    for mut table in tables {
        table.indexes = indexes.remove(&table.oid).unwrap_or_default();
        catalog.add(table);
    }
    join_partitions(&mut catalog);
    Ok(catalog)
}

async fn tables(
    client: &Client,
    relations: &BTreeSet<(String, String)>,
) -> Result<Vec<Table>, tokio_postgres::Error> {
    let (schemas, names): (Vec<&str>, Vec<&str>) =
        relations.iter().map(|(schema, name)| (schema.as_str(), name.as_str())).unzip();
    let rows = client.query(include_str!("tables.sql"), &[&schemas, &names]).await?;
    rows.iter().map(table).collect()
}

/// By the oid of their table.
async fn indexes(
    client: &Client,
    oids: &[u32],
) -> Result<BTreeMap<u32, Vec<Index>>, tokio_postgres::Error> {
    let mut indexes: BTreeMap<u32, Vec<Index>> = BTreeMap::new();
    for some in oids.chunks(AT_ONCE) {
        for row in client.query(include_str!("indexes.sql"), &[&some]).await? {
            indexes.entry(row.try_get(1)?).or_default().push(index(&row)?);
        }
    }
    Ok(indexes)
}

async fn database(client: &Client, catalog: &mut Catalog) -> Result<(), tokio_postgres::Error> {
    let row = client.query_one(include_str!("database.sql"), &[]).await?;
    catalog.version_num = row.try_get(0)?;
    catalog.block_size = f64::from(row.try_get::<_, i32>(1)?);
    catalog.random_page_cost = row.try_get(2)?;
    catalog.extensions = row.try_get(3)?;
    catalog.trigrams = row.try_get(4)?;
    catalog.stats_reset = row.try_get(5)?;
    catalog.now = row.try_get(6)?;
    catalog.in_recovery = row.try_get(7)?;
    catalog.seq_page_cost = row.try_get(8)?;
    catalog.cpu_tuple_cost = row.try_get(9)?;
    catalog.cpu_index_tuple_cost = row.try_get(10)?;
    catalog.cpu_operator_cost = row.try_get(11)?;
    catalog.cache_pages = row.try_get(12)?;
    catalog.hypopg = hypopg(client).await?;
    for row in client.query(include_str!("functions.sql"), &[]).await? {
        let schemas = catalog.functions.entry(row.try_get(0)?).or_default();
        schemas.insert(row.try_get(1)?, row.try_get(2)?);
    }
    for row in client.query(include_str!("types.sql"), &[]).await? {
        catalog.types.entry(row.try_get(0)?).or_default().insert(row.try_get(1)?);
    }
    Ok(())
}

fn table(row: &Row) -> Result<Table, tokio_postgres::Error> {
    let kind = match row.try_get::<_, &str>(4)? {
        "r" => Kind::Table,
        "p" => Kind::Partitioned,
        "m" => Kind::Materialised,
        _ => Kind::Unindexable,
    };
    let (reltuples, live): (f64, f64) = (row.try_get(6)?, row.try_get(8)?);
    Ok(Table {
        oid: row.try_get(0)?,
        root: row.try_get(1)?,
        parent: row.try_get(18)?,
        schema: row.try_get(2)?,
        name: row.try_get(3)?,
        kind,
        is_temporary: row.try_get::<_, &str>(5)? == "t",
        is_readable: row.try_get(14)?,
        rows: if reltuples > 0.0 { reltuples } else { live },
        pages: row.try_get(7)?,
        visible_pages: row.try_get(15)?,
        extended_statistics: columns_of(&row.try_get::<_, Vec<String>>(16)?),
        empty_statistics: columns_of(&row.try_get::<_, Vec<String>>(17)?),
        is_toasted: row.try_get(19)?,
        is_analyzed: reltuples >= 0.0 && row.try_get::<_, f64>(7)? > 0.0,
        changed_since: row.try_get(9)?,
        writes: Writes {
            inserts: row.try_get(10)?,
            updates: row.try_get(11)?,
            deletes: row.try_get(12)?,
            hot_updates: row.try_get(13)?,
        },
        ..Table::default()
    })
}

fn columns_of(statistics: &[String]) -> Vec<Vec<i16>> {
    statistics.iter().map(|all| numbers(all)).collect()
}

/// Of an `int2vector`.
fn numbers(printed: &str) -> Vec<i16> {
    printed.split_whitespace().filter_map(|number| number.parse().ok()).collect()
}

fn column(row: &Row) -> Result<Column, tokio_postgres::Error> {
    let length: i16 = row.try_get(14)?;
    let width: Option<i32> = row.try_get(7)?;
    let values: Option<Vec<Option<String>>> = row.try_get(10)?;
    let shares: Option<Vec<f32>> = row.try_get(11)?;
    let values = values.unwrap_or_default().into_iter().flatten();
    Ok(Column {
        attnum: row.try_get(1)?,
        name: row.try_get(2)?,
        kind: row.try_get(3)?,
        typname: row.try_get(4)?,
        base: row.try_get(16)?,
        not_null: row.try_get(5)?,
        null_share: f64::from(row.try_get::<_, Option<f32>>(6)?.unwrap_or(0.0)),
        width: width.map_or(if length > 0 { f64::from(length) } else { 32.0 }, f64::from),
        is_variable: length < 0,
        most_letters: row.try_get::<_, Option<i32>>(17)?.filter(|n| *n > 0).map(f64::from),
        longest: row.try_get::<_, Option<i32>>(18)?.map(f64::from),
        align: align_of(row.try_get(15)?),
        distinct: row.try_get::<_, Option<f32>>(8)?.map(f64::from),
        correlation: row.try_get::<_, Option<f32>>(9)?.map(f64::from),
        common: values.zip(shares.unwrap_or_default().into_iter().map(f64::from)).collect(),
        is_bytewise: row.try_get(12)?,
        is_sortable: row.try_get(13)?,
    })
}

/// In pg_stats a negative number of distinct values is a share of the rows.
fn absolute(column: Column, rows: f64) -> Column {
    let distinct = column.distinct.map(|d| if d < 0.0 { -d * rows } else { d });
    Column { distinct, ..column }
}

/// Of a row: its header and its line pointer.
const ROW_HEADER: f64 = 28.0;

/// Blocks of a table that was never analyzed nor vacuumed, from the rows that the server has counted.
fn unseen_pages(table: &Table, block_size: f64) -> f64 {
    let width: f64 = table.columns.iter().map(|column| column.width).sum();
    (table.rows * (ROW_HEADER + width) / block_size).ceil()
}

fn index(row: &Row) -> Result<Index, tokio_postgres::Error> {
    let keys_count = usize::try_from(row.try_get::<_, i32>(8)?).unwrap_or(0);
    let parts: Vec<String> = row.try_get(9)?;
    let numbers: Vec<i32> = row.try_get(10)?;
    let opclasses: Vec<String> = row.try_get(11)?;
    let options: Vec<i32> = row.try_get(12)?;
    let keys = parts.iter().take(keys_count).enumerate().map(|(at, sql)| {
        let option = options.get(at).copied().unwrap_or(0);
        // A blank behind it marks a class that is not the default.
        let opclass = opclasses.get(at).and_then(|name| name.strip_suffix(' '));
        IndexKey {
            sql: sql.clone(),
            column: numbers.get(at).filter(|n| **n > 0).map(|_| unquoted(sql)),
            opclass: opclass.map(str::to_owned),
            is_descending: option & 1 != 0,
            nulls_first: option & 2 != 0,
        }
    });
    Ok(Index {
        oid: row.try_get(0)?,
        name: row.try_get(2)?,
        method: row.try_get(3)?,
        is_unique: row.try_get(4)?,
        is_primary: row.try_get(5)?,
        is_valid: row.try_get(6)?,
        is_constraint: row.try_get(7)?,
        keys: keys.collect(),
        includes: parts.iter().skip(keys_count).map(|sql| unquoted(sql)).collect(),
        predicate: row.try_get(13)?,
        pages: row.try_get(14)?,
        scans: row.try_get(15)?,
        definition: row.try_get(16)?,
        filenode: row.try_get(17)?,
        is_attached: row.try_get(18)?,
    })
}

fn unquoted(name: &str) -> String {
    match name.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')) {
        Some(inner) => inner.replace("\"\"", "\""),
        None => name.to_owned(),
    }
}

/// A partitioned table is as big as its leaves; if it was never analyzed itself, the biggest leaf
/// speaks for the columns. Foreign tables among them are no leaves: no index of it is on them.
fn join_partitions(catalog: &mut Catalog) {
    let parts: Vec<(u32, u32)> = catalog
        .tables
        .values()
        .filter(|table| table.root != table.oid)
        .map(|table| (table.root, table.oid))
        .collect();
    let between: BTreeSet<u32> = catalog.tables.values().map(|table| table.parent).collect();
    let mut biggest: BTreeMap<u32, Table> = BTreeMap::new();
    for (root, oid) in parts {
        let Some(part) = catalog.tables.get(&oid).cloned() else { continue };
        let Some(table) = catalog.tables.get_mut(&root) else { continue };
        match part.kind {
            Kind::Locked => table.kind = Kind::Locked,
            Kind::Unindexable => table.foreign_parts += 1,
            _ => {}
        }
        let is_between = part.kind == Kind::Partitioned || between.contains(&oid);
        if is_between || part.kind == Kind::Unindexable {
            continue;
        }
        if table.leaves.is_empty() {
            table.rows = 0.0;
            table.pages = 0.0;
            table.visible_pages = 0.0;
            table.is_analyzed = true;
        }
        table.leaves.push(oid);
        table.rows += part.rows;
        table.pages += part.pages;
        table.visible_pages += part.visible_pages;
        table.is_toasted |= part.is_toasted;
        table.is_analyzed &= part.is_analyzed;
        table.changed_since += part.changed_since;
        table.writes = table.writes.and(part.writes);
        let first = biggest.entry(root).or_insert_with(|| part.clone());
        if part.rows > first.rows {
            *first = part;
        }
    }
    for table in catalog.tables.values_mut() {
        if table.leaves.is_empty() && table.foreign_parts > 0 && table.kind == Kind::Partitioned {
            table.kind = Kind::Unindexable;
        }
    }
    for (root, part) in biggest {
        let Some(table) = catalog.tables.get_mut(&root) else { continue };
        for column in &mut table.columns {
            let Some(known) = part.column(&column.name) else { continue };
            if column.distinct.is_none() {
                let own = (column.attnum, column.not_null);
                *column = known.clone();
                (column.attnum, column.not_null) = own;
            }
        }
    }
}
