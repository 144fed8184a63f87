//! What a check found, for people and for scripts.

use std::fmt::Write;

use serde::Serialize;

/// How one capability is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// As it should be.
    Ok,
    /// It works, with less sight or safety than there could be.
    Degraded,
    /// It is not there.
    Missing,
}

impl Status {
    const fn name(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Degraded => "degraded",
            Self::Missing => "missing",
        }
    }
}

/// One capability.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// Short fixed name, such as `pg_monitor`.
    pub capability: &'static str,
    /// How it is.
    pub status: Status,
    /// Whether erpscope cannot do its work without it.
    pub needed: bool,
    /// What was seen.
    pub seen: String,
    /// Why it matters, when it is not as it should be.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub why: String,
    /// The SQL, setting or command that mends it, line by line.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub mend: Vec<String>,
}

/// Everything that was found on one server.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Report {
    /// Its name in the config.
    pub server: String,
    /// In the order in which to mend.
    pub findings: Vec<Finding>,
}

impl Report {
    /// Whether everything that is needed is there.
    #[must_use]
    pub fn is_sufficient(&self) -> bool {
        self.findings.iter().all(|finding| finding.status != Status::Missing || !finding.needed)
    }

    /// For people: a line a capability; below what is not ok, why it matters and what mends it.
    #[must_use]
    pub fn text(&self) -> String {
        let mut out = format!("{}\n", self.server);
        let width = self.findings.iter().map(|f| f.capability.len()).max().unwrap_or(0);
        for Finding { capability, status, seen, why, mend, .. } in &self.findings {
            let _infallible = writeln!(out, "  {:<8}  {capability:<width$}  {seen}", status.name());
            let indent = " ".repeat(width + 14);
            if !why.is_empty() {
                let _infallible = writeln!(out, "{indent}{why}");
            }
            for line in mend {
                let _infallible = writeln!(out, "{indent}  {line}");
            }
        }
        out
    }
}
