//! A throw-away PostgreSQL cluster: for the demo, and for every test that needs a real server.

mod account;
mod binaries;
mod error;
mod process;

use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use percent_encoding::{NON_ALPHANUMERIC, percent_encode};
use tempfile::TempDir;

use self::account::Account;
pub use self::binaries::Binaries;
pub use self::error::ClusterError;
use self::process::{Postmaster, run};

/// How the server is to be.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Folder of the PostgreSQL programs; searched for if not given.
    pub pg_bin: Option<PathBuf>,
    /// Lines for postgresql.conf, on top of the cluster's own.
    pub settings: Vec<(String, String)>,
    /// Lines for pg_hba.conf, before the one that trusts everyone but the superuser on this machine.
    pub hba: Vec<String>,
    /// Encoding of the databases (default `UTF8`).
    pub encoding: Option<String>,
}

impl Options {
    /// Adds a line to postgresql.conf.
    #[must_use]
    pub fn set(mut self, name: &str, value: &str) -> Self {
        self.settings.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Adds a line to pg_hba.conf.
    #[must_use]
    pub fn hba(mut self, line: &str) -> Self {
        self.hba.push(line.to_owned());
        self
    }
}

/// A running cluster. Dropping it stops the server and removes its folder.
pub struct Cluster {
    postmaster: Option<Postmaster>,
    binaries: Binaries,
    account: Account,
    port: u16,
    folder: TempDir,
}

/// How long a server may take to start or stop.
const PATIENCE: Duration = Duration::from_secs(60);

/// Ports that are tried.
const PORTS: usize = 5;

/// The superuser of every cluster.
pub const SUPERUSER: &str = "postgres";

impl Cluster {
    /// Makes a cluster in a temporary folder and starts it on a free port of 127.0.0.1. As root,
    /// PostgreSQL's programs run under another account, because PostgreSQL refuses root.
    pub async fn start(options: &Options) -> Result<Self, ClusterError> {
        let mut cluster = Self::in_new_folder(Binaries::find(options.pg_bin.as_deref())?)?;
        cluster.make(options).await?;
        cluster.start_at(free_port).await?;
        Ok(cluster)
    }

    /// Starts a copy of this one, which is stopped, on a port of its own: with its data, its settings and its statistics.
    pub async fn start_copy(&self) -> Result<Self, ClusterError> {
        let mut copy = Self::in_new_folder(self.binaries.clone())?;
        let mut command = copy.account.command(Path::new("cp"));
        run("cp", command.arg("-R").arg(self.data()).arg(copy.data())).await?;
        copy.account.own(&copy.data())?;
        copy.start_at(free_port).await?;
        Ok(copy)
    }

    fn in_new_folder(binaries: Binaries) -> Result<Self, ClusterError> {
        let account = Account::for_postgres()?;
        let folder = tempfile::Builder::new()
            .prefix("erpscope-pg-")
            .tempdir()
            .map_err(|source| ClusterError::Folder { path: std::env::temp_dir(), source })?;
        account.own(folder.path())?;
        if let Some(barred) = account.barred_from(folder.path()) {
            return Err(ClusterError::Barred { folder: barred });
        }
        Ok(Self { postmaster: None, binaries, account, port: 0, folder })
    }

    async fn make(&mut self, options: &Options) -> Result<(), ClusterError> {
        let data = self.data();
        let encoding = options.encoding.as_deref().unwrap_or("UTF8");
        let locale = if encoding == "UTF8" { "C.UTF-8" } else { "C" };
        let mut initdb = self.command("initdb");
        initdb
            .arg("--pgdata")
            .arg(&data)
            .args(["--username", SUPERUSER, "--auth", "trust", "--no-sync"])
            .args(["--encoding", encoding, "--locale", locale]);
        run("initdb", &mut initdb).await?;
        self.append("postgresql.conf", &settings(options))?;
        // A superuser can run programs as the server's account, so the superuser comes in by the
        // socket alone, which lies in a folder closed to others.
        let hba = format!(
            "host all {SUPERUSER} all reject\n{}\nlocal all all trust\nhost all all 127.0.0.1/32 trust\n",
            options.hba.join("\n")
        );
        self.write(&data.join("pg_hba.conf"), &hba)
    }

    /// Where it is reached.
    fn place(&self) -> String {
        let sockets = self.folder.path().display().to_string();
        [line("port", &self.port.to_string()), line("unix_socket_directories", &sockets)].join("\n")
    }

    /// Starts it the first time. Whatever port is free, another program may take before the server does; then the next
    /// one is tried.
    async fn start_at(
        &mut self,
        mut port: impl FnMut() -> Result<u16, ClusterError>,
    ) -> Result<(), ClusterError> {
        for _ in 1..PORTS {
            self.move_to(port()?)?;
            match self.start_again().await {
                Err(error) if error.is_taken_port() => {}
                started => return started,
            }
        }
        self.move_to(port()?)?;
        self.start_again().await
    }

    fn move_to(&mut self, port: u16) -> Result<(), ClusterError> {
        self.port = port;
        // The last line counts.
        self.append("postgresql.conf", &self.place())
    }

    /// Starts the server again after [`Cluster::stop`].
    pub async fn start_again(&mut self) -> Result<(), ClusterError> {
        let mut command = self.command("postgres");
        command.arg("-D").arg(self.data());
        let mut postmaster = Postmaster::start(command, &self.log_file())?;
        postmaster.wait_until_ready(&self.url("postgres"), &self.log_file(), PATIENCE).await?;
        self.postmaster = Some(postmaster);
        Ok(())
    }

    /// Stops the server: sessions are ended, data is kept.
    pub async fn stop(&mut self) -> Result<(), ClusterError> {
        match self.postmaster.take() {
            Some(mut postmaster) => postmaster.stop(PATIENCE).await,
            None => Ok(()),
        }
    }

    /// Kills the server as a crash would; the next start recovers.
    pub fn crash(&mut self) {
        // Dropping it stops it in immediate mode.
        self.postmaster = None;
    }

    /// Makes the server read its configuration again.
    pub fn reload(&self) {
        if let Some(postmaster) = &self.postmaster {
            postmaster.reload();
        }
    }

    /// Adds lines to a file in the data folder, such as `postgresql.conf`.
    pub fn append(&self, file: &str, lines: &str) -> Result<(), ClusterError> {
        let path = self.data().join(file);
        let before = std::fs::read_to_string(&path).unwrap_or_default();
        self.write(&path, &format!("{before}\n{lines}"))
    }

    fn write(&self, path: &Path, text: &str) -> Result<(), ClusterError> {
        std::fs::write(path, text)
            .map_err(|source| ClusterError::Folder { path: path.to_owned(), source })?;
        self.account.own(path)
    }

    /// Gives a file to the account that the server runs under, for it alone to read.
    pub fn hand_over(&self, path: &Path) -> Result<(), ClusterError> {
        self.account.own(path)
    }

    fn command(&self, program: &str) -> tokio::process::Command {
        let mut command = self.account.command(&self.binaries.program(program));
        command.current_dir(self.folder.path()).env("LC_ALL", "C").env_remove("PGDATA");
        command
    }

    /// A URL to connect to as superuser, by the socket: it works for the server's account, for
    /// whoever started it, and for root.
    #[must_use]
    pub fn url(&self, datname: &str) -> String {
        let folder = self.folder.path().as_os_str().as_bytes();
        let host = percent_encode(folder, NON_ALPHANUMERIC);
        format!("postgres://{SUPERUSER}@{host}:{}/{datname}", self.port)
    }

    /// Its port on 127.0.0.1.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Folder of its Unix socket, and of everything else of it.
    #[must_use]
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Its data folder.
    #[must_use]
    pub fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// What the server has logged.
    #[must_use]
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.log_file()).unwrap_or_default()
    }

    fn log_file(&self) -> PathBuf {
        self.folder.path().join("server.log")
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        // Before its folder goes.
        self.postmaster = None;
        // A process that was killed a moment ago may have made a file while the folder was emptied.
        for _ in 0..100 {
            if std::fs::remove_dir_all(self.folder.path()).is_ok() || !self.folder.path().exists() {
                return;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

/// Settings which make a server that may be lost fast, and one that is worth watching.
fn settings(options: &Options) -> String {
    let own = [
        ("listen_addresses", "127.0.0.1"),
        ("shared_preload_libraries", "pg_stat_statements"),
        ("track_io_timing", "on"),
        ("log_lock_waits", "on"),
        // Not the machine's, which initdb takes: a day must be as long everywhere.
        ("timezone", "UTC"),
        ("fsync", "off"),
        ("synchronous_commit", "off"),
        ("full_page_writes", "off"),
        ("max_wal_size", "4GB"),
    ];
    let given = options.settings.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    let lines = own.into_iter().chain(given).map(|(name, value)| line(name, value));
    lines.collect::<Vec<_>>().join("\n")
}

/// Of postgresql.conf.
fn line(name: &str, value: &str) -> String {
    format!("{name} = '{}'", value.replace('\'', "''"))
}

/// A port that is free now.
fn free_port() -> Result<u16, ClusterError> {
    std::net::TcpListener::bind(("127.0.0.1", 0))
        .and_then(|listener| listener.local_addr())
        .map(|address| address.port())
        .map_err(ClusterError::Port)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_port_that_another_program_takes_first_is_given_up_for_the_next() {
        let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let taken = taken.local_addr().map(|address| (address.port(), taken)).unwrap();
        let mut cluster = Cluster::in_new_folder(Binaries::find(None).unwrap()).unwrap();
        cluster.make(&Options::default()).await.unwrap();
        let mut ports = [taken.0, free_port().unwrap()].into_iter();
        cluster.start_at(|| ports.next().map_or_else(free_port, Ok)).await.unwrap();
        assert_ne!(cluster.port(), taken.0);
        cluster.stop().await.unwrap();
        let error = cluster.start_at(|| Ok(taken.0)).await.unwrap_err();
        assert!(error.is_taken_port(), "{error}");
    }
}
