//! What a subquery that is asked once has answered: `$0` until PostgreSQL 16, `(InitPlan 1).col1` since.

use std::borrow::Cow;

const BEGIN: &str = "(InitPlan ";

/// The text with `$0` wherever such an answer stands, which is known before the relation is read.
pub(super) fn as_parameters(text: &str) -> Cow<'_, str> {
    if !text.contains(BEGIN) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len());
    let mut quote = None;
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        if quote.is_none()
            && let Some(after) = after_answer(rest)
        {
            out.push_str("$0");
            rest = after;
            continue;
        }
        match (quote, c) {
            (Some(open), c) if c == open => quote = None,
            (None, '\'' | '"') => quote = Some(c),
            _ => {}
        }
        out.push(c);
        rest = rest.get(c.len_utf8()..).unwrap_or_default();
    }
    Cow::Owned(out)
}

/// What comes after an answer that the text begins with.
fn after_answer(text: &str) -> Option<&str> {
    let number = text.strip_prefix(BEGIN)?;
    let column = number.trim_start_matches(|c: char| c.is_ascii_digit()).strip_prefix(").col")?;
    let rest = column.trim_start_matches(|c: char| c.is_ascii_digit());
    (rest.len() < column.len()).then_some(rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_parameters_and_texts_stay() {
        for (text, plain) in [
            ("(t.a = (InitPlan 1).col1)", "(t.a = $0)"),
            ("((t.a > (InitPlan 12).col2) AND (t.b = $1))", "((t.a > $0) AND (t.b = $1))"),
            ("(t.a = '(InitPlan 1).col1')", "(t.a = '(InitPlan 1).col1')"),
            ("(t.\"(InitPlan 1).col1\" = 'ü')", "(t.\"(InitPlan 1).col1\" = 'ü')"),
            ("(NOT (InitPlan 1))", "(NOT (InitPlan 1))"),
            ("(t.a = $1)", "(t.a = $1)"),
        ] {
            assert_eq!(as_parameters(text), plain);
        }
    }
}
