//! What a server must not present, and why (RFC 9325 §4.5, ASVS 12.2.2).
//!
//! In: a chain as read from a file, and the time. Out: every weakness, each of which refuses the load
//! with a code and a help text. Called for configured certificates and for those that ACME brings.

use std::fmt;

use portcullis_config::Code;
use portcullis_config::codes::listener;
use portcullis_domain::Timestamp;

use crate::calendar;
use crate::facts::{Facts, KeyStrength, SignatureStrength, Use};

/// The fewest bits of an RSA key (RFC 9325 §4.5).
const RSA_BITS: usize = 2048;

/// One thing that is wrong with a chain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Weakness {
    KeyTooShort { subject: String, bits: usize },
    KeyUnknown { subject: String },
    SignatureBroken { subject: String, hash: &'static str },
    Expired { subject: String, since: Timestamp },
    NotYetValid { subject: String, until: Timestamp },
    NamesNobody,
    NotForServers,
    ChainBroken { subject: String },
}

/// Everything that is wrong with the chain, the server's own certificate first.
pub(crate) fn of_chain(chain: &[Facts], now: Timestamp) -> Vec<Weakness> {
    let mut found = Vec::new();
    for (index, facts) in chain.iter().enumerate() {
        // A self-signed root at the end is not what anybody relies on: trust in it comes from elsewhere.
        let is_root = index > 0 && facts.subject_der == facts.issuer_der;
        found.extend(
            of_certificate(facts, now)
                .into_iter()
                .filter(|weakness| !(is_root && matches!(weakness, Weakness::SignatureBroken { .. }))),
        );
    }
    if let Some(leaf) = chain.first() {
        if leaf.names_nobody() {
            found.push(Weakness::NamesNobody);
        }
        if leaf.server_use == Use::RuledOut {
            found.push(Weakness::NotForServers);
        }
    }
    for pair in chain.windows(2) {
        if let [below, above] = pair
            && below.issuer_der != above.subject_der
        {
            found.push(Weakness::ChainBroken { subject: above.subject.clone() });
        }
    }
    found
}

fn of_certificate(facts: &Facts, now: Timestamp) -> Vec<Weakness> {
    let mut found = Vec::new();
    let subject = || facts.subject.clone();
    match facts.key {
        KeyStrength::Rsa { bits } if bits < RSA_BITS => {
            found.push(Weakness::KeyTooShort { subject: subject(), bits });
        }
        KeyStrength::Unknown => found.push(Weakness::KeyUnknown { subject: subject() }),
        KeyStrength::Rsa { .. } | KeyStrength::Nist | KeyStrength::Ed25519 => {}
    }
    if let SignatureStrength::Broken(hash) = facts.signature {
        found.push(Weakness::SignatureBroken { subject: subject(), hash });
    }
    if now > facts.not_after {
        found.push(Weakness::Expired { subject: subject(), since: facts.not_after });
    }
    if now < facts.not_before {
        found.push(Weakness::NotYetValid { subject: subject(), until: facts.not_before });
    }
    found
}

impl Weakness {
    pub(crate) fn code(&self) -> Code {
        match self {
            Self::KeyTooShort { .. } => listener::CERTIFICATE_KEY_TOO_SHORT,
            Self::KeyUnknown { .. } => listener::CERTIFICATE_KEY_UNKNOWN,
            Self::SignatureBroken { .. } => listener::CERTIFICATE_SIGNATURE_BROKEN,
            Self::Expired { .. } => listener::CERTIFICATE_EXPIRED,
            Self::NotYetValid { .. } => listener::CERTIFICATE_NOT_YET_VALID,
            Self::NamesNobody => listener::CERTIFICATE_NAMES_NOBODY,
            Self::NotForServers => listener::CERTIFICATE_NOT_FOR_SERVERS,
            Self::ChainBroken { .. } => listener::CERTIFICATE_CHAIN_BROKEN,
        }
    }

    pub(crate) fn help(&self) -> &'static str {
        match self {
            Self::KeyTooShort { .. } => "get a certificate for a P-256 key, or RSA with at least 2048 bits",
            Self::KeyUnknown { .. } => "use ECDSA on P-256, P-384 or P-521, Ed25519, or RSA",
            Self::SignatureBroken { .. } => "have it issued again with a SHA-256 signature",
            Self::Expired { .. } => "renew it",
            Self::NotYetValid { .. } => "check the clock of this machine, or wait",
            Self::NamesNobody => {
                "have it issued with a subjectAltName; the common name is not used (RFC 9525 §2)"
            }
            Self::NotForServers => "have it issued with the extended key usage serverAuth",
            Self::ChainBroken { .. } => "write the server's certificate first, then each one's issuer",
        }
    }
}

impl fmt::Display for Weakness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::KeyTooShort { subject, bits } => {
                write!(f, "the RSA key of `{subject}` has {bits} bits, fewer than {RSA_BITS}")
            }
            Self::KeyUnknown { subject } => {
                write!(f, "the key of `{subject}` is of no kind that clients accept")
            }
            Self::SignatureBroken { subject, hash } => {
                write!(f, "the certificate of `{subject}` is signed with {hash}, which can be forged")
            }
            Self::Expired { subject, since } => {
                write!(f, "the certificate of `{subject}` expired on {}", calendar::date(*since))
            }
            Self::NotYetValid { subject, until } => {
                write!(f, "the certificate of `{subject}` is not valid before {}", calendar::date(*until))
            }
            Self::NamesNobody => f.write_str("the certificate names no host"),
            Self::NotForServers => f.write_str("the certificate is not for servers"),
            Self::ChainBroken { subject } => {
                write!(f, "the chain is broken: `{subject}` did not issue the certificate before it")
            }
        }
    }
}
