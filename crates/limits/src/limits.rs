//! Several quotas on one key: a burst and a sustained one, a second's and a day's.

use std::sync::Arc;
use std::time::Duration;

use smallvec::SmallVec;

use crate::fields::ratelimit_policy;
use crate::key::Key;
use crate::limiter::{Exceeded, Limiter, Standing};
use crate::quota::Quota;

/// Quotas that hold together: an attempt is admitted by all of them, or charged to none.
#[derive(Clone, Debug)]
pub struct Limits {
    limiters: Box<[Arc<Limiter>]>,
    policy: Box<str>,
}

/// Where a key stands after an admission: with the quota that leaves the least.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Standings<'l> {
    /// The tightest quota.
    pub quota: &'l Quota,
    /// Where the key stands with it.
    pub standing: Standing,
}

/// At least one quota is used up. Nothing was charged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violated<'l> {
    /// The quota that asks for the longest wait.
    pub quota: &'l Quota,
    /// That wait, and where the key stands with that quota.
    pub exceeded: Exceeded,
    /// The names of all quotas that are used up (`violated-policies`, draft §5.1).
    pub names: SmallVec<[&'l str; 2]>,
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
            let same = self.limiters.iter().find(|old| old.quota() == new.quota());
            Arc::clone(same.unwrap_or(new))
        };
        Self { limiters: compiled.limiters.iter().map(carried).collect(), policy: compiled.policy.clone() }
    }

    /// Spends `cost` units of `key`'s budget with every quota. `None` if there is no quota at all.
    ///
    /// # Errors
    /// [`Violated`], and nothing is charged to any of them.
    pub fn take(&self, key: Key, cost: u32, now: Duration) -> Result<Option<Standings<'_>>, Violated<'_>> {
        let mut tightest: Option<Standings<'_>> = None;
        for (index, limiter) in self.limiters.iter().enumerate() {
            match limiter.take(key, cost, now) {
                Ok(standing) => {
                    let is_tighter = tightest.is_none_or(|so_far| is_tighter(standing, so_far.standing));
                    if is_tighter {
                        tightest = Some(Standings { quota: limiter.quota(), standing });
                    }
                }
                Err(exceeded) => {
                    for charged in self.limiters.iter().take(index) {
                        charged.refund(key, cost, now);
                    }
                    return Err(self.violated(limiter.quota(), exceeded, key, cost, now));
                }
            }
        }
        Ok(tightest)
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

    fn violated<'l>(
        &'l self,
        quota: &'l Quota,
        exceeded: Exceeded,
        key: Key,
        cost: u32,
        now: Duration,
    ) -> Violated<'l> {
        let mut violated = Violated { quota, exceeded, names: SmallVec::new() };
        for limiter in &self.limiters {
            if let Err(exceeded) = limiter.peek(key, cost, now) {
                violated.names.push(limiter.quota().name());
                if exceeded.retry_after > violated.exceeded.retry_after {
                    violated.quota = limiter.quota();
                    violated.exceeded = exceeded;
                }
            }
        }
        violated
    }
}

fn is_tighter(standing: Standing, than: Standing) -> bool {
    (standing.remaining, than.reset) < (than.remaining, standing.reset)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Duration = Duration::from_secs(10);

    fn limiter(name: &str, count: u32, seconds: u64) -> Arc<Limiter> {
        let quota = Quota::new(name, count, Duration::from_secs(seconds), count).unwrap();
        Arc::new(Limiter::new(quota, 1_000))
    }

    fn key() -> Key {
        Key::subject("https://id.example", "alice")
    }

    // proves-part: LIM-10 (long windows are not kept over a restart)
    #[test]
    fn a_burst_and_a_sustained_quota_hold_together() {
        let limits = Limits::new(vec![limiter("burst", 3, 1), limiter("daily", 5, 86_400)]);
        assert_eq!(limits.policy(), "\"burst\";q=3;w=1, \"daily\";q=5;w=86400");
        for (moment, tightest) in [(0, "burst"), (0, "burst"), (0, "burst"), (9, "daily"), (9, "daily")] {
            let now = NOW + Duration::from_secs(moment);
            assert_eq!(limits.take(key(), 1, now).unwrap().unwrap().quota.name(), tightest);
        }
        let now = NOW + Duration::from_secs(20);
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

    // proves-part: LIM-04 (the problem document is the gateway's)
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
        assert_eq!(limits.take(key(), 1, NOW).unwrap(), None);
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
