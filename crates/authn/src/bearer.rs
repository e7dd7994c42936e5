//! Where an access token may sit, and taking it out of there.
//!
//! In: the header fields and the query of a request. Out: the token and the proof that came with it,
//! and a head that no longer carries them, so that they can reach neither the upstream nor the record.
//! Called once per request, before [`Authenticator::identify`](crate::Authenticator::identify). Does not
//! judge the token: see [`crate::jws`], nor the proof: see [`crate::dpop`]. RFC 6750 §2, RFC 9449 §7.1. Tokens in a form body (§2.2) are never looked for; tokens in
//! the query (§2.3) are ignored on purpose, since URLs end up in logs.

use std::borrow::Cow;
use std::fmt;
use std::sync::OnceLock;

use aws_lc_rs::digest;
use http::header::{AUTHORIZATION, HeaderMap, HeaderName, HeaderValue};
use portcullis_domain::{Reason, Secret};

use crate::refusal::Refusal;

/// The field with the proof of possession (RFC 9449 §4.1).
pub const DPOP: HeaderName = HeaderName::from_static("dpop");
/// Longest token that is kept for a browser.
const KEPT_LIMIT: usize = 16 * 1024;
/// The query parameter of RFC 6750 §2.3.
const QUERY_PARAMETER: &[u8] = b"access_token";

/// An access token as it was presented, with the Bearer or the DPoP scheme: not judged yet.
///
/// Keeps the field value instead of copying it; never printed, and only [`AccessToken::expose`]
/// leads to the bytes. Invariant: a `b64token` (RFC 6750 §2.1) within the configured size.
#[derive(Clone)]
pub struct AccessToken {
    field: HeaderValue,
    start: usize,
    scheme: TokenScheme,
    digest: OnceLock<TokenDigest>,
}

/// With which scheme a token was presented.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenScheme {
    /// Whoever holds the token may use it (RFC 6750 §2.1).
    Bearer,
    /// Only whoever holds the key may use it (RFC 9449 §7.1).
    Dpop,
}

/// The proofs of possession that came with a request.
#[derive(Clone, Debug)]
pub enum Proofs {
    /// None.
    Absent,
    /// One, in its `DPoP` field.
    One(HeaderValue),
    /// Several fields, of which none counts (RFC 9449 §4.3).
    Several,
}

/// SHA-256 of a token: names it in caches and counters without being it.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct TokenDigest([u8; 32]);

/// What was found in a head.
#[derive(Debug)]
pub struct Taken {
    /// The token of the Authorization field, if there is one.
    pub token: Option<AccessToken>,
    /// What proves that the client holds the token's key.
    pub proofs: Proofs,
    /// Whether the query carries one as well.
    pub query: QueryToken,
}

/// Whether the query carries a token. It is never a credential; see [`without_query_token`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum QueryToken {
    /// It does not.
    Absent,
    /// It does, and the query must not be forwarded or recorded as it is.
    Ignored,
}

impl AccessToken {
    /// A token that we have kept for a browser; `None` if it is no `b64token`.
    pub(crate) fn kept(token: &Secret) -> Option<Self> {
        let field = HeaderValue::from_bytes(&[b"Bearer ".as_slice(), token.expose()].concat()).ok()?;
        read_field(field, KEPT_LIMIT).ok()
    }

    /// The field value as a client would send it.
    #[must_use]
    pub const fn field(&self) -> &HeaderValue {
        &self.field
    }

    /// The token itself. Never log, format or store what this returns.
    #[must_use]
    pub fn expose(&self) -> &[u8] {
        self.field.as_bytes().get(self.start..).unwrap_or_default()
    }

    /// With which scheme it came.
    #[must_use]
    pub const fn scheme(&self) -> TokenScheme {
        self.scheme
    }

    /// The token's digest, computed once.
    #[must_use]
    pub fn digest(&self) -> TokenDigest {
        *self.digest.get_or_init(|| TokenDigest::of(self.expose()))
    }
}

impl TokenDigest {
    /// The digest of anything that must not be known.
    pub(crate) fn of(token: &[u8]) -> Self {
        let mut bytes = [0; 32];
        bytes.copy_from_slice(digest::digest(&digest::SHA256, token).as_ref());
        Self(bytes)
    }

    /// The 32 bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

/// Takes the access token and its proofs out of `headers`. After this no Authorization field with an
/// access token and no `DPoP` field is left, whatever the answer is.
///
/// Other schemes are left alone: they carry no access token, and whether they may pass is decided
/// by whoever knows the operation.
///
/// # Errors
/// [`Reason::CredentialAmbiguous`] if there are several fields, a list in one field, or a second
/// token in the query: the upstream might believe the other. [`Reason::TokenTooLarge`] beyond
/// `limit` bytes. [`Reason::CredentialMalformed`] if what follows the scheme is no `b64token`.
pub(crate) fn take(headers: &mut HeaderMap, query: Option<&str>, limit: usize) -> Result<Taken, Refusal> {
    let query = query_token(query);
    let proofs = take_proofs(headers);
    if headers.get_all(AUTHORIZATION).iter().nth(1).is_some() {
        headers.remove(AUTHORIZATION);
        return Err(Refusal::because(Reason::CredentialAmbiguous, "more than one Authorization field"));
    }
    let is_token = headers.get(AUTHORIZATION).is_some_and(|field| scheme_of(field.as_bytes()).is_some());
    let Some(field) = is_token.then(|| headers.remove(AUTHORIZATION)).flatten() else {
        return Ok(Taken { token: None, proofs, query });
    };
    let token = read_field(field, limit)?;
    match query {
        QueryToken::Absent => Ok(Taken { token: Some(token), proofs, query }),
        QueryToken::Ignored => {
            Err(Refusal::because(Reason::CredentialAmbiguous, "a token in the header and one in the query"))
        }
    }
}

/// The query without its `access_token` parameters; the same text if there is none.
#[must_use]
pub fn without_query_token(query: &str) -> Cow<'_, str> {
    if query_token(Some(query)) == QueryToken::Absent {
        return Cow::Borrowed(query);
    }
    let mut kept = String::with_capacity(query.len());
    for piece in query.split_inclusive(['&', ';']).filter(|piece| !names_a_token(piece)) {
        kept.push_str(piece);
    }
    kept.truncate(kept.trim_end_matches(['&', ';']).len());
    Cow::Owned(kept)
}

fn read_field(mut field: HeaderValue, limit: usize) -> Result<AccessToken, Refusal> {
    field.set_sensitive(true);
    let bytes = field.as_bytes();
    let (scheme, after_scheme) = scheme_of(bytes).unwrap_or((TokenScheme::Bearer, bytes.len()));
    let spaces = bytes.iter().skip(after_scheme).take_while(|byte| **byte == b' ').count();
    let start = after_scheme + spaces;
    let token = bytes.get(start..).unwrap_or_default();
    // The bound comes before any look at the content (RFC 8725bis §3.13: parsing is cost too).
    if token.len() > limit {
        return Err(Refusal::because(Reason::TokenTooLarge, format!("more than {limit} bytes")));
    }
    if token.contains(&b',') {
        return Err(Refusal::because(Reason::CredentialAmbiguous, "a list in the Authorization field"));
    }
    if !is_b64token(token) {
        return Err(Refusal::because(Reason::CredentialMalformed, "no `b64token` after the scheme"));
    }
    Ok(AccessToken { field, start, scheme, digest: OnceLock::new() })
}

fn take_proofs(headers: &mut HeaderMap) -> Proofs {
    let mut fields = headers.get_all(DPOP).iter();
    let proofs = match (fields.next().cloned(), fields.next()) {
        (None, _) => return Proofs::Absent,
        (Some(mut proof), None) => {
            proof.set_sensitive(true);
            Proofs::One(proof)
        }
        (Some(_), Some(_)) => Proofs::Several,
    };
    headers.remove(DPOP);
    proofs
}

/// The scheme and where its name ends, if it is one for access tokens, in any case (RFC 9110 §11.1).
fn scheme_of(field: &[u8]) -> Option<(TokenScheme, usize)> {
    let end = field.iter().position(|byte| matches!(byte, b' ' | b'\t')).unwrap_or(field.len());
    let name = field.get(..end)?;
    if name.eq_ignore_ascii_case(b"bearer") {
        return Some((TokenScheme::Bearer, end));
    }
    name.eq_ignore_ascii_case(b"dpop").then_some((TokenScheme::Dpop, end))
}

/// RFC 6750 §2.1: `1*( ALPHA / DIGIT / "-" / "." / "_" / "~" / "+" / "/" ) *"="`.
fn is_b64token(token: &[u8]) -> bool {
    let body_length = token.iter().position(|byte| *byte == b'=').unwrap_or(token.len());
    let (body, padding) = token.split_at(body_length);
    !body.is_empty() && body.iter().all(|byte| is_body(*byte)) && padding.iter().all(|byte| *byte == b'=')
}

/// A `match`, which becomes a bit test: every byte of every token passes here, remembered or not.
const fn is_body(byte: u8) -> bool {
    matches!(byte, b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'+' | b'/')
}

fn query_token(query: Option<&str>) -> QueryToken {
    let found = query.is_some_and(|query| query.split(['&', ';']).any(names_a_token));
    if found { QueryToken::Ignored } else { QueryToken::Absent }
}

/// Whether a query piece is named `access_token`, however it is spelled: percent signs and case are
/// undone, because some upstreams undo them (HTTP frameworks differ in both).
fn names_a_token(piece: &str) -> bool {
    let name = piece.split(['=', '&', ';']).next().unwrap_or_default();
    let mut wanted = QUERY_PARAMETER.iter();
    let mut bytes = name.bytes();
    while let Some(byte) = bytes.next() {
        let decoded = if byte == b'%' {
            let digits =
                [bytes.next(), bytes.next()].map(|digit| char::from(digit.unwrap_or(0)).to_digit(16));
            let [Some(high), Some(low)] = digits else { return false };
            u8::try_from(high * 16 + low).unwrap_or(0)
        } else {
            byte
        };
        if wanted.next().is_none_or(|wanted| !wanted.eq_ignore_ascii_case(&decoded)) {
            return false;
        }
    }
    wanted.next().is_none()
}

impl fmt::Debug for AccessToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AccessToken(redacted)")
    }
}

impl fmt::Debug for TokenDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TokenDigest(..)")
    }
}
