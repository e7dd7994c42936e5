//! How API keys are written in `portcullis.yaml`.

use portcullis_config::Period;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Keys for applications, made with `portcullis keys create`. An operation accepts them where the document's
/// `securitySchemes` says `type: apiKey` and `in: header`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ApiKeysConfig {
    /// What keys made here have as their environment, so that a test key is told from a real one at a glance: one to
    /// twelve small letters and digits.
    #[schemars(regex(pattern = "^[a-z0-9]{1,12}$"))]
    pub environment: String,
    /// How long a key lives unless it is made with another life.
    pub lifetime: Period,
    /// How long a key may live at most.
    pub longest_lifetime: Period,
    /// How long the old key stays good when a key is rotated, unless it is rotated with another overlap.
    pub overlap: Period,
    /// How many keys are remembered, so that not every request asks the store. A million takes less than
    /// 150 MB.
    #[schemars(range(min = 1, max = 10_000_000))]
    pub cache: u32,
    /// What happens to a key that is found in an address, where it ends up in logs.
    pub leaked: LeakedConfig,
}

/// What happens to a key that is found in an address.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum LeakedConfig {
    /// It is recorded, and the operator decides.
    #[default]
    Report,
    /// It is revoked.
    Revoke,
}

const DAY: u64 = 86_400;

impl Default for ApiKeysConfig {
    fn default() -> Self {
        Self {
            environment: "live".into(),
            lifetime: Period::from_secs(90 * DAY),
            longest_lifetime: Period::from_secs(366 * DAY),
            overlap: Period::from_secs(7 * DAY),
            cache: 100_000,
            leaked: LeakedConfig::default(),
        }
    }
}
