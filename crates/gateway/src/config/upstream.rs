//! Upstreams.

use std::time::Duration;

use portcullis_config::Period;
use portcullis_tls::config::ClientTlsConfig;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Where an API's requests go: one URL, or addresses with settings.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(untagged)]
pub(crate) enum UpstreamConfig {
    /// `http://host:port` or `https://host:port`, everything else at its default.
    Url(String),
    /// Addresses and settings.
    Settings(Box<UpstreamSettings>),
}

impl UpstreamConfig {
    /// The URLs, as they are written.
    pub(crate) fn addresses(&self) -> &[String] {
        match self {
            Self::Url(url) => std::slice::from_ref(url),
            Self::Settings(settings) => &settings.addresses,
        }
    }
}

/// Addresses and settings of an upstream.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct UpstreamSettings {
    /// URLs of the same scheme, `http` or `https`, without a path.
    #[schemars(length(min = 1, max = 64))]
    pub(crate) addresses: Vec<String>,
    /// How one is chosen.
    #[serde(default)]
    pub(crate) balance: BalanceConfig,
    /// Which HTTP is spoken.
    #[serde(default)]
    pub(crate) protocol: UpstreamProtocolConfig,
    /// Trust and identity for `https` addresses.
    #[serde(default)]
    pub(crate) tls: Option<ClientTlsConfig>,
    /// How long each phase may take.
    #[serde(default)]
    pub(crate) timeouts: UpstreamTimeoutsConfig,
    /// When an address is taken out after failures.
    #[serde(default)]
    pub(crate) circuit: CircuitConfig,
    /// When a failed request is tried again. Only idempotent ones ever are.
    #[serde(default)]
    pub(crate) retry: RetryConfig,
    /// A check that runs without traffic.
    #[serde(default)]
    pub(crate) health: Option<HealthConfig>,
    /// Requests under way at once; more are answered with 503.
    #[serde(default = "default_concurrency")]
    #[schemars(range(min = 1))]
    pub(crate) concurrency: usize,
    /// Unused connections kept open per worker and address.
    #[serde(default = "default_idle_connections")]
    pub(crate) idle_connections: usize,
}

impl UpstreamSettings {
    /// One address, defaults for the rest.
    pub(crate) fn of_url(url: &str) -> Self {
        Self {
            addresses: vec![url.to_owned()],
            balance: BalanceConfig::default(),
            protocol: UpstreamProtocolConfig::default(),
            tls: None,
            timeouts: UpstreamTimeoutsConfig::default(),
            circuit: CircuitConfig::default(),
            retry: RetryConfig::default(),
            health: None,
            concurrency: default_concurrency(),
            idle_connections: default_idle_connections(),
        }
    }
}

const fn default_concurrency() -> usize {
    4096
}

const fn default_idle_connections() -> usize {
    64
}

/// How an address is chosen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum BalanceConfig {
    /// In turn.
    #[default]
    RoundRobin,
    /// The one with the fewest requests under way.
    LeastOutstanding,
}

/// Which HTTP is spoken to an upstream.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum UpstreamProtocolConfig {
    /// HTTP/1.1.
    #[default]
    Http1,
    /// HTTP/2, over TLS or with prior knowledge; needed for gRPC.
    Http2,
}

/// How long each phase of a call to an upstream may take.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct UpstreamTimeoutsConfig {
    /// TCP and TLS.
    pub(crate) connect: Period,
    /// From the request sent to the response's head.
    pub(crate) first_byte: Period,
    /// Between two pieces of the response's body.
    pub(crate) between_bytes: Period,
    /// An unused connection is closed after this.
    pub(crate) idle: Period,
}

impl Default for UpstreamTimeoutsConfig {
    fn default() -> Self {
        Self {
            connect: Period(Duration::from_secs(5)),
            first_byte: Period(Duration::from_secs(30)),
            between_bytes: Period(Duration::from_secs(60)),
            idle: Period(Duration::from_secs(55)),
        }
    }
}

/// The circuit breaker of each address.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct CircuitConfig {
    /// Failures in a row that open it.
    #[schemars(range(min = 1))]
    pub(crate) failures: u32,
    /// How long it stays open before one request may probe.
    pub(crate) open_for: Period,
}

impl Default for CircuitConfig {
    fn default() -> Self {
        Self { failures: 5, open_for: Period(Duration::from_secs(10)) }
    }
}

/// Retries of idempotent requests.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct RetryConfig {
    /// Further attempts for one request.
    #[schemars(range(max = 5))]
    pub(crate) attempts: u32,
    /// Retries per hundred requests, over all requests to the upstream.
    #[schemars(range(max = 100))]
    pub(crate) budget_percent: u32,
    /// The longest wait before a further attempt. Each waits a random part of it, so that requests that
    /// failed together do not come back together.
    pub(crate) jitter: Period,
}

impl Default for RetryConfig {
    fn default() -> Self {
        Self { attempts: 1, budget_percent: 10, jitter: Period(Duration::from_millis(20)) }
    }
}

/// A health check of each address, apart from traffic.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct HealthConfig {
    /// Path to ask for; any 2xx is healthy.
    pub(crate) path: String,
    /// How often.
    #[serde(default = "default_health_interval")]
    pub(crate) interval: Period,
    /// How long an answer may take.
    #[serde(default = "default_health_timeout")]
    pub(crate) timeout: Period,
    /// Bad answers in a row that take an address out.
    #[serde(default = "default_unhealthy_after")]
    #[schemars(range(min = 1))]
    pub(crate) unhealthy_after: u32,
    /// Good answers in a row that bring it back.
    #[serde(default = "default_healthy_after")]
    #[schemars(range(min = 1))]
    pub(crate) healthy_after: u32,
}

const fn default_health_interval() -> Period {
    Period(Duration::from_secs(5))
}

const fn default_health_timeout() -> Period {
    Period(Duration::from_secs(2))
}

const fn default_unhealthy_after() -> u32 {
    3
}

const fn default_healthy_after() -> u32 {
    2
}
