//! stub
use super::{Tag, TraceId};

/// What the comments of a statement say.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Comment {
    /// The request it belongs to.
    pub trace: Option<TraceId>,
    /// Keys and values.
    pub tags: Vec<Tag>,
}

/// Reads.
#[must_use]
pub fn read(_text: &str) -> Comment {
    Comment::default()
}

/// Reads.
#[must_use]
pub fn of_application_name(_name: &str) -> Option<TraceId> {
    None
}
