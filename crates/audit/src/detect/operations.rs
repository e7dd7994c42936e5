//! What is noticed of operations and not of callers: drift of posture, undeclared and retired operations, sensitive
//! values in answers, parameters that stand where they should not.
//!
//! In: requests that have something of the kind. Out: an alarm once for each, with counts. Bounded by the number of
//! declared operations, and by fixed rooms for what a stranger can make up.

use std::collections::HashMap;

use foldhash::fast::RandomState;

use super::observation::Posture;

/// An operation's posture is known after so many served requests.
const SAMPLES: u64 = 500;
/// An undeclared path is an operation after so many answered calls.
const CALLS: u32 = 20;
/// A sensitive value at a place counts from the third answer on.
const SIGHTINGS: u32 = 3;
/// Most operations, and most places, that are remembered.
const ROOM: usize = 4096;

/// What is known of operations.
#[derive(Debug, Default)]
pub(super) struct Operations {
    postures: HashMap<u64, Postures, RandomState>,
    undeclared: HashMap<u64, u32, RandomState>,
    sensitive: HashMap<u64, u32, RandomState>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Postures {
    authenticated: u64,
    anonymous: u64,
}

/// An operation that was served without a credential.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Drift {
    pub(super) authenticated: u64,
    pub(super) anonymous: u64,
}

impl Operations {
    /// A request was served; `Some` if that should not be without a credential.
    pub(super) fn served(&mut self, operation: u64, posture: Posture) -> Option<Drift> {
        let known = within(&mut self.postures, operation)?;
        match posture {
            Posture::Authenticated => known.authenticated += 1,
            Posture::Anonymous => known.anonymous += 1,
        }
        let Postures { authenticated, anonymous } = *known;
        let is_drift = posture == Posture::Anonymous
            && authenticated >= SAMPLES
            // Normally 99.9 % show a credential; one in a thousand is none of our business.
            && anonymous.saturating_sub(1) * 1_000 <= authenticated;
        is_drift.then_some(Drift { authenticated, anonymous })
    }

    /// An undeclared path was answered: whether it has become an operation by that.
    pub(super) fn undeclared(&mut self, path: u64) -> Option<u32> {
        let calls = within(&mut self.undeclared, path)?;
        *calls = calls.saturating_add(1);
        (*calls == CALLS).then_some(CALLS)
    }

    /// A sensitive value stood at this place: whether that is news.
    pub(super) fn sensitive(&mut self, place: u64) -> Option<u32> {
        let sightings = within(&mut self.sensitive, place)?;
        *sightings = sightings.saturating_add(1);
        (*sightings == SIGHTINGS).then_some(SIGHTINGS)
    }
}

fn within<V: Default>(table: &mut HashMap<u64, V, RandomState>, key: u64) -> Option<&mut V> {
    if table.len() >= ROOM && !table.contains_key(&key) {
        return None;
    }
    Some(table.entry(key).or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_operation_that_was_always_authenticated_and_is_not_is_noticed() {
        let mut operations = Operations::default();
        assert_eq!(operations.served(1, Posture::Anonymous), None, "nothing is known yet");
        for _ in 0..1_500 {
            assert_eq!(operations.served(2, Posture::Authenticated), None);
        }
        assert_eq!(
            operations.served(2, Posture::Anonymous),
            Some(Drift { authenticated: 1_500, anonymous: 1 })
        );
        for _ in 0..600 {
            operations.served(3, Posture::Authenticated);
            assert_eq!(operations.served(3, Posture::Anonymous), None, "it is open by design");
        }
    }

    #[test]
    fn what_is_answered_twenty_times_is_an_operation_and_noise_is_none() {
        let mut operations = Operations::default();
        assert_eq!((0..100).filter_map(|_| operations.undeclared(1)).collect::<Vec<_>>(), [20]);
        assert!((1_000..100_000).all(|path| operations.undeclared(path).is_none()));
        assert!(operations.undeclared.len() <= ROOM);
        assert_eq!((0..10).filter_map(|_| operations.sensitive(1)).collect::<Vec<_>>(), [3]);
    }
}
