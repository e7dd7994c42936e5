//! How an issuer is written in `portcullis.yaml`, under `identity:`.

use std::borrow::Cow;
use std::path::PathBuf;

use portcullis_config::{ByteSize, Period, SecretReference};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize};

pub use crate::session::config::SessionConfig;

/// One issuer of access tokens that is believed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct IssuerConfig {
    /// The issuer's identifier, exactly as `iss` has it; a slash more or less makes another issuer.
    pub issuer: String,
    /// The name, or names, that this API has at the issuer; a token must carry one of them in `aud`.
    /// Must be set: without it, tokens minted for any other service would be accepted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub audience: Option<OneOrMany>,
    /// Where the issuer's keys are. When absent, the issuer's own metadata says so (OpenID Connect
    /// Discovery, RFC 8414).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub jwks: Option<JwksConfig>,
    /// Signature algorithms that are accepted: RS256, RS384, RS512, PS256, PS384, PS512, ES256,
    /// ES384, ES512, EdDSA. A key that names no algorithm is bound to the first one in this list
    /// that it could serve.
    #[serde(default = "default_algorithms")]
    pub algorithms: Vec<String>,
    /// Values of `typ` that an access token may have. `absent` stands for tokens without `typ`.
    /// Anything but
    /// `at+jwt` is a deviation from RFC 9068 and is warned of.
    #[serde(default = "default_token_types")]
    pub token_types: Vec<String>,
    /// How far the issuer's clock may differ from ours; 60s at most.
    #[serde(default = "default_clock_skew")]
    pub clock_skew: Period,
    /// Longest life of a token, from `iat` to `exp`. Not limited when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub maximum_lifetime: Option<Period>,
    /// The claim with the scopes, as a list or separated by spaces: `scope`, `scp`. A value that
    /// starts with `/` is a JSON pointer into the claims.
    #[serde(default = "default_scope_claim")]
    pub scope_claim: String,
    /// The claim with the list of roles: `roles`, `/realm_access/roles`.
    #[serde(default = "default_roles_claim")]
    pub roles_claim: String,
    /// Claims that a token must have. `iss`, `exp`, `aud` and `sub` cannot be left out; leaving out
    /// another one of the default is a deviation from RFC 9068 and is warned of.
    #[serde(default = "default_required_claims")]
    pub required_claims: Vec<String>,
    /// How the issuer's keys are kept.
    #[serde(default)]
    pub keys: KeysConfig,
    /// How many verified tokens are remembered, so that they need not be verified for each request; 0
    /// remembers none. A token of more than 1 KiB counts once per KiB.
    #[serde(default = "default_token_cache")]
    #[schemars(range(max = 1_000_000))]
    pub token_cache: u32,
    /// Whether keys and metadata may be fetched from private and loopback addresses. Needed for an
    /// issuer in the own network; otherwise it lets a bad address in metadata reach inside.
    #[serde(default)]
    pub allow_private_network: bool,
    /// How the issuer is asked about tokens that it alone can judge (RFC 7662). Absent: opaque tokens are
    /// refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub introspection: Option<IntrospectionConfig>,
    /// How users of browsers log in there. Absent: they do not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session: Option<SessionConfig>,
    /// What the issuer's `acr`, `amr` and `auth_time` mean, for operations that `require` strength.
    #[serde(default)]
    pub assurance: AssuranceConfig,
}

/// How an issuer is asked about a token.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct IntrospectionConfig {
    /// The introspection endpoint.
    pub url: String,
    /// Our client identifier at the issuer.
    pub client: String,
    /// Our client secret, sent as RFC 6749 §2.3.1 has it (`client_secret_basic`). Either this or `key`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret: Option<SecretReference>,
    /// Our private key, which signs who we are (`private_key_jwt`, RFC 7523): PKCS #8 in PEM, P-256 or
    /// Ed25519.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<SecretReference>,
    /// The name of that key at the issuer (`kid`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key_id: Option<String>,
    /// Which tokens are asked about: `opaque` ones, or `all` of the issuer's, so that each revocation is
    /// noticed within `cache`.
    #[serde(default)]
    pub tokens: AskedConfig,
    /// Longest time for which an answer is believed without asking again; a token that expires sooner is
    /// asked about sooner. Bounds how late a revocation is noticed.
    #[serde(default = "default_introspection_cache")]
    pub cache: Period,
    /// Longest time for which a refused token is refused without asking.
    #[serde(default = "default_introspection_refused")]
    pub refused_cache: Period,
    /// How many answers are remembered.
    #[serde(default = "default_token_cache")]
    #[schemars(range(min = 16, max = 1_000_000))]
    pub entries: u32,
    /// Time for one question. When the issuer does not answer, the request is refused with 503.
    #[serde(default = "default_introspection_timeout")]
    pub timeout: Period,
    /// Largest answer that is read.
    #[serde(default = "default_introspection_size")]
    pub size: ByteSize,
}

/// Which tokens an issuer is asked about.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum AskedConfig {
    /// Those that are no JWT.
    #[default]
    Opaque,
    /// JWTs too.
    All,
}

/// What an issuer's words for the strength of an authentication mean. What a token does not tell is taken
/// for the lowest assurance.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct AssuranceConfig {
    /// The words of a known product, as far as they are not set below.
    pub preset: PresetConfig,
    /// The claim with the authentication context; `acr`, or a JSON pointer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub acr_claim: Option<String>,
    /// The claim with the authentication methods; `amr`, or a JSON pointer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub amr_claim: Option<String>,
    /// The claim with the moment of the authentication; `auth_time`, or a JSON pointer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub auth_time_claim: Option<String>,
    /// Authentication contexts, each weaker than the next: who reaches one reaches those before it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub levels: Option<Vec<String>>,
    /// Authentication contexts that stand for a second factor.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub second_factor_acr: Option<Vec<String>>,
    /// Authentication methods that stand for a second factor (RFC 8176).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub second_factor_amr: Option<Vec<String>>,
}

/// Products whose words are known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum PresetConfig {
    /// The registered claims and the methods of RFC 8176.
    #[default]
    Standard,
    /// Keycloak.
    Keycloak,
    /// Microsoft Entra ID.
    Entra,
    /// Auth0.
    Auth0,
    /// Okta.
    Okta,
    /// ZITADEL.
    Zitadel,
}

/// What an API or operation requires of the credential, beyond being good. What an operation does not set
/// holds as for its API.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct RequireConfig {
    /// Only tokens that are bound to a key or certificate of the client (DPoP, RFC 9449; mutual TLS, RFC
    /// 8705): a stolen one is worthless.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sender_constrained: Option<bool>,
    /// Authentication contexts (`acr`) of which one, or a higher one of the issuer's `levels`, is needed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub acr: Option<Vec<String>>,
    /// Authentication methods (`amr`) that are all needed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub amr: Option<Vec<String>>,
    /// Names of which a client certificate needs one, where it is the credential: as under `certificates`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub certificate: Option<Vec<String>>,
    /// How long ago the caller may have authenticated (`auth_time`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_age: Option<Period>,
    /// Whether the caller must have used a second factor, as the issuer's `assurance` tells.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub second_factor: Option<bool>,
}

/// Whose client certificates a scheme accepts. The chain is judged in the handshake; see
/// `client_certificates` of a listener.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CertificateConfig {
    /// Subject alternative names of which one is needed: a URI or SPIFFE id, exactly or with `/*` for all
    /// that lies below; a DNS name, exactly or with `*.` for one label.
    #[schemars(length(min = 1))]
    pub names: Vec<String>,
}

/// Users with passwords (Basic, RFC 7617). A password is sent with each request and never ends by itself;
/// prefer API keys or tokens. Taken over TLS only.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PasswordConfig {
    /// Lines of `name:$argon2id$…`, as `argon2 SALT -id -e` writes them; m=19456 and t=2 at least.
    pub users: SecretReference,
    /// For how long a good password is believed without being checked again.
    #[serde(default = "default_password_memory")]
    pub remembered: Period,
}

/// A token for one upstream in place of the client's (RFC 8693). It never has more scope than the client's.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ExchangeConfig {
    /// The token endpoint of the issuer of the clients' tokens.
    pub url: String,
    /// Our client identifier there.
    pub client: String,
    /// Our client secret, sent as RFC 6749 §2.3.1 has it (`client_secret_basic`).
    pub secret: SecretReference,
    /// The upstream's name at the issuer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub audience: Option<String>,
    /// The upstream's address at the issuer (RFC 8707).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resource: Option<String>,
    /// Scopes to ask for; a caller who lacks one is refused. Unset: those of the client's token.
    #[serde(default)]
    pub scopes: Vec<String>,
    /// Time for one exchange. When the issuer does not answer, the request is refused with 503.
    #[serde(default = "default_introspection_timeout")]
    pub timeout: Period,
    /// Whether the endpoint may lie at a private or loopback address.
    #[serde(default)]
    pub allow_private_network: bool,
}

/// Tokens of our own that tell upstreams who is calling.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct InternalTokenConfig {
    /// `iss` of these tokens: the gateway's name for its upstreams, best its address.
    #[schemars(length(min = 1))]
    pub issuer: String,
    /// With what they are signed: `ES256` or `EdDSA`.
    #[serde(default)]
    pub algorithm: InternalAlgorithmConfig,
    /// How long one key signs; the next one is published an hour before it takes over, and the last one
    /// until its tokens have ended.
    #[serde(default = "default_rotation")]
    pub rotate: Period,
}

/// With what our own tokens are signed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum InternalAlgorithmConfig {
    /// ECDSA on P-256 with SHA-256.
    #[default]
    #[serde(rename = "ES256")]
    Es256,
    /// Ed25519.
    #[serde(rename = "EdDSA")]
    EdDsa,
}

/// Proofs that clients hold the key of their token (DPoP, RFC 9449).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct DpopConfig {
    /// Signature algorithms that proofs may use.
    pub algorithms: Vec<String>,
    /// How old a proof may be. Each is remembered for that long, so that it works once.
    pub window: Period,
    /// How many proofs are remembered per window; when it is full, further ones are refused with 503.
    #[schemars(range(min = 16, max = 10_000_000))]
    pub capacity: u32,
    /// How long a nonce of ours is good. When set, each proof must carry one, which shows that it was not
    /// made in advance; clients get it with the first refusal.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub nonce: Option<Period>,
}

impl Default for DpopConfig {
    fn default() -> Self {
        Self {
            algorithms: texts(&["ES256", "EdDSA", "ES384", "PS256", "RS256"]),
            window: Period::from_secs(60),
            capacity: 100_000,
            nonce: None,
        }
    }
}

/// A JWK Set: either a file or an address.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct JwksConfig {
    /// A file with the set, relative to the main configuration file. Read when the policy is loaded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<PathBuf>,
    /// The https address of the set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
}

/// How keys that are fetched are kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct KeysConfig {
    /// Age at which keys are fetched again, ahead of need.
    pub refresh: Period,
    /// Least time between two fetches that unknown key identifiers ask for.
    pub cooldown: Period,
    /// How much longer the last good keys serve when they cannot be fetched again.
    pub stale_for: Period,
    /// Time for one fetch, metadata included.
    pub timeout: Period,
    /// Largest document that is read.
    pub size: ByteSize,
    /// Most keys that are read.
    #[schemars(range(min = 1, max = 1024))]
    pub count: u16,
}

impl Default for KeysConfig {
    fn default() -> Self {
        Self {
            refresh: Period::from_secs(300),
            cooldown: Period::from_secs(30),
            stale_for: Period::from_secs(3600),
            timeout: Period::from_secs(5),
            size: ByteSize(256 * 1024),
            count: 64,
        }
    }
}

/// One text, or a list of them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct OneOrMany(pub Vec<String>);

impl<'de> Deserialize<'de> for OneOrMany {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl<'de> serde::de::Visitor<'de> for Visitor {
            type Value = OneOrMany;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a text or a list of texts")
            }

            fn visit_str<E>(self, text: &str) -> Result<OneOrMany, E> {
                Ok(OneOrMany(vec![text.to_owned()]))
            }

            fn visit_seq<A: serde::de::SeqAccess<'de>>(self, mut list: A) -> Result<OneOrMany, A::Error> {
                let mut texts = Vec::new();
                while let Some(text) = list.next_element()? {
                    texts.push(text);
                }
                Ok(OneOrMany(texts))
            }
        }
        deserializer.deserialize_any(Visitor)
    }
}

impl JsonSchema for OneOrMany {
    fn schema_name() -> Cow<'static, str> {
        "OneOrMany".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": ["string", "array"], "items": { "type": "string" } })
    }
}

/// Claims that RFC 9068 §2.2 wants in every access token.
pub(crate) const STANDARD_CLAIMS: [&str; 7] = ["iss", "exp", "aud", "sub", "client_id", "iat", "jti"];
/// Those without which no token is judged.
pub(crate) const INDISPENSABLE_CLAIMS: [&str; 4] = ["iss", "exp", "aud", "sub"];

fn texts(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|text| (*text).to_owned()).collect()
}

fn default_algorithms() -> Vec<String> {
    texts(&["RS256", "PS256", "ES256", "EdDSA"])
}

fn default_token_types() -> Vec<String> {
    texts(&["at+jwt"])
}

const fn default_clock_skew() -> Period {
    Period::from_secs(30)
}

fn default_scope_claim() -> String {
    "scope".into()
}

fn default_roles_claim() -> String {
    "roles".into()
}

fn default_required_claims() -> Vec<String> {
    texts(&STANDARD_CLAIMS)
}

const fn default_token_cache() -> u32 {
    10_000
}

const fn default_introspection_cache() -> Period {
    Period::from_secs(30)
}

const fn default_introspection_refused() -> Period {
    Period::from_secs(5)
}

const fn default_introspection_timeout() -> Period {
    Period::from_secs(3)
}

const fn default_introspection_size() -> ByteSize {
    ByteSize(64 * 1024)
}

const fn default_rotation() -> Period {
    Period::from_secs(24 * 3600)
}

const fn default_password_memory() -> Period {
    Period::from_secs(60)
}
