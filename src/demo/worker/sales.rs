//! Order entry, and a price update that should be a job.

use std::time::Duration;

use tokio_postgres::Error;

use super::Work;
use crate::demo::fault::Fault;

/// Products in one transaction of a job that changes prices.
const BATCH: usize = 10;

/// An order of some lines: a number, prices, stock moves, and a total. The number is gapless, of one
/// row for all; a reservation changes the product's row.
pub(super) async fn order(work: &mut Work) -> Result<(), Error> {
    let (party, user) = (work.usual(work.sizes.parties), work.any(250));
    let lines = work.any(5);
    work.begin_read_committed().await?;
    work.rows("select id, name, credit_limit from party_party where id = $1", &[&party]).await?;
    let number = if work.has(Fault::HotNumber) {
        work.number("update base_sequence set number_next = number_next + 1 where code = 'sale.order' returning number_next").await?
    } else {
        work.number("select nextval('sale_order_number')").await?
    };
    let order = work
        .id("insert into sale_order (number, party_id, user_id, company_id, state, ordered_at) values ('SO' || $1::bigint, $2, $3, 1, 'confirmed', now()) returning id", &[&number, &party, &user])
        .await?;
    let mut products: Vec<i32> = (0..lines).map(|_| work.usual(work.sizes.products)).collect();
    products.sort_unstable();
    for product in products {
        let quantity = work.any(20);
        work.rows("select price::float8 from price_item where product_id = $1 and list_id = 1 order by valid_from desc limit 1", &[&product]).await?;
        work.rows("insert into sale_order_line (order_id, product_id, quantity, price, discount, amount) values ($1, $2, $3::int, 10, 0, 10 * $3::int)", &[&order, &product, &quantity]).await?;
        // Without it, the open move is all of the reservation.
        if work.has(Fault::HotStock) {
            work.rows("update stock_quant set reserved = reserved + $2::int, updated_at = now() where id = (select id from stock_quant where product_id = $1 order by id limit 1)", &[&product, &quantity]).await?;
        }
        work.rows("insert into stock_move (product_id, source_id, target_id, quantity, state, origin, planned_at) values ($1, 1, 2, $2::int, 'assigned', 'SO' || $3::bigint, now())", &[&product, &quantity, &number]).await?;
    }
    work.rows("update sale_order o set amount = (select coalesce(sum(l.amount), 0) from sale_order_line l where l.order_id = o.id) where o.id = $1", &[&order]).await?;
    work.rows("insert into base_message (model, record_id, author_id, subject, body) values ('sale_order', $1::int, $2, 'Order', 'Confirmed')", &[&order, &user]).await?;
    work.rows("insert into job_queue (kind, payload, state, priority) values ('mail', jsonb_build_object('order', $1::int), 'pending', 1)", &[&order]).await?;
    work.commit().await
}

/// Changes the prices of a whole category: by a user in one transaction, or as a job, in small ones.
pub(super) async fn reprice(work: &mut Work) -> Result<(), Error> {
    let category = work.any(80);
    if work.has(Fault::BulkReprice) {
        work.begin_read_committed().await?;
        work.rows("update price_item i set price = round(i.price * 1.001, 4) from product_product p where p.id = i.product_id and p.category_id = $1", &[&category]).await?;
        // The new price lists are rendered before the transaction ends.
        let rendering = work.pause(Duration::from_millis(400));
        tokio::time::sleep(rendering).await;
        work.rows("insert into base_audit (user_id, model, record_id, change) select 1, 'price_item', i.id, jsonb_build_object('price', i.price) from price_item i join product_product p on p.id = i.product_id where p.category_id = $1", &[&category]).await?;
        return work.commit().await;
    }
    let products = work
        .rows("select id from product_product where category_id = $1 order by id", &[&category])
        .await?;
    let products = products.iter().map(|row| row.try_get(0)).collect::<Result<Vec<i32>, _>>()?;
    for batch in products.chunks(BATCH) {
        work.begin_read_committed().await?;
        work.rows(
            "update price_item set price = round(price * 1.001, 4) where product_id = any($1)",
            &[&batch],
        )
        .await?;
        work.rows("insert into base_audit (user_id, model, record_id, change) select 1, 'price_item', id, jsonb_build_object('price', price) from price_item where product_id = any($1)", &[&batch]).await?;
        work.commit().await?;
    }
    Ok(())
}
