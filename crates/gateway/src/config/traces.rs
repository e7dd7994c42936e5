//! `traces:`: the gateway as a step of distributed traces.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Distributed traces (W3C Trace Context): every request that is handed on carries a `traceparent`.
#[derive(Clone, Copy, Debug, Default, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct TracesConfig {
    /// Whose traces go on here. Everybody else's request begins a trace of its own, whose id is the receipt without
    /// hyphens.
    #[serde(rename = "continue")]
    pub(crate) continued: ContinuedConfig,
    /// The share of new traces that are marked as sampled, from 0 to 1. Of those that go on, their sender has decided.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub(crate) sample: f64,
}

/// Whose traces go on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum ContinuedConfig {
    /// Nobody's.
    Nobody,
    /// Those of requests that come from `trusted_proxies`.
    #[default]
    TrustedProxies,
    /// Those of every client: fit where only services of one's own can call.
    Everybody,
}
