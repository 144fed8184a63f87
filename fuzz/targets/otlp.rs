//! Bodies of any bytes: read and sorted without a panic, every span accounted for.
#![no_main]

use erpscope::otlp::fuzz::sort;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    for is_json in [false, true] {
        if let Some((spans, accounted)) = sort(bytes, is_json) {
            assert_eq!(spans, accounted);
        }
    }
});
