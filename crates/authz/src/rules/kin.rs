//! The roles and groups that policies name, and who belongs to them.
//!
//! In: which roles contain which, and the entities that policies name. Out: for each a [`Membership`], which tells whether
//! a caller belongs. Inheritance is resolved here, when a configuration is read: "is an editor" becomes "has one
//! of the roles editor and admin".

use std::collections::HashMap;
use std::sync::Arc;

use cedar_policy_core::ast::{EntityUID, Expr, ExprKind, Literal};
use portcullis_domain::{Principal, Scopes};
use serde_json::Value as Json;

use super::change::Change;
use super::config::RulesConfig;
use super::inherit::Inheritance;

/// A role or group that policies name.
#[derive(Debug)]
pub(super) struct Membership {
    pub(super) uid: EntityUID,
    pub(super) by: Granted,
}

/// By what one belongs.
#[derive(Debug)]
pub(super) enum Granted {
    /// One of these roles: the one named, and those that contain it.
    Roles { named: Box<str>, any: Scopes },
    /// The claim of groups, which must list this one.
    Group { named: Box<str>, claim: Arc<str> },
}

impl Membership {
    /// Whether the caller belongs, by the verified credential alone (AUTHZ-04).
    pub(super) fn holds(&self, principal: &Principal, supposed: &[&Change]) -> bool {
        if let Some(is_supposed) = supposed.iter().find_map(|change| change.makes_member(&self.by)) {
            return is_supposed;
        }
        match &self.by {
            Granted::Roles { any, .. } => any.iter().any(|role| principal.roles.contains(role)),
            Granted::Group { named, claim } => match principal.claims.get(&**claim) {
                Some(Json::Array(listed)) => listed.iter().any(|one| one.as_str() == Some(named)),
                Some(_) | None => false,
            },
        }
    }

    /// What would make a caller belong.
    pub(super) fn joining(&self) -> Change {
        match &self.by {
            Granted::Roles { named, .. } => Change::Role(named.to_string()),
            Granted::Group { named, .. } => Change::Group(named.to_string()),
        }
    }

    /// What would make a caller belong no longer.
    pub(super) fn leaving(&self) -> Change {
        match &self.by {
            Granted::Roles { named, .. } => Change::NotRole(named.to_string()),
            Granted::Group { named, .. } => Change::NotGroup(named.to_string()),
        }
    }
}

/// All memberships of an API, each once.
pub(super) struct Kin {
    inheritance: Inheritance,
    groups_claim: Arc<str>,
    known: HashMap<EntityUID, Arc<Membership>>,
}

impl Kin {
    pub(super) fn new(config: &RulesConfig) -> Self {
        Self {
            inheritance: Inheritance::new(&config.inherits),
            groups_claim: config.groups_claim.as_deref().unwrap_or("groups").into(),
            known: HashMap::new(),
        }
    }

    /// What an entity stands for; `None` if for no role or group.
    pub(super) fn membership(&mut self, uid: &EntityUID) -> Option<Arc<Membership>> {
        if let Some(known) = self.known.get(uid) {
            return Some(Arc::clone(known));
        }
        let named: &str = uid.eid().as_ref();
        let by = match uid.entity_type().to_string().as_str() {
            "Role" => Granted::Roles { named: named.into(), any: self.inheritance.sources(named) },
            "Group" => Granted::Group { named: named.into(), claim: Arc::clone(&self.groups_claim) },
            _ => return None,
        };
        let made = Arc::new(Membership { uid: uid.clone(), by });
        self.known.insert(uid.clone(), Arc::clone(&made));
        Some(made)
    }

    /// The memberships that a condition names.
    pub(super) fn named(&mut self, condition: &Expr) -> Vec<Arc<Membership>> {
        let literals = condition.subexpressions().filter_map(|part| match part.expr_kind() {
            ExprKind::Lit(Literal::EntityUID(uid)) => Some(uid),
            _ => None,
        });
        literals.filter_map(|uid| self.membership(uid)).collect()
    }
}
