//! What an upstream is told of its callers.

use std::collections::BTreeMap;

use portcullis_authn::config::ExchangeConfig;
use portcullis_config::Period;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What an upstream is told of its callers. Client copies of every field that is named here are removed, in
/// all spellings.
#[derive(Clone, Debug, Default, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct HandOverConfig {
    /// Header fields and what they say: `subject`, `issuer`, `client`, `scopes`, `roles`, or a claim of the
    /// token as a JSON pointer (`/tenant`). Values are percent-encoded where a field could not hold them.
    /// Unset: `x-auth-subject`, `x-auth-issuer`, `x-auth-client`, `x-auth-scopes`, `x-auth-roles`.
    pub(crate) headers: Option<BTreeMap<String, String>>,
    /// A signed token in `x-auth-token`, so that the upstream need not trust the network.
    pub(crate) token: Option<HandOverTokenConfig>,
    /// A token of the issuer for this upstream in `Authorization`, in exchange for the client's (RFC 8693).
    pub(crate) exchange: Option<ExchangeConfig>,
}

/// A token of our own for one upstream; needs `internal_tokens`.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct HandOverTokenConfig {
    /// The upstream's name, as `aud` has it. Unset: the API's name.
    pub(crate) audience: Option<String>,
    /// Longest life of a token; 5m at most.
    pub(crate) lifetime: Period,
}

impl Default for HandOverTokenConfig {
    fn default() -> Self {
        Self { audience: None, lifetime: Period::from_secs(60) }
    }
}
