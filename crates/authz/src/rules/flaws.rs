//! What is wrong with the rules of an operation, whoever calls: grants without a condition, and rules that never decide.
//!
//! In: an operation's rules. Out: a [`Flaw`] for each policy that has one. Called by `portcullis matrix`, never on a
//! request (AUTHZ-20). Found is what can be read off the policies: one that asks for nothing, and what it leaves to the
//! others. A policy that can never match at all is reported when it is read ([`super::validate`]).

use std::sync::Arc;

use super::Effect;
use super::decide::OperationRules;
use super::prepare::Prepared;

/// What is wrong with a policy at one operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Flaw {
    /// It permits everybody whom the document lets call.
    Broad,
    /// It forbids everybody: nobody can call the operation.
    Closed,
    /// It never decides: another forbids all that it permits.
    Overruled,
    /// It never decides: another permits, or forbids, all that it does.
    Needless,
}

impl Flaw {
    /// The stable word.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Broad => "broad",
            Self::Closed => "closed",
            Self::Overruled => "overruled",
            Self::Needless => "needless",
        }
    }
}

impl OperationRules {
    /// Its policies that have a flaw, by file and line.
    #[must_use]
    pub fn flaws(&self) -> Vec<(Arc<str>, Flaw)> {
        let policies = &self.whole.policies;
        let unconditional =
            |effect| policies.iter().find(|policy| policy.effect == effect && asks_nothing(policy));
        let (permit, forbid) = (unconditional(Effect::Permit), unconditional(Effect::Forbid));
        let is = |one: &Arc<Prepared>, other: Option<&Arc<Prepared>>| {
            other.is_some_and(|other| Arc::ptr_eq(one, other))
        };
        let flaw = |policy: &Arc<Prepared>| match policy.effect {
            Effect::Permit if forbid.is_some() => Some(Flaw::Overruled),
            Effect::Permit if asks_nothing(policy) && is(policy, permit) => Some(Flaw::Broad),
            Effect::Permit if permit.is_some() => Some(Flaw::Needless),
            Effect::Forbid if is(policy, forbid) => Some(Flaw::Closed),
            Effect::Forbid if forbid.is_some() => Some(Flaw::Needless),
            Effect::Permit | Effect::Forbid => None,
        };
        policies.iter().filter_map(|policy| Some((Arc::clone(&policy.cited), flaw(policy)?))).collect()
    }
}

fn asks_nothing(policy: &Prepared) -> bool {
    policy.guards.is_empty() && policy.rest.is_none()
}
