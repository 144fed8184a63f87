//! How long the queues are that a profile knows: rows that wait, run and were given up, and for how
//! long. Counts and ages alone; of what is in a row nothing is read.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio_postgres::{Client, Row};

use super::activity::text;
use super::decode::unsigned;
use super::{Outcome, SampleError, elsewhere};
use crate::erp::{Queue, Zone};
use crate::pg::{Session, quoted};

/// No more rows of one state are counted: a longer queue is this long at least.
pub const MOST: u64 = 10_000;
/// What the planner may think that one look costs, in its own units: a table of a million rows
/// whose state has no index is dearer, and not read.
const DEAREST: f64 = 20_000.0;
/// The same of a look in every turn, about a millisecond; one that is so many times dearer is made so many times less
/// often.
const CHEAP: f64 = 500.0;
/// But at least in every fifth turn.
const MOST_TURNS: u32 = 5;

/// What one queue is like.
#[derive(Clone, Debug, PartialEq)]
pub struct Reading {
    /// What the profile calls it.
    pub name: Arc<str>,
    /// Schema of its table.
    pub schema: String,
    /// Its table.
    pub table: String,
    /// Rows that wait and are due; [`MOST`] means that or more.
    pub waiting: u64,
    /// Since when the oldest of them waits, in seconds; of more than [`MOST`] it is that of those
    /// which were counted. `None` if none waits.
    pub oldest_seconds: Option<f64>,
    /// How often one of those that wait was tried, at most, 0 if none waits; `None` if that is not told.
    pub tries: Option<u64>,
    /// Rows that somebody works on; `None` if that is not told.
    pub running: Option<u64>,
    /// How long the longest of them has been, in seconds; `None` if none runs or that is not told.
    pub longest_seconds: Option<f64>,
    /// Rows that were given up; `None` if that is not told.
    pub failed: Option<u64>,
    /// Rows that were inserted since the server's statistics began.
    pub inserted: u64,
}

/// One database.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Database {
    /// `pg_database.oid`.
    pub dbid: u32,
    /// Queues whose tables are there and may be read.
    pub queues: Vec<Reading>,
    /// Queues whose tables are there and were not read, and why: `refused`, `missing` (columns),
    /// `costly`, or how the query ended.
    pub unread: Vec<(Arc<str>, &'static str)>,
}

/// The last looks at queues, which stand for a while where a look is dear.
#[derive(Debug, Default)]
pub struct Looks(Mutex<HashMap<(u32, Arc<str>), Look>>);

#[derive(Debug)]
struct Look {
    reading: Reading,
    /// Turns for which it stands.
    stands: u32,
}

impl Looks {
    /// What was seen last, if it still stands: all of it is of one moment.
    fn standing(&self, dbid: u32, queue: &Queue, first: &Column) -> Option<Reading> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let look = all.get_mut(&(dbid, Arc::clone(&queue.name)))?;
        let is_same = look.reading.table == first.table && look.reading.schema == first.schema;
        look.stands = look.stands.checked_sub(1).filter(|_| is_same)?;
        Some(look.reading.clone())
    }

    fn remember(&self, dbid: u32, reading: &Reading, cost: f64) {
        let turns = (1..MOST_TURNS).find(|turns| cost <= CHEAP * f64::from(*turns));
        let look = Look { reading: reading.clone(), stands: turns.unwrap_or(MOST_TURNS) - 1 };
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.insert((dbid, Arc::clone(&reading.name)), look);
    }
}

/// Those that could be read.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Sample {
    /// One after the other.
    pub databases: Vec<Database>,
    /// How many could not be entered in this turn.
    pub skipped: u64,
}

/// Reads the queues of the database of `session`, which is `dbid`, and then by one connection each
/// those of `others`. One that cannot be entered is left out and counted; none is entered after
/// `patience`. `queues`: what the profiles of a database by that name declare. `looks`: those of the turns before.
///
/// # Errors
/// When `session` cannot be read.
pub async fn read(
    session: &Session,
    dbid: u32,
    others: &[(u32, String)],
    queues: impl Fn(&str) -> Vec<Arc<Queue>>,
    looks: &Arc<Looks>,
    patience: Duration,
) -> Result<Sample, SampleError> {
    let (databases, skipped) =
        elsewhere::each(session, dbid, others, patience, "queues", |client, dbid, datname| {
            let (queues, looks) = (queues(datname), Arc::clone(looks));
            Box::pin(async move { here(client, dbid, &queues, &looks).await })
        })
        .await?;
    Ok(Sample { databases, skipped })
}

async fn here(
    client: &Client,
    dbid: u32,
    queues: &[Arc<Queue>],
    looks: &Looks,
) -> Result<Database, SampleError> {
    let mut database = Database { dbid, ..Database::default() };
    let tables: Vec<&str> = queues.iter().map(|queue| queue.table.as_str()).collect();
    if tables.is_empty() {
        return Ok(database);
    }
    let rows = client.query(include_str!("queues_columns.sql"), &[&tables]).await?;
    let columns = rows.iter().map(column).collect::<Result<Vec<_>, _>>()?;
    let mut done: HashSet<&str> = HashSet::new();
    for queue in queues.iter().filter(|queue| columns.iter().any(|c| c.table == queue.table)) {
        if done.contains(&*queue.name) {
            continue;
        }
        let place = match place(queue, &columns) {
            Ok(place) => place,
            Err(reason) => {
                database.unread.push((Arc::clone(&queue.name), reason));
                continue;
            }
        };
        done.insert(&queue.name);
        let standing = place.first().and_then(|first| looks.standing(dbid, queue, first));
        if let Some(reading) = standing {
            database.queues.push(reading);
            continue;
        }
        match one(client, queue, &place).await {
            Ok(Some((reading, cost))) => {
                looks.remember(dbid, &reading, cost);
                database.queues.push(reading);
            }
            Ok(None) => database.unread.push((Arc::clone(&queue.name), "costly")),
            Err(error) if error.outcome() == Outcome::Closed => return Err(error),
            Err(error) => {
                tracing::debug!(queue = %queue.name, "a queue could not be read: {error}");
                database.unread.push((Arc::clone(&queue.name), error.outcome().name()));
            }
        }
    }
    // One that another declaration of the same name could read was read.
    database.unread.retain(|(name, _)| !database.queues.iter().any(|read| read.name == *name));
    database.unread.reverse();
    let mut told = HashSet::new();
    database.unread.retain(|(name, _)| told.insert(Arc::clone(name)));
    Ok(database)
}

/// A column of a table that may be a queue.
struct Column {
    table: String,
    schema: String,
    name: String,
    kind: u32,
    may_read: bool,
    inserted: u64,
}

fn column(row: &Row) -> Result<Column, SampleError> {
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
fn place<'a>(queue: &Queue, columns: &'a [Column]) -> Result<Vec<&'a Column>, &'static str> {
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
const TIMESTAMP: u32 = 1_114;
/// Of those that hold a time: with a zone, and dates, too.
const TIMES: [u32; 3] = [TIMESTAMP, 1_184, 1_082];
const INTEGER: u32 = 23;
/// Of whole numbers.
const NUMBERS: [u32; 3] = [21, INTEGER, 20];

/// With what the planner thinks it costs; `None` if that is too much.
async fn one(
    client: &Client,
    queue: &Queue,
    place: &[&Column],
) -> Result<Option<(Reading, f64)>, SampleError> {
    let Some(first) = place.first() else { return Ok(None) };
    let sql = statement(queue, &first.schema, |name| {
        place.iter().any(|column| column.name == name && column.kind == TIMESTAMP)
    });
    let plan = client.query(&format!("explain {sql}"), &[]).await?;
    let plan = plan.first().map_or_else(|| Ok(String::new()), |row| text(row, 0))?;
    let Some(cost) = cost(&plan).filter(|cost| *cost <= DEAREST) else { return Ok(None) };
    let row = client.query_one(&sql, &[]).await?;
    let count = |column| row.try_get::<_, i64>(column).map(unsigned);
    // A clock that is behind, or a zone that is another's, makes no negative age.
    let age = |column| row.try_get::<_, Option<f64>>(column).map(|age| age.map(|age| age.max(0.0)));
    let tries: Option<i64> = row.try_get(2)?;
    let is_by_words = queue.state.is_some();
    let tells_running = !is_by_words && queue.started.is_some() || !queue.running.is_empty();
    let tells_failed = !queue.failed.is_empty() || queue.lost_after.is_some();
    let reading = Reading {
        name: Arc::clone(&queue.name),
        schema: first.schema.clone(),
        table: queue.table.clone(),
        waiting: count(0)?,
        oldest_seconds: age(1)?,
        tries: if queue.retries.is_some() { Some(unsigned(tries.unwrap_or(0))) } else { None },
        running: if tells_running { Some(count(3)?) } else { None },
        longest_seconds: age(4)?,
        failed: if tells_failed { Some(count(5)?) } else { None },
        inserted: first.inserted,
    };
    Ok(Some((reading, cost)))
}

/// Of `Nested Loop  (cost=1.00..23.45 rows=...` the second figure.
fn cost(plan: &str) -> Option<f64> {
    let (_, costs) = plan.split_once("(cost=")?;
    let (_, total) = costs.split_once("..")?;
    total.split(' ').next()?.parse().ok()
}

/// The query for one queue. `is_naive`: whether a column holds times without a zone.
fn statement(queue: &Queue, schema: &str, is_naive: impl Fn(&str) -> bool) -> String {
    let column = |name: &str| format!("q.{}", quoted(name));
    let time = |name: &str| match queue.zone {
        Zone::Utc if is_naive(name) => format!("({} at time zone 'UTC')", column(name)),
        _ => format!("{}::timestamptz", column(name)),
    };
    let or_null =
        |name: &Option<String>, null: &str| name.as_deref().map_or_else(|| null.to_owned(), time);
    let is_in = |words: &[String]| match &queue.state {
        Some(state) if !words.is_empty() => {
            let words: Vec<String> = words.iter().map(|word| format!("'{word}'")).collect();
            format!("{} in ({})", column(state), words.join(", "))
        }
        _ => "false".to_owned(),
    };
    let null = |name: &Option<String>, is: &str| {
        name.as_deref()
            .map_or_else(|| "true".to_owned(), |name| format!("{} is {is}", column(name)))
    };
    let (mut waiting, mut running) = if queue.state.is_some() {
        (is_in(&queue.waiting), is_in(&queue.running))
    } else {
        let waiting =
            format!("{} and {}", null(&queue.started, "null"), null(&queue.finished, "null"));
        let running = match &queue.started {
            Some(_) => {
                format!(
                    "{} and {}",
                    null(&queue.started, "not null"),
                    null(&queue.finished, "null")
                )
            }
            None => "false".to_owned(),
        };
        (waiting, running)
    };
    let mut failed = is_in(&queue.failed);
    if let (Some(lost), Some(started)) = (queue.lost_after, &queue.started) {
        let limit = format!("now() - interval '{} seconds'", lost.as_secs());
        failed = format!("{running} and {} <= {limit}", time(started));
        running = format!("{running} and {} > {limit}", time(started));
    }
    if let Some(due) = &queue.due {
        waiting = format!("{waiting} and ({} is null or {} <= now())", column(due), time(due));
    }
    let only: Vec<String> =
        queue.only.iter().map(|(name, word)| format!("{} = '{word}'", column(name))).collect();
    if !only.is_empty() {
        let only = only.join(" and ");
        for rows in [&mut waiting, &mut running, &mut failed] {
            *rows = format!("{rows} and {only}");
        }
    }
    let since: Vec<String> =
        [&queue.since, &queue.due].into_iter().flatten().map(|c| time(c)).collect();
    let tries = queue.retries.as_deref();
    let tries =
        tries.map_or_else(|| "null::int8".to_owned(), |name| format!("{}::int8", column(name)));
    include_str!("queues.sql")
        .lines()
        .filter(|line| !line.starts_with("--"))
        .collect::<Vec<_>>()
        .join("\n")
        .replace("{since}", &format!("greatest({})", since.join(", ")))
        .replace("{tries}", &tries)
        .replace("{started}", &or_null(&queue.started, "null::timestamptz"))
        .replace("{waiting}", &waiting)
        .replace("{running}", &running)
        .replace("{failed}", &failed)
        .replace("{table}", &format!("{}.{}", quoted(schema), quoted(&queue.table)))
        .replace("{most}", &MOST.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::erp::Profiles;

    fn queue(text: &str) -> Arc<Queue> {
        let mut profiles = Profiles::default();
        profiles.add(&format!("name = 'x'\n[[queue]]\nname = 'q'\ntable = 'a b'\n{text}")).unwrap();
        let erp = profiles.words(profiles.all().next());
        Arc::clone(erp.queues().next().unwrap())
    }

    fn held(name: &str, kind: u32, may_read: bool) -> Column {
        let (table, schema) = ("a b".to_owned(), "s\"s".to_owned());
        Column { table, schema, name: name.to_owned(), kind, may_read, inserted: 0 }
    }

    #[test]
    fn a_queue_with_words_for_its_states_is_asked_by_them() {
        let queue = queue(
            "state = 'state'\nwaiting = ['new', 'Not Sent']\nsince = 'made'\ndue = 'eta'\nretries = 'n'\n",
        );
        let sql = statement(&queue, "s\"s", |name| name == "made");
        for part in [
            "from \"s\"\"s\".\"a b\" q where q.\"state\" in ('new', 'Not Sent') and \
             (q.\"eta\" is null or q.\"eta\"::timestamptz <= now()) limit 10000",
            "greatest((q.\"made\" at time zone 'UTC'), q.\"eta\"::timestamptz) as since",
            "q.\"n\"::int8 as tries",
            "null::timestamptz as started",
            "q where false limit",
        ] {
            assert!(sql.contains(part), "{part}\nnot in\n{sql}");
        }
        assert!(!sql.contains(['{', '}']), "{sql}");
    }

    #[test]
    fn rows_that_do_not_count_are_in_no_state() {
        let words = "state = 's'\nwaiting = ['new']\nfailed = ['bad']\nsince = 'a'\n";
        let sql = statement(
            &queue(&format!("{words}only = {{ docstatus = '1', on = 'Y' }}\n")),
            "s",
            |_| false,
        );
        for part in [
            "where q.\"s\" in ('new') and q.\"docstatus\" = '1' and q.\"on\" = 'Y' limit",
            "where false and q.\"docstatus\" = '1' and q.\"on\" = 'Y' limit",
            "where q.\"s\" in ('bad') and q.\"docstatus\" = '1' and q.\"on\" = 'Y' limit",
        ] {
            assert!(sql.contains(part), "{part}\nnot in\n{sql}");
        }
    }

    #[test]
    fn a_queue_without_words_waits_until_its_work_has_begun() {
        let queue = queue("since = 'a'\nstarted = 'b'\nfinished = 'c'\nzone = 'local'\n");
        let sql = statement(&queue, "s", |_| true);
        for part in [
            "where q.\"b\" is null and q.\"c\" is null limit",
            "where q.\"b\" is not null and q.\"c\" is null limit",
            "greatest(q.\"a\"::timestamptz) as since",
        ] {
            assert!(sql.contains(part), "{part}\nnot in\n{sql}");
        }
    }

    #[test]
    fn a_row_that_began_long_ago_and_never_ended_has_failed_if_the_profile_says_so() {
        let times = "since = 'a'\nstarted = 'b'\nfinished = 'c'\nlost_after = '6h'\n";
        let sql = statement(&queue(times), "s", |_| true);
        for sign in ["<=", ">"] {
            let part = format!(
                "where q.\"b\" is not null and q.\"c\" is null and (q.\"b\" at time zone 'UTC') {sign} \
                 now() - interval '21600 seconds' limit"
            );
            assert!(sql.contains(&part), "{part}\nnot in\n{sql}");
        }
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

    #[test]
    fn a_look_stands_for_the_longer_the_dearer_it_is_and_of_no_other_table() {
        let (queue, first) = (queue("since = 'a'\nstarted = 'b'\n"), held("a", TIMESTAMP, true));
        let reading = Reading {
            name: Arc::clone(&queue.name),
            schema: first.schema.clone(),
            table: first.table.clone(),
            waiting: 7,
            oldest_seconds: None,
            tries: None,
            running: None,
            longest_seconds: None,
            failed: None,
            inserted: 0,
        };
        let looks = Looks::default();
        let mut turns = |cost: f64| {
            looks.remember(1, &reading, cost);
            std::iter::from_fn(|| looks.standing(1, &queue, &first)).count()
        };
        assert_eq!([0.0, 500.0, 600.0, 1_500.0, DEAREST].map(&mut turns), [0, 0, 1, 2, 4]);
        looks.remember(1, &reading, DEAREST);
        assert!(looks.standing(2, &queue, &first).is_none(), "of another database");
        let other = Column { schema: "other".to_owned(), ..first };
        assert!(looks.standing(1, &queue, &other).is_none());
    }

    #[test]
    fn what_the_planner_thinks_it_costs_is_read_off_its_plan() {
        let plan = "Nested Loop  (cost=25.02..36.31 rows=1 width=48)";
        assert_eq!(cost(plan), Some(36.31));
        assert_eq!(cost("Nested Loop"), None);
    }
}
