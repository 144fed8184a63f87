//! An import of a partner, which may hold hot rows while it does something else.

use std::time::Duration;

use tokio_postgres::Error;

use super::Work;
use crate::demo::fault::Fault;

/// Takes the sales numbers' row and changes the stock of the best-selling product; then it may be idle
/// in transaction for some seconds, as if it waited for an answer from outside.
pub(super) async fn import(work: &mut Work) -> Result<(), Error> {
    work.begin_read_committed().await?;
    work.rows("select number_next from base_sequence where code = 'sale.order' for update", &[])
        .await?;
    work.rows("update stock_quant set quantity = quantity + 10, updated_at = now() where id = (select id from stock_quant where product_id = 1 order by id limit 1)", &[]).await?;
    if work.has(Fault::IdleImport) {
        let hold = work.pause(Duration::from_secs(4));
        tokio::time::sleep(hold).await;
    }
    work.commit().await
}
