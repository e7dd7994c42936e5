//! Several versions of one API side by side.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Which version of which group an API is.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ApiVersionConfig {
    /// The group: a name under `versions`.
    pub(crate) of: String,
    /// The version's name, such as `v2`. A `v` before a number makes no difference.
    #[schemars(regex(pattern = "^[a-z0-9][a-z0-9._-]{0,31}$"))]
    pub(crate) name: String,
}

/// A group of versions of one API. Each is an entry under `apis` with a `version`. Where they have mounts or hosts
/// of their own, those tell them apart; `by` is for requests that say it in another way, or in both.
#[derive(Clone, Debug, Default, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct VersionsConfig {
    /// How a request says which version it wants, beside where it goes.
    pub(crate) by: VersionByConfig,
    /// The version for requests that do not say it, where several are at one place. Unset: they are refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) default: Option<String>,
    /// Versions that are gone for good, by name: answered with 410, without a document or an upstream.
    pub(crate) gone: BTreeMap<String, GoneConfig>,
}

/// How a request says which version it wants. Two that differ are refused.
#[derive(Clone, Debug, Default, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct VersionByConfig {
    /// A header that names it, such as `X-API-Version`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(regex(pattern = "^[A-Za-z0-9-]{1,64}$"))]
    pub(crate) header: Option<String>,
    /// A parameter of the media types in `Accept` and `Content-Type`, such as `version`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(regex(pattern = "^[A-Za-z0-9-]{1,32}$"))]
    pub(crate) media_type: Option<String>,
    /// A media type of your own with `{version}` in it, such as `application/vnd.shop.{version}+json`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(regex(pattern = "^[a-z0-9.-]+/[a-z0-9.+-]*\\{version\\}[a-z0-9.+-]*$"))]
    pub(crate) vendor: Option<String>,
}

/// A version that is gone.
#[derive(Clone, Debug, Default, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct GoneConfig {
    /// Where it was mounted, if it had a mount of its own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) mount: Option<String>,
    /// Its host names. Unset: those of the group's other versions.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) hosts: Option<Vec<String>>,
    /// Since when (RFC 3339). Unset: always.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) since: Option<String>,
    /// What to use instead: a URL or a path.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) successor: Option<String>,
    /// The page for people about what this means for them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) policy: Option<String>,
}
