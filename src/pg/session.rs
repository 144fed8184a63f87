//! One guarded connection.

use std::time::Duration;

use tokio::task::JoinHandle;
use tokio_postgres::config::SslMode;
use tokio_postgres::{Client, Config};

use super::error::{ConnectError, Target, classify};
use super::tls;
use crate::config::{self, Server, Tls, TlsMode};

const NO_TLS: Tls = Tls { mode: TlsMode::Disable, root_cert: None, client: None };

/// A connection of the agent's own. It ends when this is dropped.
pub struct Session {
    client: Client,
    driver: JoinHandle<()>,
    server: Server,
    datname: String,
}

impl Session {
    /// To ask with.
    #[must_use]
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// The database it is connected to.
    #[must_use]
    pub fn datname(&self) -> &str {
        &self.datname
    }

    /// Another one like it, in another database of the server.
    pub async fn beside(&self, datname: &str) -> Result<Self, ConnectError> {
        connect(&self.server, datname).await
    }

    /// Another one like it, in a database of the server, for one statement that may take as long.
    pub async fn beside_for(&self, datname: &str, limit: Duration) -> Result<Self, ConnectError> {
        let server = Server { statement_timeout: limit, ..self.server.clone() };
        connect(&server, datname).await
    }

    /// Another one in the same database, without what we set for our own good: to see what the
    /// server sets. For a query or two that cost nothing.
    pub async fn beside_as_the_server_has_it(&self) -> Result<Self, ConnectError> {
        let mut guards = guards(&self.server);
        guards.retain(|(name, _)| !PLANS.contains(name) && !OURS.contains(name));
        connect_with(&self.server, &self.datname, &guards).await
    }

    /// Whether it has ended.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.client.is_closed()
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        self.driver.abort();
    }
}

/// Connects to one database of a server, with the guards that keep the agent harmless: read-only,
/// short timeouts, no JIT, and a search_path on which nobody else can put anything.
pub async fn connect(server: &Server, datname: &str) -> Result<Session, ConnectError> {
    connect_with(server, datname, &guards(server)).await
}

/// Like `connect`, for what the planner is asked: what would change its plans (`work_mem`, parallel
/// workers, `search_path`) stays as the server has it. Nothing is executed there.
pub async fn connect_to_plan(server: &Server, datname: &str) -> Result<Session, ConnectError> {
    let mut guards = guards(server);
    guards.retain(|(name, _)| !PLANS.contains(name));
    connect_with(server, datname, &guards).await
}

/// Guards that change plans.
const PLANS: [&str; 3] = ["work_mem", "max_parallel_workers_per_gather", "search_path"];

/// Further guards that hide what the server sets.
const OURS: [&str; 2] = ["jit", "idle_in_transaction_session_timeout"];

type Guard = (&'static str, String);

async fn connect_with(
    server: &Server,
    datname: &str,
    guards: &[Guard],
) -> Result<Session, ConnectError> {
    let target = Target::of(server, datname);
    let timeout = server.connect_timeout;
    let connecting = connect_unbounded(server, datname, &target, guards);
    match tokio::time::timeout(timeout, connecting).await {
        Ok(result) => result,
        Err(_) => Err(ConnectError::TimedOut { target, timeout }),
    }
}

async fn connect_unbounded(
    server: &Server,
    datname: &str,
    target: &Target,
    guards: &[Guard],
) -> Result<Session, ConnectError> {
    let mut settings = settings(server, datname, guards, target)?;
    // As libpq does: TLS plays no part on a Unix socket, whatever sslmode says, and what `prefer`
    // does not get with TLS is tried without. If that fails, too, the first reason is the one to tell.
    let unused = server.tls.mode == TlsMode::Disable || server.host.starts_with('/');
    let tls = if unused { &NO_TLS } else { &server.tls };
    let session = match open(&mut settings, server, tls, datname, target).await {
        Err(error @ (ConnectError::Tls { .. } | ConnectError::NotAllowed { .. }))
            if tls.mode == TlsMode::Prefer =>
        {
            open(&mut settings, server, &NO_TLS, datname, target).await.map_err(|_| error)?
        }
        opened => opened?,
    };
    verify(&session, guards, target).await?;
    Ok(session)
}

async fn open(
    settings: &mut Config,
    server: &Server,
    tls: &Tls,
    datname: &str,
    target: &Target,
) -> Result<Session, ConnectError> {
    let connector = tls::connector(tls)
        .map_err(|source| ConnectError::TlsSetUp { target: target.clone(), source })?;
    settings.ssl_mode(match tls.mode {
        TlsMode::Disable => SslMode::Disable,
        TlsMode::Prefer => SslMode::Prefer,
        TlsMode::Require | TlsMode::VerifyCa | TlsMode::VerifyFull => SslMode::Require,
    });
    let (client, connection) =
        settings.connect(connector).await.map_err(|error| classify(target, &error))?;
    let driver = tokio::spawn(async move {
        if let Err(error) = connection.await {
            tracing::debug!(%error, "a connection ended");
        }
    });
    Ok(Session { client, driver, server: server.clone(), datname: datname.to_owned() })
}

/// Whether the guards are there: a pooler can drop them without a word.
async fn verify(session: &Session, guards: &[Guard], target: &Target) -> Result<(), ConnectError> {
    let (names, values): (Vec<&str>, Vec<&str>) =
        guards.iter().map(|(name, value)| (*name, value.as_str())).unzip();
    let missing: Vec<String> = session
        .client
        .query_one(include_str!("verify.sql"), &[&names, &values])
        .await
        .and_then(|row| row.try_get(0))
        .map_err(|error| classify(target, &error))?;
    if missing.is_empty() {
        return Ok(());
    }
    Err(ConnectError::GuardsIgnored { target: target.clone(), missing: missing.join(", ") })
}

fn settings(
    server: &Server,
    datname: &str,
    guards: &[Guard],
    target: &Target,
) -> Result<Config, ConnectError> {
    let options: Vec<String> =
        guards.iter().map(|(name, value)| format!("-c {name}={value}")).collect();
    let mut settings = Config::new();
    settings
        .host(&server.host)
        .port(server.port)
        .user(&server.user)
        .dbname(datname)
        .application_name("erpscope")
        .options(options.join(" "))
        .connect_timeout(server.connect_timeout)
        .keepalives(true)
        .keepalives_idle(Duration::from_secs(30))
        .keepalives_interval(Duration::from_secs(10))
        .keepalives_retries(3);
    let password = config::password(server)
        .map_err(|source| ConnectError::Password { target: target.clone(), source })?;
    if let Some(password) = password {
        settings.password(password.reveal());
    }
    Ok(settings)
}

/// Guards as startup options: they hold from the first statement on. Values are written as
/// pg_settings shows them, without a unit.
fn guards(server: &Server) -> Vec<Guard> {
    let milliseconds = |duration: Duration| duration.as_millis().max(1).to_string();
    vec![
        ("default_transaction_read_only", "on".to_owned()),
        ("statement_timeout", milliseconds(server.statement_timeout)),
        ("lock_timeout", milliseconds(server.lock_timeout)),
        ("idle_in_transaction_session_timeout", "10000".to_owned()),
        ("jit", "off".to_owned()),
        ("work_mem", "16384".to_owned()),
        ("max_parallel_workers_per_gather", "0".to_owned()),
        ("search_path", "pg_catalog".to_owned()),
        ("client_min_messages", "warning".to_owned()),
    ]
}
