//! How a layer speaks to what lasts, without knowing what keeps it.
//!
//! One trait per need: [`KeyStore`](crate::KeyStore), [`RevocationStore`](crate::RevocationStore),
//! [`SessionStore`](crate::SessionStore), [`UsageStore`](crate::UsageStore). Implemented by the `store` crate
//! over SQLite and PostgreSQL, and by fakes in tests; handed to the layers by the gateway. Nothing is waited
//! for here.

use std::fmt;
use std::future::Future;
use std::pin::Pin;

/// What every method of a store returns.
pub type StoreFuture<'a, T> = Pin<Box<dyn Future<Output = Result<T, StoreError>> + Send + 'a>>;

/// Why a store did not do what it was asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum StoreError {
    /// It cannot be reached, or it broke; nothing is known.
    Unavailable,
    /// Too much waits for it already.
    Saturated,
    /// What should be new exists, or what should change has changed or is gone.
    Conflict,
    /// What it holds cannot be read: sealed under a key that is not at hand, moved, or damaged.
    Unreadable,
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Unavailable => "the store cannot be reached",
            Self::Saturated => "too much waits for the store",
            Self::Conflict => "what is kept is not as expected",
            Self::Unreadable => "what is kept cannot be read with the keys at hand",
        })
    }
}

impl std::error::Error for StoreError {}

/// A place in the order in which a store was changed. Every change of keys and revocations takes the next.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Sequence(pub u64);

/// Which pepper a digest was made with; peppers are rotated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct PepperId(pub u32);

/// A keyed digest: shows that somebody knows a secret to those who have the pepper, and nothing to others.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct KeyedDigest {
    /// The pepper.
    pub pepper: PepperId,
    /// HMAC-SHA-256.
    pub bytes: [u8; 32],
}

impl fmt::Debug for KeyedDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyedDigest").field("pepper", &self.pepper).finish_non_exhaustive()
    }
}

/// Whether a secret is the one that was kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Matching {
    /// It is.
    Same,
    /// It is not.
    Different,
    /// The pepper is not at hand, so nobody can tell.
    PepperMissing,
}

/// Digests secrets that must be recognized and never read.
pub trait Pepper: Send + Sync {
    /// The digest of `secret` under the newest pepper.
    fn digest(&self, secret: &[u8]) -> KeyedDigest;

    /// Whether `secret` is the one that `kept` was made of, in a time that depends on lengths only.
    fn compare(&self, secret: &[u8], kept: &KeyedDigest) -> Matching;
}
