//! A table with a fixed room that forgets whoever was not seen for longest.
//!
//! Two generations: whoever is seen moves to the young one; when that is full, the old one is forgotten whole and
//! the young one becomes old. Everybody who is seen again within half the room of others stays. Finding, keeping
//! and forgetting take no search, whatever a stranger sends.

use std::collections::HashMap;

use foldhash::fast::RandomState;

/// A table of at most so many entries.
#[derive(Debug)]
pub(super) struct Bounded<V> {
    young: HashMap<u64, V, RandomState>,
    old: HashMap<u64, V, RandomState>,
    room: usize,
}

impl<V> Bounded<V> {
    /// Room for `room` entries, two at least.
    pub(super) fn new(room: usize) -> Self {
        Self { young: HashMap::default(), old: HashMap::default(), room: room.max(2) }
    }

    /// The entry of `key`, which is made if it is not there.
    pub(super) fn entry(&mut self, key: u64, make: impl FnOnce() -> V) -> &mut V {
        if !self.young.contains_key(&key) && self.young.len() >= self.room / 2 {
            let before = std::mem::take(&mut self.young);
            // The one that is asked for may stand among those that are forgotten now.
            let kept = self.old.remove(&key);
            self.old = before;
            if let Some(kept) = kept {
                return self.young.entry(key).or_insert(kept);
            }
        }
        let old = &mut self.old;
        self.young.entry(key).or_insert_with(|| old.remove(&key).unwrap_or_else(make))
    }

    /// The entry of `key`, if there is one.
    pub(super) fn find(&mut self, key: u64) -> Option<&mut V> {
        match self.young.get_mut(&key) {
            Some(value) => Some(value),
            None => self.old.get_mut(&key),
        }
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.young.len() + self.old.len()
    }

    /// Keeps those that `keeps` says yes to.
    pub(super) fn retain(&mut self, mut keeps: impl FnMut(&mut V) -> bool) {
        self.young.retain(|_, value| keeps(value));
        self.old.retain(|_, value| keeps(value));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_is_seen_again_stays_and_a_flood_fills_no_more_than_the_room() {
        let mut table = Bounded::new(1_000);
        *table.entry(1, || 0) = 7;
        for stranger in 100..100_000u64 {
            table.entry(stranger, || 0);
            if stranger % 400 == 0 {
                assert_eq!(*table.entry(1, || 0), 7, "forgotten at {stranger}");
            }
            assert!(table.len() <= 1_000);
        }
        assert!(table.find(100).is_none());
        assert!(table.find(99_999).is_some());
    }

    #[test]
    fn an_entry_of_the_generation_that_is_forgotten_is_carried_over() {
        let mut table = Bounded::new(4);
        *table.entry(1, || 0) = 7;
        table.entry(2, || 0);
        table.entry(3, || 0);
        table.entry(4, || 0);
        // One is old, and the young generation is full.
        assert_eq!(*table.entry(1, || 0), 7);
    }
}
