//! A database of the shape of Odoo's: its tables, references and indexes, from `tests/data/odoo.txt`,
//! with rows that are made up.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use tokio_postgres::Client;

/// A table, and what erpscope should call it.
#[derive(Debug)]
pub struct Table {
    pub name: &'static str,
    pub module: &'static str,
    pub rows: u64,
    columns: Vec<Column>,
    /// A relation of many to many: its pair of columns is its key.
    is_pair: bool,
    /// Of several columns; with `unique` or without.
    indexes: Vec<String>,
}

#[derive(Debug)]
struct Column {
    name: &'static str,
    kind: Kind,
    index: Index,
}

#[derive(Debug)]
enum Kind {
    /// As the file says: `t`, `s`, `b`, `i`, `n`, `d`, `D`, `x`, `j`.
    Plain(&'static str),
    Reference {
        to: &'static str,
        is_required: bool,
    },
}

#[derive(Debug, PartialEq)]
enum Index {
    None,
    All,
    NotNull,
}

/// Whoever has made and changed a row; each of Odoo's tables has them.
const LOG: [&str; 2] = ["create_uid>res_users", "write_uid>res_users"];

/// All tables; those of over a thousand rows have so much of them.
pub fn tables(percent: u64) -> Vec<Table> {
    let (mut module, mut tables): (_, Vec<Table>) = ("", Vec::new());
    for line in include_str!("../../data/odoo.txt").lines().filter(|line| !line.is_empty()) {
        let words: Vec<&'static str> = line.split_whitespace().collect();
        if let Some(name) = line.strip_prefix('[') {
            module = name.trim_end_matches(']');
        } else if let Some(index) = line.strip_prefix("! ").or(line.strip_prefix("? ")) {
            let name = words[1];
            let table = tables.iter_mut().find(|table| table.name == name).unwrap();
            let unique = if line.starts_with('?') { "unique" } else { "" };
            table.indexes.push(format!("create {unique} index on {index};"));
        } else if !line.starts_with('#') {
            tables.push(table(&words, module, percent));
        }
    }
    tables
}

fn table(words: &[&'static str], module: &'static str, percent: u64) -> Table {
    let scaled = |rows: &str| {
        let rows: u64 = rows.parse().unwrap();
        if rows > 1_000 { (rows * percent / 100).max(1_000) } else { rows }
    };
    let columns = |words: &[&'static str]| words.iter().map(|word| column(word)).collect();
    if words[0] == "@" {
        let [_, name, a, b, rows] = words else { panic!("{words:?}") };
        let rows = scaled(rows);
        return Table {
            name,
            module,
            rows,
            columns: columns(&[a, b]),
            is_pair: true,
            indexes: Vec::new(),
        };
    }
    let [name, rows, rest @ ..] = words else { panic!("{words:?}") };
    let rest = [rest, &LOG[..]].concat();
    let rows = scaled(rows);
    Table { name, module, rows, columns: columns(&rest), is_pair: false, indexes: Vec::new() }
}

fn column(word: &'static str) -> Column {
    let (word, index) = match (word.strip_suffix("!!"), word.strip_suffix('!')) {
        (Some(word), _) => (word, Index::NotNull),
        (None, Some(word)) => (word, Index::All),
        (None, None) => (word, Index::None),
    };
    if let Some((name, kind)) = word.split_once(':') {
        return Column { name, kind: Kind::Plain(kind), index };
    }
    let (name, to) = word.split_once('>').unwrap();
    let is_required = to.starts_with('>');
    let to = to.trim_start_matches('>');
    Column { name, kind: Kind::Reference { to, is_required }, index }
}

impl Table {
    fn definition(&self) -> String {
        let mut sql = format!("create table {} (", self.name);
        if !self.is_pair {
            sql += "id serial primary key, create_date timestamp, write_date timestamp, ";
        }
        for column in &self.columns {
            let kind = match column.kind {
                Kind::Plain("b") => "boolean",
                Kind::Plain("i") | Kind::Reference { .. } => "integer",
                Kind::Plain("n") => "numeric",
                Kind::Plain("d") => "timestamp",
                Kind::Plain("D") => "date",
                Kind::Plain("x") => "text",
                Kind::Plain("j") => "jsonb",
                Kind::Plain(_) => "varchar",
            };
            write!(sql, "\"{}\" {kind}, ", column.name).unwrap();
        }
        if let (true, [a, b]) = (self.is_pair, &self.columns[..]) {
            write!(sql, "primary key (\"{}\", \"{}\")", a.name, b.name).unwrap();
        }
        sql.trim_end_matches(", ").to_owned() + ");"
    }

    /// Rows that refer to rows that are there.
    fn filling(&self, rows: &BTreeMap<&str, u64>) -> String {
        let names: Vec<String> =
            self.columns.iter().map(|column| format!("\"{}\"", column.name)).collect();
        let mut has_parent = false;
        let values: Vec<String> = (1_u64..)
            .zip(&self.columns)
            .map(|(place, column)| match column.kind {
                Kind::Plain(kind) => self.plain(column.name, kind),
                Kind::Reference { to, is_required } => {
                    let there = rows[to];
                    // What belongs to a document stands together, in its order.
                    let is_line = is_required && !has_parent && self.rows >= there;
                    has_parent |= is_line;
                    let value = if there == 0 {
                        "null::int".to_owned()
                    } else if is_line {
                        format!("1 + ((i - 1) * {there} / {})", self.rows)
                    } else {
                        format!("1 + (i * 7919 + i * i % 97 * {place}) % {there}")
                    };
                    // Seven in ten of those that are indexed where they are, and most of a tree, are not.
                    let is_rare = column.index == Index::NotNull || to == self.name;
                    match (is_required || self.is_pair, is_rare) {
                        (true, _) => value,
                        (false, true) => {
                            format!("case when (i + {place}) % 10 < 3 then {value} end")
                        }
                        (false, false) => {
                            format!("case when (i + {place}) % 6 > 0 then {value} end")
                        }
                    }
                }
            })
            .collect();
        let (names, values) = (names.join(", "), values.join(", "));
        let (dates, when) = if self.is_pair {
            ("", String::new())
        } else {
            (", create_date, write_date", format!(", {0}, {0}", self.when()))
        };
        format!(
            "insert into {} ({names}{dates}) select {values}{when} from generate_series(1::bigint, {}) i on conflict do nothing;",
            self.name, self.rows
        )
    }

    /// The rows of two years, one after the other.
    fn when(&self) -> String {
        let rows = self.rows.max(1);
        format!("now() at time zone 'UTC' - ({rows} - i) * interval '720 days' / {rows}")
    }

    fn plain(&self, name: &str, kind: &str) -> String {
        const MODELS: &str = "(array['sale.order', 'account.move', 'stock.picking', 'purchase.order', 'res.partner', 'crm.lead', 'project.task'])[1 + i % 7]";
        match (name, kind) {
            ("model" | "res_model", _)
                if self.module != "system" || self.name == "ir_attachment" =>
            {
                MODELS.to_owned()
            }
            ("res_id", "i") => "(1 + i * 31 % 5000)::int".to_owned(),
            ("parent_state" | "state", "s") if self.module == "accounting" => {
                "(array['draft', 'cancel', 'posted', 'posted', 'posted', 'posted'])[1 + i % 6]"
                    .to_owned()
            }
            ("state", "s") if self.module == "sales" => {
                "(array['draft', 'cancel', 'sale', 'sale', 'sale', 'sale'])[1 + i % 6]".to_owned()
            }
            // The newest are at work.
            ("state", "s") => format!(
                "case when i > {0} - {0} / 40 then 'assigned' else (array['draft', 'cancel', 'done', 'done', 'done', 'done', 'done', 'done'])[1 + i % 8] end",
                self.rows
            ),
            ("reconciled" | "is_read", "b") => "i % 11 > 0".to_owned(),
            ("retry", "i") => "(i % 3)::int".to_owned(),
            (_, "s") => "(array['a', 'b', 'c'])[1 + i % 3]".to_owned(),
            (_, "b") => "i % 20 > 0".to_owned(),
            (_, "i") => "(i * 7 % 1000)::int".to_owned(),
            (_, "n") => "(i * 37 % 100000) / 100.0".to_owned(),
            (_, "d" | "D") => self.when(),
            (_, "x") => "repeat('a line of text ', (i % 12)::int)".to_owned(),
            (_, "j") => format!("jsonb_build_object('en_US', '{} ' || i)", self.name),
            ("email" | "email_from" | "email_normalized", _) => {
                "'name' || i || '@example.org'".to_owned()
            }
            _ => format!("'{} ' || i", &self.name[..self.name.len().min(12)]),
        }
    }

    /// References, and the indexes that the ERP itself makes.
    fn constraints(&self) -> String {
        let mut sql = String::new();
        for column in &self.columns {
            if let Kind::Reference { to, is_required } = column.kind {
                let deleted = match (is_required && column.index == Index::All, is_required) {
                    _ if self.is_pair => "cascade",
                    (true, _) => "cascade",
                    (false, true) => "restrict",
                    (false, false) => "set null",
                };
                write!(
                    sql,
                    "alter table {0} add foreign key (\"{1}\") references {to} on delete {deleted};",
                    self.name, column.name
                )
                .unwrap();
            }
            let predicate = match column.index {
                Index::None => continue,
                Index::All => String::new(),
                Index::NotNull => format!("where \"{}\" is not null", column.name),
            };
            write!(
                sql,
                "create index \"{0}__{1}_index\" on {0} (\"{1}\") {predicate};",
                self.name, column.name
            )
            .unwrap();
        }
        if self.is_pair {
            let [a, b] = &self.columns[..] else { panic!("{self:?}") };
            write!(sql, "create index on {} (\"{}\", \"{}\");", self.name, b.name, a.name).unwrap();
        }
        sql + &self.indexes.concat()
    }
}

/// Makes all tables in the session's database, in the name of the session's role.
pub async fn make(client: &Client, tables: &[Table]) {
    let rows: BTreeMap<&str, u64> = tables.iter().map(|table| (table.name, table.rows)).collect();
    let all = |part: &dyn Fn(&Table) -> String| -> String { tables.iter().map(part).collect() };
    for sql in [
        all(&Table::definition),
        all(&|table| table.filling(&rows)),
        all(&|table| {
            if table.is_pair || table.rows == 0 {
                return String::new();
            }
            format!("select setval('{0}_id_seq', {1});", table.name, table.rows)
        }),
        all(&Table::constraints),
    ] {
        if let Err(error) = client.batch_execute(&sql).await {
            panic!("{error:?}");
        }
    }
}
