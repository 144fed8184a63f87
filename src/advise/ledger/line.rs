//! A line of the ledger: a suggestion and what has become of it.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::measure::Measured;
use crate::advise::definition::Definition;
use crate::advise::suggestion::{Confidence, Helped, Suggestion};
use crate::history::{self, Place};

/// What has become of a suggestion.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// It stands.
    Suggested,
    /// Somebody did it; what that brought is not known yet.
    Applied,
    /// There are figures from before and after, but no verdict yet.
    Measured,
    /// It is faster than before, or no worse after two weeks.
    Kept,
    /// It has made things worse: its undo is suggested.
    Regressed,
    /// Nobody did it, and it is suggested no more.
    Withdrawn,
    /// What was done is undone: the index is not there any more, or there again.
    Gone,
}

impl Stage {
    /// All of them, in their order.
    pub const ALL: [Self; 7] = [
        Self::Suggested,
        Self::Applied,
        Self::Measured,
        Self::Kept,
        Self::Regressed,
        Self::Withdrawn,
        Self::Gone,
    ];

    /// The value of the label `state`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Suggested => "suggested",
            Self::Applied => "applied",
            Self::Measured => "measured",
            Self::Kept => "kept",
            Self::Regressed => "regressed",
            Self::Withdrawn => "withdrawn",
            Self::Gone => "gone",
        }
    }

    /// It was done, and is so still.
    #[must_use]
    pub const fn is_done(self) -> bool {
        matches!(self, Self::Applied | Self::Measured | Self::Kept | Self::Regressed)
    }

    /// Nothing is to be expected of it any more.
    #[must_use]
    pub const fn is_over(self) -> bool {
        matches!(self, Self::Withdrawn | Self::Gone)
    }
}

/// Which file an index is in, to tell whether it was built again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Built {
    /// `pg_class.oid`
    pub oid: u32,
    /// `pg_relation_filenode`
    pub filenode: u32,
}

/// One line. Times are seconds since 1970 by the agent's clock; in JSON they are RFC 3339.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Line {
    /// The same for the same suggestion in every run.
    pub id: String,
    /// Name of the server in the config.
    pub server: Arc<str>,
    /// Its database.
    pub datname: Arc<str>,
    /// `create`, `drop` or `reindex`.
    pub action: String,
    /// What has become of it.
    pub state: Stage,
    /// Its table, with the schema.
    pub table: String,
    /// The table's business module.
    pub module: String,
    /// Why it is suggested: `workload`, `duplicate`, `covered`, `unused`, `invalid`, `bloated`, or `regressed` of what takes
    /// another one back; nothing in lines that were written before this was kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cause: Option<String>,
    /// How sure it is; nothing where `cause` has nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub confidence: Option<Confidence>,
    /// The suggestion that has to be carried out before this one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<String>,
    /// What to run.
    pub ddl: Vec<String>,
    /// What takes it back.
    pub undo: String,
    /// What speaks for its state: why it was kept, regressed, was withdrawn or is gone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Seconds a day that it was to save.
    pub saved_seconds_per_day: f64,
    /// Seconds a day that it was to cost at writes.
    pub upkeep_seconds_per_day: f64,
    /// Its size in bytes, as estimated; of what is to go, what that gives back.
    pub size_bytes: f64,
    /// By what the planner's cost of a mean call of the helped statements was to fall, as a factor.
    pub estimated_speedup: Option<f64>,
    /// How it was checked.
    pub checked_by: String,
    /// What to know before running it.
    pub warnings: Vec<String>,
    /// All of that in a few sentences.
    pub explanation: String,
    /// When it was first suggested.
    #[serde(with = "moment")]
    pub suggested_at: i64,
    /// When it was last suggested.
    #[serde(with = "moment")]
    pub seen_at: i64,
    /// Runs since then that did not suggest it.
    #[serde(default)]
    pub missed: u32,
    /// When it was last looked for before it was applied.
    #[serde(with = "moment::maybe", default)]
    pub not_applied_at: Option<i64>,
    /// When it was first seen in the catalog.
    #[serde(with = "moment::maybe", default)]
    pub applied_at: Option<i64>,
    /// What the index is called there, as SQL; where the parts of a partitioned table have one each, what all are called.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub applied_as: Option<String>,
    /// Of a partitioned table, while it is not whole: in so many partitions, of so many.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub applied_parts: Option<(usize, usize)>,
    /// When there were figures for the first time.
    #[serde(with = "moment::maybe", default)]
    pub measured_at: Option<i64>,
    /// What it has brought.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub measured: Option<Measured>,
    /// When it was seen to be undone after it had regressed; nothing in lines that were written before this was kept.
    #[serde(with = "moment::maybe", default, skip_serializing_if = "Option::is_none")]
    pub taken_back_at: Option<i64>,
    /// The suggestion that this one takes back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub undoes: Option<String>,
    /// The statements that it was to help.
    pub helps: Vec<Helped>,
    /// The index to create.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub index: Option<Definition>,
    /// The index to build again, as it was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub built: Option<Built>,
    /// When this line last changed.
    #[serde(with = "moment")]
    pub updated_at: i64,
}

impl Line {
    /// A suggestion that is new.
    #[must_use]
    pub fn of(
        server: &Arc<str>,
        suggestion: &Suggestion,
        index: Option<&Definition>,
        now: i64,
    ) -> Self {
        let mut line = Self::begun(suggestion.id.clone(), now);
        line.server = Arc::clone(server);
        line.datname = suggestion.datname.as_str().into();
        suggestion.action.clone_into(&mut line.action);
        line.table.clone_from(&suggestion.table);
        line.renew(suggestion, index, now);
        line
    }

    /// A line that says nothing yet.
    pub(super) fn begun(id: String, now: i64) -> Self {
        Self {
            id,
            server: Arc::default(),
            datname: Arc::default(),
            action: String::new(),
            state: Stage::Suggested,
            table: String::new(),
            module: String::new(),
            cause: None,
            confidence: None,
            after: None,
            ddl: Vec::new(),
            undo: String::new(),
            reason: None,
            saved_seconds_per_day: 0.0,
            upkeep_seconds_per_day: 0.0,
            size_bytes: 0.0,
            estimated_speedup: None,
            checked_by: String::new(),
            warnings: Vec::new(),
            explanation: String::new(),
            suggested_at: now,
            seen_at: now,
            missed: 0,
            not_applied_at: None,
            applied_at: None,
            applied_as: None,
            applied_parts: None,
            measured_at: None,
            measured: None,
            taken_back_at: None,
            undoes: None,
            helps: Vec::new(),
            index: None,
            built: None,
            updated_at: now,
        }
    }

    /// It is suggested now: its figures are today's.
    pub(super) fn renew(&mut self, suggestion: &Suggestion, index: Option<&Definition>, now: i64) {
        self.module.clone_from(&suggestion.module);
        self.cause = Some(suggestion.reason.to_owned());
        self.confidence = Some(suggestion.confidence);
        self.after.clone_from(&suggestion.after);
        self.ddl.clone_from(&suggestion.ddl);
        self.undo = suggestion.undo.join(";\n");
        self.saved_seconds_per_day = suggestion.saved_seconds_per_day;
        self.upkeep_seconds_per_day = suggestion.upkeep_seconds_per_day;
        self.size_bytes = suggestion.size_bytes;
        suggestion.checked_by.clone_into(&mut self.checked_by);
        self.warnings.clone_from(&suggestion.warnings);
        self.explanation.clone_from(&suggestion.explanation);
        self.helps.clone_from(&suggestion.helps);
        self.estimated_speedup = estimated(&suggestion.helps);
        self.index = index.cloned();
        (self.seen_at, self.missed) = (now, 0);
    }

    /// It is suggested as if for the first time: nothing of what became of it before counts.
    pub(super) fn begin_anew(&mut self) {
        (self.applied_at, self.not_applied_at, self.applied_as) = (None, None, None);
        (self.measured_at, self.measured, self.reason) = (None, None, None);
        (self.taken_back_at, self.built) = (None, None);
        self.state = Stage::Suggested;
    }

    /// Its table's schema and name.
    #[must_use]
    pub fn relation(&self) -> Option<(String, String)> {
        let (schema, name) = self.table.split_once('.')?;
        Some((schema.to_owned(), name.to_owned()))
    }

    /// Hashes of the statements that it was to help.
    pub(super) fn queryids(&self) -> impl Iterator<Item = i64> {
        self.helps.iter().filter_map(|helped| helped.queryid.as_ref()?.parse().ok())
    }

    /// As the history keeps it.
    ///
    /// # Errors
    /// When it is no JSON, which nothing in it can cause.
    pub fn to_row(&self) -> Result<history::Suggestion, serde_json::Error> {
        Ok(history::Suggestion {
            id: self.id.clone(),
            place: Place { server: Arc::clone(&self.server), datname: Arc::clone(&self.datname) },
            action: self.action.clone(),
            state: self.state.name().to_owned(),
            ddl: self.ddl.join(";\n"),
            payload: serde_json::to_string(self)?,
            suggested_at: self.suggested_at,
            applied_at: self.applied_at,
            measured_at: self.measured_at,
            updated_at: self.updated_at,
        })
    }

    /// As the history has kept it.
    ///
    /// # Errors
    /// When another version has written something else.
    pub fn from_row(row: &history::Suggestion) -> Result<Self, serde_json::Error> {
        serde_json::from_str(&row.payload)
    }
}

/// The cost of a mean call before over that after, in the planner's units.
fn estimated(helps: &[Helped]) -> Option<f64> {
    let sum = |cost: fn(&Helped) -> f64| -> f64 {
        helps.iter().map(|helped| helped.calls_per_day * cost(helped)).sum()
    };
    let (before, after) = (sum(|helped| helped.cost_before), sum(|helped| helped.cost_after));
    (before > 0.0 && after > 0.0).then(|| before / after)
}

/// Seconds since 1970 as `2026-01-31T12:00:00Z`.
mod moment {
    use std::time::{Duration, SystemTime};

    use serde::de::Error;
    use serde::{Deserialize, Deserializer, Serializer};

    pub(super) fn text(seconds: i64) -> String {
        // The years that RFC 3339 has room for.
        let seconds = u64::try_from(seconds).unwrap_or(0).min(253_402_300_799);
        let time = SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
        humantime::format_rfc3339_seconds(time).to_string()
    }

    fn seconds(text: &str) -> Option<i64> {
        let since = humantime::parse_rfc3339(text).ok()?.duration_since(SystemTime::UNIX_EPOCH);
        i64::try_from(since.ok()?.as_secs()).ok()
    }

    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde's signature")]
    pub(super) fn serialize<S: Serializer>(at: &i64, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&text(*at))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(reader: D) -> Result<i64, D::Error> {
        let text = String::deserialize(reader)?;
        seconds(&text).ok_or_else(|| D::Error::custom("not a moment"))
    }

    pub(super) mod maybe {
        use super::{Deserialize, Deserializer, Error, Serializer};

        #[expect(clippy::ref_option, reason = "serde's signature")]
        pub fn serialize<S: Serializer>(
            at: &Option<i64>,
            serializer: S,
        ) -> Result<S::Ok, S::Error> {
            match at {
                Some(at) => serializer.serialize_some(&super::text(*at)),
                None => serializer.serialize_none(),
            }
        }

        pub fn deserialize<'de, D: Deserializer<'de>>(reader: D) -> Result<Option<i64>, D::Error> {
            let text = Option::<String>::deserialize(reader)?;
            text.map(|text| super::seconds(&text).ok_or_else(|| D::Error::custom("not a moment")))
                .transpose()
        }
    }
}

/// Seconds since 1970 for people.
#[must_use]
pub(super) fn moment_text(seconds: i64) -> String {
    moment::text(seconds)
}
