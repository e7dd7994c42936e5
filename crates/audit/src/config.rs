//! How the record is written in `portcullis.yaml`.

use portcullis_config::ByteSize;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What happens to requests while the record cannot be written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum OnFailureConfig {
    /// They go on. What is not recorded is counted, and the gap is recorded when that is possible again.
    #[default]
    Continue,
    /// They are refused with 503.
    Deny,
}

/// Where decisions are recorded, and how.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AuditConfig {
    /// A file that is appended to, readable by its owner only. Relative to the configuration file. Its
    /// head, which shows when lines are cut off at the end, is kept beside it in `NAME.head`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
    /// Write to standard output, for a collector that reads it. This is what happens when no file is named.
    #[serde(default)]
    pub stdout: bool,
    /// What happens to requests while the record cannot be written.
    #[serde(default)]
    pub on_failure: OnFailureConfig,
    /// How much may wait to be written before events are lost.
    #[serde(default = "queue")]
    pub queue: ByteSize,
}

impl Default for AuditConfig {
    fn default() -> Self {
        Self { file: None, stdout: false, on_failure: OnFailureConfig::default(), queue: queue() }
    }
}

/// About ten thousand events.
fn queue() -> ByteSize {
    ByteSize(8 * 1024 * 1024)
}
