//! Several quotas on one key: a burst and a sustained one, a second's and a day's.

use std::sync::Arc;

use portcullis_domain::{Now, Strength};
use smallvec::SmallVec;

use crate::decision::{Charge, Taken, Violated, Visibility, take};
use crate::fields::ratelimit_policy;
use crate::key::Key;
use crate::limiter::Limiter;
use crate::quota::Quota;

/// Quotas that hold together: an attempt is admitted by all of them, or charged to none.
#[derive(Clone, Debug)]
pub struct Limits {
    limiters: Box<[Arc<Limiter>]>,
    policy: Box<str>,
}

impl Limits {
    /// These quotas together.
    #[must_use]
    pub fn new(limiters: Vec<Arc<Limiter>>) -> Self {
        let quotas: Vec<&Quota> = limiters.iter().map(|limiter| limiter.quota()).collect();
        let policy = ratelimit_policy(&quotas).into();
        Self { limiters: limiters.into(), policy }
    }

    /// The same quotas as in `compiled`, with the counters of `self` where a quota did not change: a reload
    /// hands no offender a fresh budget.
    #[must_use]
    pub fn carried_into(&self, compiled: &Self) -> Self {
        let carried = |new: &Arc<Limiter>| {
            let same = self.limiters.iter().find(|old| old.is_same(new));
            Arc::clone(same.unwrap_or(new))
        };
        Self { limiters: compiled.limiters.iter().map(carried).collect(), policy: compiled.policy.clone() }
    }

    /// Spends `cost` units of `key`'s budget with every quota, in this process.
    ///
    /// # Errors
    /// [`Violated`], and nothing is charged to any of them.
    pub fn take(&self, key: Key, cost: u32, now: Now) -> Result<Taken<'_>, Violated<'_>> {
        let charges: SmallVec<[Charge<'_>; 4]> = self.charges(key, cost).collect();
        take(&charges, now)
    }

    /// What a request of `key` that weighs `cost` is to spend.
    pub fn charges(&self, key: Key, cost: u32) -> impl Iterator<Item = Charge<'_>> {
        self.limiters.iter().map(move |limiter| Charge {
            limiter,
            key,
            cost,
            strength: Strength::Enforce,
            visibility: Visibility::Told,
            alert_at: None,
        })
    }

    /// The value of `RateLimit-Policy`; empty if there is no quota.
    #[must_use]
    pub fn policy(&self) -> &str {
        &self.policy
    }

    /// The limiters, in the order of the configuration.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<Limiter>> {
        self.limiters.iter()
    }

    /// Whether there is no quota.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.limiters.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use portcullis_domain::Timestamp;

    use super::*;

    const NOW: Now = Now { wall: Timestamp::from_seconds(1_000_000), mono: Duration::from_secs(10) };

    fn later(seconds: u64) -> Now {
        let span = Duration::from_secs(seconds);
        Now { wall: NOW.wall.plus(span), mono: NOW.mono + span }
    }

    fn limiter(name: &str, count: u32, seconds: u64) -> Arc<Limiter> {
        let quota = Quota::new(name, count, Duration::from_secs(seconds), count).unwrap();
        Arc::new(Limiter::new(quota, 1_000))
    }

    fn key() -> Key {
        Key::subject("https://id.example", "alice")
    }

    #[test]
    fn a_burst_and_a_sustained_quota_hold_together() {
        let limits = Limits::new(vec![limiter("burst", 3, 1), limiter("daily", 5, 86_400)]);
        assert_eq!(limits.policy(), "\"burst\";q=3;w=1, \"daily\";q=5;w=86400");
        for (moment, tightest) in [(0, "burst"), (0, "burst"), (0, "burst"), (9, "daily"), (9, "daily")] {
            let now = later(moment);
            assert_eq!(limits.take(key(), 1, now).unwrap().tightest.unwrap().quota.name(), tightest);
        }
        let now = later(20);
        let violated = limits.take(key(), 1, now).unwrap_err();
        assert_eq!((violated.quota.name(), &violated.names[..]), ("daily", &["daily"][..]));
        assert!(violated.exceeded.retry_after > Duration::from_secs(17_000));
    }

    #[test]
    fn a_refused_attempt_is_charged_to_no_quota() {
        let limits = Limits::new(vec![limiter("wide", 100, 60), limiter("narrow", 1, 60)]);
        assert!(limits.take(key(), 1, NOW).is_ok());
        for _ in 0..50 {
            assert!(limits.take(key(), 1, NOW).is_err());
        }
        let wide = limits.iter().next().unwrap();
        assert_eq!(wide.peek(key(), 0, NOW).unwrap().remaining, 99);
    }

    #[test]
    fn every_quota_that_is_used_up_is_named() {
        let limits = Limits::new(vec![limiter("minute", 1, 60), limiter("hour", 1, 3_600)]);
        assert!(limits.take(key(), 1, NOW).is_ok());
        let violated = limits.take(key(), 1, NOW).unwrap_err();
        assert_eq!(&violated.names[..], ["minute", "hour"]);
        assert_eq!(violated.quota.name(), "hour");
        assert_eq!(violated.exceeded.retry_after, Duration::from_secs(3_600));
    }

    #[test]
    fn no_quota_admits_everything_and_says_nothing() {
        let limits = Limits::new(Vec::new());
        assert_eq!(limits.take(key(), 1, NOW).unwrap(), Taken::default());
        assert!(limits.is_empty());
        assert_eq!(limits.policy(), "");
    }

    #[test]
    fn a_reload_keeps_the_counters_of_quotas_that_stay() {
        let running = Limits::new(vec![limiter("stays", 1, 60), limiter("goes", 1, 60)]);
        assert!(running.take(key(), 1, NOW).is_ok());
        let compiled = Limits::new(vec![limiter("stays", 1, 60), limiter("comes", 1, 60)]);
        let reloaded = running.carried_into(&compiled);
        assert_eq!(&reloaded.take(key(), 1, NOW).unwrap_err().names[..], ["stays"]);
        assert_eq!(reloaded.policy(), compiled.policy());
    }
}
