//! The job queue: polled often, without an index for it.

use tokio_postgres::Error;

use super::Work;

/// Takes the next job, if there is one, and does it.
pub(super) async fn poll(work: &mut Work) -> Result<(), Error> {
    work.begin_read_committed().await?;
    let next = work
        .rows("select id from job_queue where state = 'pending' order by priority, created_at limit 1 for update skip locked", &[])
        .await?;
    if let Some(row) = next.first() {
        let id: i64 = row.try_get(0)?;
        work.rows("update job_queue set state = 'done', attempts = attempts + 1, started_at = now(), done_at = clock_timestamp() where id = $1", &[&id]).await?;
    }
    work.commit().await
}
