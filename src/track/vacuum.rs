//! How near databases are to wraparound, and what vacuum does.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::sample::Moment;
use crate::sample::vacuum::Running as Read;

/// All databases of one server.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct View {
    /// When that was read; `None` before.
    pub at: Option<Moment>,
    /// By label `datname`; of those in `other` the oldest.
    pub ages: BTreeMap<Arc<str>, Age>,
    /// Transaction ids that the server uses in a second, over the last hour; `None` before the
    /// second sample.
    pub xids_per_second: Option<f64>,
    /// Vacuums that run, the oldest first.
    pub running: Vec<Running>,
}

/// Transactions since the oldest that is not frozen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Age {
    /// Transactions.
    pub xids: u32,
    /// Multixacts.
    pub mxids: u32,
}

/// Ids after which the server takes no more writes: 2^31 less three million (SetTransactionIdLimit
/// in src/backend/access/transam/varsup.c).
pub const WRAPAROUND: f64 = 2_147_483_648.0 - 3_000_000.0;

impl View {
    /// Days until the server takes no more writes if no vacuum comes, at the rate of late.
    #[must_use]
    pub fn days_left(&self, age: Age) -> Option<f64> {
        let rate = self.xids_per_second.filter(|rate| *rate > 0.0)?;
        Some((WRAPAROUND - f64::from(age.xids)).max(0.0) / rate / 86_400.0)
    }
}

/// A vacuum that runs.
#[derive(Clone, Debug, PartialEq)]
pub struct Running {
    /// Label `datname`.
    pub datname: Arc<str>,
    /// Schema and name, if that is known.
    pub relation: Option<(Arc<str>, Arc<str>)>,
    /// The table's module, else `other`.
    pub module: Arc<str>,
    /// How far it is.
    pub read: Read,
}

impl Running {
    /// Share of the table's blocks that were scanned.
    #[must_use]
    pub fn scanned_ratio(&self) -> Option<f64> {
        let Read { blocks, blocks_scanned, .. } = self.read;
        #[expect(clippy::cast_precision_loss, reason = "a share")]
        (blocks > 0).then(|| blocks_scanned as f64 / blocks as f64)
    }
}
