//! `erpscope advise`.

use std::process::ExitCode;

use anyhow::Context;
use clap::ValueEnum;
use erpscope::advise::command::{self, Answer, Options};
use erpscope::advise::database::UNUSED_DAYS;
use erpscope::advise::ledger::{self, Line};
use erpscope::config::Config;
use erpscope::history::History;

use super::{ConfigArgs, answer, runtime};

/// What is wanted.
#[derive(Debug, clap::Args)]
pub(super) struct AdviseArgs {
    #[command(flatten)]
    config: ConfigArgs,
    /// Of this server of the config alone.
    #[arg(long, value_name = "NAME")]
    server: Option<String>,
    /// Of this database alone; without it the ten busiest.
    #[arg(long, value_name = "NAME")]
    datname: Option<String>,
    /// Days of the history, if the config has one.
    #[arg(long, default_value_t = 7, value_parser = clap::value_parser!(u32).range(1..=3650))]
    days: u32,
    /// Bytes that the new indexes of a database may take together.
    #[arg(long, value_name = "BYTES", default_value_t = 10 << 30)]
    budget_bytes: u64,
    /// Indexes that are suggested for a database at most.
    #[arg(long, value_name = "NUMBER", default_value_t = 20)]
    max: usize,
    /// For tables of this business module alone.
    #[arg(long, value_name = "NAME")]
    module: Option<String>,
    /// Days that nothing has used an index before it is suggested to be dropped: a month's end should be
    /// among them.
    #[arg(long, value_name = "DAYS", default_value_t = UNUSED_DAYS)]
    unused_days: u32,
    /// A column (`column` or `table.column`) with few values, such as a state, that may be named
    /// in the predicate of a partial index. Can be given more than once.
    #[arg(long, value_name = "COLUMN")]
    state_column: Vec<String>,
    /// The columns that the profile of the ERP lists as states may be named, too.
    #[arg(long)]
    erp_states: bool,
    /// How to print it.
    #[arg(long, value_enum, default_value = "table")]
    format: AdviceFormat,
    /// What was suggested by the agent, whether it was done, and what that has brought; from the
    /// history's file, no server is asked.
    #[arg(long, conflicts_with_all = ["explain", "module", "state_column"])]
    history: bool,
    /// Everything about one suggestion.
    #[arg(long, value_name = "ID")]
    explain: Option<String>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum AdviceFormat {
    Table,
    Json,
    Markdown,
    Sql,
}

/// Exit status 0 if every database could be advised on.
pub(super) fn run(args: &AdviseArgs) -> anyhow::Result<ExitCode> {
    let config = args.config.load()?.config;
    if let Some(name) = args.server.as_ref()
        && !config.servers.iter().any(|server| server.name == *name)
    {
        let names: Vec<&str> = config.servers.iter().map(|server| server.name.as_str()).collect();
        anyhow::bail!(
            "no server is called `{name}` in the config; there are: {}",
            names.join(", ")
        );
    }
    if args.history {
        return tell_history(args, &config);
    }
    let options = Options {
        server: args.server.clone(),
        datname: args.datname.clone(),
        days: args.days,
        budget_bytes: args.budget_bytes,
        max: args.max,
        module: args.module.clone(),
        unused_days: args.unused_days,
        states: args.state_column.clone(),
        erp_states: args.erp_states,
    };
    let answers = runtime()?.block_on(command::ask(&config, &options));
    if let Some(id) = &args.explain {
        let explained = answers.iter().find_map(|answer| answer.explain(id));
        let explained = explained.with_context(|| {
            format!("nothing is suggested now under `{id}`; see `erpscope advise` for what is")
        })?;
        answer(explained.trim_end())?;
        return Ok(ExitCode::SUCCESS);
    }
    let told =
        |tell: fn(&Answer) -> String| answers.iter().map(tell).collect::<Vec<_>>().join("\n");
    let text = match args.format {
        AdviceFormat::Table => told(Answer::table),
        AdviceFormat::Markdown => told(Answer::markdown),
        AdviceFormat::Sql => told(Answer::sql),
        AdviceFormat::Json => serde_json::to_string_pretty(&answers)?,
    };
    answer(text.trim_end())?;
    let all = answers.iter().all(Answer::is_advised);
    Ok(if all { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// The ledger, as the agent has written it down.
fn tell_history(args: &AdviseArgs, config: &Config) -> anyhow::Result<ExitCode> {
    let path = config.history.path.as_ref().context(
        "the config has no `[history] path`: without it the ledger is in the agent's memory alone, \
         see /api/v1/suggestions",
    )?;
    let wanted = |of: &Option<String>, name: &str| of.as_ref().is_none_or(|of| of == name);
    let rows = History::read_only(path)?.suggestions()?;
    let rows = rows.iter().filter(|row| {
        wanted(&args.server, &row.place.server) && wanted(&args.datname, &row.place.datname)
    });
    let lines = rows
        .map(|row| Line::from_row(row).with_context(|| format!("cannot read line {}", row.id)))
        .collect::<anyhow::Result<Vec<Line>>>()?;
    let text = match args.format {
        AdviceFormat::Table => ledger::table(&lines),
        AdviceFormat::Markdown => ledger::markdown(&lines),
        AdviceFormat::Json => serde_json::to_string_pretty(&lines)?,
        AdviceFormat::Sql => anyhow::bail!("the ledger is no migration: give it another --format"),
    };
    answer(text.trim_end())?;
    Ok(ExitCode::SUCCESS)
}
