//! Answers to TLS-ALPN-01 challenges (RFC 8737).

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use rcgen::{CertificateParams, CustomExtension, KeyPair};
use rustls::ServerConfig;
use rustls::server::{ClientHello, NoServerSessionStorage, ResolvesServerCert};
use rustls::sign::{CertifiedKey, SingleCertAndKey};

use crate::config::MinimumVersion;
use crate::provider::provider;
use crate::server::versions;
use crate::surroundings::Surroundings;
use crate::wall_time::WallTime;

/// RFC 8737 §6.2.
const ACME_TLS: &[u8] = b"acme-tls/1";

/// The certificates that a validating authority may ask one listener for right now, by name. Empty nearly
/// always.
#[derive(Debug, Default)]
pub(crate) struct AlpnChallenges(Mutex<HashMap<String, Arc<CertifiedKey>>>);

impl AlpnChallenges {
    /// What to shake hands with if `hello` comes from a validating authority, and from one that we wait
    /// for: it offers this protocol and no other (RFC 8737 §3).
    pub(crate) fn config_for(
        &self,
        hello: &ClientHello<'_>,
        surroundings: &Surroundings,
    ) -> Option<Arc<ServerConfig>> {
        let mut offered = hello.alpn()?;
        if offered.next() != Some(ACME_TLS) || offered.next().is_some() {
            return None;
        }
        let name = hello.server_name()?;
        let certificate = self.0.lock().unwrap_or_else(PoisonError::into_inner).get(name).cloned()?;
        challenge_config(&certificate, surroundings).ok().map(Arc::new)
    }

    /// Puts the certificate for `name` in place, for as long as what comes back lives. `digest` is the
    /// SHA-256 of the key authorization.
    pub(crate) fn place(
        self: &Arc<Self>,
        name: &str,
        digest: &[u8],
    ) -> Result<PlacedChallenge, rcgen::Error> {
        let mut parameters = CertificateParams::new(vec![name.to_owned()])?;
        // RFC 8737 §3: critical, and the only thing that the authority looks at beside the name.
        parameters.custom_extensions = vec![CustomExtension::new_acme_identifier(digest)];
        let key = KeyPair::generate()?;
        let certificate = parameters.self_signed(&key)?;
        // Not `CertifiedKey::from_der`: it reads the certificate, and webpki refuses the critical extension.
        let key = provider()
            .key_provider
            .load_private_key(key.into())
            .map_err(|_| rcgen::Error::KeyGenerationUnavailable)?;
        let certified = CertifiedKey::new(vec![certificate.der().clone()], key);
        let mut challenges = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        challenges.insert(name.to_owned(), Arc::new(certified));
        Ok(PlacedChallenge { challenges: Arc::clone(self), name: name.to_owned() })
    }
}

fn challenge_config(
    certificate: &Arc<CertifiedKey>,
    surroundings: &Surroundings,
) -> Result<ServerConfig, rustls::Error> {
    let clock = Arc::new(WallTime(surroundings.clock.clone()));
    let resolver: Arc<dyn ResolvesServerCert> =
        Arc::new(SingleCertAndKey::from(CertifiedKey::clone(certificate)));
    let mut config = ServerConfig::builder_with_details(provider(), clock)
        .with_protocol_versions(versions(MinimumVersion::Tls12))?
        .with_no_client_auth()
        .with_cert_resolver(resolver);
    config.alpn_protocols = vec![ACME_TLS.to_vec()];
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.send_tls13_tickets = 0;
    Ok(config)
}

/// A challenge certificate in place; taken out when dropped.
pub(crate) struct PlacedChallenge {
    challenges: Arc<AlpnChallenges>,
    name: String,
}

impl Drop for PlacedChallenge {
    fn drop(&mut self) {
        self.challenges.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.name);
    }
}
