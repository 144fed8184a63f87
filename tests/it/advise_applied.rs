//! What is made as it was suggested is seen by the ledger and suggested no more, however PostgreSQL prints it.

use std::collections::{BTreeMap, BTreeSet};
use std::slice;
use std::sync::Arc;

use erpscope::advise::candidate::{Allowed, candidates};
use erpscope::advise::catalog::{self, Catalog};
use erpscope::advise::definition::Definition;
use erpscope::advise::ledger::{Ledger, Look, Stage, Today};
use erpscope::advise::plan::{Explained, Reading, read};
use erpscope::advise::suggestion::Suggestion;
use erpscope::demo::cluster::Options;
use tokio_postgres::{Client, SimpleQueryMessage};

use crate::ledger::suggestion;
use crate::rig;

/// One row in fifty is a draft, is not active, has no `position`, or is not delivered.
const SETUP: &str = "
    create schema tools;
    create extension pg_trgm schema tools;
    create type mood as enum ('draft', 'done');
    create table doc (
      id int primary key, partner int not null, name text not null, by_text text, by_varchar varchar, by_limit varchar(20),
      by_char char(20), by_enum mood, by_number int, \"By name\" text, active bool, position text,
      ordered text, delivered text, wanted int, done int
    );
    insert into doc
      select i, i % 100, 'part ' || md5(i::text), s, s, s, s, s::mood, case s when 'draft' then -1 else 1 end, s,
        s <> 'draft', nullif(s, 'draft'), 'x', case s when 'draft' then 'y' else 'x' end, 5, case s when 'draft' then 0 else 5 end
      from (select i, case when i % 50 = 0 then 'draft' else 'done' end s from generate_series(1, 5000) i) each;
    analyze doc;";

/// Of each, candidates are tried that hold some rows only or are of an operator class.
const CONDITIONS: [&str; 13] = [
    "name ilike '%b4f7%'",
    "name like '%b4f7%'",
    "by_text = 'draft'",
    "by_varchar = 'draft'",
    "by_limit = 'draft'",
    "by_char = 'draft'",
    "by_enum = 'draft'",
    "by_number = -1",
    "\"By name\" = 'draft'",
    "not active",
    "position is null",
    "ordered <> delivered",
    "done < wanted",
];

#[tokio::test]
async fn what_is_made_as_a_candidate_says_is_seen_and_is_no_candidate_any_more() {
    let (_cluster, shop) = rig::shop(Options::default()).await;
    shop.batch_execute(SETUP).await.unwrap();
    let states = SETUP.split([' ', ',']).filter(|word| word.starts_with("by_"));
    let allowed = Allowed { values_of: states.chain(["By name"]).map(str::to_owned).collect() };
    for condition in CONDITIONS {
        let sql = format!("select id from doc where {condition} and partner = 7");
        let reading = reading(&shop, &sql).await;
        let found = candidates(&reading, &look(&shop).await, &allowed);
        let is_special = |definition: &&Definition| {
            let has_class = definition.keys.iter().any(|key| key.opclass.is_some());
            has_class || definition.predicate.is_some()
        };
        let special: Vec<&Definition> = found.iter().filter(is_special).collect();
        assert!(!special.is_empty(), "{sql}: {found:#?}");
        for definition in special {
            let ddl = format!("create index candidate on doc {}", definition.body());
            let suggestion = suggestion("create-1", "create", "public.doc", &ddl);
            assert!(!is_seen(&shop, &suggestion, definition).await, "{ddl}: before it was made");
            shop.batch_execute(&ddl).await.unwrap_or_else(|error| panic!("{ddl}: {error:?}"));
            let printed = "select pg_get_indexdef('candidate'::regclass)";
            let printed: String = shop.query_one(printed, &[]).await.unwrap().get(0);
            assert!(is_seen(&shop, &suggestion, definition).await, "{ddl}: {printed}");
            let still = candidates(&reading, &look(&shop).await, &allowed);
            assert!(!still.contains(definition), "{ddl}: {printed}");
            shop.batch_execute("drop index candidate").await.unwrap();
        }
    }
}

async fn reading(client: &Client, sql: &str) -> Reading {
    let explain = format!("explain (verbose, format json) {sql}");
    let rows = client.simple_query(&explain).await.unwrap();
    let text = rows.iter().find_map(|message| match message {
        SimpleQueryMessage::Row(row) => row.get(0),
        _ => None,
    });
    let plans: Vec<Explained> = serde_json::from_str(text.unwrap()).unwrap();
    read(&plans[0].plan)
}

async fn look(client: &Client) -> Catalog {
    let relations = BTreeSet::from([("public".to_owned(), "doc".to_owned())]);
    catalog::read(client, &relations).await.unwrap()
}

/// Whether the ledger takes a suggestion for applied as things are.
pub(crate) async fn is_seen(
    client: &Client,
    suggestion: &Suggestion,
    definition: &Definition,
) -> bool {
    let (schema, name) = suggestion.table.split_once('.').unwrap();
    let relations = BTreeSet::from([(schema.to_owned(), name.to_owned())]);
    let catalog = catalog::read_indexes(client, &relations).await.unwrap();
    let definitions = BTreeMap::from([(suggestion.id.clone(), definition.clone())]);
    let (server, datname) = (Arc::from("erp"), Arc::from(suggestion.datname.as_str()));
    let suggestions = slice::from_ref(suggestion);
    let today = Some(Today { suggestions, definitions: &definitions, is_complete: true });
    let (server, datname) = (&server, &datname);
    let look = Look { server, datname, now: 0, catalog: &catalog, today, past: None };
    let changes = Ledger::default().fold(&look);
    assert_eq!(changes.len(), 1, "{changes:#?}");
    changes[0].line.state == Stage::Applied
}
