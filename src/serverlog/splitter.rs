//! From bytes to records, however they are cut: what is not whole waits for its end.
//!
//! Bytes can be of any encoding: in those that a database may have, quotes, commas and newlines
//! are never part of another character.

use super::Batch;
use super::csv;
use super::entry::entry;
use super::line::Format;

/// Bytes of a record; longer ones are passed over.
const LONGEST: usize = 1 << 20;

/// Takes the bytes of one file in turn.
#[derive(Debug)]
pub(super) struct Splitter {
    /// Known from the beginning of the file, or from the first line that tells.
    format: Option<Format>,
    /// The beginning of a record was seen: what cannot be read now is torn, not begun before us.
    joined: bool,
    /// We stand inside a line that was begun before us.
    inside: bool,
    line: Part,
    /// The lines before `line` of a record that is not whole.
    record: Part,
}

/// Bytes up to [`LONGEST`], and what is to be known of all of them.
#[derive(Debug, Default)]
struct Part {
    bytes: Vec<u8>,
    is_begun: bool,
    is_too_long: bool,
    /// The number of quotes is odd.
    is_open: bool,
}

impl Part {
    fn push(&mut self, bytes: &[u8]) {
        self.is_begun |= !bytes.is_empty();
        self.is_open ^= bytes.iter().fold(false, |open, byte| open ^ (*byte == b'"'));
        self.keep(bytes);
    }

    fn append(&mut self, line: &Self) {
        self.is_begun |= line.is_begun;
        self.is_open ^= line.is_open;
        self.is_too_long |= line.is_too_long;
        self.keep(&line.bytes);
    }

    fn keep(&mut self, bytes: &[u8]) {
        self.is_too_long |= self.bytes.len() + bytes.len() > LONGEST;
        if self.is_too_long {
            self.bytes = Vec::new();
        } else {
            self.bytes.extend_from_slice(bytes);
        }
    }
}

impl Splitter {
    /// For a file from its beginning.
    pub(super) fn new(format: Option<Format>) -> Self {
        Self { format, joined: true, inside: false, line: Part::default(), record: Part::default() }
    }

    /// For a file from somewhere else: nothing counts until a record begins. `inside` a line?
    pub(super) fn midway(format: Option<Format>, inside: bool) -> Self {
        Self { joined: format.is_none(), inside, ..Self::new(format) }
    }

    pub(super) const fn format(&self) -> Option<Format> {
        self.format
    }

    pub(super) fn feed(&mut self, bytes: &[u8], batch: &mut Batch) {
        for part in bytes.split_inclusive(|byte| *byte == b'\n') {
            self.line.push(part);
            if part.ends_with(b"\n") {
                let line = std::mem::take(&mut self.line);
                self.end_line(&line, batch);
            }
        }
    }

    /// There will be no more of this file: a record that is not whole is torn.
    pub(super) fn finish(&mut self, batch: &mut Batch) {
        let is_begun = self.line.is_begun || self.record.is_begun;
        let is_ours = self.joined || !self.inside && Format::of(&self.line.bytes).is_some();
        batch.unreadable += u64::from(is_begun && is_ours);
        (self.line, self.record) = (Part::default(), Part::default());
    }

    fn end_line(&mut self, line: &Part, batch: &mut Batch) {
        if std::mem::take(&mut self.inside) {
            return;
        }
        self.format = self.format.or_else(|| Format::of(&line.bytes));
        if self.format != Some(Format::Csv) {
            self.joined |= line.bytes.starts_with(b"{");
            return self.end_record(line, batch);
        }
        self.join(line, batch);
        if !self.joined {
            return;
        }
        self.record.append(line);
        if !self.record.is_open {
            let record = std::mem::take(&mut self.record);
            self.end_record(&record, batch);
        }
    }

    /// A record that begins where another one is open, or none was seen yet.
    fn join(&mut self, line: &Part, batch: &mut Batch) {
        let is_doubtful = !self.joined || self.record.is_begun;
        if !is_doubtful
            || !csv::begins(&line.bytes)
            || !csv::begins_for_sure(&String::from_utf8_lossy(&line.bytes))
        {
            return;
        }
        if self.record.is_begun {
            count_lost(&self.record, batch);
            self.record = Part::default();
        }
        self.joined = true;
    }

    fn end_record(&self, record: &Part, batch: &mut Batch) {
        if record.is_too_long {
            return count_lost(record, batch);
        }
        let text = String::from_utf8_lossy(&record.bytes);
        let line = self.format.and_then(|format| format.parse(text.trim_end_matches(['\n', '\r'])));
        match line {
            Some(line) => {
                batch.read += 1;
                batch.entries.extend(entry(&line));
            }
            None if self.joined => batch.unreadable += 1,
            None => {}
        }
    }
}

fn count_lost(record: &Part, batch: &mut Batch) {
    if record.is_too_long {
        batch.too_long += 1;
    } else {
        batch.unreadable += 1;
    }
}
