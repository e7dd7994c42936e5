//! What a GraphQL request may ask for, from what is written to what the contract is compiled with.

use portcullis_contract::{GraphqlLimits, Introspection, Selected};

use super::selectors::matching;
use crate::config::{ApiConfig, IntrospectionConfig};

/// What the overrides say of an operation; the most specific one that says anything holds.
pub(super) fn decided(config: &ApiConfig, selected: &Selected<'_>) -> Option<GraphqlLimits> {
    let said = matching(config, selected).filter_map(|(_, settings)| settings.graphql.as_ref()).last()?;
    Some(GraphqlLimits {
        depth: said.depth,
        aliases: said.aliases,
        root_fields: said.root_fields,
        directives: said.directives,
        batch: said.batch,
        cost: said.cost,
        introspection: match said.introspection {
            IntrospectionConfig::Refuse => Introspection::Refuse,
            IntrospectionConfig::Allow => Introspection::Allow,
        },
        fields: said.fields.clone(),
    })
}
