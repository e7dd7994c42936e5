//! How limits are written in `portcullis.yaml`.

use portcullis_config::Rate;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::shared::config::SharedConfig;

/// One quota: either a `rate` that comes back bit by bit, or a `fixed` number for each day or month.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct QuotaConfig {
    /// The name that clients see in `RateLimit-Policy`; letters, digits, `-`, `_` and `.`. By default the
    /// name of the setting, with a number from the second quota on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// How many in how much time: `100/s`, `600/5m`, `10000/1d`. What was spent comes back evenly.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rate: Option<Rate>,
    /// How many may come at once. By default the whole count of the rate. In any one window at most
    /// `burst` plus the count are admitted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub burst: Option<u32>,
    /// How many in each day or month, in place of `rate`. All of it comes back when the next one begins.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fixed: Option<FixedConfig>,
    /// What is counted.
    pub counts: CountsConfig,
    /// Whether a quota that is used up refuses, or is only recorded.
    pub mode: QuotaModeConfig,
    /// At how many percent of it an event says that it runs out: for budgets that cost money.
    #[schemars(range(min = 1, max = 99))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub alert: Option<u8>,
}

/// So many in each day or month.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FixedConfig {
    /// How many.
    #[schemars(range(min = 1))]
    pub count: u32,
    /// In each `day` or `month`.
    pub every: EveryConfig,
    /// Where days begin: the name of a time zone of the system, e.g. `Europe/Berlin`. By default UTC.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub zone: Option<String>,
}

/// How long a fixed quota lasts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum EveryConfig {
    /// From midnight to midnight.
    Day,
    /// From the first to the first.
    Month,
}

/// What a quota counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum CountsConfig {
    /// Requests, each as much as its operation's `cost`.
    #[default]
    Requests,
    /// The same, but only those that are answered with success. Those under way count as if they were.
    Served,
    /// Bytes of request bodies.
    ContentBytes,
}

/// Whether a quota refuses.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum QuotaModeConfig {
    /// Who has used it up is refused.
    #[default]
    Enforce,
    /// Who has used it up is let through, and it is recorded that he would have been refused.
    Shadow,
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
    /// Requests of one address to one operation that begins or renews an authentication: login, token, one-time
    /// code, password reset, recovery. Holds where an operation's `limits.class` is `authentication`.
    #[serde(default = "authentications")]
    pub authentication: Vec<QuotaConfig>,
    /// Whether the `RateLimit` field says by `pk` which of a client's budgets was spent, as opaque bytes.
    #[serde(default)]
    pub partition_keys: PartitionKeysConfig,
    /// Calls of one authenticated caller at a time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub caller_concurrency: Option<u32>,
    /// Requests that one worker may have under way. When they fill up, those of low priority give way first:
    /// see `limits.priority` of APIs and operations.
    #[serde(default = "under_way")]
    #[schemars(range(min = 1))]
    pub under_way: u32,
    /// Where several gateways count together what callers spend. Unset: each counts for itself. What is limited by peer is
    /// always counted by each gateway for itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shared: Option<SharedConfig>,
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

/// Whether clients are shown partition keys.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum PartitionKeysConfig {
    /// They are not.
    #[default]
    Hidden,
    /// They are: bytes of a keyed hash, from which nobody's name or address can be read.
    Shown,
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
            authentication: authentications(),
            partition_keys: PartitionKeysConfig::default(),
            caller_concurrency: None,
            under_way: under_way(),
            shared: None,
            ipv6_prefix: ipv6_prefix(),
            capacity: capacity(),
        }
    }
}

fn quota(count: u32, seconds: u64) -> QuotaConfig {
    let rate = Rate { count, per: std::time::Duration::from_secs(seconds) };
    QuotaConfig { rate: Some(rate), ..QuotaConfig::default() }
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

/// A person who mistypes gets a few tries; a machine gets no more.
fn authentications() -> Vec<QuotaConfig> {
    vec![quota(5, 60), quota(100, 86_400)]
}

fn connections_per_peer() -> u32 {
    256
}

/// More than a core can keep moving, and less than fills its memory.
fn under_way() -> u32 {
    10_000
}

fn ipv6_prefix() -> u8 {
    64
}

fn capacity() -> u32 {
    65_536
}
