//! Listeners.

use portcullis_tls::config::ServerTlsConfig;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// One address to listen on.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ListenConfig {
    /// `host:port`, e.g. `0.0.0.0:8443` or `[::]:8443`. Port 0 takes any free one.
    pub(crate) address: String,
    /// TLS or plaintext. Unset: plaintext on the ports 80 and 8080, or where `plaintext` is set; TLS elsewhere.
    #[serde(default)]
    pub(crate) protocol: Option<ProtocolConfig>,
    /// Certificates and client certificates. Unset: a development certificate is minted.
    #[serde(default)]
    pub(crate) tls: Option<ServerTlsConfig>,
    /// What a plaintext listener does. Default `guard`.
    #[serde(default)]
    pub(crate) plaintext: Option<PlaintextConfig>,
    /// Says that plaintext beyond loopback is wanted here, e.g. behind a TLS terminator. Only with `plaintext: serve`.
    #[serde(default)]
    pub(crate) exposed_plaintext: bool,
    /// Port to which plaintext requests are redirected. Default: the first TLS listener's.
    #[serde(default)]
    pub(crate) redirect_port: Option<u16>,
}

/// What is spoken on a listener.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum ProtocolConfig {
    /// TLS 1.2 or 1.3, then HTTP/1.1 or HTTP/2.
    Tls,
    /// HTTP without TLS.
    Plaintext,
}

/// What happens to requests that come without TLS.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum PlaintextConfig {
    /// Redirects what carries no credential (308); answers what does with 403, an audit event and a warning.
    #[default]
    Guard,
    /// Redirects everything (308).
    Redirect,
    /// Closes the connection without an answer.
    Refuse,
    /// Serves the API. Loopback only, unless `exposed_plaintext` says otherwise.
    Serve,
}
