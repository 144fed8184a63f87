//! Comments of any SQL text: read without a panic, bounded, and never out of a literal.
#![no_main]

use erpscope::integration::comment::{of_application_name, read};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let text = String::from_utf8_lossy(bytes);
    let comment = read(&text);
    assert!(comment.tags.len() <= 16);
    assert!(comment.tags.iter().all(|tag| tag.value.chars().count() <= 100));
    let _trace = of_application_name(&text);
    // A dollar-quoted literal with a tag that is not in it hides everything.
    if !text.contains("$fuzz$") {
        assert!(read(&format!("select $fuzz${text}$fuzz$")).tags.is_empty());
    }
});
