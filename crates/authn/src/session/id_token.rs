//! What the provider says of the user: ID tokens and logout tokens, judged in full.
//!
//! In: a JWS of the provider, and what was asked for. Out: its claims, or a [`Refusal`]. OpenID Connect Core
//! §3.1.3.7 (OIDC-09); Back-Channel Logout §2.6 (OIDC-15). Neither kind is ever taken for the other, nor for an
//! access token (RFC 8725 §3.12).

use std::sync::Arc;
use std::time::Duration;

use portcullis_domain::{Issuer, Now, Reason, Secret, Subject, Timestamp};
use serde_json::{Map, Value};

use crate::algorithm::AllowedAlgorithms;
use crate::json;
use crate::jws::Compact;
use crate::keys::KeyRing;
use crate::refusal::Refusal;

/// Longest subject (OpenID Connect Core §2).
const SUBJECT_LIMIT: usize = 255;
/// How long ago a token of a login or logout may have been made; it is judged moments after that.
const FRESH: Duration = Duration::from_secs(300);
/// OpenID Connect Back-Channel Logout §2.4.
const LOGOUT_EVENT: &str = "http://schemas.openid.net/event/backchannel-logout";

/// Who signs, and for whom.
#[derive(Debug)]
pub(super) struct Signer {
    pub(super) issuer: Issuer,
    /// Our name there.
    pub(super) client: Box<str>,
    pub(super) algorithms: AllowedAlgorithms,
    pub(super) keys: Arc<KeyRing>,
    pub(super) skew: Duration,
}

/// What a login asked for.
pub(super) struct Asked<'a> {
    /// Absent for a token that came with a refresh (OpenID Connect Core §12.2).
    pub(super) nonce: Option<&'a Secret>,
    pub(super) max_age: Option<Duration>,
}

/// Who signed in.
#[derive(Debug)]
pub(super) struct SignedIn {
    pub(super) subject: Subject,
    pub(super) sid: Option<Box<str>>,
    pub(super) claims: Map<String, Value>,
}

/// Whose sessions are over.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct SignedOut {
    pub(super) subject: Option<Subject>,
    pub(super) sid: Option<Box<str>>,
    /// Names this message.
    pub(super) id: Box<str>,
}

impl Signer {
    /// Judges the ID token of a login.
    pub(super) async fn signed_in(
        &self,
        token: &Secret,
        asked: Asked<'_>,
        now: Now,
    ) -> Result<SignedIn, Refusal> {
        // An access token or a logout token of the same issuer is no proof of a login.
        let claims = self.claims(token, &["jwt"], now).await?;
        if claims.contains_key("events") {
            // A security event (RFC 8417 §2.2), such as a logout token without a type.
            return Err(Refusal::because(Reason::TokenTypeWrong, "`events` has no place in an ID token"));
        }
        self.check_audience(&claims)?;
        self.check_party(&claims)?;
        let expires_at = moment(&claims, "exp")?.ok_or_else(|| malformed("`exp` is missing"))?;
        if now.wall >= expires_at.plus(self.skew) {
            return Err(Refusal::because(Reason::TokenExpired, "`exp` has passed"));
        }
        self.check_issued(&claims, now.wall)?;
        if let Some(nonce) = asked.nonce {
            let said = text(&claims, "nonce")?.unwrap_or_default();
            if !nonce.matches(said.as_bytes()) {
                return Err(malformed("`nonce` is not that of this login"));
            }
        }
        if let Some(max_age) = asked.max_age {
            let authenticated = moment(&claims, "auth_time")?
                .ok_or_else(|| malformed("`auth_time` is missing, and `max_age` was asked for"))?;
            if now.wall > authenticated.plus(max_age).plus(self.skew) {
                return Err(malformed("`auth_time` lies too far back"));
            }
        }
        let subject = text(&claims, "sub")?.filter(|subject| subject.len() <= SUBJECT_LIMIT);
        let subject = Subject::from(subject.ok_or_else(|| malformed("`sub` is missing or too long"))?);
        let sid = text(&claims, "sid")?.map(Box::from);
        Ok(SignedIn { subject, sid, claims })
    }

    /// Judges a logout token. Whether it has come before is for the caller to say.
    pub(super) async fn signed_out(&self, token: &Secret, now: Now) -> Result<SignedOut, Refusal> {
        let claims = self.claims(token, &["logout+jwt"], now).await?;
        self.check_audience(&claims)?;
        self.check_issued(&claims, now.wall)?;
        if let Some(expires_at) = moment(&claims, "exp")?
            && now.wall >= expires_at.plus(self.skew)
        {
            return Err(Refusal::because(Reason::TokenExpired, "`exp` has passed"));
        }
        let event = claims.get("events").and_then(|events| events.get(LOGOUT_EVENT));
        if !event.is_some_and(Value::is_object) {
            return Err(malformed("`events` does not say that this is a logout"));
        }
        if claims.contains_key("nonce") {
            // So that an ID token can never end a session.
            return Err(malformed("`nonce` has no place in a logout token"));
        }
        let id = text(&claims, "jti")?.ok_or_else(|| malformed("`jti` is missing"))?;
        let subject = text(&claims, "sub")?.map(Subject::from);
        let sid = text(&claims, "sid")?.map(Box::from);
        if subject.is_none() && sid.is_none() {
            return Err(malformed("neither `sub` nor `sid` says whose sessions are over"));
        }
        Ok(SignedOut { subject, sid, id: id.into() })
    }

    /// The claims of a token that this issuer has signed and whose type is absent or one of these.
    async fn claims(&self, token: &Secret, types: &[&str], now: Now) -> Result<Map<String, Value>, Refusal> {
        let token = Compact::read(token.expose())?;
        let header = &token.header;
        if !self.algorithms.allows(header.algorithm) {
            return Err(Refusal::because(
                Reason::TokenAlgorithmRefused,
                "`alg` is not listed for this issuer",
            ));
        }
        if let Some(typ) = header.typ.as_deref() {
            let short = typ.to_ascii_lowercase();
            let short = short.strip_prefix("application/").unwrap_or(&short);
            if !types.contains(&short) {
                return Err(Refusal::because(
                    Reason::TokenTypeWrong,
                    "`typ` is that of another kind of token",
                ));
            }
        }
        let in_hand = self.keys.key_for(header.kid.as_deref(), header.algorithm, now).await?;
        in_hand.key.verify(token.signing_input, &token.signature)?;
        json::check_token_part(&token.payload)?;
        let claims: Map<String, Value> =
            serde_json::from_slice(&token.payload).map_err(|_| malformed("the claims are no JSON object"))?;
        if text(&claims, "iss")? != Some(self.issuer.as_str()) {
            return Err(Refusal::because(Reason::TokenIssuerUnknown, "`iss` is another issuer"));
        }
        Ok(claims)
    }

    fn check_audience(&self, claims: &Map<String, Value>) -> Result<(), Refusal> {
        let is_for_us = match claims.get("aud") {
            Some(Value::String(audience)) => **audience == *self.client,
            Some(Value::Array(audiences)) => {
                audiences.iter().all(Value::is_string)
                    && audiences.iter().any(|audience| audience.as_str() == Some(&*self.client))
            }
            _ => false,
        };
        match is_for_us {
            true => Ok(()),
            false => Err(Refusal::because(Reason::TokenAudienceMismatch, "`aud` is not us")),
        }
    }

    /// OpenID Connect Core §3.1.3.7, numbers 4 and 5: of several audiences one has asked, and says so.
    fn check_party(&self, claims: &Map<String, Value>) -> Result<(), Refusal> {
        let several =
            claims.get("aud").and_then(Value::as_array).is_some_and(|audiences| audiences.len() > 1);
        match text(claims, "azp")? {
            Some(party) if *party == *self.client => Ok(()),
            None if !several => Ok(()),
            Some(_) => Err(Refusal::because(Reason::TokenAudienceMismatch, "`azp` is not us")),
            None => Err(Refusal::because(Reason::TokenAudienceMismatch, "several audiences and no `azp`")),
        }
    }

    fn check_issued(&self, claims: &Map<String, Value>, now: Timestamp) -> Result<(), Refusal> {
        let issued_at = moment(claims, "iat")?.ok_or_else(|| malformed("`iat` is missing"))?;
        if issued_at > now.plus(self.skew) {
            return Err(Refusal::because(Reason::TokenNotYetValid, "`iat` lies ahead"));
        }
        if now > issued_at.plus(FRESH).plus(self.skew) {
            return Err(Refusal::because(Reason::TokenExpired, "`iat` lies too far back"));
        }
        Ok(())
    }
}

fn text<'c>(claims: &'c Map<String, Value>, name: &str) -> Result<Option<&'c str>, Refusal> {
    match claims.get(name) {
        None => Ok(None),
        Some(Value::String(text)) if !text.is_empty() => Ok(Some(text)),
        Some(_) => Err(malformed(format!("`{name}` is no string with content"))),
    }
}

fn moment(claims: &Map<String, Value>, name: &str) -> Result<Option<Timestamp>, Refusal> {
    match claims.get(name).map(Value::as_u64) {
        None => Ok(None),
        Some(Some(seconds)) => Ok(Some(Timestamp::from_seconds(seconds))),
        Some(None) => Err(malformed(format!("`{name}` is no whole number of seconds"))),
    }
}

fn malformed(note: impl Into<std::borrow::Cow<'static, str>>) -> Refusal {
    Refusal::because(Reason::TokenClaimMalformed, note)
}
