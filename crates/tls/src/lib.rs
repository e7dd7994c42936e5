//! Certificates, protocol floor, client certificates, ACME, reload.
//!
//! In: the `tls:` sections of listeners and upstreams. Out: [`ServerTls`], which accepts handshakes and
//! reloads its files while it serves, and [`ClientTls`], which makes connections whose other end is
//! known. Called by the gateway's listeners, upstream pools and fetches. The protocol is rustls with
//! aws-lc-rs, always with [`provider`] and never with a process default; what is added here is policy:
//! which names, which certificates, whose revocations, which tickets, for how long. RFC 9325 is the
//! measure. No key log and no extraction of secrets exists in this crate, in any build (TLS-20).
//!
//! Not done here: sockets, timeouts and the record, which are the gateway's.

mod accept;
mod acme;
mod calendar;
mod client;
mod client_certificate;
mod client_verifier;
pub mod config;
mod development;
mod expiry;
mod facts;
mod fault;
mod files;
mod identity;
mod plan;
mod protocol;
mod provider;
mod public_trust;
mod server;
mod server_names;
mod state_directory;
mod stream;
mod surroundings;
mod tickets;
mod unverified;
mod wall_time;
mod weakness;

pub use accept::{Accepted, Handshake, HandshakeFailure, Resumption};
pub use acme::{AcmeError, AcmeRenewal, HttpTokens, Renewal};
pub use client::ClientTls;
pub use client_certificate::ClientCertificate;
pub use development::Development;
pub use expiry::{Expiring, Expiry, ExpiryWatch, Urgency};
pub use facts::{Facts, NotACertificate};
pub use fault::HandshakeFault;
pub use protocol::Protocol;
pub use provider::{install_provider, provider};
pub use public_trust::PublicRoots;
pub use server::ServerTls;
pub use state_directory::StateDirectory;
pub use stream::{Renegotiation, ServerStream};
pub use surroundings::Surroundings;
pub use tokio_rustls::client::TlsStream as ClientStream;
