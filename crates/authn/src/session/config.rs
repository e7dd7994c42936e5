//! Logins of browsers as written, under `identity.<scheme>.session`.

use portcullis_config::{ByteSize, Period, SecretReference};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Logs users of browsers in at the issuer and keeps their tokens here; the browser gets a cookie. Each API that
/// accepts the scheme has `login`, `callback`, `logout`, `session` and `backchannel-logout` below `path`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SessionConfig {
    /// Our client identifier at the issuer.
    #[schemars(length(min = 1))]
    pub client: String,
    /// Our client secret, sent as RFC 6749 §2.3.1 has it (`client_secret_basic`). Either this or `key`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret: Option<SecretReference>,
    /// Our private key, which signs who we are (`private_key_jwt`, RFC 7523): PKCS #8 in PEM, P-256 or Ed25519.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<SecretReference>,
    /// The name of that key at the issuer (`kid`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key_id: Option<String>,
    /// What is asked for. `openid` cannot be left out; with `offline_access` most issuers give refresh tokens.
    #[serde(default = "default_scopes")]
    pub scopes: Vec<String>,
    /// For which API the access token is asked, where the issuer wants to be told (RFC 8707).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resource: Option<String>,
    /// Authentication contexts that are asked for (`acr_values`). What an operation needs is for `require` to say.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub acr: Vec<String>,
    /// What the issuer asks the user in any case (`prompt`). Unset: `consent` with `offline_access`, as OpenID
    /// Connect Core §11 wants it, else nothing; an empty text asks for nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prompt: Option<String>,
    /// How long ago the user may have authenticated when a login begins (`max_age`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_age: Option<Period>,
    /// Below which path of an API the places of the login are.
    #[serde(default = "default_path")]
    pub path: String,
    /// The name of the cookie; begins with `__Host-`.
    #[serde(default = "default_cookie")]
    pub cookie: String,
    /// Whether the cookie comes along when a link on another site leads here: `lax` or `strict`.
    #[serde(default)]
    pub same_site: SameSiteConfig,
    /// How long a session lasts that is not used. 15m for AAL3 (NIST SP 800-63B).
    #[serde(default = "default_idle")]
    pub idle: Period,
    /// How long a session lasts in any case. 12h for AAL3.
    #[serde(default = "default_absolute")]
    pub absolute: Period,
    /// How long a login may take.
    #[serde(default = "default_login")]
    pub login: Period,
    /// How many logins may be under way at once; further ones are refused with 503.
    #[serde(default = "default_logins")]
    #[schemars(range(min = 1, max = 10_000_000))]
    pub logins: u32,
    /// Where a login ends that does not say where, or says somewhere else than here.
    #[serde(default = "default_page")]
    pub after_login: String,
    /// Where the issuer sends the user after a logout; must be registered there, with the origin in front.
    #[serde(default = "default_page")]
    pub after_logout: String,
    /// Time for one question to the issuer.
    #[serde(default = "default_timeout")]
    pub timeout: Period,
    /// Largest answer of the issuer that is read.
    #[serde(default = "default_size")]
    pub size: ByteSize,
    /// How many sessions are remembered so that the store need not be asked for each request. About 1 KiB each.
    #[serde(default = "default_remembered")]
    #[schemars(range(min = 16, max = 10_000_000))]
    pub remembered: u32,
}

/// When the cookie comes along.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum SameSiteConfig {
    /// Also when a link on another site leads here.
    #[default]
    Lax,
    /// Only from pages of the same site.
    Strict,
}

fn default_scopes() -> Vec<String> {
    vec!["openid".into(), "offline_access".into()]
}

fn default_path() -> String {
    "/.portcullis".into()
}

fn default_cookie() -> String {
    "__Host-session".into()
}

const fn default_idle() -> Period {
    Period::from_secs(3600)
}

const fn default_absolute() -> Period {
    Period::from_secs(24 * 3600)
}

const fn default_login() -> Period {
    Period::from_secs(600)
}

const fn default_logins() -> u32 {
    100_000
}

fn default_page() -> String {
    "/".into()
}

const fn default_timeout() -> Period {
    Period::from_secs(5)
}

const fn default_size() -> ByteSize {
    ByteSize(64 * 1024)
}

const fn default_remembered() -> u32 {
    10_000
}
