//! Invoicing and posting.

use tokio_postgres::Error;

use super::Work;

/// Invoices an order and posts it: two gapless numbers, lines, a balanced entry.
pub(super) async fn post_invoice(work: &mut Work) -> Result<(), Error> {
    let order = work.any(work.sizes.orders);
    work.begin().await?;
    let lines = work.rows("select product_id, quantity::float8, amount::float8 from sale_order_line where order_id = $1", &[&order]).await?;
    let number = work.number("update base_sequence set number_next = number_next + 1 where code = 'account.invoice' returning number_next").await?;
    let invoice = work
        .id("insert into account_invoice (number, party_id, kind, state, invoiced_on, due_on, order_id, amount, residual) select 'RE' || $1::bigint, o.party_id, 'out', 'open', current_date, current_date + 30, o.id, o.amount, o.amount from sale_order o where o.id = $2 returning id", &[&number, &order])
        .await?;
    for line in lines {
        let product: i32 = line.try_get(0)?;
        work.rows("insert into account_invoice_line (invoice_id, product_id, account_id, tax_id, quantity, price, amount) values ($1, $2, 40, 3, 1, 10, 10)", &[&invoice, &product]).await?;
    }
    let entry = work
        .id("insert into account_entry (journal_id, period_id, number, posted_on, reference) values (1, 12, 'BE' || $1::bigint, current_date, 'RE' || $1::bigint) returning id", &[&number])
        .await?;
    work.rows("insert into account_entry_line (entry_id, account_id, debit, credit, reconciled) values ($1, 10, 100, 0, false), ($1, 40, 0, 84, false), ($1, 70, 0, 16, false)", &[&entry]).await?;
    work.commit().await
}
