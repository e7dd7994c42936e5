//! What a token says it is (`typ`), and whether that is an access token.
//!
//! In: `typ` of a header. Out: whether it is accepted, and on what ground. Called by
//! [`crate::trusted_issuer`]. RFC 9068 §4: `at+jwt` or `application/at+jwt`; everything else is
//! refused, so that an ID token, a logout token or a proof of possession is never taken for an
//! access token (RFC 8725 §3.12).

use portcullis_domain::Reason;
use serde_json::{Map, Value};

use crate::refusal::Refusal;

/// How configuration names a token without `typ`.
pub(crate) const ABSENT: &str = "absent";
const ACCESS_TOKEN: &str = "at+jwt";
/// Claims that only other kinds of token have: ID tokens (OpenID Connect Core §2, §3.3.2.11) and
/// security events such as logout tokens (RFC 8417 §2.2).
const FOREIGN_CLAIMS: [&str; 4] = ["nonce", "at_hash", "c_hash", "events"];

/// The token types that an issuer may use for access tokens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct TokenTypes(Box<[Box<str>]>);

/// On what ground a type is accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ground {
    /// It says that it is an access token.
    Standard,
    /// The operator made an exception for this issuer; the claims must not betray another kind.
    Exception,
}

impl TokenTypes {
    /// Types as configured: media types with or without `application/`, or [`ABSENT`].
    pub(crate) fn new<'t>(names: impl IntoIterator<Item = &'t str>) -> Self {
        Self(names.into_iter().map(|name| short_name(name).to_ascii_lowercase().into()).collect())
    }

    /// The names that are not RFC 9068's.
    pub(crate) fn exceptions(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|name| &**name).filter(|name| *name != ACCESS_TOKEN)
    }

    /// Whether a token with this `typ` may be an access token.
    pub(crate) fn judge(&self, typ: Option<&str>) -> Result<Ground, Refusal> {
        let name = typ.map_or(ABSENT, short_name);
        // A token may not call itself `absent`.
        let is_spelled_out = typ.is_some() && name.eq_ignore_ascii_case(ABSENT);
        let is_listed = self.0.iter().any(|listed| listed.eq_ignore_ascii_case(name));
        match (is_listed && !is_spelled_out, name.eq_ignore_ascii_case(ACCESS_TOKEN)) {
            (true, true) => Ok(Ground::Standard),
            (true, false) => Ok(Ground::Exception),
            (false, _) => {
                Err(Refusal::because(Reason::TokenTypeWrong, "`typ` is none that this issuer may use"))
            }
        }
    }
}

impl Ground {
    /// Whether the claims fit the ground on which the type was accepted.
    pub(crate) fn check_claims(self, claims: &Map<String, Value>) -> Result<(), Refusal> {
        match self {
            Self::Standard => Ok(()),
            Self::Exception if FOREIGN_CLAIMS.into_iter().any(|name| claims.contains_key(name)) => {
                Err(Refusal::because(
                    Reason::TokenTypeWrong,
                    "the claims are those of an ID token or a security event",
                ))
            }
            Self::Exception => Ok(()),
        }
    }
}

/// RFC 7515 §4.1.9: `application/` may be left out when no other slash follows.
fn short_name(typ: &str) -> &str {
    const PREFIX: &str = "application/";
    match typ.split_at_checked(PREFIX.len()) {
        Some((prefix, rest)) if prefix.eq_ignore_ascii_case(PREFIX) && !rest.contains('/') => rest,
        _ => typ,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(types: &[&str], typ: Option<&str>, expected: Option<Ground>) {
        assert_eq!(TokenTypes::new(types.iter().copied()).judge(typ).ok(), expected, "{typ:?}");
    }

    #[test]
    fn only_access_tokens_are_access_tokens() {
        for typ in ["at+jwt", "AT+JWT", "application/at+jwt", "Application/AT+jwt"] {
            check(&["at+jwt"], Some(typ), Some(Ground::Standard));
        }
        for typ in
            ["JWT", "jwt", "logout+jwt", "dpop+jwt", "secevent+jwt", "token-introspection+jwt", "", "absent"]
        {
            check(&["at+jwt"], Some(typ), None);
        }
        for typ in ["text/at+jwt", "application/x/at+jwt", "application/application/at+jwt", "at+jwt "] {
            check(&["at+jwt"], Some(typ), None);
        }
        check(&["at+jwt"], None, None);
    }

    #[test]
    fn an_exception_is_for_the_named_type_alone() {
        check(&["JWT"], Some("JWT"), Some(Ground::Exception));
        check(&["JWT"], Some("at+jwt"), None);
        check(&["JWT"], None, None);
        check(&["at+jwt", "absent"], None, Some(Ground::Exception));
        check(&["at+jwt", "absent"], Some("absent"), None);
    }
}
