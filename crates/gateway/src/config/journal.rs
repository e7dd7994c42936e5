//! `journal:`: what is kept of decisions for `portcullis explain` and `portcullis policy what-if`.

use portcullis_config::{ByteSize, Period};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The journal of decisions: facts, digests and lengths, no bodies and no values. It is beside the record and does not
/// replace it. Fixed when the process starts.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct JournalConfig {
    /// Whether there is one.
    pub(crate) mode: JournalModeConfig,
    /// Its folder, for its owner only. Relative to the configuration file; `journal` within `state` when unset.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) path: Option<String>,
    /// How large it may get before the oldest decisions are forgotten; 1 MiB at least.
    pub(crate) size: ByteSize,
    /// How old decisions may get before they are forgotten.
    pub(crate) age: Period,
    /// Which answers are kept. Refusals and failures all are.
    pub(crate) allows: KeptAnswersConfig,
    /// With `allows: sampled`: of so many answers one is kept.
    #[schemars(range(min = 1, max = 1_000_000))]
    pub(crate) one_in: u32,
    /// How callers are named.
    pub(crate) subjects: SubjectsConfig,
}

/// Whether there is a journal.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum JournalModeConfig {
    /// Decisions are kept.
    #[default]
    Keep,
    /// None is kept, and no receipt can be explained.
    Off,
}

/// Which answers are kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum KeptAnswersConfig {
    /// All.
    All,
    /// One of `one_in`, chosen by chance.
    #[default]
    Sampled,
    /// None: `what-if` can then not tell what a candidate would refuse.
    None,
}

/// How callers are named in the journal.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum SubjectsConfig {
    /// By a keyed digest.
    #[default]
    Hashed,
    /// By the name that their issuer gave them, too.
    Named,
}

impl Default for JournalConfig {
    fn default() -> Self {
        Self {
            mode: JournalModeConfig::default(),
            path: None,
            size: ByteSize(256 * 1024 * 1024),
            age: Period::from_secs(7 * 86_400),
            allows: KeptAnswersConfig::default(),
            one_in: 10,
            subjects: SubjectsConfig::default(),
        }
    }
}
