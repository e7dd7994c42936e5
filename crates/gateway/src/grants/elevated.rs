//! A principal with what is granted to it.

use std::sync::Arc;

use portcullis_domain::{Caller, Principal, Scopes};
use smallvec::SmallVec;

use super::Known;
use crate::operate::Grantable;

/// Somebody with more rights than the credential brings, and by which grants.
pub(crate) struct Elevated {
    principal: Arc<Principal>,
    gained: Scopes,
    grants: SmallVec<[Arc<Known>; 1]>,
}

impl Elevated {
    /// `principal` with all that `active` gives; nothing if that is not more than it has.
    pub(super) fn of<'k>(
        grantable: &Grantable,
        principal: &Principal,
        active: impl Iterator<Item = &'k Arc<Known>>,
    ) -> Option<Self> {
        let mut grants = SmallVec::new();
        let (mut roles, mut scopes) = (Vec::new(), Vec::new());
        for known in active {
            let new = |given: &'k Scopes, allowed: &Scopes, have: &Scopes| -> Vec<&'k str> {
                given.iter().filter(|one| allowed.contains(one) && !have.contains(one)).collect()
            };
            let more_roles = new(&known.grant.roles, &grantable.roles, &principal.roles);
            let more_scopes = new(&known.grant.scopes, &grantable.scopes, &principal.scopes);
            if more_roles.is_empty() && more_scopes.is_empty() {
                continue;
            }
            roles.extend(more_roles);
            scopes.extend(more_scopes);
            grants.push(Arc::clone(known));
        }
        if grants.is_empty() {
            return None;
        }
        let gained = roles.iter().copied().collect();
        let principal = Principal {
            roles: principal.roles.iter().chain(roles).collect(),
            scopes: principal.scopes.iter().chain(scopes).collect(),
            ..principal.clone()
        };
        Some(Self { principal: Arc::new(principal), gained, grants })
    }

    /// Who calls, with these rights.
    pub(crate) fn caller(&self) -> Caller {
        Caller::Authenticated(Arc::clone(&self.principal))
    }

    /// The roles that the credential does not bring.
    pub(crate) const fn gained_roles(&self) -> &Scopes {
        &self.gained
    }

    pub(super) fn grants(&self) -> &[Arc<Known>] {
        &self.grants
    }

    /// The ids of the grants, for the record.
    pub(crate) fn ids(&self) -> String {
        let ids: Vec<String> = self.grants.iter().map(|known| known.grant.id.to_string()).collect();
        ids.join(" ")
    }
}
