//! Operations: routes with what differs from call to call folded.

/// Characters of an operation that are kept.
const LONGEST: usize = 80;
/// Segments of a path that are kept.
const SEGMENTS: usize = 8;
/// What stands for a value.
const VALUE: &str = "{id}";

/// Letters from which on a word with capitals in it can be a token.
const TOKEN: usize = 12;

/// The template of a raw path, such as `/orders/{id}/lines` for `/orders/4711/lines?full=1`.
///
/// A segment is folded when it looks like a value rather than a word: it has a digit (but for `v1`
/// and the like), is longer than 32 characters, is escaped, holds what no route has (`@`, `=`, `,`,
/// quotes), or is long and mixes capitals and small letters as only tokens do. Query and fragment are
/// cut off. A heuristic: what it keeps by mistake is bounded by the cap on operations of an
/// integration.
#[must_use]
pub fn template(path: &str) -> String {
    let path = path.split(['?', '#', ';']).next().unwrap_or_default();
    let mut out = String::new();
    let mut segments = path.split('/').filter(|segment| !segment.is_empty());
    for segment in segments.by_ref().take(SEGMENTS) {
        out.push('/');
        out.push_str(if is_word(segment) { segment } else { VALUE });
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

/// A name, such as that of a span or of a queue, without what looks like a value in it.
#[must_use]
pub fn folded(name: &str) -> String {
    let fold = |word: &str| match word {
        word if word.contains('/') => template(word),
        word if is_word(word) => word.to_owned(),
        _ => VALUE.to_owned(),
    };
    name.split_whitespace().map(fold).collect::<Vec<_>>().join(" ")
}

/// What a program's author has written, such as a route's template: as it is, unless it has in it what
/// no author writes.
#[must_use]
pub fn declared(name: &str) -> String {
    if name.contains(['@', '=', '"', '\'', '`']) { folded(name) } else { name.to_owned() }
}

fn is_word(segment: &str) -> bool {
    let is_version = segment.strip_prefix(['v', 'V']).is_some_and(|rest| {
        rest.len() <= 3 && rest.bytes().all(|b| b.is_ascii_digit() || b == b'.')
    });
    let is_plain = |c: char| {
        c.is_ascii_alphabetic()
            || matches!(c, '-' | '_' | '.' | ':' | '{' | '}' | '<' | '>' | '*' | '$')
    };
    let is_plain = segment.len() <= 32 && segment.chars().all(is_plain);
    is_version || is_plain && !segment.split(['.', ':']).any(is_token)
}

/// Whether it is long and mixes capitals and small letters otherwise than in camel case: there a
/// capital begins a word, so a small letter follows, and few letters are capitals.
fn is_token(word: &str) -> bool {
    let letters = word.bytes().filter(u8::is_ascii_alphabetic).count();
    let capitals = word.bytes().filter(u8::is_ascii_uppercase).count();
    let is_mixed = capitals > 0 && capitals < letters;
    let pairs = word.bytes().zip(word.bytes().skip(1).chain([b'$']));
    let begin_words =
        pairs.filter(|(c, next)| c.is_ascii_uppercase() && next.is_ascii_lowercase()).count();
    letters >= TOKEN && is_mixed && (begin_words < capitals || capitals * 4 > letters)
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
            ("/reset/aBqKzRtYwPmL/confirm", "/reset/{id}/confirm"),
            ("/reset/kDfjQwLmZxcvBnTyuIop", "/reset/{id}"),
            ("/reset/Ab-cDe_fGhI-jKlM", "/reset/{id}"),
            ("/queues/orders.eu.kDfjQwLmZxcv", "/queues/{id}"),
            ("/sign/eyJhbGciOiJIUzIi", "/sign/{id}"),
            ("/salesOrders/getLines", "/salesOrders/getLines"),
            ("/BusinessPartners/getOrderById", "/BusinessPartners/getOrderById"),
            ("/SyncInventoryJob/SALES_ORDER_LINES", "/SyncInventoryJob/SALES_ORDER_LINES"),
            ("/a='x'/\"b\"", "/{id}/{id}"),
        ] {
            assert_eq!(template(path), expected, "{path}");
        }
    }

    #[test]
    fn a_name_keeps_its_words_and_what_an_author_has_written_is_kept() {
        for (name, expected) in [
            ("GET /orders/4711", "GET /orders/{id}"),
            ("login anna@example.org", "login {id}"),
            ("select 'Anna' token=abc", "select {id} {id}"),
            ("resume kDfjQwLmZxcvBnTyuIop", "resume {id}"),
            ("queue.orders publish", "queue.orders publish"),
        ] {
            assert_eq!(folded(name), expected);
        }
        let route = "^orders/(?P<pk>[^/.]+)/$";
        assert_eq!(declared(route), route);
        assert_eq!(
            declared("/orders/{purchaseOrderReference}/v10"),
            "/orders/{purchaseOrderReference}/v10"
        );
        assert_eq!(declared("/users/anna@example.org"), "/users/{id}");
        assert_eq!(declared("/login?token=secret"), "/login");
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
