//! How often: by peer before anything is parsed, by caller once it is known who that is.
//!
//! In: who asks, and for what. Out: a place among the calls under way and where the caller stands, or a refusal that
//! says when to come back (RFC 6585 §4). All that a request spends is spent at once. What it may get back is noted in
//! its [`Pending`], which is settled when the request has ended.

use std::fmt::Write as _;
use std::time::Duration;

use http::HeaderValue;
use portcullis_domain::{Denial, Reason, Stage, Strength};
use portcullis_limits::{
    Charge, CountsConfig, Grounds, Limits, Pace, PartitionKeys, Permit as Place, Standings, Violated,
    Visibility, ratelimit,
};
use smallvec::SmallVec;

use crate::arrival::Envelope;
use crate::detect;
use crate::limits::attempts::{Attempt, Attempts};
use crate::limits::pending::{Heard, Item, Pending, Settles};
use crate::limits::{Asked, RouteLimits, caller_key, priority};
use crate::policy::{Policy, Route};
use crate::trace::Trace;

/// Where the caller stands, for the `RateLimit` fields of the answer.
pub(crate) struct Budget<'p> {
    told: Option<(&'p HeaderValue, Standings<'p>, PartitionKeys)>,
}

impl Budget<'_> {
    /// Nothing to tell.
    pub(crate) const fn none() -> Self {
        Self { told: None }
    }

    /// `RateLimit-Policy` and `RateLimit`, if a quota holds here. Header fields only: by the time of trailers they
    /// would be out of date (RateLimit fields draft §6).
    pub(crate) fn fields(&self) -> Option<(HeaderValue, HeaderValue)> {
        let (policy, standings, keys) = self.told.as_ref()?;
        Some(((*policy).clone(), HeaderValue::try_from(ratelimit(&[*standings], *keys)).ok()?))
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
        Err(violated) => {
            Err(exceeded(Reason::PeerRateExceeded, Some(limits.policy()), PartitionKeys::Hidden, &violated))
        }
    }
}

/// Whether there is room for one more request of this operation.
///
/// # Errors
/// [`Reason::Overloaded`].
pub(crate) fn find_room(policy: &Policy, route: &Route, envelope: &Envelope) -> Result<(), Denial> {
    let under_way = envelope.connection.signals.under_way();
    priority::admit(route.limits.priority, under_way, policy.under_way, envelope.receipt)
}

/// Spends what one request of the caller costs, by every quota that holds for the operation.
///
/// # Errors
/// [`Reason::CallerRateExceeded`], [`Reason::BudgetExhausted`], [`Reason::FailuresExceeded`],
/// [`Reason::LimitsUnavailable`], [`Reason::ConcurrencyExceeded`], if the stage is enforced.
pub(crate) async fn take_for_caller<'p>(
    policy: &'p Policy,
    route: &'p Route,
    asked: Asked<'_, '_>,
    trace: &mut Trace,
) -> Result<(Budget<'p>, Option<Place>), Denial> {
    let limits = &route.limits;
    if limits.is_empty() {
        trace.step_at(Stage::Limit, route.strengths.limit, Ok(()))?;
        return Ok((Budget::none(), None));
    }
    let attempt = limits.attempts.as_ref().map(|attempts| (attempts, attempts.begin(asked)));
    if let Some((attempts, _)) = &attempt
        && policy.detection.is_on()
    {
        trace.clues.login = detect::login(policy.detection.lookout.key(), attempts, asked);
    }
    let mut charges: SmallVec<[Charge<'p>; 4]> =
        limits.rules.iter().map(|rule| rule.charge(limits.cost, asked)).collect();
    if let Some((attempts, attempt)) = &attempt {
        charges.extend(attempts.charges(attempt));
    }
    let overall = &policy.limits;
    let taken = match overall.counters.take(&charges, asked.envelope.now).await {
        Ok(taken) => taken,
        Err(violated) => {
            let (reason, told) = refusal(limits, &violated);
            let denial = exceeded(reason, told, overall.partition_keys, &violated);
            trace.step_at::<()>(Stage::Limit, route.strengths.limit, Err(denial))?;
            return Ok((Budget::none(), None));
        }
    };
    if !taken.in_shadow.is_empty() {
        let note = names("quota used up, in shadow:", &taken.in_shadow);
        let denial = Denial::new(Reason::CallerRateExceeded).with_note(note);
        trace.step_at::<()>(Stage::Limit, Strength::Shadow, Err(denial))?;
    }
    trace.running_out.extend(taken.running_out.iter().map(|low| low.quota.name().into()));
    let place = match limits
        .concurrency
        .as_ref()
        .map(|concurrency| concurrency.acquire(caller_key(asked.caller, asked.envelope.peer_key)))
    {
        None => None,
        Some(Ok(place)) => Some(place),
        Some(Err(_)) => {
            overall.counters.give_back(&charges, asked.envelope.now);
            let denial = Denial::new(Reason::ConcurrencyExceeded).with_retry_after(Duration::from_secs(1));
            trace.step_at(Stage::Limit, route.strengths.limit, Err(denial))?
        }
    };
    trace.step_at(Stage::Limit, route.strengths.limit, Ok(()))?;
    trace.pending.set(pending(policy, limits, asked, &charges, attempt));
    let told = limits.policy.as_ref().zip(taken.tightest);
    Ok((Budget { told: told.map(|(field, standings)| (field, standings, overall.partition_keys)) }, place))
}

/// What is not final before the request has ended, if anything is not.
fn pending(
    policy: &Policy,
    limits: &RouteLimits,
    asked: Asked<'_, '_>,
    charges: &[Charge<'_>],
    attempt: Option<(&Attempts, Attempt)>,
) -> Option<Box<Pending>> {
    let mut items = SmallVec::new();
    for (rule, charge) in limits.rules.iter().zip(charges) {
        let settles = match (rule.term.counts, asked.length) {
            (CountsConfig::Served, _) => Settles::IfServed,
            (CountsConfig::ContentBytes, None) => Settles::ByLength,
            (CountsConfig::Requests | CountsConfig::ContentBytes, _) => continue,
        };
        items.push(Item::new(&rule.term, charge, settles));
    }
    if items.is_empty() && attempt.is_none() {
        return None;
    }
    let mut pending = Pending { counters: policy.limits.counters.clone(), ..Pending::default() };
    if let Some((attempts, attempt)) = attempt {
        let terms = attempts.terms(&attempt).zip(charges.iter().skip(limits.rules.len()));
        items.extend(terms.map(|(term, charge)| Item::new(term, charge, Settles::IfFailed)));
        pending.acquaintance = attempts.acquaintance(&attempt);
        pending.failed = Some(std::sync::Arc::clone(&attempts.failed));
        if attempts.failed.answer.is_some() {
            pending.heard = Heard::Pieces(Vec::new());
        }
    }
    if items.is_empty() {
        return None;
    }
    pending.items = items;
    Some(Box::new(pending))
}

/// Why a request is refused whose charge number so and so was too much, and what the client may know of the quotas.
fn refusal<'p>(limits: &'p RouteLimits, violated: &Violated<'_>) -> (Reason, Option<&'p str>) {
    if violated.grounds == Grounds::Uncounted {
        return (Reason::LimitsUnavailable, None);
    }
    let told = limits.policy.as_ref().and_then(|policy| policy.to_str().ok());
    match limits.rules.get(violated.charge) {
        None => (Reason::FailuresExceeded, None),
        Some(rule) if rule.is_common() => (Reason::BudgetExhausted, None),
        Some(_) => (Reason::CallerRateExceeded, told),
    }
}

fn exceeded(reason: Reason, policy: Option<&str>, keys: PartitionKeys, violated: &Violated<'_>) -> Denial {
    let Violated { quota, key, exceeded, visibility, .. } = violated;
    // All of a day's callers come back at midnight: not at once (RateLimit fields draft §8.5).
    let jitter = match quota.pace() {
        Pace::Fixed(_) => Duration::from_secs(u64::from(key.shown()[0]) % 60),
        Pace::Rolling { .. } => Duration::ZERO,
    };
    let mut denial = Denial::new(reason)
        .with_retry_after(exceeded.retry_after + jitter)
        .with_note(names("quota used up:", &violated.names));
    if let (Visibility::Told, Some(policy)) = (visibility, policy) {
        let standings = Standings { quota, key: *key, standing: exceeded.standing };
        denial = denial
            .with_field("ratelimit-policy", policy)
            .with_field("ratelimit", ratelimit(&[standings], keys));
    }
    for name in &violated.names {
        denial = denial.with_violated_policy(*name);
    }
    denial
}

fn names(what: &str, names: &[&str]) -> String {
    let mut note = what.to_owned();
    for name in names {
        let _ = write!(note, " {name}");
    }
    note
}
