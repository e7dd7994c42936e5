//! `metrics:`: numbers that are sent, beside those that are fetched.

use std::collections::BTreeMap;

use portcullis_config::{Period, SecretReference};
use portcullis_tls::config::ClientTlsConfig;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Numbers for a dashboard. `GET /metrics` of the admin listener has them in any case.
#[derive(Clone, Debug, Default, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct MetricsConfig {
    /// An OpenTelemetry collector that they are sent to (OTLP over HTTP, in JSON). Fixed when the process starts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) otlp: Option<MetricsOtlpConfig>,
}

/// A collector of numbers.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct MetricsOtlpConfig {
    /// `https://HOST:4318/v1/metrics`; to this machine also `http`.
    pub(crate) url: String,
    /// How often.
    #[serde(default = "every")]
    pub(crate) every: Period,
    /// Header fields to send, by name; for credentials.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) headers: BTreeMap<String, SecretReference>,
    /// Trust and identity.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) tls: Option<ClientTlsConfig>,
}

fn every() -> Period {
    Period::from_secs(30)
}
