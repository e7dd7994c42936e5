//! Quotas by the calendar: so many each day or month, all of them at once again when the next one begins.
//!
//! In: what is held of a key and the time. Out: what will be held, or how long to wait. Called by
//! [`crate::Limiter`] alone.
//!
//! **Ceiling** (LIM-09). At most `count` units in one day or month of the zone, so at most twice the count within
//! any span that touches two of them. Who cannot have that sets a rate beside it.
//!
//! **Clock.** The wall clock says once, for a key's first unit in a day, how long that day still is; from then on
//! the monotonic clock counts it down. A wall clock that steps ends no day early and grants nothing twice; what was
//! begun before the step ends when it would have ended.

use std::sync::atomic::{AtomicU64, Ordering};

use jiff::civil::{Date, Time};
use jiff::tz::TimeZone;
use portcullis_domain::{Now, Timestamp};

use crate::gcra::Attempt;

/// How long a quota by the calendar lasts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Every {
    /// From midnight to midnight.
    Day,
    /// From the first to the first.
    Month,
}

/// Days or months of one zone.
#[derive(Debug)]
pub struct Calendar {
    every: Every,
    zone: TimeZone,
    /// The day or month that was asked for last, in seconds of the wall clock: the same one for nearly everybody.
    begin: AtomicU64,
    end: AtomicU64,
}

impl Calendar {
    /// Days or months as they begin in `zone`.
    #[must_use]
    pub const fn new(every: Every, zone: TimeZone) -> Self {
        Self { every, zone, begin: AtomicU64::new(0), end: AtomicU64::new(0) }
    }

    /// The longest that one lasts, in seconds: what is told to clients as the window.
    pub(crate) const fn seconds(&self) -> u64 {
        match self.every {
            Every::Day => 86_400,
            Every::Month => 31 * 86_400,
        }
    }

    /// When the one ends in which `now` lies.
    #[must_use]
    pub fn end_of(&self, now: Timestamp) -> Timestamp {
        let now = now.as_seconds();
        // The end is written before the begin, and read after it: whoever sees a new begin sees its end, and a
        // begin that is out of date has an end before `now` or lies after it.
        let (begin, end) = (self.begin.load(Ordering::Acquire), self.end.load(Ordering::Acquire));
        if begin <= now && now < end && end - begin <= self.seconds() + 2 * 3600 {
            return Timestamp::from_seconds(end);
        }
        let (begin, end) = self.compute(now).unwrap_or((now, now + self.seconds()));
        self.end.store(end, Ordering::Release);
        self.begin.store(begin, Ordering::Release);
        Timestamp::from_seconds(end)
    }

    /// When the one ends before `now`, the one in which it lies, and the next, in seconds: for somebody whose clock
    /// differs.
    pub(crate) fn ends_around(&self, now: Timestamp) -> [u64; 3] {
        let end = self.end_of(now).as_seconds();
        let begin = self.begin.load(Ordering::Acquire);
        // Another thread may have looked at another day between the two.
        let begin = if begin < end { begin } else { end.saturating_sub(self.seconds()) };
        let next = self.compute(end).map_or(end + self.seconds(), |(_, next)| next);
        [begin, end, next]
    }

    /// `None` for times that no calendar has.
    fn compute(&self, now: u64) -> Option<(u64, u64)> {
        let now = jiff::Timestamp::from_second(i64::try_from(now).ok()?).ok()?;
        let today = self.zone.to_datetime(now).date();
        let (begin, end) = match self.every {
            Every::Day => (today, today.tomorrow().ok()?),
            Every::Month => (today.first_of_month(), today.last_of_month().tomorrow().ok()?),
        };
        // A day whose midnight the clocks skip begins when they go on.
        let seconds = |date: Date| {
            let midnight = self.zone.to_timestamp(date.to_datetime(Time::midnight())).ok()?;
            u64::try_from(midnight.as_second()).ok()
        };
        Some((seconds(begin)?, seconds(end)?))
    }
}

impl Clone for Calendar {
    fn clone(&self) -> Self {
        Self::new(self.every, self.zone.clone())
    }
}

impl PartialEq for Calendar {
    fn eq(&self, other: &Self) -> bool {
        (self.every, &self.zone) == (other.every, &other.zone)
    }
}

impl Eq for Calendar {}

/// What is held of a key: the second in which its day ends, by the monotonic clock, and what was spent of it. It is
/// greater than that of the time alone for as long as it counts, as [`crate::table`] wants it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Held {
    end: u32,
    spent: u32,
}

impl Held {
    pub(crate) const fn new(end: u32, spent: u32) -> Self {
        Self { end, spent }
    }

    pub(crate) const fn pack(self) -> u64 {
        (self.end as u64) << 32 | self.spent as u64
    }

    pub(crate) const fn unpack(packed: u64) -> Self {
        #[expect(clippy::cast_possible_truncation, reason = "the halves of the number")]
        Self { end: (packed >> 32) as u32, spent: packed as u32 }
    }

    pub(crate) const fn end(self) -> u32 {
        self.end
    }

    pub(crate) const fn spent(self) -> u32 {
        self.spent
    }

    /// After `cost` units were given back.
    pub(crate) const fn refunded(self, cost: u32) -> Self {
        Self { end: self.end, spent: self.spent.saturating_sub(cost) }
    }

    /// Tries to spend `cost` of `count` units. A cost above the count counts as the whole of it.
    pub(crate) fn attempt(packed: u64, count: u32, cost: u32, calendar: &Calendar, now: Now) -> Attempt {
        let seconds = whole_seconds(now);
        let mut held = Self::unpack(packed);
        if held.end <= seconds {
            let left = calendar.end_of(now.wall).since(now.wall);
            // The second in which the day ends belongs to the day.
            let end = (now.mono + left).as_millis().div_ceil(1_000);
            held = Self { end: u32::try_from(end).unwrap_or(u32::MAX), spent: 0 };
        }
        let left = std::time::Duration::from_secs(held.end.into()).saturating_sub(now.mono);
        let left = u64::try_from(left.as_nanos()).unwrap_or(u64::MAX);
        let free = count.saturating_sub(held.spent);
        let cost = cost.min(count);
        if cost <= free {
            let spent = Self { end: held.end, spent: held.spent.saturating_add(cost) };
            let next = if spent.spent == 0 { 0 } else { left };
            Attempt::Admitted { arrival: spent.pack(), remaining: free - cost, next }
        } else {
            Attempt::Refused { remaining: free, next: left, wait: left }
        }
    }
}

/// The monotonic time as the upper half of a [`Held`].
pub(crate) fn whole_seconds(now: Now) -> u32 {
    u32::try_from(now.mono.as_secs()).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;

    use super::*;

    fn at(wall: &str, mono: u64) -> Now {
        let wall: jiff::Timestamp = wall.parse().unwrap();
        Now {
            wall: Timestamp::from_millis(u64::try_from(wall.as_millisecond()).unwrap()),
            mono: Duration::from_secs(mono),
        }
    }

    fn new_york() -> TimeZone {
        TimeZone::posix("EST5EDT,M3.2.0,M11.1.0").unwrap()
    }

    #[track_caller]
    fn ends(every: Every, zone: TimeZone, wall: &str, end: &str) {
        let end: jiff::Timestamp = end.parse().unwrap();
        let calendar = Calendar::new(every, zone);
        for _ in 0..2 {
            assert_eq!(
                calendar.end_of(at(wall, 0).wall).as_seconds(),
                u64::try_from(end.as_second()).unwrap()
            );
        }
    }

    #[test]
    fn days_and_months_end_where_the_zone_says() {
        ends(Every::Day, TimeZone::UTC, "2026-02-28T23:59:59Z", "2026-03-01T00:00:00Z");
        ends(Every::Month, TimeZone::UTC, "2028-02-01T00:00:00Z", "2028-03-01T00:00:00Z");
        ends(Every::Day, new_york(), "2026-07-04T03:59:59Z", "2026-07-04T04:00:00Z");
        ends(Every::Month, new_york(), "2026-12-31T23:00:00Z", "2027-01-01T05:00:00Z");
        // The day that has 23 hours, and the one that has 25.
        ends(Every::Day, new_york(), "2026-03-08T05:00:00Z", "2026-03-09T04:00:00Z");
        ends(Every::Day, new_york(), "2026-11-01T04:00:00Z", "2026-11-02T05:00:00Z");
    }

    fn admitted(attempt: Attempt) -> Option<u64> {
        match attempt {
            Attempt::Admitted { arrival, .. } => Some(arrival),
            Attempt::Refused { .. } => None,
        }
    }

    #[test]
    fn all_of_it_is_to_be_had_again_when_the_next_day_begins() {
        let calendar = Calendar::new(Every::Day, TimeZone::UTC);
        let evening = at("2026-05-01T23:59:00Z", 1_000);
        let held = admitted(Held::attempt(0, 3, 2, &calendar, evening)).unwrap();
        let Attempt::Refused { remaining, next, wait } = Held::attempt(held, 3, 2, &calendar, evening) else {
            panic!("three a day are three a day")
        };
        assert_eq!((remaining, next, wait), (1, 60_000_000_000, 60_000_000_000));
        assert!(admitted(Held::attempt(held, 3, 1, &calendar, evening)).is_some());
        let morning = at("2026-05-02T00:00:00Z", 1_060);
        assert!(admitted(Held::attempt(held, 3, 3, &calendar, morning)).is_some());
    }

    #[test]
    fn a_wall_clock_that_steps_grants_nothing_twice() {
        let calendar = Calendar::new(Every::Day, TimeZone::UTC);
        let mut held = 0;
        let walls =
            ["2026-05-01T12:00:00Z", "2026-05-02T12:00:00Z", "2026-04-29T00:00:00Z", "2099-01-01T00:00:00Z"];
        let mut granted = 0;
        for (second, wall) in walls.iter().cycle().take(400).enumerate() {
            if let Some(new) = admitted(Held::attempt(held, 5, 1, &calendar, at(wall, second as u64))) {
                held = new;
                granted += 1;
            }
        }
        assert_eq!(granted, 5);
    }

    proptest! {
        // proves: LIM-09
        #[test]
        fn no_day_grants_more_than_its_count_and_no_span_of_a_day_more_than_twice_that(
            count in 1u32..9, gaps in prop::collection::vec((0u64..20_000, 1u32..4), 1..200),
        ) {
            let calendar = Calendar::new(Every::Day, TimeZone::UTC);
            let (mut held, mut second) = (0, 0);
            let mut granted: Vec<(u64, u32)> = Vec::new();
            for (gap, cost) in gaps {
                second += gap;
                let wall = Timestamp::from_seconds(1_764_000_000 + second);
                let now = Now { wall, mono: Duration::from_secs(second) };
                let cost = cost.min(count);
                if let Some(new) = admitted(Held::attempt(held, count, cost, &calendar, now)) {
                    held = new;
                    granted.push((wall.as_seconds(), cost));
                }
            }
            let sum = |from: u64, to: u64| -> u32 {
                granted.iter().filter(|(at, _)| (from..to).contains(at)).map(|(_, cost)| cost).sum()
            };
            for (at, _) in &granted {
                let midnight = at / 86_400 * 86_400;
                prop_assert!(sum(midnight, midnight + 86_400) <= count);
                prop_assert!(sum(*at, at + 86_400) <= 2 * count);
            }
        }

        #[test]
        fn what_is_held_counts_until_its_end_and_no_longer(end in 1u32.., spent in 0u32.., now in 0u32..) {
            let held = Held::new(end, spent);
            prop_assert_eq!(Held::unpack(held.pack()), held);
            if end > now {
                prop_assert!(held.pack() > Held::new(now, 0).pack());
            }
        }
    }
}
