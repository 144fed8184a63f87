//! The profiles there are: those that come with erpscope, and those of the user's files.

use std::collections::BTreeSet;
use std::sync::{Arc, LazyLock};

use super::{Erp, Profile, ProfileError};

static BUILT_IN: LazyLock<Result<Vec<Arc<Profile>>, ProfileError>> = LazyLock::new(|| {
    [
        include_str!("profiles/odoo.toml"),
        include_str!("profiles/tryton.toml"),
        include_str!("profiles/idempiere.toml"),
        include_str!("profiles/erpnext.toml"),
        include_str!("profiles/ledgersmb.toml"),
        include_str!("profiles/demo.toml"),
        include_str!("profiles/generic.toml"),
    ]
    .into_iter()
    .map(|text| Profile::parse(text, std::iter::empty(), &[]).map(Arc::new))
    .collect()
});

/// The profiles that come with erpscope, the most particular first, `generic` last.
///
/// # Errors
/// When one of them is no profile, which a test rules out.
pub fn built_in() -> Result<&'static [Arc<Profile>], &'static ProfileError> {
    BUILT_IN.as_deref()
}

/// The profiles there are. By default those that come with erpscope.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Profiles {
    /// Of files, in their order. One with the name of a built-in profile stands in its place.
    own: Vec<Arc<Profile>>,
}

impl Profiles {
    /// Adds the profile of a file, which may extend those that are there already.
    ///
    /// # Errors
    /// Every fault of the file; then nothing is added.
    pub fn add(&mut self, text: &str) -> Result<(), ProfileError> {
        let profile = Profile::parse(text, self.all(), &self.own)?;
        self.own.push(Arc::new(profile));
        Ok(())
    }

    /// Those of files first, `generic` last unless a file replaces it.
    pub fn all(&self) -> impl Iterator<Item = &Arc<Profile>> {
        let replaced = |name| self.own.iter().any(|own| own.name() == name);
        let built_in = built_in().unwrap_or_default().iter();
        self.own.iter().chain(built_in.filter(move |profile| !replaced(profile.name())))
    }

    /// The profile of this name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Arc<Profile>> {
        self.all().find(|profile| profile.name() == name)
    }

    /// The first profile whose telling tables are all there.
    #[must_use]
    pub fn recognise(&self, tables: &BTreeSet<&str>) -> Option<&Arc<Profile>> {
        self.all().find(|profile| profile.is_recognised_by(tables))
    }

    /// Every table that helps to tell one ERP from another.
    #[must_use]
    pub fn telling_tables(&self) -> BTreeSet<&str> {
        self.all().flat_map(|profile| profile.telling_tables()).collect()
    }

    /// Every application that any of them can name a session by.
    #[must_use]
    pub fn applications(&self) -> BTreeSet<&str> {
        self.all().flat_map(|profile| profile.all_applications()).collect()
    }

    /// The words of a profile, and those of `generic` for what it does not know.
    #[must_use]
    pub fn words(&self, profile: Option<&Arc<Profile>>) -> Erp {
        let generic = self.get("generic").filter(|generic| profile != Some(generic));
        Erp::new(profile.into_iter().chain(generic).map(Arc::clone).collect())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::erp::Kind;

    fn with(texts: &[&str]) -> Profiles {
        let mut profiles = Profiles::default();
        for text in texts {
            profiles.add(text).unwrap();
        }
        profiles
    }

    fn faults(text: &str) -> String {
        Profiles::default().add(text).unwrap_err().to_string()
    }

    fn words(profiles: &Profiles, name: &str) -> Erp {
        profiles.words(profiles.get(name))
    }

    const OURS: &str = r#"
name = "our-odoo"
extends = "odoo"
[modules]
rental = ["rental_*", "sale_rental*"]
sales = ["stock_shop"]
[applications]
webshop = ["shop-*", "odoo-shop*"]
[roles]
webshop = ["web_*"]
bank = ["svc-bank"]
[kinds]
report = ["odoo-report*"]
"#;

    #[test]
    fn a_file_that_extends_a_profile_is_asked_first_and_what_it_extends_then() {
        let profiles = with(&[OURS]);
        let erp = words(&profiles, "our-odoo");
        for (table, module) in [
            ("rental_contract", "rental"),
            ("sale_rental_line", "rental"),
            ("stock_shop", "sales"),
            ("stock_quant", "inventory"),
            ("invoice", "accounting"),
            ("zzz", "other"),
        ] {
            assert_eq!(&*erp.module(table), module, "{table}");
        }
        assert_eq!(&*erp.application("odoo-shop-3", ""), "webshop");
        assert_eq!(&*erp.application("odoo-3", ""), "odoo");
        assert_eq!(&*erp.application("psql", ""), "psql");
        assert_eq!(erp.kind("odoo-report-1"), Kind::Report);
        assert_eq!(erp.kind("odoo-cron-1"), Kind::Job);
    }

    #[test]
    fn a_broad_pattern_of_the_file_outranks_a_particular_one_of_what_it_extends() {
        let text = "name = 'x'\nextends = 'odoo'\n[modules]\nledger = ['account*']";
        assert_eq!(&*words(&with(&[text]), "x").module("account_payment_term"), "ledger");
    }

    #[test]
    fn the_role_decides_when_the_name_is_empty_or_matches_nothing() {
        let erp = words(&with(&[OURS]), "our-odoo");
        for (application_name, usename, application) in [
            ("", "web_1", "webshop"),
            ("anything", "web_1", "webshop"),
            ("odoo-1", "web_1", "odoo"),
            ("", "svc-bank", "bank"),
            ("", "postgres", "other"),
            ("", "", "other"),
        ] {
            assert_eq!(&*erp.application(application_name, usename), application);
        }
        let all = "name = 'x'\n[applications]\nx = ['*']\n[roles]\ny = ['*']\n";
        assert_eq!(&*words(&with(&[all]), "x").application("", "any"), "y");
    }

    #[test]
    fn what_extends_a_profile_is_recognised_as_it_is_and_before_it() {
        let odoo = BTreeSet::from(["ir_module_module", "res_partner", "ir_model"]);
        let found = |profiles: &Profiles| profiles.recognise(&odoo).unwrap().name().to_owned();
        assert_eq!(found(&Profiles::default()), "odoo");
        assert_eq!(found(&with(&[OURS])), "our-odoo");
        let never = "name = 'x'\nextends = 'odoo'\nrecognised_by = []\n";
        assert_eq!(found(&with(&[never])), "odoo");
        let own = "name = 'x'\nrecognised_by = ['res_partner']\n";
        assert_eq!(found(&with(&[own, OURS])), "x");
        assert_eq!(found(&with(&[OURS, own])), "our-odoo");
        assert!(with(&[own]).telling_tables().contains("party_party"));
    }

    #[test]
    fn a_file_with_the_name_of_a_built_in_profile_stands_in_its_place() {
        let replaced = with(&["name = 'odoo'\n[modules]\nall = ['*']\n"]);
        assert_eq!(&*words(&replaced, "odoo").module("sale_order"), "all");
        assert_eq!(replaced.all().filter(|profile| profile.name() == "odoo").count(), 1);
        let extended = with(&["name = 'odoo'\nextends = 'odoo'\n[modules]\nrental = ['rental_*']"]);
        assert_eq!(&*words(&extended, "odoo").module("sale_order"), "sales");
        assert_eq!(&*words(&extended, "odoo").module("rental_x"), "rental");
        let generic = with(&["name = 'generic'\n[modules]\nall = ['*']\n"]);
        assert_eq!(&*words(&generic, "tryton").module("zzz"), "all");
        assert_eq!(&*generic.words(None).module("zzz"), "all");
    }

    #[test]
    fn a_file_may_extend_one_that_stands_before_it() {
        let third = "name = 'third'\nextends = 'our-odoo'\n[modules]\nx = ['x_*']\n";
        let profiles = with(&[OURS, third]);
        let erp = words(&profiles, "third");
        let modules = ["x_1", "rental_1", "sale_order"].map(|table| erp.module(table).to_string());
        assert_eq!(modules, ["x", "rental", "sales"]);
        assert!(profiles.applications().contains("bank"));
    }

    #[test]
    fn every_fault_of_a_file_is_told_with_its_line_and_key() {
        let long = "x".repeat(41);
        let text = format!(
            "name = 'Our ERP'\nextends = 'odo'\nrecognised = []\n[modules]\nSales = ['a']\n\
             other = ['b']\nok = 'c'\nb = ['', 1]\n{long} = []\n[roles]\ngeneric = []\n\
             [kinds]\nbatch = []\n"
        );
        let told = faults(&text);
        for part in [
            "line 1: name: is no short word: use lower case letters, digits, `_` and `-`, at most 40",
            "line 2: extends: there is no profile \"odo\" to extend; there are odoo, tryton,",
            "line 3: recognised: there is no such key; there are name, extends, recognised_by",
            "line 5: modules.Sales: is no short word",
            "line 6: modules.other: `other` has a meaning of its own",
            "line 7: modules.ok: write a list of patterns",
            "line 8: modules.b: an empty pattern",
            "line 8: modules.b: write a pattern in quotes; this is of type integer",
            "line 9: modules.xxxx",
            "line 11: roles.generic: `generic` has a meaning",
            "line 13: kinds.batch: is no kind: use one of interactive",
        ] {
            assert!(told.contains(part), "{part}\nnot in\n{told}");
        }
        assert_eq!(told.matches("line ").count(), 11, "{told}");
    }

    #[test]
    fn files_that_are_no_toml_or_have_no_name_or_another_ones_name_are_told() {
        assert!(faults("[modules]\n").contains("line 1: name: is missing"));
        assert!(faults("name = 'x'\na = \n").contains("line 2: not TOML"));
        assert!(
            faults("name = 3\n").contains("name: write text in quotes; this is of type integer")
        );
        assert!(
            faults("name = 'x'\nmodules = 3\n").contains("line 2: modules: write it as a table")
        );
        let error = with(&[OURS]).add(OURS).unwrap_err().to_string();
        assert!(
            error.contains("line 2: name: another file gives a profile of this name"),
            "{error}"
        );
    }

    #[test]
    fn names_are_few_also_together_with_what_is_extended() {
        let file = |name: &str, base: &str, table: &str, from: usize, to: usize| {
            let names: Vec<String> = (from..to).map(|n| format!("x{n} = ['t{n}']")).collect();
            format!("name = '{name}'\n{base}\n[{table}]\n{}", names.join("\n"))
        };
        let (full, more) =
            (file("a", "", "modules", 0, 64), file("b", "extends = 'a'", "modules", 64, 65));
        let error = with(&[&full]).add(&more).unwrap_err().to_string();
        assert!(error.contains("line 3: modules: 65 modules"), "{error}");
        with(&[&full, &file("b", "extends = 'a'", "modules", 0, 64)]);
        with(&[&file("a", "", "applications", 0, 200)]);
        assert!(faults(&file("a", "", "roles", 0, 201)).contains("201 applications"));
    }

    #[test]
    fn the_example_of_the_manual_is_a_profile() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/profiles.md");
        let manual = std::fs::read_to_string(path).unwrap();
        let example: Vec<&str> = manual
            .lines()
            .skip_while(|line| !line.starts_with("    name ="))
            .take_while(|line| line.is_empty() || line.starts_with("    "))
            .map(str::trim)
            .collect();
        let erp = words(&with(&[&example.join("\n")]), "our-odoo");
        assert_eq!(&*erp.module("rental_contract"), "rental");
        assert_eq!(&*erp.application("", "svc_bank"), "bank");
        assert_eq!(erp.kind("shop-sync-2"), Kind::Job);
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in any::<String>()) {
            let _ = Profiles::default().add(&text);
        }

        #[test]
        fn nothing_that_looks_like_a_profile_makes_it_panic(
            lines in prop::collection::vec(
                r#"(name|extends|recognised_by|modules|roles|kinds|\[modules\]|\[kinds\]|[a-z"'é]{0,4})( = )?('odoo'|\[|\]|\["[*a-zé]{0,3}",?|\{|1|"\\u00e9)?"#,
                0..8,
            ),
            table in "[a-z_*é]{0,6}",
        ) {
            let mut profiles = Profiles::default();
            if profiles.add(&lines.join("\n")).is_ok() {
                let own = profiles.all().next().cloned();
                let erp = profiles.words(own.as_ref());
                for word in [erp.module(&table), erp.application(&table, &table)] {
                    prop_assert!((1..=40).contains(&word.len()), "{word}");
                }
            }
        }
    }
}
