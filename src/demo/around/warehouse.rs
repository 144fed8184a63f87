//! The warehouse system: has a role of its own, and may write what the ERP keeps without asking it.

use std::time::Duration;

use tokio_postgres::Client;

use crate::demo::fault::{Fault, Faults};
use crate::demo::stage::Door;

/// Between two synchronisations.
const PAUSE: Duration = Duration::from_secs(2);

pub(super) async fn synchronise(mut session: Client, door: Door, seed: u64, faults: Faults) {
    let mut dice = fastrand::Rng::with_seed(seed);
    loop {
        tokio::time::sleep(PAUSE.mul_f64(0.5 + dice.f64())).await;
        // Its own: moves. Not its own: the quantities that the ERP keeps.
        let moved = "insert into stock_move (product_id, source_id, target_id, quantity, state, origin, planned_at) select 1 + (random() * 50)::int, 1, 2, 1, 'done', 'WMS', now()";
        let counted = "update stock_quant set quantity = quantity + 0.5 where id = (select id from stock_quant where product_id = 60 order by id limit 1)";
        let writes_foreign = faults.has(Fault::ForeignWrite);
        for sql in [Some(moved), writes_foreign.then_some(counted)].into_iter().flatten() {
            if let Err(error) = session.batch_execute(sql).await {
                tracing::debug!(%error, "the warehouse could not write");
            }
        }
        if session.is_closed()
            && let Ok(again) = door.enter_as("wms", "wms-sync").await
        {
            session = again;
        }
    }
}
