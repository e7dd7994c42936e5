//! What an operator may demand beyond the contract, per API or operation.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::rules::RuleConfig;

/// Demands on the caller beyond the scopes that the document names.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct AuthorizeConfig {
    /// Roles of which the caller needs one. Unset: roles are not looked at.
    pub roles: Option<Vec<String>>,
    /// Who may call: people, programs, or both.
    pub callers: CallersConfig,
    /// Whom the rules permit to call, beyond what the document demands; the narrowest setting holds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub allow: Option<RuleConfig>,
    /// Whom they forbid it, whatever permits; every setting that reaches the operation holds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deny: Option<RuleConfig>,
    /// The decision point outside that is asked once all rules permit; the narrowest setting holds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ask: Option<String>,
    /// Objects here are confidential: a refusal, ours or the upstream's, looks like absence (404 in place of
    /// 403), and an upstream's 404 looks like ours.
    pub confidential: Option<bool>,
}

/// Who may call.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum CallersConfig {
    /// Users and clients.
    #[default]
    Any,
    /// People only: a client-credentials token is refused (RFC 9700 §4.15).
    Users,
    /// Programs only.
    Clients,
}
