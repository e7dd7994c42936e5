//! What becomes of answers that break their promise, and of what their caller may not see.

use portcullis_config::ByteSize;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What becomes of answers. An API without a document promises nothing, and its answers pass unseen.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct ResponsesConfig {
    /// How strictly answers are held to the document.
    pub(crate) mode: AnswerModeConfig,
    /// The largest JSON answer that is checked as a whole: in `log` and `strip` behind the client's back, in `block`
    /// before it is handed on; a larger one is a 502 there.
    pub(crate) whole: ByteSize,
    /// Cards, account numbers, keys and tokens where the document does not say what stands there.
    pub(crate) detect: DetectConfig,
    /// Media types of answers without an end, beside `text/event-stream`, `application/grpc`, `multipart/*`,
    /// `application/octet-stream` and lines of JSON: they are handed on as they come.
    pub(crate) streams: Vec<String>,
    /// The entry of `identity` whose subjects are the owners that `x-portcullis-visible-to` speaks of. Needed only if
    /// the API accepts several.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) owners: Option<String>,
}

impl Default for ResponsesConfig {
    fn default() -> Self {
        Self {
            mode: AnswerModeConfig::default(),
            whole: ByteSize(1 << 20),
            detect: DetectConfig::default(),
            streams: Vec::new(),
            owners: None,
        }
    }
}

/// The same for some operations; what is not set holds as for the API.
#[derive(Clone, Debug, Default, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct ResponsesOverride {
    /// How strictly answers are held to the document.
    pub(crate) mode: Option<AnswerModeConfig>,
    /// The largest JSON answer that is checked as a whole.
    pub(crate) whole: Option<ByteSize>,
    /// Cards, account numbers, keys and tokens where the document does not say what stands there.
    pub(crate) detect: Option<DetectConfig>,
    /// Media types of answers without an end, in place of the API's.
    pub(crate) streams: Option<Vec<String>>,
}

/// How strictly answers are held to the document. What a caller may not see (`x-portcullis-visible-to`,
/// `x-portcullis-mask`, `writeOnly`) is kept back in all of them but `off`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum AnswerModeConfig {
    /// Answers pass unseen.
    Off,
    /// They pass as they come, and what breaks the document is recorded.
    #[default]
    Log,
    /// Members that the document does not declare are taken out while the answer streams through.
    Strip,
    /// An answer is read whole and checked; one that breaks the document is a 502.
    Block,
}

/// What becomes of personal and payment data, and of keys, where the document does not say what stands there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum DetectConfig {
    /// Nobody looks.
    Off,
    /// It passes and is recorded.
    #[default]
    Report,
    /// It is replaced by `"***"`, and recorded.
    Mask,
}
