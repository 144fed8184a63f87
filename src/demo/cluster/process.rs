//! PostgreSQL's processes.

use std::fs::OpenOptions;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tokio::process::{Child, Command};
use tokio::time::Instant;

use super::ClusterError;

/// Runs a program to its end; an error holds the end of its output.
pub(super) async fn run(program: &str, command: &mut Command) -> Result<(), ClusterError> {
    let output = command
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output()
        .await
        .map_err(|source| ClusterError::Run { program: program.to_owned(), source })?;
    if output.status.success() {
        return Ok(());
    }
    let text = [output.stdout, output.stderr].concat();
    Err(ClusterError::Failed {
        program: program.to_owned(),
        output: tail(&String::from_utf8_lossy(&text)),
    })
}

/// A running server; dropping it stops it in immediate mode and waits for its end.
pub(super) struct Postmaster {
    child: Child,
    pid: Pid,
}

impl Postmaster {
    pub(super) fn start(mut command: Command, log: &Path) -> Result<Self, ClusterError> {
        let failed = |source| ClusterError::Run { program: "postgres".to_owned(), source };
        let file = OpenOptions::new().create(true).append(true).open(log).map_err(failed)?;
        let copy = file.try_clone().map_err(failed)?;
        // A group of its own: Ctrl-C in the terminal is ours to handle.
        command.stdin(Stdio::null()).stdout(file).stderr(copy).process_group(0);
        let child = command.spawn().map_err(failed)?;
        let raw = child.id().and_then(|id| i32::try_from(id).ok()).unwrap_or(0);
        Ok(Self { child, pid: Pid::from_raw(raw) })
    }

    pub(super) async fn wait_until_ready(
        &mut self,
        url: &str,
        log: &Path,
        patience: Duration,
    ) -> Result<(), ClusterError> {
        let output = || tail(&std::fs::read_to_string(log).unwrap_or_default());
        let deadline = Instant::now() + patience;
        while Instant::now() < deadline {
            if tokio_postgres::connect(url, tokio_postgres::NoTls).await.is_ok() {
                return Ok(());
            }
            if matches!(self.child.try_wait(), Ok(Some(_))) {
                return Err(ClusterError::Failed {
                    program: "postgres".to_owned(),
                    output: output(),
                });
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        Err(ClusterError::TooSlow { what: "start", patience, output: output() })
    }

    /// Fast shutdown.
    pub(super) async fn stop(&mut self, patience: Duration) -> Result<(), ClusterError> {
        self.signal(Signal::SIGINT);
        match tokio::time::timeout(patience, self.child.wait()).await {
            Ok(_) => Ok(()),
            Err(_) => Err(ClusterError::TooSlow { what: "stop", patience, output: String::new() }),
        }
    }

    pub(super) fn reload(&self) {
        self.signal(Signal::SIGHUP);
    }

    fn signal(&self, signal: Signal) {
        if self.pid.as_raw() > 0 {
            // It may have ended by itself.
            let _gone = kill(self.pid, signal);
        }
    }
}

impl Drop for Postmaster {
    fn drop(&mut self) {
        if matches!(self.child.try_wait(), Ok(Some(_))) {
            return;
        }
        self.signal(Signal::SIGQUIT);
        // At most two seconds: long enough for an immediate shutdown.
        for _ in 0..200 {
            if !matches!(self.child.try_wait(), Ok(None)) {
                return;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        let _gone = self.child.start_kill();
    }
}

fn tail(text: &str) -> String {
    let lines: Vec<&str> = text.lines().collect();
    let from = lines.len().saturating_sub(15);
    lines.get(from..).unwrap_or_default().join("\n")
}
