//! The cryptography of every handshake, chosen by name.
//!
//! In: nothing. Out: the provider that all configurations of this crate carry. Suites and groups are
//! Mozilla's guideline 6.0, "intermediate" (TLS 1.3 part equal to "modern"), which also satisfies
//! RFC 9325 §4.2: forward secrecy and AEAD only. A process-wide default is never consulted.

use std::sync::Arc;

use rustls::SupportedCipherSuite;
use rustls::crypto::aws_lc_rs::{self as backend, cipher_suite, kx_group};
use rustls::crypto::{CryptoProvider, SupportedKxGroup};

/// Everything we speak: the nine suites, and the four groups with the post-quantum hybrid first.
#[must_use]
pub fn provider() -> Arc<CryptoProvider> {
    Arc::new(with_groups(vec![
        kx_group::X25519MLKEM768,
        kx_group::X25519,
        kx_group::SECP256R1,
        kx_group::SECP384R1,
    ]))
}

/// The same suites with the hybrid group alone, for clients that list it.
///
/// A server of rustls takes the first common group in the *client's* order; only a server that knows no
/// other group makes sure that a capable client ends up with the one that a recorded session cannot be
/// opened with later (TLS-03).
pub(crate) fn hybrid_provider() -> Arc<CryptoProvider> {
    Arc::new(with_groups(vec![kx_group::X25519MLKEM768]))
}

/// Makes our provider the default of the process, for libraries that look for one. Call it first in
/// `main`; later calls change nothing.
pub fn install_provider() {
    // The only error is "there is one already", which is the state that was asked for.
    let _already_there = with_groups(provider().kx_groups.clone()).install_default();
}

fn with_groups(kx_groups: Vec<&'static dyn SupportedKxGroup>) -> CryptoProvider {
    CryptoProvider { cipher_suites: suites(), kx_groups, ..backend::default_provider() }
}

fn suites() -> Vec<SupportedCipherSuite> {
    vec![
        cipher_suite::TLS13_AES_128_GCM_SHA256,
        cipher_suite::TLS13_AES_256_GCM_SHA384,
        cipher_suite::TLS13_CHACHA20_POLY1305_SHA256,
        cipher_suite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
        cipher_suite::TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
        cipher_suite::TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,
        cipher_suite::TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
        cipher_suite::TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256,
        cipher_suite::TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
    ]
}

#[cfg(test)]
mod tests {
    use rustls::NamedGroup;

    use super::*;

    // The names of `intermediate` in https://ssl-config.mozilla.org/guidelines/6.0.json, as rustls
    // spells them.
    const MOZILLA_SUITES: [&str; 9] = [
        "TLS13_AES_128_GCM_SHA256",
        "TLS13_AES_256_GCM_SHA384",
        "TLS13_CHACHA20_POLY1305_SHA256",
        "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256",
        "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256",
        "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384",
        "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384",
        "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256",
        "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256",
    ];

    #[test]
    fn the_suites_are_those_of_mozilla_and_no_others() {
        let names: Vec<String> =
            provider().cipher_suites.iter().map(|suite| format!("{:?}", suite.suite())).collect();
        assert_eq!(names, MOZILLA_SUITES);
    }

    #[test]
    fn the_groups_are_those_of_mozilla_in_that_order() {
        let groups: Vec<NamedGroup> = provider().kx_groups.iter().map(|group| group.name()).collect();
        assert_eq!(
            groups,
            [NamedGroup::X25519MLKEM768, NamedGroup::X25519, NamedGroup::secp256r1, NamedGroup::secp384r1]
        );
    }

    #[test]
    fn no_signature_with_sha1_is_believed() {
        for scheme in provider().signature_verification_algorithms.supported_schemes() {
            assert!(!format!("{scheme:?}").contains("SHA1"), "{scheme:?}");
        }
    }
}
