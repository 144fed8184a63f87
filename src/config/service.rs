//! Services of pg_service.conf.
//!
//! <https://www.postgresql.org/docs/current/libpq-pgservice.html>

use std::collections::BTreeMap;
use std::path::PathBuf;

const KEYS: [(&str, &str); 10] = [
    ("host", "host"),
    ("hostaddr", "host"),
    ("port", "port"),
    ("user", "user"),
    ("dbname", "dbname"),
    ("password", "password"),
    ("passfile", "passfile"),
    ("sslmode", "sslmode"),
    ("sslrootcert", "sslrootcert"),
    ("connect_timeout", "connect_timeout"),
];

/// The parts that a service gives, under the names of our keys.
pub(super) fn read(
    service: &str,
    env: &BTreeMap<String, String>,
) -> Result<Vec<(&'static str, String)>, String> {
    let files = files(env);
    for path in &files {
        let Ok(text) = std::fs::read_to_string(path) else {
            continue;
        };
        if let Some(parts) = section(&text, service) {
            return Ok(parts);
        }
    }
    let looked: Vec<String> = files.iter().map(|path| path.display().to_string()).collect();
    Err(format!("service {service:?} is in none of {}", looked.join(", ")))
}

fn files(env: &BTreeMap<String, String>) -> Vec<PathBuf> {
    let mut files = Vec::new();
    match (env.get("PGSERVICEFILE"), env.get("HOME")) {
        (Some(path), _) => files.push(PathBuf::from(path)),
        (None, Some(home)) => files.push(PathBuf::from(home).join(".pg_service.conf")),
        (None, None) => {}
    }
    let system = env.get("PGSYSCONFDIR").map_or("/etc/postgresql-common", String::as_str);
    files.push(PathBuf::from(system).join("pg_service.conf"));
    files
}

/// Keys which we have no use for are left out, as a service is shared with other programs.
fn section(text: &str, service: &str) -> Option<Vec<(&'static str, String)>> {
    let mut lines = text.lines().map(str::trim);
    lines.find(|line| line.strip_prefix('[').and_then(|l| l.strip_suffix(']')) == Some(service))?;
    let mut parts = Vec::new();
    for line in lines.take_while(|line| !line.starts_with('[')) {
        let Some((name, value)) = line.split_once('=').filter(|_| !line.starts_with('#')) else {
            continue;
        };
        let (name, value) = (name.trim(), value.trim());
        if let Some((_, key)) = KEYS.iter().find(|(theirs, _)| *theirs == name) {
            let seconds = *key == "connect_timeout";
            parts.push((*key, if seconds { format!("{value}s") } else { value.to_owned() }));
        }
    }
    Some(parts)
}
