//! From the bytes of a body to spans: gzip within a limit, protobuf or JSON. Pure.

use std::io::Read;

use flate2::read::MultiGzDecoder;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use prost::Message;

/// How a body is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Encoding {
    Protobuf,
    Json,
}

/// Why a body cannot be read.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub(super) enum Unreadable {
    #[error("the body is larger than {0} bytes when unpacked")]
    TooLarge(usize),
    #[error("the body is not gzip")]
    Gzip,
    #[error("the body is not protobuf of an ExportTraceServiceRequest: {0}")]
    Protobuf(String),
    #[error("the body is not JSON of an ExportTraceServiceRequest, at line {line} column {column}")]
    Json { line: usize, column: usize },
}

/// Unpacks a body; never more than `most` bytes of it.
pub(super) fn unpack(body: &[u8], most: usize) -> Result<Vec<u8>, Unreadable> {
    let mut unpacked = Vec::new();
    let limit = u64::try_from(most).unwrap_or(u64::MAX).saturating_add(1);
    let read = MultiGzDecoder::new(body).take(limit).read_to_end(&mut unpacked);
    if unpacked.len() > most {
        return Err(Unreadable::TooLarge(most));
    }
    read.map_err(|_| Unreadable::Gzip)?;
    Ok(unpacked)
}

/// The spans of a body. What its sender got wrong is told by place, never repeated.
pub(super) fn spans(
    body: &[u8],
    encoding: Encoding,
) -> Result<ExportTraceServiceRequest, Unreadable> {
    match encoding {
        Encoding::Protobuf => ExportTraceServiceRequest::decode(body)
            .map_err(|error| Unreadable::Protobuf(error.to_string())),
        Encoding::Json => serde_json::from_slice(body)
            .map_err(|error| Unreadable::Json { line: error.line(), column: error.column() }),
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use proptest::prelude::*;

    use super::*;

    fn packed(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    #[test]
    fn a_bomb_is_not_unpacked_beyond_the_limit() {
        let bomb = packed(&vec![0; 50 << 20]);
        assert!(bomb.len() < 100_000);
        assert_eq!(unpack(&bomb, 1 << 20), Err(Unreadable::TooLarge(1 << 20)));
        assert_eq!(unpack(&packed(b"abc"), 3).unwrap(), b"abc");
        assert_eq!(unpack(b"no gzip", 100), Err(Unreadable::Gzip));
        assert_eq!(unpack(&packed(b"abcdef")[..12], 100), Err(Unreadable::Gzip));
    }

    #[test]
    fn json_as_the_specification_has_it_is_read_and_unknown_fields_are_ignored() {
        let text = r#"{"resourceSpans":[{"new":1,"resource":{"attributes":[{"key":"service.name","value":{"stringValue":"shop"}}]},
            "scopeSpans":[{"spans":[{"traceId":"5B8EFFF798038103D269B633813FC60C","spanId":"EEE19B7EC3C1B174","name":"x","kind":3,
            "startTimeUnixNano":"1544712660000000000","endTimeUnixNano":"1544712661000000000","attributes":[{"key":"http.status_code","value":{"intValue":"200"}}],
            "status":{},"later":{}}]}]}]}"#;
        let request = spans(text.as_bytes(), Encoding::Json).unwrap();
        let span = &request.resource_spans[0].scope_spans[0].spans[0];
        assert_eq!(
            (span.trace_id.len(), span.kind, span.start_time_unix_nano),
            (16, 3, 1_544_712_660_000_000_000)
        );
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_without_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
            let _protobuf = spans(&bytes, Encoding::Protobuf);
            let _json = spans(&bytes, Encoding::Json);
            let _gzip = unpack(&bytes, 1_000);
        }
    }
}
