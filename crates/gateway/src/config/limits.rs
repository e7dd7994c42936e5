//! Limits of APIs and operations: by address, by caller, by whatever a request says; guesses; what gives way first.

use portcullis_config::Period;
use portcullis_limits::QuotaConfig;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Limits of an API or operation. What an operation says holds beside what its API says.
#[derive(Clone, Debug, Default, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct ApiLimitsConfig {
    /// Requests by address, of the API as a whole; all of these quotas hold.
    pub(crate) peer: Vec<QuotaConfig>,
    /// Requests by authenticated caller, by address where the caller is anonymous; all of these quotas hold.
    pub(crate) caller: Vec<QuotaConfig>,
    /// Requests by anything else: a tenant, a client, a field of the request, all together, or several of these.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) keyed: Vec<KeyedConfig>,
    /// How much one request spends of every quota that counts requests. By default 1.
    #[schemars(range(min = 1))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) cost: Option<u32>,
    /// Calls that one caller may have under way at once.
    #[schemars(range(min = 1))]
    pub(crate) concurrency: Option<u32>,
    /// Whether an operation begins or renews an authentication. Those that look as if they did are taken for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) class: Option<ClassConfig>,
    /// How guesses at accounts are recognized and stopped. Of single operations only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) attempts: Option<AttemptsConfig>,
    /// What gives way when more requests are under way than can be: the lowest priority first.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) priority: Option<PriorityConfig>,
}

/// Quotas for each value of a key.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct KeyedConfig {
    /// Whose budget is spent; several parts make one key. An empty list is everybody together.
    pub(crate) by: Vec<ByConfig>,
    /// On which operations, which share the budget: operation ids, `METHOD /path` or `tag:NAME`. By default all.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) on: Vec<String>,
    /// How many; all of these hold.
    #[schemars(length(min = 1))]
    pub(crate) quotas: Vec<QuotaConfig>,
}

/// A part of a key.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum ByConfig {
    /// The client's address; IPv6 by `limits.ipv6_prefix`.
    Address,
    /// The authenticated caller, or the address of an anonymous one.
    Caller,
    /// The client or API key through which the caller acts, or the caller if there is none.
    Client,
    /// The operation: each has a budget of its own.
    Operation,
    /// The value of a claim of the caller, such as a tenant.
    Claim(String),
    /// A parameter of the path, by its name in the document.
    Path(String),
    /// A query parameter.
    Query(String),
    /// A header.
    Header(String),
    /// A JSON pointer into the body.
    Body(String),
}

/// What an operation is, as far as limits are concerned.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum ClassConfig {
    /// Like any other.
    Ordinary,
    /// A login, token request, one-time code, password reset or recovery: `limits.authentication` holds for it.
    Authentication,
}

/// How guesses at accounts are recognized and stopped. Every request counts as a failure until it is answered, so
/// that a thousand at once are no better than one after the other.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct AttemptsConfig {
    /// Where the request names the account: one of `path`, `query`, `header`, `body`. Unset: failures are counted by
    /// address alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) account: Option<ByConfig>,
    /// Where the request carries the password: one of `query`, `header`, `body`. Known only to detection, which tells
    /// many passwords at one account, and one password at many, from forgetfulness: as a keyed digest, for a quarter
    /// of an hour, in memory.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) password: Option<ByConfig>,
    /// What a failed attempt looks like.
    pub(crate) failed: FailedConfig,
    /// Failures at one account, from all addresses that have not succeeded there lately. The first quota slows
    /// down, the second one blocks for a while; neither does so for good.
    pub(crate) per_account: Vec<QuotaConfig>,
    /// Failures of one address, at all accounts.
    pub(crate) per_address: Vec<QuotaConfig>,
    /// How long an address that succeeded at an account is known there. It has tries of its own: nobody else can
    /// use them up.
    pub(crate) familiar: Period,
}

/// What a failed attempt looks like. Answers of 5xx say nothing of an attempt.
#[derive(Clone, Debug, Default, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct FailedConfig {
    /// The statuses of such answers. By default all from 400 to 499.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) statuses: Vec<u16>,
    /// What an answer with another status says, if that is how it says it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) answer: Option<FailedAnswerConfig>,
}

/// A member of a JSON answer that tells a failed attempt.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct FailedAnswerConfig {
    /// A JSON pointer into the answer: `/ok`.
    pub(crate) at: String,
    /// What stands there after a failure: `[false]`.
    #[schemars(length(min = 1))]
    pub(crate) is: Vec<serde_json::Value>,
}

/// What gives way first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum PriorityConfig {
    /// From 70 percent on.
    Low,
    /// From 85 percent on.
    #[default]
    Normal,
    /// From 95 percent on.
    High,
    /// Not before all is used.
    Critical,
}

impl Default for AttemptsConfig {
    fn default() -> Self {
        let quota =
            |rate: &str, burst| QuotaConfig { rate: rate.parse().ok(), burst, ..QuotaConfig::default() };
        Self {
            account: None,
            password: None,
            failed: FailedConfig::default(),
            per_account: vec![quota("6/1m", Some(3)), quota("10/1h", None)],
            per_address: vec![quota("20/1m", Some(10)), quota("100/1h", None)],
            familiar: Period(std::time::Duration::from_secs(30 * 86_400)),
        }
    }
}
