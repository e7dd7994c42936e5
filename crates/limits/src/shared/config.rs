//! How counts that several gateways share are written in `portcullis.yaml`.

use portcullis_config::{Period, SecretReference};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A Valkey or Redis server at which several gateways count together.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SharedConfig {
    /// Host and port of each server that may be the primary: `["cache-1.internal:6379", "cache-2.internal:6379"]`. The
    /// first one that takes a count is used; a replica says that it does not.
    pub servers: Vec<String>,
    /// At least 32 random bytes (`openssl rand -hex 32`), the same for every gateway. Whose budget a count is, is hashed
    /// with it: nobody reads an address or a name from the server.
    pub secret: SecretReference,
    /// How many gateways share the counts. While the server is lost, each grants this part of every quota.
    #[schemars(range(min = 1, max = 1000))]
    pub replicas: u32,
    /// The user of the server's access list. Unset: the default user.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// The user's password.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub password: Option<SecretReference>,
    /// TLS to the server; `{}` is enough if a public authority vouches for it. Demanded, unless every server is this
    /// machine.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tls: Option<SharedTlsConfig>,
    /// What every key at the server begins with, in braces: in a cluster all are in one slot. Two sets of gateways that
    /// use one server take two prefixes.
    #[serde(default = "prefix")]
    pub prefix: String,
    /// The longest that a request waits for the server, `1ms` to `1s`. Then it is counted without it.
    #[serde(default = "timeout")]
    pub timeout: Period,
    /// What happens while the server is lost.
    #[serde(default)]
    pub when_lost: WhenLost,
    /// How many units of a busy key one gateway takes at once, so that it need not ask for each, while less than half of
    /// the quota is used. A quota may then be exceeded for a moment by as many for each gateway. Unset: none, and every
    /// quota is exact.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 10000))]
    pub lease: Option<u32>,
}

/// TLS to the server.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct SharedTlsConfig {
    /// PEM file with the authorities that may vouch for the server, instead of the public ones.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub authorities: Option<String>,
    /// The name its certificate must have, if it is not the host of its address.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub server_name: Option<String>,
}

/// What happens while the server is lost.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum WhenLost {
    /// Each gateway counts by itself and grants its part of every quota. Limits of logins refuse with 503 beyond that.
    #[default]
    CountAlone,
    /// Whatever has a limit by caller is refused with 503.
    Refuse,
}

fn prefix() -> String {
    "portcullis".to_owned()
}

/// More than a healthy server of the same site ever needs, and less than a caller notices.
fn timeout() -> Period {
    Period(std::time::Duration::from_millis(50))
}
