//! Names as SQL takes them.

/// A name in quotes, whatever is in it.
#[must_use]
pub fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_quotes_in_it_stays_one_name() {
        assert_eq!(quoted("a b"), "\"a b\"");
        assert_eq!(quoted("a\" ; drop"), "\"a\"\" ; drop\"");
    }
}
