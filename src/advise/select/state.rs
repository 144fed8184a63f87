//! A chosen set, the plan that each statement has with it, and what more or less of it would do.

use super::layout::{Bundle, Layout, Mask};

/// A chosen set.
#[derive(Clone)]
pub(super) struct State<'a> {
    layout: &'a Layout<'a>,
    /// In order.
    pub(super) chosen: Vec<usize>,
    pub(super) total: f64,
    pub(super) bytes: f64,
    /// Of each statement, what is chosen, and the place of the plan that it has.
    masks: Vec<Mask>,
    places: Vec<usize>,
}

impl<'a> State<'a> {
    pub(super) fn new(layout: &'a Layout<'a>, chosen: impl IntoIterator<Item = usize>) -> Self {
        let places: Vec<usize> =
            layout.statements.iter().map(|served| served.place(0, 0)).collect();
        let costs = layout.statements.iter().zip(&places).map(|(served, at)| served.cost(*at));
        let mut state = Self {
            layout,
            chosen: Vec::new(),
            total: costs.sum(),
            bytes: 0.0,
            masks: vec![0; places.len()],
            places,
        };
        for id in chosen {
            state.put(id);
        }
        state
    }

    pub(super) fn has(&self, id: usize) -> bool {
        self.chosen.binary_search(&id).is_ok()
    }

    pub(super) fn fits(&self) -> bool {
        self.layout.fits(self.bytes, self.chosen.len())
    }

    /// Puts an index in.
    pub(super) fn put(&mut self, id: usize) {
        let Err(at) = self.chosen.binary_search(&id) else { return };
        self.chosen.insert(at, id);
        self.bytes += self.layout.bytes(id);
        self.total += self.layout.upkeep(id);
        self.move_plans(id, true);
    }

    /// Takes an index out.
    pub(super) fn take(&mut self, id: usize) {
        let Ok(at) = self.chosen.binary_search(&id) else { return };
        self.chosen.remove(at);
        self.bytes -= self.layout.bytes(id);
        self.total -= self.layout.upkeep(id);
        self.move_plans(id, false);
    }

    fn move_plans(&mut self, id: usize, is_in: bool) {
        for (number, bit) in self.layout.of.get(id).into_iter().flatten() {
            let (Some(mask), Some(place), Some(served)) = (
                self.masks.get_mut(*number),
                self.places.get_mut(*number),
                self.layout.statements.get(*number),
            ) else {
                continue;
            };
            let before = *place;
            if is_in {
                *mask |= bit;
                *place = served.place_with(*mask, *bit, before);
            } else {
                *mask &= !bit;
                if served.is_using(before, *bit) {
                    *place = served.place(*mask, before);
                }
            }
            if *place != before {
                self.total += served.cost(*place) - served.cost(before);
            }
        }
    }

    /// What a bundle would gain.
    pub(super) fn gain(&self, bundle: &Bundle) -> f64 {
        let upkeep: f64 = self.missing(bundle).map(|id| self.layout.upkeep(id)).sum();
        let mut gain = -upkeep;
        for (number, bits) in &bundle.of {
            let (Some(mask), Some(place), Some(served)) = (
                self.masks.get(*number),
                self.places.get(*number),
                self.layout.statements.get(*number),
            ) else {
                continue;
            };
            let then = served.place_with(mask | bits, bits & !mask, *place);
            if then != *place {
                gain += served.cost(*place) - served.cost(then);
            }
        }
        gain
    }

    /// What would be lost without an index.
    pub(super) fn loss(&self, id: usize) -> f64 {
        let mut loss = -self.layout.upkeep(id);
        for (number, bit) in self.layout.of.get(id).into_iter().flatten() {
            if let (Some(mask), Some(place), Some(served)) = (
                self.masks.get(*number),
                self.places.get(*number),
                self.layout.statements.get(*number),
            ) && served.is_using(*place, *bit)
            {
                loss += served.cost(served.place(mask & !bit, *place)) - served.cost(*place);
            }
        }
        loss
    }

    /// What of a bundle is not chosen.
    pub(super) fn missing(&self, bundle: &'a Bundle) -> impl Iterator<Item = usize> {
        bundle.ids.iter().copied().filter(|id| !self.has(*id))
    }

    /// Statements for which something else is chosen.
    pub(super) fn differing(&self, other: &Self) -> impl Iterator<Item = usize> {
        let both = self.masks.iter().zip(&other.masks).enumerate();
        both.filter(|(_, (mine, theirs))| mine != theirs).map(|(number, _)| number)
    }

    /// Takes out what is least missed for its size until the rest fits, but nothing of `kept`; whether it does.
    pub(super) fn make_room(&mut self, kept: &[usize]) -> bool {
        while !self.fits() {
            let others = self.chosen.iter().copied().filter(|id| !kept.contains(id));
            let least = others
                .map(|id| (self.loss(id) / self.layout.bytes(id).max(1.0), id))
                .min_by(|a, b| a.0.total_cmp(&b.0));
            let Some((_, id)) = least else { return false };
            self.take(id);
        }
        true
    }

    /// Takes out what nobody would miss.
    pub(super) fn prune(&mut self) {
        for id in self.chosen.clone().into_iter().rev() {
            if self.loss(id) <= self.total.abs() * 1e-12 {
                self.take(id);
            }
        }
    }
}
