//! The API's document, for those who may call the API.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Serves the OpenAPI document of what is served: operations that there are now, with the answers that the gateway
/// gives. It is an operation like any other: `GET` and its path can be named in `overrides`.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct DocumentationConfig {
    /// Where, within the API.
    #[serde(default = "default_path")]
    #[schemars(regex(pattern = "^/[A-Za-z0-9._~/-]+$"), example = "/docs/openapi.json")]
    pub(crate) path: String,
    /// Who may read it; never everybody.
    #[serde(default)]
    pub(crate) access: DocumentationAccessConfig,
}

fn default_path() -> String {
    "/docs/openapi.json".to_owned()
}

/// Who may read the documentation.
#[derive(Clone, Debug, Default, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum DocumentationAccessConfig {
    /// Who shows any credential that some operation accepts.
    #[default]
    Authenticated,
    /// Who shows one with all of these scopes.
    Scopes(Vec<String>),
}

impl DocumentationConfig {
    /// The scopes that a reader needs.
    pub(crate) fn scopes(&self) -> &[String] {
        match &self.access {
            DocumentationAccessConfig::Authenticated => &[],
            DocumentationAccessConfig::Scopes(scopes) => scopes,
        }
    }
}
