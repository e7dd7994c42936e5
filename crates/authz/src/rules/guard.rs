//! What of a policy can be told without asking Cedar, and what is left for it.
//!
//! In: the condition of a policy as Cedar reads it. Out: guards, which look at the caller's roles, groups and scopes and at
//! the client's address, and the rest of the condition. Called by [`super::prepare`] when a configuration is read.
//!
//! Most policies ask for a role first, and most callers do not have it. A guard says so in nanoseconds, and what
//! a guard says Cedar need not be told: neither the entities of the roles nor the set of scopes. Cedar's meaning
//! stays the only one. A conjunct becomes a guard only if it means the same by itself, and only if nothing that
//! stands before it could fail: a condition that fails has to fail (decision 0024). `tests/it/oracle.rs` holds the
//! two against each other.

use std::borrow::Cow;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use cedar_policy_core::ast::{BinaryOp, EntityUID, Expr, ExprKind, Literal, UnaryOp, Var};
use ipnet::IpNet;

use super::change::Change;
use super::facts::Facts;
use super::kin::{Kin, Membership};
use crate::spelling::canonical;

/// Something that a policy asks for.
pub(super) enum Guard {
    /// One of these roles or groups.
    In(Box<[Arc<Membership>]>),
    /// None of them.
    NotIn(Box<[Arc<Membership>]>),
    /// All of these scopes.
    Scopes(Box<[Box<str>]>),
    /// An address in one of these networks.
    Client(Box<[IpNet]>),
}

impl Guard {
    /// Whether it lets the policy be asked.
    pub(super) fn opens(&self, facts: &Facts<'_>, supposed: &[&Change]) -> bool {
        let is_any =
            |listed: &[Arc<Membership>]| listed.iter().any(|one| one.holds(facts.principal, supposed));
        match self {
            Self::In(listed) => is_any(listed),
            Self::NotIn(listed) => !is_any(listed),
            Self::Scopes(needed) => needed.iter().all(|scope| has_scope(facts, supposed, scope)),
            Self::Client(networks) => {
                let client = client_of(facts, supposed);
                networks.iter().any(|network| network.contains(&client))
            }
        }
    }
}

/// The scopes of the caller are compared in one spelling, as everything is.
pub(super) fn has_scope(facts: &Facts<'_>, supposed: &[&Change], needed: &str) -> bool {
    let scopes = &facts.principal.scopes;
    scopes.contains(needed)
        || scopes.iter().any(|scope| canonical(Cow::Borrowed(scope)) == needed)
        || supposed.iter().any(|change| match change {
            Change::Scopes(more) => more.iter().any(|scope| scope == needed),
            _ => false,
        })
}

/// Addresses of nobody (RFC 5737 §3), for where somebody might be instead.
const ELSEWHERE: [IpAddr; 2] =
    [IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1)), IpAddr::V4(Ipv4Addr::new(198, 51, 100, 1))];

/// The client's address, in one family.
pub(super) fn client_of(facts: &Facts<'_>, supposed: &[&Change]) -> IpAddr {
    let elsewhere = supposed.iter().find_map(|change| match change {
        Change::Network(network) => Some(network.network()),
        Change::NotNetwork(network) => ELSEWHERE.into_iter().find(|address| !network.contains(address)),
        _ => None,
    });
    elsewhere.unwrap_or(facts.client).to_canonical()
}

/// A condition in two parts, both of which must hold.
#[derive(Default)]
pub(super) struct Split {
    pub(super) guards: Vec<Guard>,
    /// What is left, in its order.
    pub(super) rest: Vec<Expr>,
    /// Whether it can never hold.
    pub(super) is_void: bool,
}

impl Split {
    /// Adds a conjunct, after all that were added before.
    pub(super) fn add(&mut self, conjunct: &Expr, kin: &mut Kin, resource: &EntityUID) {
        if let ExprKind::And { left, right } = conjunct.expr_kind() {
            self.add(left, kin, resource);
            self.add(right, kin, resource);
            return;
        }
        let may_fail_before = self.rest.iter().any(may_fail);
        match told(conjunct, resource) {
            Some(true) => {}
            Some(false) if !may_fail_before => self.is_void = true,
            Some(false) | None => match guard(conjunct, kin).filter(|_| !may_fail_before) {
                Some(guard) => self.guards.push(guard),
                None => self.rest.push(conjunct.clone()),
            },
        }
    }
}

/// Whether a conjunct is true or false for every request of this API.
fn told(conjunct: &Expr, resource: &EntityUID) -> Option<bool> {
    match conjunct.expr_kind() {
        ExprKind::Lit(Literal::Bool(truth)) => Some(*truth),
        // The API is in nothing but itself.
        ExprKind::BinaryApp { op: BinaryOp::Eq | BinaryOp::In, arg1, arg2 } => {
            match (arg1.expr_kind(), arg2.expr_kind()) {
                (ExprKind::Var(Var::Resource), ExprKind::Lit(Literal::EntityUID(uid))) => {
                    Some(**uid == *resource)
                }
                _ => None,
            }
        }
        _ => None,
    }
}

fn guard(conjunct: &Expr, kin: &mut Kin) -> Option<Guard> {
    if let Some(listed) = memberships(conjunct, kin) {
        return Some(Guard::In(listed.into()));
    }
    if let Some(networks) = networks(conjunct) {
        return Some(Guard::Client(networks.into()));
    }
    match conjunct.expr_kind() {
        ExprKind::UnaryApp { op: UnaryOp::Not, arg } => Some(Guard::NotIn(memberships(arg, kin)?.into())),
        ExprKind::BinaryApp { op: BinaryOp::Contains, arg1, arg2 } if is_scopes(arg1) => {
            Some(Guard::Scopes([text(arg2)?.into()].into()))
        }
        ExprKind::BinaryApp { op: BinaryOp::ContainsAll, arg1, arg2 } if is_scopes(arg1) => {
            let ExprKind::Set(items) = arg2.expr_kind() else { return None };
            let texts: Option<Box<[Box<str>]>> = items.iter().map(|item| text(item).map(Box::from)).collect();
            Some(Guard::Scopes(texts?))
        }
        _ => None,
    }
}

/// `principal in X`, with a role or group or a list of them; or several of these, of which one is enough.
fn memberships(expr: &Expr, kin: &mut Kin) -> Option<Vec<Arc<Membership>>> {
    match expr.expr_kind() {
        ExprKind::Or { left, right } => {
            let mut listed = memberships(left, kin)?;
            listed.extend(memberships(right, kin)?);
            Some(listed)
        }
        ExprKind::BinaryApp { op: BinaryOp::In, arg1, arg2 }
            if matches!(arg1.expr_kind(), ExprKind::Var(Var::Principal)) =>
        {
            let one = |expr: &Expr, kin: &mut Kin| match expr.expr_kind() {
                ExprKind::Lit(Literal::EntityUID(uid)) => kin.membership(uid),
                _ => None,
            };
            match arg2.expr_kind() {
                ExprKind::Set(items) => items.iter().map(|item| one(item, kin)).collect(),
                _ => one(arg2, kin).map(|one| vec![one]),
            }
        }
        _ => None,
    }
}

/// `context.client.isInRange(ip("…"))`, or several of these, of which one is enough.
pub(super) fn networks(expr: &Expr) -> Option<Vec<IpNet>> {
    match expr.expr_kind() {
        ExprKind::Or { left, right } => {
            let mut listed = networks(left)?;
            listed.extend(networks(right)?);
            Some(listed)
        }
        ExprKind::ExtensionFunctionApp { fn_name, args } if fn_name.to_string() == "isInRange" => {
            let [address, network] = args.as_slice() else { return None };
            if !is_attribute(address, Var::Context, "client") {
                return None;
            }
            Some(vec![self::network(literal_ip(network)?)?])
        }
        _ => None,
    }
}

/// A network, or an address by itself.
pub(super) fn network(text: &str) -> Option<IpNet> {
    text.parse().ok().or_else(|| text.parse::<IpAddr>().ok().map(IpNet::from))
}

/// The text of `ip("…")`.
fn literal_ip(expr: &Expr) -> Option<&str> {
    match expr.expr_kind() {
        ExprKind::ExtensionFunctionApp { fn_name, args } if fn_name.to_string() == "ip" => {
            text(args.first()?)
        }
        _ => None,
    }
}

fn is_scopes(expr: &Expr) -> bool {
    is_attribute(expr, Var::Principal, "scopes")
}

fn is_attribute(expr: &Expr, variable: Var, name: &str) -> bool {
    match expr.expr_kind() {
        ExprKind::GetAttr { expr, attr } => {
            matches!(expr.expr_kind(), ExprKind::Var(var) if *var == variable) && attr == name
        }
        _ => false,
    }
}

fn text(expr: &Expr) -> Option<&str> {
    match expr.expr_kind() {
        ExprKind::Lit(Literal::String(text)) => Some(text),
        _ => None,
    }
}

/// Whether something in it can fail, although the validator found no mistake: reckoning can overflow. Attributes
/// that may be missing are asked for first, or the validator would have said so.
pub(super) fn may_fail(expr: &Expr) -> bool {
    expr.subexpressions().any(|part| match part.expr_kind() {
        ExprKind::Lit(_)
        | ExprKind::Var(_)
        | ExprKind::If { .. }
        | ExprKind::And { .. }
        | ExprKind::Or { .. }
        | ExprKind::UnaryApp { op: UnaryOp::Not | UnaryOp::IsEmpty, .. }
        | ExprKind::GetAttr { .. }
        | ExprKind::HasAttr { .. }
        | ExprKind::ExtHasAttr { .. }
        | ExprKind::Like { .. }
        | ExprKind::Is { .. }
        | ExprKind::Set(_)
        | ExprKind::Record(_) => false,
        ExprKind::BinaryApp { op, .. } => match op {
            BinaryOp::Eq
            | BinaryOp::Less
            | BinaryOp::LessEq
            | BinaryOp::In
            | BinaryOp::Contains
            | BinaryOp::ContainsAll
            | BinaryOp::ContainsAny
            | BinaryOp::HasTag => false,
            BinaryOp::Add | BinaryOp::Sub | BinaryOp::Mul | BinaryOp::GetTag => true,
        },
        ExprKind::ExtensionFunctionApp { fn_name, .. } => {
            // The validator has read the literals of `ip`; what is asked of an address has an answer.
            literal_ip(part).is_none()
                && !matches!(
                    fn_name.to_string().as_str(),
                    "isInRange" | "isIpv4" | "isIpv6" | "isLoopback" | "isMulticast"
                )
        }
        ExprKind::UnaryApp { op: UnaryOp::Neg, .. } | ExprKind::Slot(_) | ExprKind::Unknown(_) => true,
    })
}
