//! Operations: routes with what differs from call to call folded.

/// Characters of an operation that are kept.
const LONGEST: usize = 80;
/// Segments of a path that are kept.
const SEGMENTS: usize = 8;

/// The template of a raw path, such as `/orders/{id}/lines` for `/orders/4711/lines?full=1`.
///
/// A segment is folded when it looks like a value rather than a word: it has a digit (but for `v1`
/// and the like), is longer than 32 characters, is escaped, or holds what no route has (`@`, `=`,
/// `,`). Query and fragment are cut off. A heuristic: what it keeps by mistake is bounded by the
/// cap on operations of an integration.
#[must_use]
pub fn template(path: &str) -> String {
    let path = path.split(['?', '#', ';']).next().unwrap_or_default();
    let mut out = String::new();
    let mut segments = path.split('/').filter(|segment| !segment.is_empty());
    for segment in segments.by_ref().take(SEGMENTS) {
        out.push('/');
        out.push_str(if is_word(segment) { segment } else { "{id}" });
    }
    if segments.next().is_some() {
        out.push_str("/...");
    }
    if out.is_empty() {
        out.push('/');
    }
    if let Some((cut, _)) = out.char_indices().nth(LONGEST) {
        out.truncate(cut);
    }
    out
}

fn is_word(segment: &str) -> bool {
    let is_version = segment.strip_prefix(['v', 'V']).is_some_and(|rest| {
        rest.len() <= 3 && rest.bytes().all(|b| b.is_ascii_digit() || b == b'.')
    });
    let is_plain = |c: char| {
        c.is_ascii_alphabetic()
            || matches!(c, '-' | '_' | '.' | ':' | '{' | '}' | '<' | '>' | '*' | '$')
    };
    is_version || (segment.len() <= 32 && segment.chars().all(is_plain))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_looks_like_a_value_is_folded() {
        for (path, expected) in [
            ("", "/"),
            ("/", "/"),
            ("/orders", "/orders"),
            ("/orders/", "/orders"),
            ("/orders/4711/lines?full=1#x", "/orders/{id}/lines"),
            ("/api/v2/customers/8f14e45fceea167a5a36dedd4bea2543", "/api/v2/customers/{id}"),
            ("/users/anna@example.org", "/users/{id}"),
            ("/items/A-2020", "/items/{id}"),
            ("/files/b%C3%BCro", "/files/{id}"),
            ("/orders/:id/lines/{line}", "/orders/:id/lines/{line}"),
            ("orders/1", "/orders/{id}"),
            ("/a/b/c/d/e/f/g/h/i", "/a/b/c/d/e/f/g/h/..."),
            ("/token;jsessionid=1A2B", "/token"),
        ] {
            assert_eq!(template(path), expected, "{path}");
        }
    }

    proptest! {
        #[test]
        fn a_template_of_anything_is_short_and_begins_with_a_slash(path in "\\PC{0,300}") {
            let once = template(&path);
            prop_assert!(once.chars().count() <= LONGEST);
            prop_assert!(once.starts_with('/'));
        }
    }
}
