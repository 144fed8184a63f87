//! A worker's dice.

use std::time::Duration;

/// Dice that are the same for the same seed, turn by turn: how many throws a turn took, which
/// depends on what the database answered, changes nothing in the turns after it.
pub(super) struct Dice {
    turns: fastrand::Rng,
    throws: fastrand::Rng,
}

impl Dice {
    pub(super) fn new(seed: u64) -> Self {
        let mut turns = fastrand::Rng::with_seed(seed);
        let throws = turns.fork();
        Self { turns, throws }
    }

    /// Begins the next turn.
    pub(super) fn next_turn(&mut self) {
        self.throws = self.turns.fork();
    }

    /// A number from 1 to `most`, all alike.
    pub(super) fn any(&mut self, most: i64) -> i32 {
        i32::try_from(self.throws.i64(1..=most.max(1))).unwrap_or(1)
    }

    /// A number from 1 to `most`; the low ones come far more often.
    pub(super) fn usual(&mut self, most: i64) -> i32 {
        let part = self.throws.f64().powi(3);
        #[expect(clippy::cast_possible_truncation, reason = "below `most`")]
        let pick = (part * most as f64) as i64;
        i32::try_from(pick + 1).unwrap_or(1)
    }

    /// From half to one and a half of `mean`.
    pub(super) fn pause(&mut self, mean: Duration) -> Duration {
        mean.mul_f64(0.5 + self.throws.f64())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_turn_that_broke_off_changes_nothing_in_the_next() {
        let (mut whole, mut broken) = (Dice::new(7), Dice::new(7));
        for _ in 0..9 {
            whole.any(1_000_000);
        }
        broken.any(1_000_000);
        whole.next_turn();
        broken.next_turn();
        let mut next = || (whole.any(1_000_000), broken.any(1_000_000));
        let turn: Vec<(i32, i32)> = (0..9).map(|_| next()).collect();
        assert!(turn.iter().all(|(whole, broken)| whole == broken), "{turn:?}");
    }
}
