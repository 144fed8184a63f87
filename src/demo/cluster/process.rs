//! PostgreSQL's processes.

use std::fs::OpenOptions;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use nix::sys::signal::{Signal, kill, killpg};
use nix::sys::wait::{WaitPidFlag, waitpid};
use nix::unistd::Pid;
use tokio::process::{Child, Command};
use tokio::time::Instant;

use super::ClusterError;

/// Runs a program to its end; an error holds the end of its output. If this is given up, the
/// program is killed with everything that it has started.
pub(super) async fn run(program: &str, command: &mut Command) -> Result<(), ClusterError> {
    let failed = |source| ClusterError::Run { program: program.to_owned(), source };
    // A group of its own: Ctrl-C in the terminal is ours to handle.
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).process_group(0);
    let child = command.kill_on_drop(true).spawn().map_err(failed)?;
    let mut group = Group { leader: pid(&child) };
    let output = child.wait_with_output().await.map_err(failed)?;
    group.leader = None;
    if output.status.success() {
        return Ok(());
    }
    let text = [output.stdout, output.stderr].concat();
    Err(ClusterError::Failed {
        program: program.to_owned(),
        output: tail(&String::from_utf8_lossy(&text)),
    })
}

/// A program and all that it has started; dropping it kills them.
struct Group {
    leader: Option<Pid>,
}

impl Drop for Group {
    fn drop(&mut self) {
        let Some(leader) = self.leader else { return };
        let _gone = killpg(leader, Signal::SIGKILL);
        // One that is dying can still make a file, so the group must be gone before its folder is.
        for _ in 0..200 {
            let _reaped = waitpid(leader, Some(WaitPidFlag::WNOHANG));
            if killpg(leader, None).is_err() {
                return;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

fn pid(child: &Child) -> Option<Pid> {
    child.id().and_then(|id| i32::try_from(id).ok()).map(Pid::from_raw)
}

/// How long an immediate shutdown may take: after five seconds PostgreSQL kills those of its
/// processes that do not end (SIGKILL_CHILDREN_AFTER_SECS in postmaster.c).
const IMMEDIATE: Duration = Duration::from_secs(8);

/// A running server; dropping it stops it in immediate mode and waits for its end.
pub(super) struct Postmaster {
    child: Child,
    pid: Option<Pid>,
}

impl Postmaster {
    pub(super) fn start(mut command: Command, log: &Path) -> Result<Self, ClusterError> {
        let failed = |source| ClusterError::Run { program: "postgres".to_owned(), source };
        let file = OpenOptions::new().create(true).append(true).open(log).map_err(failed)?;
        let copy = file.try_clone().map_err(failed)?;
        // A group of its own: Ctrl-C in the terminal is ours to handle.
        command.stdin(Stdio::null()).stdout(file).stderr(copy).process_group(0);
        let child = command.spawn().map_err(failed)?;
        let pid = pid(&child);
        Ok(Self { child, pid })
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
        if let Some(pid) = self.pid {
            // It may have ended by itself.
            let _gone = kill(pid, signal);
        }
    }
}

impl Drop for Postmaster {
    fn drop(&mut self) {
        if matches!(self.child.try_wait(), Ok(Some(_))) {
            return;
        }
        self.signal(Signal::SIGQUIT);
        let deadline = Instant::now() + IMMEDIATE;
        while Instant::now() < deadline {
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
