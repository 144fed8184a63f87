//! How many sessions there are, idle ones too.

use tokio_postgres::{Client, Statement as Prepared};

use super::SampleError;
use super::activity::text;

/// Sessions of one kind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Count {
    /// Their database; 0 for none.
    pub dbid: u32,
    /// Their role.
    pub userid: u32,
    /// As they named themselves.
    pub application_name: String,
    /// As pg_stat_activity has it; empty if the role may not see it.
    pub state: String,
    /// How many.
    pub count: u64,
}

/// The prepared query of one session.
pub struct Reader(Prepared);

impl Reader {
    /// Prepares the query.
    pub async fn prepare(client: &Client) -> Result<Self, SampleError> {
        Ok(Self(client.prepare(include_str!("sessions.sql")).await?))
    }

    /// Counts them.
    pub async fn read(&self, client: &Client) -> Result<Vec<Count>, SampleError> {
        let rows = client.query(&self.0, &[]).await?;
        rows.iter()
            .map(|row| {
                Ok(Count {
                    dbid: row.try_get(0)?,
                    userid: row.try_get(1)?,
                    application_name: text(row, 2)?,
                    state: text(row, 3)?,
                    count: u64::try_from(row.try_get::<_, i64>(4)?).unwrap_or(0),
                })
            })
            .collect()
    }
}
