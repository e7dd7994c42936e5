//! Objects that are remembered: a bounded map, in shards.
//!
//! Each shard has a young and an old half. What is found in the old half becomes young again; when the young
//! half is full it becomes the old one, and what nobody asked for meanwhile is forgotten. No list is kept of
//! who was asked last, and nothing is moved but what is found.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use foldhash::fast::RandomState;
use portcullis_domain::{ObjectKey, OwnedObject};

/// Digests are spread evenly, so any byte of theirs chooses a shard.
const SHARDS: usize = 64;

/// What is remembered.
pub struct Hot {
    shards: Box<[Mutex<Shard>]>,
    /// Objects in one half of a shard.
    half: usize,
}

#[derive(Default)]
struct Shard {
    young: HashMap<ObjectKey, Remembered, RandomState>,
    old: HashMap<ObjectKey, Remembered, RandomState>,
}

/// An object, and how much of what is known of it the store has not heard yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Remembered {
    /// The object.
    pub object: OwnedObject,
    /// Lessons on their way to the store.
    pub pending: u32,
}

impl Hot {
    /// Remembers at most `most` objects.
    #[must_use]
    pub fn new(most: usize) -> Self {
        Self { shards: (0..SHARDS).map(|_| Mutex::default()).collect(), half: (most / SHARDS / 2).max(1) }
    }

    fn with<T>(&self, key: ObjectKey, act: impl FnOnce(&mut Shard) -> T) -> Option<T> {
        let shard = self.shards.get(usize::from(key.0[11]) % SHARDS)?;
        Some(act(&mut shard.lock().unwrap_or_else(PoisonError::into_inner)))
    }

    /// What is remembered of an object.
    #[must_use]
    pub fn find(&self, key: ObjectKey) -> Option<Remembered> {
        self.with(key, |shard| {
            if let Some(remembered) = shard.young.get(&key) {
                return Some(remembered.clone());
            }
            let remembered = shard.old.remove(&key)?;
            shard.put(key, remembered.clone(), self.half);
            Some(remembered)
        })?
    }

    /// Remembers what the store has yet to hear.
    pub fn learn(&self, key: ObjectKey, object: OwnedObject) {
        self.with(key, |shard| {
            let pending = shard.take(key).map_or(0, |before| before.pending) + 1;
            shard.put(key, Remembered { object, pending }, self.half);
        });
    }

    /// A lesson has reached the store, or never will. `kept` is what the store has now, if that is known.
    pub fn settle(&self, key: ObjectKey, kept: Option<OwnedObject>) {
        self.with(key, |shard| {
            let Some(mut remembered) = shard.take(key) else { return };
            remembered.pending = remembered.pending.saturating_sub(1);
            match (remembered.pending, kept) {
                (0, Some(object)) => shard.put(key, Remembered { object, pending: 0 }, self.half),
                (0, None) => {}
                (_, _) => shard.put(key, remembered, self.half),
            }
        });
    }

    /// Takes up what the store says of an object of which it has heard everything.
    pub fn refresh(&self, key: ObjectKey, kept: OwnedObject) {
        self.with(key, |shard| {
            let remembered = match shard.take(key) {
                Some(remembered) if remembered.pending > 0 => remembered,
                Some(_) | None => Remembered { object: kept, pending: 0 },
            };
            shard.put(key, remembered, self.half);
        });
    }

    /// Forgets an object of which the store has heard everything.
    pub fn forget(&self, key: ObjectKey) {
        self.with(key, |shard| {
            if let Some(remembered) = shard.take(key).filter(|remembered| remembered.pending > 0) {
                shard.put(key, remembered, self.half);
            }
        });
    }
}

impl Shard {
    fn take(&mut self, key: ObjectKey) -> Option<Remembered> {
        self.young.remove(&key).or_else(|| self.old.remove(&key))
    }

    fn put(&mut self, key: ObjectKey, remembered: Remembered, half: usize) {
        if self.young.len() >= half && !self.young.contains_key(&key) {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.insert(key, remembered);
    }
}

#[cfg(test)]
mod tests {
    use portcullis_domain::{Authority, ObjectState, OwnerKey, Timestamp};

    use super::*;

    fn object(owner: u64) -> OwnedObject {
        OwnedObject {
            owner: OwnerKey(owner),
            authority: Authority::Create,
            state: ObjectState::Confirmed,
            version: 1,
            at: Timestamp::from_seconds(1_800_000_000 + owner),
            parent: None,
            grants: Default::default(),
        }
    }

    fn key(number: u64) -> ObjectKey {
        let mut key = [0; 12];
        key[..8].copy_from_slice(&number.to_be_bytes());
        ObjectKey(key)
    }

    #[test]
    fn no_more_is_remembered_than_was_said_and_what_is_asked_for_stays() {
        let hot = Hot::new(SHARDS * 8);
        hot.refresh(key(0), object(0));
        for number in 1..1000 {
            hot.refresh(key(number), object(number));
            assert!(hot.find(key(0)).is_some(), "{number}");
        }
        let shard = hot.shards[0].lock().unwrap();
        assert!(shard.young.len() + shard.old.len() <= 8);
    }

    #[test]
    fn what_the_store_has_not_heard_yet_is_not_overwritten_by_what_it_says() {
        let hot = Hot::new(1000);
        let known = |hot: &Hot| hot.find(key(1)).map(|remembered| remembered.object.owner.0);
        hot.learn(key(1), object(1));
        hot.learn(key(1), object(2));
        hot.refresh(key(1), object(9));
        hot.settle(key(1), Some(object(1)));
        hot.forget(key(1));
        assert_eq!(known(&hot), Some(2));
        hot.settle(key(1), Some(object(3)));
        assert_eq!(known(&hot), Some(3));
        hot.refresh(key(1), object(4));
        assert_eq!(known(&hot), Some(4));
        hot.forget(key(1));
        assert_eq!(known(&hot), None);
    }
}
