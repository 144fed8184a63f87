//! Purchasing.

use tokio_postgres::Error;

use super::Work;

/// A purchase order for what sells.
pub(super) async fn order(work: &mut Work) -> Result<(), Error> {
    let (supplier, user, product) =
        (work.usual(work.sizes.parties), work.any(250), work.usual(work.sizes.products));
    work.begin_read_committed().await?;
    // No index on product_supplier.product_id.
    work.rows("select party_id, price::float8, lead_days from product_supplier where product_id = $1 order by price limit 3", &[&product]).await?;
    let number = work.number("update base_sequence set number_next = number_next + 1 where code = 'purchase.order' returning number_next").await?;
    let order = work
        .id("insert into purchase_order (number, party_id, user_id, state, ordered_at) values ('PO' || $1::bigint, $2, $3, 'confirmed', now()) returning id", &[&number, &supplier, &user])
        .await?;
    work.rows("insert into purchase_order_line (order_id, product_id, quantity, price) values ($1, $2, 100, 5)", &[&order, &product]).await?;
    work.rows(
        "select sum(quantity * price)::float8 from purchase_order_line where order_id = $1",
        &[&order],
    )
    .await?;
    work.commit().await
}
