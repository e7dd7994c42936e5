//! What a suspect may do: nothing at all, little, only after another login, or what everybody may, with a word to the
//! upstream.
//!
//! In: who calls, once that is known, and where callers stand. Out: how risky the caller is deemed, or a refusal. Costs
//! one look at a counter while nobody stands out. A principal is judged by what the principal did, and an address only
//! where nobody is known: whoever shares it with an attacker and shows a good credential goes on.

use std::time::Duration;

use http::{HeaderMap, HeaderValue};
use portcullis_audit::alert::Action;
use portcullis_audit::detect::{Measure, Standing};
use portcullis_domain::{Caller, Challenge, Denial, Principal, Reason, Risk, Scheme, Stage, Timestamp};

use crate::arrival::Envelope;
use crate::detect;
use crate::policy::{Api, Policy};
use crate::trace::Trace;

/// Judges whoever could not be identified.
///
/// # Errors
/// [`Reason::SubjectBlocked`], [`Reason::SubjectThrottled`].
pub(crate) fn refuse_stranger(policy: &Policy, envelope: &Envelope, trace: &mut Trace) -> Result<(), Denial> {
    let standing = of(policy, &Caller::Anonymous, envelope);
    refuse(&standing, envelope, trace)
}

/// Judges the caller, and tells the upstream if it is to be told.
///
/// # Errors
/// [`Reason::SubjectBlocked`], [`Reason::SubjectThrottled`], [`Reason::AuthenticationInsufficient`].
pub(crate) fn judge(
    policy: &Policy,
    api: &Api,
    caller: &Caller,
    envelope: &Envelope,
    headers: &mut HeaderMap,
    trace: &mut Trace,
) -> Result<Risk, Denial> {
    if policy.detection.settings.acts() {
        // Only we say it.
        headers.remove(&policy.detection.header);
    }
    let standing = of(policy, caller, envelope);
    let Some(measure) = &standing.measure else { return Ok(standing.risk) };
    refuse(&standing, envelope, trace)?;
    match measure.action {
        Action::SteppedUp => {
            let judged = caller.principal().map_or(Ok(()), |principal| step_up(measure, api, principal));
            trace.step(Stage::Identify, judged)?;
        }
        Action::Tagged => {
            headers
                .insert(policy.detection.header.clone(), HeaderValue::from(u16::from(standing.risk.score())));
        }
        Action::Logged | Action::Throttled | Action::Blocked => {}
    }
    Ok(standing.risk)
}

fn of(policy: &Policy, caller: &Caller, envelope: &Envelope) -> Standing {
    let lookout = &policy.detection.lookout;
    if lookout.standings().is_empty() || !policy.detection.is_on() {
        return Standing::default();
    }
    let subject = match caller {
        Caller::Authenticated(principal) => detect::principal(lookout.key(), principal),
        Caller::Anonymous => detect::network(lookout.key(), envelope.client),
    };
    lookout.standings().of(subject, envelope.now.wall)
}

fn refuse(standing: &Standing, envelope: &Envelope, trace: &mut Trace) -> Result<(), Denial> {
    let Some(measure) = standing.measure else { return Ok(()) };
    let because = measure.because.detector().name;
    let (stage, reason, wait) = match (measure.action, standing.wait) {
        (Action::Blocked, _) => (Stage::Inspect, Reason::SubjectBlocked, None),
        (Action::Throttled, Some(wait)) => (Stage::Limit, Reason::SubjectThrottled, Some(wait)),
        (Action::Throttled | Action::Logged | Action::Tagged | Action::SteppedUp, _) => return Ok(()),
    };
    let left = measure.until.since(envelope.now.wall).as_secs();
    let denial = Denial::new(reason).with_note(format!("noticed by `{because}`; this ends in {left} s"));
    let denial = match wait {
        Some(wait) => denial.with_retry_after(wait.max(Duration::from_secs(1))),
        None => denial,
    };
    trace.step(stage, Err(denial))
}

/// Whether the principal has logged in since the alarm (RFC 9470): whoever has stolen a session has not.
fn step_up(measure: &Measure, api: &Api, principal: &Principal) -> Result<(), Denial> {
    let logged_in = principal.claims.get("auth_time").and_then(serde_json::Value::as_u64);
    if logged_in.is_some_and(|at| Timestamp::from_seconds(at) >= measure.since) {
        return Ok(());
    }
    let challenge = Challenge::new(Scheme::Bearer)
        .with("realm", api.name.clone())
        .with("error", "insufficient_user_authentication")
        .with("error_description", "another login is needed")
        .with("max_age", "0");
    let note = format!("noticed by `{}`; a login after that is needed", measure.because.detector().name);
    Err(Denial::new(Reason::AuthenticationInsufficient).with_challenge(challenge).with_note(note))
}
