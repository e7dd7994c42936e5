//! How many at once: connections of a peer, calls of a caller (LIM-14, LIM-15).
//!
//! In: a [`Key`]. Out: a [`Permit`] that gives its place back when it is dropped, however that comes
//! about. Memory is bounded by the permits that are out, and those by the sockets and streams of the
//! process; `capacity` is a second fence.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::key::Key;

const SHARDS: usize = 16;

/// Keys are keyed hashes already, so a fast hasher is safe here.
type Counts = HashMap<(u64, u64), u32, foldhash::fast::FixedState>;

/// Hands out up to `limit` permits for each key.
#[derive(Debug)]
pub struct Concurrency {
    limit: u32,
    keys_per_shard: usize,
    shards: [Mutex<Counts>; SHARDS],
}

/// All permits of the key are out, or too many keys hold some.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Saturated {
    /// How many a key may have.
    pub limit: u32,
}

/// One place among the concurrent; dropping it gives the place back.
#[derive(Debug)]
pub struct Permit {
    of: Arc<Concurrency>,
    key: Key,
}

impl Concurrency {
    /// Up to `limit` permits a key, for up to `capacity` keys at a time.
    #[must_use]
    pub fn new(limit: u32, capacity: usize) -> Arc<Self> {
        Arc::new(Self {
            limit,
            keys_per_shard: capacity.div_ceil(SHARDS).max(1),
            shards: std::array::from_fn(|_| Mutex::default()),
        })
    }

    /// How many permits a key may have.
    #[must_use]
    pub const fn limit(&self) -> u32 {
        self.limit
    }

    /// Takes a place for `key`.
    ///
    /// # Errors
    /// [`Saturated`]. There is no queue: waiting would keep the very resource that is scarce.
    pub fn acquire(self: &Arc<Self>, key: Key) -> Result<Permit, Saturated> {
        let saturated = Saturated { limit: self.limit };
        let mut counts = self.shard(key);
        if counts.len() >= self.keys_per_shard && !counts.contains_key(&(key.place, key.tag)) {
            return Err(saturated);
        }
        let count = counts.entry((key.place, key.tag)).or_default();
        if *count >= self.limit {
            // A limit of zero must not leave an empty entry behind.
            if *count == 0 {
                counts.remove(&(key.place, key.tag));
            }
            return Err(saturated);
        }
        *count += 1;
        Ok(Permit { of: Arc::clone(self), key })
    }

    /// How many permits are out.
    #[must_use]
    pub fn held(&self) -> u64 {
        self.shards.iter().map(|shard| lock(shard).values().map(|count| u64::from(*count)).sum::<u64>()).sum()
    }

    fn release(&self, key: Key) {
        if let Entry::Occupied(mut count) = self.shard(key).entry((key.place, key.tag)) {
            match count.get_mut() {
                0 | 1 => _ = count.remove(),
                more => *more -= 1,
            }
        }
    }

    fn shard(&self, key: Key) -> MutexGuard<'_, Counts> {
        #[expect(clippy::indexing_slicing, reason = "the remainder is below the number of shards")]
        lock(&self.shards[(key.place >> 32) as usize % SHARDS])
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.of.release(self.key);
    }
}

fn lock(counts: &Mutex<Counts>) -> MutexGuard<'_, Counts> {
    counts.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::sync::Barrier;
    use std::sync::atomic::{AtomicU32, Ordering};
    use std::thread;

    use super::*;

    fn key(number: u32) -> Key {
        Key::named("test", &number.to_string())
    }

    #[test]
    fn the_eleventh_at_once_is_refused_until_one_is_done() {
        let concurrency = Concurrency::new(10, 100);
        let mut held: Vec<Permit> = (0..10).map(|_| concurrency.acquire(key(1)).unwrap()).collect();
        assert_eq!(concurrency.acquire(key(1)).unwrap_err(), Saturated { limit: 10 });
        assert!(concurrency.acquire(key(2)).is_ok());
        held.pop();
        assert!(concurrency.acquire(key(1)).is_ok());
    }

    #[test]
    fn nothing_is_kept_of_a_key_that_holds_no_permit() {
        let concurrency = Concurrency::new(2, 100);
        for number in 0..1_000 {
            drop(concurrency.acquire(key(number)).unwrap());
        }
        assert_eq!(concurrency.held(), 0);
        assert!(concurrency.shards.iter().all(|shard| lock(shard).is_empty()));
        let none = Concurrency::new(0, 100);
        assert!(none.acquire(key(1)).is_err());
        assert!(none.shards.iter().all(|shard| lock(shard).is_empty()));
    }

    #[test]
    fn the_number_of_keys_is_bounded_and_those_inside_go_on() {
        let concurrency = Concurrency::new(2, 32);
        let held: Vec<Permit> =
            (0..10_000).filter_map(|number| concurrency.acquire(key(number)).ok()).collect();
        assert!(held.len() <= 32);
        let inside = held.first().unwrap().key;
        assert!(concurrency.acquire(inside).is_ok());
    }

    #[test]
    fn permits_are_exact_between_threads_and_survive_a_panic() {
        let concurrency = Concurrency::new(3, 100);
        let (most, current, start) = (AtomicU32::new(0), AtomicU32::new(0), Barrier::new(8));
        thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    start.wait();
                    for _ in 0..2_000 {
                        if let Ok(permit) = concurrency.acquire(key(1)) {
                            most.fetch_max(current.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                            current.fetch_sub(1, Ordering::SeqCst);
                            drop(permit);
                        }
                    }
                });
            }
        });
        assert!(most.into_inner() <= 3);
        let panicked = thread::scope(|scope| {
            scope
                .spawn(|| {
                    let _permit = concurrency.acquire(key(1)).unwrap();
                    panic!("a stage panics while it holds a permit");
                })
                .join()
                .is_err()
        });
        assert!(panicked);
        assert_eq!(concurrency.held(), 0);
    }
}
