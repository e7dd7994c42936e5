//! Cases as an operator writes them beside the policies.

use std::collections::BTreeMap;
use std::net::IpAddr;

use portcullis_authn::config::OneOrMany;
use portcullis_config::Period;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value};

/// A file of cases.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct CasesConfig {
    /// The API that they are about; may be left out where there is one.
    #[serde(default)]
    pub(super) api: Option<String>,
    /// The cases.
    pub(super) cases: Vec<CaseConfig>,
}

/// A call, and what should become of it.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct CaseConfig {
    /// What it shows, in words.
    pub(super) name: String,
    /// Who calls; nobody if left out.
    #[serde(default)]
    pub(super) who: Option<WhoConfig>,
    /// Method, path and query, such as `GET /orders/7?limit=5`. Either this or `operation`.
    #[serde(default)]
    pub(super) call: Option<String>,
    /// The operation's id, with its parameters under `path`.
    #[serde(default)]
    pub(super) operation: Option<String>,
    /// Parameters of the path.
    #[serde(default)]
    pub(super) path: BTreeMap<String, String>,
    /// What stands in the query.
    #[serde(default)]
    pub(super) query: BTreeMap<String, OneOrMany>,
    /// Request headers.
    #[serde(default)]
    pub(super) headers: BTreeMap<String, String>,
    /// The JSON body.
    #[serde(default)]
    pub(super) body: Option<Value>,
    /// When, such as `2027-05-04T10:00:00Z`. Now, if left out.
    #[serde(default)]
    pub(super) at: Option<String>,
    /// From which address; from one that nobody has, if left out.
    #[serde(default)]
    pub(super) from: Option<IpAddr>,
    /// Over which kind of connection.
    #[serde(default)]
    pub(super) connection: ConnectionConfig,
    /// How much the caller's behavior looks like an attack, from 0 to 100.
    #[serde(default)]
    #[schemars(range(max = 100))]
    pub(super) risk: u8,
    /// What should become of it.
    pub(super) expect: ExpectConfig,
    /// By which rule: its `@id`, or its file and line such as `shop.cedar:12`.
    #[serde(default)]
    pub(super) rule: Option<String>,
}

/// Who calls.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct WhoConfig {
    /// The subject.
    pub(super) subject: String,
    /// Whose word it is; the issuer of the scheme, if left out.
    #[serde(default)]
    pub(super) issuer: Option<String>,
    /// The scheme of the credential; the first that the operation accepts, if left out.
    #[serde(default)]
    pub(super) scheme: Option<String>,
    /// The client through which a user calls; a program that calls for itself, if it is the subject.
    #[serde(default)]
    pub(super) client: Option<String>,
    /// Roles.
    #[serde(default)]
    pub(super) roles: Vec<String>,
    /// Scopes.
    #[serde(default)]
    pub(super) scopes: Vec<String>,
    /// Claims.
    #[serde(default)]
    pub(super) claims: Map<String, Value>,
    /// How and when the caller logged in.
    #[serde(default)]
    pub(super) login: LoginConfig,
}

/// A login.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(super) struct LoginConfig {
    /// The context that is shown, or all that are reached.
    pub(super) acr: Option<OneOrMany>,
    /// Methods.
    pub(super) amr: Vec<String>,
    /// How long ago.
    pub(super) age: Option<Period>,
}

/// A kind of connection.
#[derive(Clone, Copy, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum ConnectionConfig {
    /// In plaintext.
    Plaintext,
    /// Over TLS.
    #[default]
    Tls,
    /// Over TLS, with a client certificate that was verified.
    Certificate,
}

/// What should become of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum ExpectConfig {
    /// It is permitted.
    Allow,
    /// It is refused, and no other login would help.
    Deny,
    /// It is refused until the caller has logged in again.
    StepUp,
}
