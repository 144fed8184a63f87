//! The command line: each command is one call. Exit status, standard output and anyhow live here.

mod cli;

use std::process::ExitCode;

use clap::Parser;

/// glibc's allocator keeps what a look at a server took for a moment; this one gives it back.
#[cfg(target_os = "linux")]
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> ExitCode {
    match cli::run(cli::Cli::parse()) {
        Ok(code) => code,
        Err(error) => {
            cli::complain(&error);
            ExitCode::FAILURE
        }
    }
}
