//! Which changes are worth trying: what policies compare facts with, is what facts could be.
//!
//! In: the policies of an operation. Out: changes, without judging them. [`to_callers`] is what a refusal may tell
//! callers and is worked out when a configuration is read; [`super::suppose`] is for operators, and has more.

use std::sync::Arc;

use cedar_policy_core::ast::{Expr, ExprKind, Literal, Var};

use super::change::Change;
use super::guard::Guard;
use super::kin::{Kin, Membership};
use super::nearest::MOST;
use super::prepare::Prepared;

/// Changes that callers can do something about: logins first, then scopes, then roles and groups.
pub(super) fn to_callers(policies: &[Arc<Prepared>], kin: &mut Kin) -> Vec<Change> {
    let mut changes = logins(policies);
    changes.extend(scopes(policies));
    let listed = |policy: &'_ Arc<Prepared>| -> Vec<Arc<Membership>> {
        let guards = policy.guards.iter().filter_map(|guard| match guard {
            Guard::In(listed) => Some(listed),
            Guard::NotIn(_) | Guard::Scopes(_) | Guard::Client(_) => None,
        });
        guards.flatten().cloned().collect()
    };
    for policy in policies {
        changes.extend(listed(policy).iter().map(|membership| membership.joining()));
        let named = policy.rest.iter().flat_map(|rest| kin.named(rest)).collect::<Vec<_>>();
        changes.extend(named.iter().map(|membership| membership.joining()));
    }
    each_once(changes, MOST)
}

/// The first so many of some changes, each once.
pub(super) fn each_once(changes: Vec<Change>, most: usize) -> Vec<Change> {
    let mut once: Vec<Change> = Vec::new();
    for change in changes {
        if once.len() < most && !once.contains(&change) {
            once.push(change);
        }
    }
    once
}

pub(super) fn logins(policies: &[Arc<Prepared>]) -> Vec<Change> {
    let mut acrs: Vec<String> = Vec::new();
    let mut amr: Vec<String> = Vec::new();
    let mut max_age: Option<u64> = None;
    for compared in policies.iter().flat_map(|policy| compared(policy)) {
        match compared.chain.as_slice() {
            ["acr" | "acrs"] if compared.variable == Var::Context => acrs.extend(compared.texts()),
            ["amr"] if compared.variable == Var::Context => amr.extend(compared.texts()),
            ["auth_age"] if compared.variable == Var::Context => {
                let ages = compared.numbers().filter_map(|age| u64::try_from(age).ok());
                max_age = ages.chain(max_age).min();
            }
            _ => {}
        }
    }
    amr.sort_unstable();
    amr.dedup();
    let login = |acr: Option<String>| Change::Login { acr, amr: amr.clone(), max_age };
    if acrs.is_empty() && (max_age.is_some() || !amr.is_empty()) {
        return vec![login(None)];
    }
    acrs.into_iter().map(|acr| login(Some(acr))).collect()
}

pub(super) fn scopes(policies: &[Arc<Prepared>]) -> Vec<Change> {
    let mut found = Vec::new();
    for policy in policies {
        for guard in &policy.guards {
            if let Guard::Scopes(needed) = guard {
                found.push(Change::Scopes(needed.iter().map(ToString::to_string).collect()));
            }
        }
        for compared in compared(policy) {
            if compared.variable == Var::Principal && compared.chain == ["scopes"] {
                found.push(Change::Scopes(compared.texts().collect()));
            }
        }
    }
    found
}

/// An attribute, and the literals that a policy compares it with.
pub(super) struct Compared<'e> {
    pub(super) variable: Var,
    pub(super) chain: Vec<&'e str>,
    pub(super) literals: Vec<&'e Literal>,
}

impl Compared<'_> {
    pub(super) fn texts(&self) -> impl Iterator<Item = String> {
        self.literals.iter().filter_map(|literal| match literal {
            Literal::String(text) => Some(text.to_string()),
            Literal::Bool(_) | Literal::Long(_) | Literal::EntityUID(_) => None,
        })
    }

    pub(super) fn numbers(&self) -> impl Iterator<Item = i64> {
        self.literals.iter().filter_map(|literal| match literal {
            Literal::Long(number) => Some(*number),
            Literal::Bool(_) | Literal::String(_) | Literal::EntityUID(_) => None,
        })
    }
}

/// What the rest of a policy compares with literals.
pub(super) fn compared(policy: &Prepared) -> Vec<Compared<'_>> {
    let mut found = Vec::new();
    for part in policy.rest.iter().flat_map(Expr::subexpressions) {
        if let ExprKind::BinaryApp { arg1, arg2, .. } = part.expr_kind() {
            for (attribute, other) in [(arg1, arg2), (arg2, arg1)] {
                if let (Some((variable, chain)), Some(literals)) = (chain(attribute), literals(other)) {
                    found.push(Compared { variable, chain, literals });
                }
            }
        }
    }
    found
}

/// `context.path.id` is the variable and the names after it.
pub(super) fn chain(expr: &Expr) -> Option<(Var, Vec<&str>)> {
    let ExprKind::GetAttr { expr, attr } = expr.expr_kind() else { return None };
    match expr.expr_kind() {
        ExprKind::Var(variable) => Some((*variable, vec![attr])),
        _ => {
            let (variable, mut names) = chain(expr)?;
            names.push(attr);
            Some((variable, names))
        }
    }
}

/// A literal, or those of a set of them.
fn literals(expr: &Expr) -> Option<Vec<&Literal>> {
    match expr.expr_kind() {
        ExprKind::Lit(literal) => Some(vec![literal]),
        ExprKind::Set(items) => {
            items.iter().map(literals).collect::<Option<Vec<_>>>().map(|lists| lists.concat())
        }
        _ => None,
    }
}
