//! `erpscope findings` and `erpscope report`: what the running agent says.

use std::process::ExitCode;

use anyhow::Context;
use clap::ValueEnum;
use erpscope::export::findings::{explain, markdown, table};
use erpscope::export::json::FindingsPage;

use super::answer;
use super::running::AgentArgs;

/// Which findings, and how.
#[derive(Debug, clap::Args)]
pub(super) struct FindingsArgs {
    #[command(flatten)]
    agent: AgentArgs,
    /// Of this server alone.
    #[arg(long, value_name = "NAME")]
    server: Option<String>,
    /// Of this database alone.
    #[arg(long, value_name = "NAME")]
    datname: Option<String>,
    /// Of this business module alone.
    #[arg(long, value_name = "NAME")]
    module: Option<String>,
    /// Of this rule alone.
    #[arg(long, value_name = "NAME")]
    rule: Option<String>,
    /// As bad as this, or worse.
    #[arg(long, value_enum, default_value = "info")]
    severity: Least,
    /// Exit status 2 if a finding that is not muted is as bad as this, or worse.
    #[arg(long, value_enum, default_value = "warning")]
    fail_on: Least,
    /// How to print it.
    #[arg(long, value_enum, default_value = "table")]
    format: FindingsFormat,
    /// Everything about one finding.
    #[arg(long, value_name = "ID")]
    explain: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
enum Least {
    Info,
    Warning,
    Critical,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum FindingsFormat {
    Table,
    Json,
    Markdown,
}

/// Which report.
#[derive(Debug, clap::Args)]
pub(super) struct ReportArgs {
    #[command(flatten)]
    agent: AgentArgs,
    /// How to write it.
    #[arg(long, value_enum, default_value = "markdown")]
    format: PageFormat,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum PageFormat {
    Markdown,
    Html,
}

/// Exit status 0 if nothing is as bad as `--fail-on`, 2 if something is, 1 if nobody can tell.
pub(super) fn run(args: &FindingsArgs) -> anyhow::Result<ExitCode> {
    let mut query = vec![("severity", args.severity.name())];
    let given = [
        ("server", &args.server),
        ("datname", &args.datname),
        ("module", &args.module),
        ("rule", &args.rule),
    ];
    query.extend(given.iter().filter_map(|(key, value)| Some((*key, value.as_deref()?))));
    let body = args.agent.ask("/api/v1/findings", &query)?;
    let page: FindingsPage =
        serde_json::from_str(&body).context("this is no answer of an erpscope of this version")?;
    if let Some(id) = &args.explain {
        let found = page.findings.iter().find(|finding| finding.id == *id);
        let found = found.with_context(|| {
            format!("no open finding is called `{id}`; see `erpscope findings` for what is")
        })?;
        answer(explain(found).trim_end())?;
        return Ok(ExitCode::SUCCESS);
    }
    let text = match args.format {
        FindingsFormat::Table => table(&page),
        FindingsFormat::Markdown => markdown(&page),
        FindingsFormat::Json => serde_json::to_string_pretty(&page)?,
    };
    answer(text.trim_end())?;
    let is_bad = page.findings.iter().filter(|finding| finding.muted.is_none()).any(|finding| {
        Least::from_str(&finding.severity, false).is_ok_and(|severity| severity >= args.fail_on)
    });
    Ok(if is_bad { ExitCode::from(2) } else { ExitCode::SUCCESS })
}

/// Exit status 0 if there is one.
pub(super) fn report(args: &ReportArgs) -> anyhow::Result<ExitCode> {
    let format = match args.format {
        PageFormat::Markdown => "markdown",
        PageFormat::Html => "html",
    };
    answer(args.agent.ask("/api/v1/report", &[("format", format)])?.trim_end())?;
    Ok(ExitCode::SUCCESS)
}

impl Least {
    const fn name(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Warning => "warning",
            Self::Critical => "critical",
        }
    }
}
