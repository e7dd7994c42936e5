//! How an issuer is written in `portcullis.yaml`, under `identity:`.

use std::borrow::Cow;
use std::path::PathBuf;

use portcullis_config::{ByteSize, Period};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize};

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
