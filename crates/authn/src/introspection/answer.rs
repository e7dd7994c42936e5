//! What an issuer answered, and whether it vouches for anything.
//!
//! In: the body of an introspection response (RFC 7662 §2.2). Out: a principal and what its token is bound
//! to. `active` must be the boolean `true`: a text, a number or nothing at all is a no (AUTHN-21).

use std::sync::Arc;

use portcullis_domain::{Issuer, Reason, Timestamp};
use serde_json::{Map, Value};

use crate::cache::Believed;
use crate::json;
use crate::jwt::ClaimRules;
use crate::refusal::Refusal;

/// What an issuer says of an active token.
pub(super) type Claims = Map<String, Value>;

/// The claims of a token that is active.
pub(super) fn claims(body: &[u8]) -> Result<Claims, Refusal> {
    let malformed = || {
        Refusal::because(
            Reason::IntrospectionUnavailable,
            "the issuer's answer is no unambiguous JSON object",
        )
    };
    json::check(body).map_err(|_| malformed())?;
    let claims: Claims = serde_json::from_slice(body).map_err(|_| malformed())?;
    match claims.get("active") {
        Some(Value::Bool(true)) => Ok(claims),
        Some(Value::Bool(false)) => Err(Refusal::because(Reason::TokenInactive, "the token is not active")),
        _ => Err(Refusal::because(
            Reason::TokenInactive,
            "the issuer does not say whether the token is active",
        )),
    }
}

/// Judges the claims as those of a JWT would be, as far as RFC 7662 has them.
pub(super) fn read(
    mut claims: Claims,
    rules: &ClaimRules,
    issuer: &Issuer,
    scheme: &Arc<str>,
    now: Timestamp,
) -> Result<Believed, Refusal> {
    // Optional in an answer; where it is there, an issuer speaks for itself alone (RFC 8725 §3.8).
    let is_foreign = claims.get("iss").is_some_and(|named| named.as_str() != Some(issuer.as_str()));
    if is_foreign {
        return Err(Refusal::because(
            Reason::TokenIssuerUnknown,
            "the answer is about another issuer's token",
        ));
    }
    if !claims.contains_key("sub")
        && let Some(client) = claims.get("client_id").cloned()
    {
        // A client acting for itself is its own subject (RFC 9068 §2.2).
        claims.insert("sub".into(), client);
    }
    let (principal, binding) = rules.judge_introspected(claims, issuer, scheme, now)?;
    Ok(Believed { principal: Arc::new(principal), binding, kid: None })
}
