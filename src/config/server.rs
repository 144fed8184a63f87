//! One `[[server]]`: from url, service and parts to a [`Server`].

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::reader::{Faults, File, Table};
use super::{Password, Secret, service, url};

/// One `[[server]]`: a PostgreSQL server and how to reach it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Server {
    /// `name`: the label `server` everywhere (default `host:port`).
    pub name: String,
    /// `host`: a name or address, or the folder of a Unix socket (begins with `/`).
    pub host: String,
    /// `port` (default 5432).
    pub port: u16,
    /// `user` (default `erpscope`).
    pub user: String,
    /// `dbname`: the database connected to first (default `postgres`).
    pub dbname: String,
    /// `erp`: name of the profile for all its databases; without it each is recognised.
    pub erp: Option<String>,
    /// Where the password comes from.
    pub password: Password,
    /// TLS.
    pub tls: Tls,
    /// `connect_timeout` (default 5 s).
    pub connect_timeout: Duration,
    /// `statement_timeout`: set in every session of ours (default 2 s).
    pub statement_timeout: Duration,
    /// `lock_timeout`: set in every session of ours (default 100 ms).
    pub lock_timeout: Duration,
    /// `log`: its csvlog or jsonlog, a file, a folder, or a path whose last part has a `*`.
    pub log: Option<PathBuf>,
}

/// `sslmode`, `sslrootcert`, `sslcert`, `sslkey`, as libpq defines them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tls {
    /// `sslmode`.
    pub mode: TlsMode,
    /// `sslrootcert`: PEM file of trusted authorities; without it the system's.
    pub root_cert: Option<PathBuf>,
    /// `sslcert` and `sslkey`: PEM files of the client's certificate chain and its key.
    pub client: Option<ClientCert>,
}

/// A client certificate and its key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientCert {
    /// PEM file of the chain, the client's own certificate first.
    pub cert: PathBuf,
    /// PEM file of the private key.
    pub key: PathBuf,
}

/// libpq's `sslmode` (`allow` is not offered).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TlsMode {
    /// Never TLS.
    Disable,
    /// TLS if the server offers it, else plain (default).
    Prefer,
    /// TLS or nothing; the certificate is not checked unless `sslrootcert` is given.
    Require,
    /// TLS, and the certificate must come from a trusted authority.
    VerifyCa,
    /// TLS, trusted, and issued for this host name.
    VerifyFull,
}

/// Reads one server; `env` says where libpq's own files are.
pub(super) fn read(
    table: &mut Table,
    env: &BTreeMap<String, String>,
    faults: &mut Faults,
) -> Option<Server> {
    let good = take_url(table, faults) & take_service(table, env, faults);
    let host = table.text("host", faults);
    let port = table.count("port", faults).and_then(|port| u16::try_from(port).ok());
    let user = table.text("user", faults);
    let dbname = table.text("dbname", faults);
    let erp = table.text("erp", faults);
    let password = password(table, env, faults);
    let tls = tls(table, faults);
    let connect_timeout = table.duration("connect_timeout", faults);
    let statement_timeout = table.duration("statement_timeout", faults);
    let lock_timeout = table.duration("lock_timeout", faults);
    let log = log(table, faults);
    let name = name(table, host.as_deref(), port, faults);
    if !good {
        return None;
    }
    Some(Server {
        name: name?,
        host: host?,
        port: port?,
        user: user?,
        dbname: dbname?,
        erp,
        password: password?,
        tls: tls?,
        connect_timeout: connect_timeout?,
        statement_timeout: statement_timeout?,
        lock_timeout: lock_timeout?,
        log,
    })
}

fn take_url(table: &mut Table, faults: &mut Faults) -> bool {
    let Some(given) = table.given("url").cloned() else {
        return true;
    };
    let parts = match url::parse(&given.text) {
        Ok(parts) => parts,
        Err(problem) => {
            faults.add(given.place, table.key("url"), problem);
            return false;
        }
    };
    for (name, value) in parts {
        let part = table.given(name).map(|part| part.place.clone());
        match part.map(|place| (rank(&place).cmp(&rank(&given.place)), place)) {
            Some((Ordering::Greater, _)) => {}
            Some((Ordering::Equal, place)) => {
                let problem = "is given by `url`, too: write it in one of the two";
                faults.add(place, table.key(name), problem);
            }
            Some((Ordering::Less, _)) | None => table.set_quietly(name, &value, &given.place),
        }
    }
    true
}

/// Flags outrank variables, variables outrank the file: also the parts of a URL.
fn rank(place: &str) -> u8 {
    if place.starts_with("--") { 2 } else { u8::from(place.starts_with("ERPSCOPE_")) }
}

fn take_service(table: &mut Table, env: &BTreeMap<String, String>, faults: &mut Faults) -> bool {
    let Some(given) = table.given("service").cloned() else {
        return true;
    };
    match service::read(&given.text, env) {
        Ok(parts) => {
            for (name, value) in parts {
                table.offer(name, &value, &given.place);
            }
            true
        }
        Err(problem) => {
            faults.add(given.place, table.key("service"), problem);
            false
        }
    }
}

fn name(
    table: &Table,
    host: Option<&str>,
    port: Option<u16>,
    faults: &mut Faults,
) -> Option<String> {
    if table.given("name").is_none() {
        return Some(format!("{}:{}", host?, port?));
    }
    let name = table.text("name", faults)?;
    if name.chars().count() <= 63 {
        return Some(name);
    }
    let place = table.given("name").map_or_else(String::new, |given| given.place.clone());
    faults.add(place, table.key("name"), "is longer than 63 characters");
    None
}

fn password(
    table: &Table,
    env: &BTreeMap<String, String>,
    faults: &mut Faults,
) -> Option<Password> {
    let found = given_password(table, faults)?;
    let passfile = || default_passfile(env).map_or(Password::None, Password::PassFile);
    Some(if found == Password::None { passfile() } else { found })
}

/// The one way in which a table gives the password; [`Password::None`] if it does not.
pub(super) fn given_password(table: &Table, faults: &mut Faults) -> Option<Password> {
    let sources = ["password", "password_file", "password_env", "passfile"];
    let given: Vec<&str> = sources.into_iter().filter(|name| table.given(name).is_some()).collect();
    if let [_, second, ..] = given.as_slice() {
        let place = table.given(second).map_or_else(String::new, |given| given.place.clone());
        faults.add(
            place,
            table.key(second),
            format!("give the password in one way, not several ({})", given.join(", ")),
        );
        return None;
    }
    let mut text = |name| table.text(name, faults);
    Some(match given.first() {
        Some(&"password") => Password::Inline(Secret::new(table.given("password")?.text.clone())),
        Some(&"password_file") => Password::File(text("password_file")?.into()),
        Some(&"password_env") => Password::Env(text("password_env")?),
        Some(_) => Password::PassFile(text("passfile")?.into()),
        None => Password::None,
    })
}

fn log(table: &Table, faults: &mut Faults) -> Option<PathBuf> {
    let given = table.given("log")?;
    let path = PathBuf::from(table.text("log", faults)?);
    let folder = path.parent().unwrap_or(Path::new(""));
    if folder.as_os_str().as_encoded_bytes().contains(&b'*') {
        let problem = "may have a `*` in its last part only: name the folder in full";
        faults.add(given.place.clone(), table.key("log"), problem);
        return None;
    }
    Some(path)
}

fn default_passfile(env: &BTreeMap<String, String>) -> Option<PathBuf> {
    if let Some(path) = env.get("PGPASSFILE") {
        return Some(path.into());
    }
    let path = Path::new(env.get("HOME")?).join(".pgpass");
    path.is_file().then_some(path)
}

fn tls(table: &Table, faults: &mut Faults) -> Option<Tls> {
    let mode = match table.text("sslmode", faults)?.as_str() {
        "disable" => TlsMode::Disable,
        "require" => TlsMode::Require,
        "verify-ca" => TlsMode::VerifyCa,
        "verify-full" => TlsMode::VerifyFull,
        _ => TlsMode::Prefer,
    };
    let mut file = |name| {
        let given = table.given(name)?;
        let path = PathBuf::from(table.text(name, faults)?);
        if mode != TlsMode::Disable
            && let Err(error) = std::fs::File::open(&path)
        {
            faults.add(
                given.place.clone(),
                table.key(name),
                format!("{} cannot be read: {error}", path.display()),
            );
        }
        Some(path)
    };
    let (root_cert, cert, key) = (file("sslrootcert"), file("sslcert"), file("sslkey"));
    let client = match (cert, key) {
        (Some(cert), Some(key)) => Some(ClientCert { cert, key }),
        (None, None) => None,
        (cert, _) => {
            let (has, lacks) =
                if cert.is_some() { ("sslcert", "sslkey") } else { ("sslkey", "sslcert") };
            let place = table.given(has).map_or_else(String::new, |given| given.place.clone());
            faults.add(place, table.key(has), format!("a client certificate needs {lacks}, too"));
            None
        }
    };
    Some(Tls { mode, root_cert, client })
}

/// What is not wrong with the password of a server or broker but worth a look.
pub(super) fn warn(name: &str, password: &Password, file: &File<'_>, warnings: &mut Faults) {
    let place = || {
        if file.name.is_empty() { name.to_owned() } else { file.name.clone() }
    };
    match password {
        Password::Inline(_) if others_may_read(Path::new(&file.name)) => {
            warnings.add(
                place(),
                "password",
                "stands in a file that others may read: chmod 600 it, or use password_file",
            );
        }
        Password::File(path) if !path.is_file() => {
            let problem =
                format!("{} is not there yet; it is looked for at each connection", path.display());
            warnings.add(place(), "password_file", problem);
        }
        _ => {}
    }
}

pub(super) fn others_may_read(path: &Path) -> bool {
    std::fs::metadata(path).is_ok_and(|meta| meta.permissions().mode() & 0o044 != 0)
}
