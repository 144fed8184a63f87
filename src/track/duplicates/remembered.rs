//! Counts of business keys as the history keeps them over restarts: an episode each.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};

use super::STALE;
use crate::history::{Episode, HistoryError, Reader};
use crate::sample::duplicates::Counted;
use crate::track::hours::unix;

/// How the history calls them.
const KIND: &str = "duplicate_count";
/// As many of a kind as it keeps.
const MOST: u32 = 10_000;

/// A key that was counted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Remembered {
    /// Name of the database.
    pub datname: Arc<str>,
    /// Name of the key.
    pub key: Arc<str>,
    /// When.
    pub at: SystemTime,
    /// How many.
    pub counted: Counted,
}

/// What an episode says of it: names and numbers, no value.
#[derive(Serialize, Deserialize)]
struct Told {
    datname: String,
    key: String,
    groups: u64,
    surplus: u64,
}

impl Remembered {
    /// As it is written; `None` if it cannot be.
    #[must_use]
    pub fn to_episode(&self, server: &Arc<str>) -> Option<Episode> {
        let Counted { groups, surplus } = self.counted;
        let (datname, key) = (self.datname.to_string(), self.key.to_string());
        let json = serde_json::to_string(&Told { datname, key, groups, surplus }).ok()?;
        let (server, at) = (Some(Arc::clone(server)), unix(self.at));
        Some(Episode { server, kind: KIND.into(), start: at, end: at, json })
    }

    fn of(episode: &Episode) -> Option<Self> {
        let Told { datname, key, groups, surplus } = serde_json::from_str(&episode.json).ok()?;
        let at = SystemTime::UNIX_EPOCH + Duration::from_secs(u64::try_from(episode.end).ok()?);
        let counted = Counted { groups, surplus };
        Some(Self { datname: datname.into(), key: key.into(), at, counted })
    }

    /// Those of a server that are not stale at `now`, the latest first; a line that cannot be read is left out.
    ///
    /// # Errors
    /// When the history cannot be read.
    pub fn read(
        reader: &Reader<'_>,
        server: &str,
        now: SystemTime,
    ) -> Result<Vec<Self>, HistoryError> {
        let until = unix(now) + 1;
        let from = until.saturating_sub_unsigned(STALE.as_secs());
        let all = reader.episodes(from, until, Some(KIND), MOST)?;
        let ours = all.iter().filter(|episode| episode.server.as_deref() == Some(server));
        Ok(ours.filter_map(Self::of).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_again_and_another_line_is_left_out() {
        let at = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000);
        let counted = Counted { groups: 3, surplus: 4 };
        let count = Remembered { datname: "erp \"x\"".into(), key: "email".into(), at, counted };
        let episode = count.to_episode(&"erp".into()).unwrap();
        assert_eq!((&*episode.kind, episode.start, episode.end), (KIND, 1_000_000, 1_000_000));
        assert_eq!(Remembered::of(&episode), Some(count));
        assert_eq!(Remembered::of(&Episode { json: "{}".into(), ..episode }), None);
    }
}
