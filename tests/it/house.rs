//! The rules of the house, read off the sources: rules without a test erode.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// Says which part may call what: clocks, tasks and sockets belong to few.
const ONLY_IN: [(&str, &[&str]); 7] = [
    ("Instant::now", &["agent", "broker", "demo", "probe", "proxy"]),
    ("SystemTime::now", &["agent", "broker", "demo", "history", "otlp", "probe", "proxy"]),
    ("tokio::spawn", &["agent", "pg", "demo", "listen", "otlp", "probe", "proxy"]),
    ("thread::Builder", &["agent", "history", "otlp", "proxy", "serve"]),
    ("unbounded_channel", &[]),
    ("#[allow", &[]),
    ("TcpListener", &["serve", "demo", "listen", "otlp", "proxy"]),
];

const NO_NAMES: [&str; 6] = ["utils", "helpers", "common", "types", "misc", "manager"];

/// Lines of a file before its tests.
const LONGEST: usize = 420;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).to_owned()
}

fn files(folder: &str, ending: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![root().join(folder)];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|e| e == ending) {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

/// The part of `src/` a file belongs to, its path from the root, and its text before its tests.
fn sources() -> Vec<(String, String, String)> {
    files("src", "rs")
        .into_iter()
        .filter(|path| !path.ends_with("tests.rs") && !path.iter().any(|part| part == "tests"))
        .map(|path| {
            let text = std::fs::read_to_string(&path).unwrap();
            let text = text.split("#[cfg(test)]").next().unwrap().to_owned();
            let short = path.strip_prefix(root()).unwrap().display().to_string();
            let part = short.split('/').nth(1).unwrap().trim_end_matches(".rs").to_owned();
            (part, short, text)
        })
        .collect()
}

fn code(text: &str) -> impl Iterator<Item = &str> {
    text.lines().filter(|line| !line.trim_start().starts_with("//"))
}

/// What each part of `src/` may import of ours, from the table in ARCHITECTURE.md, in its order; the command
/// line may import all.
fn may_import() -> Vec<(String, BTreeSet<String>)> {
    let text = std::fs::read_to_string(root().join("ARCHITECTURE.md")).unwrap();
    let mut lines = text.lines().skip_while(|line| !line.starts_with("| room |")).skip(2);
    let mut rooms: Vec<(String, BTreeSet<String>)> = Vec::new();
    for line in lines.by_ref().take_while(|line| line.starts_with('|')) {
        let cells: Vec<&str> = line.split(" | ").collect();
        let [room, .., allowed] = cells[..] else { panic!("no row of the table: {line}") };
        let room: String = room.chars().filter(|c| c.is_alphabetic() || *c == '.').collect();
        // What is in parentheses says why.
        let mut allowed = allowed.trim_end_matches('|').trim().to_owned();
        while let (Some(open), Some(close)) = (allowed.find('('), allowed.find(')')) {
            allowed.replace_range(open..=close, "");
        }
        if allowed != "all" {
            let names = allowed.split(',').map(|name| name.trim().to_owned());
            let names = names.filter(|name| name != "nothing").collect();
            rooms.push((room.trim_end_matches(".rs").to_owned(), names));
        }
    }
    rooms
}

#[test]
fn imports_point_one_way() {
    let rooms = may_import();
    for (part, path, text) in sources() {
        let Some((_, allowed)) = rooms.iter().find(|(name, _)| *name == part) else {
            continue;
        };
        for line in code(&text) {
            for (at, _) in line.match_indices("crate::") {
                let rest = &line[at + "crate::".len()..];
                let names: Vec<&str> = match rest.strip_prefix('{') {
                    Some(list) => list.split([',', '}']).map(str::trim).collect(),
                    None => vec![rest],
                };
                for name in names {
                    let name =
                        name.split(|c: char| !c.is_alphanumeric() && c != '_').next().unwrap();
                    let ok = name.is_empty() || name == part || allowed.contains(name);
                    assert!(
                        ok,
                        "{path}: by ARCHITECTURE.md `{part}` may not import `{name}`: {line}"
                    );
                }
            }
        }
    }
}

#[test]
fn every_part_is_in_the_table_below_all_that_it_may_import() {
    let parts: BTreeSet<String> = sources().into_iter().map(|(part, _, _)| part).collect();
    let mut above: BTreeSet<String> = BTreeSet::new();
    for (room, allowed) in may_import() {
        let below: Vec<&String> = allowed.difference(&above).collect();
        assert!(below.is_empty(), "ARCHITECTURE.md: `{room}` stands above {below:?}");
        assert!(above.insert(room.clone()), "ARCHITECTURE.md: `{room}` stands there twice");
    }
    let free = ["main", "lib", "cli"].map(str::to_owned).into();
    assert_eq!(parts.difference(&free).cloned().collect::<BTreeSet<_>>(), above);
}

#[test]
fn clocks_tasks_and_sockets_stay_where_they_belong() {
    for (part, path, text) in sources() {
        for (what, allowed) in ONLY_IN {
            let found = code(&text).any(|line| line.contains(what));
            assert!(!found || allowed.contains(&part.as_str()), "{path}: {what}");
        }
    }
}

#[test]
fn a_file_is_one_idea_with_a_name_and_a_first_sentence() {
    for (_, path, text) in sources() {
        let lines = text.lines().count();
        assert!(lines <= LONGEST, "{path} has {lines} lines");
        assert!(text.starts_with("//! "), "{path} does not say what it is");
        assert!(!NO_NAMES.iter().any(|name| path.contains(name)), "{path}");
    }
}

#[test]
fn sql_is_lower_case_and_says_what_it_costs() {
    for path in files("src", "sql") {
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(text.starts_with("-- "), "{} has no header", path.display());
        if !path.to_str().unwrap().contains("demo") {
            assert!(text.contains("cost:") && text.contains("locks:"), "{}", path.display());
        }
        for word in ["SELECT", "FROM", "WHERE", "CREATE"] {
            assert!(!text.split_whitespace().any(|w| w == word), "{}: {word}", path.display());
        }
    }
}

#[test]
fn the_repository_speaks_of_the_product_alone() {
    let mut paths = files("src", "rs");
    for (folder, ending) in [
        ("docs", "md"),
        ("deploy", "sh"),
        ("src", "sql"),
        ("benches", "rs"),
        ("fuzz", "rs"),
        ("tests/python", "py"),
    ] {
        if root().join(folder).is_dir() {
            paths.extend(files(folder, ending));
        }
    }
    paths.extend(
        [
            "README.md",
            "ARCHITECTURE.md",
            "CHANGELOG.md",
            "CONTRIBUTING.md",
            "SECURITY.md",
            "Makefile",
        ]
        .map(|f| root().join(f)),
    );
    for path in paths {
        let text = std::fs::read_to_string(&path).unwrap_or_default();
        for word in ["/work/", "/root/", "artifactory"] {
            assert!(!text.contains(word), "{}: {word}", path.display());
        }
    }
}
