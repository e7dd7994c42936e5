//! May they, by the word of somebody else: a decision point outside is asked, last of all who judge.
//!
//! In: a call that every rule of our own has permitted, and that was found valid. Out: nothing, or the refusal.
//! Asked last, so that nobody can make it work whom we would refuse ourselves (AUTHZ-24).

use portcullis_authz::Permit;
use portcullis_domain::{Denial, Reason, Stage, Strength};

use crate::arrival::Envelope;
use crate::decisions::{Answer, DecisionPoint, OnFailure, Question, Unasked};
use crate::ownership::Reading;
use crate::policy::{Api, Route};
use crate::trace::Trace;

/// Asks the decision point of this operation.
///
/// # Errors
/// [`Reason::PermitMissing`] if it says no, [`Reason::ObjectConcealed`] in its place on a confidential operation;
/// [`Reason::DecisionUnavailable`] if it cannot be asked and that is to be a refusal. Nothing where it is in shadow.
pub(crate) async fn ask(
    point: &DecisionPoint,
    api: &Api,
    route: &Route,
    permit: &Permit,
    envelope: &Envelope,
    reading: &Reading<'_, '_>,
    trace: &mut Trace,
) -> Result<(), Denial> {
    // Anonymous only where the credential is judged in shadow: of nobody nothing can be asked.
    let Some(principal) = permit.caller().principal() else { return Ok(()) };
    let decided = match Question::about(&point.facts, route, &api.name, principal, envelope, reading) {
        Ok(question) => {
            let answered = point.decide(&question).await;
            trace.read_clock();
            judge(point, route, answered, trace)
        }
        Err(unreadable) => Err(no(point, route, &format!("`{}` cannot be told", unreadable.0))),
    };
    let strength = match (point.strength, route.strengths.authorize) {
        (Strength::Enforce, Strength::Enforce) => Strength::Enforce,
        (Strength::Shadow, _) | (_, Strength::Shadow) => Strength::Shadow,
    };
    if let (Err(denial), Strength::Shadow) = (&decided, strength)
        && let Some(note) = denial.note()
    {
        trace.remark(note.as_str().to_owned());
    }
    trace.step_at(Stage::Authorize, strength, decided).map(drop)
}

fn judge(
    point: &DecisionPoint,
    route: &Route,
    answered: Result<Answer, Unasked>,
    trace: &mut Trace,
) -> Result<(), Denial> {
    match (answered, point.on_failure) {
        (Ok(Answer::Yes), _) => Ok(()),
        (Ok(Answer::No(said)), _) => Err(no(point, route, said.as_deref().unwrap_or("it says no"))),
        (Err(unasked), OnFailure::Deny) => {
            let note = format!("decision point `{}`: {unasked}", point.name);
            let wait = match unasked {
                Unasked::Paused(wait) => wait,
                Unasked::Crowded | Unasked::Failed(_) => std::time::Duration::from_secs(1),
            };
            Err(Denial::new(Reason::DecisionUnavailable).with_retry_after(wait).with_note(note))
        }
        (Err(unasked), OnFailure::Allow) => {
            trace.remark(format!("let pass without decision point `{}`: {unasked}", point.name));
            Ok(())
        }
    }
}

fn no(point: &DecisionPoint, route: &Route, why: &str) -> Denial {
    let reason = if route.demand.conceals() { Reason::ObjectConcealed } else { Reason::PermitMissing };
    Denial::new(reason).with_note(format!("decision point `{}`: {why}", point.name))
}
