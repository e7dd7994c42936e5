//! What a GraphQL request may ask for, as `x-portcullis-graphql` says it.

use serde::Deserialize;

use super::GRAPHQL;
use super::fields::RightsOfFields;
use crate::extension::malformed;
use crate::reading::{Findings, Node};

/// What a GraphQL request may ask for. What is left out has a default that real clients stay below.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct GraphqlLimits {
    /// How deep fields may stand within fields.
    pub depth: u64,
    /// How many fields may have another name in the answer, fragments counted wherever they are spread.
    pub aliases: u64,
    /// How many fields an operation may have at its top.
    pub root_fields: u64,
    /// How many directives one document may have.
    pub directives: u64,
    /// How many operations one request may bring as a list.
    pub batch: u64,
    /// One for each field, times what `first`, `last` or `limit` ask for around it.
    pub cost: u64,
    /// Whether clients may ask for the schema.
    pub introspection: Introspection,
    /// What fields need that not everybody may have: `Type.field`, or `Mutation.*` for all at the top.
    pub fields: RightsOfFields,
}

/// Whether clients may ask for the schema.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Introspection {
    /// They may not.
    #[default]
    Refuse,
    /// They may, within the other limits.
    Allow,
}

impl Default for GraphqlLimits {
    fn default() -> Self {
        Self {
            depth: 10,
            aliases: 20,
            root_fields: 20,
            directives: 20,
            batch: 1,
            cost: 1000,
            introspection: Introspection::Refuse,
            fields: RightsOfFields::new(),
        }
    }
}

impl GraphqlLimits {
    /// Reads the extension of an operation, if it has one.
    pub(crate) fn declared(operation: &Node<'_>, findings: &mut Findings<'_>) -> Option<Self> {
        let extension = operation.child(GRAPHQL)?;
        match Self::deserialize(extension.value()) {
            Ok(limits) => Some(limits),
            Err(error) => {
                findings.refuse(
                    malformed(&extension, format!("`{GRAPHQL}`: {error}"))
                        .help("write `{ depth: 10, aliases: 20 }`, or `{}` for the defaults"),
                );
                None
            }
        }
    }
}
