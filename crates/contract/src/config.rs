//! Operations of an API that has no OpenAPI document, as `portcullis.yaml` lists them.

use std::collections::BTreeMap;

use portcullis_config::ByteSize;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// One operation of an API without a document.
#[derive(Clone, Debug, Default, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct InlineOperation {
    /// The method, in upper case.
    #[schemars(regex(pattern = "^[A-Z]+$"))]
    pub method: String,
    /// The path template: `/orders/{id}`. `{*rest}` at the end takes all that is left.
    #[schemars(regex(pattern = "^/"))]
    pub path: String,
    /// The name by which rules select the operation; method and path where left out.
    #[serde(default)]
    pub id: Option<String>,
    /// Names by which rules select several operations.
    #[serde(default)]
    pub tags: Vec<String>,
    /// `public` if anybody may call it.
    #[serde(default)]
    pub access: Option<InlineAccess>,
    /// Who may call it: alternatives of scheme names with the scopes each needs.
    #[serde(default)]
    pub security: Vec<BTreeMap<String, Vec<String>>>,
    /// What body it takes. Where left out: none for GET, HEAD, DELETE and OPTIONS, any for other methods.
    #[serde(default)]
    pub body: Option<InlineBody>,
    /// The largest body.
    #[serde(default)]
    pub body_limit: Option<ByteSize>,
    /// The query parameters that may be sent; any where left out.
    #[serde(default)]
    pub query: Option<Vec<String>>,
    /// Whether it is deprecated.
    #[serde(default)]
    pub deprecated: bool,
}

/// Who may call an operation, other than by credentials.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum InlineAccess {
    /// Anybody.
    Public,
}

/// The body that an operation takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum InlineBody {
    /// None: a request with one is refused.
    None,
    /// Any, streamed and not looked into.
    Any,
    /// JSON that every parser reads alike.
    Json,
}
