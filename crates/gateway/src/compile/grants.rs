//! What may be granted for a while.

use crate::config::GrantsConfig;
use crate::operate::Grantable;

/// What may be, if anything.
pub(crate) fn grantable(config: Option<&GrantsConfig>) -> Option<Grantable> {
    let GrantsConfig { roles, scopes, longest, approvals } = config?;
    Some(Grantable {
        roles: roles.iter().map(String::as_str).collect(),
        scopes: scopes.iter().map(String::as_str).collect(),
        longest: longest.0,
        approvals: *approvals,
    })
}
