//! Following a log through its rotations.

use std::collections::HashMap;
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use super::line::Format;
use super::place::{self, Candidate, FileId};
use super::tail::{Head, SURE, Tail};
use super::{Batch, LogError};

/// Bytes of one call.
const BATCH: usize = 4 << 20;

/// A log in the other format is taken up when ours has been silent for so long and it has not.
const SWITCH: Duration = Duration::from_secs(60);

/// Files that are remembered though they are not there any more.
const REMEMBERED: usize = 1_024;

/// Follows the log of one server.
///
/// What was written before the first call that finds a log is not ours: following begins at the
/// end of the file that was written last. Rotation is followed whichever way it is done: a new file
/// with another name; the old one renamed and a new one under its name; a copy made and the file
/// emptied; an old file emptied and used again. The old file is read to its end first, and stays
/// open until the new one has a record, because PostgreSQL goes on writing to it until then.
///
/// A server that writes csvlog and jsonlog has every record twice; of the two one is followed.
///
/// A call costs one `stat` a file that the path names, and one read of what is new.
#[derive(Debug)]
pub struct Follower {
    path: PathBuf,
    is_begun: bool,
    /// Where we stand in the files that are not followed now.
    seen: HashMap<FileId, Sight>,
    tail: Option<Tail>,
}

/// A file as it was when it was looked at last.
#[derive(Debug)]
struct Sight {
    /// Bytes that are not ours or have been read.
    len: u64,
    written: SystemTime,
    head: Head,
}

impl Sight {
    fn of(candidate: &Candidate, head: Head) -> Self {
        Self { len: candidate.len, written: candidate.written, head }
    }
}

impl Follower {
    /// `path` is a file, a folder (then all its `*.csv` and `*.json`), or a path whose last part
    /// has a `*`, such as `/var/log/postgresql/postgresql-*.csv`. Nothing is read yet.
    #[must_use]
    pub fn new(path: PathBuf) -> Self {
        Self { path, is_begun: false, seen: HashMap::new(), tail: None }
    }

    /// All that is new since the last call, at most 4 MiB of the log. Reads files, so it belongs on
    /// a thread that may block. What goes wrong is in the batch, and is tried again at each call.
    pub fn read(&mut self) -> Batch {
        let mut batch = Batch::default();
        let listed = place::list(&self.path).unwrap_or_else(|error| {
            batch.error = Some(error);
            Vec::new()
        });
        if !self.is_begun {
            self.seen = listed.iter().map(|c| (c.id, Sight::of(c, Head::read(&c.path)))).collect();
            self.is_begun = !listed.is_empty();
        }
        self.follow(&listed, &mut batch);
        self.judge(&mut batch);
        if self.seen.len() > listed.len() + REMEMBERED {
            self.seen.retain(|id, _| listed.iter().any(|candidate| candidate.id == *id));
        }
        batch
    }

    /// Reads the file we follow to its end, then the next one, and so on.
    fn follow(&mut self, listed: &[Candidate], batch: &mut Batch) {
        let mut room = BATCH;
        for _ in 0..=listed.len() {
            // Chosen first: once the server has written to the next file, this one has its end.
            let next = self.next(listed);
            if let Some(tail) = &mut self.tail {
                if let Err(error) = tail.read(&mut room, batch) {
                    batch.error = Some(LogError::new(&tail.path, &error));
                    return self.close(batch);
                }
                if room == 0 {
                    batch.behind = tail.behind();
                    return;
                }
            }
            let Some((candidate, offset)) = next else {
                return;
            };
            match Tail::open(candidate, offset) {
                Ok(Some(tail)) => {
                    self.close(batch);
                    self.tail = Some(tail);
                }
                Ok(None) => return,
                Err(error) => {
                    batch.error = Some(LogError::new(&candidate.path, &error));
                    return;
                }
            }
        }
    }

    /// The file to be read after ours, and from where: the first that was written to since it was
    /// last looked at. Without a file of ours, the one that was written last.
    fn next<'a>(&mut self, listed: &'a [Candidate]) -> Option<(&'a Candidate, u64)> {
        let changed = listed.iter().find_map(|c| self.new_part(c).map(|offset| (c, offset)));
        if changed.is_some() || self.tail.is_some() {
            return changed;
        }
        let newest = listed.iter().rev().find(|candidate| {
            let head = Head::read(&candidate.path);
            self.is_a_log(candidate, &head)
        })?;
        Some((newest, self.seen.get(&newest.id).map_or(0, |sight| sight.len)))
    }

    /// Where the new part of a file begins, if it has one and may be followed.
    fn new_part(&mut self, candidate: &Candidate) -> Option<u64> {
        if self.tail.as_ref().is_some_and(|tail| tail.id == candidate.id) {
            return None;
        }
        let sight = self.seen.get(&candidate.id);
        if candidate.len < SURE as u64
            || sight.is_some_and(|s| (s.len, s.written) == (candidate.len, candidate.written))
            || sight.is_none() && self.is_older(candidate)
        {
            return None;
        }
        let head = Head::read(&candidate.path);
        let offset = match sight {
            Some(Sight { len, head: known, .. })
                if known.grows_to(&head) || known.is_copy_of(&head) =>
            {
                *len
            }
            _ => 0,
        };
        // The server goes on in the copy only if it has lost the file of ours.
        let may_grow = offset > 0 && self.tail.as_ref().is_none_or(Tail::is_deleted);
        if candidate.len > offset
            && (may_grow || !self.is_a_copy(candidate, &head))
            && self.is_a_log(candidate, &head)
        {
            return Some(offset);
        }
        self.seen.insert(candidate.id, Sight::of(candidate, head));
        None
    }

    /// Whether the server wrote to our file after this one: then this one was unpacked or put back.
    fn is_older(&self, candidate: &Candidate) -> bool {
        self.tail.as_ref().is_some_and(|tail| candidate.written < tail.written())
    }

    /// Whether a file begins like another that is known.
    fn is_a_copy(&self, candidate: &Candidate, head: &Head) -> bool {
        let ours = self.tail.iter().map(|tail| (&tail.id, &tail.head));
        let others = self.seen.iter().map(|(id, sight)| (id, &sight.head));
        ours.chain(others).any(|(id, known)| *id != candidate.id && head.is_copy_of(known))
    }

    /// Whether a file may be the log, and not the same log in the format that we do not follow.
    fn is_a_log(&self, candidate: &Candidate, head: &Head) -> bool {
        let format = head.format(&candidate.path).or_else(|| place::ending(&candidate.path));
        let is_named = candidate.path == self.path;
        if format.is_none() && !head.is_empty() && !is_named {
            return false;
        }
        let Some(tail) = &self.tail else {
            return true;
        };
        let ours: Option<Format> = tail.format().or_else(|| place::ending(&tail.path));
        ours == format
            || ours.is_none()
            || format.is_none()
            || tail.written().checked_add(SWITCH).is_some_and(|late| candidate.written >= late)
    }

    fn close(&mut self, batch: &mut Batch) {
        if let Some(mut tail) = self.tail.take() {
            tail.finish(batch);
            let (len, written) = (tail.offset, tail.written());
            self.seen.insert(tail.id, Sight { len, written, head: tail.head });
        }
    }

    /// What the files themselves do not say.
    fn judge(&self, batch: &mut Batch) {
        let is_missing = matches!(batch.error, None | Some(LogError::Missing { .. }));
        match &self.tail {
            Some(tail) if is_missing && tail.is_deleted() => {
                batch.error = Some(LogError::Deleted { path: tail.path.clone() });
            }
            None if batch.error.is_none() => {
                batch.error = Some(LogError::Missing { path: self.path.clone() });
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests;
