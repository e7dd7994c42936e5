//! The keys of an issuer: which of them are fit, and how they stay fresh.
//!
//! In: a JWK Set (RFC 7517 §5) as configured or as fetched. Out: the one key that may verify a
//! given token. [`jwk`] reads one key and binds it to one algorithm, [`set`] reads and filters a
//! whole set, [`source`] says where a set comes from, [`flight`] when it may be asked for,
//! [`renewal`] asks, and [`ring`] holds the current keys. Called by [`crate::trusted_issuer`].
//! Signatures are verified by aws-lc; no cryptography is written here.

mod flight;
mod jwk;
mod renewal;
mod ring;
mod set;
mod source;
mod status;
mod weak_modulus;

pub(crate) use flight::RefreshTimes;
pub(crate) use jwk::VerificationKey;
pub(crate) use renewal::RenewalPlan;
pub(crate) use ring::KeyRing;
#[cfg(test)]
pub(crate) use set::Found;
pub(crate) use set::KeySet;
pub(crate) use source::{AddressFault, KeySource, checked_address};
pub use status::{KeyStatus, KeysHeld};
