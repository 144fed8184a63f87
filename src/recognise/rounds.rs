//! One turn after the other: databases that nobody has looked into yet come first, then those that were
//! looked into longest ago. What was found in a turn is true until the next.

use std::collections::BTreeMap;

use super::Found;

/// What was found in earlier turns.
#[derive(Debug, Default)]
pub struct Rounds {
    turn: u64,
    found: BTreeMap<String, Known>,
    /// Some were not looked into in any turn.
    lacks: bool,
}

/// What is known of one database.
#[derive(Debug)]
struct Known {
    /// When it had its turn; 0 before the first.
    turn: u64,
    found: Found,
    /// Looks that failed since one went well.
    failures: u32,
}

impl Rounds {
    /// Whether a database is still to be looked into for the first time, or once more as that has failed.
    #[must_use]
    pub fn lacks_some(&self) -> bool {
        self.lacks || self.found.values().any(|known| known.failures == 1)
    }

    /// What is known of all that were there.
    pub(super) fn known(&self) -> Vec<(String, Found)> {
        self.found.iter().map(|(datname, known)| (datname.clone(), known.found.clone())).collect()
    }

    /// Begins a turn: the databases that are there, as they should be looked into. Of those that are
    /// equally due the first that is given comes first.
    pub(super) fn begin(&mut self, mut databases: Vec<(String, bool)>) -> Vec<(String, bool)> {
        self.turn += 1;
        self.found.retain(|name, _| databases.iter().any(|(there, _)| there == name));
        databases.sort_by_key(|(name, _)| self.found.get(name).map(|known| known.turn));
        databases
    }

    /// What was found in one now.
    pub(super) fn found(&mut self, datname: &str, found: Found) {
        self.found.insert(datname.to_owned(), Known { turn: self.turn, found, failures: 0 });
    }

    /// One could not be looked into now; why. What was found in it before stays true. At first it is as due as
    /// it was, so that it is soon tried again; if that fails, too, it has had its turn, and is in no other's way.
    pub(super) fn failed(&mut self, datname: &str, reason: String) {
        let known = self.found.entry(datname.to_owned()).or_insert_with(|| Known {
            turn: 0,
            found: Found::Unseen(String::new()),
            failures: 0,
        });
        known.failures = known.failures.saturating_add(1);
        if known.failures > 1 {
            known.turn = self.turn;
        }
        if matches!(known.found, Found::Unseen(_)) {
            known.found = Found::Unseen(reason);
        }
    }

    /// Ends a turn: what is known of each of these, in their order. Of those that were never looked into:
    /// why not.
    pub(super) fn end(&mut self, databases: Vec<String>, unseen: &str) -> Vec<(String, Found)> {
        let known = |datname: &String| self.found.get(datname).map(|known| known.found.clone());
        let all: Vec<(String, Option<Found>)> =
            databases.into_iter().map(|datname| (datname.clone(), known(&datname))).collect();
        self.lacks = all.iter().any(|(_, found)| found.is_none());
        let or_unseen =
            |found: Option<Found>| found.unwrap_or_else(|| Found::Unseen(unseen.to_owned()));
        all.into_iter().map(|(datname, found)| (datname, or_unseen(found))).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn there(names: &[&str]) -> Vec<(String, bool)> {
        names.iter().map(|name| ((*name).to_owned(), true)).collect()
    }

    /// A turn in which two are looked into; their names, and how many nobody has seen.
    fn turn(rounds: &mut Rounds, names: &[&str]) -> (Vec<String>, usize) {
        let due: Vec<String> =
            rounds.begin(there(names)).into_iter().take(2).map(|(name, _)| name).collect();
        for name in &due {
            rounds.found(name, Found::Nothing);
        }
        let all = rounds.end(names.iter().map(|name| (*name).to_owned()).collect(), "later");
        assert_eq!(all.len(), names.len());
        let unseen = all.iter().filter(|(_, found)| *found == Found::Unseen("later".to_owned()));
        (due, unseen.count())
    }

    #[test]
    fn each_database_has_its_turn_and_what_was_found_stays_until_then() {
        let mut rounds = Rounds::default();
        let names = ["a", "b", "c", "d", "e"];
        let due = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
        assert_eq!(turn(&mut rounds, &names), (due(&["a", "b"]), 3));
        assert!(rounds.lacks_some());
        assert_eq!(turn(&mut rounds, &names), (due(&["c", "d"]), 1));
        assert_eq!(turn(&mut rounds, &names), (due(&["e", "a"]), 0));
        assert!(!rounds.lacks_some());
        assert_eq!(turn(&mut rounds, &names), (due(&["b", "c"]), 0));
        // One that was made since comes first, one that is gone is forgotten.
        assert_eq!(turn(&mut rounds, &["a", "c", "new"]), (due(&["new", "a"]), 0));
        assert_eq!(rounds.found.len(), 3);
    }

    #[test]
    fn a_look_that_fails_leaves_what_was_known_and_is_tried_again_soon_but_in_nobodys_way() {
        let mut rounds = Rounds::default();
        let names = ["a", "b", "c"];
        turn(&mut rounds, &names);
        turn(&mut rounds, &names);
        assert!(!rounds.lacks_some());
        let known = |rounds: &Rounds, name: &str| {
            rounds.known().into_iter().find(|(of, _)| of == name).map(|(_, found)| found)
        };
        let first = |rounds: &mut Rounds| rounds.begin(there(&names))[0].0.clone();
        assert_eq!(first(&mut rounds), "b");
        rounds.failed("b", "starting up".to_owned());
        assert_eq!(known(&rounds, "b"), Some(Found::Nothing), "what was found stays");
        assert!(rounds.lacks_some(), "soon");
        assert_eq!(first(&mut rounds), "b", "it is as due as before");
        rounds.failed("b", "starting up".to_owned());
        assert!(!rounds.lacks_some(), "then it waits for its turn");
        assert_ne!(first(&mut rounds), "b");
        rounds.failed("new", "no slot".to_owned());
        assert_eq!(known(&rounds, "new"), Some(Found::Unseen("no slot".to_owned())));
        rounds.found("new", Found::Nothing);
        assert!(!rounds.lacks_some());
        rounds.found("a", Found::Unseen("may not".to_owned()));
        assert_eq!(known(&rounds, "a"), Some(Found::Unseen("may not".to_owned())));
    }
}
