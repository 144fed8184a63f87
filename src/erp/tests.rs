//! Each profile against names of tables that its ERP really has.

use std::collections::BTreeSet;

use super::*;

fn profile(name: &str) -> Arc<Profile> {
    let all = built_in().unwrap();
    Arc::clone(all.iter().find(|profile| profile.name() == name).unwrap())
}

/// How many of `tables` the profile knows no module for: at most one in twenty.
fn knows(name: &str, least: usize, tables: &str) {
    let tables: BTreeSet<&str> =
        tables.split(',').map(str::trim).filter(|t| !t.is_empty()).collect();
    assert!(tables.len() >= least, "{name}: only {} tables", tables.len());
    let profile = profile(name);
    let other: Vec<&&str> = tables.iter().filter(|table| profile.module(table).is_none()).collect();
    println!("{name}: {} of {} tables in `other`: {other:?}", other.len(), tables.len());
    assert!(other.len() * 20 <= tables.len(), "{name}: {other:?}");
}

#[test]
fn odoo_tables_have_modules() {
    knows("odoo", 150, include_str!("tables/odoo.csv"));
}

#[test]
fn tryton_tables_have_modules() {
    knows("tryton", 100, include_str!("tables/tryton.csv"));
}

#[test]
fn idempiere_tables_have_modules() {
    knows("idempiere", 80, include_str!("tables/idempiere.csv"));
}

#[test]
fn erpnext_tables_have_modules() {
    knows("erpnext", 60, include_str!("tables/erpnext.csv"));
}

#[test]
fn ledgersmb_tables_have_modules() {
    knows("ledgersmb", 60, include_str!("tables/ledgersmb.csv"));
}

#[test]
fn the_right_module_for_tables_that_hurt_most() {
    for (name, table, module) in [
        ("odoo", "stock_quant", "inventory"),
        ("odoo", "ir_sequence", "system"),
        ("odoo", "queue_job", "jobs"),
        ("odoo", "ir_cron", "jobs"),
        ("odoo", "account_move_line", "accounting"),
        ("odoo", "mail_message", "messaging"),
        ("odoo", "purchase_order_line", "purchase"),
        ("tryton", "ir_queue", "jobs"),
        ("tryton", "stock_move", "inventory"),
        ("tryton", "account_move_line__history", "accounting"),
        ("tryton", "account_payment", "payments"),
        ("idempiere", "C_OrderLine", "sales"),
        ("idempiere", "m_storageonhand", "inventory"),
        ("idempiere", "fact_acct", "accounting"),
        ("idempiere", "ad_sequence", "system"),
        ("erpnext", "tabGL Entry", "accounting"),
        ("erpnext", "tabSales Invoice Item", "accounting"),
        ("erpnext", "tabStock Ledger Entry", "inventory"),
        ("ledgersmb", "acc_trans", "accounting"),
        ("ledgersmb", "parts", "products"),
        ("demo", "base_sequence", "system"),
        ("demo", "job_queue", "jobs"),
    ] {
        assert_eq!(profile(name).module(table).map(|m| &**m), Some(module), "{name} {table}");
    }
}

#[test]
fn the_values_of_the_label_module_are_one_bounded_set() {
    let mut modules = BTreeSet::new();
    for name in ["odoo", "tryton", "idempiere", "erpnext", "ledgersmb", "demo", "generic"] {
        let text = format!("{:?}", profile(name));
        modules.extend(
            [
                "sales",
                "crm",
                "purchase",
                "inventory",
                "manufacturing",
                "accounting",
                "payments",
                "hr",
                "projects",
                "products",
                "parties",
                "messaging",
                "jobs",
                "website",
                "reporting",
                "system",
            ]
            .into_iter()
            .filter(|module| text.contains(&format!("{module:?}"))),
        );
    }
    assert_eq!(modules.len(), 16);
}

#[test]
fn an_erp_is_recognised_by_its_tables() {
    let all = Profiles::default();
    let found =
        |tables: &[&str]| all.recognise(&tables.iter().copied().collect()).map(|p| p.name());
    assert_eq!(found(&["ir_module_module", "res_partner", "ir_model", "x"]), Some("odoo"));
    assert_eq!(found(&["ir_module", "party_party", "ir_model"]), Some("tryton"));
    assert_eq!(found(&["ad_table", "c_order", "m_product"]), Some("idempiere"));
    assert_eq!(found(&["tabDocType", "tabSales Invoice", "tabCompany"]), Some("erpnext"));
    assert_eq!(found(&["acc_trans", "parts", "entity_credit_account"]), Some("ledgersmb"));
    assert_eq!(found(&["customers", "orders"]), None);
}

#[test]
fn sessions_are_named_by_their_application_and_kind() {
    let erp = Erp::new(vec![profile("odoo"), profile("generic")]);
    for (application_name, application, kind) in [
        ("odoo-4711", "odoo", Kind::Interactive),
        ("odoo-cron-1", "odoo", Kind::Job),
        ("psql", "psql", Kind::Interactive),
        ("pg_dump", "pg_dump", Kind::Maintenance),
        ("Metabase v0.50 [abc]", "metabase", Kind::Report),
        ("", "other", Kind::Interactive),
        ("\u{1}\u{fffd} anything that a client may send", "other", Kind::Interactive),
    ] {
        assert_eq!(&*erp.application(application_name, ""), application, "{application_name}");
        assert_eq!(erp.kind(application_name), kind, "{application_name}");
    }
    assert_eq!(&*erp.module("sale_order"), "sales");
    assert_eq!(&*erp.module("zzz"), "other");
}

#[test]
fn states_are_those_of_the_profile_and_of_what_it_extends() {
    let odoo = Erp::new(vec![profile("odoo")]);
    assert!(odoo.states().any(|column| column == "state"));
    let others = built_in().unwrap();
    let text = "name = \"ours\"\nextends = \"odoo\"\nstates = [\"rental_contract.stage\"]";
    let ours = Profile::parse(text, others.iter(), &[]).unwrap();
    let ours = Erp::new(vec![Arc::new(ours)]);
    let states: Vec<&str> = ours.states().collect();
    assert!(states.contains(&"rental_contract.stage") && states.contains(&"state"), "{states:?}");
    let stars = "name = \"ours\"\nstates = [\"rental_*.state\"]";
    let fault = Profile::parse(stars, others.iter(), &[]).unwrap_err().to_string();
    assert!(fault.contains("without `*`"), "{fault}");
    let anything = built_in().unwrap().iter().flat_map(|p| p.states()).any(|s| s.contains("name"));
    assert!(!anything, "what users type is no state");
}
