//! Where queues are: tables with the columns that a profile names.

use tokio_postgres::Row;

use crate::erp::Queue;
use crate::sample::SampleError;
use crate::sample::activity::text;
use crate::sample::decode::unsigned;

/// A column of a table that may be a queue.
pub(super) struct Column {
    pub table: String,
    pub schema: String,
    pub name: String,
    pub kind: u32,
    pub may_read: bool,
    pub inserted: u64,
}

pub(super) fn column(row: &Row) -> Result<Column, SampleError> {
    Ok(Column {
        table: text(row, 0)?,
        schema: text(row, 1)?,
        name: text(row, 2)?,
        kind: row.try_get(3)?,
        may_read: row.try_get(4)?,
        inserted: unsigned(row.try_get(5)?),
    })
}

/// Where a queue is: the columns of the first schema that has its table.
pub(super) fn place<'a>(
    queue: &Queue,
    columns: &'a [Column],
) -> Result<Vec<&'a Column>, &'static str> {
    let first = columns.iter().find(|column| column.table == queue.table).ok_or("missing")?;
    let here = |column: &&Column| column.table == queue.table && column.schema == first.schema;
    let here: Vec<&Column> = columns.iter().filter(here).collect();
    let find = |name: &str| here.iter().find(|column| column.name == name).copied();
    let needed: Vec<&Column> = queue.columns().map(find).collect::<Option<_>>().ok_or("missing")?;
    let is_time = |name: &str| find(name).is_some_and(|column| TIMES.contains(&column.kind));
    let is_number = |name: &String| find(name).is_some_and(|column| NUMBERS.contains(&column.kind));
    if !queue.times().all(is_time) || !queue.retries.iter().all(is_number) {
        return Err("missing");
    }
    if needed.iter().all(|column| column.may_read) { Ok(needed) } else { Err("refused") }
}

/// Oids of types, the same in every server (pg_type.dat).
pub(super) const TIMESTAMP: u32 = 1_114;
/// Of those that hold a time: with a zone, and dates, too.
const TIMES: [u32; 3] = [TIMESTAMP, 1_184, 1_082];
const INTEGER: u32 = 23;
/// Of whole numbers.
const NUMBERS: [u32; 3] = [21, INTEGER, 20];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample::queues::tests::queue;

    fn held(name: &str, kind: u32, may_read: bool) -> Column {
        let (table, schema) = ("a b".to_owned(), "s\"s".to_owned());
        Column { table, schema, name: name.to_owned(), kind, may_read, inserted: 0 }
    }

    #[test]
    fn a_queue_is_read_where_all_columns_are_there_of_the_right_kind_and_may_be_read() {
        let queue = queue("since = 'a'\nstarted = 'b'\nretries = 'n'\n");
        let (time, number) = (TIMESTAMP, INTEGER);
        let with = |a: Column, n: Column| {
            place(&queue, &[a, held("b", time, true), n]).map(|found| found.len())
        };
        assert_eq!(with(held("a", time, true), held("n", number, true)), Ok(3));
        assert_eq!(with(held("z", time, true), held("n", number, true)), Err("missing"));
        assert_eq!(with(held("a", number, true), held("n", number, true)), Err("missing"));
        assert_eq!(with(held("a", time, true), held("n", time, true)), Err("missing"));
        assert_eq!(with(held("a", time, false), held("n", number, true)), Err("refused"));
    }
}
