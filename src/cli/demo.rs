//! `erpscope demo`.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use erpscope::config::{Log, LogFormat};
use erpscope::demo::{self, DemoOptions, Fault, Faults};

use super::{answer, runtime, start_log};

/// What is wanted.
#[derive(Debug, clap::Args)]
pub(super) struct DemoArgs {
    /// End by itself after so many seconds of load; with --apply, of each load (60 if not told).
    #[arg(long)]
    seconds: Option<u64>,
    /// What happens is reproducible by this number.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Size of the data: 1 is about a million rows.
    #[arg(long, default_value_t = 1.0, value_parser = scale)]
    scale: f64,
    /// Load the data, but no workers.
    #[arg(long)]
    no_load: bool,
    /// Load, create what the advisor suggests, load again on the same data, and tell the difference.
    #[arg(long, conflicts_with = "no_load")]
    apply: bool,
    /// Nothing is wrong on purpose.
    #[arg(long)]
    healthy: bool,
    /// This is not wrong, by its id in docs/demo.md. Can be given more than once.
    #[arg(long, value_name = "ID", value_delimiter = ',')]
    without: Vec<Fault>,
    /// This is wrong, also with --healthy and with --apply, which leaves idle-import out.
    #[arg(long, value_name = "ID", value_delimiter = ',')]
    with: Vec<Fault>,
    /// Folder of PostgreSQL's server programs.
    #[arg(long, value_name = "FOLDER")]
    pg_bin: Option<PathBuf>,
    /// Address and port to serve on.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:10187")]
    listen: SocketAddr,
}

impl DemoArgs {
    fn faults(&self) -> Faults {
        let planted = match self {
            Self { healthy: true, .. } => Faults::none(),
            Self { apply: true, .. } => Faults::default().without(Fault::IdleImport),
            _ => Faults::default(),
        };
        let with = self.with.iter().fold(planted, |faults, fault| faults.with(*fault));
        self.without.iter().fold(with, |faults, fault| faults.without(*fault))
    }
}

fn scale(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(scale) if (0.001..=100.0).contains(&scale) => Ok(scale),
        _ => Err("must be a number from 0.001 to 100".to_owned()),
    }
}

/// Until it ends, or is told to.
pub(super) fn run(args: &DemoArgs) -> anyhow::Result<ExitCode> {
    // What goes wrong around the ERP is not what a comparison is about.
    let level = if args.apply { "error" } else { "warn" };
    let _level_stays = start_log(&Log { level: level.to_owned(), format: LogFormat::Text })?;
    let options = DemoOptions {
        seconds: args.seconds,
        seed: args.seed,
        scale: args.scale,
        load: !args.no_load,
        pg_bin: args.pg_bin.clone(),
        listen: args.listen,
        faults: args.faults(),
        apply: args.apply,
    };
    runtime()?.block_on(demo::run(options, |line| {
        // Whoever reads may have gone; the demo ends as it was told all the same.
        let _unread = answer(line);
    }))?;
    Ok(ExitCode::SUCCESS)
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        demo: DemoArgs,
    }

    fn faults(options: &[&str]) -> Faults {
        let line = std::iter::once(&"demo").chain(options);
        Line::try_parse_from(line).unwrap().demo.faults()
    }

    #[test]
    fn what_is_wrong_can_be_told_one_by_one() {
        let one = Faults::none().with(Fault::HotStock);
        assert_eq!(faults(&[]), Faults::default());
        assert_eq!(faults(&["--healthy", "--with", "hot-stock"]), one);
        assert_eq!(
            faults(&["--healthy", "--with", "hot-stock,job-poll", "--without", "job-poll"]),
            one
        );
    }

    #[test]
    fn a_comparison_leaves_out_what_no_index_mends() {
        assert_eq!(faults(&["--apply"]), Faults::default().without(Fault::IdleImport));
        assert_eq!(faults(&["--apply", "--with", "idle-import"]), Faults::default());
    }
}
