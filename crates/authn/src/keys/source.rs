//! Where the keys of an issuer come from, and finding that out from the issuer's own metadata.
//!
//! In: a configured address, or only the issuer. Out: the bytes of a JWK Set. Called by
//! [`super::ring`] for each renewal. OpenID Connect Discovery 1.0 §4, RFC 8414 §3. RFC 8414 §3.3:
//! metadata that names another issuer is not this issuer's, and nothing in it is used.

use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use portcullis_domain::Issuer;
use serde::Deserialize;
use thiserror::Error;
use url::{Host, Url};

use super::set::KeySetFault;
use crate::fetch::{Fetch, FetchBounds, FetchError, Reach};
use crate::json;

/// Where a set is fetched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum KeySource {
    /// At a configured address.
    Address(Url),
    /// Where the issuer's metadata says; the documents are tried in this order.
    Metadata { issuer: Issuer, documents: [Url; 2] },
}

/// Why a renewal brought no keys.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub(crate) enum RenewalFault {
    #[error("{0}")]
    Fetch(#[from] FetchError),
    #[error("the answer has status {0}")]
    Status(u16),
    #[error("the metadata is no unambiguous JSON with `issuer` and `jwks_uri`")]
    MetadataMalformed,
    #[error("the metadata names another issuer; nothing of it is used (RFC 8414 §3.3)")]
    MetadataOfAnotherIssuer,
    #[error("`jwks_uri` of the metadata {0}")]
    AddressRefused(AddressFault),
    #[error("the key set is not used: {0}")]
    Set(#[from] KeySetFault),
    #[error("the key set has no usable key")]
    NoUsableKey,
    #[error("the renewal was broken off")]
    BrokenOff,
}

/// Why an address is not fetched from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub(crate) enum AddressFault {
    #[error("is no absolute URL")]
    NotAUrl,
    #[error("is not https")]
    NotHttps,
    #[error("carries a user name, password or fragment")]
    TooMuch,
}

#[derive(Deserialize)]
struct Metadata {
    issuer: String,
    jwks_uri: String,
}

impl KeySource {
    /// The source of an issuer that is configured by its identifier alone.
    pub(crate) fn metadata_of(issuer: &str, reach: Reach) -> Result<Self, AddressFault> {
        let base = checked_address(issuer, reach)?;
        if base.query().is_some() {
            return Err(AddressFault::TooMuch); // RFC 8414 §2
        }
        let path = base.path().trim_end_matches('/');
        let at = |path: String| {
            let mut url = base.clone();
            url.set_path(&path);
            url
        };
        Ok(Self::Metadata {
            issuer: Issuer::from(issuer),
            documents: [
                at(format!("{path}/.well-known/openid-configuration")),
                at(format!("/.well-known/oauth-authorization-server{path}")),
            ],
        })
    }
}

/// A source and the place where metadata last said the keys are.
#[derive(Debug)]
pub(super) struct Locator {
    source: KeySource,
    located: Mutex<Option<Arc<Url>>>,
}

impl Locator {
    pub(super) fn new(source: KeySource) -> Self {
        Self { source, located: Mutex::new(None) }
    }

    /// Fetches the set. Metadata is read once and again after a failure, so that a renewal is one
    /// fetch.
    pub(super) async fn fetch_set(
        &self,
        fetch: &dyn Fetch,
        bounds: FetchBounds,
    ) -> Result<Bytes, RenewalFault> {
        match &self.source {
            KeySource::Address(url) => get(fetch, url, bounds).await,
            KeySource::Metadata { issuer, documents } => {
                let url = match self.remembered() {
                    Some(url) => url,
                    None => Arc::new(locate(fetch, issuer, documents, bounds).await?),
                };
                let set = get(fetch, &url, bounds).await;
                self.remember(set.is_ok().then_some(url));
                set
            }
        }
    }

    fn remembered(&self) -> Option<Arc<Url>> {
        self.located.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn remember(&self, url: Option<Arc<Url>>) {
        *self.located.lock().unwrap_or_else(PoisonError::into_inner) = url;
    }
}

/// Asks the issuer where its keys are.
async fn locate(
    fetch: &dyn Fetch,
    issuer: &Issuer,
    documents: &[Url; 2],
    bounds: FetchBounds,
) -> Result<Url, RenewalFault> {
    let [openid, oauth] = documents;
    let document = match get(fetch, openid, bounds).await {
        // The issuer is there and has no such document: it may be a plain OAuth server.
        Err(RenewalFault::Status(404)) => get(fetch, oauth, bounds).await?,
        answer => answer?,
    };
    json::check(&document).map_err(|_| RenewalFault::MetadataMalformed)?;
    let metadata: Metadata =
        serde_json::from_slice(&document).map_err(|_| RenewalFault::MetadataMalformed)?;
    if metadata.issuer != issuer.as_str() {
        return Err(RenewalFault::MetadataOfAnotherIssuer);
    }
    checked_address(&metadata.jwks_uri, bounds.reach).map_err(RenewalFault::AddressRefused)
}

async fn get(fetch: &dyn Fetch, url: &Url, bounds: FetchBounds) -> Result<Bytes, RenewalFault> {
    let answer = fetch.get(url, bounds).await?;
    if answer.status != 200 {
        return Err(RenewalFault::Status(answer.status));
    }
    if answer.body.len() > bounds.body {
        return Err(FetchError::TooLarge.into());
    }
    Ok(answer.body)
}

/// An address that may be fetched from: https, or http to this machine where private addresses are
/// allowed.
pub(crate) fn checked_address(text: &str, reach: Reach) -> Result<Url, AddressFault> {
    let url = Url::parse(text).map_err(|_| AddressFault::NotAUrl)?;
    if !url.has_host() {
        return Err(AddressFault::NotAUrl);
    }
    if !url.username().is_empty() || url.password().is_some() || url.fragment().is_some() {
        return Err(AddressFault::TooMuch);
    }
    match (url.scheme(), reach) {
        ("https", _) => Ok(url),
        ("http", Reach::PrivateToo) if is_loopback(&url) => Ok(url),
        _ => Err(AddressFault::NotHttps),
    }
}

/// Whether the host is this machine by address; a name could resolve to anything.
fn is_loopback(url: &Url) -> bool {
    let address: Option<IpAddr> = match url.host() {
        Some(Host::Ipv4(address)) => Some(address.into()),
        Some(Host::Ipv6(address)) => Some(address.into()),
        Some(Host::Domain(_)) | None => None,
    };
    address.is_some_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check_documents(issuer: &str, expected: [&str; 2]) {
        let KeySource::Metadata { documents, .. } =
            KeySource::metadata_of(issuer, Reach::PublicOnly).unwrap()
        else {
            panic!("metadata")
        };
        assert_eq!(documents.map(String::from), expected.map(String::from));
    }

    #[test]
    fn metadata_is_looked_for_where_both_standards_put_it() {
        check_documents(
            "https://id.example.com",
            [
                "https://id.example.com/.well-known/openid-configuration",
                "https://id.example.com/.well-known/oauth-authorization-server",
            ],
        );
        check_documents(
            "https://id.example.com/tenants/1/",
            [
                "https://id.example.com/tenants/1/.well-known/openid-configuration",
                "https://id.example.com/.well-known/oauth-authorization-server/tenants/1",
            ],
        );
    }

    #[track_caller]
    fn check_address(text: &str, reach: Reach, expected: Result<(), AddressFault>) {
        assert_eq!(checked_address(text, reach).map(|_| ()), expected, "{text}");
    }

    #[test]
    fn only_https_is_fetched_from() {
        use AddressFault::{NotAUrl, NotHttps, TooMuch};
        use Reach::{PrivateToo, PublicOnly};
        check_address("https://id.example.com/jwks", PublicOnly, Ok(()));
        check_address("http://id.example.com/jwks", PublicOnly, Err(NotHttps));
        check_address("http://id.example.com/jwks", PrivateToo, Err(NotHttps));
        check_address("http://127.0.0.1:9/jwks", PublicOnly, Err(NotHttps));
        check_address("http://127.0.0.1:9/jwks", PrivateToo, Ok(()));
        check_address("http://[::1]:9/jwks", PrivateToo, Ok(()));
        check_address("http://localhost/jwks", PrivateToo, Err(NotHttps));
        check_address("file:///etc/passwd", PrivateToo, Err(NotAUrl));
        check_address("https://user:pass@id.example.com/", PublicOnly, Err(TooMuch));
        check_address("https://id.example.com/#keys", PublicOnly, Err(TooMuch));
        check_address("jwks.json", PublicOnly, Err(NotAUrl));
    }
}
