//! What would have helped: the smallest change to the caller that makes a refusal a permit.
//!
//! In: a refused request and the changes that the operation's policies suggest by what they compare. Out: the
//! first that permits, tried one at a time and in the order of what a caller can do about it: log in again, ask
//! for a scope, be given a role. Only refusals pay for it, and no more than [`MOST`] times a decision.

use super::decide::{Answer, Cut, OperationRules};
use super::facts::{Facts, Login, Supposed};

/// Most changes that are tried.
pub(super) const MOST: usize = 16;

/// A change to the caller.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Helpful {
    /// To log in again, as a challenge says it (RFC 9470 §3).
    Login { acr: Option<String>, amr: Vec<String>, max_age: Option<String> },
    /// To have these scopes.
    Scopes(Vec<String>),
    /// To have this role or be in this group.
    Membership { index: usize, name: String },
}

impl Helpful {
    /// As the record calls it.
    pub(super) fn name(&self) -> String {
        match self {
            Self::Login { .. } => "a stronger or more recent login".to_owned(),
            Self::Scopes(scopes) => format!("the scopes `{}`", scopes.join(" ")),
            Self::Membership { name, .. } => format!("`{name}`"),
        }
    }
}

/// The first change that would permit it.
pub(super) fn find<'r>(rules: &'r OperationRules, cut: &Cut, facts: &Facts<'_>) -> Option<&'r Helpful> {
    rules.helpful.iter().take(MOST).find(|change| {
        let supposed = match change {
            Helpful::Login { acr, amr, .. } => {
                Supposed { login: Some(Login { acr: acr.as_deref(), amr }), ..Supposed::default() }
            }
            Helpful::Scopes(scopes) => Supposed { scopes, ..Supposed::default() },
            Helpful::Membership { index, .. } => Supposed { member: Some(*index), ..Supposed::default() },
        };
        match rules.ask(cut, facts, &supposed) {
            Answer::Permitted => true,
            Answer::Unpermitted => cut.others_permit,
            Answer::Forbidden(_) | Answer::Unreadable(_) | Answer::Failed(_) => false,
        }
    })
}
