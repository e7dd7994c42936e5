//! May they, field by field: what a GraphQL request asks for and not everybody may have (AUTHZ-22).
//!
//! In: a permitted caller and a valid request. Out: nothing, or a refusal of the whole request: half an answer is
//! for the application to give. The client is not told which field it was; the operator is.

use portcullis_authz::Permit;
use portcullis_contract::{FieldName, FieldRights};
use portcullis_domain::{Challenge, Denial, Principal, Reason, Scheme};

use crate::ownership::Content;
use crate::policy::Route;

/// Decides about every field.
///
/// # Errors
/// [`Reason::ScopeInsufficient`] if scopes alone are missing, [`Reason::PermitMissing`] otherwise, also if it cannot
/// be told what is asked for; [`Reason::ObjectConcealed`] in their place on a confidential operation.
pub(crate) fn judge(
    route: &Route,
    permit: &Permit,
    query: Option<&str>,
    body: Content<'_>,
) -> Result<(), Denial> {
    // Anonymous only where the credential is judged in shadow.
    let Some(principal) = permit.caller().principal() else { return Ok(()) };
    let fields = match body {
        Content::Nothing => route.operation.guarded_fields(query, None),
        Content::Json(body) => route.operation.guarded_fields(query, Some(body)),
        Content::Unreadable => None,
    };
    let Some(fields) = fields else {
        return Err(refusal(route, &[]).with_note("no permit: what the request asks for cannot be told"));
    };
    for (name, rights) in fields {
        decide(route, principal, name, rights)?;
    }
    Ok(())
}

fn decide(
    route: &Route,
    principal: &Principal,
    name: &FieldName,
    rights: &FieldRights,
) -> Result<(), Denial> {
    let FieldRights { roles, scopes } = rights;
    if !roles.is_empty() && !roles.iter().any(|role| principal.roles.contains(role)) {
        let note = format!("no permit: field `{name}` needs one of the roles `{}`", roles.join(" "));
        return Err(refusal(route, &[]).with_note(note));
    }
    if scopes.iter().all(|scope| principal.scopes.contains(scope)) {
        return Ok(());
    }
    Err(refusal(route, scopes).with_note(format!("field `{name}` needs the scopes `{}`", scopes.join(" "))))
}

/// With the scopes that would help, if some would.
fn refusal(route: &Route, scopes: &[String]) -> Denial {
    match scopes {
        _ if route.demand.conceals() => Denial::new(Reason::ObjectConcealed),
        [] => Denial::new(Reason::PermitMissing),
        scopes => Denial::new(Reason::ScopeInsufficient).with_challenge(
            Challenge::new(Scheme::Bearer)
                .with("realm", route.demand.realm().to_owned())
                .with("error", "insufficient_scope")
                .with("scope", scopes.join(" ")),
        ),
    }
}
