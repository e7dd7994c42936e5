//! What a token claims, judged once its signature has been verified.
//!
//! In: the payload of a JWS, or what an issuer answered to introspection, and what its tokens must say.
//! Out: a [`Principal`] and its [`Binding`]. Called by [`crate::trusted_issuer`]. RFC 7519 §4.1, RFC 9068 §2.2 and §4, RFC 8725 §3.8 to §3.11. Not done
//! here: whether the client holds the key that the token is bound to; see [`crate::possession`].

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use portcullis_domain::{Issuer, Principal, PrincipalKind, Reason, Scopes, Subject, Timestamp};
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::assurance::Vocabulary;
use crate::binding::Binding;
use crate::json;
use crate::refusal::Refusal;
use crate::token_type::Ground;

/// What the tokens of one issuer must say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ClaimRules {
    /// Names of this service at the issuer; one of them must be in `aud`.
    pub(crate) audiences: Box<[Box<str>]>,
    /// Claims that must be there.
    pub(crate) required: Box<[Box<str>]>,
    /// How far the issuer's clock may be off.
    pub(crate) skew: Duration,
    /// Longest life from `iat` to `exp`.
    pub(crate) maximum_lifetime: Option<Duration>,
    pub(crate) scopes: ClaimPath,
    pub(crate) roles: ClaimPath,
    /// What its words for strength mean.
    pub(crate) vocabulary: Vocabulary,
}

/// Where a claim is found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum ClaimPath {
    /// A claim of this name.
    Name(Box<str>),
    /// A JSON pointer (RFC 6901) into the claims, for issuers that nest them.
    Pointer(Box<str>),
}

/// The issuer that a payload names; not believed before the signature is.
pub(crate) fn claimed_issuer(payload: &[u8]) -> Result<Cow<'_, str>, Refusal> {
    #[derive(Deserialize)]
    struct Named<'j>(#[serde(borrow)] Cow<'j, str>);
    #[derive(Deserialize)]
    struct IssuerOnly<'j> {
        #[serde(borrow)]
        iss: Named<'j>,
    }
    json::check_token_part(payload)?;
    serde_json::from_slice::<IssuerOnly<'_>>(payload)
        .map(|claims| claims.iss.0)
        .map_err(|_| malformed("the claims are no object with a string `iss`"))
}

impl ClaimRules {
    /// Judges the claims of a token whose signature and issuer are verified.
    ///
    /// `payload` has passed [`claimed_issuer`], so that its members are unique.
    pub(crate) fn judge(
        &self,
        payload: &[u8],
        ground: Ground,
        issuer: &Issuer,
        scheme: &Arc<str>,
        now: Timestamp,
    ) -> Result<(Principal, Binding), Refusal> {
        let claims: Map<String, Value> =
            serde_json::from_slice(payload).map_err(|_| malformed("the claims are no JSON object"))?;
        ground.check_claims(&claims)?;
        self.check_required(&claims)?;
        self.judge_claims(claims, issuer, scheme, now)
    }

    /// Judges claims that the issuer itself has told.
    pub(crate) fn judge_introspected(
        &self,
        claims: Map<String, Value>,
        issuer: &Issuer,
        scheme: &Arc<str>,
        now: Timestamp,
    ) -> Result<(Principal, Binding), Refusal> {
        self.check_required(&claims)?;
        self.judge_claims(claims, issuer, scheme, now)
    }

    /// Judges claims that the issuer has vouched for, by its signature or by its own answer.
    fn judge_claims(
        &self,
        claims: Map<String, Value>,
        issuer: &Issuer,
        scheme: &Arc<str>,
        now: Timestamp,
    ) -> Result<(Principal, Binding), Refusal> {
        self.check_audience(&claims)?;
        let expires_at = self.check_times(&claims, now)?;
        let binding = Binding::read(&claims)?;
        let subject = text(&claims, "sub")?.ok_or_else(|| malformed("`sub` is missing"))?;
        let client = match text(&claims, "client_id")? {
            Some(client) => Some(client),
            None => text(&claims, "azp")?,
        };
        text(&claims, "jti")?;
        let principal = Principal {
            issuer: issuer.clone(),
            subject: Subject::from(subject),
            kind: kind_of(subject, client),
            client: client.map(Arc::from),
            scopes: self.read_scopes(&claims)?,
            roles: self.read_roles(&claims)?,
            expires_at: Some(expires_at),
            scheme: Arc::clone(scheme),
            assurance: self.vocabulary.read(&claims),
            claims: Arc::new(claims),
        };
        Ok((principal, binding))
    }

    fn check_required(&self, claims: &Map<String, Value>) -> Result<(), Refusal> {
        let missing = self.required.iter().find(|name| claims.get(&***name).is_none_or(Value::is_null));
        match missing {
            Some(name) => Err(malformed(format!("`{name}` is missing"))),
            None => Ok(()),
        }
    }

    fn check_audience(&self, claims: &Map<String, Value>) -> Result<(), Refusal> {
        let names_us = |audience: &str| self.audiences.iter().any(|ours| **ours == *audience);
        let is_for_us = match claims.get("aud") {
            Some(Value::String(audience)) => names_us(audience),
            Some(Value::Array(audiences)) => {
                let named: Option<Vec<&str>> = audiences.iter().map(Value::as_str).collect();
                named
                    .ok_or_else(|| malformed("`aud` lists something other than strings"))?
                    .into_iter()
                    .any(names_us)
            }
            _ => return Err(malformed("`aud` is missing, or neither string nor list")),
        };
        if is_for_us {
            Ok(())
        } else {
            let note = format!("`aud` names none of: {}", self.audiences.join(", "));
            Err(Refusal::because(Reason::TokenAudienceMismatch, note))
        }
    }

    /// Checks the times and returns when the token ends.
    fn check_times(&self, claims: &Map<String, Value>, now: Timestamp) -> Result<Timestamp, Refusal> {
        let expires_at = moment(claims, "exp")?.ok_or_else(|| malformed("`exp` is missing"))?;
        let not_before = moment(claims, "nbf")?;
        let issued_at = moment(claims, "iat")?;
        if now >= expires_at.plus(self.skew) {
            return Err(Refusal::because(Reason::TokenExpired, "`exp` has passed"));
        }
        let latest = now.plus(self.skew);
        if not_before.is_some_and(|not_before| not_before > latest) {
            return Err(Refusal::because(Reason::TokenNotYetValid, "`nbf` lies ahead"));
        }
        if issued_at.is_some_and(|issued_at| issued_at > latest) {
            return Err(Refusal::because(Reason::TokenNotYetValid, "`iat` lies ahead"));
        }
        if let Some(maximum) = self.maximum_lifetime {
            let issued_at =
                issued_at.ok_or_else(|| malformed("`iat` is missing, and the lifetime is limited"))?;
            if expires_at.since(issued_at) > maximum {
                return Err(Refusal::because(
                    Reason::TokenLifetimeExceeded,
                    "`exp` lies too far behind `iat`",
                ));
            }
        }
        Ok(expires_at)
    }

    fn read_scopes(&self, claims: &Map<String, Value>) -> Result<Scopes, Refusal> {
        let scopes = match self.scopes.find(claims) {
            None => return Ok(Scopes::default()),
            Some(Value::String(list)) => Scopes::parse(list),
            Some(list) => {
                strings(list).ok_or_else(|| malformed("the scope claim is neither string nor list"))?
            }
        };
        if scopes.iter().all(is_scope_token) {
            Ok(scopes)
        } else {
            Err(malformed("a scope is no `scope-token`"))
        }
    }

    fn read_roles(&self, claims: &Map<String, Value>) -> Result<Scopes, Refusal> {
        match self.roles.find(claims) {
            None => Ok(Scopes::default()),
            Some(list) => strings(list).ok_or_else(|| malformed("the roles claim is no list of strings")),
        }
    }
}

impl ClaimPath {
    /// A name, or a JSON pointer if it starts with a slash.
    pub(crate) fn new(text: &str) -> Self {
        if text.starts_with('/') { Self::Pointer(text.into()) } else { Self::Name(text.into()) }
    }

    pub(crate) fn find<'c>(&self, claims: &'c Map<String, Value>) -> Option<&'c Value> {
        match self {
            Self::Name(name) => claims.get(&**name),
            Self::Pointer(pointer) => {
                let mut tokens =
                    pointer.split('/').skip(1).map(|token| token.replace("~1", "/").replace("~0", "~"));
                let first = claims.get(&tokens.next()?)?;
                tokens.try_fold(first, |value, token| match value {
                    Value::Object(members) => members.get(&token),
                    Value::Array(items) => items.get(token.parse::<usize>().ok()?),
                    Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => None,
                })
            }
        }
    }
}

/// A client acting for itself is its own subject (RFC 9068 §2.2).
fn kind_of(subject: &str, client: Option<&str>) -> PrincipalKind {
    if client == Some(subject) { PrincipalKind::Client } else { PrincipalKind::User }
}

/// A claim that must be a string with content where it is present.
fn text<'c>(claims: &'c Map<String, Value>, name: &str) -> Result<Option<&'c str>, Refusal> {
    match claims.get(name) {
        None => Ok(None),
        Some(Value::String(text)) if !text.is_empty() => Ok(Some(text)),
        Some(_) => Err(malformed(format!("`{name}` is no string with content"))),
    }
}

/// A NumericDate in whole seconds. Fractions, exponents, signs and strings are refused: two readers
/// could round them apart (RFC 7519 §2 permits fractions; no issuer needs them).
fn moment(claims: &Map<String, Value>, name: &str) -> Result<Option<Timestamp>, Refusal> {
    match claims.get(name) {
        None => Ok(None),
        Some(value) => match value.as_u64() {
            Some(seconds) => Ok(Some(Timestamp::from_seconds(seconds))),
            None => Err(malformed(format!("`{name}` is no whole number of seconds"))),
        },
    }
}

fn strings(list: &Value) -> Option<Scopes> {
    list.as_array()?.iter().map(Value::as_str).collect()
}

/// RFC 6749 §3.3: `1*( %x21 / %x23-5B / %x5D-7E )`.
fn is_scope_token(scope: &str) -> bool {
    !scope.is_empty() && scope.bytes().all(|byte| matches!(byte, 0x21 | 0x23..=0x5B | 0x5D..=0x7E))
}

fn malformed(note: impl Into<Cow<'static, str>>) -> Refusal {
    Refusal::because(Reason::TokenClaimMalformed, note)
}
