//! Something has become of a suggestion of the index advisor.

use std::sync::Arc;

use serde::Serialize;

/// What has become of a suggestion.
#[derive(Clone, Debug, Serialize)]
pub struct SuggestionReport {
    /// The same for the same suggestion in every run.
    pub id: String,
    /// `create`, `drop` or `reindex`.
    pub action: String,
    /// `suggested`, `applied`, `measured`, `kept`, `regressed`, `withdrawn` or `gone`.
    pub state: &'static str,
    /// Its database.
    pub datname: Arc<str>,
    /// Its table, with the schema.
    pub table: String,
    /// The table's business module.
    pub module: String,
    /// What to run, or what was run.
    pub ddl: Vec<String>,
    /// What takes it back.
    pub undo: String,
    /// Seconds a day that it was to save.
    pub saved_seconds_per_day: f64,
    /// By what the helped statements became faster, as a factor.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub measured_speedup: Option<f64>,
    /// Probability of such a difference by chance.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub p_value: Option<f64>,
    /// What speaks for its state: why it was kept, regressed, was withdrawn or is gone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}
