//! The end of an API or operation, said beside its document.

use portcullis_config::{Period, Weekday};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Where an API or operation stands in its life. Wins over what the document says of the same, date by date.
#[derive(Clone, Debug, Default, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct LifecycleConfig {
    /// The state. Unset: `deprecated` if there is a date, else what the document says.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) state: Option<StateConfig>,
    /// From when on it should not be used for new work: a day or a moment (RFC 3339). Told in `Deprecation`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(example = "2027-01-31")]
    pub(crate) deprecated_at: Option<String>,
    /// From when on it is gone, and answered with 410. Told in `Sunset`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(example = "2027-07-31T12:00:00Z")]
    pub(crate) sunset_at: Option<String>,
    /// What to use instead: a URL or a path. Told in `Link` as `successor-version`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) successor: Option<String>,
    /// The page for people about what this means for them. Told in `Link` as `deprecation` and `sunset`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) policy: Option<String>,
    /// Spans of time before the sunset in which it is switched off, so that who has not moved notices while there
    /// is time: answered with 503 and `Retry-After`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) brownouts: Vec<BrownoutConfig>,
}

/// A state of life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum StateConfig {
    /// Not promised yet.
    Preview,
    /// In use; takes away dates that were said further out.
    Active,
    /// Still answered; going away.
    Deprecated,
    /// Answered with 410 whatever the date.
    Retired,
}

/// When it is switched off for a while: once, or every day or week until the sunset.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(untagged)]
pub(crate) enum BrownoutConfig {
    /// Once.
    Once(OnceConfig),
    /// Again and again.
    Every(EveryConfig),
}

/// One span of time.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct OnceConfig {
    /// Its first moment (RFC 3339).
    #[schemars(example = "2027-05-04T10:00:00Z")]
    pub(crate) from: String,
    /// The first moment after it.
    pub(crate) until: String,
}

/// A span of time in every day or week.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct EveryConfig {
    /// How often.
    pub(crate) every: RhythmConfig,
    /// The day of the week; for `every: week`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) on: Option<Weekday>,
    /// The time of day when it begins.
    #[schemars(regex(pattern = "^([01][0-9]|2[0-3]):[0-5][0-9]$"), example = "10:00")]
    pub(crate) at: String,
    /// How long it takes.
    #[serde(rename = "for")]
    pub(crate) length: Period,
    /// `UTC`, or a fixed offset such as `+02:00`.
    #[serde(default = "utc")]
    #[schemars(regex(pattern = "^(UTC|[+-]([01][0-9]|2[0-3]):[0-5][0-9])$"))]
    pub(crate) zone: String,
}

fn utc() -> String {
    "UTC".to_owned()
}

/// How often a brownout recurs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum RhythmConfig {
    /// Every day.
    Day,
    /// On one day of every week.
    Week,
}
