//! Why a request is decided as it is, for operators: the deciding rules, what they looked at, and what would have
//! permitted it.
//!
//! In: the facts of a request, as for a decision. Out: an [`Explanation`]. Called where somebody asks, and never
//! in a request's way: every rule is asked, and refusals are tried again with [`super::suppose`]'s changes, each by itself
//! and then in pairs. What requests and claims say is told by its kind and length and not by its words, so that
//! an explanation may be kept and shown.

use std::collections::BTreeMap;
use std::sync::Arc;

use cedar_policy_core::ast::{Expr, ExprKind, Literal, Value, ValueKind, Var};
use cedar_policy_core::evaluator::Evaluator;
use cedar_policy_core::extensions::Extensions;

use super::Effect;
use super::change::Change;
use super::decide::{Answer, Cut, NO_SLOTS, OperationRules, Others, Reach, holds};
use super::facts::Facts;
use super::guard::{Guard, client_of, has_scope};
use super::kin::{Granted, Membership};
use super::nearest::would_permit;
use super::prepare::Prepared;
use super::suggest::chain;
use super::suppose;

/// Why it is decided so.
#[derive(Clone, Debug, PartialEq)]
pub struct Explanation {
    /// What is decided.
    pub verdict: Verdict,
    /// The rules by which: those that forbid, or else those that permit.
    pub deciding: Vec<Deciding>,
    /// What the deciding rules looked at; all rules if none decided. In alphabetical order.
    pub facts: Vec<Fact>,
    /// The smallest changes that together would have permitted it, two at most; none if nothing that is this
    /// small would, or nothing needs to.
    pub smallest: Vec<Change>,
}

/// What is decided.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is permitted.
    Permitted,
    /// No rule permits it.
    Unpermitted,
    /// A rule forbids it.
    Forbidden,
    /// No rule that can be asked yet permits it, and others look into the body.
    Undecided,
    /// It says something at this place that no rule could compare.
    Unreadable(String),
    /// A rule failed.
    Failed(String),
}

/// A rule that decided.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Deciding {
    /// Its file and line, as the record cites it.
    pub rule: Arc<str>,
    /// The name that its author gave it: `@id("…")`.
    pub name: Option<String>,
    /// What it does.
    pub effect: Effect,
}

/// Something that a rule looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fact {
    /// As policies name it.
    pub name: String,
    /// What it was; what the request or a claim says is not repeated.
    pub value: String,
}

impl OperationRules {
    /// Explains the decision on a request.
    #[must_use]
    pub fn explain(&self, reach: Reach, facts: &Facts<'_>) -> Explanation {
        let cut = self.cut(reach);
        let verdict = match self.ask(cut, facts, &[]) {
            Answer::Permitted => Verdict::Permitted,
            Answer::Unpermitted if cut.others == Others::MayPermit => Verdict::Undecided,
            Answer::Unpermitted => Verdict::Unpermitted,
            Answer::Forbidden(_) => Verdict::Forbidden,
            Answer::Unreadable(wanted) => Verdict::Unreadable(format!("{} `{}`", wanted.part, wanted.name)),
            Answer::Failed(what) => Verdict::Failed(what),
        };
        let matching = self.matching(cut, facts);
        let by = |effect| matching.iter().copied().filter(move |policy: &&Prepared| policy.effect == effect);
        let deciding: Vec<&Prepared> = match verdict {
            Verdict::Permitted => by(Effect::Permit).collect(),
            Verdict::Forbidden => by(Effect::Forbid).collect(),
            Verdict::Unpermitted | Verdict::Undecided | Verdict::Unreadable(_) | Verdict::Failed(_) => {
                Vec::new()
            }
        };
        let looking: Vec<&Prepared> = match deciding.is_empty() {
            true => cut.policies.iter().map(|policy| &**policy).collect(),
            false => deciding.clone(),
        };
        let smallest = match verdict {
            Verdict::Permitted | Verdict::Undecided | Verdict::Failed(_) => Vec::new(),
            Verdict::Unpermitted | Verdict::Forbidden | Verdict::Unreadable(_) => self.smallest(cut, facts),
        };
        let facts = self.looked_at(cut, facts, &looking);
        let mut deciding: Vec<Deciding> = deciding.into_iter().map(Deciding::of).collect();
        deciding.sort_by(|one, other| one.rule.cmp(&other.rule));
        Explanation { verdict, deciding, facts, smallest }
    }

    /// All policies that match, of either effect; none if one fails or the request cannot be compared.
    fn matching<'r>(&'r self, cut: &'r Cut, facts: &Facts<'_>) -> Vec<&'r Prepared> {
        let Some((request, entities)) = self.told(cut, facts) else { return Vec::new() };
        let evaluator = Evaluator::new(request, &entities, Extensions::all_available());
        let matches = |policy: &&Prepared| {
            policy.guards.iter().all(|guard| guard.opens(facts, &[]))
                && policy.rest.as_ref().is_none_or(|rest| holds(&evaluator, rest) == Ok(true))
        };
        cut.policies.iter().map(|policy| &**policy).filter(matches).collect()
    }

    fn told(
        &self,
        cut: &Cut,
        facts: &Facts<'_>,
    ) -> Option<(cedar_policy_core::ast::Request, cedar_policy_core::entities::Entities)> {
        let heard = cut.plan.hear(facts, &[]).ok()?;
        self.tell(cut, facts, &[], heard).ok()
    }

    /// The first single change, or else the first two changes, with which it would be permitted.
    fn smallest(&self, cut: &Cut, facts: &Facts<'_>) -> Vec<Change> {
        let changes = suppose::changes(cut, facts);
        if let Some(alone) = changes.iter().find(|change| would_permit(self, cut, facts, &[change])) {
            return vec![alone.clone()];
        }
        for (index, one) in changes.iter().enumerate() {
            let others = changes.iter().skip(index + 1).filter(|other| !one.rivals(other));
            for other in others {
                if would_permit(self, cut, facts, &[one, other]) {
                    return vec![one.clone(), other.clone()];
                }
            }
        }
        Vec::new()
    }

    /// What these policies look at.
    fn looked_at(&self, cut: &Cut, facts: &Facts<'_>, policies: &[&Prepared]) -> Vec<Fact> {
        let mut found = BTreeMap::new();
        for guard in policies.iter().flat_map(|policy| &policy.guards) {
            found.extend(guarded(guard, facts));
        }
        let told = self.told(cut, facts);
        let evaluator = told.as_ref().map(|(request, entities)| {
            Evaluator::new(request.clone(), entities, Extensions::all_available())
        });
        for part in policies.iter().filter_map(|policy| policy.rest.as_ref()).flat_map(Expr::subexpressions) {
            if let ExprKind::Lit(Literal::EntityUID(uid)) = part.expr_kind() {
                let membership = cut.plan.memberships.iter().find(|one| one.uid == **uid);
                found.extend(membership.map(|one| belonging(one, facts)));
            }
            let Some((variable, names)) = chain(part) else { continue };
            let value = evaluator.as_ref().and_then(|evaluator| evaluator.interpret(part, &NO_SLOTS).ok());
            // A record by itself says nothing: its members come in their turn.
            if !matches!(value.as_ref().map(Value::value_kind), Some(ValueKind::Record(_))) {
                let shown =
                    value.map_or_else(|| "missing".to_owned(), |value| shown(variable, &names, &value));
                found.insert(called(variable, &names), shown);
            }
        }
        found.into_iter().map(|(name, value)| Fact { name, value }).collect()
    }
}

impl Deciding {
    fn of(policy: &Prepared) -> Self {
        Self {
            rule: Arc::clone(&policy.cited),
            name: policy.name.as_deref().map(str::to_owned),
            effect: policy.effect,
        }
    }
}

fn guarded(guard: &Guard, facts: &Facts<'_>) -> Vec<(String, String)> {
    match guard {
        Guard::In(listed) | Guard::NotIn(listed) => listed.iter().map(|one| belonging(one, facts)).collect(),
        Guard::Scopes(needed) => {
            let has = needed.iter().map(|scope| {
                let name = format!("principal.scopes.contains({scope:?})");
                (name, has_scope(facts, &[], scope).to_string())
            });
            has.collect()
        }
        Guard::Client(_) => vec![("context.client".to_owned(), client_of(facts, &[]).to_string())],
    }
}

fn belonging(membership: &Membership, facts: &Facts<'_>) -> (String, String) {
    let name = match &membership.by {
        Granted::Roles { named, .. } => format!("principal in Role::{named:?}"),
        Granted::Group { named, .. } => format!("principal in Group::{named:?}"),
    };
    (name, membership.holds(facts.principal, &[]).to_string())
}

/// As policies write it.
fn called(variable: Var, names: &[&str]) -> String {
    let is_word = |name: &str| name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    names.iter().fold(variable.to_string(), |called, name| match is_word(name) {
        true => format!("{called}.{name}"),
        false => format!("{called}[{name:?}]"),
    })
}

/// A value, unless it is what a request or a claim says.
fn shown(variable: Var, names: &[&str], value: &Value) -> String {
    let is_private = match (variable, names) {
        (Var::Principal, ["subject" | "claims" | "client", ..])
        | (Var::Context, ["path" | "query" | "header" | "body" | "certificate", ..]) => true,
        (Var::Principal | Var::Context | Var::Action | Var::Resource, _) => false,
    };
    match value.value_kind() {
        ValueKind::Lit(Literal::String(text)) if is_private => {
            format!("a text of {} characters", text.chars().count())
        }
        ValueKind::Lit(Literal::Long(_)) if is_private => "a number".to_owned(),
        ValueKind::Set(set) if is_private => format!("{} values", set.len()),
        ValueKind::Lit(_) | ValueKind::Set(_) | ValueKind::Record(_) | ValueKind::ExtensionValue(_) => {
            value.to_string()
        }
    }
}
