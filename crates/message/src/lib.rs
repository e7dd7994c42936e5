//! One strict reading of a request, shared by all who judge it.
//!
//! In: bytes of a connection, or the head and body that hyper made of them. Out: a checked, canonical
//! form, or the [`portcullis_domain::Reason`] why there is none. Called by the gateway before anything
//! else looks at a request, and by the layers for what they read themselves. What was judged here is
//! exactly what is forwarded: two parsers that disagree are the classic bypass.
//!
//! Pure: no socket, no clock, no waiting. RFC 3986, RFC 7239, RFC 8259, RFC 9110, RFC 9112, RFC 9113, W3C Trace Context.

pub mod authority;
pub mod bounds;
mod characters;
pub mod cookies;
pub mod curl;
pub mod expect;
pub mod forwarded;
pub mod framing;
pub mod hop_by_hop;
pub mod http2;
pub mod json;
pub mod media_type;
pub mod spoofed;
pub mod target;
pub mod trace_context;
pub mod trailers;
pub mod via;

pub use authority::Authority;
pub use bounds::Bounds;
pub use forwarded::TrustedProxies;
pub use framing::{FramingGuard, GuardState, Inspection, Part};
pub use http2::Http2Guard;
pub use media_type::MediaType;
pub use target::Target;
pub use trace_context::TraceParent;
