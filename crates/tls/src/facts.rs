//! What a certificate says about itself.
//!
//! In: DER. Out: [`Facts`]: names, validity, key and signature, uses. Whether it may be believed is not
//! decided here: chains are verified by rustls, and what a server must not present is judged by
//! [`crate::weakness`].

use std::fmt;
use std::net::IpAddr;

use portcullis_domain::Timestamp;
use rustls_pki_types::CertificateDer;
use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::{ExtendedKeyUsage, GeneralName};
use x509_parser::oid_registry::Oid;
use x509_parser::prelude::FromDer;
use x509_parser::public_key::PublicKey;
use x509_parser::time::ASN1Time;

/// The parts of a certificate that decisions are made on.
#[derive(Clone, Debug)]
pub struct Facts {
    /// The distinguished name, for people; never an identity to decide on.
    pub subject: String,
    /// The serial number in hexadecimal.
    pub serial: String,
    /// `dNSName` entries, lower case.
    pub dns_names: Vec<String>,
    /// `iPAddress` entries.
    pub addresses: Vec<IpAddr>,
    /// `uniformResourceIdentifier` entries, such as SPIFFE ids.
    pub uris: Vec<String>,
    /// `rfc822Name` entries.
    pub emails: Vec<String>,
    /// The first moment of validity.
    pub not_before: Timestamp,
    /// The last moment of validity.
    pub not_after: Timestamp,
    pub(crate) subject_der: Vec<u8>,
    pub(crate) issuer_der: Vec<u8>,
    pub(crate) key: KeyStrength,
    pub(crate) signature: SignatureStrength,
    pub(crate) server_use: Use,
    pub(crate) signing_use: Use,
    pub(crate) issuing_use: Use,
}

/// What kind of key is certified.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum KeyStrength {
    Rsa {
        bits: usize,
    },
    /// P-256, P-384 or P-521.
    Nist,
    Ed25519,
    Unknown,
}

/// Whether the hash under the issuer's signature still holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SignatureStrength {
    Strong,
    /// MD5 or SHA-1.
    Broken(&'static str),
}

/// Whether a use is permitted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Use {
    /// Listed.
    Listed,
    /// The extension is absent, so nothing is ruled out (RFC 5280 §4.2.1.3, §4.2.1.12).
    Unrestricted,
    /// The extension is there and does not list it.
    RuledOut,
}

/// The bytes are no certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a well-formed X.509 certificate")]
pub struct NotACertificate;

impl Facts {
    /// Reads a certificate.
    ///
    /// # Errors
    /// [`NotACertificate`], also when an extension that decides about it cannot be read.
    pub fn read(certificate: &CertificateDer<'_>) -> Result<Self, NotACertificate> {
        let (rest, certificate) = X509Certificate::from_der(certificate).map_err(|_| NotACertificate)?;
        if !rest.is_empty() {
            return Err(NotACertificate);
        }
        let extended = certificate.extended_key_usage().map_err(|_| NotACertificate)?;
        let usage = certificate.key_usage().map_err(|_| NotACertificate)?;
        let listed = |listed: Option<bool>| match listed {
            None => Use::Unrestricted,
            Some(true) => Use::Listed,
            Some(false) => Use::RuledOut,
        };
        let mut facts = Self {
            subject: certificate.subject().to_string(),
            serial: certificate.raw_serial_as_string().replace(':', ""),
            dns_names: Vec::new(),
            addresses: Vec::new(),
            uris: Vec::new(),
            emails: Vec::new(),
            not_before: timestamp(certificate.validity().not_before),
            not_after: timestamp(certificate.validity().not_after),
            subject_der: certificate.subject().as_raw().to_vec(),
            issuer_der: certificate.issuer().as_raw().to_vec(),
            key: key_strength(&certificate),
            signature: signature_strength(&certificate.signature_algorithm.algorithm),
            server_use: listed(extended.map(|uses| permits_server(uses.value))),
            signing_use: listed(usage.as_ref().map(|uses| uses.value.digital_signature())),
            issuing_use: listed(usage.as_ref().map(|uses| uses.value.key_cert_sign())),
        };
        if let Some(names) = certificate.subject_alternative_name().map_err(|_| NotACertificate)? {
            for name in &names.value.general_names {
                facts.add_name(name)?;
            }
        }
        Ok(facts)
    }

    /// Whether it names nobody: a common name does not count (RFC 9525 §2).
    #[must_use]
    pub(crate) fn names_nobody(&self) -> bool {
        self.dns_names.is_empty()
            && self.addresses.is_empty()
            && self.uris.is_empty()
            && self.emails.is_empty()
    }

    /// The names, for people.
    #[must_use]
    pub fn name_list(&self) -> String {
        let addresses = self.addresses.iter().map(ToString::to_string);
        self.dns_names
            .iter()
            .cloned()
            .chain(addresses)
            .chain(self.uris.iter().cloned())
            .collect::<Vec<_>>()
            .join(", ")
    }

    fn add_name(&mut self, name: &GeneralName<'_>) -> Result<(), NotACertificate> {
        match name {
            GeneralName::DNSName(name) => self.dns_names.push(name.to_ascii_lowercase()),
            GeneralName::URI(uri) => self.uris.push((*uri).to_owned()),
            GeneralName::RFC822Name(address) => self.emails.push((*address).to_owned()),
            GeneralName::IPAddress(bytes) => self.addresses.push(address(bytes).ok_or(NotACertificate)?),
            GeneralName::Invalid(..) => return Err(NotACertificate),
            GeneralName::OtherName(..)
            | GeneralName::X400Address(_)
            | GeneralName::DirectoryName(_)
            | GeneralName::EDIPartyName(_)
            | GeneralName::RegisteredID(_) => {}
        }
        Ok(())
    }
}

impl fmt::Display for KeyStrength {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Rsa { bits } => write!(f, "RSA {bits}"),
            Self::Nist => f.write_str("ECDSA"),
            Self::Ed25519 => f.write_str("Ed25519"),
            Self::Unknown => f.write_str("unknown"),
        }
    }
}

pub(crate) fn timestamp(time: ASN1Time) -> Timestamp {
    Timestamp::from_seconds(u64::try_from(time.timestamp()).unwrap_or(0))
}

fn permits_server(uses: &ExtendedKeyUsage<'_>) -> bool {
    uses.server_auth || uses.any
}

fn address(bytes: &[u8]) -> Option<IpAddr> {
    if let Ok(four) = <[u8; 4]>::try_from(bytes) {
        return Some(four.into());
    }
    <[u8; 16]>::try_from(bytes).ok().map(Into::into)
}

fn key_strength(certificate: &X509Certificate<'_>) -> KeyStrength {
    const EC: &str = "1.2.840.10045.2.1";
    const ED25519: &str = "1.3.101.112";
    const CURVES: [&str; 3] = ["1.2.840.10045.3.1.7", "1.3.132.0.34", "1.3.132.0.35"];
    let key = certificate.public_key();
    if let Ok(PublicKey::RSA(rsa)) = key.parsed() {
        return KeyStrength::Rsa { bits: rsa.key_size() };
    }
    match key.algorithm.algorithm.to_id_string().as_str() {
        ED25519 => KeyStrength::Ed25519,
        EC => {
            let curve = key.algorithm.parameters.as_ref().and_then(|curve| curve.as_oid().ok());
            match curve {
                Some(curve) if CURVES.contains(&curve.to_id_string().as_str()) => KeyStrength::Nist,
                _ => KeyStrength::Unknown,
            }
        }
        _ => KeyStrength::Unknown,
    }
}

fn signature_strength(algorithm: &Oid<'_>) -> SignatureStrength {
    match algorithm.to_id_string().as_str() {
        "1.2.840.113549.1.1.2" | "1.2.840.113549.1.1.3" | "1.2.840.113549.1.1.4" => {
            SignatureStrength::Broken("MD5")
        }
        "1.2.840.113549.1.1.5" | "1.2.840.10045.4.1" | "1.2.840.10040.4.3" | "1.3.14.3.2.29" => {
            SignatureStrength::Broken("SHA-1")
        }
        _ => SignatureStrength::Strong,
    }
}
