//! Where else the record is told.

use std::collections::BTreeMap;

use portcullis_audit::{KeepConfig, RotateConfig};
use portcullis_config::{ByteSize, SecretReference};
use portcullis_tls::config::ClientTlsConfig;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A sink beside the record: exactly one of `syslog`, `webhook`, `otlp`, `file` and `stdout`. What it cannot take yet
/// waits in memory, then on disk; when both are full, events of level INFO go first, and what went is counted and told.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct SinkConfig {
    /// A syslog server (RFC 5424).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) syslog: Option<SyslogConfig>,
    /// A URL that events are posted to, signed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) webhook: Option<WebhookConfig>,
    /// An OpenTelemetry collector (OTLP over HTTP, in JSON).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) otlp: Option<OtlpConfig>,
    /// Another file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) file: Option<FileSinkConfig>,
    /// Standard output, for a collector that reads it: `{}`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) stdout: Option<StdoutConfig>,
    /// In which words events are told.
    #[serde(default)]
    pub(crate) format: FormatConfig,
    /// What it means when this sink loses events.
    #[serde(default)]
    pub(crate) importance: ImportanceConfig,
    /// How much may wait in memory.
    #[serde(default = "memory")]
    pub(crate) memory: ByteSize,
    /// How much may wait on disk, below the `state` directory, also over a restart. `0` keeps nothing there.
    #[serde(default = "disk")]
    pub(crate) disk: ByteSize,
}

/// In which words events are told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum FormatConfig {
    /// As they are recorded, with number and hash: what arrives can be verified like the record itself.
    #[default]
    Portcullis,
    /// Open Cybersecurity Schema Framework 1.8.0.
    Ocsf,
}

/// What it means when a sink loses events.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum ImportanceConfig {
    /// It is an alarm.
    #[default]
    Auxiliary,
    /// It counts as a failure of the record: see `audit.on_failure` and `unrecorded`.
    Vital,
}

/// A syslog server.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct SyslogConfig {
    /// `tls://HOST:6514` (RFC 5425). To this machine also `tcp://127.0.0.1:601` and `udp://127.0.0.1:514`.
    pub(crate) address: String,
    /// Trust and identity, for `tls`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) tls: Option<ClientTlsConfig>,
    /// The facility, by its number; 13 is "log audit", 10 "authpriv", 16 to 23 "local0" to "local7".
    #[serde(default = "facility")]
    #[schemars(range(max = 23))]
    pub(crate) facility: u8,
    /// The name of this gateway in messages; its `pseudonym` when unset.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(regex(pattern = "^[!-~]{1,255}$"))]
    pub(crate) host: Option<String>,
}

/// A URL that events are posted to, as a JSON array, signed after Standard Webhooks (HMAC-SHA256).
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct WebhookConfig {
    /// `https://…`; to this machine also `http`.
    pub(crate) url: String,
    /// The key of the signature: 24 bytes or more, or `whsec_` and base64.
    pub(crate) secret: SecretReference,
    /// Trust and identity.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) tls: Option<ClientTlsConfig>,
}

/// An OpenTelemetry collector.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct OtlpConfig {
    /// `https://HOST:4318/v1/logs`, or `…/v1/traces`; to this machine also `http`.
    pub(crate) url: String,
    /// What is told.
    #[serde(default)]
    pub(crate) signal: SignalConfig,
    /// Header fields to send, by name; for credentials.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) headers: BTreeMap<String, SecretReference>,
    /// Trust and identity.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) tls: Option<ClientTlsConfig>,
}

/// What a collector is told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum SignalConfig {
    /// Every event of the record.
    #[default]
    Logs,
    /// A span for each request whose trace is sampled; see `traces`.
    Traces,
}

/// Another file, one event to a line, readable by its owner only.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct FileSinkConfig {
    /// Relative to the configuration file.
    pub(crate) path: String,
    /// When it ends and the next begins.
    #[serde(default)]
    pub(crate) rotate: RotateConfig,
    /// How long older ones are kept.
    #[serde(default)]
    pub(crate) keep: KeepConfig,
}

/// Standard output.
#[derive(Clone, Copy, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct StdoutConfig {}

/// About five thousand events.
fn memory() -> ByteSize {
    ByteSize(4 * 1024 * 1024)
}

fn disk() -> ByteSize {
    ByteSize(256 * 1024 * 1024)
}

/// RFC 5424 §6.2.1: log audit.
const fn facility() -> u8 {
    13
}
