//! The ledger on a real server, of a partitioned table: what was made on its parts is seen, and its undo leaves nothing.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use erpscope::advise::database;
use erpscope::advise::definition::{Definition, Key};
use erpscope::advise::ledger::{Ledger, Line, Look, Past, Stage, Today};
use erpscope::advise::suggestion::Suggestion;
use erpscope::demo::cluster::{Cluster, Options};
use erpscope::history::{HOUR, StatementHour, Work};
use erpscope::pg;
use tokio_postgres::Client;

use crate::ledger::suggestion;
use crate::rig::{self, server};

const SALES: &str = "
    create table sale (id int, company int, year int, partner int) partition by list (company);
    create table sale_1 partition of sale for values in (1) partition by range (year);
    create table sale_1_old partition of sale_1 for values from (2000) to (2024);
    create table sale_1_new partition of sale_1 for values from (2024) to (2030);
    create table sale_2 partition of sale for values in (2);
    insert into sale select i, 1 + i % 2, 2023 + i / 2 % 2, i % 500 from generate_series(1, 9000) i;
    analyze sale";

const ZERO: i64 = 1_800_000_000 / HOUR * HOUR;

/// The ledger of a shop and how it is looked at.
struct Desk<'a> {
    cluster: &'a Cluster,
    ledger: Ledger,
}

impl Desk<'_> {
    async fn look(&mut self, now: i64, today: Option<Today<'_>>, past: Option<&Past>) {
        let relations = [("public".to_owned(), "sale".to_owned())].into();
        let session = pg::connect(&server(self.cluster), "shop").await.unwrap();
        let catalog = &database::look(&session, "shop", &relations).await.unwrap();
        let (server, datname) = (&Arc::from("erp"), &Arc::from("shop"));
        self.ledger.fold(&Look { server, datname, now, catalog, today, past });
    }

    fn line(&self, id: &str) -> &Line {
        self.ledger.lines().find(|line| line.id == id).unwrap()
    }
}

/// Writes that take twice as long since.
fn dearer() -> Past {
    let hours = |range: Range<i64>, exec_seconds: f64| {
        range.map(move |n| StatementHour {
            hour: ZERO + n * HOUR,
            work: Work { calls: 100, exec_seconds, ..Work::default() },
        })
    };
    let both = hours(-10..0, 0.2).chain(hours(2..12, 0.4)).collect();
    let scans = ["public.old", "public.new", "public.two"].map(|name| (name.to_owned(), 0));
    Past {
        hours: BTreeMap::from([(7, both)]),
        writers: BTreeMap::from([("public.sale".to_owned(), vec![7])]),
        scans: BTreeMap::from(scans),
        looked: BTreeMap::from([("create-1".to_owned(), 1.0)]),
        ..Past::default()
    }
}

async fn indexes(client: &Client) -> i64 {
    let sql = "select count(*) from pg_index where indrelid::regclass::text like 'sale%'";
    client.query_one(sql, &[]).await.unwrap().get(0)
}

#[tokio::test]
async fn the_undo_of_indexes_that_were_made_part_by_part_can_be_run_and_leaves_none() {
    let (cluster, shop) = rig::shop(Options::default()).await;
    shop.batch_execute(SALES).await.unwrap();
    let singly = "create index old on sale_1_old (partner);
        create index new on sale_1_new (partner); create index two on sale_2 (partner)";
    let beneath = "create index one on only sale_1 (partner);
        alter index one attach partition old; alter index one attach partition new";
    let one_lacks =
        "create index whole on only sale (partner); alter index whole attach partition two";
    let last = "create index one on only sale_1 (partner); alter index one attach partition old;
        alter index one attach partition new; alter index whole attach partition one";
    let concurrently = |name: &str| format!("drop index concurrently public.{name}");
    let of = |name: &str| format!("drop index public.{name}");
    for (made, drops) in [
        (vec![singly], vec![concurrently("old"), concurrently("new"), concurrently("two")]),
        (vec![singly, beneath], vec![of("one"), concurrently("two")]),
        (vec![singly, one_lacks], vec![of("whole"), concurrently("old"), concurrently("new")]),
        (vec![singly, one_lacks, last], vec![of("whole")]),
    ] {
        let mut desk = Desk { cluster: &cluster, ledger: Ledger::default() };
        let ddl = "create index sale_partner_idx on public.sale (partner)";
        let create = Suggestion {
            undo: vec!["drop index public.sale_partner_idx".into()],
            ..suggestion("create-1", "create", "public.sale", ddl)
        };
        let definition = Definition::btree(0, vec![Key::column("partner")]);
        let definitions = BTreeMap::from([("create-1".to_owned(), definition)]);
        let today = Today { suggestions: &[create], definitions: &definitions, is_complete: true };
        desk.look(ZERO, Some(today), None).await;
        for sql in &made {
            shop.batch_execute(sql).await.unwrap();
        }
        desk.look(ZERO + HOUR, None, None).await;
        assert_eq!(desk.line("create-1").state, Stage::Applied, "{made:?}");
        desk.look(ZERO + 13 * HOUR, None, Some(&dearer())).await;
        assert_eq!(desk.line("create-1").state, Stage::Regressed, "{made:?}");
        let undo = desk.line("undo-create-1").clone();
        assert_eq!(undo.ddl, drops, "{made:?}");
        for (left, sql) in (0..drops.len()).rev().zip(&undo.ddl) {
            shop.batch_execute(sql).await.unwrap_or_else(|error| panic!("{sql}: {error:?}"));
            desk.look(ZERO + 14 * HOUR, None, None).await;
            let state = if left > 0 { Stage::Suggested } else { Stage::Applied };
            assert_eq!(desk.line("undo-create-1").state, state, "{sql} of {made:?}");
        }
        assert_eq!(indexes(&shop).await, 0, "{made:?}");
        assert_eq!(desk.line("create-1").state, Stage::Gone);
    }
}
