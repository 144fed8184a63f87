//! Which words each database of a server has.

use std::time::Duration;

use erpscope::check::{Status, check};
use erpscope::config::Server;
use erpscope::demo::cluster::{Cluster, Options};
use erpscope::erp::{Erps, Profiles};
use erpscope::locks::{Asking, Declared};
use erpscope::pg;
use erpscope::recognise::{Found, Recognised, Rounds, look_in_turn, recognise};

use crate::rig::{admin, cluster, named, server, session, until_true};

const ODOO: &str = "create table ir_module_module (id int); create table res_partner (id int); \
                    create table ir_model (id int); create table stock_quant (id int)";
/// In a schema of its own.
const TRYTON: &str = "create schema erp; create table erp.ir_module (id int); \
                      create table erp.party_party (id int); create table erp.ir_model (id int); \
                      create table erp.ir_queue (id int)";

/// Databases that look like Odoo and Tryton, and three which cannot be entered.
async fn several_erps() -> Cluster {
    let cluster = cluster(&Options::default()).await;
    let client = admin(&cluster).await;
    for datname in ["odoo14", "tryton", "secret", "crowded", "closed"] {
        client.batch_execute(&format!("create database {datname}")).await.unwrap();
    }
    for (datname, tables) in [("odoo14", ODOO), ("tryton", TRYTON), ("secret", ODOO)] {
        session(&cluster.url(datname)).await.batch_execute(tables).await.unwrap();
    }
    client
        .batch_execute(
            "revoke connect on database secret from public; \
             alter database crowded connection limit 0; \
             alter database closed allow_connections false",
        )
        .await
        .unwrap();
    cluster
}

async fn words(server: &Server, profiles: &Profiles) -> Erps {
    let session = pg::connect(server, &server.dbname).await.unwrap();
    recognise(server, &session, profiles).await
}

/// The module of `ir_queue` (only Tryton's is for jobs), and the application `odoo-1`.
fn told(erps: &Erps, datname: &str) -> (String, String) {
    let erp = erps.of(datname);
    (erp.module("ir_queue").to_string(), erp.application("odoo-1", "").to_string())
}

#[tokio::test]
async fn each_database_has_the_words_of_its_own_erp() {
    let cluster = several_erps().await;
    let watched = server(&cluster);
    // In a task of its own, as the agent does it.
    let recognising = tokio::spawn(async move { words(&watched, &Profiles::default()).await });
    let erps = recognising.await.unwrap();
    for (datname, module, application) in [
        ("odoo14", "system", "odoo"),
        ("tryton", "jobs", "other"),
        ("secret", "other", "other"),
        ("crowded", "other", "other"),
        ("closed", "other", "other"),
        ("postgres", "other", "other"),
        ("made later", "other", "other"),
    ] {
        assert_eq!(told(&erps, datname), (module.into(), application.into()), "{datname}");
    }
    // What generic knows is known everywhere.
    for datname in ["odoo14", "tryton", "secret"] {
        assert_eq!(&*erps.of(datname).application("psql", ""), "psql");
    }
}

#[tokio::test]
async fn a_profile_that_the_config_chooses_holds_for_all_databases() {
    let cluster = several_erps().await;
    let mut profiles = Profiles::default();
    profiles.add("name = 'ours'\nextends = 'odoo'\n[modules]\nrental = ['ir_queue']").unwrap();
    let chosen = Server { erp: Some("ours".into()), ..server(&cluster) };
    let erps = words(&chosen, &profiles).await;
    for datname in ["odoo14", "tryton", "secret", "made later"] {
        assert_eq!(told(&erps, datname), ("rental".into(), "odoo".into()), "{datname}");
    }
    // Without the choice it is recognised where its base would be.
    let erps = words(&server(&cluster), &profiles).await;
    assert_eq!(told(&erps, "odoo14"), ("rental".into(), "odoo".into()));
    assert_eq!(told(&erps, "tryton"), ("jobs".into(), "other".into()));
}

#[tokio::test]
async fn many_databases_are_looked_into_in_turn_and_no_connection_stays() {
    let cluster = cluster(&Options::default()).await;
    let client = admin(&cluster).await;
    for n in 0..61 {
        client.batch_execute(&format!("create database d{n}")).await.unwrap();
    }
    let last = session(&cluster.url("d60")).await;
    last.batch_execute(ODOO).await.unwrap();
    drop(last);
    let watched = server(&cluster);
    let session = pg::connect(&watched, "postgres").await.unwrap();
    let (profiles, mut rounds) = (Profiles::default(), Rounds::default());
    let mut unseen_after = Vec::new();
    let mut last = None;
    // On a slow machine patience may end before so many are looked into; each turn sees some.
    while unseen_after.is_empty() || rounds.lacks_some() && unseen_after.len() < 62 {
        let Recognised::ByTables(databases) =
            look_in_turn(&watched, &session, &profiles, &mut rounds).await
        else {
            panic!("nothing chosen, and the databases can be listed")
        };
        assert_eq!(databases.len(), 62);
        let unseen = |(_, found): &&(String, Found)| matches!(found, Found::Unseen(_));
        unseen_after.push(databases.iter().filter(unseen).count());
        last = databases.into_iter().find(|(datname, _)| datname == "d60");
    }
    assert!(unseen_after.is_sorted_by(|a, b| a > b), "{unseen_after:?}");
    assert!(unseen_after[0] >= 2 && unseen_after.last() == Some(&0), "{unseen_after:?}");
    let Some((_, Found::Profile(profile))) = last else { panic!("{last:?}") };
    assert_eq!(profile.name(), "odoo", "it was the last to be made, and has had its turn");
    // Connections do not stay open.
    let sql = "select count(*) = 1 from pg_stat_activity where application_name = 'erpscope'";
    until_true(&client, sql).await;
}

#[tokio::test]
async fn check_tells_the_profile_of_each_database() {
    let cluster = several_erps().await;
    let report = check(&server(&cluster), &Profiles::default()).await;
    let erps: Vec<_> = report.findings.iter().filter(|f| f.capability == "erp").collect();
    assert!(erps.iter().all(|f| f.status == Status::Ok && f.mend.is_empty()), "{erps:?}");
    let mut seen: Vec<String> = erps.iter().map(|f| format!("{} {}", f.seen, f.why)).collect();
    for part in [
        "odoo in database \"odoo14\"",
        "tryton in database \"tryton\"",
        "no profile fits database \"postgres\": generic words",
        "database \"secret\" was not looked into: generic words the role \"erpscope\" may not",
        "database \"crowded\" was not looked into: generic words cannot connect",
    ] {
        let at = seen.iter().position(|line| line.starts_with(part));
        seen.remove(at.unwrap_or_else(|| panic!("{part} in {seen:#?}")));
    }
    assert!(seen.is_empty(), "{seen:#?}");
}

#[tokio::test]
async fn locks_are_told_in_the_words_of_each_database() {
    let cluster = several_erps().await;
    let mut roots = Vec::new();
    for (datname, table, name) in
        [("odoo14", "stock_quant", "odoo-1"), ("tryton", "erp.ir_queue", "trytond")]
    {
        let root = named(&cluster, datname, name).await;
        root.batch_execute(&format!("begin; lock table {table}")).await.unwrap();
        roots.push(root);
        let victim = named(&cluster, datname, name).await;
        let sql = format!("select * from {table}");
        tokio::spawn(async move { victim.batch_execute(&sql).await });
    }
    let mut asking = Asking::begin(&server(&cluster), &Declared::default()).await.unwrap();
    let mut told = Vec::new();
    for _ in 0..200 {
        let locks = asking.ask().await.unwrap().tree;
        told = locks
            .roots
            .iter()
            .map(|root| {
                let wait = root.victims[0].waits_for.as_ref().unwrap();
                (root.application.to_string(), wait.module.to_string())
            })
            .collect();
        told.sort();
        if told.len() == 2 && told.iter().all(|(_, module)| !module.is_empty()) {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let expected =
        [("odoo", "inventory"), ("tryton", "jobs")].map(|(a, m)| (a.to_owned(), m.to_owned()));
    assert_eq!(told, expected);
}
