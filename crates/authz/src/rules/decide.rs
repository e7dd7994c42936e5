//! One operation's rules, and the decision on one request.
//!
//! In: the facts of a request. Out: nothing, or a refusal that says what would have helped. Called by the gateway's
//! `authorize` stage. First the guards of each policy, then Cedar's evaluator for what is left of those that they
//! open; one request and one set of entities for all of them (decision 0024). What Cedar's own authorizer would say of
//! the same policies is what is said here, but for one thing: a policy that fails refuses, whatever the others say.

use std::sync::{Arc, LazyLock};

use cedar_policy_core::ast::{Entity, EntityUID, EntityUIDEntry, Expr, Literal, Request, SlotEnv, ValueKind};
use cedar_policy_core::entities::Entities;
use cedar_policy_core::evaluator::Evaluator;
use cedar_policy_core::extensions::Extensions;
use portcullis_domain::{Challenge, Denial, Reason, Scheme};
use smallvec::SmallVec;

use super::Effect;
use super::change::Change;
use super::facts::Facts;
use super::nearest;
use super::needs::Wanted;
use super::plan::{FactPlan, Heard};
use super::prepare::{Certainty, Prepared};
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
    /// All of them.
    pub(super) whole: Cut,
    /// Those that read nothing of the body, where others do.
    pub(super) head: Option<Cut>,
    /// The caller, whoever it is.
    pub(super) principal: Arc<EntityUID>,
    pub(super) action: Entity,
    pub(super) resource: Arc<EntityUID>,
    /// What a refusal tries, in the order of what a caller can do about it.
    pub(super) helpful: Box<[Change]>,
}

/// Policies and what they read.
pub(super) struct Cut {
    /// Those that need not be asked any further than their guards come first.
    pub(super) policies: Box<[Arc<Prepared>]>,
    pub(super) plan: FactPlan,
    pub(super) others: Others,
}

/// What policies could do that are not in a cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Others {
    /// Nothing, or forbid.
    NeverPermit,
    /// Permit.
    MayPermit,
}

/// What the policies say.
pub(super) enum Answer<'r> {
    /// One permits, and none forbids.
    Permitted,
    /// No policy permits.
    Unpermitted,
    /// These policies forbid.
    Forbidden(SmallVec<[&'r Prepared; 2]>),
    /// What the request says at a place that the rules read is nothing that they could compare.
    Unreadable(&'r Wanted),
    /// A policy failed, or what we know ourselves has no form.
    Failed(String),
}

impl std::fmt::Debug for OperationRules {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("OperationRules").field("policies", &self.whole.policies.len()).finish()
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
    /// [`Reason::RuleFailed`] if a policy failed, [`Reason::PermitMissing`] otherwise, also if the request
    /// says something that no rule could compare where they look, or
    /// [`Reason::ObjectConcealed`] in place of all but failures where the operation is confidential.
    pub fn judge(&self, demand: &Demand, reach: Reach, facts: &Facts<'_>) -> Result<(), Denial> {
        let cut = self.cut(reach);
        let note = match self.ask(cut, facts, &[]) {
            Answer::Permitted => return Ok(()),
            Answer::Unpermitted if cut.others == Others::MayPermit => return Ok(()),
            Answer::Unpermitted => "no permit: no rule permits it".to_owned(),
            Answer::Forbidden(policies) => format!("no permit: {} forbids it", citations(&policies)),
            Answer::Unreadable(wanted) => {
                format!("no permit: what stands at `{}` is nothing that rules can compare", wanted.name)
            }
            Answer::Failed(what) => {
                return Err(Denial::new(Reason::RuleFailed).with_note(what));
            }
        };
        let help = nearest::find(self, cut, facts);
        let note = match help {
            Some(help) => format!("{note}; it would be permitted with {help}"),
            None => note,
        };
        Err(refusal(demand, help).with_note(note))
    }

    pub(super) fn cut(&self, reach: Reach) -> &Cut {
        match (reach, &self.head) {
            (Reach::Head, Some(head)) => head,
            (Reach::Head, None) | (Reach::Whole, _) => &self.whole,
        }
    }

    pub(super) fn ask<'r>(&'r self, cut: &'r Cut, facts: &Facts<'_>, supposed: &[&Change]) -> Answer<'r> {
        let heard = match cut.plan.hear(facts, supposed) {
            Ok(heard) => heard,
            Err(wanted) => return Answer::Unreadable(wanted),
        };
        let open: SmallVec<[&Prepared; 8]> = cut
            .policies
            .iter()
            .map(|policy| &**policy)
            .filter(|policy| policy.guards.iter().all(|guard| guard.opens(facts, supposed)))
            .collect();
        if !needs_cedar(&open) {
            return weigh(&open, |_| Ok(true));
        }
        match self.tell(cut, facts, supposed, heard) {
            Ok((request, entities)) => {
                let evaluator = Evaluator::new(request, &entities, Extensions::all_available());
                weigh(&open, |condition| holds(&evaluator, condition))
            }
            Err(what) => Answer::Failed(what.to_owned()),
        }
    }

    /// The request and all entities, as Cedar knows them.
    pub(super) fn tell(
        &self,
        cut: &Cut,
        facts: &Facts<'_>,
        supposed: &[&Change],
        heard: Heard,
    ) -> Result<(Request, Entities), &'static str> {
        let context = cut.plan.context(facts, supposed, heard);
        let context = context.ok_or("the circumstances cannot be told to Cedar")?;
        let entities = cut.plan.entities(&self.principal, &self.action, facts, supposed);
        let entities = entities.ok_or("the caller cannot be told to Cedar")?;
        let known = |uid: &Arc<EntityUID>| EntityUIDEntry::Known { euid: Arc::clone(uid), loc: None };
        let action = EntityUIDEntry::from(self.action.uid().clone());
        let ends = (known(&self.principal), action, known(&self.resource));
        Ok((Request::new_unchecked(ends.0, ends.1, ends.2, Some(context)), entities))
    }
}

/// Whether an answer needs more than the guards.
fn needs_cedar(open: &[&Prepared]) -> bool {
    let is_permitted = open.iter().any(|policy| policy.effect == Effect::Permit && policy.rest.is_none());
    open.iter().any(|policy| policy.rest.is_some() && is_asked(policy, is_permitted))
}

/// Whether it makes a difference what a policy says.
fn is_asked(policy: &Prepared, is_permitted: bool) -> bool {
    match policy.effect {
        Effect::Forbid => true,
        Effect::Permit => !is_permitted || policy.certainty == Certainty::MayFail,
    }
}

/// Lets the open policies decide.
fn weigh<'r>(open: &[&'r Prepared], holds: impl Fn(&Expr) -> Result<bool, String>) -> Answer<'r> {
    let mut is_permitted = false;
    let mut forbidding = SmallVec::new();
    for policy in open {
        if !is_asked(policy, is_permitted) {
            continue;
        }
        match policy.rest.as_ref().map_or(Ok(true), &holds) {
            Ok(true) => match policy.effect {
                Effect::Permit => is_permitted = true,
                Effect::Forbid => forbidding.push(*policy),
            },
            Ok(false) => {}
            // Cedar passes over what fails, also over a policy that would have forbidden: we do not.
            Err(error) => return Answer::Failed(format!("a policy failed: {}: {error}", policy.cited)),
        }
    }
    match is_permitted {
        _ if !forbidding.is_empty() => Answer::Forbidden(forbidding),
        true => Answer::Permitted,
        false => Answer::Unpermitted,
    }
}

/// No policy is made of a template.
pub(super) static NO_SLOTS: LazyLock<SlotEnv> = LazyLock::new(SlotEnv::new);

/// Whether a condition holds, as Cedar has it.
pub(super) fn holds(evaluator: &Evaluator<'_>, condition: &Expr) -> Result<bool, String> {
    match evaluator.interpret(condition, &NO_SLOTS) {
        Ok(value) => match value.value_kind() {
            ValueKind::Lit(Literal::Bool(truth)) => Ok(*truth),
            ValueKind::Lit(_) | ValueKind::Set(_) | ValueKind::Record(_) | ValueKind::ExtensionValue(_) => {
                Err("its condition is neither true nor false".to_owned())
            }
        },
        Err(error) => Err(error.to_string()),
    }
}

/// The names of policies, in their order.
pub(super) fn citations(policies: &[&Prepared]) -> String {
    let mut cited: Vec<&str> = policies.iter().map(|policy| &*policy.cited).collect();
    cited.sort_unstable();
    cited.join(", ")
}

/// The refusal that says what would have helped, where that is for callers to know.
fn refusal(demand: &Demand, help: Option<&Change>) -> Denial {
    let realm = demand.realm();
    match help {
        _ if demand.conceals() => Denial::new(Reason::ObjectConcealed),
        Some(Change::Scopes(scopes)) => Denial::new(Reason::ScopeInsufficient).with_challenge(
            Challenge::new(Scheme::Bearer)
                .with("realm", realm.to_owned())
                .with("error", "insufficient_scope")
                .with("scope", scopes.join(" ")),
        ),
        Some(Change::Login { acr, max_age, .. }) => {
            let challenge = Challenge::new(Scheme::Bearer)
                .with("realm", realm.to_owned())
                .with("error", "insufficient_user_authentication")
                .with("error_description", "This operation needs a stronger or more recent authentication.");
            let challenge = match acr {
                Some(acr) => challenge.with("acr_values", acr.clone()),
                None => challenge,
            };
            Denial::new(Reason::AuthenticationInsufficient).with_challenge(match max_age {
                Some(age) => challenge.with("max_age", age.to_string()),
                None => challenge,
            })
        }
        Some(
            Change::Role(_)
            | Change::NotRole(_)
            | Change::Group(_)
            | Change::NotGroup(_)
            | Change::Claim { .. }
            | Change::Says { .. }
            | Change::Network(_)
            | Change::NotNetwork(_)
            | Change::Day(_)
            | Change::Minute(_)
            | Change::Certificate(_)
            | Change::Tls
            | Change::Risk(_),
        )
        | None => Denial::new(Reason::PermitMissing),
    }
}
