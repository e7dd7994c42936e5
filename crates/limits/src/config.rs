//! How limits are written in `portcullis.yaml`.

use portcullis_config::Rate;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// One quota.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct QuotaConfig {
    /// The name that clients see in `RateLimit-Policy`; letters, digits, `-`, `_` and `.`. By default the
    /// name of the setting, with a number from the second quota on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// How many in how much time: `100/s`, `600/5m`, `10000/1d`.
    pub rate: Rate,
    /// How many may come at once. By default the whole count of the rate. In any one window at most
    /// `burst` plus the count are admitted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub burst: Option<u32>,
}

/// How many credentials may fail before no more are looked at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FailuresConfig {
    /// Different bad credentials from one peer.
    #[serde(default = "failures_per_peer")]
    pub peer: QuotaConfig,
    /// Repeats of one bad credential, from wherever.
    #[serde(default = "failures_per_credential")]
    pub credential: QuotaConfig,
}

/// How often, how many at once, how many failures.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LimitsConfig {
    /// Requests of one peer, before anything else is looked at. All quotas of the list hold together; an
    /// empty list sets none.
    #[serde(default = "requests_per_peer")]
    pub peer: Vec<QuotaConfig>,
    /// Requests of one authenticated caller.
    #[serde(default)]
    pub caller: Vec<QuotaConfig>,
    /// Failed credentials.
    #[serde(default)]
    pub failures: FailuresConfig,
    /// Connections of one peer at a time.
    #[serde(default = "connections_per_peer")]
    pub peer_connections: u32,
    /// Calls of one authenticated caller at a time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub caller_concurrency: Option<u32>,
    /// How many leading bits of an IPv6 address make one peer; 32 to 128.
    #[serde(default = "ipv6_prefix")]
    #[schemars(range(min = 32, max = 128))]
    pub ipv6_prefix: u8,
    /// How many keys each quota remembers at a time, at 32 bytes each. Beyond that, newcomers share
    /// budgets; nobody who owes something is forgotten.
    #[serde(default = "capacity")]
    #[schemars(range(min = 1024, max = 16_777_216))]
    pub capacity: u32,
}

impl Default for FailuresConfig {
    fn default() -> Self {
        Self { peer: failures_per_peer(), credential: failures_per_credential() }
    }
}

impl Default for LimitsConfig {
    fn default() -> Self {
        Self {
            peer: requests_per_peer(),
            caller: Vec::new(),
            failures: FailuresConfig::default(),
            peer_connections: connections_per_peer(),
            caller_concurrency: None,
            ipv6_prefix: ipv6_prefix(),
            capacity: capacity(),
        }
    }
}

fn quota(count: u32, seconds: u64) -> QuotaConfig {
    let rate = Rate { count, per: std::time::Duration::from_secs(seconds) };
    QuotaConfig { name: None, rate, burst: None }
}

/// Generous: many people may sit behind one address. It stops floods, not use.
fn requests_per_peer() -> Vec<QuotaConfig> {
    vec![quota(500, 1)]
}

fn failures_per_peer() -> QuotaConfig {
    quota(20, 60)
}

fn failures_per_credential() -> QuotaConfig {
    quota(5, 60)
}

fn connections_per_peer() -> u32 {
    256
}

fn ipv6_prefix() -> u8 {
    64
}

fn capacity() -> u32 {
    65_536
}
