//! Who is told of alerts.

use std::collections::BTreeMap;

use portcullis_config::{ByteSize, SecretReference};
use portcullis_tls::config::ClientTlsConfig;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::sinks::SyslogConfig;

/// Alerts: what somebody should know now. Each is an event of the record; receivers are told as well. Fixed when the
/// process starts.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct AlertsConfig {
    /// How many alerts of one detector are told one by one within a minute; the rest are summed up.
    #[schemars(range(min = 1, max = 1000))]
    pub(crate) per_detector: u32,
    /// Who is told, by name.
    pub(crate) receivers: BTreeMap<String, ReceiverConfig>,
}

impl Default for AlertsConfig {
    fn default() -> Self {
        let bounds = portcullis_audit::alert::Bounds::default();
        Self { per_detector: bounds.per_detector, receivers: BTreeMap::new() }
    }
}

/// A receiver: exactly one of `alertmanager`, `webhook`, `slack`, `pagerduty`, `syslog` and `log`. What it cannot take
/// yet waits, in memory and on disk, and is brought again; what is given up is counted and told.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ReceiverConfig {
    /// Prometheus Alertmanager (`POST /api/v2/alerts`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) alertmanager: Option<AddressConfig>,
    /// A URL that each alert is posted to as JSON, signed after Standard Webhooks (HMAC-SHA256 with a timestamp).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) webhook: Option<AlertWebhookConfig>,
    /// An incoming webhook of Slack, or of what speaks like it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) slack: Option<SlackConfig>,
    /// PagerDuty, or what speaks its Events API v2.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) pagerduty: Option<PagerdutyConfig>,
    /// A syslog server, in ArcSight's Common Event Format.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) syslog: Option<SyslogConfig>,
    /// The process's own log: `{}`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) log: Option<LogConfig>,
    /// The mildest alerts that it is told of.
    #[serde(default)]
    pub(crate) least: SeverityConfig,
    /// How much may wait on disk, below the `state` directory, also over a restart. `0` keeps nothing there.
    #[serde(default = "disk")]
    pub(crate) disk: ByteSize,
}

/// How bad an alert is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum SeverityConfig {
    /// Good to know.
    #[default]
    Low,
    /// For working hours.
    Medium,
    /// For today.
    High,
    /// Somebody should be woken.
    Critical,
}

/// Where a receiver is.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct AddressConfig {
    /// `https://…`; to this machine also `http`, with `allow_private_network`.
    pub(crate) url: String,
    /// Whether it may have a private or loopback address.
    #[serde(default)]
    pub(crate) allow_private_network: bool,
    /// Trust and identity.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) tls: Option<ClientTlsConfig>,
}

/// A signed webhook.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct AlertWebhookConfig {
    /// `https://…`; to this machine also `http`, with `allow_private_network`.
    pub(crate) url: String,
    /// The key of the signature: 24 bytes or more, or `whsec_` and base64.
    pub(crate) secret: SecretReference,
    /// Whether it may have a private or loopback address.
    #[serde(default)]
    pub(crate) allow_private_network: bool,
    /// Trust and identity.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) tls: Option<ClientTlsConfig>,
}

/// Slack.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct SlackConfig {
    /// The webhook's URL. Whoever knows it can write to the channel, so it is a secret.
    pub(crate) url: SecretReference,
    /// Whether it may have a private or loopback address.
    #[serde(default)]
    pub(crate) allow_private_network: bool,
}

/// PagerDuty.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct PagerdutyConfig {
    /// The integration's key.
    pub(crate) routing_key: SecretReference,
    /// Where events go.
    #[serde(default = "events_api")]
    pub(crate) url: String,
    /// Whether it may have a private or loopback address.
    #[serde(default)]
    pub(crate) allow_private_network: bool,
}

/// The process's own log.
#[derive(Clone, Copy, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct LogConfig {}

fn events_api() -> String {
    "https://events.pagerduty.com/v2/enqueue".into()
}

/// Some ten thousand alerts.
const fn disk() -> ByteSize {
    ByteSize(16 * 1024 * 1024)
}
