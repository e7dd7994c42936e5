//! How often: by peer before anything is parsed, by caller once it is known who that is.

use std::fmt::Write as _;

use http::HeaderValue;
use portcullis_domain::{Caller, Denial, Reason};
use portcullis_limits::{Key, Limits, PartitionKeys, Permit as Place, Standings, Violated};

use crate::arrival::Envelope;
use crate::policy::{Policy, Route};

/// Where the caller stands, for the `RateLimit` fields of the answer.
pub(crate) struct Budget<'p> {
    standings: Option<(&'p Limits, Standings<'p>)>,
}

impl Budget<'_> {
    /// Nothing to tell.
    pub(crate) const fn none() -> Self {
        Self { standings: None }
    }

    /// `RateLimit-Policy` and `RateLimit`, if a quota holds here.
    pub(crate) fn fields(&self) -> Option<(HeaderValue, HeaderValue)> {
        let (limits, standings) = self.standings.as_ref()?;
        let standing = portcullis_limits::ratelimit(&[*standings], PartitionKeys::Hidden);
        Some((HeaderValue::from_str(limits.policy()).ok()?, HeaderValue::try_from(standing).ok()?))
    }
}

/// Spends one request of the address's budget.
///
/// # Errors
/// [`Reason::PeerRateExceeded`].
pub(crate) fn take_for_peer(limits: &Limits, envelope: &Envelope) -> Result<(), Denial> {
    if limits.is_empty() {
        return Ok(());
    }
    match limits.take(envelope.peer_key, 1, envelope.now) {
        Ok(_) => Ok(()),
        Err(violated) => Err(exceeded(Reason::PeerRateExceeded, limits, &violated)),
    }
}

/// Spends one request of the caller's budget; an anonymous caller's is its address's.
///
/// # Errors
/// [`Reason::CallerRateExceeded`], [`Reason::ConcurrencyExceeded`].
pub(crate) fn take_for_caller<'p>(
    policy: &'p Policy,
    route: &'p Route,
    caller: &Caller,
    envelope: &Envelope,
) -> Result<(Budget<'p>, Option<Place>), Denial> {
    let overall = &policy.limits.caller;
    let concurrency = route.concurrency.as_ref().or(policy.limits.caller_concurrency.as_ref());
    if overall.is_empty() && route.caller_limits.is_empty() && concurrency.is_none() {
        return Ok((Budget::none(), None));
    }
    let key = match caller {
        Caller::Authenticated(principal) => {
            Key::subject(principal.issuer.as_str(), principal.subject.as_str())
        }
        Caller::Anonymous => envelope.peer_key,
    };
    let mut budget = Budget::none();
    for limits in [overall, &route.caller_limits] {
        match limits.take(key, 1, envelope.now) {
            Ok(taken) => {
                if let Some(standings) = taken.tightest {
                    budget.standings = Some((limits, standings));
                }
            }
            Err(violated) => return Err(exceeded(Reason::CallerRateExceeded, limits, &violated)),
        }
    }
    let place = match concurrency.map(|concurrency| concurrency.acquire(key)) {
        None => None,
        Some(Ok(place)) => Some(place),
        Some(Err(_)) => {
            return Err(
                Denial::new(Reason::ConcurrencyExceeded).with_retry_after(std::time::Duration::from_secs(1))
            );
        }
    };
    Ok((budget, place))
}

fn exceeded(reason: Reason, limits: &Limits, violated: &Violated<'_>) -> Denial {
    let Violated { quota, key, exceeded, .. } = violated;
    let standings = Standings { quota, key: *key, standing: exceeded.standing };
    let standing = portcullis_limits::ratelimit(&[standings], PartitionKeys::Hidden);
    let mut note = String::from("quota used up:");
    let mut denial = Denial::new(reason)
        .with_retry_after(violated.exceeded.retry_after)
        .with_field("ratelimit-policy", limits.policy())
        .with_field("ratelimit", standing);
    for name in &violated.names {
        denial = denial.with_violated_policy(*name);
        let _ = write!(note, " {name}");
    }
    denial.with_note(note)
}
