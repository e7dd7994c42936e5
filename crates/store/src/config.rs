//! How the store is written in `portcullis.yaml`.

use std::path::PathBuf;

use portcullis_config::{Period, SecretReference};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Where keys, revocations and sessions are kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct StoreConfig {
    /// The SQLite file, made readable by its owner only. Unset: `store.db` in the folder that `state` names.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file: Option<PathBuf>,
    /// The address of a PostgreSQL database that all replicas share, as a secret, since it holds a password:
    /// `postgresql://user:password@host/database`. TLS is demanded unless the host is this machine.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub postgresql: Option<SecretReference>,
    /// At least 32 random bytes (`openssl rand -hex 32`), from which the keys are derived that digest API keys and
    /// session ids and seal sessions. Unset: made once and kept in `store.key` beside the SQLite file. Whoever
    /// loses it loses every API key.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub secret: Option<SecretReference>,
    /// Secrets that were in use before. What was made with them is still recognized, and nothing new is made.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub previous_secrets: Vec<SecretReference>,
    /// How often it is asked what other processes changed: the longest time after which a revocation holds.
    pub poll: Period,
    /// How long credentials are judged by what was known last while the store cannot be read. After that they
    /// are refused with 503, since what was revoked meanwhile is not known.
    pub grace: Period,
}

impl Default for StoreConfig {
    fn default() -> Self {
        Self {
            file: None,
            postgresql: None,
            secret: None,
            previous_secrets: Vec::new(),
            poll: Period(std::time::Duration::from_millis(250)),
            grace: Period::from_secs(30),
        }
    }
}
