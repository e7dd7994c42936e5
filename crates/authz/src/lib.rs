//! May they: the decision about one operation, and the only maker of a [`Permit`].
//!
//! In: what an operation demands ([`Demand`], compiled once) and who is calling. Out: a [`Permit`], or a
//! [`Denial`]. Called by the gateway's `admit`, after identification. This is the policy decision point
//! of NIST SP 800-162: scopes and roles ([`Demand`]), then the rules of the operator ([`rules`]), written in Cedar or
//! in short; whose an object is, the ownership ledger says ([`ledger`]).
//!
//! Pure: no clock, no network. Nothing permits by default: a demand that lists no alternative is met by
//! nobody.

pub mod config;
mod demand;
pub mod ledger;
mod permit;
pub mod rules;
pub mod spelling;

pub use demand::{Alternative, Concealment, Demand, Kinds};
pub use permit::Permit;

#[doc(no_inline)]
pub use portcullis_domain::{Caller, Denial};
