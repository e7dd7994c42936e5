//! What may be granted for a while.

use portcullis_config::Period;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What `portcullis grants` may give to somebody, and for how long. Without this section nothing is granted,
/// whatever the store holds.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct GrantsConfig {
    /// Roles that may be granted.
    #[serde(default)]
    pub(crate) roles: Vec<String>,
    /// Scopes that may be granted.
    #[serde(default)]
    pub(crate) scopes: Vec<String>,
    /// The longest time for which anything is granted.
    #[serde(default = "default_longest")]
    pub(crate) longest: Period,
    /// How many people beside the one who opens a grant must approve it.
    #[serde(default)]
    #[schemars(range(max = 5))]
    pub(crate) approvals: u8,
}

const fn default_longest() -> Period {
    Period::from_secs(4 * 3600)
}
