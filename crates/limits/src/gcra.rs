//! The generic cell rate algorithm (ITU-T I.371 Annex A), the arithmetic alone.
//!
//! In: a key's theoretical arrival time and the time now, both in nanoseconds of the process's monotonic
//! clock. Out: the new arrival time, or how long to wait. Pure; [`crate::Limiter`] keeps the numbers.
//!
//! Picture a debt in nanoseconds. Each unit adds one `interval` to it, time pays it off at its own speed,
//! and it may never exceed `burst` intervals. All that must be kept of a key is the moment at which its
//! debt will be paid: the theoretical arrival time. A key whose moment has passed is as good as new, which
//! is what makes forgetting it harmless (LIM-11).
//!
//! **Ceiling** (LIM-09). In any span of length `t`, at most `burst + t / interval` units are admitted, so
//! at most `burst + count` in any span of one window. There is no window edge at which a caller could get
//! two windows' worth at once beyond that.

/// Speed and depth of one quota.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gcra {
    /// Nanoseconds that one unit takes to be paid off; at least one.
    interval: u64,
    /// The deepest debt allowed: `burst` intervals.
    depth: u64,
    burst: u32,
}

/// What an attempt led to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Attempt {
    /// It was admitted.
    Admitted {
        /// The key's new theoretical arrival time.
        arrival: u64,
        /// Whole units still to be had at once.
        remaining: u32,
        /// Nanoseconds until there is one more; zero when the bucket is full.
        next: u64,
    },
    /// It was not; nothing is charged for asking.
    Refused {
        /// Whole units still to be had at once.
        remaining: u32,
        /// Nanoseconds until there is one more.
        next: u64,
        /// Nanoseconds until this attempt would be admitted; never less than `next`.
        wait: u64,
    },
}

impl Gcra {
    /// `count` units in `window` nanoseconds, and `burst` at once. `None` when one of them is zero, or when
    /// an empty bucket would take more than about 146 years to fill.
    #[must_use]
    pub fn new(count: u32, window: u64, burst: u32) -> Option<Self> {
        if count == 0 || window == 0 || burst == 0 {
            return None;
        }
        // Rounded up, so that rounding never admits more than was asked for.
        let interval = window.div_ceil(u64::from(count));
        let depth = interval.checked_mul(u64::from(burst)).filter(|depth| *depth <= u64::MAX / 4)?;
        Some(Self { interval, depth, burst })
    }

    /// Tries to spend `cost` units. A cost above the burst counts as the whole burst, since it could never
    /// be admitted otherwise.
    #[must_use]
    pub fn attempt(&self, arrival: u64, cost: u32, now: u64) -> Attempt {
        let debt = arrival.saturating_sub(now);
        let wanted = debt.saturating_add(self.price(cost));
        if wanted <= self.depth {
            let (remaining, next) = self.left(wanted);
            Attempt::Admitted { arrival: now.saturating_add(wanted), remaining, next }
        } else {
            let (remaining, next) = self.left(debt);
            Attempt::Refused { remaining, next, wait: wanted - self.depth }
        }
    }

    /// The arrival time after `cost` units were given back.
    #[must_use]
    pub fn refund(&self, arrival: u64, cost: u32) -> u64 {
        arrival.saturating_sub(self.price(cost))
    }

    /// Units that may come at once.
    #[must_use]
    pub const fn burst(&self) -> u32 {
        self.burst
    }

    /// Nanoseconds that one unit takes to be paid off.
    #[must_use]
    pub const fn interval(&self) -> u64 {
        self.interval
    }

    /// The deepest debt, in nanoseconds: how long a key is remembered at most.
    #[must_use]
    pub const fn depth(&self) -> u64 {
        self.depth
    }

    /// Nanoseconds of debt that `cost` units make; never more than the deepest.
    pub(crate) fn price(&self, cost: u32) -> u64 {
        // At most `depth`: cannot overflow.
        u64::from(cost.min(self.burst)) * self.interval
    }

    /// Units to be had at `debt`, and the time until one more.
    fn left(&self, debt: u64) -> (u32, u64) {
        let free = self.depth.saturating_sub(debt);
        let remaining = free / self.interval;
        let next = match debt {
            0 => 0,
            _ => (remaining + 1) * self.interval - free,
        };
        // `free` is at most `burst` intervals.
        (u32::try_from(remaining).unwrap_or(self.burst), next)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SECOND: u64 = 1_000_000_000;

    fn admitted(attempt: Attempt) -> Option<u64> {
        match attempt {
            Attempt::Admitted { arrival, .. } => Some(arrival),
            Attempt::Refused { .. } => None,
        }
    }

    #[test]
    fn a_full_bucket_admits_its_burst_and_then_one_each_interval() {
        let gcra = Gcra::new(10, SECOND, 5).unwrap();
        let mut arrival = 0;
        for left in (0..5).rev() {
            let attempt = gcra.attempt(arrival, 1, 7 * SECOND);
            let Attempt::Admitted { arrival: new, remaining, .. } = attempt else { panic!("{attempt:?}") };
            assert_eq!(remaining, left);
            arrival = new;
        }
        assert_eq!(
            gcra.attempt(arrival, 1, 7 * SECOND),
            Attempt::Refused { remaining: 0, next: SECOND / 10, wait: SECOND / 10 }
        );
        assert!(admitted(gcra.attempt(arrival, 1, 7 * SECOND + SECOND / 10 - 1)).is_none());
        assert!(admitted(gcra.attempt(arrival, 1, 7 * SECOND + SECOND / 10)).is_some());
    }

    #[test]
    fn a_wait_that_is_waited_is_enough() {
        let gcra = Gcra::new(7, SECOND, 3).unwrap();
        let arrival = admitted(gcra.attempt(0, 2, SECOND)).unwrap();
        let Attempt::Refused { wait, next, .. } = gcra.attempt(arrival, 3, SECOND) else { panic!() };
        assert!(next <= wait);
        assert!(admitted(gcra.attempt(arrival, 3, SECOND + wait - 1)).is_none());
        assert!(admitted(gcra.attempt(arrival, 3, SECOND + wait)).is_some());
    }

    #[test]
    fn a_cost_above_the_burst_takes_the_whole_bucket() {
        let gcra = Gcra::new(10, SECOND, 5).unwrap();
        let arrival = admitted(gcra.attempt(0, 50, SECOND)).unwrap();
        assert!(matches!(gcra.attempt(arrival, 1, SECOND), Attempt::Refused { remaining: 0, .. }));
    }

    #[test]
    fn what_is_given_back_can_be_spent_again() {
        let gcra = Gcra::new(1, SECOND, 2).unwrap();
        let arrival = admitted(gcra.attempt(0, 2, SECOND)).unwrap();
        assert!(admitted(gcra.attempt(arrival, 1, SECOND)).is_none());
        assert!(admitted(gcra.attempt(gcra.refund(arrival, 1), 1, SECOND)).is_some());
    }

    #[test]
    fn quotas_that_cannot_be_kept_are_not_made() {
        assert!(Gcra::new(0, SECOND, 1).is_none());
        assert!(Gcra::new(1, 0, 1).is_none());
        assert!(Gcra::new(1, SECOND, 0).is_none());
        assert!(Gcra::new(1, 86_400 * SECOND, u32::MAX).is_none());
    }

    /// The oracle: a bucket of exact fractions, refilled by the clock; `count` per `window`, in units of
    /// `1 / window`.
    struct Bucket {
        level: u128,
        full: u128,
        speed: u128,
        unit: u128,
        last: u64,
    }

    impl Bucket {
        fn new(count: u32, window: u64, burst: u32) -> Self {
            let unit = u128::from(window);
            let full = u128::from(burst) * unit;
            Self { level: full, full, speed: u128::from(count), unit, last: 0 }
        }

        fn take(&mut self, cost: u32, now: u64) -> bool {
            self.level = (self.level + u128::from(now - self.last) * self.speed).min(self.full);
            self.last = now;
            let price = u128::from(cost) * self.unit;
            let enough = price <= self.level;
            if enough {
                self.level -= price;
            }
            enough
        }
    }

    proptest! {
        #[test]
        fn agrees_with_a_token_bucket(
            count in 1u32..50, burst in 1u32..50,
            arrivals in prop::collection::vec((0u64..3_000, 1u32..4), 1..200),
        ) {
            // A window that `count` divides: no rounding, so the two must agree on every single answer.
            let window = u64::from(count) * 1_000;
            let gcra = Gcra::new(count, window, burst).unwrap();
            let mut bucket = Bucket::new(count, window, burst);
            let (mut arrival, mut now) = (0, 1);
            for (gap, cost) in arrivals {
                now += gap;
                let cost = cost.min(burst);
                let answer = admitted(gcra.attempt(arrival, cost, now));
                prop_assert_eq!(answer.is_some(), bucket.take(cost, now));
                arrival = answer.unwrap_or(arrival);
            }
        }

        // proves: LIM-09
        #[test]
        fn no_span_of_time_admits_more_than_the_documented_ceiling(
            count in 1u32..40, window in 1u64..5_000, burst in 1u32..40,
            gaps in prop::collection::vec(0u64..2_000, 1..300),
        ) {
            let gcra = Gcra::new(count, window, burst).unwrap();
            let (mut arrival, mut now) = (0, 1);
            let mut admissions = Vec::new();
            for gap in gaps {
                now += gap;
                if let Some(new) = admitted(gcra.attempt(arrival, 1, now)) {
                    arrival = new;
                    admissions.push(now);
                }
            }
            for (index, from) in admissions.iter().enumerate() {
                for (more, to) in admissions[index..].iter().enumerate() {
                    let span = u128::from(to - from);
                    let ceiling = u128::from(burst) + span * u128::from(count) / u128::from(window);
                    prop_assert!((more as u128) < ceiling);
                    if span < u128::from(window) {
                        prop_assert!(more < (burst + count) as usize);
                    }
                }
            }
        }
    }
}
