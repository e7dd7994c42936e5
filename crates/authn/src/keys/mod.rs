//! The keys of an issuer: which of them are fit, and how they stay fresh.
//!
//! In: a JWK Set (RFC 7517 §5) as configured or as fetched. Out: the one key that may verify a given token.
//! [`jwk`] reads one key and binds it to one algorithm, [`set`] reads and filters a whole set, [`source`]
//! says where a set comes from, [`ring`] holds the current one and renews it. Called by
//! [`crate::trusted_issuer`]. Signatures are verified by aws-lc; no cryptography is written here.

mod flight;
mod jwk;
mod ring;
mod set;
mod source;
mod weak_modulus;

pub(crate) use flight::RefreshTimes;
pub(crate) use ring::{KeyRing, RenewalPlan};
pub use ring::{KeyStatus, KeysHeld};
pub(crate) use set::KeySet;
pub(crate) use source::{AddressFault, KeySource, checked_address};
