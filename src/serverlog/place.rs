//! Where a log is: a file, the logs in a folder, or those that a pattern names.

use std::ffi::OsStr;
use std::fs::Metadata;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use super::error::LogError;
use super::line::Format;

/// A file system's own name for a file, which a rename does not change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct FileId {
    device: u64,
    inode: u64,
}

impl FileId {
    pub(super) fn of(meta: &Metadata) -> Self {
        Self { device: meta.dev(), inode: meta.ino() }
    }
}

/// A file that may be the log.
#[derive(Clone, Debug)]
pub(super) struct Candidate {
    pub(super) path: PathBuf,
    pub(super) id: FileId,
    pub(super) len: u64,
    pub(super) written: SystemTime,
}

/// All candidates, the one that was written last at the end.
pub(super) fn list(path: &Path) -> Result<Vec<Candidate>, LogError> {
    let mut found = if let Some((folder, pattern)) = pattern(path) {
        entries(folder, &|name| matches(pattern, &name.to_string_lossy()))?
    } else {
        let meta = std::fs::metadata(path).map_err(|error| LogError::new(path, &error))?;
        if meta.is_dir() {
            entries(path, &|name| ending(Path::new(name)).is_some())?
        } else {
            candidate(path.to_owned(), &meta).into_iter().collect()
        }
    };
    found.sort_by(|a, b| (a.written, &a.path).cmp(&(b.written, &b.path)));
    if found.is_empty() {
        return Err(LogError::Missing { path: path.to_owned() });
    }
    Ok(found)
}

/// The folder and the pattern, if the last part has a `*`.
pub(super) fn pattern(path: &Path) -> Option<(&Path, &str)> {
    let last = path.file_name()?.to_str().filter(|last| last.contains('*'))?;
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    Some((folder.unwrap_or(Path::new(".")), last))
}

fn entries(folder: &Path, is_wanted: &dyn Fn(&OsStr) -> bool) -> Result<Vec<Candidate>, LogError> {
    let failed = |error: io::Error| LogError::new(folder, &error);
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        if !is_wanted(&entry.file_name()) {
            continue;
        }
        match std::fs::metadata(entry.path()) {
            Ok(meta) => found.extend(candidate(entry.path(), &meta)),
            // It was rotated away just now.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(LogError::new(entry.path(), &error)),
        }
    }
    Ok(found)
}

/// Pipes and devices are no logs: to open them could wait for ever.
fn candidate(path: PathBuf, meta: &Metadata) -> Option<Candidate> {
    let written = meta.modified().unwrap_or(SystemTime::UNIX_EPOCH);
    meta.is_file().then(|| Candidate { path, id: FileId::of(meta), len: meta.len(), written })
}

/// What the name of a file says of its format.
pub(super) fn ending(path: &Path) -> Option<Format> {
    match path.extension()?.to_str()? {
        "csv" => Some(Format::Csv),
        "json" => Some(Format::Json),
        _ => None,
    }
}

/// Whether a name is as a pattern says, where each `*` stands for anything.
fn matches(pattern: &str, name: &str) -> bool {
    let Some((first, others)) = pattern.split_once('*') else {
        return pattern == name;
    };
    let Some(mut rest) = name.strip_prefix(first) else {
        return false;
    };
    let (middle, last) = others.rsplit_once('*').unwrap_or(("", others));
    for part in middle.split('*') {
        let Some((_, after)) = rest.split_once(part) else {
            return false;
        };
        rest = after;
    }
    rest.ends_with(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_stands_for_anything() {
        for (pattern, name, expected) in [
            ("postgresql-*.csv", "postgresql-2025-03-01.csv", true),
            ("postgresql-*.csv", "postgresql-.csv", true),
            ("postgresql-*.csv", "postgresql-1.csv.gz", false),
            ("*", "", true),
            ("a*b*c", "a-b-b-c", true),
            ("a*b*c", "a-c-b", false),
            ("a**c", "abc", true),
            ("ab*ba", "aba", false),
            ("a*b*b", "ab", false),
        ] {
            assert_eq!(matches(pattern, name), expected, "{pattern} {name}");
        }
        assert_eq!(pattern(Path::new("p*.csv")), Some((Path::new("."), "p*.csv")));
        assert_eq!(pattern(Path::new("/log/p.csv")), None);
    }
}
