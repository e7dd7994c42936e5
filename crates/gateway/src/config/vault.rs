//! Where `${vault:PATH#FIELD}` is read.

use portcullis_config::{Period, SecretReference};
use portcullis_tls::config::ClientTlsConfig;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A HashiCorp Vault or OpenBao server with a key-value engine of version 2.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct VaultConfig {
    /// Its URL, `https://vault.internal:8200`. Plain `http` is taken for this machine only, as with an agent.
    pub(crate) address: String,
    /// The token to ask with; renewed before it ends, if it can be. This or `approle`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) token: Option<SecretReference>,
    /// A role to log in with; again whenever its token ends.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) approle: Option<AppRoleConfig>,
    /// Where the key-value engine is mounted.
    #[serde(default = "default_mount")]
    #[schemars(regex(pattern = r"^[A-Za-z0-9_.-]+(/[A-Za-z0-9_.-]+)*$"))]
    pub(crate) mount: String,
    /// The namespace, where the server has several.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) namespace: Option<String>,
    /// Trust, for an `https` address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) tls: Option<ClientTlsConfig>,
    /// How often the secrets in use are read again. One that has changed is taken up as by a reload.
    #[serde(default = "default_refresh")]
    pub(crate) refresh: Period,
}

/// Vault's login for machines.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct AppRoleConfig {
    /// The role.
    pub(crate) role_id: SecretReference,
    /// What proves it.
    pub(crate) secret_id: SecretReference,
    /// Where the method is mounted.
    #[serde(default = "default_method")]
    #[schemars(regex(pattern = r"^[A-Za-z0-9_.-]+(/[A-Za-z0-9_.-]+)*$"))]
    pub(crate) mount: String,
}

fn default_mount() -> String {
    "secret".into()
}

fn default_method() -> String {
    "approle".into()
}

fn default_refresh() -> Period {
    Period(std::time::Duration::from_secs(60))
}
