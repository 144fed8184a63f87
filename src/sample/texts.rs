//! Texts of statements, asked for in batches and normalised before anything else sees them.

use std::collections::HashSet;

use tokio_postgres::{Client, Statement as Prepared};

use super::{SampleError, normalise};
use crate::pg::{Lossy, StatStatements, quoted};

/// What pg_stat_statements shows to a role which may not see a text.
const HIDDEN: &str = "<insufficient privilege>";

/// Texts between two breaths: a thousand of them take milliseconds, and others want to run.
const BREATH: usize = 64;

/// Whose text is wanted: text does not depend on `toplevel`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TextKey {
    /// Role that ran it.
    pub userid: u32,
    /// Database it ran in.
    pub dbid: u32,
    /// Hash of its shape.
    pub queryid: i64,
}

/// Texts that were found. Those which are hidden or gone are not in it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sample {
    /// What was asked for.
    pub asked: Vec<TextKey>,
    /// Normalised texts, cut to the wanted length.
    pub texts: Vec<(TextKey, String)>,
}

/// The prepared query of one session.
pub struct Reader {
    texts: Prepared,
    max_chars: usize,
}

impl Reader {
    /// Prepares the query; texts will be cut to `max_chars` characters.
    pub async fn prepare(
        client: &Client,
        found: &StatStatements,
        max_chars: usize,
    ) -> Result<Self, SampleError> {
        let sql = include_str!("texts.sql").replace("{schema}", &quoted(&found.schema));
        Ok(Self { texts: client.prepare(&sql).await?, max_chars })
    }

    /// Reads the texts of `asked`.
    pub async fn read(&self, client: &Client, asked: &[TextKey]) -> Result<Sample, SampleError> {
        let wanted: HashSet<&TextKey> = asked.iter().collect();
        let mut queryids: Vec<i64> = asked.iter().map(|key| key.queryid).collect();
        queryids.sort_unstable();
        queryids.dedup();
        // White space and comments go away: what is left should still fill the wanted length.
        let raw_chars = i32::try_from(self.max_chars.saturating_mul(8)).unwrap_or(i32::MAX);
        let mut texts = Vec::with_capacity(asked.len());
        let rows = client.query(&self.texts, &[&queryids, &raw_chars]).await?;
        for (index, row) in rows.iter().enumerate() {
            if index % BREATH == 0 {
                tokio::task::yield_now().await;
            }
            let key = TextKey {
                userid: row.try_get(0)?,
                dbid: row.try_get(1)?,
                queryid: row.try_get(2)?,
            };
            if let Some(Lossy(text)) = row.try_get(3)?
                && text != HIDDEN
                && wanted.contains(&key)
            {
                texts.push((key, normalise(&text, self.max_chars)));
            }
        }
        Ok(Sample { asked: asked.to_vec(), texts })
    }
}
