//! What both formats say of one record, before it has a meaning.

use std::borrow::Cow;

use serde::Deserialize;

/// The fields that are looked at, under their names in jsonlog; empty where the record has none.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Line<'a> {
    #[serde(borrow)]
    pub(super) timestamp: Cow<'a, str>,
    #[serde(borrow)]
    pub(super) user: Cow<'a, str>,
    #[serde(borrow)]
    pub(super) dbname: Cow<'a, str>,
    pub(super) pid: i32,
    /// Of a parallel worker (PostgreSQL 14 and later), else 0.
    pub(super) leader_pid: i32,
    #[serde(borrow)]
    pub(super) error_severity: Cow<'a, str>,
    #[serde(borrow)]
    pub(super) state_code: Cow<'a, str>,
    #[serde(borrow)]
    pub(super) message: Cow<'a, str>,
    #[serde(borrow)]
    pub(super) context: Cow<'a, str>,
    #[serde(borrow)]
    pub(super) statement: Cow<'a, str>,
    #[serde(borrow)]
    pub(super) application_name: Cow<'a, str>,
    #[serde(borrow)]
    pub(super) backend_type: Cow<'a, str>,
    pub(super) query_id: i64,
}

/// How a log is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Format {
    /// csvlog: a record may go over several lines.
    Csv,
    /// jsonlog: a record is a line.
    Json,
}

impl Format {
    /// Told by the beginning of a record.
    pub(super) fn of(text: &[u8]) -> Option<Self> {
        if text.starts_with(b"{") {
            return Some(Self::Json);
        }
        super::csv::begins(text).then_some(Self::Csv)
    }

    pub(super) fn parse(self, record: &str) -> Option<Line<'_>> {
        match self {
            Self::Csv => super::csv::parse(record),
            Self::Json => super::json::parse(record),
        }
    }
}
