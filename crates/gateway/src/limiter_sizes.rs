//! How many keys the limiters hold, for a scraper.
//!
//! In: the policy in force. Out: a number for each quota that is shared by many keys. Called by
//! [`portcullis_audit::Metrics`] when somebody scrapes, never by a request. Names say where a quota stands, so
//! that two of the same name are two series: `peer/default`, `shop/caller/default`. Quotas of single
//! operations are summed up for each API: there may be thousands.

use std::sync::{Arc, OnceLock, Weak};

use portcullis_audit::metrics::LimiterSizes;
use portcullis_domain::Now;
use portcullis_limits::{Limiter, Limits};

use crate::policy::{Api, Policy};
use crate::worker::Shared;

/// What is asked: the gateway, once it runs.
pub(crate) type Running = Arc<OnceLock<Weak<Shared>>>;

/// Tells the sizes of the policy that is in force when it is asked.
pub(crate) fn of(running: Running) -> LimiterSizes {
    Box::new(move |tell| {
        if let Some(shared) = running.get().and_then(Weak::upgrade) {
            let now = shared.clock.now();
            tell_all(&shared.policy.load(), now, tell);
        }
    })
}

fn tell_all(policy: &Policy, now: Now, tell: &mut dyn FnMut(&str, u64)) {
    each("peer", &policy.limits.peer, now, tell);
    each("caller", &policy.limits.caller, now, tell);
    for limiter in policy.limits.failures.limiters() {
        tell(limiter.quota().name(), limiter.active(now) as u64);
    }
    for api in &policy.apis {
        of_api(api, now, tell);
    }
}

fn of_api(api: &Api, now: Now, tell: &mut dyn FnMut(&str, u64)) {
    each(&format!("{}/peer", api.name), &api.peer_limits, now, tell);
    let Some(first) = api.routes.first() else { return };
    each(&format!("{}/caller", api.name), &first.api_limits, now, tell);
    // A route's limits hold those of its API as well.
    let is_shared =
        |limiter: &Arc<Limiter>| first.api_limits.iter().any(|shared| Arc::ptr_eq(shared, limiter));
    let of_operations = api.routes.iter().flat_map(|route| route.caller_limits.iter());
    let sizes = of_operations.filter(|limiter| !is_shared(limiter)).map(|limiter| limiter.active(now) as u64);
    if let Some(all) = sizes.reduce(u64::saturating_add) {
        tell(&format!("{}/operations", api.name), all);
    }
}

fn each(place: &str, limits: &Limits, now: Now, tell: &mut dyn FnMut(&str, u64)) {
    for limiter in limits.iter() {
        tell(&format!("{place}/{}", limiter.quota().name()), limiter.active(now) as u64);
    }
}
