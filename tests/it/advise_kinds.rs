//! What PostgreSQL takes and uses of an index depends on the types, widths and schemas of what is in it.

use erpscope::advise::advice::Advice;
use erpscope::demo::cluster::Options;

use crate::advise_faults::{advised, load, shop, table};

fn ddl(advice: &Advice) -> Vec<&str> {
    let all = advice.suggestions.iter().flat_map(|suggestion| &suggestion.ddl);
    all.map(String::as_str).collect()
}

/// Documents with a body out of line, and lines with a note that is long at times.
const WIDE: &str = "
    create table doc (id int primary key, customer int, name text, body text);
    alter table doc alter body set storage external;
    insert into doc select n, n % 2000, 'name ' || n, repeat(md5(n::text), 119) from generate_series(1, 6000) n;
    create table line (id int primary key, customer int, qty int, note text);
    insert into line select n, n % 5000, n % 7, case when n % 10 = 0 then 'short' end from generate_series(1, 60000) n;
    update line set note = (select string_agg(md5(n::text), '') from generate_series(1, 200) n) where id = 7;
    create table partner (id int primary key, customer int, name varchar);
    insert into partner select n, n % 5000, 'name ' || n from generate_series(1, 60000) n;
    vacuum analyze";

#[tokio::test]
async fn what_may_be_too_long_for_an_index_is_neither_carried_nor_searched_by() {
    let (cluster, shop) = shop(Options::default()).await;
    for statement in WIDE.split(';') {
        load(&shop, statement).await;
    }
    for (text, wanted) in [
        ("select name, body from doc where customer = $1", "on public.doc (customer)"),
        ("select qty, note from line where customer = $1", "on public.line (customer)"),
        ("select name from partner where customer = $1", "on public.partner (customer"),
    ] {
        let advice = advised(&cluster, &[text]).await;
        let [ddl] = ddl(&advice)[..] else { panic!("{text}: {:?}", ddl(&advice)) };
        assert!(ddl.contains(wanted), "{text}: {ddl}");
        assert!(!ddl.contains("body") && !ddl.contains("note"), "{text}: {ddl}");
    }
    let by_body = advised(&cluster, &["select id from doc where body = $1"]).await;
    assert_eq!(ddl(&by_body), [""; 0]);
    let by_name = advised(&cluster, &["select id from doc where name = $1"]).await;
    let told = &by_name.suggestions[0].warnings;
    assert!(told.iter().any(|warning| warning.contains("2,600 bytes in name")), "{told:?}");
}

/// One column of each type that looks as if GIN served it.
const KINDS: &str = "
    create extension pg_trgm; create extension citext;
    create table thing (id int primary key, fixed char(20), folded citext, raw name, bytes bytea, code varchar(60),
      doc jsonb, tags int[], keys text[], pad text);
    insert into thing select n, n, n, n, n::text::bytea, 'code ' || n, jsonb_build_object('n', n), array[n, n % 9], array[n::text], repeat('x', 400)
      from generate_series(1, 60000) n;
    analyze thing";

#[tokio::test]
async fn gin_is_suggested_only_where_the_operator_class_serves_the_operator() {
    let (cluster, shop) = shop(Options::default()).await;
    load(&shop, KINDS).await;
    for condition in [
        "fixed ilike $1",
        "folded ilike $1",
        "raw like $1",
        "bytes like $1",
        "doc <@ $1",
        "$1 @> doc",
        "'{\"a\": 1}'::jsonb ?| keys",
    ] {
        let text = format!("select id from thing where {condition}");
        assert_eq!(ddl(&advised(&cluster, &[&text]).await), [""; 0], "{condition}");
    }
    for (condition, wanted) in [
        ("code ilike $1", "using gin (code public.gin_trgm_ops)"),
        ("doc @> $1", "using gin (doc)"),
        ("$1 <@ doc", "using gin (doc)"),
        ("doc ? $1", "using gin (doc)"),
        ("tags && $1", "using gin (tags)"),
        ("tags @> $1", "using gin (tags)"),
    ] {
        let text = format!("select id from thing where {condition}");
        let advice = advised(&cluster, &[&text]).await;
        let [ddl] = ddl(&advice)[..] else { panic!("{condition}: {:?}", ddl(&advice)) };
        assert!(ddl.contains(wanted), "{condition}: {ddl}");
    }
}

/// A function that a single schema has, and one that two have.
const SCHEMAS: &str = "
    create schema util;
    create function util.norm(text) returns text immutable language plpgsql as 'begin return lower(btrim($1)); end';
    create function util.twice(text) returns text immutable language plpgsql as 'begin return $1 || $1; end';
    create function public.twice(text) returns text immutable language plpgsql as 'begin return $1; end';
    create table customer (id int primary key, name text);
    insert into customer select n, 'Name ' || n from generate_series(1, 60000) n;
    analyze customer";

#[tokio::test]
async fn a_function_in_an_index_is_written_with_its_schema_or_not_at_all() {
    let (cluster, shop) = shop(Options::default()).await;
    load(&shop, SCHEMAS).await;
    let advice = advised(&cluster, &["select id from customer where util.norm(name) = $1"]).await;
    let [made] = ddl(&advice)[..] else { panic!("{:?}", ddl(&advice)) };
    assert!(made.contains("(util.norm(name))"), "{made}");
    load(&shop, made).await;
    let again = advised(&cluster, &["select id from customer where util.norm(name) = $1"]).await;
    assert_eq!(ddl(&again), [""; 0], "it is there");
    let hidden = advised(&cluster, &["select id from customer where util.twice(name) = $1"]).await;
    assert!(ddl(&hidden)[0].contains("(util.twice(name))"), "PostgreSQL tells its schema");
    let either = advised(&cluster, &["select id from customer where twice(name) = $1"]).await;
    assert_eq!(ddl(&either), [""; 0]);
}

#[tokio::test]
async fn an_index_with_nulls_at_the_other_end_does_not_stand_in_for_an_order() {
    let (cluster, shop) = shop(Options::default()).await;
    load(&shop, &table("sale")).await;
    load(&shop, "create index on sale (day desc nulls last)").await;
    let advice = advised(&cluster, &["select * from sale order by day limit 20"]).await;
    let [ddl] = ddl(&advice)[..] else { panic!("{:?}", ddl(&advice)) };
    assert!(ddl.contains("on public.sale (day)"), "{ddl}");
    load(&shop, "create index on sale (day desc)").await;
    let advice = advised(&cluster, &["select * from sale order by day limit 20"]).await;
    assert!(advice.suggestions.is_empty(), "{:?}", advice.suggestions);
}
