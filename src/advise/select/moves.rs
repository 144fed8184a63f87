//! The moves from one set to a better one.

use super::layout::Layout;
use super::state::State;

/// Moves that are followed to their end before a set counts as the best in its surroundings.
const FOLLOWED: usize = 300;

/// Looks at a bundle or a chosen index before a search ends with what it has; counted, so that the same model gives
/// the same answer on every machine.
const LOOKS: u64 = 40_000_000;

/// Some indexes out, then a bundle in, and out what is least missed until it fits.
struct Move {
    /// What it costs at once, less what the room that it makes is worth.
    score: f64,
    out: Vec<usize>,
    bundle: Option<usize>,
}

/// What each bundle would gain; not a number where that is to be found out.
type Gains = Vec<f64>;

pub(super) struct Moves<'a> {
    layout: &'a Layout<'a>,
    /// How much size counts when the next index is chosen.
    exponent: f64,
    looks: u64,
    /// Where the last better move was found: the next is looked for from there.
    turn: usize,
}

impl<'a> Moves<'a> {
    pub(super) fn new(layout: &'a Layout<'a>, exponent: f64) -> Self {
        Self { layout, exponent, looks: 0, turn: 0 }
    }

    /// A set to which is added what fits and helps.
    pub(super) fn filled(&mut self, state: State<'a>) -> State<'a> {
        self.fill(state, &mut vec![f64::NAN; self.layout.bundles.len()])
    }

    /// A better set: by the first move that is better at once, else by the first of the most promising that is better
    /// when the room which it makes is filled.
    pub(super) fn better(&mut self, state: &State<'a>) -> Option<State<'a>> {
        let mut gains = vec![f64::NAN; self.layout.bundles.len()];
        let price = self.price_of_room(state, &mut gains);
        let score = |next: &State| (next.total - state.total) - price * (state.bytes - next.bytes);
        let mut moves = Vec::new();
        for (at, first) in state.chosen.iter().enumerate() {
            for second in state.chosen.iter().skip(at) {
                let out = vec![*first, *second];
                let next = moved(state, &out);
                moves.push(Move { score: score(&next), out, bundle: None });
            }
        }
        for turn in 0..self.layout.bundles.len() {
            let at = (turn + self.turn) % self.layout.bundles.len();
            let Some(next) = self.exchanged(state, at) else { continue };
            if next.total < state.total * (1.0 - 1e-7) {
                self.turn = at;
                return Some(self.ended(state, next, &gains));
            }
            moves.push(Move { score: score(&next), out: Vec::new(), bundle: Some(at) });
        }
        moves.sort_by(|a, b| a.score.total_cmp(&b.score));
        for Move { out, bundle, .. } in moves.into_iter().take(FOLLOWED) {
            if self.looks > LOOKS {
                return None;
            }
            let next = match bundle {
                Some(at) => self.exchanged(state, at)?,
                None => moved(state, &out),
            };
            let next = self.ended(state, next, &gains);
            if next.total < state.total * (1.0 - 1e-7) {
                return Some(next);
            }
        }
        None
    }

    /// What a byte is worth: the most that one not chosen would gain for each of its own.
    fn price_of_room(&mut self, state: &State<'a>, gains: &mut Gains) -> f64 {
        let mut price: f64 = 0.0;
        for at in 0..self.layout.bundles.len() {
            let Some(bundle) = self.layout.bundles.get(at) else { continue };
            let bytes: f64 = state.missing(bundle).map(|id| self.layout.bytes(id)).sum();
            if bytes > 0.0 {
                price = price.max(self.gain(state, at, gains) / bytes);
            }
        }
        price
    }

    /// A bundle in, and what is least missed out for it.
    fn exchanged(&mut self, state: &State<'a>, at: usize) -> Option<State<'a>> {
        let bundle = self.layout.bundles.get(at)?;
        state.missing(bundle).next()?;
        let mut next = state.clone();
        for id in &bundle.ids {
            next.put(*id);
        }
        let before = next.chosen.len();
        let is_possible = next.make_room(&bundle.ids);
        self.looks += (before * (1 + before - next.chosen.len())) as u64;
        is_possible.then_some(next)
    }

    /// Filled anew, without what nobody would miss.
    fn ended(&mut self, before: &State<'a>, next: State<'a>, gains: &Gains) -> State<'a> {
        let mut gains = gains.clone();
        self.forget(before.differing(&next), &mut gains);
        let mut next = self.fill(next, &mut gains);
        next.prune();
        next
    }

    fn forget(&self, statements: impl Iterator<Item = usize>, gains: &mut Gains) {
        for bundle in statements.filter_map(|of| self.layout.bundles_of.get(of)).flatten() {
            if let Some(gain) = gains.get_mut(*bundle) {
                *gain = f64::NAN;
            }
        }
    }

    fn gain(&mut self, state: &State<'a>, at: usize, gains: &mut Gains) -> f64 {
        let (Some(gain), Some(bundle)) = (gains.get_mut(at), self.layout.bundles.get(at)) else {
            return 0.0;
        };
        if gain.is_nan() {
            self.looks += bundle.of.len() as u64;
            *gain = state.gain(bundle);
        }
        *gain
    }

    /// Adds what is worth most for its size, until nothing fits or helps.
    fn fill(&mut self, mut state: State<'a>, gains: &mut Gains) -> State<'a> {
        loop {
            let mut best: Option<(f64, usize)> = None;
            for at in 0..self.layout.bundles.len() {
                let Some(bundle) = self.layout.bundles.get(at) else { continue };
                // Most are known to gain nothing, which is quicker to see than whether they fit.
                let least = state.total * 1e-9;
                if gains.get(at).is_some_and(|gain| *gain <= least) {
                    continue;
                }
                let (mut bytes, mut number) = (0.0, 0);
                for id in state.missing(bundle) {
                    bytes += self.layout.bytes(id);
                    number += 1;
                }
                let is_possible =
                    self.layout.fits(state.bytes + bytes, state.chosen.len() + number);
                if number == 0 || !is_possible {
                    continue;
                }
                let gain = self.gain(&state, at, gains);
                if gain <= least {
                    continue;
                }
                let worth = gain / bytes.max(1.0).powf(self.exponent);
                if best.is_none_or(|(most, _)| worth > most) {
                    best = Some((worth, at));
                }
            }
            let Some(bundle) = best.and_then(|(_, at)| self.layout.bundles.get(at)) else {
                return state;
            };
            for id in &bundle.ids {
                state.put(*id);
            }
            self.forget(bundle.of.iter().map(|(number, _)| *number), gains);
        }
    }
}

fn moved<'a>(state: &State<'a>, out: &[usize]) -> State<'a> {
    let mut next = state.clone();
    for id in out {
        next.take(*id);
    }
    next
}
