//! How many keys the limiters hold, for a scraper.
//!
//! In: the policy in force. Out: a number for each quota that is shared by many keys. Called by
//! [`portcullis_audit::Metrics`] when somebody scrapes, never by a request. Names say where a quota stands, so
//! that two of the same name are two series: `peer/default`, `shop/caller/default`. Quotas of single
//! operations are summed up for each API: there may be thousands.

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock, Weak};

use portcullis_audit::metrics::LimiterSizes;
use portcullis_domain::Now;
use portcullis_limits::Limits;

use crate::policy::Policy;
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
    let of_peers = policy.apis.iter().map(|api| &api.peer_limits).chain([&policy.limits.peer]);
    let plain = of_peers.flat_map(Limits::iter).map(|limiter| (limiter.place(), &**limiter));
    let failures = policy.limits.failures.limiters().map(|limiter| (limiter.quota().name(), limiter));
    let of_callers = policy.limiters.iter().map(|limiter| (limiter.place(), &**limiter));
    let mut of_operations = BTreeMap::<&str, u64>::new();
    for (place, limiter) in plain.chain(failures).chain(of_callers) {
        let active = limiter.active(now) as u64;
        match place.split_once(OPERATIONS) {
            Some((api, _)) => *of_operations.entry(api).or_default() += active,
            None => tell(place, active),
        }
    }
    for (api, active) in of_operations {
        tell(&format!("{api}/operations"), active);
    }
}

/// What stands between an API and the operation whose quota it is.
const OPERATIONS: &str = "/operations/";
