//! What a user writes about TLS.
//!
//! Serde types only; [`crate::ServerTls::compile`] and [`crate::ClientTls::compile`] make something of
//! them. Paths are relative to the configuration file.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// TLS of a listener. Leave it out, or empty, for a development certificate.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ServerTlsConfig {
    /// Certificates and their keys. Which one a client gets is decided by the server name it asks for;
    /// a client that asks for none gets the first. A name that none of them has is refused.
    pub certificates: Vec<CertificateConfig>,
    /// The lowest version to speak, `"1.2"` or `"1.3"` (with quotes).
    pub minimum: MinimumVersion,
    /// Ask clients for a certificate.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_certificates: Option<ClientCertificatesConfig>,
    /// Get and renew a certificate automatically (RFC 8555).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub acme: Option<AcmeConfig>,
    /// Let clients resume a session instead of shaking hands in full.
    pub session_tickets: SessionTickets,
    /// More names for the development certificate, beside `localhost` and the loopback addresses.
    pub development_hosts: Vec<String>,
}

/// One certificate and its key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CertificateConfig {
    /// PEM file with the certificate first and its intermediates after it.
    pub chain: String,
    /// PEM file with the private key; only its owner (and group) may read it.
    pub key: String,
}

/// The lowest TLS version.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum MinimumVersion {
    /// TLS 1.2, with forward secrecy, AEAD suites and extended master secret only.
    #[default]
    #[serde(rename = "1.2")]
    Tls12,
    /// TLS 1.3.
    #[serde(rename = "1.3")]
    Tls13,
}

/// Whether sessions may be resumed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum SessionTickets {
    /// Tickets live four hours; their keys turn every six and are destroyed after twelve.
    #[default]
    Rotating,
    /// Every connection shakes hands in full.
    Never,
}

/// Which client certificates are believed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ClientCertificatesConfig {
    /// PEM file with the authorities that may issue client certificates.
    pub authorities: String,
    /// Whether a client without a certificate is let in.
    #[serde(default)]
    pub mode: ClientCertificateMode,
    /// Files with revocation lists (PEM or DER), one for every authority in the chains. A certificate
    /// whose status they do not tell is refused.
    #[serde(default)]
    pub revocations: Vec<String>,
    /// What to do when a list is past its next update.
    #[serde(default)]
    pub revocations_stale: StaleRevocations,
}

/// Whether a client must show a certificate.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ClientCertificateMode {
    /// No certificate, no connection.
    #[default]
    Required,
    /// A certificate is checked if there is one.
    Optional,
}

/// What a revocation list past its next update means.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum StaleRevocations {
    /// Client certificates that it covers are refused.
    #[default]
    Deny,
    /// It is used all the same, with a warning.
    Allow,
}

/// Automatic certificates (ACME, RFC 8555).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AcmeConfig {
    /// Host names to get one certificate for. No wildcards: they need a change in the DNS.
    #[schemars(length(min = 1, max = 100))]
    pub names: Vec<String>,
    /// You have read and accept the terms of service of the certificate authority.
    pub terms_of_service: TermsOfService,
    /// The directory of the certificate authority.
    #[serde(default = "lets_encrypt")]
    pub directory: String,
    /// Where the authority may write to, an e-mail address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub contact: Option<String>,
    /// PEM file with the authorities that vouch for the directory, instead of the public ones.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub authorities: Option<String>,
    /// How to prove that the names are ours.
    #[serde(default)]
    pub challenge: AcmeChallenge,
}

/// Consent to the terms of service (RFC 8555 §7.3.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum TermsOfService {
    /// Accepted.
    Agreed,
}

/// How control of a name is proven.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum AcmeChallenge {
    /// In a TLS handshake on this listener, which must be reachable at port 443 (RFC 8737).
    #[default]
    #[serde(rename = "tls-alpn-01")]
    TlsAlpn01,
    /// Over plain HTTP; a plaintext listener must be reachable at port 80 (RFC 8555 §8.3).
    #[serde(rename = "http-01")]
    Http01,
}

/// TLS to an upstream.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ClientTlsConfig {
    /// PEM file with the authorities that may vouch for the upstream, instead of the public ones.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub authorities: Option<String>,
    /// The name its certificate must have, if it is not the host of its address.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub server_name: Option<String>,
    /// The certificate that the gateway shows to the upstream.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_certificate: Option<CertificateConfig>,
    /// The lowest version to speak, `"1.2"` or `"1.3"` (with quotes).
    pub minimum: MinimumVersion,
    /// For development only: talk to whoever answers, without asking who it is.
    pub dangerously_skip_verification: bool,
}

fn lets_encrypt() -> String {
    "https://acme-v02.api.letsencrypt.org/directory".to_owned()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn nothing_said_is_safe() {
        let config: ServerTlsConfig = serde_json::from_value(json!({})).unwrap();
        assert_eq!(config, ServerTlsConfig::default());
        let client: ClientTlsConfig = serde_json::from_value(json!({})).unwrap();
        assert!(!client.dangerously_skip_verification);
        let asked: ClientCertificatesConfig =
            serde_json::from_value(json!({ "authorities": "ca.pem" })).unwrap();
        assert_eq!(asked.mode, ClientCertificateMode::Required);
        assert_eq!(asked.revocations_stale, StaleRevocations::Deny);
    }

    #[test]
    fn unknown_keys_and_old_versions_are_mistakes() {
        for wrong in [json!({ "minimun": "1.2" }), json!({ "minimum": "1.1" }), json!({ "minimum": 1.2 })] {
            assert!(serde_json::from_value::<ServerTlsConfig>(wrong.clone()).is_err(), "{wrong}");
        }
        assert!(serde_json::from_value::<ClientTlsConfig>(json!({ "skip_verification": true })).is_err());
    }

    #[test]
    fn terms_of_service_must_be_agreed_to() {
        assert!(serde_json::from_value::<AcmeConfig>(json!({ "names": ["a.example"] })).is_err());
        assert!(
            serde_json::from_value::<AcmeConfig>(
                json!({ "names": ["a.example"], "terms_of_service": "agreed" })
            )
            .is_ok()
        );
    }
}
