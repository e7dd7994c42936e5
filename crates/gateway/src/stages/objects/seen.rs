//! What there is to be seen of a request, GraphQL included.
//!
//! In: its parts, and the arguments of its GraphQL. Out: what stands at a place, and how far it must be permitted.

use std::borrow::Cow;

use portcullis_contract::{GraphqlEffect, GraphqlGiven, Operation};
use portcullis_domain::Right;

use crate::ownership::{Content, Named, OnRoute, Place, Reading, given_to};

/// The arguments of a GraphQL request; `None` if they cannot be told.
pub(super) fn given_by(
    operation: &Operation,
    query: Option<&str>,
    body: Content<'_>,
) -> Option<GraphqlGiven> {
    match body {
        Content::Nothing => operation.graphql_arguments(query, None),
        Content::Json(body) => operation.graphql_arguments(query, Some(body)),
        Content::Unreadable => None,
    }
}

/// What there is to be seen of a request.
pub(super) struct Seen<'r, 'p> {
    pub(super) parts: Reading<'r, 'p>,
    pub(super) given: Option<&'r GraphqlGiven>,
}

impl<'r> Seen<'r, '_> {
    pub(super) fn at(&self, place: &Place) -> Named<'r> {
        match place {
            Place::Graphql(pointer) => given_to(self.given.map(|given| &given.arguments), pointer),
            Place::Path(_) | Place::Query(_) | Place::Header(_) | Place::Body(_) => self.parts.at(place),
        }
    }

    pub(super) fn one(&self, place: &Place) -> Option<Cow<'r, str>> {
        self.parts.one(place)
    }

    /// What has to be allowed for an object at `place`: what comes as a POST may only look, if it is GraphQL.
    pub(super) fn need(&self, rule: &OnRoute, place: &Place) -> Right {
        match (place, self.given.map(|given| given.effect)) {
            (Place::Graphql(_), Some(GraphqlEffect::Looks)) => Right::Read,
            (Place::Graphql(_), Some(GraphqlEffect::Changes)) => Right::Write,
            (_, _) => rule.need,
        }
    }
}
