//! One operation's rules, and the decision on one request.

use cedar_policy::{Authorizer, Decision, Entity, EntityUid, PolicySet};
use portcullis_domain::{Challenge, Denial, Reason, Scheme};

use super::facts::{FactPlan, Facts, Supposed, Unfit};
use super::nearest::{self, Helpful};
use super::needs::Wanted;
use super::source::cited;
use crate::demand::Demand;

/// How much of a request is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// All but the body: what can be refused without it, is.
    Head,
    /// All.
    Whole,
}

/// The rules that could apply to one operation.
pub struct OperationRules {
    pub(super) authorizer: Authorizer,
    /// All of them.
    pub(super) whole: Cut,
    /// Those that read nothing of the body, where others do.
    pub(super) head: Option<Cut>,
    pub(super) principal: EntityUid,
    pub(super) action: Entity,
    pub(super) resource: EntityUid,
    pub(super) helpful: Vec<Helpful>,
}

/// Policies and what they read.
pub(super) struct Cut {
    pub(super) policies: PolicySet,
    pub(super) plan: FactPlan,
    /// Whether policies that are not in here might permit.
    pub(super) others_permit: bool,
}

/// What Cedar said.
pub(super) enum Answer {
    Permitted,
    /// No policy permits.
    Unpermitted,
    /// These policies forbid.
    Forbidden(String),
    /// What the request says at a place that the rules read is nothing that they could compare.
    Unreadable(String),
    /// A policy failed, or what we know ourselves has no form.
    Failed(String),
}

impl std::fmt::Debug for OperationRules {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("OperationRules").field("policies", &self.whole.policies.num_of_policies()).finish()
    }
}

impl OperationRules {
    /// What they read of requests when this much is known; [`Facts::said`] goes by these numbers.
    #[must_use]
    pub fn wanted(&self, reach: Reach) -> &[Wanted] {
        &self.cut(reach).plan.wanted
    }

    /// Whether there is more to decide once the body is known.
    #[must_use]
    pub const fn reads_body(&self) -> bool {
        self.head.is_some()
    }

    /// Decides, for a caller that met `demand`.
    ///
    /// # Errors
    /// [`Reason::ScopeInsufficient`] or [`Reason::AuthenticationInsufficient`] if that alone is missing,
    /// [`Reason::DecisionUnavailable`] if a policy failed, [`Reason::PermitMissing`] otherwise, also if the request
    /// says something that no rule could compare where they look, or
    /// [`Reason::ObjectConcealed`] in place of all but failures where the operation is confidential.
    pub fn judge(&self, demand: &Demand, reach: Reach, facts: &Facts<'_>) -> Result<(), Denial> {
        let cut = self.cut(reach);
        let note = match self.ask(cut, facts, &Supposed::default()) {
            Answer::Permitted => return Ok(()),
            Answer::Unpermitted if cut.others_permit => return Ok(()),
            Answer::Unpermitted => "no permit: no rule permits it".to_owned(),
            Answer::Forbidden(policies) => format!("no permit: {policies} forbids it"),
            Answer::Unreadable(place) => {
                format!("no permit: what stands at `{place}` is nothing that rules can compare")
            }
            Answer::Failed(what) => {
                return Err(Denial::new(Reason::DecisionUnavailable).with_note(what));
            }
        };
        let help = nearest::find(self, cut, facts);
        let note = match help {
            Some(help) => format!("{note}; it would be permitted with {}", help.name()),
            None => note,
        };
        let realm = demand.realm();
        let denial = match help {
            _ if demand.conceals() => Denial::new(Reason::ObjectConcealed),
            Some(Helpful::Scopes(scopes)) => Denial::new(Reason::ScopeInsufficient).with_challenge(
                Challenge::new(Scheme::Bearer)
                    .with("realm", realm.to_owned())
                    .with("error", "insufficient_scope")
                    .with("scope", scopes.join(" ")),
            ),
            Some(Helpful::Login { acr, max_age, .. }) => {
                let challenge = Challenge::new(Scheme::Bearer)
                    .with("realm", realm.to_owned())
                    .with("error", "insufficient_user_authentication")
                    .with(
                        "error_description",
                        "This operation needs a stronger or more recent authentication.",
                    );
                let challenge = match acr {
                    Some(acr) => challenge.with("acr_values", acr.clone()),
                    None => challenge,
                };
                Denial::new(Reason::AuthenticationInsufficient).with_challenge(match max_age {
                    Some(age) => challenge.with("max_age", age.clone()),
                    None => challenge,
                })
            }
            Some(Helpful::Membership { .. }) | None => Denial::new(Reason::PermitMissing),
        };
        Err(denial.with_note(note))
    }

    fn cut(&self, reach: Reach) -> &Cut {
        match (reach, &self.head) {
            (Reach::Head, Some(head)) => head,
            (Reach::Head, None) | (Reach::Whole, _) => &self.whole,
        }
    }

    pub(super) fn ask(&self, cut: &Cut, facts: &Facts<'_>, supposed: &Supposed<'_>) -> Answer {
        let action = self.action.uid();
        let ends = [&self.principal, &action, &self.resource];
        let request = match cut.plan.request(ends, facts, supposed) {
            Ok(request) => request,
            Err(Unfit::Request(wanted)) => return Answer::Unreadable(wanted.name.clone()),
            Err(Unfit::Gateway) => {
                return Answer::Failed("the circumstances cannot be told to Cedar".to_owned());
            }
        };
        let Some(entities) = cut.plan.caller(&self.principal, &self.action, facts, supposed) else {
            return Answer::Failed("the caller cannot be told to Cedar".to_owned());
        };
        let response = self.authorizer.is_authorized(&request, &cut.policies, &entities);
        let diagnostics = response.diagnostics();
        // Cedar passes over what fails, also over a policy that would have forbidden: we do not.
        if let Some(error) = diagnostics.errors().next() {
            return Answer::Failed(format!("a policy failed: {error}"));
        }
        match response.decision() {
            Decision::Allow => Answer::Permitted,
            Decision::Deny => {
                let mut policies: Vec<_> = diagnostics.reason().map(cited).collect();
                policies.sort();
                if policies.is_empty() { Answer::Unpermitted } else { Answer::Forbidden(policies.join(", ")) }
            }
        }
    }
}
