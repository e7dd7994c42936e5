//! How detection is written in `portcullis.yaml`.

use std::collections::BTreeMap;

use portcullis_config::Period;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::detectors::Noticed;

/// What is noticed of the behavior of callers, and what is done about it. By default everything is noticed and
/// nothing is done but to tell.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct DetectionConfig {
    /// Whether anything is noticed at all.
    pub mode: DetectionModeConfig,
    /// What is done about what a detector notices, by its name. Without an entry it is told, and nothing else.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub actions: BTreeMap<Noticed, MeasureConfig>,
    /// So many different things that are not there, or not for the caller, within a minute are too many.
    #[schemars(range(min = 10, max = 10_000))]
    pub misses_per_minute: u32,
    /// Roles that read in bulk by trade: batch jobs, exports. Reading much is not noticed of them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub bulk_readers: Vec<String>,
    /// How many callers are remembered at a time, principals and addresses each, at some 700 bytes.
    #[schemars(range(min = 1_000, max = 10_000_000))]
    pub subjects: u32,
    /// The request header that tells upstreams the risk, from 0 to 100, of callers for whom an action says `tag`.
    #[schemars(length(min = 1))]
    pub header: String,
    /// A CSV file that says where networks are, with the columns `network`, `latitude` and `longitude`, such as
    /// the city blocks of GeoLite2. Without it nothing is known of travel. Relative to the configuration file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub places: Option<String>,
}

/// Whether anything is noticed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum DetectionModeConfig {
    /// It is.
    #[default]
    On,
    /// It is not.
    Off,
}

/// What is done about a caller.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MeasureConfig {
    /// What.
    pub action: ActionConfig,
    /// For how long.
    #[serde(default = "lasts")]
    pub lasts: Period,
}

/// What is done about a caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ActionConfig {
    /// The detector does not speak at all.
    Off,
    /// It is told.
    Log,
    /// The upstream is told with each request of the caller, in a header.
    Tag,
    /// The caller must have logged in after the alarm: 401 with a challenge (RFC 9470).
    StepUp,
    /// The caller may send one request in two seconds; others are 429.
    Throttle,
    /// The caller is refused: 403. Only where the detector is decisive by itself.
    Block,
}

impl Default for DetectionConfig {
    fn default() -> Self {
        Self {
            mode: DetectionModeConfig::On,
            actions: BTreeMap::new(),
            misses_per_minute: 50,
            bulk_readers: Vec::new(),
            subjects: 100_000,
            header: "x-portcullis-risk".to_owned(),
            places: None,
        }
    }
}

fn lasts() -> Period {
    Period(std::time::Duration::from_secs(3600))
}
