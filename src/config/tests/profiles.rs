//! Files of profiles, and which of them a server has.

use super::*;

#[test]
fn profiles_come_from_the_files_of_the_list_and_a_server_may_choose_one() {
    let base = file("name = 'base'\nextends = 'odoo'\n[modules]\nrental = ['rental_*']\n");
    let ours = file("name = 'ours'\nextends = 'base'\n");
    let (base, ours) = (base.path().to_str().unwrap(), ours.path().to_str().unwrap());
    let server = "[[server]]\nname = 'a'\nerp = 'ours'\n";
    let config = load_text(&format!("profiles = ['{base}',\n'{ours}']\n{server}"), &[]).unwrap();
    assert_eq!(config.config.servers[0].erp.as_deref(), Some("ours"));
    let profiles = &config.config.profiles;
    assert_eq!(&*profiles.words(profiles.get("ours")).module("rental_line"), "rental");
    for separator in [":", ",", " , ", ":\n"] {
        let env = [("ERPSCOPE_PROFILES", &*format!("{base}{separator}{ours}"))];
        assert_eq!(load_text(server, &env).unwrap().config, config.config, "{separator:?}");
    }
    assert_eq!(load_text("[[server]]\n", &[]).unwrap().config.profiles, Profiles::default());
}

#[test]
fn faults_of_profiles_stand_among_all_others_with_file_and_line() {
    let bad = file("name = 'ours'\n[modules]\nSales = ['a']\nother = ['b']\n");
    let path = bad.path().to_str().unwrap();
    let text = format!(
        "budget = 7\nprofiles = [\n'{path}',\n'/nowhere.toml', '/dev/zero',\n'']\n[[server]]\nerp = 'ours'\nport = 0\n"
    );
    let told = load_text(&text, &[]).unwrap_err().to_string();
    for part in [
        ":1: budget:",
        &format!("{path}:3: modules.Sales: is no short word"),
        &format!("{path}:4: modules.other: `other` has a meaning of its own"),
        ":4: profiles: /nowhere.toml cannot be read: No such file",
        ":4: profiles: /dev/zero is no file",
        ":5: profiles: a member is empty",
        ":8: server[0].port",
    ] {
        assert!(told.contains(part), "{part}\nnot in\n{told}");
    }
    assert!(told.starts_with("the config has 7 faults"), "{told}");
    // `ours` may well be in the file that cannot be read.
    assert!(!told.contains("there is no profile"), "{told}");
    let big = file(&"#".repeat(300_000));
    let text = format!("profiles = ['{}']\n[[server]]\n", big.path().display());
    let told = load_text(&text, &[]).unwrap_err().to_string();
    assert!(told.contains("is larger than 262144 bytes"), "{told}");
}

#[test]
fn a_profile_that_is_not_there_is_told_with_the_nearest_name() {
    let error = one_server("erp = 'odo'").unwrap_err();
    assert!(error.contains(":2: server[0].erp: there is no profile \"odo\"; did you mean `odoo`?"));
    let error = one_server("erp = 'sap'").unwrap_err();
    assert!(error.contains("there is no profile \"sap\"; there are odoo, tryton,"), "{error}");
    assert!(one_server("erp = ''").unwrap_err().contains("server[0].erp: is empty"));
    let env = [("ERPSCOPE_SERVER_ERP", "tryton")];
    assert_eq!(
        load_text("[[server]]\n", &env).unwrap().config.servers[0].erp.as_deref(),
        Some("tryton")
    );
}

#[test]
fn files_of_profiles_are_read_again_with_the_config() {
    let ours = file("name = 'ours'\n");
    let text = format!("profiles = ['{}']\n[[server]]\n", ours.path().display());
    let before = load_text(&text, &[]).unwrap().config;
    assert_eq!(load_text(&text, &[]).unwrap().config, before);
    std::fs::write(ours.path(), "name = 'ours'\n[modules]\nrental = ['rental_*']\n").unwrap();
    assert_ne!(load_text(&text, &[]).unwrap().config, before);
    std::fs::write(ours.path(), "name = \n").unwrap();
    assert!(load_text(&text, &[]).unwrap_err().to_string().contains(":1: not TOML"));
}
