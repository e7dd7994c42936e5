//! Where a key may sit, and taking it out of there: one header of the document's choosing.
//!
//! Never the query, which ends up in logs, and never a cookie, which browsers send without being asked; the
//! gateway refuses documents that declare those. Every header that any operation of the API declares is taken
//! from every request, so that no key reaches the upstream by way of an operation that does not ask for one.

use std::fmt;
use std::sync::{Arc, OnceLock};

use aws_lc_rs::digest;
use http::header::{AUTHORIZATION, COOKIE, HOST, HeaderMap, HeaderName, HeaderValue, PROXY_AUTHORIZATION};
use portcullis_domain::{Challenge, Denial, Reason, Scheme};

use crate::refusal::Refusal;

/// The headers of an API in which keys are sent.
#[derive(Clone, Debug, Default)]
pub struct KeyHeaders(Box<[HeaderName]>);

/// The schemes of an operation that keys can satisfy.
#[derive(Clone, Debug)]
pub struct AcceptedKeys {
    /// Header and scheme.
    schemes: Box<[(HeaderName, Arc<str>)]>,
    realm: Arc<str>,
}

/// A key as it was shown: not judged yet, and never printed.
pub struct ShownKey {
    header: HeaderName,
    value: HeaderValue,
    digest: OnceLock<[u8; 32]>,
}

impl KeyHeaders {
    /// Whether keys may be sent in a header of this name: one of its own, that carries nothing else.
    #[must_use]
    pub fn is_fit(name: &HeaderName) -> bool {
        let others = [AUTHORIZATION, PROXY_AUTHORIZATION, COOKIE, HOST, crate::bearer::DPOP];
        !others.contains(name)
    }

    /// These headers.
    #[must_use]
    pub fn new(names: impl IntoIterator<Item = HeaderName>) -> Self {
        let mut names: Vec<HeaderName> = names.into_iter().collect();
        names.sort_by(|one, other| one.as_str().cmp(other.as_str()));
        names.dedup();
        Self(names.into())
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether any of them is in `headers`.
    #[must_use]
    pub fn are_in(&self, headers: &HeaderMap) -> bool {
        self.0.iter().any(|name| headers.contains_key(name))
    }

    /// Takes the key out of `headers`. Afterwards none of these headers is left, whatever the answer is.
    ///
    /// # Errors
    /// [`Reason::CredentialAmbiguous`] if there are several: the upstream might believe the other.
    pub fn take(&self, headers: &mut HeaderMap) -> Result<Option<ShownKey>, Denial> {
        let mut found = None;
        let mut count = 0usize;
        for name in &self.0 {
            count += headers.get_all(name).iter().count();
            if let Some(mut value) = headers.remove(name) {
                value.set_sensitive(true);
                found = Some(ShownKey { header: name.clone(), value, digest: OnceLock::new() });
            }
        }
        match (found, count) {
            (found, 0 | 1) => Ok(found),
            (_, _) => Err(Denial::new(Reason::CredentialAmbiguous).with_note("more than one API key")),
        }
    }
}

impl ShownKey {
    /// The key itself. Never log, format or store what this returns.
    #[must_use]
    pub fn expose(&self) -> &[u8] {
        self.value.as_bytes()
    }

    /// SHA-256 of the key: names it in counters without being it.
    #[must_use]
    pub fn digest(&self) -> &[u8; 32] {
        self.digest.get_or_init(|| {
            let mut bytes = [0; 32];
            bytes.copy_from_slice(digest::digest(&digest::SHA256, self.expose()).as_ref());
            bytes
        })
    }
}

impl fmt::Debug for ShownKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ShownKey(redacted)")
    }
}

impl AcceptedKeys {
    /// These schemes, each with its header, and the realm that challenges name; `None` for none.
    #[must_use]
    pub fn new(schemes: Vec<(HeaderName, Arc<str>)>, realm: &Arc<str>) -> Option<Self> {
        (!schemes.is_empty()).then(|| Self { schemes: schemes.into(), realm: Arc::clone(realm) })
    }

    /// The headers in which keys are accepted.
    pub fn headers(&self) -> impl Iterator<Item = HeaderName> {
        self.schemes.iter().map(|(header, _)| header.clone())
    }

    /// The scheme that `shown` can satisfy here.
    pub(crate) fn scheme_of(&self, shown: &ShownKey) -> Option<&Arc<str>> {
        self.schemes.iter().find(|(header, _)| *header == shown.header).map(|(_, scheme)| scheme)
    }

    /// How a client is asked for a key. No registered scheme stands for it; the header's name is what a
    /// client needs to know (RFC 9110 §11.6.1).
    #[must_use]
    pub fn challenge(&self) -> Challenge {
        let challenge = Challenge::new(Scheme::ApiKey).with("realm", self.realm.to_string());
        match self.schemes.first() {
            Some((header, _)) => challenge.with("header", header.as_str().to_owned()),
            None => challenge,
        }
    }

    /// No key where one is needed.
    #[must_use]
    pub fn missing(&self) -> Denial {
        Denial::new(Reason::CredentialMissing).with_challenge(self.challenge())
    }

    /// A key that is not believed. All get the same words.
    pub(crate) fn refuse(&self, refusal: Refusal) -> Denial {
        let mut denial = Denial::new(refusal.reason());
        if refusal.reason().status() == 401 {
            denial = denial.with_challenge(self.challenge().with("error", "invalid_key"));
        }
        if let Some(wait) = refusal.wait() {
            denial = denial.with_retry_after(wait);
        }
        match refusal.into_note() {
            Some(note) => denial.with_note(note),
            None => denial,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: HeaderName = HeaderName::from_static("x-api-key");
    const OTHER: HeaderName = HeaderName::from_static("x-partner-key");

    fn headers(lines: &[(HeaderName, &str)]) -> HeaderMap {
        lines.iter().map(|(name, value)| (name.clone(), HeaderValue::from_str(value).unwrap())).collect()
    }

    #[test]
    fn a_key_is_taken_and_nothing_of_it_stays() {
        let mut head = headers(&[(KEY, "k"), (HOST, "h")]);
        let shown = KeyHeaders::new([KEY, OTHER, KEY]).take(&mut head).unwrap().unwrap();
        assert_eq!(shown.expose(), b"k");
        assert_eq!(head.len(), 1);
        assert!(!format!("{shown:?}").contains('k') || format!("{shown:?}") == "ShownKey(redacted)");
    }

    #[test]
    fn two_keys_are_one_too_many_wherever_they_are() {
        for lines in [&[(KEY, "k"), (KEY, "k")], &[(KEY, "k"), (OTHER, "k")]] {
            let mut head = headers(lines);
            let denial = KeyHeaders::new([KEY, OTHER]).take(&mut head).unwrap_err();
            assert_eq!(denial.reason(), Reason::CredentialAmbiguous);
            assert!(head.is_empty());
        }
    }

    #[test]
    fn headers_that_carry_something_else_are_not_fit() {
        assert!(KeyHeaders::is_fit(&KEY));
        assert!(!KeyHeaders::is_fit(&AUTHORIZATION) && !KeyHeaders::is_fit(&COOKIE));
    }
}
