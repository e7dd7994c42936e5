//! Decision points outside the gateway.

use portcullis_config::{Period, SecretReference};
use portcullis_tls::config::ClientTlsConfig;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::StrengthConfig;

/// A service that is asked whether a call is permitted, after every rule of this file has permitted it.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct DecisionPointConfig {
    /// Where it is asked, such as `https://pdp.example/access/v1/evaluation` or
    /// `http://127.0.0.1:8181/v1/data/shop/allow`. Plain `http` is taken for this machine only.
    pub(crate) url: String,
    /// How questions and answers are written.
    pub(crate) shape: ShapeConfig,
    /// Which facts it is told beside subject, method, API, operation and path template: `roles`, `scopes`,
    /// `acr`, `client`, `address`, `claim:NAME`, `path:NAME`, `query:NAME`, `header:NAME`, `body:/POINTER`.
    /// Headers that carry credentials are refused.
    #[serde(default)]
    pub(crate) facts: Vec<String>,
    /// How long an answer may take, connecting included.
    #[serde(default = "default_timeout")]
    pub(crate) timeout: Period,
    /// What happens when it cannot be asked or its answer cannot be read.
    #[serde(default)]
    pub(crate) on_failure: AskFailureConfig,
    /// `shadow` records what it says and lets pass.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) mode: Option<StrengthConfig>,
    /// For how long an answer holds for the same question. Unset: every call is asked about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) cache: Option<Period>,
    /// How many questions may be under way at once; a call beyond that counts as one that cannot be asked about.
    #[serde(default = "default_concurrency")]
    #[schemars(range(min = 1, max = 65_536))]
    pub(crate) concurrency: u32,
    /// The gateway's own token, sent as `Authorization: Bearer`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) token: Option<SecretReference>,
    /// Whether it may have a private or loopback address.
    #[serde(default)]
    pub(crate) allow_private_network: bool,
    /// Trust, for an `https` address; the public authorities where left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) tls: Option<ClientTlsConfig>,
}

/// How questions and answers are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum ShapeConfig {
    /// OpenID AuthZEN Authorization API 1.0: `{"decision": true}`.
    Authzen,
    /// The data API of Open Policy Agent: `{"result": true}` or `{"result": {"allow": true}}`.
    Opa,
}

/// What happens to a call that cannot be asked about.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum AskFailureConfig {
    /// It is refused with 503.
    #[default]
    Deny,
    /// It passes, and the record says so.
    Allow,
}

const fn default_timeout() -> Period {
    Period::from_millis(250)
}

const fn default_concurrency() -> u32 {
    256
}
