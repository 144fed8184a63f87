//! The warehouse.

use tokio_postgres::Error;

use super::Work;
use crate::demo::fault::Fault;

/// Takes an open move, moves the goods and closes it; now and then plans a shipment and thinks better
/// of it.
pub(super) async fn move_goods(work: &mut Work) -> Result<(), Error> {
    let skip = i64::from(work.any(40));
    let is_hot = work.has(Fault::HotStock);
    work.begin_read_committed().await?;
    let open = if is_hot {
        work.rows("select id, product_id from stock_move where state = 'assigned' order by planned_at offset $1 limit 1", &[&skip]).await?
    } else {
        work.rows("select id, product_id from stock_move where state = 'assigned' order by planned_at offset $1 limit 1 for update skip locked", &[&skip]).await?
    };
    if let Some(row) = open.first() {
        let (id, product): (i64, i32) = (row.try_get(0)?, row.try_get(1)?);
        if is_hot {
            take(work, product).await?;
        }
        work.rows("update stock_move set state = 'done', done_at = now() where id = $1 and state = 'assigned'", &[&id]).await?;
        work.rows("insert into base_audit (user_id, model, record_id, change) values (1, 'stock_move', $1, '{\"state\": \"done\"}')", &[&id]).await?;
        // Last, so that the product's row is locked for no longer than it must be.
        if !is_hot {
            take(work, product).await?;
        }
    }
    if work.any(10) == 1 {
        let party = work.usual(work.sizes.parties);
        let shipment = work.id("insert into stock_shipment (party_id, warehouse_id, direction, state, carrier, planned_on) values ($1, 1, 'out', 'draft', 'DHL', current_date) returning id", &[&party]).await?;
        work.rows("delete from stock_shipment where id = $1", &[&shipment]).await?;
    }
    work.commit().await
}

async fn take(work: &mut Work, product: i32) -> Result<(), Error> {
    work.rows("update stock_quant set quantity = quantity - 1, reserved = greatest(reserved - 1, 0), updated_at = now() where id = (select id from stock_quant where product_id = $1 order by id limit 1)", &[&product]).await?;
    Ok(())
}
