//! HypoPG, the extension that supposes indexes: which version of it is in a database, and whether that is enough.

use std::fmt::Write;

use tokio_postgres::Client;

/// Before 1.2.0 it takes an oid of the server's own counter for each index that is supposed, and cannot do that on a
/// standby (its changelog, 1.2.0).
const LEAST: (u32, u32) = (1, 2);

/// Functions that are asked.
const NEEDED: [&str; 4] =
    ["hypopg_create_index", "hypopg_drop_index", "hypopg_relation_size", "hypopg_reset"];

/// As it is in one database.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HypoPgThere {
    /// Where its functions are.
    pub schema: String,
    /// `pg_extension.extversion`.
    pub version: String,
    /// Its functions, by name.
    pub functions: Vec<String>,
}

/// What is in the database of this session; nothing if it was not created there.
pub async fn hypopg(client: &Client) -> Result<Option<HypoPgThere>, tokio_postgres::Error> {
    let Some(row) = client.query_opt(include_str!("hypopg.sql"), &[]).await? else {
        return Ok(None);
    };
    let (schema, version, functions) = (row.try_get(0)?, row.try_get(1)?, row.try_get(2)?);
    Ok(Some(HypoPgThere { schema, version, functions }))
}

impl HypoPgThere {
    /// Whether indexes can be supposed with it.
    #[must_use]
    pub fn is_fit(&self) -> bool {
        self.unfit().is_none()
    }

    /// What it lacks; nothing if it is enough.
    #[must_use]
    pub fn unfit(&self) -> Option<String> {
        let is_there = |name: &str| self.functions.iter().any(|function| function == name);
        let lacks: Vec<&str> = NEEDED.into_iter().filter(|name| !is_there(name)).collect();
        // A version that cannot be read is judged by its functions alone.
        let is_old = version(&self.version).is_some_and(|version| version < LEAST);
        if lacks.is_empty() && !is_old {
            return None;
        }
        let mut text = format!("version {}", self.version);
        if is_old {
            let _infallible = write!(text, ", before {}.{}", LEAST.0, LEAST.1);
        }
        if !lacks.is_empty() {
            let _infallible = write!(text, ", without {}", lacks.join(", "));
        }
        Some(text)
    }

    /// What brings the newest one, after the package was renewed. It has hardly any path of `alter extension ... update`
    /// (each version is a script of its own), and keeps nothing in a database that could be lost.
    pub const MEND: &'static str = "drop extension if exists hypopg; create extension hypopg;";
}

fn version(text: &str) -> Option<(u32, u32)> {
    let mut parts = text.split(|c: char| !c.is_ascii_digit());
    let mut part = || parts.next()?.parse().ok();
    Some((part()?, part().unwrap_or(0)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn there(version: &str, functions: &[&str]) -> HypoPgThere {
        HypoPgThere {
            schema: "public".into(),
            version: version.into(),
            functions: functions.iter().map(|name| (*name).to_owned()).collect(),
        }
    }

    #[test]
    fn what_can_suppose_takes_back_and_weigh_is_enough_from_its_first_fit_version_on() {
        for version in ["1.2.0", "1.3.1", "1.4.3", "1.10", "2.0.0beta", "2", "unpackaged"] {
            assert_eq!(there(version, &NEEDED).unfit(), None, "{version}");
        }
    }

    #[test]
    fn what_is_old_or_lacks_functions_says_so() {
        for version in ["1.1.4", "1.0.0", "0.0.5", "1"] {
            let told = there(version, &NEEDED).unfit().unwrap();
            assert_eq!(told, format!("version {version}, before 1.2"));
        }
        let told = there("1.4.0", &["hypopg_create_index", "hypopg_drop_index", "hypopg"]).unfit();
        assert_eq!(told.unwrap(), "version 1.4.0, without hypopg_relation_size, hypopg_reset");
        let told = there("0.0.5", &[]).unfit().unwrap();
        assert!(
            told.starts_with("version 0.0.5, before 1.2, without hypopg_create_index"),
            "{told}"
        );
    }
}
