//! For tests only: an upstream that remembers, clients that send exactly what they are told, a
//! certificate authority and a directory for files.
//!
//! In: what a test wants said and answered. Out: what really went over the wire. Everything here uses
//! plain threads and blocking sockets with a deadline, so that a test can be an ordinary function, and
//! reads HTTP by a small strict reader of its own: a bug of hyper must not hide a bug of the gateway.
//! Nothing here is linked into the product.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "for tests only: a broken expectation ends the test that made it"
)]

pub mod answer;
pub mod authority;
pub mod browser;
pub mod h2_client;
pub mod h2_frames;
pub mod h2_upstream;
pub mod identity_provider;
pub mod issuer;
pub mod postgres;
pub mod prover;
pub mod raw_client;
pub mod rsyslog;
pub mod socket;
pub mod unreachable;
pub mod upstream;
pub mod valkey;
pub mod wait;
pub mod wire;
pub mod workspace;

pub use answer::{Answer, Feed, Feeder};
pub use authority::{Authority, Identity, Leaf, TlsOffer, Validity};
pub use browser::Browser;
pub use h2_client::H2Client;
pub use h2_frames::{Frame, H2Frames};
pub use identity_provider::IdentityProvider;
pub use issuer::{SigningAlgorithm, TokenIssuer};
pub use postgres::Database;
pub use prover::Prover;
pub use raw_client::{RawClient, Rest};
pub use rsyslog::Rsyslog;
pub use unreachable::{BlackHole, ClosedPort};
pub use upstream::{Seen, Upstream};
pub use valkey::Valkey;
pub use wire::{Framing, Response};
pub use workspace::Workspace;
