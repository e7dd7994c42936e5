//! Counts of traffic.

use portcullis_config::Period;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How long it is kept who calls what. Counted in any case; kept in the store, if there is one, and else only in
/// the memory of the process.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct TrafficConfig {
    /// How long counts are kept, in whole days.
    pub(crate) retention: Period,
    /// Most rows that are kept, one for each consumer, operation and day. Beyond them whole days are forgotten,
    /// the oldest first; a row takes some 200 bytes.
    #[schemars(range(min = 1000))]
    pub(crate) rows: u32,
}

impl Default for TrafficConfig {
    fn default() -> Self {
        Self { retention: Period(std::time::Duration::from_secs(400 * 86_400)), rows: 1_000_000 }
    }
}
