//! One quota, counted for every key.

use std::time::Duration;

use portcullis_domain::{Now, Timestamp};

use crate::calendar::{Held, whole_seconds};
use crate::gcra::Attempt;
use crate::key::Key;
use crate::quota::{Pace, Quota};
use crate::table::{Changes, Table};

/// Counts one quota for up to a fixed number of active keys; shared by all workers and exact between them.
///
/// Invariant: memory is bounded by the capacity, and a key that still owes something is never forgotten
/// ([`crate::table`] says what happens when there is no place).
#[derive(Debug)]
pub struct Limiter {
    /// Where the quota stands: tells its counts from those of a quota of the same name elsewhere.
    place: Box<str>,
    quota: Quota,
    purpose: Purpose,
    span: Span,
    pub(crate) table: Table,
}

/// What a quota is for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Purpose {
    /// Keeps use within bounds. If it cannot be counted exactly, use goes on.
    #[default]
    Use,
    /// Stops guessing. If it cannot be counted, there is no guess.
    Guessing,
}

/// How long what is counted is known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Span {
    /// As long as the process lives.
    #[default]
    Process,
    /// Beyond it: changes are taken by whoever keeps them, and put back.
    Lasting,
}

/// What a key has spent, as it is kept beyond the process. Names the key by what no identity can be read from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Count {
    /// The key, of which a part is enough.
    pub key: u64,
    /// Until when this counts.
    pub until: Timestamp,
    /// What was spent of a day or month; zero for quotas that come back one by one, of which `until` says it all.
    pub spent: u32,
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
        Self {
            place: quota.name().into(),
            quota,
            purpose: Purpose::default(),
            span: Span::default(),
            table: Table::new(capacity, Changes::Unmarked),
        }
    }

    /// The same for a quota that stands at `place`, serves this purpose and is known for this long.
    #[must_use]
    pub fn at(place: &str, quota: Quota, purpose: Purpose, span: Span, capacity: usize) -> Self {
        let changes = match span {
            Span::Process => Changes::Unmarked,
            Span::Lasting => Changes::Marked,
        };
        Self { place: place.into(), quota, purpose, span, table: Table::new(capacity, changes) }
    }

    /// Where the quota stands, e.g. `shop/caller/default`.
    #[must_use]
    pub fn place(&self) -> &str {
        &self.place
    }

    /// The quota.
    #[must_use]
    pub const fn quota(&self) -> &Quota {
        &self.quota
    }

    /// What it is for.
    #[must_use]
    pub const fn purpose(&self) -> Purpose {
        self.purpose
    }

    /// How long its counts are known.
    #[must_use]
    pub const fn span(&self) -> Span {
        self.span
    }

    /// Whether `other` counts the same, so that its counts may live on in this one's place.
    #[must_use]
    pub fn is_same(&self, other: &Self) -> bool {
        let all = |limiter: &Self| (limiter.purpose, limiter.span);
        self.place == other.place && self.quota == other.quota && all(self) == all(other)
    }

    /// Spends `cost` units of `key`'s budget at `now`, the time of arrival. A cost of zero looks without
    /// spending; one above what may come at once counts as all of that.
    ///
    /// # Errors
    /// [`Exceeded`], and nothing is charged.
    pub fn take(&self, key: Key, cost: u32, now: Now) -> Result<Standing, Exceeded> {
        let (cell, reckoned) = self.table.cell(self.own(key), self.time(now));
        let attempt = self.attempt(cell.arrival(), cost, now, reckoned);
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
    pub fn peek(&self, key: Key, cost: u32, now: Now) -> Result<Standing, Exceeded> {
        let (cell, reckoned) = self.table.cell(self.own(key), self.time(now));
        self.answer(self.attempt(cell.arrival(), cost, now, reckoned))
    }

    /// Gives back `cost` units that were taken for something that did not happen.
    pub fn refund(&self, key: Key, cost: u32, now: Now) {
        let (cell, _) = self.table.cell(self.own(key), self.time(now));
        let held = match &self.quota.pace() {
            Pace::Rolling { gcra, .. } => gcra.refund(cell.arrival(), cost),
            Pace::Fixed(_) => Held::unpack(cell.arrival()).refunded(cost.min(self.quota.count())).pack(),
        };
        cell.set(held);
    }

    /// Spends `cost` units that cannot be refused any more, or as many of them as there are.
    pub fn charge(&self, key: Key, cost: u32, now: Now) {
        if let Err(exceeded) = self.take(key, cost, now) {
            // Between the two somebody may have come back to more: that much is still his.
            let _ = self.take(key, exceeded.standing.remaining.min(cost), now);
        }
    }

    /// How many keys owe something at `now`. Walks the table: for a scrape, not for a request.
    #[must_use]
    pub fn active(&self, now: Now) -> usize {
        self.table.active(self.time(now))
    }

    /// What changed since this was asked last, to be kept elsewhere. Nothing, unless the span is lasting.
    pub fn changes(&self, now: Now, mut each: impl FnMut(Count)) {
        self.table.take_changes(|key, held| {
            let (until, spent) = match self.quota.pace() {
                Pace::Rolling { .. } => (Duration::from_nanos(held), 0),
                Pace::Fixed(_) => {
                    let held = Held::unpack(held);
                    (Duration::from_secs(held.end().into()), held.spent())
                }
            };
            // What is over is told as well, with what the key has now: nothing.
            let left = until.saturating_sub(now.mono);
            let until = now.wall.plus(left + Duration::from_nanos(999_999));
            each(Count { key, until, spent });
        });
    }

    /// Takes up a count that was kept, unless it does not count any more.
    pub fn restore(&self, count: Count, now: Now) {
        let left = count.until.since(now.wall).min(self.quota.memory() + Duration::from_secs(7_200));
        if left.is_zero() {
            return;
        }
        let (cell, _) = self.table.cell(Key::of_tag(count.key), self.time(now));
        let held = match self.quota.pace() {
            Pace::Rolling { gcra, .. } => nanos(now.mono).saturating_add(nanos(left).min(gcra.depth())),
            Pace::Fixed(_) => {
                let end = (now.mono + left).as_millis().div_ceil(1_000);
                Held::new(u32::try_from(end).unwrap_or(u32::MAX), count.spent).pack()
            }
        };
        // Who came meanwhile has spent more than was kept, or as much again.
        let held = held.max(cell.arrival());
        cell.set(held);
    }

    pub(crate) fn attempt(&self, held: u64, cost: u32, now: Now, reckoned: u64) -> Attempt {
        match self.quota.pace() {
            Pace::Rolling { gcra, .. } => gcra.attempt(held, cost, reckoned),
            Pace::Fixed(calendar) => Held::attempt(held, self.quota.count(), cost, calendar, now),
        }
    }

    /// The time as the table has it.
    pub(crate) fn time(&self, now: Now) -> u64 {
        match self.quota.pace() {
            Pace::Rolling { .. } => nanos(now.mono),
            Pace::Fixed(_) => Held::new(whole_seconds(now), 0).pack(),
        }
    }

    /// The key as the table has it. Of one whose count is kept, only the tag is.
    pub(crate) const fn own(&self, key: Key) -> Key {
        match self.span {
            Span::Process => key,
            Span::Lasting => Key::of_tag(key.tag),
        }
    }

    pub(crate) fn answer(&self, attempt: Attempt) -> Result<Standing, Exceeded> {
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
pub(crate) fn nanos(now: Duration) -> u64 {
    now.as_secs().saturating_mul(1_000_000_000).saturating_add(u64::from(now.subsec_nanos()))
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};
    use std::thread;

    use super::*;
    use crate::calendar::{Calendar, Every};

    const NOW: Now = Now { wall: Timestamp::from_seconds(1_000_000), mono: Duration::from_secs(10) };

    fn later(span: Duration) -> Now {
        Now { wall: NOW.wall.plus(span), mono: NOW.mono + span }
    }

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
        assert!(limiter.take(key(1), 3, later(exceeded.retry_after)).is_ok());
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
        assert_eq!(limiter.active(later(Duration::from_secs(60))), 0);
    }

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
    fn a_million_keys_take_less_than_100_mib_and_each_is_known() {
        let quota = Quota::new("test", 2, Duration::from_secs(3_600), 2).unwrap();
        let limiter = Limiter::at("test", quota, Purpose::Use, Span::Lasting, 1_000_000);
        assert!(limiter.table.bytes() < 100 << 20, "{}", limiter.table.bytes());
        for round in 0..2 {
            for number in 0..1_000_000 {
                assert!(limiter.take(key(number), 1, NOW).is_ok(), "{number} in round {round}");
            }
        }
        assert!((0..1_000_000).step_by(1_000).all(|number| limiter.take(key(number), 1, NOW).is_err()));
    }

    #[test]
    fn what_is_kept_of_a_count_restores_it_in_another_process() {
        let berlin = Calendar::new(Every::Day, jiff::tz::TimeZone::UTC);
        for quota in [
            Quota::new("rolling", 4, Duration::from_secs(86_400), 4).unwrap(),
            Quota::fixed("fixed", 4, berlin).unwrap(),
        ] {
            let lasting = || Limiter::at("test", quota.clone(), Purpose::Use, Span::Lasting, 1_000);
            let before = lasting();
            for _ in 0..3 {
                before.take(key(1), 1, NOW).unwrap();
            }
            let mut kept = Vec::new();
            before.changes(NOW, |count| kept.push(count));
            before.changes(NOW, |count| panic!("told twice: {count:?}"));
            // A minute later, in a process whose clock has just begun.
            let now = Now { wall: NOW.wall.plus(Duration::from_secs(60)), mono: Duration::from_secs(2) };
            let after = lasting();
            kept.iter().for_each(|count| after.restore(*count, now));
            assert!(after.take(key(1), 1, now).is_ok(), "{quota:?}");
            assert!(after.take(key(1), 1, now).is_err(), "{quota:?}");
            assert!(after.take(key(2), 4, now).is_ok(), "{quota:?}");
            // What is over when it is read counts no more.
            let later = Now { wall: NOW.wall.plus(Duration::from_secs(86_400)), ..now };
            let next_day = lasting();
            kept.iter().for_each(|count| next_day.restore(*count, later));
            assert!(next_day.take(key(1), 4, later).is_ok(), "{quota:?}");
        }
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
