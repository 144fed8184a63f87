//! The job queue, polled often.

use tokio_postgres::Error;

use super::Work;
use crate::demo::fault::Fault;

/// Looks for the orders of the webshop's receipts, then does the next jobs, if there are any.
pub(super) async fn poll(work: &mut Work) -> Result<(), Error> {
    match_receipts(work).await?;
    if work.has(Fault::StuckJobs) {
        return try_one(work).await;
    }
    work.begin_read_committed().await?;
    let next = work
        .rows("select id from job_queue where state = 'pending' order by priority, created_at limit 10 for update skip locked", &[])
        .await?;
    let ids = next.iter().map(|row| row.try_get(0)).collect::<Result<Vec<i64>, _>>()?;
    if !ids.is_empty() {
        work.rows("update job_queue set state = 'done', attempts = attempts + 1, started_at = now(), done_at = clock_timestamp() where id = any($1)", &[&ids]).await?;
    }
    work.commit().await
}

/// The orders whose receipts are new. Not all receipts are looked at in every turn.
async fn match_receipts(work: &mut Work) -> Result<(), Error> {
    if work.any(3) > 1 {
        return Ok(());
    }
    let sql = if work.has(Fault::DifferentTypes) {
        "select r.id, o.state, o.amount from webshop_receipt r join sale_order o on o.id::text = r.order_ref where r.state = 'new'"
    } else {
        "select r.id, o.state, o.amount from webshop_receipt r join sale_order o on o.id = r.order_ref where r.state = 'new'"
    };
    work.rows(sql, &[]).await?;
    Ok(())
}

/// One job a turn, which is fewer than come. What should synchronise fails and is put back, with less
/// priority each time.
async fn try_one(work: &mut Work) -> Result<(), Error> {
    work.begin_read_committed().await?;
    let next = work
        .rows("select id, kind from job_queue where state = 'pending' order by priority, created_at limit 1 for update skip locked", &[])
        .await?;
    if let Some(row) = next.first() {
        let (id, kind): (i64, &str) = (row.try_get(0)?, row.try_get(1)?);
        if kind == "sync" {
            work.rows("update job_queue set attempts = attempts + 1, priority = priority + 1, started_at = now() where id = $1", &[&id]).await?;
        } else {
            work.rows("update job_queue set state = 'done', attempts = attempts + 1, started_at = now(), done_at = clock_timestamp() where id = $1", &[&id]).await?;
        }
    }
    work.commit().await
}
