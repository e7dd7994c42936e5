//! The keys that sign tokens for upstreams, one after the other (KEY-07).
//!
//! A key is published for an hour before it signs, so that every upstream has fetched it by then, and stays
//! published until the last token it signed has ended. In: the moment. Out: the key that signs now, and all
//! that may have signed what is still good. Timestamps are of the wall clock, since keys outlive a process.

use std::fmt;
use std::time::Duration;

use aws_lc_rs::digest;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use portcullis_domain::{Secret, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::sync::Arc;
use thiserror::Error;

/// For how long a key is published before it signs. JWK Sets are cached for minutes.
const PUBLISHED_AHEAD: Duration = Duration::from_secs(3600);
/// How far an upstream's clock may be behind.
const SKEW: Duration = Duration::from_secs(120);

/// With what tokens for upstreams are signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum SigningAlgorithm {
    /// ECDSA on P-256 with SHA-256.
    #[serde(rename = "ES256")]
    Es256,
    /// Ed25519.
    #[serde(rename = "EdDSA")]
    EdDsa,
}

/// Why saved keys are not used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("the saved keys cannot be read")]
pub struct KeysUnreadable;

/// When keys are replaced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct KeyTimes {
    rotate: Duration,
    /// How long a key is published after the next one has taken over.
    verify: Duration,
}

/// All keys, in the order in which they sign.
#[derive(Clone, Default)]
pub(super) struct SigningKeys(Vec<Arc<SigningKey>>);

/// One key.
pub(super) struct SigningKey {
    kid: String,
    algorithm: SigningAlgorithm,
    pair: Pair,
    pkcs8: Secret,
    signs_from: Timestamp,
}

enum Pair {
    Es256(EcdsaKeyPair),
    EdDsa(Ed25519KeyPair),
}

/// A key as it is saved.
#[derive(Serialize, Deserialize)]
struct Saved {
    algorithm: SigningAlgorithm,
    /// PKCS #8 in base64.
    key: String,
    /// Seconds since the epoch.
    signs_from: u64,
}

impl SigningAlgorithm {
    /// The registered name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Es256 => "ES256",
            Self::EdDsa => "EdDSA",
        }
    }
}

impl KeyTimes {
    /// Keys that sign for `rotate`, tokens of at most `lifetime`.
    pub(super) const fn new(rotate: Duration, lifetime: Duration) -> Self {
        Self { rotate, verify: lifetime.saturating_add(SKEW) }
    }
}

impl SigningKeys {
    /// Reads what [`SigningKeys::saved`] wrote.
    pub(super) fn read(saved: &Secret) -> Result<Self, KeysUnreadable> {
        let saved: Vec<Saved> = serde_json::from_slice(saved.expose()).map_err(|_| KeysUnreadable)?;
        let mut keys = Vec::with_capacity(saved.len());
        for Saved { algorithm, key, signs_from } in saved {
            let pkcs8 = Secret::new(STANDARD.decode(key).map_err(|_| KeysUnreadable)?);
            let signs_from = Timestamp::from_seconds(signs_from);
            keys.push(Arc::new(SigningKey::read(algorithm, pkcs8, signs_from).ok_or(KeysUnreadable)?));
        }
        keys.sort_by_key(|key| key.signs_from);
        Ok(Self(keys))
    }

    pub(super) fn saved(&self) -> Secret {
        let saved: Vec<Saved> = self.0.iter().map(|key| key.saved()).collect();
        // A list of texts and numbers always serializes.
        Secret::new(serde_json::to_vec(&saved).unwrap_or_default())
    }

    /// The keys at `now`, if they are others than these.
    pub(super) fn turned(
        &self,
        algorithm: SigningAlgorithm,
        times: &KeyTimes,
        now: Timestamp,
    ) -> Option<Self> {
        let mut keys = self.0.clone();
        match keys.last() {
            None => keys.push(SigningKey::generate(algorithm, now)?),
            Some(last) if self.next_is_due(last, times) <= now => {
                // Late, after a long stop, it is published first all the same.
                let signs_from = last.signs_from.plus(times.rotate).max(now.plus(PUBLISHED_AHEAD));
                keys.push(SigningKey::generate(algorithm, signs_from)?);
            }
            Some(_) => {}
        }
        let followed: Vec<Timestamp> = keys.iter().skip(1).map(|next| next.signs_from).collect();
        let mut index = 0;
        keys.retain(|_| {
            let next = followed.get(index).copied();
            index += 1;
            next.is_none_or(|next| now < next.plus(times.verify))
        });
        let is_same =
            keys.len() == self.0.len() && keys.iter().zip(&self.0).all(|(new, old)| Arc::ptr_eq(new, old));
        (!is_same).then_some(Self(keys))
    }

    /// How long nothing changes.
    pub(super) fn idle(&self, times: &KeyTimes, now: Timestamp) -> Duration {
        let Some(last) = self.0.last() else { return Duration::ZERO };
        let ends = self.0.iter().skip(1).map(|next| next.signs_from.plus(times.verify));
        let next = ends.chain([self.next_is_due(last, times)]).min();
        next.map_or(Duration::ZERO, |next| next.since(now))
    }

    /// The key that signs at `now`.
    pub(super) fn signing(&self, now: Timestamp) -> Option<&SigningKey> {
        let begun = self.0.iter().rev().find(|key| key.signs_from <= now);
        // A clock that was set back must not leave us without.
        begun.or(self.0.first()).map(|key| &**key)
    }

    pub(super) fn jwks(&self) -> Value {
        json!({ "keys": self.0.iter().map(|key| key.jwk()).collect::<Vec<_>>() })
    }

    fn next_is_due(&self, last: &SigningKey, times: &KeyTimes) -> Timestamp {
        last.signs_from.plus(times.rotate.saturating_sub(PUBLISHED_AHEAD))
    }
}

impl SigningKey {
    fn generate(algorithm: SigningAlgorithm, signs_from: Timestamp) -> Option<Arc<Self>> {
        let random = SystemRandom::new();
        let pkcs8 = match algorithm {
            SigningAlgorithm::Es256 => {
                EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random)
                    .ok()?
                    .as_ref()
                    .to_vec()
            }
            SigningAlgorithm::EdDsa => Ed25519KeyPair::generate_pkcs8(&random).ok()?.as_ref().to_vec(),
        };
        Self::read(algorithm, Secret::new(pkcs8), signs_from).map(Arc::new)
    }

    fn read(algorithm: SigningAlgorithm, pkcs8: Secret, signs_from: Timestamp) -> Option<Self> {
        let pair = match algorithm {
            SigningAlgorithm::Es256 => {
                Pair::Es256(EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, pkcs8.expose()).ok()?)
            }
            SigningAlgorithm::EdDsa => Pair::EdDsa(Ed25519KeyPair::from_pkcs8(pkcs8.expose()).ok()?),
        };
        // A name that no other key has (RFC 7638 has one of the same kind).
        let kid = URL_SAFE_NO_PAD.encode(digest::digest(&digest::SHA256, pair.public()));
        Some(Self { kid, algorithm, pair, pkcs8, signs_from })
    }

    fn saved(&self) -> Saved {
        Saved {
            algorithm: self.algorithm,
            key: STANDARD.encode(self.pkcs8.expose()),
            signs_from: self.signs_from.as_seconds(),
        }
    }

    pub(super) fn kid(&self) -> &str {
        &self.kid
    }

    pub(super) const fn algorithm(&self) -> SigningAlgorithm {
        self.algorithm
    }

    pub(super) fn sign(&self, input: &[u8]) -> Option<Vec<u8>> {
        match &self.pair {
            Pair::Es256(pair) => {
                pair.sign(&SystemRandom::new(), input).ok().map(|signature| signature.as_ref().to_vec())
            }
            Pair::EdDsa(pair) => Some(pair.sign(input).as_ref().to_vec()),
        }
    }

    /// The public part and nothing else.
    fn jwk(&self) -> Value {
        let public = self.pair.public();
        let encoded = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
        let mut jwk = match &self.pair {
            Pair::Es256(_) => {
                // An uncompressed point: 0x04, x, y (SEC 1 §2.3.3).
                let (x, y) = public.get(1..).unwrap_or_default().split_at_checked(32).unwrap_or_default();
                json!({ "kty": "EC", "crv": "P-256", "x": encoded(x), "y": encoded(y) })
            }
            Pair::EdDsa(_) => json!({ "kty": "OKP", "crv": "Ed25519", "x": encoded(public) }),
        };
        if let Some(members) = jwk.as_object_mut() {
            members.insert("use".into(), "sig".into());
            members.insert("alg".into(), self.algorithm.name().into());
            members.insert("kid".into(), self.kid.clone().into());
        }
        jwk
    }
}

impl Pair {
    fn public(&self) -> &[u8] {
        match self {
            Self::Es256(pair) => pair.public_key().as_ref(),
            Self::EdDsa(pair) => pair.public_key().as_ref(),
        }
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SigningKey").field("kid", &self.kid).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: Duration = Duration::from_secs(86_400);
    const TIMES: KeyTimes = KeyTimes::new(DAY, Duration::from_secs(300));

    fn at(hours: u64, seconds: u64) -> Timestamp {
        Timestamp::from_seconds(1_800_000_000 + hours * 3600 + seconds)
    }

    fn kids(keys: &SigningKeys) -> Vec<String> {
        keys.0.iter().map(|key| key.kid.clone()).collect()
    }

    // proves-part: KEY-07 (that old tokens verify until they end is shown by the gateway's walk tests)
    #[test]
    fn a_key_is_published_before_it_signs_and_until_its_last_token_has_ended() {
        let first = SigningKeys::default().turned(SigningAlgorithm::Es256, &TIMES, at(0, 0)).unwrap();
        assert_eq!(first.idle(&TIMES, at(0, 0)), Duration::from_secs(23 * 3600));
        assert!(first.turned(SigningAlgorithm::Es256, &TIMES, at(22, 3599)).is_none());
        let both = first.turned(SigningAlgorithm::Es256, &TIMES, at(23, 0)).unwrap();
        let [old, new] = &kids(&both)[..] else { panic!("{:?}", kids(&both)) };
        assert_ne!(old, new);
        assert_eq!(both.signing(at(23, 3599)).unwrap().kid(), old);
        assert_eq!(both.signing(at(24, 0)).unwrap().kid(), new);
        assert!(both.turned(SigningAlgorithm::Es256, &TIMES, at(24, 419)).is_none());
        let alone = both.turned(SigningAlgorithm::Es256, &TIMES, at(24, 420)).unwrap();
        assert_eq!(kids(&alone), std::slice::from_ref(new));
    }

    #[test]
    fn after_a_long_stop_the_old_key_signs_on_until_the_new_one_is_known() {
        let first = SigningKeys::default().turned(SigningAlgorithm::EdDsa, &TIMES, at(0, 0)).unwrap();
        let read = SigningKeys::read(&first.saved()).unwrap();
        assert_eq!(kids(&read), kids(&first));
        let both = read.turned(SigningAlgorithm::EdDsa, &TIMES, at(1000, 0)).unwrap();
        assert_eq!(both.signing(at(1000, 3599)).unwrap().kid(), kids(&first)[0]);
        assert_ne!(both.signing(at(1001, 0)).unwrap().kid(), kids(&first)[0]);
    }

    // proves-part: KEY-07 (the set as it is served is shown by the gateway's walk tests)
    #[test]
    fn what_is_published_is_public() {
        for algorithm in [SigningAlgorithm::Es256, SigningAlgorithm::EdDsa] {
            let keys = SigningKeys::default().turned(algorithm, &TIMES, at(0, 0)).unwrap();
            let jwk = keys.jwks()["keys"][0].clone();
            let names: Vec<_> = jwk.as_object().unwrap().keys().map(String::as_str).collect();
            for secret in ["d", "p", "q", "dp", "dq", "qi", "oth", "k"] {
                assert!(!names.contains(&secret), "{names:?}");
            }
            assert_eq!(jwk["alg"], algorithm.name());
        }
        assert!(matches!(SigningKeys::read(&Secret::new(b"[{}]".to_vec())), Err(KeysUnreadable)));
    }
}
