//! What an operator writes about rules, but for the `.cedar` files themselves.

use std::collections::BTreeMap;
use std::path::PathBuf;

use ipnet::IpNet;
use portcullis_config::{Period, Weekday};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What holds for all rules of an API.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct RulesConfig {
    /// Files of Cedar policies. Where there are any, every operation that asks for a credential needs a rule that
    /// permits it.
    pub policies: Vec<PathBuf>,
    /// Claims that rules may look at, and what they are. A claim that is not of its type is as good as absent.
    pub claims: BTreeMap<String, ClaimTypeConfig>,
    /// The claim that lists the caller's groups.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub groups_claim: Option<String>,
    /// Roles that contain others: `admin: [editor]` makes an admin an editor, too.
    pub inherits: BTreeMap<String, Vec<String>>,
    /// The time zone of hours and days, such as `Europe/Berlin`; UTC where left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub zone: Option<String>,
}

impl RulesConfig {
    /// The claims that are numbers.
    pub fn numbers(&self) -> impl Iterator<Item = &str> {
        let numbers = self.claims.iter().filter(|(_, kind)| **kind == ClaimTypeConfig::Number);
        numbers.map(|(name, _)| name.as_str())
    }
}

/// What a claim is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ClaimTypeConfig {
    /// A text.
    Text,
    /// A whole number.
    Number,
    /// True or false.
    Truth,
    /// A list of texts.
    List,
}

/// A rule in short: everything that it names must fit, and of each list one item is enough.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct RuleConfig {
    /// Roles of which the caller has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub roles: Option<Vec<String>>,
    /// Groups of which the caller is in one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub groups: Option<Vec<String>>,
    /// Scopes that the credential has, all of them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scopes: Option<Vec<String>>,
    /// Claims, and the values of which each has one.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub claims: BTreeMap<String, Vec<String>>,
    /// The path parameter that is the caller's own subject.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub owner: Option<PlaceOfIdConfig>,
    /// The path parameter that is the caller's own tenant.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tenant: Option<TenantRuleConfig>,
    /// When, from where and how strongly authenticated.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub when: Option<ConditionConfig>,
}

impl RuleConfig {
    /// The rule that asks nothing.
    pub const ANY: Self = Self {
        roles: None,
        groups: None,
        scopes: None,
        claims: BTreeMap::new(),
        owner: None,
        tenant: None,
        when: None,
    };
}

/// Where an id stands.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PlaceOfIdConfig {
    /// The name of a path parameter.
    pub path: String,
}

/// Where tenants stand.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TenantRuleConfig {
    /// The claim with the caller's tenant.
    pub claim: String,
    /// The path parameter with the tenant of what is asked for.
    pub path: String,
}

/// Circumstances of a request, all as the gateway itself knows them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ConditionConfig {
    /// Days of the week, such as `monday`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub days: Option<Vec<Weekday>>,
    /// Hours of the day, such as `08:00-18:00`; `22:00-06:00` goes over midnight.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hours: Option<String>,
    /// Networks of which the client's address is in one.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<Vec<String>>")]
    pub networks: Option<Vec<IpNet>>,
    /// Whether the connection has a verified client certificate.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub certificate: Option<bool>,
    /// Authentication contexts (`acr`) of which one is shown.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub acr: Option<Vec<String>>,
    /// Methods of authentication (`amr`), all of which are shown.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub amr: Option<Vec<String>>,
    /// How long ago the caller may have authenticated (`auth_time`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_age: Option<Period>,
    /// How much the caller's behavior may look like an attack at most, from 0 to 100.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(max = 100))]
    pub max_risk: Option<u8>,
}
