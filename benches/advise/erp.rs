//! A made-up ERP: a hundred groups of partners, documents, lines, moves and messages, and what is asked of
//! each; the same every time.

use std::fmt::Write;

use erpscope::advise::workload::Statement;

/// Groups of tables.
pub const GROUPS: usize = 100;

/// Tables of a group.
pub const KINDS: usize = 5;

const STATES: [&str; 5] = ["draft", "sent", "confirmed", "done", "cancelled"];

/// SQL that makes the tables of one group after the other.
pub fn tables() -> impl Iterator<Item = String> {
    let mut dice = fastrand::Rng::with_seed(7);
    (0..GROUPS).map(move |g| {
        let rows = dice.i32(1..=3);
        let (partners, documents) = (400 * rows, 1_200 * rows);
        let mut sql = String::new();
        let states = STATES.join(",");
        let state = format!("(string_to_array('{states}', ','))[1 + least(4, (random() ^ 0.3 * 5)::int)]");
        let _ = write!(
            sql,
            "select setseed(0.5);
             create table partner_{g} (id int primary key, name text not null, code text, country_id int, user_id int, active bool not null, created_at timestamptz not null, note text);
             insert into partner_{g} select i, 'Partner ' || i, 'P' || i, i % 40, i % 25, i % 30 <> 0, now() - i * interval '1 hour', repeat('n', 80) from generate_series(1, {partners}) i;
             create table document_{g} (id int primary key, number text not null, partner_id int not null references partner_{g}, user_id int, company_id int not null, state text not null, ordered_at timestamptz not null, amount numeric(16,2), origin text);
             insert into document_{g} select i, 'SO' || i, 1 + (random() * ({partners} - 1))::int, i % 25, i % 3, {state}, now() - ({documents} - i) * interval '20 minutes', random() * 1000, 'web ' || i % 90 from generate_series(1, {documents}) i;
             create table line_{g} (id int primary key, document_id int not null references document_{g}, product_id int not null, quantity numeric not null, price numeric not null, state text not null, name text);
             insert into line_{g} select i, 1 + i % {documents}, (random() * 500)::int, 1 + i % 9, random() * 100, {state}, repeat('l', 50) from generate_series(1, {documents} * 3) i;
             create table move_{g} (id bigint primary key, line_id int references line_{g}, product_id int not null, source_id int not null, target_id int not null, quantity numeric not null, state text not null, planned_at timestamptz not null, done_at timestamptz);
             insert into move_{g} select i, 1 + i % ({documents} * 3), (random() * 500)::int, i % 12, i % 17, 1 + i % 9, {state}, now() - i * interval '5 minutes', case when i % 20 > 0 then now() end from generate_series(1, {documents} * 4) i;
             create table message_{g} (id bigint primary key, model text not null, res_id int not null, author_id int, created_at timestamptz not null, body text);
             insert into message_{g} select i, 'document', 1 + (random() * {documents})::int, i % 400, now() - ({documents} * 2 - i) * interval '9 minutes', repeat('b', 120) from generate_series(1, {documents} * 2) i;"
        );
        sql
    })
}

/// Shapes of what an ERP asks, with the rows of one call.
const SHAPES: [(&str, f64); 14] = [
    (
        "select id, number, state from document_{g} where partner_id = $1 order by ordered_at desc limit $2",
        10.0,
    ),
    (
        "select id, number from document_{g} where state = $1 and company_id = $2 order by id limit $3",
        80.0,
    ),
    ("select id, product_id, quantity, price from line_{g} where document_id = $1", 3.0),
    (
        "select sum(quantity) from move_{g} where product_id = $1 and target_id = $2 and state = $3",
        1.0,
    ),
    (
        "select id from move_{g} where state in ($1, $2) and planned_at < $3 order by planned_at limit $4",
        50.0,
    ),
    (
        "select m.id, m.body from message_{g} m where m.model = $1 and m.res_id = $2 order by m.id desc",
        2.0,
    ),
    (
        "select d.id, p.name from document_{g} d join partner_{g} p on p.id = d.partner_id where d.ordered_at >= $1 and d.ordered_at < $2 and d.state = $3",
        30.0,
    ),
    (
        "select l.product_id, sum(l.quantity * l.price) from line_{g} l join document_{g} d on d.id = l.document_id where d.ordered_at >= $1 and d.company_id = $2 group by l.product_id",
        200.0,
    ),
    ("update move_{g} set state = $1, done_at = $2 where line_id = $3 and state = $4", 1.0),
    ("select id from partner_{g} where lower(name) = $1 and active", 1.0),
    ("select id, name from partner_{g} where user_id = $1 and active order by name limit $2", 20.0),
    ("delete from message_{g} where created_at < $1 and author_id = $2", 5.0),
    (
        "select count(*) from document_{g} where user_id = $1 and state <> $2 and ordered_at > now() - $3::interval",
        1.0,
    ),
    (
        "select p.id from partner_{g} p where p.country_id = $1 and exists (select from document_{g} d where d.partner_id = p.id and d.state = $2)",
        8.0,
    ),
];

/// A thousand templates: ten of each group.
pub fn statements() -> Vec<Statement> {
    let mut dice = fastrand::Rng::with_seed(11);
    let mut statements = Vec::new();
    for g in 0..GROUPS {
        let mut shapes = SHAPES.to_vec();
        dice.shuffle(&mut shapes);
        for (shape, rows) in shapes.into_iter().take(10) {
            let mut statement = statement(&shape.replace("{g}", &g.to_string()), rows);
            statement.calls = f64::from(dice.u32(200..50_000));
            statement.rows = rows * statement.calls;
            statements.push(statement);
        }
    }
    statements
}

/// One of a day.
pub fn statement(text: &str, rows: f64) -> Statement {
    let calls = 1_000.0;
    Statement { text: text.to_owned(), calls, rows: rows * calls, ..Statement::default() }
}
