//! Who is calling: tokens, and the keys that prove them.
//!
//! In: the head of a request and the schemes that its operation accepts. Out: a
//! [`Principal`](portcullis_domain::Principal), or a [`Denial`](portcullis_domain::Denial) with the
//! challenge that fits. Called by the gateway's `admit`. JWT access tokens of any number of
//! issuers: RFC 6750, RFC 7515, RFC 7517, RFC 7519, RFC 8414, RFC 8725, RFC 9068. What the caller
//! may do is for `authz` to say.
//!
//! The walk of a token: [`bearer`] takes it out of the head, [`cache`] knows it or not, [`jws`]
//! reads the envelope, [`trusted_issuer`] finds the key in [`keys`] and has the signature verified,
//! [`jwt`] judges the claims, and [`challenge`] words the answer when something is wrong.
//!
//! Opens no socket and reads no clock: the gateway hands in a [`Fetch`] and the moment.
//! Introspection, API keys, client certificates and proofs of possession will stand beside
//! [`Authenticator::identify`] as further credentials.

mod algorithm;
mod authenticator;
mod bearer;
mod cache;
mod challenge;
mod compile;
pub mod config;
mod fetch;
mod json;
mod jws;
mod jwt;
mod keys;
mod refusal;
mod token_type;
mod trusted_issuer;
#[cfg(test)]
mod wycheproof;

pub use authenticator::{AcceptedSchemes, Authenticator, Recognition, Recognized, SchemeUnknown};
pub use bearer::{BearerToken, QueryToken, Taken, TokenDigest, without_query_token};
pub use compile::{DEFAULT_TOKEN_SIZE, Surroundings, compile};
pub use fetch::{Fetch, FetchBounds, FetchError, FetchFuture, Fetched, Reach};
pub use keys::{KeyStatus, KeysHeld};
