//! Learning the contract of an API that has none.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::api::AccessConfig;

/// Learns the contract of an API from its traffic, in place of `contract` and `operations`. Until there is one,
/// every method and path is forwarded and nothing of it is checked; framing, bounds, limits and credentials are.
/// `portcullis learn` writes what was learnt as an OpenAPI document. Needs a store, which is made if need be.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct LearnConfig {
    /// `public` if everybody may call everything meanwhile. Either this or `security` must be said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) access: Option<AccessConfig>,
    /// Who may call meanwhile: alternatives of names under `identity` with the scopes each needs.
    pub(crate) security: Vec<BTreeMap<String, Vec<String>>>,
    /// How many requests of each operation are looked at in a minute.
    #[schemars(range(min = 1, max = 6000))]
    pub(crate) samples: u32,
}

impl Default for LearnConfig {
    fn default() -> Self {
        Self { access: None, security: Vec::new(), samples: 60 }
    }
}
