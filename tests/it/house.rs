//! The rules of the house, read off the sources: rules without a test erode.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// What each part of `src/` may import of ours; ARCHITECTURE.md says why.
const MAY_IMPORT: [(&str, &[&str]); 24] = [
    ("erp", &[]),
    ("integration", &["erp"]),
    ("config", &["erp", "integration"]),
    ("pg", &["config", "trust"]),
    ("sample", &["erp", "integration", "pg"]),
    ("serverlog", &["sample"]),
    ("history", &[]),
    ("track", &["erp", "history", "integration", "sample", "serverlog"]),
    ("state", &["advise", "erp", "history", "integration", "sample", "serverlog", "track"]),
    ("finding", &["advise", "erp", "history", "integration", "sample", "track", "state"]),
    (
        "export",
        &["advise", "erp", "history", "integration", "sample", "serverlog", "track", "state"],
    ),
    ("serve", &["export", "listen", "state"]),
    ("listen", &[]),
    ("trust", &[]),
    ("otlp", &["config", "integration", "listen", "sample", "trust"]),
    ("probe", &["config", "integration", "trust"]),
    ("broker", &["config", "erp", "integration", "trust"]),
    ("proxy", &["config", "integration", "listen", "trust"]),
    (
        "agent",
        &[
            "advise",
            "broker",
            "config",
            "erp",
            "finding",
            "history",
            "integration",
            "otlp",
            "probe",
            "proxy",
            "pg",
            "recognise",
            "sample",
            "serverlog",
            "track",
            "trust",
            "state",
            "serve",
        ],
    ),
    ("recognise", &["config", "erp", "pg"]),
    ("advise", &["config", "erp", "history", "pg", "recognise", "sample"]),
    ("check", &["config", "erp", "pg", "recognise"]),
    ("locks", &["config", "erp", "integration", "pg", "recognise", "sample", "track", "export"]),
    ("demo", &["advise", "config", "sample", "track", "state", "agent"]),
];

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

#[test]
fn imports_point_one_way() {
    for (part, path, text) in sources() {
        let Some((_, allowed)) = MAY_IMPORT.iter().find(|(name, _)| *name == part) else {
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
                    let ok = name.is_empty() || name == part || allowed.contains(&name);
                    assert!(ok, "{path}: `{part}` imports `{name}`: {line}");
                }
            }
        }
    }
}

#[test]
fn every_part_has_its_rule() {
    let parts: BTreeSet<String> = sources().into_iter().map(|(part, _, _)| part).collect();
    let ruled: BTreeSet<String> = MAY_IMPORT.iter().map(|(name, _)| (*name).to_owned()).collect();
    let free = ["main", "lib", "cli"].map(str::to_owned).into();
    assert_eq!(parts.difference(&free).cloned().collect::<BTreeSet<_>>(), ruled);
    let architecture = std::fs::read_to_string(root().join("ARCHITECTURE.md")).unwrap();
    for part in ruled {
        assert!(
            architecture.contains(&format!("`{part}/`"))
                || architecture.contains(&format!("`{part}.rs`")),
            "ARCHITECTURE.md does not describe {part}"
        );
    }
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
