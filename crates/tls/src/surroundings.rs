//! What TLS stands on, besides its own configuration.

use std::path::PathBuf;
use std::sync::Arc;

use portcullis_config::Environment;
use portcullis_domain::Clock;

use crate::acme::HttpTokens;
use crate::public_trust::PublicRoots;

/// What every listener and upstream of one gateway shares. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Surroundings {
    /// Where relative paths lead.
    pub environment: Environment,
    /// The time by which certificates are judged.
    pub clock: Clock,
    /// Whom the public trusts.
    pub roots: PublicRoots,
    /// Where keys that we make are kept: the development authority, ACME accounts and certificates.
    pub state: PathBuf,
    /// Answers to HTTP-01 challenges, which plaintext listeners serve.
    pub tokens: Arc<HttpTokens>,
}
