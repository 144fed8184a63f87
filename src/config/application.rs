//! `[[application]]`: thresholds of one application.

use std::time::Duration;

use super::reader::{Faults, Table, nearest};
use crate::erp::{OTHER, Profiles};

/// One `[[application]]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Application {
    /// `name`: as the profiles name it, such as `bi-report`.
    pub name: String,
    /// `slow_after`: a transaction of it is a slow one only from this length on, instead of that
    /// of `[transactions]` (10 ms to 1 day).
    pub slow_after: Duration,
}

/// Reads one.
pub(super) fn read(table: &mut Table, faults: &mut Faults) -> Option<Application> {
    let name = table.text("name", faults);
    let slow_after = table.duration("slow_after", faults);
    Some(Application { name: name?, slow_after: slow_after? })
}

/// A name that no profile has is not wrong, as profiles change; but nothing is called so.
pub(super) fn warn(tables: &[Table], profiles: &Profiles, warnings: &mut Faults) {
    let known = profiles.applications();
    for table in tables {
        let Some(given) = table.given("name") else { continue };
        let name = given.text.as_str();
        if name == OTHER || known.contains(name) {
            continue;
        }
        let near = nearest(name, known.iter().copied())
            .map_or_else(String::new, |near| format!("; did you mean {near:?}?"));
        let problem = format!("no profile names an application {name:?}{near}");
        warnings.add(given.place.clone(), table.key("name"), problem);
    }
}
