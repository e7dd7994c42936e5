//! What operators are told about the keys of an issuer.

use std::sync::Arc;

/// The state of one issuer's keys, for health pages and metrics.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyStatus {
    /// The scheme's name in the configuration.
    pub scheme: Arc<str>,
    /// How many keys are usable.
    pub keys: usize,
    /// How they are.
    pub held: KeysHeld,
    /// What went wrong with the last renewal, if it failed.
    pub last_fault: Option<String>,
}

/// How the keys of an issuer are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeysHeld {
    /// From a file; they change with the policy.
    Fixed,
    /// Renewed in time.
    Fresh,
    /// Renewals fail; the last good keys serve for a while.
    Stale,
    /// There are none, or they are too old; the issuer's tokens are refused.
    Unavailable,
}
