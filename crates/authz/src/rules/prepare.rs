//! A policy, made ready to be asked.
//!
//! In: a policy as it was written and read. Out: its guards and the rest of its condition, once for all operations that it
//! reaches. Called by [`mod@super::compile`]; asked by [`super::decide`].

use std::sync::Arc;

use cedar_policy::Effect as CedarEffect;
use cedar_policy_core::ast::{EntityUID, Expr};

use super::Effect;
use super::guard::{Guard, Split, may_fail};
use super::kin::Kin;
use super::source::{Known, cited};

/// A policy, ready to be asked whether it matches.
pub(super) struct Prepared {
    pub(super) effect: Effect,
    /// File and line.
    pub(super) cited: Arc<str>,
    /// The name that its author gave it: `@id("…")`.
    pub(super) name: Option<Box<str>>,
    pub(super) guards: Box<[Guard]>,
    /// What is left to ask Cedar; `None` if the guards say it all.
    pub(super) rest: Option<Expr>,
    pub(super) certainty: Certainty,
}

/// Whether asking can fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Certainty {
    /// It has an answer for every request.
    Certain,
    /// Reckoning may overflow.
    MayFail,
}

impl Prepared {
    /// Prepares a policy; `None` if it can never match.
    pub(super) fn new(known: &Known, kin: &mut Kin, api: &EntityUID) -> Option<Self> {
        let bare = &known.bare;
        let mut split = Split::default();
        split.add(&bare.principal_constraint().as_expr(), kin, api);
        // The action's constraint is what reached the operation.
        split.add(&bare.resource_constraint().as_expr(), kin, api);
        bare.non_scope_constraints().into_iter().for_each(|condition| split.add(condition, kin, api));
        if split.is_void {
            return None;
        }
        let certainty = match split.rest.iter().any(may_fail) {
            true => Certainty::MayFail,
            false => Certainty::Certain,
        };
        Some(Self {
            effect: match known.policy.effect() {
                CedarEffect::Permit => Effect::Permit,
                CedarEffect::Forbid => Effect::Forbid,
            },
            cited: cited(known.policy.id()),
            name: known.policy.annotation("id").map(Box::from),
            guards: split.guards.into(),
            rest: split.rest.into_iter().rev().reduce(|later, earlier| Expr::and(earlier, later)),
            certainty,
        })
    }
}
