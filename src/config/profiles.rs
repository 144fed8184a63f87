//! `profiles` and `erp`: the profiles that there are, and the one that a server is to have.

use std::fs::File;
use std::io::Read;

use super::reader::{Faults, Table, nearest};
use crate::erp::Profiles;

/// No profile is near this size; a device or a dump is not to fill the memory.
const LARGEST_FILE: u64 = 256 * 1_024;

/// Reads every file of the list, one after the other, as each may extend those before it.
pub(super) fn read(general: &Table, faults: &mut Faults) -> Option<Profiles> {
    let mut profiles = Profiles::default();
    let before = faults.0.len();
    for (path, place) in general.list("profiles", faults) {
        let text = match text(&path) {
            Ok(text) => text,
            Err(problem) => {
                faults.add(place, general.key("profiles"), format!("{path} {problem}"));
                continue;
            }
        };
        if let Err(error) = profiles.add(&text) {
            for fault in error.0 {
                faults.add(format!("{path}:{}", fault.line), fault.key, fault.problem);
            }
        }
    }
    (faults.0.len() == before).then_some(profiles)
}

fn text(path: &str) -> Result<String, String> {
    let unreadable = |error: std::io::Error| format!("cannot be read: {error}");
    // Opening a pipe could wait for ever.
    if !std::fs::metadata(path).map_err(unreadable)?.is_file() {
        return Err("is no file".to_owned());
    }
    let mut text = String::new();
    let file = File::open(path).map_err(unreadable)?;
    let bytes = file.take(LARGEST_FILE + 1).read_to_string(&mut text).map_err(unreadable)?;
    if u64::try_from(bytes).unwrap_or(u64::MAX) > LARGEST_FILE {
        return Err(format!("is larger than {LARGEST_FILE} bytes: it is no profile"));
    }
    Ok(text)
}

/// Whether there are the profiles that the `erp` of servers name.
pub(super) fn check_choices(servers: &[Table], profiles: &Profiles, faults: &mut Faults) {
    let names: Vec<&str> = profiles.all().map(|profile| profile.name()).collect();
    let all = names.join(", ");
    for server in servers {
        let Some(given) = server.given("erp") else { continue };
        let name = given.text.as_str();
        if name.is_empty() || names.contains(&name) {
            continue;
        }
        let problem = match nearest(name, names.iter().copied()) {
            Some(near) => {
                format!("there is no profile {name:?}; did you mean `{near}`? There are {all}")
            }
            None => format!("there is no profile {name:?}; there are {all}"),
        };
        faults.add(given.place.clone(), server.key("erp"), problem);
    }
}
