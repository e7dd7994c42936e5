//! One quota, counted for every key.

use std::time::Duration;

use crate::gcra::Attempt;
use crate::key::Key;
use crate::quota::Quota;
use crate::table::Table;

/// Counts one quota for up to a fixed number of active keys; shared by all workers and exact between them.
///
/// Invariant: memory is bounded by the capacity, and a key that still owes something is never forgotten
/// ([`crate::table`] says what happens when there is no place).
#[derive(Debug)]
pub struct Limiter {
    quota: Quota,
    table: Table,
}

/// Where a key stands with its quota, as it may be advertised.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Standing {
    /// Units in each window.
    pub limit: u32,
    /// Units to be had at once; never more than `limit`, so that `r` is never above `q`.
    pub remaining: u32,
    /// Time until there is one unit more (draft §4.1.2); zero when nothing was spent.
    pub reset: Duration,
}

/// The quota is used up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Exceeded {
    /// When the same attempt would be admitted. Never less than `standing.reset` (LIM-03).
    pub retry_after: Duration,
    /// Where the key stands; the refused attempt was not charged.
    pub standing: Standing,
}

impl Limiter {
    /// How many active keys a limiter holds unless told otherwise; 2 MiB.
    pub const DEFAULT_CAPACITY: usize = 65_536;

    /// Counts `quota` for up to `capacity` active keys, at 32 bytes each.
    #[must_use]
    pub fn new(quota: Quota, capacity: usize) -> Self {
        Self { quota, table: Table::new(capacity) }
    }

    /// The quota.
    #[must_use]
    pub const fn quota(&self) -> &Quota {
        &self.quota
    }

    /// Spends `cost` units of `key`'s budget at `now`, the monotonic time of arrival. A cost of zero looks
    /// without spending; one above the burst counts as the whole burst.
    ///
    /// # Errors
    /// [`Exceeded`], and nothing is charged.
    pub fn take(&self, key: Key, cost: u32, now: Duration) -> Result<Standing, Exceeded> {
        let (cell, now) = self.table.cell(key, nanos(now));
        let attempt = self.quota.gcra().attempt(cell.arrival(), cost, now);
        if let Attempt::Admitted { arrival, .. } = attempt
            && cost > 0
        {
            cell.set(arrival);
        }
        self.answer(attempt)
    }

    /// What [`Limiter::take`] would answer, without spending.
    ///
    /// # Errors
    /// [`Exceeded`], when `cost` units are not to be had.
    pub fn peek(&self, key: Key, cost: u32, now: Duration) -> Result<Standing, Exceeded> {
        let (cell, now) = self.table.cell(key, nanos(now));
        self.answer(self.quota.gcra().attempt(cell.arrival(), cost, now))
    }

    /// Gives back `cost` units that were taken for something that did not happen.
    pub fn refund(&self, key: Key, cost: u32, now: Duration) {
        let (cell, _) = self.table.cell(key, nanos(now));
        let arrival = self.quota.gcra().refund(cell.arrival(), cost);
        cell.set(arrival);
    }

    /// How many keys owe something at `now`. Walks the table: for a scrape, not for a request.
    #[must_use]
    pub fn active(&self, now: Duration) -> usize {
        self.table.active(nanos(now))
    }

    fn answer(&self, attempt: Attempt) -> Result<Standing, Exceeded> {
        let standing = |remaining: u32, next| Standing {
            limit: self.quota.count(),
            remaining: remaining.min(self.quota.count()),
            reset: Duration::from_nanos(next),
        };
        match attempt {
            Attempt::Admitted { remaining, next, .. } => Ok(standing(remaining, next)),
            Attempt::Refused { remaining, next, wait } => {
                Err(Exceeded { retry_after: Duration::from_nanos(wait), standing: standing(remaining, next) })
            }
        }
    }
}

/// Nanoseconds since the clock was made; enough for 584 years.
fn nanos(now: Duration) -> u64 {
    now.as_secs().saturating_mul(1_000_000_000).saturating_add(u64::from(now.subsec_nanos()))
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};
    use std::thread;

    use super::*;

    const NOW: Duration = Duration::from_secs(10);

    fn limiter(count: u32, window: u64, burst: u32) -> Limiter {
        Limiter::new(Quota::new("test", count, Duration::from_secs(window), burst).unwrap(), 1_000)
    }

    fn key(number: u32) -> Key {
        Key::peer(std::net::IpAddr::V4(number.into()))
    }

    // proves: LIM-08
    #[test]
    fn a_thousand_parallel_calls_are_admitted_exactly_to_the_quota() {
        let limiter = limiter(100, 3_600, 100);
        let admitted = AtomicU32::new(0);
        let start = std::sync::Barrier::new(10);
        thread::scope(|scope| {
            for _ in 0..10 {
                scope.spawn(|| {
                    start.wait();
                    for _ in 0..100 {
                        if limiter.take(key(1), 1, NOW).is_ok() {
                            admitted.fetch_add(1, Ordering::Relaxed);
                        }
                    }
                });
            }
        });
        assert_eq!(admitted.into_inner(), 100);
    }

    #[test]
    fn one_keys_spending_leaves_the_others_alone() {
        let limiter = limiter(1, 60, 1);
        assert!(limiter.take(key(1), 1, NOW).is_ok());
        assert!(limiter.take(key(1), 1, NOW).is_err());
        assert!(limiter.take(key(2), 1, NOW).is_ok());
    }

    // proves-part: LIM-03 (trailers are the gateway's)
    #[test]
    fn what_remains_falls_call_by_call_and_the_wait_is_never_shorter_than_the_reset() {
        let limiter = limiter(60, 60, 20);
        let mut last = u32::MAX;
        for _ in 0..20 {
            let standing = limiter.take(key(1), 1, NOW).unwrap();
            assert!(standing.remaining < last);
            assert!(standing.reset <= Duration::from_secs(1));
            last = standing.remaining;
        }
        let exceeded = limiter.take(key(1), 3, NOW).unwrap_err();
        assert_eq!(exceeded.standing.remaining, 0);
        assert_eq!(exceeded.standing.reset, Duration::from_secs(1));
        assert_eq!(exceeded.retry_after, Duration::from_secs(3));
        assert!(limiter.take(key(1), 3, NOW + exceeded.retry_after).is_ok());
    }

    #[test]
    fn remaining_is_never_advertised_above_the_quota() {
        let standing = limiter(10, 1, 500).take(key(1), 1, NOW).unwrap();
        assert_eq!((standing.limit, standing.remaining), (10, 10));
    }

    #[test]
    fn looking_spends_nothing() {
        let limiter = limiter(1, 60, 1);
        for _ in 0..5 {
            assert_eq!(limiter.peek(key(1), 1, NOW).map(|standing| standing.remaining), Ok(0));
            assert_eq!(limiter.take(key(1), 0, NOW).map(|standing| standing.remaining), Ok(1));
        }
        assert_eq!(limiter.active(NOW), 0);
        assert!(limiter.take(key(1), 1, NOW).is_ok());
        assert_eq!(limiter.active(NOW), 1);
        assert_eq!(limiter.active(NOW + Duration::from_secs(60)), 0);
    }

    // proves-part: LIM-15 (bytes are not counted yet)
    #[test]
    fn an_expensive_call_uses_more_than_one_unit() {
        let limiter = limiter(25, 60, 25);
        assert!(limiter.take(key(1), 10, NOW).is_ok());
        assert!(limiter.take(key(1), 10, NOW).is_ok());
        assert!(limiter.take(key(1), 10, NOW).is_err());
        assert_eq!(limiter.take(key(1), 5, NOW).map(|standing| standing.remaining), Ok(0));
    }

    // proves: LIM-11
    #[test]
    fn ten_million_strangers_neither_grow_the_table_nor_free_a_hot_key() {
        let limiter = limiter(5, 3_600, 5);
        let room = limiter.table.places();
        for _ in 0..5 {
            assert!(limiter.take(key(0), 1, NOW).is_ok());
        }
        let mut stranger = 1u64;
        for number in 0..10_000_000u32 {
            stranger = stranger.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            let strange = Key { place: stranger ^ (stranger >> 33), tag: stranger.rotate_left(29) };
            let _ = limiter.take(strange, 1, NOW);
            if number % 1_000_000 == 0 {
                assert!(limiter.take(key(0), 1, NOW).is_err(), "after {number} strangers");
            }
        }
        assert!(limiter.take(key(0), 1, NOW).is_err());
        assert_eq!(limiter.table.places(), room);
        assert!(limiter.active(NOW) <= room);
    }

    #[test]
    fn a_full_table_limits_strangers_together_and_never_lets_them_all_in() {
        let limiter = Limiter::new(Quota::new("test", 5, Duration::from_secs(3_600), 5).unwrap(), 64);
        let admitted = (0..100_000).filter(|number| limiter.take(key(*number), 1, NOW).is_ok()).count();
        let room = limiter.table.places();
        assert!(admitted <= room + 5 * limiter.table.shards(), "{admitted} of {room}");
    }
}
