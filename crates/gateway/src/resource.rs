//! An API as an OAuth protected resource: what it tells clients about itself (RFC 9728).
//!
//! In: the API's mount and what its operations accept, when the policy is compiled; the origin that a
//! client asked. Out: the metadata document, and the address under which it is, for challenges (RFC 9728
//! §5.1). The document is about the address that was asked: a client must refuse any other (§3.3).

use std::collections::BTreeSet;

use bytes::Bytes;
use portcullis_contract::{Contract, Security};
use portcullis_domain::{Denial, Scheme};
use serde_json::{Map, Value, json};

use portcullis_authn::{Authenticator, ExternalUrl, UrlScheme};

/// RFC 9728 §3.1; the path of the resource follows.
const WELL_KNOWN: &str = "/.well-known/oauth-protected-resource";

/// What is published about one API.
#[derive(Debug)]
pub(crate) struct ProtectedResource {
    /// Without a final slash; empty for the root.
    mount: String,
    members: Map<String, Value>,
}

impl ProtectedResource {
    /// The resource of an API; `None` if no operation accepts an access token.
    pub(crate) fn new(
        name: &str,
        mount: &str,
        contract: &Contract,
        authenticator: &Authenticator,
    ) -> Option<Self> {
        let mut issuers = BTreeSet::new();
        let mut scopes = BTreeSet::new();
        for operation in contract.operations() {
            let Security::AnyOf(alternatives) = &operation.security else { continue };
            for wanted in alternatives.iter().flat_map(|all_of| &all_of.0) {
                let Some(issuer) = authenticator.issuer_of(&wanted.scheme) else { continue };
                issuers.insert(issuer.to_owned());
                scopes.extend(wanted.scopes.iter().map(str::to_owned));
            }
        }
        if issuers.is_empty() {
            return None;
        }
        let algorithms: Vec<_> = authenticator.proof_algorithms().collect();
        let Value::Object(mut members) = json!({
            "resource_name": name,
            "authorization_servers": issuers,
            "bearer_methods_supported": ["header"],
            "tls_client_certificate_bound_access_tokens": true,
            "dpop_signing_alg_values_supported": algorithms,
        }) else {
            return None;
        };
        if !scopes.is_empty() {
            members.insert("scopes_supported".into(), json!(scopes));
        }
        Some(Self { mount: mount.trim_end_matches('/').to_owned(), members })
    }

    /// Whether `path` is where this resource's metadata are.
    pub(crate) fn is_described_at(&self, path: &str) -> bool {
        path.strip_prefix(WELL_KNOWN) == Some(&self.mount)
    }

    /// The document for a client that asked this origin.
    pub(crate) fn document(&self, origin: &str) -> Bytes {
        let mut members = Map::new();
        members.insert("resource".into(), format!("{origin}{}", self.mount).into());
        members.extend(self.members.clone());
        // An object of texts and lists always serializes.
        Bytes::from(serde_json::to_vec(&members).unwrap_or_default())
    }

    /// The refusal, with the place of the metadata in each challenge for a token.
    pub(crate) fn name_in(&self, denial: Denial, origin: &str) -> Denial {
        let address = format!("{origin}{WELL_KNOWN}{}", self.mount);
        denial.with_challenge_parameter(&[Scheme::Bearer, Scheme::Dpop], "resource_metadata", &address)
    }
}

/// Scheme, host and port.
pub(crate) fn origin(url: &ExternalUrl<'_>) -> String {
    let scheme = match url.scheme {
        UrlScheme::Http => "http",
        UrlScheme::Https => "https",
    };
    match url.port {
        Some(port) => format!("{scheme}://{}:{port}", url.host),
        None => format!("{scheme}://{}", url.host),
    }
}
