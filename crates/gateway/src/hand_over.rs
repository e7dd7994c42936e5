//! Telling an upstream who is calling, in fields that only the gateway may write (GW-05, AUTHN-38).
//!
//! In: the API's [`HandOver`], compiled once, and an authenticated principal. Out: header fields. Called by
//! [`crate::outgoing`] after every client copy of these fields has been removed. Values are encoded so that
//! no claim can end a field or begin another (JWT-14).

use std::sync::Arc;

use http::{HeaderMap, HeaderName, HeaderValue};
use portcullis_authn::internal_token::{Addressee, InternalTokens};
use portcullis_domain::{Now, Principal};
use serde_json::Value;

use crate::arrival::RECEIPT;

/// The field with a token of our own.
pub(crate) const TOKEN: HeaderName = HeaderName::from_static("x-auth-token");
/// What is said unless the operator says otherwise.
const USUAL: [(HeaderName, Said); 5] = [
    (HeaderName::from_static("x-auth-subject"), Said::Subject),
    (HeaderName::from_static("x-auth-issuer"), Said::Issuer),
    (HeaderName::from_static("x-auth-client"), Said::Client),
    (HeaderName::from_static("x-auth-scopes"), Said::Scopes),
    (HeaderName::from_static("x-auth-roles"), Said::Roles),
];

/// What is told to one upstream.
pub(crate) struct HandOver {
    fields: Box<[(HeaderName, Said)]>,
    token: Option<(Arc<InternalTokens>, Addressee)>,
    /// What only the gateway may say.
    asserted: Box<[HeaderName]>,
}

/// What a field says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Said {
    Subject,
    Issuer,
    Client,
    Scopes,
    Roles,
    /// A JSON pointer into the claims.
    Claim(String),
}

impl HandOver {
    /// Says `fields`, or what is usual, and sends a token of ours if there is an addressee. The usual names
    /// are never a client's to send, whether they are used or not.
    pub(crate) fn new(
        fields: Option<Vec<(HeaderName, Said)>>,
        token: Option<(Arc<InternalTokens>, Addressee)>,
    ) -> Self {
        let fields: Box<[_]> = fields.map_or_else(|| USUAL.into(), Vec::into_boxed_slice);
        let mut asserted = vec![RECEIPT, TOKEN];
        asserted.extend(USUAL.iter().chain(&fields).map(|(name, _)| name.clone()));
        asserted.sort_by(|left, right| left.as_str().cmp(right.as_str()));
        asserted.dedup();
        Self { fields, token, asserted: asserted.into() }
    }

    /// The names that no client may send.
    pub(crate) fn asserted(&self) -> &[HeaderName] {
        &self.asserted
    }

    /// Says who is calling.
    pub(crate) fn introduce(&self, headers: &mut HeaderMap, principal: &Principal, now: Now) {
        for (name, said) in &self.fields {
            if let Some(value) = said.of(principal) {
                headers.insert(name, value);
            }
        }
        if let Some((tokens, addressee)) = &self.token
            && let Some(token) = tokens.token_for(principal, addressee, now)
        {
            headers.insert(TOKEN, token);
        }
    }
}

impl Said {
    /// The word of the configuration: a name, or a JSON pointer (RFC 6901).
    pub(crate) fn from_name(name: &str) -> Option<Self> {
        match name {
            "subject" => Some(Self::Subject),
            "issuer" => Some(Self::Issuer),
            "client" => Some(Self::Client),
            "scopes" => Some(Self::Scopes),
            "roles" => Some(Self::Roles),
            pointer => pointer.starts_with('/').then(|| Self::Claim(pointer.to_owned())),
        }
    }

    fn of(&self, principal: &Principal) -> Option<HeaderValue> {
        match self {
            Self::Subject => Some(text_value(principal.subject.as_str())),
            Self::Issuer => Some(text_value(principal.issuer.as_str())),
            Self::Client => principal.client.as_deref().map(text_value),
            Self::Scopes => (!principal.scopes.is_empty()).then(|| text_value(&principal.scopes.to_string())),
            Self::Roles => (!principal.roles.is_empty()).then(|| text_value(&principal.roles.to_string())),
            Self::Claim(pointer) => claim(principal, pointer),
        }
    }
}

/// A text as it is; anything else as JSON. Absent and `null` say nothing.
fn claim(principal: &Principal, pointer: &str) -> Option<HeaderValue> {
    let mut tokens = pointer.split('/').skip(1).map(|token| token.replace("~1", "/").replace("~0", "~"));
    let first = principal.claims.get(&tokens.next()?)?;
    let found = tokens.try_fold(first, |value, token| match value {
        Value::Object(members) => members.get(&token),
        Value::Array(items) => items.get(token.parse::<usize>().ok()?),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => None,
    })?;
    match found {
        Value::Null => None,
        Value::String(text) => Some(text_value(text)),
        other => Some(text_value(&other.to_string())),
    }
}

/// `text` as a field value; bytes that are not visible ASCII, and the percent sign, are percent-encoded.
pub(crate) fn text_value(text: &str) -> HeaderValue {
    let is_plain = |byte: u8| matches!(byte, b' '..=b'~') && byte != b'%';
    if text.bytes().all(is_plain)
        && let Ok(value) = HeaderValue::from_str(text)
    {
        return value;
    }
    let encoded = percent_encoding::utf8_percent_encode(text, NOT_IN_FIELDS).to_string();
    HeaderValue::from_str(&encoded).unwrap_or_else(|_| HeaderValue::from_static(""))
}

const NOT_IN_FIELDS: &percent_encoding::AsciiSet = &percent_encoding::CONTROLS.add(b'%');

#[cfg(test)]
mod tests {
    use super::*;

    // proves: JWT-14
    #[test]
    fn a_claim_cannot_end_a_header_line() {
        assert_eq!(text_value("alice\r\nx-auth-roles: admin"), "alice%0D%0Ax-auth-roles: admin");
        assert_eq!(text_value("100%"), "100%25");
        assert_eq!(text_value("alice@example.com"), "alice@example.com");
    }
}
