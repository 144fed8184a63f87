//! The schemas that a search_path names.

/// In their order, as the catalog has them: quoted ones as they are, others in lower case.
pub(super) fn names(search_path: &str) -> Vec<String> {
    let mut names = Vec::new();
    let mut name = String::new();
    let mut is_quoted = false;
    let mut letters = search_path.chars().peekable();
    while let Some(letter) = letters.next() {
        match letter {
            // Twice within quotes it is one of the name's own.
            '"' if is_quoted && letters.peek() == Some(&'"') => {
                name.push('"');
                letters.next();
            }
            '"' => is_quoted = !is_quoted,
            _ if is_quoted => name.push(letter),
            ',' => names.push(std::mem::take(&mut name)),
            _ if letter.is_whitespace() => {}
            _ => name.extend(letter.to_lowercase()),
        }
    }
    names.push(name);
    names.retain(|name| !name.is_empty());
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn schemas_are_read_as_postgresql_reads_them() {
        for (path, wanted) in [
            ("\"$user\", public", vec!["$user", "public"]),
            (
                "Sales,\"My \"\"own\"\", schema\" , $user",
                vec!["sales", "My \"own\", schema", "$user"],
            ),
            ("\"\"", vec![]),
            ("", vec![]),
        ] {
            assert_eq!(names(path), wanted, "{path}");
        }
    }
}
