//! Is it this step's turn: after the ones before it, and no sooner than a person could take it (AUTHZ-19, LIM-17).
//!
//! In: a valid request of a permitted caller, to an operation that is a step of a flow. Out: what is to be told
//! how the upstream answers; or a refusal. In shadow a refusal is recorded, and how far the run comes is followed
//! all the same.

use portcullis_authz::Permit;
use portcullis_domain::{Challenge, Denial, Reason, Scheme, Stage, Strength};

use crate::arrival::Envelope;
use crate::flows::{Fault, Flow, OnRoute, Passing, TooFast, Whose};
use crate::ownership::Reading;
use crate::policy::Route;
use crate::trace::Trace;

/// Takes the turn of every step that the operation is.
///
/// # Errors
/// [`Reason::FlowStepMissing`], [`Reason::FlowPaceExceeded`], or [`Reason::AuthenticationInsufficient`] where a
/// caller that is too fast must show who it is.
pub(crate) fn enter(
    route: &Route,
    permit: &Permit,
    envelope: &Envelope,
    reading: &Reading<'_, '_>,
    trace: &mut Trace,
) -> Result<Vec<Passing>, Denial> {
    let mut passing = Vec::with_capacity(route.flows.len());
    for on_route in &route.flows {
        let OnRoute { flow, step, .. } = on_route;
        let whose = on_route.whose(permit.caller().principal(), reading);
        let key = match whose {
            Whose::Known(key) => Some(key),
            Whose::Made | Whose::Untold => None,
        };
        let pace = flow.pace_of(permit.caller());
        let entered = match (key, step, whose) {
            (_, 0, Whose::Known(_) | Whose::Made) => Ok(()),
            (Some(key), step, _) => flow.runs.enter(key, *step, pace, envelope.now.mono),
            (None, _, _) => Err(Fault::Missing),
        };
        let judged = entered.map_err(|fault| refusal(flow, *step, fault, route));
        let stage =
            judged.as_ref().err().map_or(Stage::Authorize, |denial: &Denial| denial.reason().facts().stage);
        let strength = match (flow.strength, route.strengths.authorize) {
            (Strength::Enforce, Strength::Enforce) => Strength::Enforce,
            (Strength::Shadow, _) | (_, Strength::Shadow) => Strength::Shadow,
        };
        trace.step_at(stage, strength, judged)?;
        passing.push(Passing::new(std::sync::Arc::clone(flow), *step, key));
    }
    Ok(passing)
}

fn refusal(flow: &Flow, step: usize, fault: Fault, route: &Route) -> Denial {
    let before = step.checked_sub(1).and_then(|before| flow.steps.get(before)).map_or("", |name| &**name);
    let name = &flow.name;
    match (fault, &flow.too_fast) {
        (Fault::Missing, _) => {
            let note = format!("flow `{name}`: `{before}` has not succeeded before, or too long ago");
            Denial::new(Reason::FlowStepMissing).with_note(note)
        }
        (Fault::Underway, _) => {
            let note = format!("flow `{name}`: another call of the run is under way");
            Denial::new(Reason::FlowStepMissing).with_note(note)
        }
        (Fault::TooFast(wait), too_fast) => {
            let note = format!("flow `{name}`: {} ms too soon after `{before}`", wait.as_millis());
            match too_fast {
                TooFast::Deny => Denial::new(Reason::FlowPaceExceeded).with_retry_after(wait),
                // RFC 9470 §3.
                TooFast::StepUp(contexts) => Denial::new(Reason::AuthenticationInsufficient).with_challenge(
                    Challenge::new(Scheme::Bearer)
                        .with("realm", route.demand.realm().to_owned())
                        .with("error", "insufficient_user_authentication")
                        .with("error_description", "stronger authentication is required")
                        .with("acr_values", contexts.join(" ")),
                ),
            }
            .with_note(note)
        }
    }
}
