//! APIs, and overrides for single operations.

use std::collections::BTreeMap;
use std::path::PathBuf;

use portcullis_audit::OnFailureConfig;
use portcullis_authn::config::RequireConfig;
use portcullis_authz::config::AuthorizeConfig;
use portcullis_authz::rules::RulesConfig;
use portcullis_config::{ByteSize, Period};
use portcullis_contract::InlineOperation;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::bodies::{BodiesConfig, InvalidStatusConfig};
use super::documentation::DocumentationConfig;
use super::flows::FlowConfig;
use super::graphql::GraphqlConfig;
use super::hand_over::HandOverConfig;
use super::inventory::InventoryConfig;
use super::learn::LearnConfig;
use super::lifecycle::LifecycleConfig;
use super::limits::ApiLimitsConfig;
use super::listen::PlaintextConfig;
use super::objects::ObjectConfig;
use super::page_size::PageSizeConfig;
use super::responses::{ResponsesConfig, ResponsesOverride};
use super::upstream::UpstreamConfig;
use super::version::ApiVersionConfig;

/// One API: its contract, where it lives, and how strictly each stage works on it.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ApiConfig {
    /// The OpenAPI document (3.0 or 3.1), relative to this file.
    #[serde(default)]
    pub(crate) contract: Option<PathBuf>,
    /// Operations of an API without a document, in place of `contract`.
    #[serde(default)]
    pub(crate) operations: Vec<InlineOperation>,
    /// Learn the contract from traffic, in place of `contract` and `operations`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) learn: Option<LearnConfig>,
    /// How strictly the document is read.
    #[serde(default)]
    pub(crate) schemas: SchemasConfig,
    /// How request bodies are read.
    #[serde(default)]
    pub(crate) bodies: BodiesConfig,
    /// How many items a client may ask for at once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) page_size: Option<PageSizeConfig>,
    /// Host names under which the API is served; `*` for any. Unset: the hosts of the document's `servers`, or
    /// loopback names when it names none.
    #[serde(default)]
    pub(crate) hosts: Option<Vec<String>>,
    /// Path under which the API is served, cut off before the request is judged and forwarded.
    #[serde(default)]
    pub(crate) mount: Option<String>,
    /// Which version of which group it is, if there are several versions of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) version: Option<ApiVersionConfig>,
    /// Who owns it, where it runs, who reaches it, what it holds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) inventory: Option<InventoryConfig>,
    /// Where it stands in its life: deprecation, brownouts, sunset.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) lifecycle: Option<LifecycleConfig>,
    /// Serve the API's document to those who may call the API. Off where left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) documentation: Option<DocumentationConfig>,
    /// Where requests go.
    pub(crate) upstream: UpstreamConfig,
    /// What happens to this API's requests without TLS, in place of the listener's policy.
    #[serde(default)]
    pub(crate) plaintext: Option<PlaintextConfig>,
    /// How strictly each stage works: `enforce` or `shadow`.
    #[serde(default)]
    pub(crate) stages: StagesConfig,
    /// Demands on callers beyond the document's.
    #[serde(default)]
    pub(crate) authorize: AuthorizeConfig,
    /// Rules on who may call what: files of Cedar policies, and what they may speak of.
    #[serde(default)]
    pub(crate) rules: RulesConfig,
    /// Types of objects, by name: where their ids travel, and whose they are.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) objects: BTreeMap<String, ObjectConfig>,
    /// Operations that must succeed in an order, by the name of the flow.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) flows: BTreeMap<String, FlowConfig>,
    /// What a credential must be beyond good: bound to a key, or the proof of a strong or recent login.
    #[serde(default)]
    pub(crate) require: RequireConfig,
    /// Limits by peer, by caller and by what requests say.
    #[serde(default)]
    pub(crate) limits: ApiLimitsConfig,
    /// Browsers of other origins that may call.
    #[serde(default)]
    pub(crate) cors: Option<CorsConfig>,
    /// The client's token on its way to the upstream.
    #[serde(default)]
    pub(crate) credential: CredentialConfig,
    /// What the upstream is told of its callers.
    #[serde(default)]
    pub(crate) hand_over: HandOverConfig,
    /// The `Host` that the upstream sees.
    #[serde(default)]
    pub(crate) host_header: HostHeaderConfig,
    /// Hand an upstream's 5xx bodies on instead of replacing them.
    #[serde(default)]
    pub(crate) upstream_errors: UpstreamErrorsConfig,
    /// What happens to requests while the record cannot be written: `deny` refuses them before the upstream hears of
    /// them, for what must never happen unseen. With `audit.on_failure: deny` all are refused anyway.
    #[serde(default)]
    pub(crate) unrecorded: OnFailureConfig,
    /// How answers are held to the document.
    #[serde(default)]
    pub(crate) responses: ResponsesConfig,
    /// Overrides by selector: an operation id, `METHOD /path`, `tag:NAME` or `method:NAME`; the
    /// narrower wins, in this order.
    #[serde(default)]
    pub(crate) overrides: BTreeMap<String, OperationConfig>,
}

/// How strictly a document is read.
#[derive(Clone, Debug, Default, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct SchemasConfig {
    /// Object schemas that do not say `additionalProperties`: `closed` refuses members they do not name, which is
    /// what mass assignment needs to be stopped; `as_declared` is JSON Schema's own reading.
    pub(crate) objects: ObjectsConfig,
    /// Members marked `readOnly` in requests.
    pub(crate) read_only: ReadOnlyConfig,
    /// Schemas without bounds on length, size or number.
    pub(crate) unbounded: UnboundedConfig,
    /// The status of a refusal when a well-formed request breaks the contract: 400 or 422.
    pub(crate) invalid_status: InvalidStatusConfig,
}

/// How an object schema that does not set `additionalProperties` is read in requests.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum ObjectsConfig {
    /// Only named members pass.
    #[default]
    Closed,
    /// As JSON Schema has it.
    AsDeclared,
}

/// What happens to `readOnly` members in requests.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum ReadOnlyConfig {
    /// They break the contract.
    #[default]
    Refused,
    /// They pass.
    Accepted,
}

/// What happens to schemas without bounds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum UnboundedConfig {
    /// Nothing.
    Accepted,
    /// A warning.
    #[default]
    Reported,
    /// The document is refused.
    Refused,
}

/// Settings of single operations; what is unset holds as for the API.
#[derive(Clone, Debug, Default, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct OperationConfig {
    /// `public`: no credential is needed. Said here or as `x-portcullis-access: public` in the document, never by default.
    pub(crate) access: Option<AccessConfig>,
    /// How strictly each stage works.
    pub(crate) stages: StagesConfig,
    /// Demands on callers.
    pub(crate) authorize: AuthorizeConfig,
    /// What a credential must be beyond good; what is not set holds as for the API.
    pub(crate) require: RequireConfig,
    /// Limit by caller, beside the API's.
    pub(crate) limits: ApiLimitsConfig,
    /// Largest body.
    pub(crate) body: Option<ByteSize>,
    /// What a GraphQL request may ask for; wins over the document. `{}` sets the usual limits.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) graphql: Option<GraphqlConfig>,
    /// Protocols that a client may switch to: `websocket`.
    pub(crate) upgrade: Vec<UpgradeConfig>,
    /// Where they stand in their life: deprecation, brownouts, sunset.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) lifecycle: Option<LifecycleConfig>,
    /// Hand an upstream's 5xx bodies on instead of replacing them.
    pub(crate) upstream_errors: Option<UpstreamErrorsConfig>,
    /// What happens to requests while the record cannot be written; wins over the API's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) unrecorded: Option<OnFailureConfig>,
    /// How their answers are held to the document.
    pub(crate) responses: ResponsesOverride,
}

/// Who may call without a credential.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum AccessConfig {
    /// Everybody.
    Public,
}

/// A protocol that HTTP/1.1 can be switched to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum UpgradeConfig {
    /// RFC 6455.
    Websocket,
}

/// What becomes of an upstream's 5xx bodies.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum UpstreamErrorsConfig {
    /// Replaced by a plain problem document.
    #[default]
    Replace,
    /// Handed on.
    Pass,
}

/// How strictly each stage works.
#[derive(Clone, Debug, Default, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct StagesConfig {
    /// Limits by peer and caller.
    pub(crate) limit: Option<StrengthConfig>,
    /// Credentials.
    pub(crate) identify: Option<StrengthConfig>,
    /// Scopes and roles.
    pub(crate) authorize: Option<StrengthConfig>,
    /// Parameters and bodies.
    pub(crate) validate: Option<StrengthConfig>,
}

/// Whether a refusal refuses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum StrengthConfig {
    /// A refusal refuses.
    Enforce,
    /// A refusal is recorded as `would_deny`, and the request passes.
    Shadow,
}

/// Cross-origin calls from browsers (Fetch standard).
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct CorsConfig {
    /// Origins, compared exactly: `https://app.example.com`. Neither `*` nor `null`.
    #[schemars(length(min = 1))]
    pub(crate) origins: Vec<String>,
    /// Request headers a page may set, beside the safelisted ones.
    #[serde(default = "default_cors_headers")]
    pub(crate) headers: Vec<String>,
    /// Response headers a page may read, beside the gateway's own.
    #[serde(default)]
    pub(crate) expose: Vec<String>,
    /// Whether cookies and client certificates may come along.
    #[serde(default)]
    pub(crate) credentials: bool,
    /// How long a browser may remember a preflight.
    #[serde(default = "default_cors_age")]
    pub(crate) max_age: Period,
}

fn default_cors_headers() -> Vec<String> {
    ["authorization", "content-type"].map(String::from).to_vec()
}

const fn default_cors_age() -> Period {
    Period(std::time::Duration::from_secs(600))
}

/// The client's token on its way to the upstream.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum CredentialConfig {
    /// Taken away: the upstream learns the caller from the gateway's own headers.
    #[default]
    Strip,
    /// Handed on as it came.
    Pass,
}

/// The `Host` that the upstream sees.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum HostHeaderConfig {
    /// The authority that the client asked for.
    #[default]
    Client,
    /// The upstream's own.
    Upstream,
}
