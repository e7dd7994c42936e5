//! Certificates that come and renew by themselves (ACME, RFC 8555).
//!
//! In: an [`AcmeConfig`]. Out: an [`AcmeRenewal`], which the gateway runs beside the listener: it gets a
//! certificate when there is none and a new one at two thirds of its life, puts it in place and has the
//! listener reload. On any error the old certificate stays, and the next attempt waits longer. Names are
//! proven over plain HTTP ([`HttpTokens`], served by the plaintext listener) or in a handshake of the
//! listener itself ([`AlpnChallenges`]). Not done here: DNS proofs, hence no wildcards; external account
//! bindings.

mod account;
mod alpn;
mod http;
mod order;
mod plan;
mod renewal;
mod tokens;

use std::io;

pub(crate) use alpn::AlpnChallenges;
pub(crate) use plan::AcmePlan;
pub use renewal::{AcmeRenewal, Renewal};
pub use tokens::HttpTokens;

use crate::identity::IdentityFault;

/// Why no certificate was had.
#[derive(Debug, thiserror::Error)]
pub enum AcmeError {
    /// The certificate authority could not be talked to, or refused.
    #[error("{0}")]
    Authority(#[from] instant_acme::Error),
    /// A name could not be proven to be ours.
    #[error("control of `{name}` was not proven: {detail}")]
    NotProven {
        /// Which name.
        name: String,
        /// What the authority says.
        detail: String,
    },
    /// The authority offers no challenge of the configured kind for a name.
    #[error("the authority does not offer the configured challenge for `{name}`")]
    ChallengeNotOffered {
        /// Which name.
        name: String,
    },
    /// It took too long.
    #[error("the authority did not finish in time")]
    TimedOut,
    /// The key or request could not be made.
    #[error("a certificate request cannot be made: {0}")]
    Request(#[from] rcgen::Error),
    /// What came back is not fit to be presented.
    #[error("the issued certificate is not fit to be used: {reason}")]
    Unfit {
        /// Why.
        reason: String,
    },
    /// The account or certificate could not be kept.
    #[error("the state directory cannot be used: {0}")]
    State(#[from] io::Error),
    /// The certificate is in place, but the listener could not reload.
    #[error("the listener did not take the new certificate: {reason}")]
    NotReloaded {
        /// Why.
        reason: String,
    },
}

impl AcmeError {
    fn unfit(fault: &IdentityFault) -> Self {
        Self::Unfit { reason: fault.to_string() }
    }
}
