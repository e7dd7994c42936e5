//! One JSON Web Key: fit to verify access tokens, or not and why.
//!
//! In: a member of a JWK Set, as JSON whose members are unique. Out: a [`VerificationKey`] bound to
//! exactly one algorithm, or an [`Unfit`]. Called by [`super::set`]. RFC 7517 §4, RFC 7518 §6, RFC
//! 8037 §2. RFC 7517 §5: a key that cannot be used is left out and does not spoil the set.

use aws_lc_rs::signature::{self, ParsedPublicKey, RsaParameters, RsaPublicKeyComponents};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use portcullis_domain::Reason;
use serde_json::{Map, Value};
use thiserror::Error;

use super::weak_modulus;
use crate::algorithm::{Algorithm, AllowedAlgorithms, KeyKind};
use crate::jws::KID_LIMIT;
use crate::refusal::Refusal;

/// Members that hold private or symmetric key material (RFC 7518 §6.2.2, §6.3.2, §6.4).
const SECRET_MEMBERS: [&str; 8] = ["d", "p", "q", "dp", "dq", "qi", "oth", "k"];
const SMALLEST_MODULUS: usize = 2048;
const LARGEST_MODULUS: usize = 8192;

/// A public key that may verify tokens of its issuer.
///
/// Invariant: bound to one algorithm when it was read; no token header can choose another.
#[derive(Debug)]
pub(crate) struct VerificationKey {
    kid: Option<Box<str>>,
    algorithm: Algorithm,
    public: ParsedPublicKey,
}

/// Why a published key is not used.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub(crate) enum Unfit {
    #[error("the key is no JSON object")]
    NotAnObject,
    #[error("member `{0}` is missing or malformed")]
    MemberMalformed(&'static str),
    #[error("the key is symmetric; a shared secret does not belong in a published set")]
    Symmetric,
    #[error("member `{0}` shows the private key; consider it compromised")]
    PrivateBearing(&'static str),
    #[error("the key is for encryption (`use`)")]
    ForEncryption,
    #[error("`key_ops` does not list `verify`")]
    NotForVerifying,
    #[error("the key type or curve is not supported")]
    KindUnknown,
    #[error("`alg` names no signature algorithm with public keys")]
    AlgorithmUnknown,
    #[error("`alg` does not go with this kind of key")]
    AlgorithmMismatched,
    #[error("the issuer's `algorithms` list none that this key could serve")]
    AlgorithmUnlisted,
    #[error("the RSA modulus has {bits} bits; 2048 to 8192 are accepted")]
    ModulusSize { bits: usize },
    #[error("the RSA exponent is even or smaller than 65537")]
    ExponentWeak,
    #[error("the RSA modulus can be factored (ROCA, CVE-2017-15361)")]
    ModulusWeak,
    #[error("the numbers do not form a public key of this kind")]
    MaterialInvalid,
    #[error("another key of the set has the same `kid`")]
    KidRepeated,
}

impl VerificationKey {
    /// Reads one key, of a set or of a proof.
    pub(crate) fn read(member: &Value, allowed: &AllowedAlgorithms) -> Result<Self, Unfit> {
        let Value::Object(key) = member else { return Err(Unfit::NotAnObject) };
        let kind = kind_of(key)?;
        if let Some(name) = SECRET_MEMBERS.into_iter().find(|name| key.contains_key(*name)) {
            return Err(Unfit::PrivateBearing(name));
        }
        check_purpose(key)?;
        let algorithm = bind(key, kind, allowed)?;
        Ok(Self { kid: kid_of(key)?, algorithm, public: public_key(key, algorithm)? })
    }

    pub(crate) fn kid(&self) -> Option<&str> {
        self.kid.as_deref()
    }

    pub(crate) const fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// Whether both are the same numbers for the same algorithm.
    pub(super) fn is_same_key(&self, other: &Self) -> bool {
        self.algorithm == other.algorithm && self.public.as_ref() == other.public.as_ref()
    }

    /// Verifies a signature over `signing_input`.
    pub(crate) fn verify(&self, signing_input: &[u8], signature: &[u8]) -> Result<(), Refusal> {
        self.public.verify_sig(signing_input, signature).map_err(|_| Reason::TokenSignatureInvalid.into())
    }
}

fn text<'k>(key: &'k Map<String, Value>, name: &'static str) -> Result<Option<&'k str>, Unfit> {
    match key.get(name) {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(_) => Err(Unfit::MemberMalformed(name)),
    }
}

fn kid_of(key: &Map<String, Value>) -> Result<Option<Box<str>>, Unfit> {
    match text(key, "kid")? {
        Some(kid) if kid.len() > KID_LIMIT => Err(Unfit::MemberMalformed("kid")),
        kid => Ok(kid.map(Into::into)),
    }
}

fn kind_of(key: &Map<String, Value>) -> Result<KeyKind, Unfit> {
    let kty = text(key, "kty")?.ok_or(Unfit::MemberMalformed("kty"))?;
    match (kty, text(key, "crv")?) {
        ("oct", _) => Err(Unfit::Symmetric),
        ("RSA", None) => Ok(KeyKind::Rsa),
        ("EC", Some("P-256")) => Ok(KeyKind::P256),
        ("EC", Some("P-384")) => Ok(KeyKind::P384),
        ("EC", Some("P-521")) => Ok(KeyKind::P521),
        ("OKP", Some("Ed25519")) => Ok(KeyKind::Ed25519),
        _ => Err(Unfit::KindUnknown),
    }
}

/// RFC 7517 §4.2, §4.3: what a key is for, if it says so, must include verifying signatures.
fn check_purpose(key: &Map<String, Value>) -> Result<(), Unfit> {
    if text(key, "use")?.is_some_and(|purpose| purpose != "sig") {
        return Err(Unfit::ForEncryption);
    }
    match key.get("key_ops") {
        None => Ok(()),
        Some(Value::Array(operations)) if operations.iter().any(|operation| operation == "verify") => Ok(()),
        Some(Value::Array(_)) => Err(Unfit::NotForVerifying),
        Some(_) => Err(Unfit::MemberMalformed("key_ops")),
    }
}

/// The one algorithm of this key: what it names itself, else what the issuer's list leaves for its
/// kind.
fn bind(key: &Map<String, Value>, kind: KeyKind, allowed: &AllowedAlgorithms) -> Result<Algorithm, Unfit> {
    let Some(name) = text(key, "alg")? else {
        return allowed.binding_for(kind).ok_or(Unfit::AlgorithmUnlisted);
    };
    let algorithm = Algorithm::from_name(name).ok_or(Unfit::AlgorithmUnknown)?;
    if algorithm.key_kind() != kind {
        return Err(Unfit::AlgorithmMismatched);
    }
    if allowed.allows(algorithm) { Ok(algorithm) } else { Err(Unfit::AlgorithmUnlisted) }
}

fn public_key(key: &Map<String, Value>, algorithm: Algorithm) -> Result<ParsedPublicKey, Unfit> {
    let parsed = match algorithm {
        Algorithm::Rs256 => return rsa(key, &signature::RSA_PKCS1_2048_8192_SHA256),
        Algorithm::Rs384 => return rsa(key, &signature::RSA_PKCS1_2048_8192_SHA384),
        Algorithm::Rs512 => return rsa(key, &signature::RSA_PKCS1_2048_8192_SHA512),
        Algorithm::Ps256 => return rsa(key, &signature::RSA_PSS_2048_8192_SHA256),
        Algorithm::Ps384 => return rsa(key, &signature::RSA_PSS_2048_8192_SHA384),
        Algorithm::Ps512 => return rsa(key, &signature::RSA_PSS_2048_8192_SHA512),
        Algorithm::Es256 => ParsedPublicKey::new(&signature::ECDSA_P256_SHA256_FIXED, point(key, 32)?),
        Algorithm::Es384 => ParsedPublicKey::new(&signature::ECDSA_P384_SHA384_FIXED, point(key, 48)?),
        Algorithm::Es512 => ParsedPublicKey::new(&signature::ECDSA_P521_SHA512_FIXED, point(key, 66)?),
        Algorithm::EdDsa => ParsedPublicKey::new(&signature::ED25519, number(key, "x", Some(32))?),
    };
    // aws-lc refuses points that are not on the curve.
    parsed.map_err(|_| Unfit::MaterialInvalid)
}

/// An uncompressed point (SEC 1 §2.3.3): both coordinates in full length (RFC 7518 §6.2.1.2).
fn point(key: &Map<String, Value>, length: usize) -> Result<Vec<u8>, Unfit> {
    let mut point = vec![0x04];
    point.extend(number(key, "x", Some(length))?);
    point.extend(number(key, "y", Some(length))?);
    Ok(point)
}

fn rsa(key: &Map<String, Value>, parameters: &'static RsaParameters) -> Result<ParsedPublicKey, Unfit> {
    let n = number(key, "n", None)?;
    let e = number(key, "e", None)?;
    let bits = bit_length(&n);
    if !(SMALLEST_MODULUS..=LARGEST_MODULUS).contains(&bits) {
        return Err(Unfit::ModulusSize { bits });
    }
    // FIPS 186-5 §5.4: odd and above 2^16. With an exponent of one, every message signs itself.
    if bit_length(&e) < 17 || e.last().is_none_or(|byte| byte % 2 == 0) {
        return Err(Unfit::ExponentWeak);
    }
    if n.last().is_none_or(|byte| byte % 2 == 0) {
        return Err(Unfit::MaterialInvalid);
    }
    if weak_modulus::is_roca(&n) {
        return Err(Unfit::ModulusWeak);
    }
    RsaPublicKeyComponents { n, e }.to_parsed_public_key(parameters).map_err(|_| Unfit::MaterialInvalid)
}

/// A big-endian number; without leading zeros where the length is not fixed (RFC 7518 §2,
/// Base64urlUInt).
fn number(key: &Map<String, Value>, name: &'static str, length: Option<usize>) -> Result<Vec<u8>, Unfit> {
    let bytes = text(key, name)?
        .and_then(|text| URL_SAFE_NO_PAD.decode(text).ok())
        .ok_or(Unfit::MemberMalformed(name))?;
    let is_well_formed = match length {
        Some(length) => bytes.len() == length,
        None => bytes.first().is_some_and(|byte| *byte != 0),
    };
    if is_well_formed { Ok(bytes) } else { Err(Unfit::MemberMalformed(name)) }
}

fn bit_length(number: &[u8]) -> usize {
    let leading = number.first().map_or(0, |byte| byte.leading_zeros() as usize);
    number.len() * 8 - leading
}
