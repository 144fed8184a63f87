//! Values by label, in a bounded number.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::erp::OTHER;

/// A key that has a coarser one, for when there is no more room.
pub trait Coarse: Ord {
    /// The key of everything that is not kept apart; of these there are few.
    #[must_use]
    fn coarse(&self) -> Self;
}

/// A database and something of it.
impl Coarse for (Arc<str>, Arc<str>) {
    fn coarse(&self) -> Self {
        (Arc::clone(&self.0), OTHER.into())
    }
}

/// At most `limit` keys are kept apart; what comes after them goes to the coarse ones.
#[derive(Clone, Debug)]
pub struct Capped<K, V> {
    limit: usize,
    values: BTreeMap<K, V>,
}

impl<K, V> Default for Capped<K, V> {
    fn default() -> Self {
        Self { limit: 0, values: BTreeMap::new() }
    }
}

impl<K: Coarse, V: Default> Capped<K, V> {
    /// Empty.
    #[must_use]
    pub fn new(limit: usize) -> Self {
        Self { limit, values: BTreeMap::new() }
    }

    /// Another limit from now on; keys that are kept apart stay so.
    pub fn limit(&mut self, limit: usize) {
        self.limit = limit;
    }

    /// The value to change for this key.
    pub fn of(&mut self, key: K) -> &mut V {
        let full = self.values.len() >= self.limit && !self.values.contains_key(&key);
        self.values.entry(if full { key.coarse() } else { key }).or_default()
    }

    /// Whether this key is kept apart.
    #[must_use]
    pub fn keeps(&self, key: &K) -> bool {
        self.values.contains_key(key)
    }

    /// All of them, in order.
    pub fn iter(&self) -> impl Iterator<Item = (&K, &V)> {
        self.values.iter()
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.values.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    impl Coarse for u32 {
        fn coarse(&self) -> Self {
            u32::MAX
        }
    }

    #[test]
    fn what_has_no_room_is_counted_together_and_nothing_is_lost() {
        let mut capped: Capped<u32, u64> = Capped::new(2);
        for key in [1, 2, 3, 4, 1, 3] {
            *capped.of(key) += 1;
        }
        let all: Vec<(u32, u64)> = capped.iter().map(|(k, v)| (*k, *v)).collect();
        assert_eq!(all, [(1, 2), (2, 1), (u32::MAX, 3)]);
    }
}
