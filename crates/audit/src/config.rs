//! How the record is written in `portcullis.yaml`.

use portcullis_config::{ByteSize, Period, SecretReference};
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

/// Where decisions are recorded, and how. Fixed when the process starts.
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
    /// What happens to requests while the record cannot be written. An operation can say otherwise with
    /// `unrecorded`.
    #[serde(default)]
    pub on_failure: OnFailureConfig,
    /// How much may wait to be written before events are lost.
    #[serde(default = "queue")]
    pub queue: ByteSize,
    /// From when on refusals that are all alike are counted instead of written whole. Every one is in a count.
    #[serde(default, skip_serializing_if = "RepeatsConfig::is_default")]
    pub repeats: RepeatsConfig,
    /// A key of 16 bytes or more: with it, `subject`, `peer`, `client` and `sid` are recorded as pseudonyms, the same for
    /// the same name. `portcullis audit pseudonym` says which is whose; without the key nobody can.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pseudonyms: Option<SecretReference>,
    /// When the record goes on in a new file. Without it, `logrotate` and a signal can do the same.
    #[serde(default, skip_serializing_if = "RotateConfig::is_default")]
    pub rotate: RotateConfig,
    /// How long older files are kept. Without it, for ever.
    #[serde(default, skip_serializing_if = "KeepConfig::is_default")]
    pub keep: KeepConfig,
    /// A file that signed heads of the record are appended to, about once a minute. Name one where whoever can change
    /// the record cannot write: `portcullis audit verify --anchors` compares. Every sink gets the same heads.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub anchors: Option<String>,
}

/// Refusals that differ in nothing but moment and receipt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct RepeatsConfig {
    /// So many are written whole by each worker; those that follow are one line with their number.
    #[schemars(range(min = 1))]
    pub after: u64,
    /// Within this time; then it begins anew.
    pub within: Period,
}

impl Default for RepeatsConfig {
    fn default() -> Self {
        Self { after: 100, within: Period::from_secs(10) }
    }
}

impl RepeatsConfig {
    fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

/// When a file ends and the next begins. The older one is called after the number of its first line,
/// `audit.log.000000000001`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct RotateConfig {
    /// From this size on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub size: Option<ByteSize>,
    /// After this time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub every: Option<Period>,
}

/// What is kept of older files. Where card data is handled, twelve months are asked for, three of them at hand (PCI DSS
/// 10.5.1): do not set less than `365d`, and let a sink keep them where they cannot be deleted from here.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct KeepConfig {
    /// This long.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub age: Option<Period>,
    /// As much as this together; the oldest go first.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub size: Option<ByteSize>,
}

impl RotateConfig {
    fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

impl KeepConfig {
    fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

impl Default for AuditConfig {
    fn default() -> Self {
        Self {
            file: None,
            stdout: false,
            on_failure: OnFailureConfig::default(),
            queue: queue(),
            repeats: RepeatsConfig::default(),
            pseudonyms: None,
            rotate: RotateConfig::default(),
            keep: KeepConfig::default(),
            anchors: None,
        }
    }
}

/// About ten thousand events.
fn queue() -> ByteSize {
    ByteSize(8 * 1024 * 1024)
}
