//! Operations that must be called in an order.

use portcullis_config::Period;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::StrengthConfig;
use super::objects::PlaceConfig;

/// Operations that belong together, and the order in which they must succeed.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct FlowConfig {
    /// Operation ids, or `METHOD /path` as in the document, in their order. A step is let through once the one
    /// before it was answered with 2xx. The last one ends the run: it needs another to be called again.
    #[schemars(length(min = 2, max = 32))]
    pub(crate) steps: Vec<String>,
    /// Whose steps belong together.
    #[serde(default)]
    pub(crate) per: PerConfig,
    /// Where the requests name the object, with `per: object`. A first step that makes it has no such place: the
    /// object is the last segment of its answer's `Location`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) object: Option<PlaceConfig>,
    /// How long a run may take, from its first step on.
    #[serde(default = "default_within")]
    pub(crate) within: Period,
    /// The least time that a person needs between two steps.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) min_pace: Option<Period>,
    /// What happens to a step that comes sooner.
    #[serde(default)]
    pub(crate) too_fast: TooFastConfig,
    /// `shadow` records what would be refused and lets pass.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) mode: Option<StrengthConfig>,
    /// How many runs are remembered; beyond that the oldest are forgotten, and have to begin again.
    #[serde(default = "default_remembered")]
    #[schemars(range(min = 64, max = 10_000_000))]
    pub(crate) remembered: u32,
}

/// Whose steps belong together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum PerConfig {
    /// Those of one subject.
    #[default]
    Subject,
    /// Those of one session at the issuer (`sid`); of the subject where the credential names none.
    Session,
    /// Those about one object, whoever calls.
    Object,
}

/// What happens to a step that comes sooner than a person can take it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum TooFastConfig {
    /// It is refused with 429.
    #[default]
    Deny,
    /// It is refused with 401 and the demand for one of these authentication contexts (`acr`), unless the caller
    /// has one (RFC 9470).
    StepUp(Vec<String>),
}

const fn default_within() -> Period {
    Period::from_secs(30 * 60)
}

const fn default_remembered() -> u32 {
    100_000
}
