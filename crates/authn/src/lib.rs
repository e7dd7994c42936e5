//! Who is calling: tokens and the keys that prove them, and every other credential.
//!
//! In: the head of a request and the schemes that its operation accepts. Out: a
//! [`Principal`](portcullis_domain::Principal), or a [`Denial`](portcullis_domain::Denial) with the
//! challenge that fits. Called by the gateway's `admit`. JWT access tokens of any number of
//! issuers: RFC 6750, RFC 7515, RFC 7517, RFC 7519, RFC 8414, RFC 8725, RFC 9068; opaque ones by
//! introspection: RFC 7662; both bound to a key or certificate: RFC 9449, RFC 8705. What the caller
//! may do is for `authz` to say.
//!
//! The walk of a token: [`bearer`] takes it out of the head, [`cache`] knows it or not, [`jws`]
//! reads the envelope, [`trusted_issuer`] finds the key in [`keys`] and has the signature verified,
//! or has the issuer asked by [`introspection`]; [`jwt`] judges the claims. Then [`possession`] has the
//! client show what the token is bound to ([`binding`], [`dpop`]), [`assurance`] asks whether the caller
//! is authenticated strongly enough, and [`challenge`] words the answer when something is wrong.
//!
//! Other ways to be known stand beside it: [`api_key`], [`certificate`], [`password`], and [`session`],
//! which logs users of browsers in and keeps their tokens. [`internal_token`] and [`exchange`] tell an
//! upstream who was found.
//!
//! Opens no socket and reads no clock: the gateway hands in a [`Fetch`] and the moment.

mod algorithm;
pub mod api_key;
mod assurance;
mod authenticator;
mod bearer;
mod binding;
mod cache;
pub mod certificate;
mod challenge;
mod client_authentication;
mod compile;
pub mod config;
mod dpop;
pub mod exchange;
mod fetch;
pub mod internal_token;
mod introspection;
mod json;
mod jws;
mod jwt;
mod keys;
pub mod password;
mod possession;
mod random;
mod refusal;
mod revoked;
pub mod session;
mod token_type;
mod trusted_issuer;
#[cfg(test)]
mod wycheproof;

pub use assurance::Requirements;
pub use authenticator::{AcceptedSchemes, Authenticator, Recognition, Recognized, SchemesRefused, Tokenless};
pub use bearer::{
    AccessToken, DPOP, Proofs, QueryToken, Taken, TokenDigest, TokenScheme, without_query_token,
};
pub use compile::{DEFAULT_TOKEN_SIZE, Surroundings, compile, requirements};
pub use dpop::{ExternalUrl, UrlScheme};
pub use fetch::{Fetch, FetchBounds, FetchError, FetchFuture, Fetched, Form, Reach};
pub use keys::{KeyStatus, KeysHeld};
pub use possession::Shown;
pub use revoked::{Revocable, Revoked};
