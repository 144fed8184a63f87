//! Whose processes the cluster's are.

use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use nix::unistd::{Gid, Uid, User};
use tokio::process::Command;

use super::ClusterError;

/// The account that PostgreSQL runs under: our own, or as root another one.
#[derive(Clone, Copy, Debug)]
pub(super) struct Account {
    other: Option<(Uid, Gid)>,
}

impl Account {
    pub(super) fn for_postgres() -> Result<Self, ClusterError> {
        if !Uid::effective().is_root() {
            return Ok(Self { other: None });
        }
        ["postgres", "nobody"]
            .iter()
            .find_map(|name| User::from_name(name).ok().flatten())
            .map(|user| Self { other: Some((user.uid, user.gid)) })
            .ok_or(ClusterError::NoAccount)
    }

    /// A command run under this account.
    pub(super) fn command(self, program: &Path) -> Command {
        let mut command = Command::new(program);
        if let Some((uid, gid)) = self.other {
            command.uid(uid.as_raw()).gid(gid.as_raw());
        }
        command
    }

    /// The first folder on the way to `path` that this account may not enter.
    pub(super) fn barred_from(self, path: &Path) -> Option<PathBuf> {
        let (uid, gid) = self.other?;
        let enters = |folder: &Path| {
            std::fs::metadata(folder).is_ok_and(|meta| {
                let execute = if meta.uid() == uid.as_raw() {
                    0o100
                } else if meta.gid() == gid.as_raw() {
                    0o010
                } else {
                    0o001
                };
                meta.mode() & execute != 0
            })
        };
        let mut way: Vec<&Path> = path.ancestors().collect();
        way.reverse();
        way.into_iter().find(|folder| !enters(folder)).map(Path::to_owned)
    }

    /// Makes a file or folder this account's, and closes it to others.
    pub(super) fn own(self, path: &Path) -> Result<(), ClusterError> {
        let failed = |source| ClusterError::Folder { path: path.to_owned(), source };
        if let Some((uid, gid)) = self.other {
            std::os::unix::fs::chown(path, Some(uid.as_raw()), Some(gid.as_raw()))
                .map_err(failed)?;
        }
        let mode = if path.is_dir() { 0o700 } else { 0o600 };
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).map_err(failed)
    }
}
