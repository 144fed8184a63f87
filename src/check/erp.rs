//! Which profile names the modules and applications of each database. Pure.

use super::assess::finding;
use super::report::Finding;
use crate::erp::Profiles;
use crate::recognise::{Found, Recognised};

const NAME: &str = "erp";

/// A line a database; all are as they should be, as generic words are words, too.
pub(super) fn assess_erps(recognised: &Recognised, profiles: &Profiles) -> Vec<Finding> {
    let databases = match recognised {
        Recognised::Chosen(profile) => {
            let seen =
                format!("{} in all databases, chosen by `erp` in the config", profile.name());
            return vec![finding(NAME, false, seen)];
        }
        Recognised::Unlisted(reason) => {
            let seen = finding(NAME, false, "no database can be looked into: generic words");
            return vec![Finding { why: reason.clone(), mend: choose(profiles), ..seen }];
        }
        Recognised::ByTables(databases) => databases,
    };
    let mut findings: Vec<Finding> =
        databases.iter().map(|(datname, found)| line(datname, found)).collect();
    let is_known = databases.iter().any(|(_, found)| matches!(found, Found::Profile(_)));
    if let Some(last) = findings.last_mut().filter(|_| !is_known) {
        last.mend = choose(profiles);
    }
    findings
}

fn line(datname: &str, found: &Found) -> Finding {
    match found {
        Found::Profile(profile) => {
            finding(NAME, false, format!("{} in database {datname:?}", profile.name()))
        }
        Found::Nothing => {
            finding(NAME, false, format!("no profile fits database {datname:?}: generic words"))
        }
        Found::Unseen(reason) => {
            let seen = format!("database {datname:?} was not looked into: generic words");
            Finding { why: reason.clone(), ..finding(NAME, false, seen) }
        }
    }
}

/// The line of the config that chooses a profile, and which there are.
fn choose(profiles: &Profiles) -> Vec<String> {
    let names: Vec<&str> =
        profiles.all().map(|profile| profile.name()).filter(|name| *name != "demo").collect();
    vec![
        format!(
            "erp = \"...\"   # in the config's [[server]], if it is one of {}",
            names.join(", ")
        ),
        "profiles = [\"our-erp.toml\"]   # or a profile of your own, see docs/profiles.md"
            .to_owned(),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::Status;

    fn found(name: &str) -> Found {
        Found::Profile(Profiles::default().get(name).unwrap().clone())
    }

    #[test]
    fn each_database_has_a_line_and_nothing_is_degraded() {
        let databases = vec![
            ("shop".to_owned(), found("odoo")),
            ("postgres".to_owned(), Found::Nothing),
            ("locked".to_owned(), Found::Unseen("no".to_owned())),
        ];
        let findings = assess_erps(&Recognised::ByTables(databases), &Profiles::default());
        let seen: Vec<&str> = findings.iter().map(|finding| finding.seen.as_str()).collect();
        assert_eq!(
            seen,
            [
                "odoo in database \"shop\"",
                "no profile fits database \"postgres\": generic words",
                "database \"locked\" was not looked into: generic words",
            ]
        );
        assert_eq!(findings[2].why, "no");
        assert!(findings.iter().all(|f| f.status == Status::Ok && f.mend.is_empty()));
    }

    #[test]
    fn where_no_profile_fits_the_config_line_that_chooses_one_is_told() {
        let profiles = Profiles::default();
        for recognised in [
            Recognised::ByTables(vec![("postgres".to_owned(), Found::Nothing)]),
            Recognised::Unlisted("no".to_owned()),
        ] {
            let findings = assess_erps(&recognised, &profiles);
            let [finding] = findings.as_slice() else { panic!("{findings:?}") };
            assert_eq!(finding.status, Status::Ok);
            assert!(finding.mend[0].starts_with("erp = \"...\""), "{finding:?}");
            assert!(finding.mend[0].contains("odoo, tryton"), "{finding:?}");
        }
        let chosen = Recognised::Chosen(profiles.get("tryton").unwrap().clone());
        let findings = assess_erps(&chosen, &profiles);
        assert!(findings[0].seen.starts_with("tryton in all databases, chosen"), "{findings:?}");
    }
}
