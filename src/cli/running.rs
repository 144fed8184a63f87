//! The running agent, asked over HTTP; and `erpscope health`.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, anyhow, bail};
use erpscope::config::Config;
use erpscope::trust;

use super::{ConfigArgs, answer, runtime};

/// An agent that does not answer within it is not there.
const PATIENCE: Duration = Duration::from_secs(10);

/// Which agent is asked.
#[derive(Debug, clap::Args)]
pub(super) struct AgentArgs {
    #[command(flatten)]
    config: ConfigArgs,
    /// URL of the agent; without it the address on which the config says that it serves.
    #[arg(long, value_name = "URL")]
    agent: Option<String>,
}

/// Exit status 0 if the agent runs; whether it sees its servers `/readyz` tells.
pub(super) fn health(args: &AgentArgs) -> anyhow::Result<ExitCode> {
    answer(args.ask("/healthz", &[])?.trim_end())?;
    Ok(ExitCode::SUCCESS)
}

impl AgentArgs {
    /// The answer to a question, or why there is none.
    pub(super) fn ask(&self, path: &str, query: &[(&str, &str)]) -> anyhow::Result<String> {
        let base = match &self.agent {
            Some(url) => url.trim_end_matches('/').to_owned(),
            None => address(&self.config.load()?.config),
        };
        let tls = trust::client(None)?;
        let asking = async {
            let client = reqwest::Client::builder()
                .tls_backend_preconfigured(tls)
                .timeout(PATIENCE)
                .redirect(reqwest::redirect::Policy::none())
                // A proxy would look for our address on its own machine.
                .no_proxy()
                .build()?;
            let pairs: Vec<String> =
                query.iter().map(|(key, value)| format!("{key}={}", encode(value))).collect();
            let url = format!("{base}{path}?{}", pairs.join("&"));
            let response = client.get(url).send().await.map_err(|error| {
                let error = anyhow::Error::new(error.without_url());
                anyhow!(
                    "no agent answers at {base} ({}): is `erpscope run` running, with the same \
                     config? Name another one by --agent URL",
                    error.root_cause()
                )
            })?;
            let status = response.status();
            let body = response.text().await.context("the agent broke off its answer")?;
            if !status.is_success() {
                bail!("the agent at {base} refuses ({status}): {}", body.trim());
            }
            Ok(body)
        };
        runtime()?.block_on(asking)
    }
}

/// Where an agent with this config can be reached from here.
fn address(config: &Config) -> String {
    let ip = match config.listen.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V6(ip) if ip.is_unspecified() => IpAddr::V6(Ipv6Addr::LOCALHOST),
        ip => ip,
    };
    format!("http://{}", SocketAddr::new(ip, config.listen.port()))
}

fn encode(value: &str) -> String {
    percent_encoding::utf8_percent_encode(value, percent_encoding::NON_ALPHANUMERIC).to_string()
}
