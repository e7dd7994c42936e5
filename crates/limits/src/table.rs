//! Where the arrival times are kept: a bounded table that forgets only what need not be remembered.
//!
//! In: a [`Key`] and the time. Out: the key's arrival time, with room to write the new one. Called by
//! [`crate::Limiter`] alone.
//!
//! **Shape.** Shards with a lock each; in each shard, buckets of eight places, 16 bytes a place: a tag and
//! an arrival time. A key may sit in either of two buckets and goes into the emptier one, which keeps
//! buckets from overflowing long before the table is full.
//!
//! **Forgetting** (LIM-11). A place may be taken over only when its arrival time has passed: its key is as
//! good as new, so nothing is lost. An active offender is never evicted, however many strangers arrive.
//!
//! **When both buckets are full of active keys**, the newcomer shares one arrival time with the shard's
//! other homeless keys. That is stricter than a budget of its own and never unlimited; a flood of spoofed
//! addresses can slow down strangers, and no one who is known already.
//!
//! **Changes.** A table whose content is kept elsewhere marks each bucket that was written to, at the cost of one
//! byte a bucket and no lock of its own; who keeps it takes the changes from time to time.

use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::key::Key;

const PLACES: usize = 8;

/// Places for each key of the capacity: half full, the odds of an overflow are below one in a million.
const SPARE: usize = 2;

const MOST_SHARDS: usize = 64;

/// Eight tags, then eight arrival times: one cache line each. Arrays, so that untouched memory stays
/// unmapped.
type Bucket = [[u64; PLACES]; 2];

/// Arrival times by key.
#[derive(Debug)]
pub(crate) struct Table {
    shards: Box<[Padded]>,
    /// How far to shift a key's place down to have its shard.
    shift: u32,
}

/// Keeps two shards' locks out of one cache line.
#[derive(Debug)]
#[repr(align(128))]
struct Padded(Mutex<Shard>);

#[derive(Debug)]
struct Shard {
    /// The latest time seen here. Two workers may come with readings in the wrong order.
    latest: u64,
    /// The arrival time that homeless keys share.
    shared: u64,
    buckets: Box<[Bucket]>,
    /// By bucket, a bit for each place that was written to since the changes were taken; empty if nobody asks.
    changed: Box<[u8]>,
}

/// Whether a table marks what changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Changes {
    Marked,
    Unmarked,
}

/// A key's place, with its shard locked.
pub(crate) struct Cell<'t> {
    shard: MutexGuard<'t, Shard>,
    tag: u64,
    spot: Spot,
    arrival: u64,
}

#[derive(Clone, Copy)]
enum Spot {
    Place { bucket: usize, place: usize },
    Shared,
}

impl Table {
    /// Room for `capacity` active keys, at 32 bytes each.
    pub(crate) fn new(capacity: usize, changes: Changes) -> Self {
        let buckets = capacity.saturating_mul(SPARE).div_ceil(PLACES).max(1);
        let shards = (buckets / 16).clamp(1, MOST_SHARDS).next_power_of_two();
        let per_shard = buckets.div_ceil(shards);
        let shard = || {
            let buckets = vec![[[0; PLACES]; 2]; per_shard].into_boxed_slice();
            let changed = match changes {
                Changes::Marked => vec![0; per_shard].into_boxed_slice(),
                Changes::Unmarked => Box::default(),
            };
            Padded(Mutex::new(Shard { latest: 0, shared: 0, buckets, changed }))
        };
        Self { shards: (0..shards).map(|_| shard()).collect(), shift: 64 - shards.trailing_zeros() }
    }

    /// The place of `key` at `now`, and the time to reckon with, which never runs backwards.
    pub(crate) fn cell(&self, key: Key, now: u64) -> (Cell<'_>, u64) {
        let mut shard = self.shard(key);
        let now = shard.latest.max(now);
        shard.latest = now;
        let (spot, arrival) = shard.find(key, now);
        (Cell { shard, tag: key.tag, spot, arrival }, now)
    }

    /// How many keys are active at `now`. Walks the table: for a scrape, not for a request.
    pub(crate) fn active(&self, now: u64) -> usize {
        let count = |shard: &Padded| {
            let shard = lock(&shard.0);
            shard.buckets.iter().flat_map(|[_, arrivals]| arrivals).filter(|arrival| **arrival > now).count()
        };
        self.shards.iter().map(count).sum()
    }

    /// Hands over the tag and arrival time of every place that was written to since this was asked last. One
    /// shard is locked at a time.
    pub(crate) fn take_changes(&self, mut each: impl FnMut(u64, u64)) {
        for shard in &self.shards {
            let mut shard = lock(&shard.0);
            let Shard { buckets, changed, .. } = &mut *shard;
            for ([tags, arrivals], marks) in buckets.iter().zip(changed.iter_mut()) {
                let marks = std::mem::take(marks);
                if marks == 0 {
                    continue;
                }
                for (place, (tag, arrival)) in tags.iter().zip(arrivals).enumerate() {
                    if marks & (1 << place) != 0 {
                        each(*tag, *arrival);
                    }
                }
            }
        }
    }

    #[cfg(test)]
    pub(crate) fn places(&self) -> usize {
        self.shards.iter().map(|shard| lock(&shard.0).buckets.len() * PLACES).sum()
    }

    /// What it takes in memory.
    #[cfg(test)]
    pub(crate) fn bytes(&self) -> usize {
        let bytes = |shard: &Padded| {
            let Shard { buckets, changed, .. } = &*lock(&shard.0);
            size_of_val(shard) + size_of_val(&**buckets) + changed.len()
        };
        self.shards.iter().map(bytes).sum()
    }

    #[cfg(test)]
    pub(crate) fn shards(&self) -> usize {
        self.shards.len()
    }

    fn shard(&self, key: Key) -> MutexGuard<'_, Shard> {
        let index = key.place.checked_shr(self.shift).unwrap_or(0) as usize;
        #[expect(clippy::indexing_slicing, reason = "as many shards as the shifted place has values")]
        lock(&self.shards[index].0)
    }
}

impl Cell<'_> {
    /// The key's arrival time; zero if nothing is known of it.
    pub(crate) fn arrival(&self) -> u64 {
        self.arrival
    }

    /// Whether it is the key's own, and not what keys without a place share.
    pub(crate) const fn is_own(&self) -> bool {
        matches!(self.spot, Spot::Place { .. })
    }

    /// Writes the key's new arrival time.
    pub(crate) fn set(mut self, arrival: u64) {
        match self.spot {
            Spot::Shared => self.shard.shared = arrival,
            Spot::Place { bucket, place } => {
                let tag = self.tag;
                if let Some([tags, arrivals]) = self.shard.buckets.get_mut(bucket)
                    && let (Some(old_tag), Some(old_arrival)) = (tags.get_mut(place), arrivals.get_mut(place))
                {
                    *old_tag = tag;
                    *old_arrival = arrival;
                    if let Some(marks) = self.shard.changed.get_mut(bucket) {
                        *marks |= 1 << place;
                    }
                }
            }
        }
    }
}

impl Shard {
    fn find(&self, key: Key, now: u64) -> (Spot, u64) {
        let [first, second] = self.candidates(key);
        for bucket in [first, second] {
            if let Some((place, arrival)) = self.known(bucket, key.tag) {
                return (Spot::Place { bucket, place }, arrival);
            }
        }
        let (free_first, place_first) = self.free(first, now);
        let (free_second, place_second) = self.free(second, now);
        let (bucket, place) =
            if free_first >= free_second { (first, place_first) } else { (second, place_second) };
        match place {
            Some(place) => (Spot::Place { bucket, place }, 0),
            None => (Spot::Shared, self.shared),
        }
    }

    /// The two buckets of a key: one chosen by its place, the other by its tag.
    fn candidates(&self, key: Key) -> [usize; 2] {
        let among = self.buckets.len() as u64;
        [key.place, key.tag].map(|hash| (((hash & 0xffff_ffff) * among) >> 32) as usize)
    }

    fn known(&self, bucket: usize, tag: u64) -> Option<(usize, u64)> {
        let [tags, arrivals] = self.buckets.get(bucket)?;
        let place = tags.iter().position(|known| *known == tag)?;
        Some((place, *arrivals.get(place)?))
    }

    /// How many places of the bucket may be taken over, and one of them.
    fn free(&self, bucket: usize, now: u64) -> (usize, Option<usize>) {
        let Some([_, arrivals]) = self.buckets.get(bucket) else { return (0, None) };
        let free = arrivals.iter().filter(|arrival| **arrival <= now).count();
        (free, arrivals.iter().position(|arrival| *arrival <= now))
    }
}

fn lock(shard: &Mutex<Shard>) -> MutexGuard<'_, Shard> {
    // Nothing under the lock can leave a shard half-written: a poisoned one is as good as any.
    shard.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Evenly spread keys without the cost of hashing.
    fn key(number: u64) -> Key {
        let mix = |mut x: u64| {
            x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            x ^ (x >> 31)
        };
        Key {
            place: mix(number.wrapping_mul(0x9e37_79b9_7f4a_7c15)),
            tag: mix(number ^ 0x5555_5555_5555_5555),
        }
    }

    fn put(table: &Table, key: Key, now: u64, arrival: u64) {
        table.cell(key, now).0.set(arrival);
    }

    fn get(table: &Table, key: Key, now: u64) -> u64 {
        table.cell(key, now).0.arrival()
    }

    #[test]
    fn a_table_filled_to_its_capacity_remembers_every_key() {
        for capacity in [1_000, 10_000, 100_000] {
            let table = Table::new(capacity, Changes::Unmarked);
            for number in 0..capacity as u64 {
                put(&table, key(number), 1, 1_000 + number);
            }
            assert_eq!(table.active(1), capacity);
            for number in 0..capacity as u64 {
                assert_eq!(get(&table, key(number), 1), 1_000 + number);
            }
        }
    }

    #[test]
    fn only_keys_whose_time_has_passed_give_up_their_place() {
        let table = Table::new(16, Changes::Unmarked);
        put(&table, key(0), 1, 1_000_000);
        for number in 1..100_000 {
            put(&table, key(number), number, number + 20);
            assert_eq!(get(&table, key(0), number), 1_000_000, "after {number} strangers");
        }
        assert!(table.active(100_000) <= 32);
    }

    #[test]
    fn keys_without_a_place_share_one() {
        let table = Table::new(1, Changes::Unmarked);
        for number in 0..64 {
            put(&table, key(number), 1, 500);
        }
        // Every place is taken: whatever a newcomer owes, the next newcomer owes too.
        put(&table, key(100), 1, 900);
        assert_eq!(get(&table, key(101), 1), 900);
        assert_eq!(get(&table, key(0), 1), 500);
    }

    #[test]
    fn time_in_a_shard_never_runs_backwards() {
        let table = Table::new(1, Changes::Unmarked);
        assert_eq!(table.cell(key(1), 50).1, 50);
        assert_eq!(table.cell(key(2), 40).1, 50);
    }

    #[test]
    fn changes_are_handed_over_once() {
        let table = Table::new(100, Changes::Marked);
        let changes = || {
            let mut changes = Vec::new();
            table.take_changes(|tag, arrival| changes.push((tag, arrival)));
            changes
        };
        put(&table, key(1), 1, 500);
        put(&table, key(1), 1, 600);
        assert_eq!(changes(), [(key(1).tag, 600)]);
        assert_eq!(changes(), []);
        assert_eq!(get(&table, key(1), 1), 600);
        assert_eq!(changes(), []);
    }

    #[test]
    fn a_table_without_capacity_still_answers() {
        let table = Table::new(0, Changes::Unmarked);
        put(&table, key(1), 1, 9);
        assert_eq!(get(&table, key(1), 1), 9);
    }
}
