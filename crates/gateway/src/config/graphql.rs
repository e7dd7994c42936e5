//! What a GraphQL request may ask for.

use portcullis_contract::RightsOfFields;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What a GraphQL request may ask for: `x-portcullis-graphql` for whoever does not own the document.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct GraphqlConfig {
    /// How deep fields may stand within fields.
    pub(crate) depth: u64,
    /// How many fields may have another name in the answer, fragments counted wherever they are spread.
    pub(crate) aliases: u64,
    /// How many fields an operation may have at its top.
    pub(crate) root_fields: u64,
    /// How many directives one document may have.
    pub(crate) directives: u64,
    /// How many operations one request may bring as a list.
    pub(crate) batch: u64,
    /// One for each field, times what `first`, `last` or `limit` ask for around it.
    pub(crate) cost: u64,
    /// Whether clients may ask for the schema.
    pub(crate) introspection: IntrospectionConfig,
    /// What fields need that not everybody may have: `Type.field`, or `Query.*`, `Mutation.*`, `Subscription.*` for all
    /// at the top that are not named. One of the roles, and all of the scopes.
    #[schemars(with = "std::collections::BTreeMap<String, portcullis_contract::FieldRights>")]
    pub(crate) fields: RightsOfFields,
}

impl Default for GraphqlConfig {
    fn default() -> Self {
        let limits = portcullis_contract::GraphqlLimits::default();
        Self {
            depth: limits.depth,
            aliases: limits.aliases,
            root_fields: limits.root_fields,
            directives: limits.directives,
            batch: limits.batch,
            cost: limits.cost,
            introspection: IntrospectionConfig::Refuse,
            fields: limits.fields,
        }
    }
}

/// Whether clients may ask for the schema.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum IntrospectionConfig {
    /// They may not.
    #[default]
    Refuse,
    /// They may, within the other limits.
    Allow,
}
