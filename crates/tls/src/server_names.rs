//! Which certificate a client gets: the table from server names (SNI) to certificates.
//!
//! In: the certificates of a listener. Out: for a name, the certificate to present, or none, which means
//! that the handshake is refused (RFC 9325 §3.7: no fallback to a default for a name that we do not
//! serve). A client that sends no name gets the first certificate: RFC 6066 §3 forbids an address as a
//! name, so `https://127.0.0.1` arrives without one, and the client still checks what it gets.

use std::collections::HashMap;
use std::sync::Arc;

use rustls::SignatureScheme;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;

use crate::facts::Facts;

/// The table of one listener.
#[derive(Debug, Default)]
pub(crate) struct ServerNames {
    exact: HashMap<Box<str>, Vec<Arc<CertifiedKey>>>,
    /// `*.example.com` under `example.com`.
    wildcard: HashMap<Box<str>, Vec<Arc<CertifiedKey>>>,
    nameless: Vec<Arc<CertifiedKey>>,
}

impl ServerNames {
    /// Adds a certificate under all its names. The first one added is for clients that send none.
    pub(crate) fn add(&mut self, facts: &Facts, certified: &Arc<CertifiedKey>) {
        for name in &facts.dns_names {
            let (table, name) = match name.strip_prefix("*.") {
                Some(parent) => (&mut self.wildcard, parent),
                None => (&mut self.exact, name.as_str()),
            };
            table.entry(name.into()).or_default().push(Arc::clone(certified));
        }
        if self.nameless.is_empty() {
            self.nameless.push(Arc::clone(certified));
        }
    }

    /// Whether there is no certificate at all.
    pub(crate) fn is_empty(&self) -> bool {
        self.nameless.is_empty()
    }

    /// The certificates for a client that asks for `name`; empty if there is none. An exact name wins
    /// over a wildcard, and a wildcard stands for one label (RFC 9525 §6.3).
    pub(crate) fn candidates(&self, name: Option<&str>) -> &[Arc<CertifiedKey>] {
        let Some(name) = name else { return &self.nameless };
        self.exact
            .get(name)
            .or_else(|| name.split_once('.').and_then(|(_, parent)| self.wildcard.get(parent)))
            .map_or(&[], Vec::as_slice)
    }
}

impl ResolvesServerCert for ServerNames {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        choose(self.candidates(hello.server_name()), hello.signature_schemes())
    }
}

/// Of an RSA and an ECDSA certificate for one name, the first that the client can verify; the first at
/// all if it can verify none, so that rustls gives the exact alert.
fn choose(candidates: &[Arc<CertifiedKey>], schemes: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
    candidates
        .iter()
        .find(|certified| certified.key.choose_scheme(schemes).is_some())
        .or_else(|| candidates.first())
        .cloned()
}

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, KeyPair};

    use super::*;
    use crate::provider::provider;

    fn table(certificates: &[&[&str]]) -> ServerNames {
        let mut names = ServerNames::default();
        for subjects in certificates {
            let key = KeyPair::generate().unwrap();
            let subjects: Vec<String> = subjects.iter().map(ToString::to_string).collect();
            let certificate = CertificateParams::new(subjects).unwrap().self_signed(&key).unwrap();
            let chain = vec![certificate.der().clone()];
            let facts = Facts::read(certificate.der()).unwrap();
            let certified = CertifiedKey::from_der(chain, key.into(), &provider()).unwrap();
            names.add(&facts, &Arc::new(certified));
        }
        names
    }

    #[track_caller]
    fn check(table: &ServerNames, name: Option<&str>, expected: Option<&Arc<CertifiedKey>>) {
        let found = table.candidates(name).first();
        assert_eq!(found.map(Arc::as_ptr), expected.map(Arc::as_ptr), "{name:?}");
    }

    #[test]
    fn an_exact_name_wins_over_a_wildcard() {
        let table = table(&[&["*.shop.example"], &["api.shop.example"]]);
        let wildcard = &table.wildcard["shop.example"][0];
        let exact = &table.exact["api.shop.example"][0];
        check(&table, Some("api.shop.example"), Some(exact));
        check(&table, Some("www.shop.example"), Some(wildcard));
    }

    #[test]
    fn a_wildcard_stands_for_one_label() {
        let table = table(&[&["*.shop.example"]]);
        for unknown in ["shop.example", "a.b.shop.example", "shop.example.evil", "xshop.example"] {
            check(&table, Some(unknown), None);
        }
    }

    #[test]
    fn no_name_gets_the_first_certificate() {
        let table = table(&[&["one.example"], &["two.example"]]);
        check(&table, None, Some(&table.exact["one.example"][0]));
    }

    #[test]
    fn an_empty_table_serves_nobody() {
        let table = ServerNames::default();
        assert!(table.is_empty());
        check(&table, None, None);
        check(&table, Some("a.example"), None);
    }
}
