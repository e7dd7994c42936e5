//! Units of busy keys that a gateway has taken in advance, so that it need not ask for each.
//!
//! In: the charges of a decision. Out: where the keys stand, if all of it can be had from what was taken; or how much to
//! take with the next question. Called by [`crate::shared::Shared`] before it asks.
//!
//! **Bound.** What is leased was spent at the server: of a quota by the calendar there is never more than its count, and
//! of one whose units come back one by one there are, within any span, at most as many more as all gateways hold in
//! lease, `replicas × lease`, for they may be used later than they were counted. As many may be refused too early, while
//! others hold them. Without leases a quota is exact.
//!
//! **Far below the limit.** A lease is given only while, with it, half of the quota is left; and only of keys that were
//! asked for within a second before. Near its limit every key is asked for each time. Nothing that stops guessing and
//! nothing of which somebody is told is leased.
//!
//! **End.** A lease ends with its day or month, or when all of the quota would have come back anyway: nothing is lost by
//! one that is not used up.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use portcullis_domain::Now;
use smallvec::SmallVec;

use crate::decision::Charge;
use crate::key::Key;
use crate::limiter::{Purpose, Standing};
use crate::quota::Pace;
use crate::shared::order;

const SHARDS: usize = 16;
/// Busy keys that are remembered. Any more are asked for each time.
const MOST: usize = 16_384;
/// Who is asked for again within this time is busy.
const BUSY: Duration = Duration::from_secs(1);

/// Keys are keyed hashes already, so a fast hasher is safe here.
type Held = HashMap<(u64, u64), Lease, foldhash::fast::FixedState>;

/// What one gateway holds in lease.
pub(crate) struct Leases {
    units: u32,
    shards: [Mutex<Held>; SHARDS],
}

struct Lease {
    left: u32,
    /// When it ends, by the process's own clock.
    until: Duration,
    /// When the server was asked for the key last, and when for units in advance that have not come yet.
    seen: Duration,
    asked: Option<Duration>,
    /// Where the key stood without what is left of the lease.
    standing: Standing,
}

impl Leases {
    /// Leases of up to `units` of one key.
    pub(crate) fn new(units: u32) -> Self {
        Self { units, shards: std::array::from_fn(|_| Mutex::default()) }
    }

    /// Takes all of `charges` from what is held, or nothing.
    pub(crate) fn take(&self, charges: &[Charge<'_>], now: Now) -> Option<SmallVec<[Standing; 4]>> {
        if self.units == 0 || !charges.iter().all(is_leased) {
            return None;
        }
        let mut standings = SmallVec::new();
        for (index, charge) in charges.iter().enumerate() {
            match self.take_one(charge, now) {
                Some(standing) => standings.push(standing),
                None => {
                    for taken in charges.iter().take(index) {
                        self.put_back(taken);
                    }
                    return None;
                }
            }
        }
        Some(standings)
    }

    /// How many units to take in advance, if the server is asked for `charge` now.
    pub(crate) fn wanted(&self, charge: &Charge<'_>, now: Now) -> u32 {
        if self.units == 0 || !is_leased(charge) {
            return 0;
        }
        let key = order::name(charge);
        let mut shard = self.shard(key);
        if let Some(lease) = shard.get_mut(&(key.place, key.tag)) {
            let is_busy = now.mono.saturating_sub(lease.seen) < BUSY;
            lease.seen = now.mono;
            lease.end_by(now.mono);
            if lease.left == 0 {
                // Only that it is busy is remembered for longer: units end with their day.
                lease.until = lease.until.max(now.mono + BUSY);
            }
            // One question at a time: what two brought would be more than may be held.
            let is_asked = lease.asked.is_some_and(|asked| now.mono.saturating_sub(asked) < BUSY);
            if !is_busy || is_asked {
                return 0;
            }
            lease.asked = Some(now.mono);
            return self.units.saturating_sub(lease.left);
        }
        if shard.len() >= MOST / SHARDS {
            shard.retain(|_, lease| lease.until > now.mono);
        }
        if shard.len() < MOST / SHARDS {
            let standing = Standing { limit: 0, remaining: 0, reset: Duration::ZERO };
            let lease = Lease { left: 0, until: now.mono + BUSY, seen: now.mono, asked: None, standing };
            shard.insert((key.place, key.tag), lease);
        }
        0
    }

    /// Keeps `units` that were taken of `charge`, whose key stands like this now, without them.
    pub(crate) fn put(&self, charge: &Charge<'_>, units: u32, standing: Standing, now: Now) {
        let life = match charge.limiter.quota().pace() {
            Pace::Rolling { gcra, .. } => Duration::from_nanos(gcra.depth()),
            // Until the day or month ends, of which the standing tells when there is anything spent.
            Pace::Fixed(_) => standing.reset,
        };
        let key = order::name(charge);
        if let Some(lease) = self.shard(key).get_mut(&(key.place, key.tag)) {
            lease.end_by(now.mono);
            lease.left = lease.left.saturating_add(units).min(self.units);
            lease.until = now.mono + life;
            lease.asked = None;
            lease.standing = Standing { remaining: standing.remaining.saturating_sub(units), ..standing };
        }
    }

    fn take_one(&self, charge: &Charge<'_>, now: Now) -> Option<Standing> {
        let key = order::name(charge);
        let mut shard = self.shard(key);
        let lease = shard.get_mut(&(key.place, key.tag))?;
        lease.end_by(now.mono);
        lease.left = lease.left.checked_sub(charge.cost)?;
        let remaining = lease.standing.remaining.saturating_add(lease.left).min(lease.standing.limit);
        Some(Standing { remaining, ..lease.standing })
    }

    fn put_back(&self, charge: &Charge<'_>) {
        let key = order::name(charge);
        if let Some(lease) = self.shard(key).get_mut(&(key.place, key.tag)) {
            lease.left = lease.left.saturating_add(charge.cost).min(self.units);
        }
    }

    fn shard(&self, key: Key) -> MutexGuard<'_, Held> {
        #[expect(clippy::indexing_slicing, reason = "the remainder is below the number of shards")]
        self.shards[(key.place >> 32) as usize % SHARDS].lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Lease {
    /// Ends it, if its time has come.
    fn end_by(&mut self, now: Duration) {
        if self.until <= now {
            self.left = 0;
        }
    }
}

/// Whether units of it are taken in advance at all.
fn is_leased(charge: &Charge<'_>) -> bool {
    charge.cost > 0 && charge.limiter.purpose() == Purpose::Use && charge.alert_at.is_none()
}

#[cfg(test)]
mod tests {
    use portcullis_domain::{Strength, Timestamp};

    use super::*;
    use crate::calendar::{Calendar, Every};
    use crate::decision::Visibility;
    use crate::limiter::Limiter;
    use crate::quota::Quota;

    fn at(millis: u64) -> Now {
        let mono = Duration::from_millis(millis);
        Now { wall: Timestamp::from_seconds(1_000_000).plus(mono), mono }
    }

    fn daily() -> Limiter {
        let calendar = Calendar::new(Every::Day, jiff::tz::TimeZone::UTC);
        Limiter::new(Quota::fixed("daily", 1_000, calendar).unwrap(), 64)
    }

    fn charge(limiter: &Limiter, cost: u32) -> Charge<'_> {
        let (strength, visibility) = (Strength::Enforce, Visibility::Told);
        Charge { limiter, key: Key::everybody(), cost, strength, visibility, alert_at: None }
    }

    /// The server's answer to a charge, five seconds before midnight.
    const EVENING: Standing = Standing { limit: 1_000, remaining: 900, reset: Duration::from_secs(5) };

    #[test]
    fn units_end_with_their_day_however_busy_the_key_is() {
        let (limiter, leases) = (daily(), Leases::new(10));
        let one = charge(&limiter, 1);
        assert_eq!(leases.wanted(&one, at(0)), 0, "a key that is seen once is not busy");
        assert_eq!(leases.wanted(&one, at(10)), 10);
        leases.put(&one, 10, EVENING, at(10));
        assert_eq!(leases.take(&[one], at(4_900)).unwrap()[0].remaining, 899);
        // More than is held: the server is asked, and what is held is kept, but for no longer.
        assert!(leases.take(&[charge(&limiter, 50)], at(4_950)).is_none());
        leases.wanted(&charge(&limiter, 50), at(4_950));
        assert!(leases.take(&[one], at(5_000)).is_some());
        assert!(leases.take(&[one], at(5_010)).is_none());
    }

    #[test]
    fn one_question_at_a_time_asks_for_units_in_advance() {
        let (limiter, leases) = (daily(), Leases::new(10));
        let one = charge(&limiter, 1);
        let wanted: Vec<u32> = (0..5).map(|millis| leases.wanted(&one, at(millis))).collect();
        assert_eq!(wanted, [0, 10, 0, 0, 0]);
        leases.put(&one, 10, EVENING, at(5));
        assert_eq!(leases.wanted(&one, at(6)), 0, "there is a lease, which is full");
        // An answer that never came holds up the next question for a second.
        let other = Leases::new(10);
        let wanted = [0, 400, 900, 1_399, 1_400].map(|millis| other.wanted(&one, at(millis)));
        assert_eq!(wanted, [0, 10, 0, 0, 10]);
    }

    #[test]
    fn charges_are_taken_from_leases_together_or_not_at_all() {
        let (leased, leases) = (daily(), Leases::new(10));
        let bare = Limiter::at(
            "elsewhere",
            daily().quota().clone(),
            Purpose::Use,
            crate::limiter::Span::Process,
            64,
        );
        let one = charge(&leased, 4);
        leases.wanted(&one, at(0));
        leases.put(&one, 10, EVENING, at(1));
        assert!(leases.take(&[one, charge(&bare, 1)], at(2)).is_none());
        assert_eq!(leases.take(&[one], at(3)).unwrap()[0].remaining, 896);
    }
}
