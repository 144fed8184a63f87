//! Comments of statements: whatever the text is, what is read stays within its bounds, and nothing is
//! read of the same text as a literal.
#![no_main]

use erpscope::integration::comment::{Comment, of_application_name, read};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let text = String::from_utf8_lossy(bytes);
    let comment = read(&text);
    assert!(comment.tags.len() <= 16);
    for tag in &comment.tags {
        assert!((1..=40).contains(&tag.key.len()));
        assert!(tag.value.chars().count() <= 100 && !tag.value.contains(char::is_control));
    }
    let _trace = of_application_name(&text);
    let literal = text.replace('\'', "''").replace('\\', "");
    assert_eq!(read(&format!("select '{literal}', date'{literal}'")), Comment::default());
    let escaped = text.replace('\\', "\\\\").replace('\'', "\\'");
    assert_eq!(read(&format!("select E'{escaped}'")), Comment::default());
});
