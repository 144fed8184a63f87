//! The month-end report, on the primary.

use tokio_postgres::Error;

use super::Work;
use crate::demo::fault::Fault;

/// Quarters that it compares, each read anew, as reports made by an assistant do.
const QUARTERS: i32 = 8;

/// Of all time and by quarters, or of the last thirty days with memory enough.
pub(super) async fn month_end(work: &mut Work) -> Result<(), Error> {
    if work.has(Fault::MonthEnd) {
        return all_time(work).await;
    }
    work.begin().await?;
    work.rows("select set_config('work_mem', '64MB', true)", &[]).await?;
    work.rows(
        "select p.category_id, sum(l.amount)::float8 as revenue, sum(l.quantity * p.cost)::float8 as cost, \
           count(distinct o.id) as orders \
         from sale_order o join sale_order_line l on l.order_id = o.id join product_product p on p.id = l.product_id \
         where o.company_id = 1 and o.ordered_at >= now() - interval '30 days' \
         group by 1 order by revenue desc limit 500",
        &[],
    )
    .await?;
    work.commit().await
}

/// Margins by month, category and customer: joins the big tables, sorts more than work_mem holds.
async fn all_time(work: &mut Work) -> Result<(), Error> {
    work.begin().await?;
    for quarter in 0..QUARTERS {
        work.rows(
            "select date_trunc('month', o.ordered_at) as month, p.category_id, o.party_id, \
               sum(l.amount)::float8 as revenue, sum(l.quantity * p.cost)::float8 as cost, \
               count(distinct o.id) as orders, rank() over (partition by p.category_id order by sum(l.amount) desc) \
             from sale_order o join sale_order_line l on l.order_id = o.id join product_product p on p.id = l.product_id \
             where o.ordered_at < now() - make_interval(days => $1) \
             group by 1, 2, 3 order by revenue desc limit 500",
            &[&(quarter * 7)],
        )
        .await?;
    }
    work.rows(
        "select a.kind, a.code, e.period_id, sum(l.debit)::float8, sum(l.credit)::float8 \
         from account_entry_line l join account_entry e on e.id = l.entry_id join account_account a on a.id = l.account_id \
         group by 1, 2, 3 order by 1, 2, 3",
        &[],
    )
    .await?;
    work.rows(
        "select q.product_id, sum(q.quantity)::float8, (select count(*) from stock_move m where m.product_id = q.product_id and m.state = 'done') \
         from stock_quant q where q.product_id <= 50 group by 1",
        &[],
    )
    .await?;
    work.commit().await
}
