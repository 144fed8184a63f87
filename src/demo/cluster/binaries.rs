//! Where PostgreSQL's programs are.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::ClusterError;

/// A folder with PostgreSQL's server programs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Binaries {
    folder: PathBuf,
}

impl Binaries {
    /// The given folder, or the one in `ERPSCOPE_PG_BIN`, and no other; else the first of PATH,
    /// what `pg_config` says, and Debian's and Red Hat's folders, newest version first.
    pub fn find(pg_bin: Option<&Path>) -> Result<Self, ClusterError> {
        let named = pg_bin
            .map(Path::to_owned)
            .or_else(|| std::env::var_os("ERPSCOPE_PG_BIN").map(Into::into));
        let candidates = match named {
            Some(folder) => vec![folder],
            None => path().into_iter().chain(pg_config()).chain(versions()).collect(),
        };
        match candidates.iter().find(|folder| has_programs(folder)) {
            // The programs are run from another folder than ours.
            Some(folder) => {
                Ok(Self { folder: std::path::absolute(folder).unwrap_or_else(|_| folder.clone()) })
            }
            None => Err(ClusterError::NoBinaries { looked_in: candidates }),
        }
    }

    /// The path of a program.
    #[must_use]
    pub fn program(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }
}

fn has_programs(folder: &Path) -> bool {
    ["initdb", "postgres"].iter().all(|program| folder.join(program).is_file())
}

fn path() -> Vec<PathBuf> {
    std::env::var_os("PATH").map(|path| std::env::split_paths(&path).collect()).unwrap_or_default()
}

fn pg_config() -> Option<PathBuf> {
    let output = Command::new("pg_config").arg("--bindir").output().ok()?;
    let folder = String::from_utf8(output.stdout).ok()?;
    (!folder.trim().is_empty()).then(|| folder.trim().into())
}

fn versions() -> Vec<PathBuf> {
    let mut found: Vec<(u32, PathBuf)> = Vec::new();
    for (root, prefix) in [("/usr/lib/postgresql", ""), ("/usr", "pgsql-")] {
        for entry in std::fs::read_dir(root).into_iter().flatten().flatten() {
            let name = entry.file_name();
            let version = name.to_str().and_then(|name| name.strip_prefix(prefix)?.parse().ok());
            if let Some(version) = version {
                found.push((version, entry.path().join("bin")));
            }
        }
    }
    found.sort_unstable_by(|a, b| b.cmp(a));
    found.into_iter().map(|(_, folder)| folder).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_without_the_programs_is_named_in_the_error() {
        let error = Binaries::find(Some(Path::new("/nowhere/bin"))).unwrap_err().to_string();
        assert!(error.contains("/nowhere/bin") && error.contains("--pg-bin"), "{error}");
    }
}
