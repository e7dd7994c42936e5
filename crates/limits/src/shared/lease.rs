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
    asked: Duration,
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
            let is_busy = now.mono.saturating_sub(lease.asked) < BUSY;
            lease.asked = now.mono;
            lease.until = lease.until.max(now.mono + BUSY);
            return if is_busy { self.units.saturating_sub(lease.left) } else { 0 };
        }
        if shard.len() >= MOST / SHARDS {
            shard.retain(|_, lease| lease.until > now.mono);
        }
        if shard.len() < MOST / SHARDS {
            let standing = Standing { limit: 0, remaining: 0, reset: Duration::ZERO };
            let lease = Lease { left: 0, until: now.mono + BUSY, asked: now.mono, standing };
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
            lease.left = lease.left.saturating_add(units).min(self.units);
            lease.until = now.mono + life;
            lease.standing = Standing { remaining: standing.remaining.saturating_sub(units), ..standing };
        }
    }

    fn take_one(&self, charge: &Charge<'_>, now: Now) -> Option<Standing> {
        let key = order::name(charge);
        let mut shard = self.shard(key);
        let lease = shard.get_mut(&(key.place, key.tag))?;
        if lease.until <= now.mono {
            lease.left = 0;
        }
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

/// Whether units of it are taken in advance at all.
fn is_leased(charge: &Charge<'_>) -> bool {
    charge.cost > 0 && charge.limiter.purpose() == Purpose::Use && charge.alert_at.is_none()
}
