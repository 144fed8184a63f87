//! No value of a user's leaves the advisor, wherever it met it; what the values tell is used all the same.

use std::process::{Command, Output};

use erpscope::demo::cluster::{Cluster, Options};

use crate::rig::{self, admin, session};

/// Everything that is secret begins with it.
const SECRET: &str = "hush";

const SCHEMA: &str = "
    create table client (id int primary key, vip text not null, stage text not null, note text, doc jsonb, born date not null, filler text);
    insert into client select i,
        case when i % 500 = 0 then 'hush-rare' else 'hush-often' end,
        case when i % 400 = 0 then 'draft' when i % 50 = 0 then 'cancelled' else 'posted' end,
        'hush-note-' || lpad(i::text, 6, '0'), jsonb_build_object('hush-key', 'hush-' || i),
        date '1950-01-01' + i % 20000, repeat('f', 80)
      from generate_series(1, 60000) i;
    vacuum analyze client";

/// Statements that sessions ran and that are in their activity still; each with its values in its text.
const SEEN: [&str; 5] = [
    "select id from client where vip = 'hush-rare' order by born",
    "select id, filler from client where note like 'hush-note-0042%'",
    "select id from client where coalesce(note, 'hush-default') = 'hush-note-000007'",
    "select id from client where doc ->> 'hush-key' = 'hush-4711'",
    "select id from client where stage = 'draft' and born > '1951-02-03'",
];

/// Of each statement: enough that what indexes save is far above what the inserts below make them cost, also on a quick machine.
const CALLS: usize = 500;

fn advise(cluster: &Cluster, args: &[&str]) -> (Output, String) {
    let url = format!("postgres://erpscope@127.0.0.1:{}/postgres", cluster.port());
    let output = Command::new(env!("CARGO_BIN_EXE_erpscope"))
        .args(["advise", "--log-level", "trace", "--url", &url, "--datname", "shop"])
        .args(args)
        .env_remove("ERPSCOPE_CONFIG")
        .output()
        .unwrap();
    let all = [output.stdout.as_slice(), output.stderr.as_slice()].concat();
    (output, String::from_utf8(all).unwrap())
}

#[tokio::test]
async fn values_are_used_and_never_told() {
    let options = Options::default()
        .set("compute_query_id", "on")
        .set("pg_stat_statements.track_utility", "on")
        // A vacuum soon after an asynchronous commit finds no page that all may see.
        .set("synchronous_commit", "on")
        .set("autovacuum", "off");
    let (cluster, shop) = rig::shop(options).await;
    let admin = admin(&cluster).await;
    shop.batch_execute("create extension hypopg").await.unwrap();
    for statement in SCHEMA.split(';') {
        shop.batch_execute(statement).await.unwrap();
    }
    admin.batch_execute("select pg_stat_statements_reset()").await.unwrap();
    for _ in 0..20 {
        shop.simple_query("select max(filler) from client").await.unwrap();
    }
    let mut open = Vec::new();
    for sql in SEEN {
        let client = session(&cluster.url("shop")).await;
        for _ in 0..CALLS {
            client.simple_query(sql).await.unwrap();
        }
        open.push(client);
    }
    // Rows that a partial index would not hold.
    let insert =
        "insert into client select i, 'hush-often', 'posted', 'hush', null, current_date, 'f'
        from generate_series(100000, 105000) i";
    shop.batch_execute(insert).await.unwrap();
    for format in ["table", "json", "markdown", "sql"] {
        let (output, all) = advise(&cluster, &["--format", format, "--state-column", "stage"]);
        assert!(output.status.success(), "{all}");
        assert!(!all.contains(SECRET), "{format}: {all}");
        assert!(!all.contains("1951-02-03"), "{format}: {all}");
        // What only values can tell: a pattern begins with a letter, a state is rare.
        assert!(all.contains("text_pattern_ops"), "{format}: {all}");
        assert!(all.contains("stage = 'draft'"), "{format}: {all}");
        assert!(!all.contains("COALESCE"), "{format}: {all}");
    }
    // Without its consent the user sees no value of any kind, nor with the statistics alone.
    open.clear();
    let (_, all) = advise(&cluster, &["--format", "json"]);
    assert!(!all.contains(SECRET) && !all.contains("draft"), "{all}");
    let (output, all) = advise(&cluster, &["--explain", "create-0"]);
    assert!(!output.status.success() && !all.contains(SECRET), "{all}");

    // The server's own books have no text of ours with a value in it either.
    let ours = "select string_agg(query, ' ') from pg_stat_statements s join pg_roles r on r.oid = s.userid
        where r.rolname = 'erpscope'";
    let texts: String = admin.query_one(ours, &[]).await.unwrap().get(0);
    assert!(texts.contains("explain (") && !texts.contains(SECRET), "{texts}");
    // Nor a text of a user's at all, which would make another one go.
    assert!(!texts.to_lowercase().contains("from client"), "{texts}");
}
