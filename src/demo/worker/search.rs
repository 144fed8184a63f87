//! People looking for things.

use tokio_postgres::Error;

use super::Work;

/// Names by a part of them, an e-mail address without its case, the newest orders, open items.
pub(super) async fn look_up(work: &mut Work) -> Result<(), Error> {
    match work.any(5) {
        1 | 2 => {
            let name = match work.any(3) {
                1 => "%technik g%",
                2 => "%handel g%",
                _ => "%logistik g%",
            };
            work.rows("select id, code, name from party_party where name ilike $1 and active order by name limit 20", &[&name]).await?;
        }
        3 => {
            let email = format!("office{}@example.com", work.any(work.sizes.parties));
            work.rows("select id, code, name from party_party where lower(email) = $1", &[&email])
                .await?;
        }
        4 => {
            work.rows("select id, number, party_id, amount::float8 from sale_order where company_id = 1 order by ordered_at desc limit 40", &[]).await?;
        }
        _ => {
            let party = work.usual(work.sizes.parties);
            work.rows("select id, number, residual::float8 from account_invoice where party_id = $1 and state = 'open' order by due_on", &[&party]).await?;
        }
    }
    Ok(())
}
