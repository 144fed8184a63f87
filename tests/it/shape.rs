//! Findings on a database of a real ERP's shape: over five hundred tables, references of which most have
//! no index, and statements as an ORM writes them. What is told of it must make sense to who runs it.
//!
//! To read all that is told: `cargo test --test it -- shape:: --nocapture`.

mod requests;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use erpscope::demo::cluster::{Cluster, Options};
use erpscope::erp::Profiles;
use erpscope::sample::Sampler;
use erpscope::track::findings::Finding;
use tokio_postgres::NoTls;

use self::requests::{Sizes, Worker};
use crate::findings::{limited, watching};
use crate::rig::{Rig, admin, cluster, odoo, session};

/// As its owner runs it: with autovacuum, statistics, and a role for each who comes.
async fn shop(tables: &[odoo::Table]) -> Cluster {
    let options = Options::default()
        .set("shared_buffers", "512MB")
        .set("random_page_cost", "1.1")
        .set("track_io_timing", "on")
        .set("max_locks_per_transaction", "256");
    let cluster = cluster(&options).await;
    let setup = admin(&cluster).await;
    setup.batch_execute("create role odoo login; create role bi login").await.unwrap();
    setup.batch_execute("create database shop owner odoo").await.unwrap();
    let owner = as_role(&cluster, "odoo", "odoo-100").await;
    odoo::make(&owner, tables).await;
    owner
        .batch_execute(
            "update ir_cron set numbercall = -1,
               nextcall = now() at time zone 'UTC' + id * interval '3 minutes';
             grant select on all tables in schema public to bi;
             grant select on all sequences in schema public to erpscope;
             grant select on queue_job, mail_mail, ir_cron to erpscope",
        )
        .await
        .unwrap();
    session(&cluster.url("shop")).await.batch_execute("vacuum (analyze)").await.unwrap();
    cluster
}

async fn as_role(cluster: &Cluster, role: &str, name: &str) -> tokio_postgres::Client {
    let mut config: tokio_postgres::Config = cluster.url("shop").parse().unwrap();
    let (client, connection) =
        config.user(role).application_name(name).connect(NoTls).await.unwrap();
    tokio::spawn(connection);
    client
}

/// All that is told until each of the users, the scheduler and the reporting tool have had so many requests.
async fn findings_of_a_day(rig: &Rig, cluster: &Cluster, sizes: &Sizes) -> Vec<Arc<Finding>> {
    let mut workers = tokio::task::JoinSet::new();
    for n in 0..5_u64 {
        let (role, name) = match n {
            4 => ("bi", "Metabase".to_owned()),
            _ => ("odoo", format!("odoo-{}", 4_710 + n)),
        };
        let client = as_role(cluster, role, &name).await;
        let mut worker = Worker { client, dice: fastrand::Rng::with_seed(n), sizes: sizes.clone() };
        workers.spawn(async move {
            match n {
                4 => {
                    for _ in 0..3 {
                        worker.report().await;
                    }
                }
                3 => {
                    for _ in 0..60 {
                        worker.cron().await;
                        tokio::time::sleep(Duration::from_millis(100)).await;
                    }
                }
                _ => {
                    for _ in 0..150 {
                        worker.request().await;
                    }
                }
            }
        });
    }
    let mut all = BTreeMap::new();
    let mut looks = BTreeSet::new();
    let mut until = usize::MAX;
    while looks.len() < until {
        tokio::time::sleep(Duration::from_millis(200)).await;
        while let Some(done) = workers.try_join_next() {
            done.unwrap();
            if workers.is_empty() {
                until = looks.len() + 5;
            }
        }
        let view = rig.snapshot().findings;
        looks.extend(view.judged);
        all.extend(view.findings.iter().map(|finding| (finding.id.clone(), Arc::clone(finding))));
    }
    all.into_values().collect()
}

fn print(finding: &Finding) {
    let candidate = &finding.candidate;
    let (id, severity) = (finding.about.id, candidate.severity.name());
    println!("\n{id} ({severity}): {} [{}]", candidate.subject, candidate.module);
    println!("  {}", candidate.summary);
    for fact in &candidate.evidence {
        println!("    {}: {}", fact.key, fact.value);
    }
    candidate.sql.iter().for_each(|sql| println!("    {sql}"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_a_database_of_an_erps_shape_few_things_are_told_and_each_makes_sense() {
    let tables = odoo::tables(20);
    assert!(tables.len() >= 500);
    let cluster = shop(&tables).await;
    let limits = [("rows", 5_000.0), ("deletes_per_day", 1.0)];
    let mut config = limited(watching(&cluster), "unindexed_foreign_keys", &limits);
    config.finding.window = Duration::from_secs(60);
    config.upkeep.queues_interval = Duration::from_secs(1);
    config.finding.close_after = Duration::from_secs(600);
    let rig = Rig::start(config);
    // Samplers look for the first time one after the other, and what is told needs what each has seen.
    rig.until("all have looked", |server| {
        let records = &server.samplers.records;
        [Sampler::Usage, Sampler::Catalog, Sampler::Queues, Sampler::Duplicates]
            .iter()
            .all(|sampler| records.get(sampler).is_some_and(|record| record.last_success.is_some()))
    })
    .await;
    let rows: BTreeMap<&str, u64> = tables.iter().map(|table| (table.name, table.rows)).collect();
    let sizes = Sizes {
        orders: rows["sale_order"],
        partners: rows["res_partner"],
        products: rows["product_product"],
        pickings: rows["stock_picking"],
        entries: rows["account_move_line"],
        messages: rows["mail_message"],
    };
    let all = findings_of_a_day(&rig, &cluster, &sizes).await;
    for finding in &all {
        print(finding);
    }
    let of = |rule: &str| -> Vec<&str> {
        let found = all.iter().filter(|finding| finding.about.id == rule);
        found.map(|finding| &*finding.candidate.subject).collect()
    };
    // True of any Odoo: names are searched for by their middle, an attachment refers to its original.
    assert!(of("large_scans").contains(&"res_partner"), "{:?}", of("large_scans"));
    assert_eq!(of("unindexed_foreign_keys"), ["ir_attachment (original_id)"]);
    // Searches alone scan; a change that has twenty indexes to write does not.
    let searched = ["res_partner", "product_product", "product_template"];
    for subject in of("large_scans") {
        assert!(searched.contains(&subject), "large_scans of {subject}");
    }
    // On a slow machine what a reporting tool asks for takes long enough to be told of.
    let expected = ["large_scans", "primary_reporting", "settings", "unindexed_foreign_keys"];
    for finding in &all {
        assert!(expected.contains(&finding.about.id), "nothing else is wrong here: {finding:#?}");
        let is_report = finding.about.id == "primary_reporting";
        assert!(!is_report || format!("{finding:?}").contains("metabase"), "{finding:#?}");
    }
    assert!(all.len() <= 10, "{}", all.len());
    let subjects: BTreeSet<_> =
        all.iter().map(|f| (f.about.id, &f.candidate.datname, &f.candidate.subject)).collect();
    assert_eq!(subjects.len(), all.len(), "nothing is told twice");
    let modules: BTreeMap<&str, &str> =
        tables.iter().map(|table| (table.name, table.module)).collect();
    for finding in &all {
        let subject = finding.candidate.subject.split(' ').next().unwrap_or_default();
        if let Some(module) = modules.get(subject) {
            assert_eq!(&*finding.candidate.module, *module, "{subject}");
        }
    }
    rig.agent.stop().await;
}

#[test]
fn the_profile_has_a_module_for_each_table_of_the_erp_and_none_for_what_was_added() {
    let profiles = Profiles::default();
    let words = profiles.words(profiles.get("odoo"));
    for table in odoo::tables(100) {
        assert_eq!(&*words.module(table.name), table.module, "{}", table.name);
    }
}
