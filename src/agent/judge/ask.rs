//! Asking the history, beside the threads that sample.

use std::sync::Arc;

use crate::history::{History, HistoryError, Reader};

/// What the history answers, asked on a thread that may wait for it.
pub(super) async fn ask<T: Send + 'static>(
    history: &Arc<History>,
    ask: impl FnOnce(&Reader<'_>) -> Result<T, HistoryError> + Send + 'static,
) -> Result<T, HistoryError> {
    let history = Arc::clone(history);
    let asking = tokio::task::spawn_blocking(move || history.ask(ask));
    asking.await.unwrap_or(Err(HistoryError::Ended))?
}
