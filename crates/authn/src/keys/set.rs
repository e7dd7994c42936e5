//! A JWK Set with only the keys that are fit to verify (RFC 7517 §5).
//!
//! In: the bytes an issuer serves or a file holds. Out: a [`KeySet`], and a remark for every key
//! that was left out. Called by [`super::ring`] and, for files, when the policy is compiled.

use std::sync::Arc;

use portcullis_domain::Reason;
use serde_json::Value;
use thiserror::Error;

use super::jwk::{Unfit, VerificationKey};
use crate::algorithm::{Algorithm, AllowedAlgorithms};
use crate::json;
use crate::refusal::Refusal;

/// The usable keys of one issuer.
#[derive(Debug, Default)]
pub(crate) struct KeySet(Box<[Arc<VerificationKey>]>);

/// Why a whole set is not used.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub(crate) enum KeySetFault {
    #[error("it is no unambiguous JSON")]
    NotJson,
    #[error("it is no JWK Set: an object with an array `keys`")]
    NotASet,
    #[error("it has {found} keys; at most {limit} are read")]
    TooManyKeys { found: usize, limit: usize },
}

/// A key that was left out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct LeftOut {
    /// Its place in the set, counted from zero.
    pub(crate) index: usize,
    pub(crate) why: Unfit,
}

/// What a set says about a token header.
#[derive(Debug)]
pub(crate) enum Found<'s> {
    Key(&'s Arc<VerificationKey>),
    /// No key has this identifier; a newer set might.
    Unknown,
    Refused(Refusal),
}

impl KeySet {
    /// Reads a set of at most `limit` keys and keeps the fit ones.
    pub(crate) fn read(
        bytes: &[u8],
        allowed: &AllowedAlgorithms,
        limit: usize,
    ) -> Result<(Self, Vec<LeftOut>), KeySetFault> {
        json::check(bytes).map_err(|_| KeySetFault::NotJson)?;
        let published = serde_json::from_slice(bytes).map_err(|_| KeySetFault::NotJson)?;
        Self::from_value(&published, allowed, limit)
    }

    /// The same, from JSON that somebody has read strictly already.
    pub(crate) fn from_value(
        published: &Value,
        allowed: &AllowedAlgorithms,
        limit: usize,
    ) -> Result<(Self, Vec<LeftOut>), KeySetFault> {
        let keys = published.get("keys").and_then(Value::as_array).ok_or(KeySetFault::NotASet)?;
        if keys.len() > limit {
            return Err(KeySetFault::TooManyKeys { found: keys.len(), limit });
        }
        let mut fit = Vec::new();
        let mut left_out = Vec::new();
        for (index, key) in keys.iter().enumerate() {
            match VerificationKey::read(key, allowed) {
                Ok(key) => fit.push((index, key)),
                Err(why) => left_out.push(LeftOut { index, why }),
            }
        }
        let keys = without_repeats(fit, &mut left_out);
        Ok((Self(keys.into_iter().map(Arc::new).collect()), left_out))
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// The key for a token that names `kid` and `algorithm`.
    pub(crate) fn find(&self, kid: Option<&str>, algorithm: Algorithm) -> Found<'_> {
        match kid {
            Some(kid) => self.find_by_kid(kid, algorithm),
            None => self.find_without_kid(algorithm),
        }
    }

    /// Whether everything that `earlier` could verify can still be verified by the same key.
    pub(crate) fn keeps_all_of(&self, earlier: &Self) -> bool {
        earlier.0.iter().all(|key| self.0.iter().any(|mine| mine.kid() == key.kid() && mine.is_same_key(key)))
    }

    fn find_by_kid(&self, kid: &str, algorithm: Algorithm) -> Found<'_> {
        match self.0.iter().find(|key| key.kid() == Some(kid)) {
            None => Found::Unknown,
            Some(key) if key.algorithm() == algorithm => Found::Key(key),
            Some(_) => Found::Refused(Refusal::because(
                Reason::TokenAlgorithmRefused,
                "`alg` is not the one that the key is bound to",
            )),
        }
    }

    /// `kid` is optional (RFC 7515 §4.1.4); without it there must be no choice, or a stranger could make us
    /// try key after key.
    fn find_without_kid(&self, algorithm: Algorithm) -> Found<'_> {
        let mut fitting = self.0.iter().filter(|key| key.algorithm() == algorithm);
        match (fitting.next(), fitting.next()) {
            (None, _) => Found::Unknown,
            (Some(key), None) => Found::Key(key),
            (Some(_), Some(_)) => Found::Refused(Refusal::because(
                Reason::TokenKeyUnknown,
                "no `kid`, and several keys would fit",
            )),
        }
    }
}

/// Leaves out keys whose identifier another, different key has too: which of them is meant cannot be
/// told (RFC 7517 §4.5). The same key published twice is one key.
fn without_repeats(fit: Vec<(usize, VerificationKey)>, left_out: &mut Vec<LeftOut>) -> Vec<VerificationKey> {
    let mut kept: Vec<(VerificationKey, Repeats)> = Vec::with_capacity(fit.len());
    for (index, key) in fit {
        let earlier = kept
            .iter_mut()
            .find(|(kept, _)| kept.kid() == key.kid() && (key.kid().is_some() || kept.is_same_key(&key)));
        match earlier {
            None => kept.push((key, Repeats::None)),
            Some((earlier, _)) if earlier.is_same_key(&key) => {}
            Some((_, repeats)) => {
                *repeats = Repeats::ByAnotherKey;
                left_out.push(LeftOut { index, why: Unfit::KidRepeated });
            }
        }
    }
    kept.into_iter().filter(|(_, repeats)| matches!(repeats, Repeats::None)).map(|(key, _)| key).collect()
}

/// Whether an identifier came again.
enum Repeats {
    None,
    ByAnotherKey,
}
