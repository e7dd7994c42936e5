//! How this crate asks an issuer something without opening a socket itself.
//!
//! In: an address and its bounds. Out: what was served. Implemented by the gateway's guarded
//! client, and by fakes in tests; called by [`crate::keys`] and [`crate::introspection`]. What the implementor must keep is
//! GW-08: TLS verified, the name resolved once and that address used, no private or link-local
//! address unless [`Reach`] says so, no redirects, caps on size and time. Status and size are
//! checked again by the caller.

use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use bytes::Bytes;
use portcullis_domain::Secret;
use thiserror::Error;
use url::Url;

/// Fetches a document with GET, or asks with POST.
pub trait Fetch: Send + Sync {
    /// Fetches `url` within `bounds`.
    ///
    /// # Errors
    /// A [`FetchError`] that names what stood in the way. A status other than 200 is not an error here.
    fn get<'a>(&'a self, url: &'a Url, bounds: FetchBounds) -> FetchFuture<'a>;

    /// Sends `form` to `url` and takes the answer, within `bounds`.
    ///
    /// # Errors
    /// As for [`Fetch::get`].
    fn post<'a>(&'a self, url: &'a Url, form: &'a Form, bounds: FetchBounds) -> FetchFuture<'a>;
}

/// A form, and by what its sender is known.
#[derive(Debug)]
pub struct Form {
    /// `application/x-www-form-urlencoded`. Holds a token.
    pub body: Secret,
    /// The value of `Authorization`, if the sender is not named in the form itself.
    pub authorization: Option<Secret>,
}

/// What [`Fetch::get`] returns.
pub type FetchFuture<'a> = Pin<Box<dyn Future<Output = Result<Fetched, FetchError>> + Send + 'a>>;

/// How much a fetch may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FetchBounds {
    /// Bytes of the body, after any content coding.
    pub body: usize,
    /// Time for everything, from name resolution to the last byte.
    pub time: Duration,
    /// Which addresses may be connected to.
    pub reach: Reach,
}

/// Which addresses a fetch may connect to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Reach {
    /// Only global unicast addresses, over https.
    PublicOnly,
    /// Private and loopback addresses too, because the operator said that the issuer lives there.
    PrivateToo,
}

/// What was served.
#[derive(Clone, Debug)]
pub struct Fetched {
    /// The HTTP status.
    pub status: u16,
    /// The body, within [`FetchBounds::body`].
    pub body: Bytes,
}

/// Why nothing was served.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum FetchError {
    /// The name resolves to an address that may not be connected to, or the scheme is not https.
    #[error("the address may not be connected to")]
    AddressRefused,
    /// The name does not resolve.
    #[error("the name does not resolve")]
    NameUnknown,
    /// No connection, or it broke.
    #[error("the server cannot be reached")]
    Unreachable,
    /// The certificate does not verify.
    #[error("the server's certificate does not verify")]
    Untrusted,
    /// The server points elsewhere, and we do not follow.
    #[error("the server redirects")]
    Redirected,
    /// It took longer than it may.
    #[error("the answer takes too long")]
    TimedOut,
    /// The body is larger than it may be.
    #[error("the answer is too large")]
    TooLarge,
    /// The answer is no well-formed HTTP.
    #[error("the answer is malformed")]
    Malformed,
}
