//! API keys: a further credential beside the bearer token, for applications.
//!
//! In: the header fields of a request and which schemes its operation accepts. Out: a
//! [`Principal`](portcullis_domain::Principal) of kind client, or a denial. Called by the gateway's
//! `identify`: first [`KeyHeaders::take`], then [`ApiKeys::identify`]. Keys identify applications and are
//! never enough for what belongs to a user (AUTHN-36); that is for `authz` to say.
//!
//! The walk of a key: [`place`] takes it out of the head, [`format`](mod@format) reads it and checks its checksum, [`hot`]
//! knows its record or the store is asked, [`judge`] compares the digest and looks at what the record says.
//! How keys are made is in [`format`](mod@format) too, so that what is made is what is read.

pub mod config;
mod format;
mod hot;
mod judge;
mod place;
#[cfg(test)]
mod tests;
mod uses;

pub use format::{KeyEnvironment, MadeKey, NotAKey, PATTERN, ReadKey, make, read};
pub use judge::{ApiKeys, ISSUER, KeyContext};
pub use place::{AcceptedKeys, KeyHeaders, ShownKey};
