//! One open log file and how far it has been read.

use std::fs::File;
use std::io;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use super::Batch;
use super::line::Format;
use super::place::{Candidate, FileId, ending};
use super::splitter::Splitter;

/// Bytes at the beginning of a file that tell it from others: its first record's time, user,
/// database, process and session.
const HEAD: usize = 256;

/// With fewer bytes two files can look the same; no record is shorter.
pub(super) const SURE: usize = 32;

/// Bytes of one read.
const CHUNK: usize = 1 << 16;

/// How a file begins.
#[derive(Clone, Debug, Default)]
pub(super) struct Head(Vec<u8>);

impl Head {
    fn of(file: &File) -> io::Result<Self> {
        let mut bytes = vec![0; HEAD];
        let read = file.read_at(&mut bytes, 0)?;
        bytes.truncate(read);
        Ok(Self(bytes))
    }

    /// Empty for a file that cannot be read: that is told when it is opened to be followed.
    pub(super) fn read(path: &Path) -> Self {
        File::open(path).and_then(|file| Self::of(&file)).unwrap_or_default()
    }

    /// Whether a file that began like this may have grown to one that begins like `later`.
    pub(super) fn grows_to(&self, later: &Self) -> bool {
        later.0.starts_with(&self.0)
    }

    /// Whether the one file is a copy of the other, perhaps not whole yet.
    pub(super) fn is_copy_of(&self, other: &Self) -> bool {
        self.0.len().min(other.0.len()) >= SURE && (self.grows_to(other) || other.grows_to(self))
    }

    /// The format by content; an empty file has none yet, a torn beginning that of the name.
    pub(super) fn format(&self, path: &Path) -> Option<Format> {
        if self.0.is_empty() {
            return None;
        }
        Format::of(&self.0).or_else(|| ending(path))
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// The file that is followed.
#[derive(Debug)]
pub(super) struct Tail {
    file: File,
    pub(super) path: PathBuf,
    pub(super) id: FileId,
    pub(super) head: Head,
    /// Bytes that were read.
    pub(super) offset: u64,
    splitter: Splitter,
}

impl Tail {
    /// `None` if the file was rotated away since it was listed: the next turn sees what is there.
    pub(super) fn open(candidate: &Candidate, offset: u64) -> io::Result<Option<Self>> {
        let file = match File::open(&candidate.path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            opened => opened?,
        };
        let head = Head::of(&file)?;
        let format = head.format(&candidate.path);
        let splitter = if offset == 0 {
            Splitter::new(format)
        } else {
            let mut before = [0];
            file.read_at(&mut before, offset - 1)?;
            Splitter::midway(format, before != *b"\n")
        };
        let (path, id) = (candidate.path.clone(), candidate.id);
        let is_listed = FileId::of(&file.metadata()?) == id;
        Ok(is_listed.then_some(Self { file, path, id, head, offset, splitter }))
    }

    /// Reads what is new, at most `room` bytes, which it lessens.
    pub(super) fn read(&mut self, room: &mut usize, batch: &mut Batch) -> io::Result<()> {
        let head = Head::of(&self.file)?;
        if self.file.metadata()?.len() < self.offset || !self.head.grows_to(&head) {
            batch.truncated += 1;
            self.splitter.finish(batch);
            self.splitter = Splitter::new(self.splitter.format());
            self.offset = 0;
        }
        self.head = head;
        let mut chunk = vec![0; CHUNK];
        while *room > 0 {
            let wanted = CHUNK.min(*room);
            let part = chunk.get_mut(..wanted).unwrap_or_default();
            let read = match self.file.read_at(part, self.offset) {
                Ok(0) => break,
                Ok(read) => read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            };
            self.splitter.feed(chunk.get(..read).unwrap_or_default(), batch);
            self.offset += read as u64;
            *room = room.saturating_sub(read);
        }
        Ok(())
    }

    pub(super) const fn format(&self) -> Option<Format> {
        self.splitter.format()
    }

    /// Bytes that were not read yet.
    pub(super) fn behind(&self) -> u64 {
        self.file.metadata().map_or(0, |meta| meta.len().saturating_sub(self.offset))
    }

    pub(super) fn written(&self) -> SystemTime {
        let written = self.file.metadata().and_then(|meta| meta.modified());
        written.unwrap_or(SystemTime::UNIX_EPOCH)
    }

    pub(super) fn is_deleted(&self) -> bool {
        self.file.metadata().is_ok_and(|meta| meta.nlink() == 0)
    }

    /// It is read no more.
    pub(super) fn finish(&mut self, batch: &mut Batch) {
        self.splitter.finish(batch);
    }
}
