//! What is wrong in the demo is found by the rules that exist for it, and where nothing is wrong they
//! are silent.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use erpscope::demo::{Around, Fault, Faults, Load, Stage, StageOptions};
use erpscope::track::findings::{Finding, Severity};

use crate::rig::Rig;

/// A fault, the rule that finds it, the subject, the module, and a word that its evidence holds.
type Found = (Fault, &'static str, &'static str, &'static str, &'static str);

/// As docs/demo.md says.
const FOUND: [Found; 30] = [
    (Fault::OpenMoves, "large_scans", "stock_move", "inventory", "planned_at"),
    (Fault::OrderLines, "large_scans", "sale_order_line", "sales", "order_id"),
    (Fault::NameSearch, "large_scans", "party_party", "parties", "ilike"),
    (Fault::EmailSearch, "large_scans", "party_party", "parties", "lower(email)"),
    (Fault::NewestOrders, "large_scans", "sale_order", "sales", "ordered_at"),
    (Fault::OpenInvoices, "large_scans", "account_invoice", "accounting", "party_id"),
    (Fault::SupplierPrices, "large_scans", "product_supplier", "purchase", "product_id"),
    (Fault::JobPoll, "large_scans", "job_queue", "jobs", "priority"),
    (Fault::HotNumber, "hot_rows", "base_sequence", "system", "longest_wait_seconds"),
    (Fault::HotStock, "hot_rows", "stock_quant", "inventory", "longest_wait_seconds"),
    (Fault::IdleImport, "idle_in_transaction", "partner-import", "inventory", "most_victims"),
    (Fault::PaidInside, "calls_in_transactions", "payment", "other", "distro-api"),
    (Fault::ProviderAway, "integration_failures", "payment", "other", "server"),
    (Fault::ForeignWrite, "direct_writes", "wms writes stock_quant", "inventory", "update"),
    (Fault::MonthEnd, "primary_reporting", "reports", "sales", "bi-report"),
    (Fault::BulkReprice, "bulk_in_transactions", "distro-pricing changes price_item", "sales", ""),
    (Fault::DuplicateParties, "duplicate_records", "party-email", "parties", "statistics"),
    (Fault::DuplicateParties, "duplicate_records", "party-tax-id", "parties", "statistics"),
    (Fault::SameIndex, "unused_indexes", "index stock_move_product_again", "inventory", ""),
    (Fault::UnusedIndex, "unused_indexes", "index stock_move_origin_quantity", "inventory", ""),
    (Fault::InvalidIndex, "unsound_objects", "index party_party_tax_id", "parties", ""),
    (
        Fault::DeletedParents,
        "unindexed_foreign_keys",
        "stock_move (shipment_id)",
        "inventory",
        "stock_shipment",
    ),
    (Fault::StuckJobs, "queues", "jobs", "jobs", ""),
    (Fault::KeyRunsOut, "numbers_run_out", "account_entry_line.id", "accounting", "integer"),
    (Fault::StaleStatistics, "stale_statistics", "party_address", "parties", ""),
    (Fault::BloatedTable, "autovacuum_behind", "stock_lot", "inventory", "does not come"),
    (Fault::CustomTrigger, "customization", "function x_custom_check_margin", "other", ""),
    (
        Fault::DifferentTypes,
        "bad_joins",
        "different types: sale_order.id, webshop_receipt.order_ref",
        "sales",
        "sale_order_pkey",
    ),
    // Of one that is away, the shop's own calls fail, too.
    (Fault::ProviderAway, "integration_failures", "webshop", "other", ""),
    (Fault::OpenMoves, "large_scans", "stock_move", "inventory", "it_saves_seconds_per_day"),
];

/// Everything must be found in this time.
const DEADLINE: Duration = Duration::from_secs(180);

fn is(finding: &Finding, (_, rule, subject, module, word): &Found) -> bool {
    let candidate = &finding.candidate;
    finding.about.id == *rule
        && *candidate.subject == **subject
        && *candidate.module == **module
        && format!("{:?}", candidate.evidence).contains(word)
}

async fn stage(faults: Faults) -> (Stage, Around, Rig) {
    let options = StageOptions { pg_bin: None, seed: 1, scale: 0.3, faults };
    let stage = Stage::set(&options, |_| {}).await.unwrap();
    let around = Around::prepare().unwrap();
    let mut config = around.config(&stage).unwrap();
    config.listen = ([127, 0, 0, 1], 0).into();
    let rig = Rig::start(config);
    rig.until_up().await;
    (stage, around, rig)
}

fn told(rig: &Rig) -> Vec<Arc<Finding>> {
    let all = rig.snapshot().findings.findings.clone();
    all.iter().filter(|finding| finding.muted.is_none()).cloned().collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_fault_of_the_demo_that_a_rule_exists_for_is_found_within_three_minutes() {
    for fault in Fault::all() {
        let is_found = FOUND.iter().any(|(found, ..)| *found == fault);
        assert!(is_found, "{}", fault.id());
    }
    let (stage, around, rig) = stage(Faults::default()).await;
    let load = Load::start(&stage, 1).await.unwrap();
    let running = around.start(&stage, 1).await.unwrap();
    let began = SystemTime::now();
    let mut missing: Vec<&Found> = FOUND.iter().collect();
    while !missing.is_empty() && began.elapsed().unwrap_or_default() < DEADLINE {
        tokio::time::sleep(Duration::from_millis(500)).await;
        let all = told(&rig);
        // What is found once counts: the import is idle only now and then.
        missing.retain(|wanted| {
            let is_found = all.iter().any(|finding| is(finding, wanted));
            if is_found {
                let seconds = began.elapsed().unwrap_or_default().as_secs();
                println!("{seconds:>4} s  {:?}: {} of {}", wanted.0, wanted.1, wanted.2);
            }
            !is_found
        });
    }
    let all = told(&rig);
    let names: Vec<_> = all.iter().map(|f| (f.about.id, &f.candidate.subject)).collect();
    assert!(missing.is_empty(), "not found: {missing:#?}\namong {names:#?}");
    let cost = |subject: &str| {
        let of = all
            .iter()
            .find(|f| f.about.id == "large_scans" && *f.candidate.subject == *subject)
            .unwrap();
        of.candidate.cost_seconds_per_day.unwrap()
    };
    assert!(cost("stock_move") > cost("sale_order_line"), "the most blocks of all");
    assert!(cost("sale_order_line") > cost("product_supplier"));
    drop(running);
    load.stop().await;
    rig.agent.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_a_healthy_demo_nothing_is_told_that_is_a_warning_or_worse() {
    let (stage, around, rig) = stage(Faults::none()).await;
    let load = Load::start(&stage, 1).await.unwrap();
    let running = around.start(&stage, 1).await.unwrap();
    // So many looks take a minute and a half, twice what the slowest finding of the demo needs.
    let mut looks = std::collections::BTreeSet::new();
    for _ in 0..360 {
        tokio::time::sleep(Duration::from_millis(500)).await;
        looks.extend(rig.snapshot().findings.judged);
        let bad: Vec<_> =
            told(&rig).into_iter().filter(|f| f.candidate.severity >= Severity::Warning).collect();
        assert!(bad.is_empty(), "{bad:#?}");
        if looks.len() >= 10 {
            break;
        }
    }
    assert!(looks.len() >= 10, "the rules looked {} times", looks.len());
    let seen = told(&rig);
    assert!(seen.iter().any(|finding| finding.about.id == "settings"), "the rules did look");
    drop(running);
    load.stop().await;
    rig.agent.stop().await;
}
