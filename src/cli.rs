//! What can be asked for on the command line.

mod advise;
mod running;
mod demo;
mod findings;

use std::collections::BTreeMap;
use std::io::{self, IsTerminal, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, anyhow};
use clap::{Parser, Subcommand, ValueEnum};
use tracing_subscriber::{EnvFilter, reload};

use erpscope::agent::{self, Agent};
use erpscope::check::{Report, Target, check, setup_sql};
use erpscope::config::{
    self, Config, ConfigErrors, Fault, Flags, Loaded, LogFormat, Server, Sources,
};
use erpscope::locks::{Answer, Declared, Watching};
use erpscope::pg;

/// Where the config is looked for when none is named.
const USUAL_FILES: [&str; 2] = ["erpscope.toml", "/etc/erpscope/erpscope.toml"];

/// What `setup` is printed for when no server can be asked.
const USUAL_VERSION: u32 = 15;

/// Observability and performance sidecar for ERP databases on PostgreSQL.
#[derive(Debug, Parser)]
#[command(version, arg_required_else_help = true)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Watch the servers of the config and serve what is seen.
    Run {
        #[command(flatten)]
        config: ConfigArgs,
        /// Check the config, tell every fault, and end.
        #[arg(long)]
        check_config: bool,
    },
    /// Tell what is missing for full sight, and what mends it. Exit status 0 if nothing that is
    /// needed is missing.
    Check {
        #[command(flatten)]
        config: ConfigArgs,
        /// How to print it.
        #[arg(long, value_enum, default_value = "text")]
        format: ReportFormat,
    },
    /// Print the SQL that gives the agent what it needs; nothing is run.
    Setup {
        #[command(flatten)]
        config: ConfigArgs,
        /// Major version to print it for, when the server cannot be asked yet.
        #[arg(long, value_parser = clap::value_parser!(u32).range(13..))]
        pg_version: Option<u32>,
        /// Role of the agent.
        #[arg(long, default_value = "erpscope")]
        role: String,
    },
    /// Draw who waits for whom now, under each root blocker its victims; needs no running agent.
    Locks {
        #[command(flatten)]
        config: ConfigArgs,
        /// Ask again every so many seconds, until Ctrl-C.
        #[arg(long, value_name = "SECONDS", num_args = 0..=1, default_missing_value = "2",
              value_parser = clap::value_parser!(u64).range(1..=3600))]
        watch: Option<u64>,
        /// How to print it.
        #[arg(long, value_enum, default_value = "text")]
        format: ReportFormat,
    },
    /// Tell which indexes the workload wants, what each saves and costs; nothing is created.
    Advise(advise::AdviseArgs),
    /// Tell what is wrong, as the rules of the running agent say; exit status 2 if something is.
    Findings(findings::FindingsArgs),
    /// Tell whether the agent of this config runs, for health checks. Exit status 0 if it does.
    Health(running::AgentArgs),
    /// Write one page for a manager: modules, integrations, the worst findings, the last week.
    Report(findings::ReportArgs),
    /// Everything on this machine: a throw-away PostgreSQL, a made-up ERP under load, the agent.
    Demo(demo::DemoArgs),
}

#[derive(Clone, Debug, clap::Args)]
struct ConfigArgs {
    /// Config file; without it ./erpscope.toml, then /etc/erpscope/erpscope.toml, if there.
    #[arg(long, env = "ERPSCOPE_CONFIG", value_name = "FILE")]
    config: Option<PathBuf>,
    /// Address and port to serve on.
    #[arg(long, value_name = "ADDRESS")]
    listen: Option<String>,
    /// Level or filter of the log.
    #[arg(long, value_name = "LEVEL")]
    log_level: Option<String>,
    /// URL of the one server to watch.
    #[arg(long, value_name = "URL", hide_env_values = true)]
    url: Option<String>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum ReportFormat {
    Text,
    Json,
}

/// Does what was asked.
pub fn run(cli: Cli) -> anyhow::Result<ExitCode> {
    match cli.command {
        Command::Run { config, check_config: true } => check_config(&config),
        Command::Run { config, .. } => run_agent(&config),
        Command::Check { config, format } => run_check(&config, format),
        Command::Setup { config, pg_version, role } => run_setup(&config, pg_version, role),
        Command::Locks { config, watch, format } => run_locks(&config, watch, format),
        Command::Advise(args) => advise::run(&args),
        Command::Findings(args) => findings::run(&args),
        Command::Health(args) => running::health(&args),
        Command::Report(args) => findings::report(&args),
        Command::Demo(args) => demo::run(&args),
    }
}

/// An error on standard error, with those of its causes that it does not tell itself.
#[expect(clippy::print_stderr, reason = "the last words of a command that failed")]
pub fn complain(error: &anyhow::Error) {
    let mut words = error.to_string();
    for cause in error.chain().skip(1).map(ToString::to_string) {
        if !words.contains(&cause) {
            words = format!("{words}: {cause}");
        }
    }
    eprintln!("erpscope: {words}");
}

/// A line on standard output. A reader that has gone, as in `| head`, is no fault.
fn answer(text: &str) -> io::Result<()> {
    match writeln!(io::stdout().lock(), "{text}") {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        result => result,
    }
}

impl ConfigArgs {
    /// A server named on the command line needs no file, least of all one of several servers.
    fn file(&self) -> Option<PathBuf> {
        let usual = || USUAL_FILES.iter().map(PathBuf::from).find(|path| path.is_file());
        self.config.clone().or_else(|| if self.url.is_some() { None } else { usual() })
    }

    fn load(&self) -> Result<Loaded, ConfigErrors> {
        let file = self.file();
        let env: BTreeMap<String, String> = std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
            .collect();
        let flags = Flags {
            listen: self.listen.clone(),
            log_level: self.log_level.clone(),
            url: self.url.clone(),
        };
        config::load(&Sources { file, env, flags })
    }
}

fn check_config(args: &ConfigArgs) -> anyhow::Result<ExitCode> {
    let Loaded { config, warnings } = args.load()?;
    for warning in warnings {
        answer(&format!("warning: {warning}"))?;
    }
    answer(&format!("the config is good: {} server(s)", config.servers.len()))?;
    Ok(ExitCode::SUCCESS)
}

fn run_agent(args: &ConfigArgs) -> anyhow::Result<ExitCode> {
    let Loaded { config, warnings } = args.load()?;
    let format = config.log.format;
    let set_level = start_log(&config.log)?;
    let warn = |warnings: Vec<Fault>| warnings.iter().for_each(|w| tracing::warn!("{w}"));
    warn(warnings);
    let load = || {
        let Loaded { config, warnings } = args.load()?;
        warn(warnings);
        Ok::<Config, ConfigErrors>(config)
    };
    let set_log = |log: &config::Log| {
        if let Err(error) = set_level(&log.level) {
            tracing::error!("log.level stays as it was: {error:#}");
        }
        if log.format != format {
            tracing::warn!("log.format stays as it was until the next start");
        }
    };
    runtime()?.block_on(async {
        let agent = Agent::start(config)?;
        tracing::info!("serving http://{}/", agent.address());
        agent::run(agent, load, set_log).await.context("cannot receive signals")
    })?;
    Ok(ExitCode::SUCCESS)
}

fn run_check(args: &ConfigArgs, format: ReportFormat) -> anyhow::Result<ExitCode> {
    let config = args.load()?.config;
    let reports = runtime()?.block_on(async {
        let mut reports = Vec::new();
        for server in &config.servers {
            reports.push(check(server, &config.profiles).await);
        }
        reports
    });
    let texts: Vec<String> = reports.iter().map(Report::text).collect();
    match format {
        ReportFormat::Text => answer(texts.join("\n").trim_end())?,
        ReportFormat::Json => answer(&serde_json::to_string_pretty(&reports)?)?,
    }
    let sufficient = reports.iter().all(Report::is_sufficient);
    Ok(if sufficient { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Of every server of the config; with `watch` the screen is drawn anew each time.
fn run_locks(
    args: &ConfigArgs,
    watch: Option<u64>,
    format: ReportFormat,
) -> anyhow::Result<ExitCode> {
    let Config { servers, profiles, integrations, .. } = args.load()?.config;
    let words = Declared { profiles, integrations: Arc::new(integrations) };
    let mut watching = Watching::new(servers, words);
    runtime()?.block_on(async {
        loop {
            let answers = watching.look().await;
            let text = match format {
                ReportFormat::Text => {
                    answers.iter().map(Answer::text).collect::<Vec<_>>().join("\n\n")
                }
                ReportFormat::Json => serde_json::to_string(&answers)?,
            };
            match (watch, format) {
                // Home, and clear to the end of the screen.
                (Some(_), ReportFormat::Text) => answer(&format!("\x1b[H\x1b[2J{text}"))?,
                _ => answer(&text)?,
            }
            let Some(seconds) = watch else {
                let told = answers.iter().all(Answer::is_seen);
                return Ok(if told { ExitCode::SUCCESS } else { ExitCode::FAILURE });
            };
            tokio::time::sleep(Duration::from_secs(seconds)).await;
        }
    })
}

/// For the version and settings of the first server of the config, if there is one and it can be asked.
fn run_setup(args: &ConfigArgs, pg_version: Option<u32>, role: String) -> anyhow::Result<ExitCode> {
    let server = match args.load() {
        Ok(Loaded { config, .. }) => config.servers.into_iter().next(),
        Err(errors) if args.file().is_none() && names_no_server(&errors) => None,
        Err(errors) => return Err(errors.into()),
    };
    let found = match (&server, pg_version) {
        (_, Some(_)) => Err(None),
        (None, None) => Err(Some(anyhow!("no server is named"))),
        (Some(server), None) => runtime()?.block_on(probe(server)).map_err(Some),
    };
    if let Err(Some(why)) = &found {
        complain(&anyhow!(
            "{why:#}; so this is for PostgreSQL {USUAL_VERSION}: name another by --pg-version"
        ));
    }
    let found = found.ok();
    let target = Target {
        version_major: found
            .as_ref()
            .and_then(|found| u32::try_from(found.version_num / 10_000).ok())
            .or(pg_version)
            .unwrap_or(USUAL_VERSION),
        role,
        datname: server.map_or_else(|| "postgres".to_owned(), |server| server.dbname),
        preloaded: found
            .and_then(|found| found.settings.get("shared_preload_libraries").map(str::to_owned)),
    };
    answer(setup_sql(&target).trim_end())?;
    Ok(ExitCode::SUCCESS)
}

/// There is nothing wrong but that, which is how it is before there is a config.
fn names_no_server(errors: &ConfigErrors) -> bool {
    errors.0.iter().all(|fault| fault.key == "server")
}

async fn probe(server: &Server) -> anyhow::Result<pg::Capabilities> {
    let session = pg::connect(server, &server.dbname).await?;
    Ok(pg::probe(server, &session).await?)
}

/// Changes the level of the log.
type SetLevel = Box<dyn Fn(&str) -> anyhow::Result<()>>;

fn start_log(log: &config::Log) -> anyhow::Result<SetLevel> {
    let builder = tracing_subscriber::fmt()
        .with_env_filter(EnvFilter::try_new(&log.level)?)
        .with_target(false)
        .with_ansi(io::stderr().is_terminal())
        .with_writer(io::stderr);
    Ok(match log.format {
        LogFormat::Text => {
            let builder = builder.with_filter_reloading();
            let handle = builder.reload_handle();
            builder.init();
            set_level(handle)
        }
        LogFormat::Json => {
            let builder = builder.json().with_filter_reloading();
            let handle = builder.reload_handle();
            builder.init();
            set_level(handle)
        }
    })
}

fn set_level<S: 'static>(handle: reload::Handle<EnvFilter, S>) -> SetLevel {
    Box::new(move |level| Ok(handle.reload(EnvFilter::try_new(level)?)?))
}

/// One thread is enough for waiting; folding and serving have their own.
fn runtime() -> anyhow::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("cannot start the async runtime")
}
