//! An issuer of access tokens: signs good ones, and any bad one that a test can think of.
//!
//! In: claims as JSON, or a whole header and payload as text. Out: a compact JWS, the JWK Set that verifies
//! it, and the metadata that names the set. Speaks no HTTP; a test serves [`TokenIssuer::jwks`] as it likes. Keys are
//! made at test time. Independent of the code that it tests: nothing of `authn` is used here.

use std::time::Duration;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{self, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _, RsaEncoding, RsaKeyPair};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use portcullis_domain::Timestamp;
use serde_json::{Map, Value, json};

/// What a key of the issuer signs with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SigningAlgorithm {
    /// ECDSA on P-256 with SHA-256.
    Es256,
    /// ECDSA on P-384 with SHA-384.
    Es384,
    /// RSASSA-PKCS1-v1_5 with SHA-256, 2048 bits. Making such a key takes a moment.
    Rs256,
    /// RSASSA-PSS with SHA-256, 2048 bits. Making such a key takes a moment.
    Ps256,
    /// Ed25519.
    EdDsa,
}

/// An issuer with one key or more; the last one added signs.
#[derive(Debug)]
pub struct TokenIssuer {
    issuer: String,
    keys: Vec<SigningKey>,
    keys_made: usize,
}

#[derive(Debug)]
struct SigningKey {
    kid: String,
    algorithm: SigningAlgorithm,
    pair: Pair,
}

#[derive(Debug)]
enum Pair {
    Ecdsa(EcdsaKeyPair),
    Rsa(Box<RsaKeyPair>),
    Ed25519(Ed25519KeyPair),
}

impl TokenIssuer {
    /// An issuer of this identifier with one ES256 key, `key-1`.
    #[must_use]
    pub fn new(issuer: &str) -> Self {
        Self::with_key(issuer, SigningAlgorithm::Es256)
    }

    /// An issuer of this identifier with one key, `key-1`.
    #[must_use]
    pub fn with_key(issuer: &str, algorithm: SigningAlgorithm) -> Self {
        let mut made = Self { issuer: issuer.to_owned(), keys: Vec::new(), keys_made: 0 };
        made.add_key(algorithm);
        made
    }

    /// Adds a key that signs from now on, and returns its identifier: `key-2`, `key-3` and so on.
    pub fn add_key(&mut self, algorithm: SigningAlgorithm) -> String {
        self.keys_made += 1;
        let kid = format!("key-{}", self.keys_made);
        self.add_key_named(algorithm, &kid);
        kid
    }

    /// Adds a key with this identifier, which signs from now on.
    pub fn add_key_named(&mut self, algorithm: SigningAlgorithm, kid: &str) {
        self.keys.push(SigningKey { kid: kid.to_owned(), algorithm, pair: Pair::generate(algorithm) });
    }

    /// Takes a key out of the set; it signs no more.
    pub fn retire(&mut self, kid: &str) {
        self.keys.retain(|key| key.kid != kid);
    }

    /// The identifier in `iss`.
    #[must_use]
    pub fn identifier(&self) -> &str {
        &self.issuer
    }

    /// The identifier of the key that signs.
    #[must_use]
    pub fn kid(&self) -> &str {
        &self.signing_key().kid
    }

    /// The public keys, as an issuer serves them.
    #[must_use]
    pub fn jwks(&self) -> String {
        json!({ "keys": self.jwk_list() }).to_string()
    }

    /// The public keys one by one, for tests that change a member.
    #[must_use]
    pub fn jwk_list(&self) -> Vec<Value> {
        self.keys.iter().map(SigningKey::jwk).collect()
    }

    /// The metadata document (RFC 8414 §2) that names this address as the place of the keys.
    #[must_use]
    pub fn metadata(&self, jwks_uri: &str) -> String {
        json!({ "issuer": self.issuer, "jwks_uri": jwks_uri }).to_string()
    }

    /// The claims of an access token that RFC 9068 likes, for `alice` and `audience`, good for five minutes.
    #[must_use]
    pub fn claims(&self, audience: &str, now: Timestamp) -> Map<String, Value> {
        let claims = json!({
            "iss": self.issuer,
            "aud": audience,
            "sub": "alice",
            "client_id": "shop-app",
            "scope": "",
            "jti": format!("jti-{}", now.as_millis()),
            "iat": now.as_seconds(),
            "exp": now.plus(Duration::from_secs(300)).as_seconds(),
        });
        claims.as_object().cloned().expect("the literal above is an object")
    }

    /// A good access token for `subject` with these scopes, separated by spaces.
    #[must_use]
    pub fn access_token(&self, audience: &str, subject: &str, scopes: &str, now: Timestamp) -> String {
        let mut claims = self.claims(audience, now);
        claims.insert("sub".into(), subject.into());
        claims.insert("scope".into(), scopes.into());
        self.token(&claims)
    }

    /// A token of type `at+jwt` with these claims.
    #[must_use]
    pub fn token(&self, claims: &Map<String, Value>) -> String {
        self.token_with_header(&self.header(), claims)
    }

    /// The header of a good token.
    #[must_use]
    pub fn header(&self) -> Map<String, Value> {
        let key = self.signing_key();
        let mut header = Map::new();
        header.insert("alg".into(), key.algorithm.name().into());
        header.insert("typ".into(), "at+jwt".into());
        header.insert("kid".into(), key.kid.clone().into());
        header
    }

    /// A token with this header and these claims, signed by the current key whatever the header says.
    #[must_use]
    pub fn token_with_header(&self, header: &Map<String, Value>, claims: &Map<String, Value>) -> String {
        let header = serde_json::to_vec(header).expect("a JSON object");
        let claims = serde_json::to_vec(claims).expect("a JSON object");
        self.sign(&header, &claims)
    }

    /// A token of any bytes at all, signed by the current key.
    #[must_use]
    pub fn sign(&self, header: &[u8], payload: &[u8]) -> String {
        let input = format!("{}.{}", base64url(header), base64url(payload));
        let signature = self.sign_input(input.as_bytes());
        format!("{input}.{}", base64url(&signature))
    }

    /// The current key's signature over any bytes at all.
    #[must_use]
    pub fn sign_input(&self, input: &[u8]) -> Vec<u8> {
        self.signing_key().sign(input)
    }

    fn signing_key(&self) -> &SigningKey {
        self.keys.last().expect("an issuer with a key")
    }
}

impl SigningAlgorithm {
    /// The registered name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Es256 => "ES256",
            Self::Es384 => "ES384",
            Self::Rs256 => "RS256",
            Self::Ps256 => "PS256",
            Self::EdDsa => "EdDSA",
        }
    }
}

impl Pair {
    fn generate(algorithm: SigningAlgorithm) -> Self {
        let ecdsa = |algorithm| Self::Ecdsa(EcdsaKeyPair::generate(algorithm).expect("a key pair"));
        match algorithm {
            SigningAlgorithm::Es256 => ecdsa(&signature::ECDSA_P256_SHA256_FIXED_SIGNING),
            SigningAlgorithm::Es384 => ecdsa(&signature::ECDSA_P384_SHA384_FIXED_SIGNING),
            SigningAlgorithm::Rs256 | SigningAlgorithm::Ps256 => {
                Self::Rsa(Box::new(RsaKeyPair::generate(KeySize::Rsa2048).expect("a key pair")))
            }
            SigningAlgorithm::EdDsa => Self::Ed25519(Ed25519KeyPair::generate().expect("a key pair")),
        }
    }
}

impl SigningKey {
    fn sign(&self, input: &[u8]) -> Vec<u8> {
        match (&self.pair, self.algorithm) {
            (Pair::Ecdsa(pair), _) => {
                pair.sign(&SystemRandom::new(), input).expect("a signature").as_ref().to_vec()
            }
            (Pair::Ed25519(pair), _) => pair.sign(input).as_ref().to_vec(),
            (Pair::Rsa(pair), SigningAlgorithm::Ps256) => {
                rsa_signature(pair, &signature::RSA_PSS_SHA256, input)
            }
            (Pair::Rsa(pair), _) => rsa_signature(pair, &signature::RSA_PKCS1_SHA256, input),
        }
    }

    fn jwk(&self) -> Value {
        let mut jwk = match &self.pair {
            Pair::Ecdsa(pair) => {
                // An uncompressed point: 0x04, x, y (SEC 1 §2.3.3).
                let point = &pair.public_key().as_ref()[1..];
                let (x, y) = point.split_at(point.len() / 2);
                let curve = if x.len() == 32 { "P-256" } else { "P-384" };
                json!({ "kty": "EC", "crv": curve, "x": base64url(x), "y": base64url(y) })
            }
            Pair::Rsa(pair) => {
                let (n, e) = modulus_and_exponent(pair.public_key().as_ref());
                json!({ "kty": "RSA", "n": base64url(n), "e": base64url(e) })
            }
            Pair::Ed25519(pair) => {
                json!({ "kty": "OKP", "crv": "Ed25519", "x": base64url(pair.public_key().as_ref()) })
            }
        };
        jwk["kid"] = self.kid.clone().into();
        jwk["alg"] = self.algorithm.name().into();
        jwk["use"] = "sig".into();
        jwk
    }
}

fn rsa_signature(pair: &RsaKeyPair, encoding: &'static dyn RsaEncoding, input: &[u8]) -> Vec<u8> {
    let mut signature = vec![0; pair.public_modulus_len()];
    pair.sign(encoding, &SystemRandom::new(), input, &mut signature).expect("a signature");
    signature
}

/// The two integers of an `RSAPublicKey` (RFC 8017 §A.1.1), without leading zeros.
fn modulus_and_exponent(der: &[u8]) -> (&[u8], &[u8]) {
    let (sequence, _) = der_value(der);
    let (modulus, rest) = der_value(sequence);
    let (exponent, _) = der_value(rest);
    let without_zero = |number: &'_ [u8]| usize::from(number[0] == 0);
    (&modulus[without_zero(modulus)..], &exponent[without_zero(exponent)..])
}

/// Content of the first DER value, and what follows it.
fn der_value(der: &[u8]) -> (&[u8], &[u8]) {
    let (length, start) = match der[1] {
        short @ 0..0x80 => (usize::from(short), 2),
        long => {
            let digits = usize::from(long & 0x7F);
            (der[2..2 + digits].iter().fold(0, |length, digit| length << 8 | usize::from(*digit)), 2 + digits)
        }
    };
    der[start..].split_at(length)
}

/// base64url without padding (RFC 7515 §2).
#[must_use]
pub fn base64url(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

#[cfg(test)]
mod tests {
    use aws_lc_rs::signature::{RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents, UnparsedPublicKey};

    use super::*;

    fn decoded(member: &Value) -> Vec<u8> {
        URL_SAFE_NO_PAD.decode(member.as_str().unwrap()).unwrap()
    }

    fn input_and_signature(token: &str) -> (&str, Vec<u8>) {
        let (input, signature) = token.rsplit_once('.').unwrap();
        (input, URL_SAFE_NO_PAD.decode(signature).unwrap())
    }

    #[test]
    fn published_keys_verify_what_the_issuer_signs() {
        let issuer = TokenIssuer::new("https://id.test");
        let (jwk, token) =
            (&issuer.jwk_list()[0], issuer.access_token("api", "alice", "read", Timestamp::default()));
        let (input, signature) = input_and_signature(&token);
        let point = [&[4], decoded(&jwk["x"]).as_slice(), decoded(&jwk["y"]).as_slice()].concat();
        UnparsedPublicKey::new(&signature::ECDSA_P256_SHA256_FIXED, point)
            .verify(input.as_bytes(), &signature)
            .unwrap();
    }

    #[test]
    fn the_numbers_of_an_rsa_key_are_read_from_its_der() {
        let issuer = TokenIssuer::with_key("https://id.test", SigningAlgorithm::Rs256);
        let (jwk, token) = (&issuer.jwk_list()[0], issuer.token(&Map::new()));
        let (input, signature) = input_and_signature(&token);
        RsaPublicKeyComponents { n: decoded(&jwk["n"]), e: decoded(&jwk["e"]) }
            .verify(&RSA_PKCS1_2048_8192_SHA256, input.as_bytes(), &signature)
            .unwrap();
    }

    #[test]
    fn the_last_key_signs_and_a_retired_one_is_gone() {
        let mut issuer = TokenIssuer::new("https://id.test");
        let second = issuer.add_key(SigningAlgorithm::EdDsa);
        assert_eq!(issuer.kid(), second);
        assert_eq!(issuer.jwk_list().len(), 2);
        issuer.retire(&second);
        assert_eq!(issuer.kid(), "key-1");
    }
}
