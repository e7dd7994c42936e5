//! What could have been otherwise about a request, for operators who want to know.
//!
//! In: the policies of an operation and the facts of a request. Out: changes, without judging them: what policies compare
//! facts with, what they forbid, and the caller's own where they ask for it. Called by [`super::explain`], which
//! tries them. Beside what callers can do about a refusal ([`super::suggest`]) there is the request itself, the hour, the
//! network and the connection.

use std::sync::Arc;

use cedar_policy_core::ast::{Expr, ExprKind, Literal, Var};
use portcullis_config::Weekday;
use portcullis_domain::Principal;
use serde_json::Value as Json;

use super::change::{Change, Shown};
use super::config::ClaimTypeConfig;
use super::decide::Cut;
use super::facts::{Facts, Said};
use super::guard::{Guard, networks};
use super::needs::Part;
use super::prepare::Prepared;
use super::suggest::{Compared, chain, compared, each_once, logins, scopes};

/// Most changes that are supposed, each by itself and in pairs.
const MOST: usize = 48;

/// Changes worth supposing: first what a caller can do, then what an administrator can, then what is so at another time
/// or place, then what another request would say.
pub(super) fn changes(cut: &Cut, facts: &Facts<'_>) -> Vec<Change> {
    let mut changes = logins(&cut.policies);
    changes.extend(scopes(&cut.policies));
    changes.extend(memberships(cut, facts));
    let literal: Vec<Compared<'_>> = cut.policies.iter().flat_map(|policy| compared(policy)).collect();
    changes.extend(literal.iter().flat_map(|one| claims(cut, one)));
    changes.extend(circumstances(cut, &literal));
    changes.extend(own(cut, facts.principal));
    changes.extend(literal.iter().flat_map(said));
    changes.extend(cut.plan.wanted.iter().filter(|wanted| wanted.part != Part::Path).map(|wanted| {
        Change::Says { part: wanted.part, name: wanted.name.clone(), said: Vec::new(), as_is: None }
    }));
    each_once(changes, MOST)
}

fn memberships(cut: &Cut, facts: &Facts<'_>) -> Vec<Change> {
    let guards = cut.policies.iter().flat_map(|policy| &policy.guards);
    let guarded = guards.filter_map(|guard| match guard {
        Guard::In(listed) | Guard::NotIn(listed) => Some(listed),
        Guard::Scopes(_) | Guard::Client(_) => None,
    });
    let named = guarded.flatten().chain(&cut.plan.memberships);
    let change = named.map(|one| match one.holds(facts.principal, &[]) {
        true => one.leaving(),
        false => one.joining(),
    });
    change.collect()
}

fn claims(cut: &Cut, compared: &Compared<'_>) -> Vec<Change> {
    let (Var::Principal, ["claims", name]) = (compared.variable, compared.chain.as_slice()) else {
        return Vec::new();
    };
    let kind = cut.plan.claims.iter().find(|(known, _)| **known == **name).map(|(_, kind)| *kind);
    let values: Vec<Json> = match kind {
        Some(ClaimTypeConfig::List) => vec![compared.texts().collect()],
        Some(ClaimTypeConfig::Text) => compared.texts().map(Json::from).collect(),
        Some(ClaimTypeConfig::Number) => compared.numbers().flat_map(around).map(Json::from).collect(),
        Some(ClaimTypeConfig::Truth) => vec![Json::from(true), Json::from(false)],
        None => Vec::new(),
    };
    values.into_iter().map(|value| Change::Claim { name: (*name).to_owned(), value }).collect()
}

/// A number that is compared, and its neighbors: on one side of each comparison lies one of them.
fn around(number: i64) -> [i64; 3] {
    [number, number.saturating_sub(1), number.saturating_add(1)]
}

fn circumstances(cut: &Cut, literal: &[Compared<'_>]) -> Vec<Change> {
    let mut changes = Vec::new();
    for policy in &cut.policies {
        for guard in &policy.guards {
            if let Guard::Client(listed) = guard {
                changes
                    .extend(listed.iter().flat_map(|one| [Change::Network(*one), Change::NotNetwork(*one)]));
            }
        }
        for part in parts(policy) {
            let listed = networks(part).unwrap_or_default();
            changes
                .extend(listed.into_iter().flat_map(|one| [Change::Network(one), Change::NotNetwork(one)]));
            match part.expr_kind() {
                ExprKind::HasAttr { expr, attr } if is_context(expr) && attr == "certificate" => {
                    changes.extend([Shown::Shown, Shown::Withheld].map(Change::Certificate));
                }
                ExprKind::GetAttr { expr, attr } if is_context(expr) && attr == "tls" => {
                    changes.push(Change::Tls);
                }
                ExprKind::GetAttr { expr, attr } if is_context(expr) && attr == "weekday" => {
                    changes.extend((0..7).map(Weekday::after_monday).map(Change::Day));
                }
                _ => {}
            }
        }
    }
    for compared in literal.iter().filter(|compared| compared.variable == Var::Context) {
        let numbers = compared.numbers().flat_map(around);
        match compared.chain.as_slice() {
            ["minute"] => {
                changes.extend(numbers.filter(|minute| (0..24 * 60).contains(minute)).map(Change::Minute));
            }
            ["risk"] => changes.extend(
                numbers
                    .filter_map(|risk| u8::try_from(risk).ok())
                    .filter(|risk| *risk <= 100)
                    .map(Change::Risk),
            ),
            _ => {}
        }
    }
    changes
}

/// What a request would say if it spoke of the caller's own.
fn own(cut: &Cut, principal: &Principal) -> Vec<Change> {
    let mut changes = Vec::new();
    for part in cut.policies.iter().flat_map(parts) {
        let ExprKind::BinaryApp { arg1, arg2, .. } = part.expr_kind() else { continue };
        for (one, other) in [(arg1, arg2), (arg2, arg1)] {
            let (Some((Var::Context, place)), Some((Var::Principal, attribute))) = (chain(one), chain(other))
            else {
                continue;
            };
            let Some((part, name)) = place_of(&place) else { continue };
            let own = match attribute.as_slice() {
                ["subject"] => Some((principal.subject.as_str(), "subject")),
                ["client"] => principal.client.as_deref().map(|client| (client, "client")),
                ["claims", name] => {
                    principal.claims.get(*name).and_then(Json::as_str).map(|text| (text, *name))
                }
                _ => None,
            };
            changes.extend(own.map(|(text, called)| Change::Says {
                part,
                name: name.to_owned(),
                said: vec![Said::Text(text.to_owned())],
                as_is: Some(format!("the caller's own {called}")),
            }));
        }
    }
    changes
}

/// What a request would say if it said what policies compare it with.
fn said(compared: &Compared<'_>) -> Vec<Change> {
    let place = if compared.variable == Var::Context { place_of(&compared.chain) } else { None };
    let Some((part, name)) = place else { return Vec::new() };
    let said = compared.literals.iter().filter_map(|literal| match literal {
        Literal::String(text) => Some(Said::Text(text.to_string())),
        Literal::Bool(truth) => Some(Said::Truth(*truth)),
        Literal::Long(_) | Literal::EntityUID(_) => None,
    });
    said.map(|said| Change::Says { part, name: name.to_owned(), said: vec![said], as_is: None }).collect()
}

fn place_of<'e>(chain: &[&'e str]) -> Option<(Part, &'e str)> {
    let [record, name] = chain else { return None };
    Part::ALL.into_iter().find(|part| part.name() == *record).map(|part| (part, *name))
}

fn is_context(expr: &Expr) -> bool {
    matches!(expr.expr_kind(), ExprKind::Var(Var::Context))
}

fn parts(policy: &Arc<Prepared>) -> impl Iterator<Item = &Expr> {
    policy.rest.iter().flat_map(Expr::subexpressions)
}
