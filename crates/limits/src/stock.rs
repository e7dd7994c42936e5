//! All limiters of a policy, by their places: so that what stays the same goes on counting after a reload, and what
//! several operations share is counted once.

use std::collections::HashMap;
use std::sync::Arc;

use crate::concurrency::Concurrency;
use crate::limiter::{Limiter, Purpose, Span};
use crate::quota::Quota;

/// The limiters of one policy.
#[derive(Debug, Default)]
pub struct Stock {
    capacity: usize,
    limiters: HashMap<Box<str>, Arc<Limiter>>,
    concurrencies: HashMap<Box<str>, Arc<Concurrency>>,
    /// Those of the policy before, as long as this one is being made.
    before: HashMap<Box<str>, Arc<Limiter>>,
    concurrencies_before: HashMap<Box<str>, Arc<Concurrency>>,
}

impl Stock {
    /// Limiters with room for `capacity` keys each, in place of those of `running`.
    #[must_use]
    pub fn after(running: Option<&Self>, capacity: usize) -> Self {
        Self {
            capacity,
            before: running.map(|running| running.limiters.clone()).unwrap_or_default(),
            concurrencies_before: running.map(|running| running.concurrencies.clone()).unwrap_or_default(),
            ..Self::default()
        }
    }

    /// The limiter of the quota at `place`: with the counts of the running one, if it is the same quota.
    pub fn limiter(&mut self, place: &str, quota: Quota, purpose: Purpose, span: Span) -> Arc<Limiter> {
        let new = |place| Arc::new(Limiter::at(place, quota.clone(), purpose, span, self.capacity));
        if let Some(made) = self.limiters.get(place) {
            return Arc::clone(made);
        }
        let kept = self.before.get(place).filter(|before| {
            before.quota() == &quota && before.purpose() == purpose && before.span() == span
        });
        let limiter = kept.map_or_else(|| new(place), Arc::clone);
        self.limiters.insert(place.into(), Arc::clone(&limiter));
        limiter
    }

    /// The places for calls at a time at `place`: with those that are held, if there are as many.
    pub fn concurrency(&mut self, place: &str, limit: u32) -> Arc<Concurrency> {
        if let Some(made) = self.concurrencies.get(place) {
            return Arc::clone(made);
        }
        let kept = self.concurrencies_before.get(place).filter(|before| before.limit() == limit);
        let concurrency = kept.map_or_else(|| Concurrency::new(limit, self.capacity), Arc::clone);
        self.concurrencies.insert(place.into(), Arc::clone(&concurrency));
        concurrency
    }

    /// Lets go of the policy before.
    #[must_use]
    pub fn finished(mut self) -> Self {
        self.before.clear();
        self.concurrencies_before.clear();
        self
    }

    /// All limiters, in no order.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<Limiter>> {
        self.limiters.values()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use portcullis_domain::{Now, Timestamp};

    use super::*;
    use crate::key::Key;

    const NOW: Now = Now { wall: Timestamp::from_seconds(1_000_000), mono: Duration::from_secs(10) };

    fn quota(count: u32) -> Quota {
        Quota::new("default", count, Duration::from_secs(60), count).unwrap()
    }

    fn limiter(stock: &mut Stock, place: &str, count: u32) -> Arc<Limiter> {
        stock.limiter(place, quota(count), Purpose::Use, Span::Process)
    }

    #[test]
    fn a_quota_that_stays_goes_on_counting_and_one_that_changes_begins_anew() {
        let mut running = Stock::after(None, 100);
        let key = Key::named("test", "alice");
        for place in ["a", "b"] {
            assert!(limiter(&mut running, place, 1).take(key, 1, NOW).is_ok());
        }
        let mut reloaded = Stock::after(Some(&running.finished()), 100);
        assert!(limiter(&mut reloaded, "a", 1).take(key, 1, NOW).is_err());
        assert!(limiter(&mut reloaded, "b", 2).take(key, 1, NOW).is_ok());
        assert!(limiter(&mut reloaded, "c", 1).take(key, 1, NOW).is_ok());
        assert_eq!(reloaded.finished().iter().count(), 3);
    }

    #[test]
    fn one_place_is_counted_once_whoever_asks_for_it() {
        let mut stock = Stock::after(None, 100);
        assert!(Arc::ptr_eq(&limiter(&mut stock, "a", 1), &limiter(&mut stock, "a", 1)));
        assert!(Arc::ptr_eq(&stock.concurrency("a", 1), &stock.concurrency("a", 1)));
    }

    #[test]
    fn calls_under_way_hold_their_places_through_a_reload() {
        let mut running = Stock::after(None, 100);
        let key = Key::named("test", "alice");
        let permit = running.concurrency("a", 1).acquire(key).unwrap();
        let mut reloaded = Stock::after(Some(&running.finished()), 100);
        assert!(reloaded.concurrency("a", 1).acquire(key).is_err());
        drop(permit);
        assert!(reloaded.concurrency("a", 1).acquire(key).is_ok());
    }
}
