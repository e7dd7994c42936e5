//! The authorities that the public trusts, and which names concern the public.
//!
//! In: the certificate store of the operating system, read at most once. Out: roots for connections that
//! we make, and a verdict on whether browsers would believe a chain of ours (TLS-04).

use std::fmt;
use std::sync::{Arc, OnceLock};

use portcullis_domain::Timestamp;
use rustls::RootCertStore;
use rustls::client::WebPkiServerVerifier;
use rustls_pki_types::{CertificateDer, ServerName};

use crate::provider::provider;
use crate::wall_time::unix_time;

/// The publicly trusted authorities. Cheap to clone; read from the system when first asked for.
#[derive(Clone, Default)]
pub struct PublicRoots(Arc<OnceLock<Arc<RootCertStore>>>);

impl PublicRoots {
    /// Those of the operating system.
    #[must_use]
    pub fn system() -> Self {
        Self::default()
    }

    /// These instead, for tests and for machines without a store.
    #[must_use]
    pub fn fixed(roots: RootCertStore) -> Self {
        let cell = OnceLock::new();
        // A fresh cell takes its first value.
        let _set = cell.set(Arc::new(roots));
        Self(Arc::new(cell))
    }

    /// The authorities; empty where the system has none.
    #[must_use]
    pub fn load(&self) -> Arc<RootCertStore> {
        Arc::clone(self.0.get_or_init(|| {
            let mut roots = RootCertStore::empty();
            // Single entries that cannot be read are common and harmless; an empty store is diagnosed
            // where it is needed.
            roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
            Arc::new(roots)
        }))
    }
}

impl fmt::Debug for PublicRoots {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PublicRoots")
    }
}

/// Whether a client that trusts `roots` would accept `chain` for `name` at `now`.
pub(crate) fn believes(
    roots: &Arc<RootCertStore>,
    chain: &[CertificateDer<'_>],
    name: &str,
    now: Timestamp,
) -> bool {
    let (Some((leaf, intermediates)), Ok(name)) = (chain.split_first(), ServerName::try_from(name)) else {
        return false;
    };
    // A wildcard is no server name; any name below it will do for the question asked here.
    let Ok(verifier) = WebPkiServerVerifier::builder_with_provider(Arc::clone(roots), provider()).build()
    else {
        return false;
    };
    rustls::client::danger::ServerCertVerifier::verify_server_cert(
        &*verifier,
        leaf,
        intermediates,
        &name,
        &[],
        unix_time(now),
    )
    .is_ok()
}

/// Top-level names that no public authority issues for (RFC 2606, RFC 6761, RFC 6762, RFC 8375, and the
/// names that ICANN withholds for private use).
const PRIVATE_TOP_LEVEL: [&str; 13] = [
    "localhost",
    "local",
    "internal",
    "intranet",
    "private",
    "corp",
    "home",
    "lan",
    "arpa",
    "test",
    "example",
    "invalid",
    "onion",
];

/// Names for documentation, whose public certificates nobody has (RFC 2606 §3).
const DOCUMENTATION: [&str; 3] = ["example.com", "example.net", "example.org"];

/// Whether `name` looks like one that strangers visit.
pub(crate) fn is_public_name(name: &str) -> bool {
    let name = name.strip_prefix("*.").unwrap_or(name);
    let Some((_, top)) = name.rsplit_once('.') else { return false };
    let documents = DOCUMENTATION.iter().any(|reserved| {
        name.strip_suffix(reserved).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
    });
    !PRIVATE_TOP_LEVEL.contains(&top) && !documents
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn public_names_are_told_from_private_ones() {
        for public in ["shop.io", "api.shop.co.uk", "*.shop.io", "notexample.com"] {
            assert!(is_public_name(public), "{public}");
        }
        for private in
            ["localhost", "db", "a.internal", "printer.local", "x.home.arpa", "api.example.com", "*.test"]
        {
            assert!(!is_public_name(private), "{private}");
        }
    }
}
