//! A client certificate that was believed, and how it is handed on.
//!
//! In: the verified chain of a connection. Out: names for identification, the thumbprint that binds
//! tokens (RFC 8705 §3.1), and the header field values of RFC 9440. Only the listener makes one, after
//! [`crate::client_verifier`] accepted the chain. Removing fields that the client forged is `message`'s.

use std::fmt;
use std::sync::OnceLock;

use aws_lc_rs::digest::{SHA256, digest};
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD, Engine};
use rustls_pki_types::CertificateDer;

use crate::facts::{Facts, NotACertificate};

/// The certificate of the client at the other end of a connection.
///
/// Invariant: the chain was verified against the listener's authorities when the connection was made.
pub struct ClientCertificate {
    chain: Vec<CertificateDer<'static>>,
    facts: Facts,
    thumbprint: [u8; 32],
    fields: OnceLock<Fields>,
}

struct Fields {
    certificate: String,
    chain: Option<String>,
}

impl ClientCertificate {
    /// Takes over a verified chain, the client's own certificate first; `None` for an empty one.
    pub(crate) fn from_verified(chain: &[CertificateDer<'static>]) -> Result<Option<Self>, NotACertificate> {
        let Some(leaf) = chain.first() else { return Ok(None) };
        let facts = Facts::read(leaf)?;
        let mut thumbprint = [0; 32];
        thumbprint.copy_from_slice(digest(&SHA256, leaf).as_ref());
        Ok(Some(Self { chain: chain.to_vec(), facts, thumbprint, fields: OnceLock::new() }))
    }

    /// What it says about its holder.
    #[must_use]
    pub fn facts(&self) -> &Facts {
        &self.facts
    }

    /// The certificate and its intermediates, in DER, as the client sent them.
    #[must_use]
    pub fn chain(&self) -> &[CertificateDer<'static>] {
        &self.chain
    }

    /// SHA-256 over the DER certificate.
    #[must_use]
    pub fn thumbprint(&self) -> &[u8; 32] {
        &self.thumbprint
    }

    /// The thumbprint as `x5t#S256` has it (RFC 8705 §3.1).
    #[must_use]
    pub fn thumbprint_text(&self) -> String {
        BASE64_URL_SAFE_NO_PAD.encode(self.thumbprint)
    }

    /// The SPIFFE id, if the certificate is an X.509-SVID: exactly one URI, which is a SPIFFE id
    /// (X.509-SVID §2, SPIFFE-ID §2).
    #[must_use]
    pub fn spiffe_id(&self) -> Option<&str> {
        match self.facts.uris.as_slice() {
            [uri] if is_spiffe_id(uri) => Some(uri),
            _ => None,
        }
    }

    /// The value of `Client-Cert` (RFC 9440 §2.2): one byte sequence.
    #[must_use]
    pub fn client_cert(&self) -> &str {
        &self.fields().certificate
    }

    /// The value of `Client-Cert-Chain` (RFC 9440 §2.3): a list of byte sequences without the client's
    /// own certificate, or `None` if the client sent no other.
    #[must_use]
    pub fn client_cert_chain(&self) -> Option<&str> {
        self.fields().chain.as_deref()
    }

    /// Encoded when first asked for: most connections never need it.
    fn fields(&self) -> &Fields {
        self.fields.get_or_init(|| {
            let mut members = self.chain.iter().map(|certificate| byte_sequence(certificate));
            let certificate = members.next().unwrap_or_default();
            let chain = members.collect::<Vec<_>>().join(", ");
            Fields { certificate, chain: (!chain.is_empty()).then_some(chain) }
        })
    }
}

impl fmt::Debug for ClientCertificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientCertificate")
            .field("subject", &self.facts.subject)
            .field("serial", &self.facts.serial)
            .finish_non_exhaustive()
    }
}

/// RFC 9651 §3.3.5.
fn byte_sequence(bytes: &[u8]) -> String {
    format!(":{}:", BASE64_STANDARD.encode(bytes))
}

/// SPIFFE-ID §2: scheme, trust domain and path of a limited alphabet; no port, user, query or fragment.
fn is_spiffe_id(uri: &str) -> bool {
    const LENGTH: usize = 2048;
    let Some(rest) = uri.strip_prefix("spiffe://") else { return false };
    let (domain, path) = rest.split_once('/').map_or((rest, None), |(domain, path)| (domain, Some(path)));
    let domain_fits = !domain.is_empty()
        && domain.len() <= 255
        && domain.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'.' | b'-' | b'_'));
    let path_fits = path.is_none_or(|path| path.split('/').all(is_spiffe_segment));
    uri.len() <= LENGTH && domain_fits && path_fits
}

fn is_spiffe_segment(segment: &str) -> bool {
    !matches!(segment, "" | "." | "..")
        && segment.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_'))
}

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, KeyPair, SanType};

    use super::*;

    fn minted(names: &[SanType]) -> CertificateDer<'static> {
        let mut parameters = CertificateParams::new(Vec::new()).unwrap();
        parameters.subject_alt_names = names.to_vec();
        parameters.self_signed(&KeyPair::generate().unwrap()).unwrap().der().clone()
    }

    fn uri(text: &str) -> SanType {
        SanType::URI(text.try_into().unwrap())
    }

    fn certificate(chain: &[CertificateDer<'static>]) -> ClientCertificate {
        ClientCertificate::from_verified(chain).unwrap().unwrap()
    }

    #[test]
    fn the_fields_carry_the_exact_bytes() {
        let chain = [minted(&[]), minted(&[]), minted(&[])];
        let client = certificate(&chain);
        let read = |member: &str| BASE64_STANDARD.decode(member.trim_matches(':')).unwrap();
        assert!(client.client_cert().starts_with(':') && client.client_cert().ends_with(':'));
        assert_eq!(read(client.client_cert()), chain[0].as_ref());
        let others: Vec<Vec<u8>> = client.client_cert_chain().unwrap().split(", ").map(read).collect();
        assert_eq!(others, [chain[1].as_ref(), chain[2].as_ref()]);
    }

    #[test]
    fn a_certificate_alone_has_no_chain_field() {
        assert_eq!(certificate(&[minted(&[])]).client_cert_chain(), None);
    }

    #[test]
    fn the_thumbprint_is_over_the_der() {
        let chain = [minted(&[])];
        let client = certificate(&chain);
        assert_eq!(client.thumbprint(), digest(&SHA256, &chain[0]).as_ref());
        assert_eq!(client.thumbprint_text().len(), 43);
    }

    #[test]
    fn a_workload_is_named_by_exactly_one_spiffe_id() {
        let id = "spiffe://prod.example/ns/shop/sa/orders";
        assert_eq!(certificate(&[minted(&[uri(id)])]).spiffe_id(), Some(id));
        for names in [vec![], vec![uri(id), uri("https://a.example")], vec![uri("https://a.example")]] {
            assert_eq!(certificate(&[minted(&names)]).spiffe_id(), None);
        }
    }

    #[test]
    fn spiffe_ids_are_read_strictly() {
        for good in ["spiffe://a", "spiffe://a.b-c_d/x", "spiffe://a/X.y/Z"] {
            assert!(is_spiffe_id(good), "{good}");
        }
        for bad in [
            "spiffe://",
            "spiffe:///x",
            "spiffe://A/x",
            "spiffe://a/",
            "spiffe://a//x",
            "spiffe://a/../x",
            "spiffe://a:1/x",
            "spiffe://u@a/x",
            "spiffe://a/x?y",
            "spiffe://a/x#y",
            "spiffe://a/%41",
            "SPIFFE://a/x",
        ] {
            assert!(!is_spiffe_id(bad), "{bad}");
        }
    }
}
