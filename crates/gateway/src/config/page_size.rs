//! How many items a client may ask for at once.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How many items a client may ask for at once, by the name of the query parameter.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct PageSizeConfig {
    /// Query parameters that say how many items are wanted, in whatever operation they stand.
    /// `x-portcullis-page-limit` in the document holds instead where it is said.
    #[serde(default = "usual")]
    pub(crate) parameters: Vec<String>,
    /// The largest number.
    pub(crate) maximum: u64,
    /// What becomes of a larger one.
    #[serde(default)]
    pub(crate) beyond: BeyondConfig,
}

fn usual() -> Vec<String> {
    ["limit", "per_page", "page_size"].map(str::to_owned).to_vec()
}

/// What becomes of a number beyond the largest one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum BeyondConfig {
    /// The request is refused.
    #[default]
    Refuse,
    /// The upstream is asked for the largest number; the rest of the request stays as it is.
    Clamp,
}
