//! The warehouse.

use tokio_postgres::Error;

use super::Work;

/// Takes an open move (which no index finds), moves the goods and closes it.
pub(super) async fn move_goods(work: &mut Work) -> Result<(), Error> {
    let skip = i64::from(work.any(40));
    work.begin_read_committed().await?;
    let open = work
        .rows("select id, product_id from stock_move where state = 'assigned' order by planned_at offset $1 limit 1", &[&skip])
        .await?;
    if let Some(row) = open.first() {
        let (id, product): (i64, i32) = (row.try_get(0)?, row.try_get(1)?);
        work.rows("update stock_quant set quantity = quantity - 1, reserved = greatest(reserved - 1, 0), updated_at = now() where id = (select id from stock_quant where product_id = $1 order by id limit 1)", &[&product]).await?;
        work.rows("update stock_move set state = 'done', done_at = now() where id = $1 and state = 'assigned'", &[&id]).await?;
        work.rows("insert into base_audit (user_id, model, record_id, change) values (1, 'stock_move', $1, '{\"state\": \"done\"}')", &[&id]).await?;
    }
    work.commit().await
}
