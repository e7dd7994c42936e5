//! What would have helped: the smallest change to the caller that makes a refusal a permit.
//!
//! In: a refused request and the changes that the operation's policies suggest by what they compare. Out: the
//! first that permits, tried one at a time and in the order of what a caller can do about it: log in again, ask
//! for a scope, be given a role. Only refusals pay for it, and no more than [`MOST`] times a decision. What else
//! could be otherwise is [`super::explain`]'s, which nobody waits for.

use super::change::Change;
use super::decide::{Answer, Cut, OperationRules, Others};
use super::facts::Facts;

/// Most changes that are tried.
pub(super) const MOST: usize = 16;

/// The first change that would permit it.
pub(super) fn find<'r>(rules: &'r OperationRules, cut: &Cut, facts: &Facts<'_>) -> Option<&'r Change> {
    rules.helpful.iter().find(|change| would_permit(rules, cut, facts, &[change]))
}

/// Whether these changes together would permit it.
pub(super) fn would_permit(
    rules: &OperationRules,
    cut: &Cut,
    facts: &Facts<'_>,
    supposed: &[&Change],
) -> bool {
    match rules.ask(cut, facts, supposed) {
        Answer::Permitted => true,
        Answer::Unpermitted => cut.others == Others::MayPermit,
        Answer::Forbidden(_) | Answer::Unreadable(_) | Answer::Failed(_) => false,
    }
}
