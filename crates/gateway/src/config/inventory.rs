//! What is known of an API beside what it does: who owns it, where it runs, who reaches it, what it holds.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Facts for the inventory (OWASP API9:2023, NIST SP 800-228 REC-4). `portcullis inventory --apis` lists them.
#[derive(Clone, Debug, Default, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct InventoryConfig {
    /// The team or person who answers for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1))]
    pub(crate) owner: Option<String>,
    /// Where it runs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) environment: Option<EnvironmentConfig>,
    /// Who can reach it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) exposure: Option<ExposureConfig>,
    /// What the worst of its data is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) data_class: Option<DataClassConfig>,
    /// Who else gets data of it: names or hosts. `[]` says that nobody does.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) third_parties: Option<Vec<ThirdPartyConfig>>,
}

/// Where an API runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum EnvironmentConfig {
    /// For those it is made for.
    Production,
    /// As production, before it.
    Staging,
    /// For tests.
    Test,
    /// For those who make it.
    Development,
}

/// Who can reach an API.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum ExposureConfig {
    /// Anybody on the internet.
    Public,
    /// Known organizations.
    Partner,
    /// Only what runs in the house.
    Internal,
}

/// What the worst of an API's data is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum DataClassConfig {
    /// Made up, or of nobody.
    Synthetic,
    /// Anybody may know it.
    Public,
    /// For the house.
    Internal,
    /// Of people and customers.
    Confidential,
    /// Secrets, payments, health.
    Restricted,
}

/// Somebody else who gets data.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(untagged)]
pub(crate) enum ThirdPartyConfig {
    /// A host, or a name.
    Named(String),
    /// With what it gets.
    Described(DescribedThirdParty),
}

/// Somebody else who gets data, and which.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct DescribedThirdParty {
    /// A host, or a name.
    pub(crate) name: String,
    /// What it gets.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) data: Option<String>,
    /// What for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) purpose: Option<String>,
}

impl ThirdPartyConfig {
    /// By which it is known.
    pub(crate) fn name(&self) -> &str {
        match self {
            Self::Named(name) => name,
            Self::Described(described) => &described.name,
        }
    }
}

impl DataClassConfig {
    /// Whether it must not be outside production.
    pub(crate) const fn is_for_production(self) -> bool {
        match self {
            Self::Confidential | Self::Restricted => true,
            Self::Synthetic | Self::Public | Self::Internal => false,
        }
    }
}
