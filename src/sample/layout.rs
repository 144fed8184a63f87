//! How rows lie in pages, so far as statistics tell: how large a table would be if it were written anew.
//!
//! From the layout of pages and tuples (PostgreSQL's `bufpage.h`, `htup_details.h`, `heaptuple.c`). The
//! way is the well-known one (check_postgres, the PostgreSQL wiki's "Show database bloat"): rows times the mean
//! length of a row. What it cannot know: lengths beside their mean, which change how much is lost to alignment. Tables
//! that were just written came out within a few per cent.

/// Of a page: its header.
const PAGE_HEADER: f64 = 24.0;
/// Of a row: its header without the map of nulls, and its line pointer.
const ROW_HEADER: f64 = 23.0;
const LINE_POINTER: f64 = 4.0;

/// One column of a row or of an index's entry, as it is stored.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Stored {
    /// Mean bytes of a value that is not null.
    pub width: f64,
    /// Share of rows in which it is null.
    pub null_share: f64,
    /// Bytes at whose multiples it begins.
    pub align: f64,
    /// Values have lengths of their own.
    pub is_variable: bool,
}

/// Bytes at whose multiples a value begins, from `pg_type.typalign`.
#[must_use]
pub fn align_of(typalign: &str) -> f64 {
    match typalign {
        "d" => 8.0,
        "i" => 4.0,
        "s" => 2.0,
        _ => 1.0,
    }
}

/// Bytes of values one after the other, each at its alignment, the whole at eight bytes.
#[must_use]
pub fn aligned(columns: impl Iterator<Item = Stored>) -> f64 {
    let mut at: f64 = 0.0;
    for column in columns {
        let is_short = column.is_variable && column.width < 127.0;
        if !is_short {
            at = (at / column.align).ceil() * column.align;
        }
        at += column.width * (1.0 - column.null_share);
    }
    (at / 8.0).ceil() * 8.0
}

/// Bytes of a table of so many rows and columns, dropped ones included, each page filled to `fill`.
#[must_use]
pub fn table_bytes(rows: f64, columns: &[Stored], all: usize, fill: f64, block_size: f64) -> f64 {
    let null_free: f64 = columns.iter().map(|column| 1.0 - column.null_share).product();
    // A row with a null has a bit for each column that there ever was.
    let has_nulls = if all > columns.len() { 1.0 } else { 1.0 - null_free };
    let header = |map: f64| ((ROW_HEADER + map) / 8.0).ceil() * 8.0;
    let map = (all as f64 / 8.0).ceil();
    let header = header(0.0) * (1.0 - has_nulls) + header(map) * has_nulls;
    let row = header + aligned(columns.iter().copied()) + LINE_POINTER;
    let in_page = ((block_size - PAGE_HEADER) * fill / row).floor().max(1.0);
    (rows / in_page).ceil() * block_size
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fixed(width: f64) -> Stored {
        Stored { width, null_share: 0.0, align: width, is_variable: false }
    }

    #[test]
    fn values_begin_at_their_alignment_and_short_texts_anywhere() {
        let text = Stored { width: 6.0, null_share: 0.0, align: 4.0, is_variable: true };
        let cases = [
            (vec![fixed(4.0)], 8.0),
            (vec![fixed(4.0), fixed(8.0)], 16.0),
            (vec![fixed(4.0), text], 16.0),
            (vec![text, fixed(4.0)], 16.0),
            (vec![fixed(8.0), Stored { null_share: 1.0, ..text }], 8.0),
        ];
        for (columns, bytes) in cases {
            assert!((aligned(columns.iter().copied()) - bytes).abs() < 1e-9, "{columns:?}");
        }
    }

    #[test]
    fn so_many_rows_are_in_a_page_as_postgresql_puts_there() {
        // `create table t (a int)`: 226 rows a page; of two bigints 185; with fillfactor 50 the half.
        let bytes = |rows, columns: &[Stored], fill| {
            table_bytes(rows, columns, columns.len(), fill, 8_192.0)
        };
        assert!((bytes(226_000.0, &[fixed(4.0)], 1.0) - 1_000.0 * 8_192.0).abs() < 1e-6);
        let two = [fixed(8.0), fixed(8.0)];
        assert!((bytes(185.0, &two, 1.0) - 8_192.0).abs() < 1e-6);
        assert!((bytes(186.0, &two, 1.0) - 2.0 * 8_192.0).abs() < 1e-6);
        assert!((bytes(92.0, &two, 0.5) - 8_192.0).abs() < 1e-6);
        // Larger than a page: it has one of its own, and the rest is in TOAST.
        assert!((bytes(3.0, &[fixed(9_000.0)], 1.0) - 3.0 * 8_192.0).abs() < 1e-6);
    }

    #[test]
    fn a_row_with_nulls_or_dropped_columns_has_a_map_of_them() {
        let columns = vec![fixed(8.0); 20];
        let without = table_bytes(1e6, &columns, 20, 1.0, 8_192.0);
        let dropped = table_bytes(1e6, &columns, 21, 1.0, 8_192.0);
        assert!(dropped > without, "{dropped} {without}");
    }
}
