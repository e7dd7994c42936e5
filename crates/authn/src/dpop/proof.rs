//! One proof: a JWT that brings its own public key.
//!
//! In: the value of a `DPoP` field. Out: a [`Proof`] whose key is fit and whose claims have the right
//! types; nothing of it is verified before [`Proof::verify`]. RFC 9449 §4.2, §4.3; RFC 7638.

use aws_lc_rs::digest;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use portcullis_domain::{Reason, Timestamp};
use serde_json::{Map, Value};

use crate::algorithm::AllowedAlgorithms;
use crate::binding::Thumbprint;
use crate::json;
use crate::jws::Compact;
use crate::keys::VerificationKey;
use crate::refusal::Refusal;

/// Longest proof that is looked at: twice what one with an RSA key of 8192 bits needs.
const LARGEST: usize = 6 * 1024;
/// Longest identifier of a proof; RFC 9449 §4.2 asks for 96 random bits.
const JTI_LIMIT: usize = 256;
const TYPE: &str = "dpop+jwt";

/// A proof that is well-formed.
#[derive(Debug)]
pub(super) struct Proof<'p> {
    envelope: Compact<'p>,
    key: VerificationKey,
    pub(super) thumbprint: Thumbprint,
    pub(super) jti: String,
    pub(super) method: String,
    pub(super) address: String,
    pub(super) issued_at: Timestamp,
    pub(super) nonce: Option<String>,
    pub(super) token_hash: Option<String>,
}

impl<'p> Proof<'p> {
    /// Reads a proof by one of these algorithms.
    pub(super) fn read(proof: &'p [u8], allowed: &AllowedAlgorithms) -> Result<Self, Refusal> {
        if proof.len() > LARGEST {
            return Err(malformed("the proof is too large"));
        }
        let envelope = Compact::read(proof).map_err(|_| malformed("the proof is no strict JWS"))?;
        // RFC 9449 §4.2 says `dpop+jwt`; unlike `at+jwt` no spelling with `application/` is in use.
        if !envelope.header.typ.as_deref().is_some_and(|typ| typ.eq_ignore_ascii_case(TYPE)) {
            return Err(malformed("`typ` is not `dpop+jwt`"));
        }
        let algorithm = envelope.header.algorithm;
        if !allowed.allows(algorithm) {
            return Err(malformed("`alg` is not listed for proofs"));
        }
        let jwk = embedded_key(proof)?;
        // The header's algorithm is the only one that this key may have, which also settles RSA.
        let key = VerificationKey::read(&jwk, &AllowedAlgorithms::new([algorithm]))
            .map_err(|_| malformed("`jwk` is no public key for `alg`"))?;
        let thumbprint = thumbprint(&jwk).ok_or_else(|| malformed("`jwk` has no thumbprint"))?;
        json::check(&envelope.payload).map_err(|_| malformed("the claims are no unambiguous JSON"))?;
        let claims: Map<String, Value> =
            serde_json::from_slice(&envelope.payload).map_err(|_| malformed("the claims are no object"))?;
        let jti = needed(&claims, "jti")?;
        if jti.len() > JTI_LIMIT {
            return Err(malformed("`jti` is too long"));
        }
        Ok(Self {
            thumbprint,
            key,
            jti,
            method: needed(&claims, "htm")?,
            address: needed(&claims, "htu")?,
            issued_at: claims
                .get("iat")
                .and_then(Value::as_u64)
                .map(Timestamp::from_seconds)
                .ok_or_else(|| malformed("`iat` is no whole number of seconds"))?,
            nonce: optional(&claims, "nonce")?,
            token_hash: optional(&claims, "ath")?,
            envelope,
        })
    }

    /// Verifies the signature with the key that the proof brings.
    pub(super) fn verify(&self) -> Result<(), Refusal> {
        self.key
            .verify(self.envelope.signing_input, &self.envelope.signature)
            .map_err(|_| Reason::ProofSignatureInvalid.into())
    }
}

/// `jwk` of the header, which the envelope has shown to be unambiguous JSON.
fn embedded_key(proof: &[u8]) -> Result<Value, Refusal> {
    let header = proof.split(|byte| *byte == b'.').next().unwrap_or_default();
    let header = URL_SAFE_NO_PAD.decode(header).ok();
    let header: Option<Map<String, Value>> = header.and_then(|header| serde_json::from_slice(&header).ok());
    header.and_then(|mut header| header.remove("jwk")).ok_or_else(|| malformed("`jwk` is missing"))
}

/// RFC 7638 §3: SHA-256 over the required members in this order. Their values were read as strict
/// base64url or as one of our own words, so none needs an escape and each has one spelling.
fn thumbprint(jwk: &Value) -> Option<Thumbprint> {
    let member = |name: &str| jwk.get(name)?.as_str();
    let canonical = match member("kty")? {
        "EC" => format!(
            r#"{{"crv":"{}","kty":"EC","x":"{}","y":"{}"}}"#,
            member("crv")?,
            member("x")?,
            member("y")?
        ),
        "RSA" => format!(r#"{{"e":"{}","kty":"RSA","n":"{}"}}"#, member("e")?, member("n")?),
        "OKP" => format!(r#"{{"crv":"{}","kty":"OKP","x":"{}"}}"#, member("crv")?, member("x")?),
        _ => return None,
    };
    digest::digest(&digest::SHA256, canonical.as_bytes()).as_ref().try_into().ok()
}

fn needed(claims: &Map<String, Value>, name: &'static str) -> Result<String, Refusal> {
    let found = optional(claims, name)?.filter(|text| !text.is_empty());
    found.ok_or_else(|| malformed("`jti`, `htm` or `htu` is missing"))
}

fn optional(claims: &Map<String, Value>, name: &str) -> Result<Option<String>, Refusal> {
    match claims.get(name) {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.clone())),
        Some(_) => Err(malformed("a claim of the proof is no string")),
    }
}

fn malformed(note: &'static str) -> Refusal {
    Refusal::because(Reason::ProofMalformed, note)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// The example of RFC 7638 §3.1.
    #[test]
    fn the_thumbprint_is_that_of_the_standard() {
        let jwk = json!({
            "kty": "RSA", "e": "AQAB", "alg": "RS256", "kid": "2011-04-29",
            "n": concat!(
                "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMs",
                "tn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbI",
                "SD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw",
            ),
        });
        let expected = "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs";
        assert_eq!(URL_SAFE_NO_PAD.encode(thumbprint(&jwk).unwrap()), expected);
    }
}
