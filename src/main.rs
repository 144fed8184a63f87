//! The command line.
use erpscope::agent::{self, Agent};
use erpscope::config::*;
use std::time::Duration;
fn main() -> anyhow::Result<()> {
    tracing_subscriber::fmt().init();
    let port: u16 = std::env::args().nth(1).unwrap().parse().unwrap();
    let config = Config {
        listen: "127.0.0.1:10187".parse().unwrap(),
        log: Log { level: "info".into(), format: LogFormat::Text },
        budget: 0.01,
        statements: Statements { interval: Duration::from_secs(10), texts_interval: Duration::from_secs(60), top: std::env::args().nth(2).map_or(200, |t| t.parse().unwrap()), text_chars: 1000 },
        database: Database { interval: Duration::from_secs(15), top: 100 },
        servers: vec![Server { name: "a".into(), host: "127.0.0.1".into(), port, user: "postgres".into(), dbname: "postgres".into(), password: Password::None, tls: Tls { mode: TlsMode::Prefer, root_cert: None, client: None }, connect_timeout: Duration::from_secs(5), statement_timeout: Duration::from_secs(2), lock_timeout: Duration::from_millis(100) }],
    };
    let rt = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    rt.block_on(async {
        let agent = Agent::start(config)?;
        agent::run(agent, || Err::<Config, _>("no")).await?;
        anyhow::Ok(())
    })
}
