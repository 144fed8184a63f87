//! A way in for fuzzing: from the bytes of a body to spans that are accounted for.

use std::time::SystemTime;

use super::read::{Encoding, spans};
use super::sort::Sorter;
use crate::integration::Integrations;

/// Reads and sorts a body; returns how many spans it has, and how many were accepted, refused or
/// told twice. `None` if it cannot be read.
#[must_use]
pub fn sort(body: &[u8], is_json: bool) -> Option<(u64, u64)> {
    let encoding = if is_json { Encoding::Json } else { Encoding::Protobuf };
    let request = spans(body, encoding).ok()?;
    let scopes = request.resource_spans.iter().flat_map(|batch| &batch.scope_spans);
    let count = scopes.map(|scope| scope.spans.len()).sum::<usize>();
    let integrations = Integrations::default();
    let sorted =
        Sorter::default().sort(&request.resource_spans, &integrations, SystemTime::UNIX_EPOCH);
    let tally = &sorted.tally;
    let accounted = tally.accepted.values().chain(tally.refused.values()).sum::<u64>();
    Some((u64::try_from(count).ok()?, accounted + tally.told_twice))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn every_span_of_a_body_is_accounted_for(
            ids in prop::collection::vec(("[0-9a-f]{0,34}", "[0-9a-f]{0,18}", 0_i32..9, any::<u64>(), any::<u64>()), 0..20),
        ) {
            let spans: Vec<_> = ids
                .iter()
                .map(|(trace, span, kind, start, end)| serde_json::json!({
                    "traceId": trace, "spanId": span, "kind": kind,
                    "startTimeUnixNano": start.to_string(), "endTimeUnixNano": end.to_string(),
                }))
                .collect();
            let body = serde_json::json!({ "resourceSpans": [{ "scopeSpans": [{ "spans": spans }] }] });
            if let Some((spans, accounted)) = sort(body.to_string().as_bytes(), true) {
                prop_assert_eq!(spans, accounted);
            }
        }
    }
}
