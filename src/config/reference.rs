//! The example file and the reference, made from the declarations.

use std::fmt::Write;

use super::keys::{Key, Section, Shape, Times, sections};
use super::reader::expected;

/// The text of `erpscope.toml`: every key with its default and a sentence.
#[must_use]
pub fn example() -> String {
    let mut out = String::from(
        "# Configuration of erpscope: every key with its default. Keys in comments need not be given.\n\
         # Each can also be set by the environment variable of its name: [statements] interval is\n\
         # ERPSCOPE_STATEMENTS_INTERVAL. Flags outrank variables, variables outrank this file.\n\
         # `erpscope run --check-config` tells every fault at once; SIGHUP takes up changes.\n",
    );
    for section in sections() {
        if !section.name.is_empty() {
            let comment = if section.times == Times::Any { "# " } else { "" };
            let _infallible = write!(out, "\n# {}\n{comment}{}\n", section.help, section.header());
        }
        for key in section.keys {
            let _infallible = write!(
                out,
                "\n# {} ({})\n# {} = {}\n",
                key.help,
                expected(key.shape),
                key.name,
                value(key)
            );
        }
    }
    out
}

/// As it would stand in the file.
fn value(key: &Key) -> String {
    match (key.default.or(key.example), key.shape) {
        (Some(text), Shape::Count { .. } | Shape::Share | Shape::Switch) => text.to_owned(),
        (Some(text), _) => format!("{text:?}"),
        (None, Shape::List) => "[]".to_owned(),
        (None, _) => "\"\"".to_owned(),
    }
}

/// The text of docs/configuration.md.
#[must_use]
pub fn reference() -> String {
    let mut out = String::from(
        "# Configuration\n\n\
         Made from the declarations in `src/config/keys/`; `UPDATE_DOCS=1 cargo test --lib docs` \
         writes it anew. [erpscope.toml](../erpscope.toml) is an example with every key.\n\n\
         A value comes from a flag, else an environment variable, else the config file, else the \
         default. `ERPSCOPE_SERVER_*` make the one server, or change the only one in the file. All \
         faults are told at once, with key and line; `erpscope run --check-config` only checks. On \
         SIGHUP the file is read again; if it has a fault, the old config stays.\n\n\
         Passwords in files and variables are read at each connection, so that they can be rotated \
         without a restart.\n",
    );
    for section in sections() {
        table(&mut out, section);
    }
    out
}

fn table(out: &mut String, section: &Section) {
    let title = if section.name.is_empty() {
        "Top level".to_owned()
    } else {
        format!("`{}`", section.header())
    };
    let _infallible = write!(
        out,
        "\n## {title}\n\n{}{}| key | default | variable | meaning |\n|---|---|---|---|\n",
        section.help,
        if section.help.is_empty() { "" } else { "\n\n" },
    );
    for key in section.keys {
        let default = match (key.default, key.example) {
            (Some(default), _) => format!("`{default}`"),
            (None, Some(_)) => "must be given".to_owned(),
            (None, None) => String::new(),
        };
        let variable = section.variable(key.name).map_or_else(String::new, |v| format!("`{v}`"));
        let _infallible = writeln!(
            out,
            "| `{}` | {default} | {variable} | {} Holds {}. |",
            key.name,
            key.help.replace('|', "\\|"),
            expected(key.shape),
        );
    }
}
