//! A name without a schema is the table that the role means who runs the statement.

use erpscope::advise::command::{self, Answer};
use erpscope::config::Config;
use erpscope::demo::cluster::{Cluster, Options};
use tokio_postgres::NoTls;

use crate::advise_faults::{load, shop, table, tables};
use crate::rig::{admin, server, until_true};

const TEXT: &str = "select id from orders where partner = $1";

/// The roles, their settings, and the schema that each of them means.
const ROLES: &str = "
    create role sales_app login; alter role sales_app set search_path = sales, public;
    create role hr_app login; alter role hr_app set search_path = sales;
    alter role hr_app in database shop set search_path = hr, public;
    create role depot login;
    create role guest login; alter role guest set search_path = closed, public;
    grant usage on schema sales, hr, depot, public to public;
    grant select on all tables in schema sales, hr, depot, closed, public to public";

/// Runs the statement so often as this role, with what is set for it.
async fn run_as(cluster: &Cluster, role: &str, calls: i32) {
    let config: tokio_postgres::Config = cluster.url("shop").parse().unwrap();
    let (client, connection) = config.clone().user(role).connect(NoTls).await.unwrap();
    tokio::spawn(connection);
    for number in 0..calls {
        client.query(TEXT, &[&number]).await.unwrap();
    }
}

async fn suggested(cluster: &Cluster) -> Vec<String> {
    let config = Config::of(vec![server(cluster)]).unwrap();
    let options = command::Options { datname: Some("shop".into()), ..command::Options::default() };
    let answers = command::ask(&config, &options).await;
    let Some(Answer::Advised { advice, .. }) = answers.first() else { panic!("{answers:?}") };
    assert!(advice.notes.iter().all(|note| !note.contains("search_path")), "{:?}", advice.notes);
    tables(advice).into_iter().map(str::to_owned).collect()
}

#[tokio::test]
async fn each_role_is_advised_on_the_table_that_it_means() {
    let (cluster, shop) = shop(Options::default()).await;
    for schema in ["sales", "hr", "depot", "closed"] {
        load(&shop, &format!("create schema {schema}")).await;
    }
    for schema in ["public", "sales", "hr", "depot", "closed"] {
        load(&shop, &format!("set search_path = {schema}; {}", table("orders"))).await;
    }
    load(&shop, "reset search_path").await;
    load(&shop, ROLES).await;
    let reset = "select pg_stat_statements_reset()";
    admin(&cluster).await.batch_execute(reset).await.unwrap();
    run_as(&cluster, "sales_app", 300).await;
    assert_eq!(suggested(&cluster).await, ["sales.orders"]);
    run_as(&cluster, "hr_app", 300).await;
    // `$user` is the schema of one's own name.
    run_as(&cluster, "depot", 300).await;
    // What a role may not use it does not look into.
    run_as(&cluster, "guest", 300).await;
    let all = ["depot.orders", "hr.orders", "public.orders", "sales.orders"];
    assert_eq!(suggested(&cluster).await, all);
}

/// Orders that are deleted, and their lines, without an index that finds these.
const SHOP: &str = "
    create table orders (id int primary key);
    create table order_line (id int primary key, order_id int references orders);
    insert into orders select n from generate_series(1, 2000) n;
    insert into order_line select n, 1001 + n % 1000 from generate_series(1, 60000) n;
    analyze";

#[tokio::test]
async fn rows_deleted_in_one_schema_are_looked_for_among_the_children_there() {
    let (cluster, shop) = shop(Options::default()).await;
    for schema in ["a", "b"] {
        load(&shop, &format!("create schema {schema}; set search_path = {schema}; {SHOP}")).await;
    }
    load(&shop, "reset search_path").await;
    let reset = "select pg_stat_statements_reset()";
    admin(&cluster).await.batch_execute(reset).await.unwrap();
    load(&shop, "set search_path = a").await;
    for (name, ids) in [("a.orders", 1..=200), ("orders", 201..=400)] {
        let text = format!("delete from {name} where id = $1");
        for id in ids {
            shop.execute(&text, &[&id]).await.unwrap();
        }
    }
    load(&shop, "reset search_path").await;
    let counted =
        "select count(*) = 1 from pg_stat_all_tables where relname = 'orders' and n_tup_del >= 400";
    until_true(&shop, counted).await;
    assert_eq!(suggested(&cluster).await, ["a.order_line"]);
}
