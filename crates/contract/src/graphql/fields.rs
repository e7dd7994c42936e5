//! Which fields a GraphQL request asks for that not everybody may have (AUTHZ-22).
//!
//! In: the rights that fields need, as `x-portcullis-graphql` or the operator names them, and a request as
//! [`super::check_body`] takes it. Out: those of its fields that need rights. Called by [`crate::Operation`] for
//! the gateway, which knows who is calling. Aliases change nothing: a field is told by its name.
//!
//! No schema of the API is known. At the top of an operation the type is the operation's kind; anywhere else, and
//! at the top of a fragment, it can be any. So `User.ssn` is every field `ssn` below the top, and `Query.users` is
//! also a `users` below it, as some schemas give the root again inside of an answer. A name that two types have is
//! both: refused is more, and never less. All operations of a document count, whichever `operationName` chooses.
//! GraphQL, October 2021, §2.4 to §2.8.

use std::collections::BTreeMap;
use std::fmt;

use apollo_parser::cst::{Definition, OperationDefinition, Selection, SelectionSet};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use super::measure::{Kind, kind_of, parse};
use super::{LONGEST, query_request};

/// What a field needs: one of the roles, and all of the scopes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct FieldRights {
    /// Roles of which the caller needs one; none is needed if none is named.
    pub roles: Vec<String>,
    /// Scopes that the caller needs together.
    pub scopes: Vec<String>,
}

/// `Type.field`, or `Query.*`, `Mutation.*`, `Subscription.*` for all fields at the top that are not named.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize, Serialize)]
#[serde(try_from = "String", into = "String")]
pub struct FieldName {
    kind: String,
    field: String,
}

/// This is no name of a field.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no field: write `Type.field`, or `Mutation.*` for all at the top of a mutation")]
pub struct FieldNameMalformed(String);

impl TryFrom<String> for FieldName {
    type Error = FieldNameMalformed;

    fn try_from(text: String) -> Result<Self, FieldNameMalformed> {
        let is_name = |name: &str| {
            name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
                && name.bytes().next().is_some_and(|byte| !byte.is_ascii_digit())
        };
        match text.split_once('.') {
            Some((kind, field))
                if is_name(kind) && (is_name(field) || field == "*" && root(kind).is_some()) =>
            {
                Ok(Self { kind: kind.to_owned(), field: field.to_owned() })
            }
            Some(_) | None => Err(FieldNameMalformed(text)),
        }
    }
}

impl From<FieldName> for String {
    fn from(name: FieldName) -> Self {
        name.to_string()
    }
}

impl fmt::Display for FieldName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.kind, self.field)
    }
}

/// The kind of operation at whose top the fields of this type stand.
fn root(kind: &str) -> Option<Kind> {
    match kind {
        "Query" => Some(Kind::Query),
        "Mutation" => Some(Kind::Mutation),
        "Subscription" => Some(Kind::Subscription),
        _ => None,
    }
}

/// Rights by field.
pub type RightsOfFields = BTreeMap<FieldName, FieldRights>;

/// The fields of a request that need rights; `None` if what it asks for cannot be told.
pub(crate) fn guarded<'r>(
    rights: &'r RightsOfFields,
    query: Option<&str>,
    body: Option<&Json>,
) -> Option<Vec<(&'r FieldName, &'r FieldRights)>> {
    let mut asked = Vec::new();
    match body {
        Some(Json::Array(requests)) => requests.iter().try_for_each(|request| hear(request, &mut asked))?,
        Some(request) => hear(request, &mut asked)?,
        None => {}
    }
    // An application may look there first.
    let in_query = query_request(query).ok()?;
    if in_query.contains_key("query") {
        hear(&Json::Object(in_query), &mut asked)?;
    }
    let named = |asked: &Asked, kind: Kind| {
        rights.keys().any(|name| name.field == asked.field && root(&name.kind) == Some(kind))
    };
    let needs = rights.iter().filter(|(name, _)| {
        asked.iter().any(|asked| match (root(&name.kind), &asked.place) {
            (Some(kind), Place::Top(at)) if name.field == "*" => *at == kind && !named(asked, kind),
            (Some(kind), Place::TopOfFragment(of)) if name.field == "*" => {
                of.contains(&kind) && !named(asked, kind)
            }
            (Some(_), Place::Below) if name.field == "*" => false,
            (Some(kind), Place::Top(at)) => *at == kind && asked.field == name.field,
            (None, Place::Top(_)) => false,
            (_, Place::TopOfFragment(_) | Place::Below) => asked.field == name.field,
        })
    });
    Some(needs.collect())
}

/// One field of a document.
struct Asked {
    field: String,
    place: Place,
}

/// Where a field stands.
#[derive(Clone)]
enum Place {
    /// At the top of an operation.
    Top(Kind),
    /// At the top of a fragment, in a document with operations of these kinds.
    TopOfFragment(Vec<Kind>),
    Below,
}

fn hear(request: &Json, asked: &mut Vec<Asked>) -> Option<()> {
    // A stored document, named by its hash alone, says nothing of what it asks for.
    let document = request.get("query")?.as_str().filter(|document| document.len() <= LONGEST)?;
    let tree = parse(document).ok()?;
    let definitions: Vec<Definition> = tree.document().definitions().collect();
    let operations = || {
        definitions.iter().filter_map(|definition| match definition {
            Definition::OperationDefinition(operation) => Some(operation),
            _ => None,
        })
    };
    let kinds: Vec<Kind> = operations().map(OperationDefinition::operation_type).map(kind_of).collect();
    for definition in &definitions {
        let (selections, place) = match definition {
            Definition::OperationDefinition(operation) => {
                (operation.selection_set(), Place::Top(kind_of(operation.operation_type())))
            }
            Definition::FragmentDefinition(fragment) => {
                (fragment.selection_set(), Place::TopOfFragment(kinds.clone()))
            }
            _ => return None,
        };
        hear_selections(&selections?, &place, asked)?;
    }
    Some(())
}

/// The parser bounds how deeply they lie in each other.
fn hear_selections(selections: &SelectionSet, place: &Place, asked: &mut Vec<Asked>) -> Option<()> {
    for selection in selections.selections() {
        match selection {
            Selection::Field(field) => {
                let name = field.name()?.text().to_string();
                asked.push(Asked { field: name, place: place.clone() });
                if let Some(below) = field.selection_set() {
                    hear_selections(&below, &Place::Below, asked)?;
                }
            }
            Selection::InlineFragment(inline) => hear_selections(&inline.selection_set()?, place, asked)?,
            // Its own fields are heard where it is defined.
            Selection::FragmentSpread(_) => {}
        }
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn rights(names: &[&str]) -> RightsOfFields {
        let of = |name: &&str| (FieldName::try_from((*name).to_owned()).unwrap(), FieldRights::default());
        names.iter().map(of).collect()
    }

    #[track_caller]
    fn check(names: &[&str], document: &str, expected: &[&str]) {
        let rights = rights(names);
        let found = guarded(&rights, None, Some(&json!({ "query": document }))).unwrap();
        let found: Vec<String> = found.iter().map(|(name, _)| name.to_string()).collect();
        assert_eq!(found, expected, "{document}");
    }

    #[test]
    fn a_field_is_found_under_any_alias_in_any_fragment_at_any_depth() {
        let names = ["User.ssn", "Query.audit"];
        for document in [
            "{ me { ssn } }",
            "{ me { name: ssn } }",
            "{ me { friends { friends { x: ssn } } } }",
            "{ me { ... on User { ssn } } }",
            "{ me { ... @include(if: false) { ssn } } }",
            "{ me { ...f } } fragment f on User { ssn }",
            "{ me { ...f } } fragment f on User { ...g } fragment g on User { a { ssn } }",
            "query a { me { name } } query b { me { ssn } }",
            "mutation { rename(id: 1) { ssn } }",
        ] {
            check(&names, document, &["User.ssn"]);
        }
        for document in [
            "{ audit { id } }",
            "{ x: audit { id } }",
            "{ ... { audit { id } } }",
            "{ ...f } fragment f on Query { audit { id } }",
            // Some schemas give the root again in the answer of a mutation.
            "mutation { rename(id: 1) { query { audit { id } } } }",
        ] {
            check(&names, document, &["Query.audit"]);
        }
    }

    #[test]
    fn what_is_not_asked_for_needs_nothing() {
        let names = ["User.ssn", "Query.audit", "Mutation.rename"];
        for document in [
            "{ me { name } }",
            "{ ssn { id } }",
            "{ me(ssn: \"1\") { name } } # ssn",
            "{ me { name @ssn } }",
            "{ me { audits } }",
            "mutation { audit { id } }",
            "{ rename { id } }",
        ] {
            check(&names, document, &[]);
        }
        // Another alias of a name that is harmless.
        check(&names, "{ me { ssn: name } }", &[]);
    }

    #[test]
    fn all_fields_at_the_top_can_be_meant_but_for_those_that_are_named() {
        let names = ["Mutation.*", "Mutation.like"];
        check(&names, "mutation { like { id } }", &["Mutation.like"]);
        check(&names, "mutation { x: remove { like } }", &["Mutation.*", "Mutation.like"]);
        check(&names, "mutation { ...f } fragment f on Mutation { remove { id } }", &["Mutation.*"]);
        check(&names, "query a { b } mutation c { remove }", &["Mutation.*"]);
        check(&names, "{ remove { id } }", &[]);
    }

    #[test]
    fn batches_and_queries_are_heard_and_what_cannot_be_told_is_not_taken_for_nothing() {
        let rights = rights(&["User.ssn"]);
        let found = |query: Option<&str>, body: Option<Json>| {
            guarded(&rights, query, body.as_ref()).map(|found| found.len())
        };
        let (good, bad) = (json!({ "query": "{ a }" }), json!({ "query": "{ a { ssn } }" }));
        assert_eq!(found(None, Some(json!([good, bad]))), Some(1));
        assert_eq!(found(Some("query=%7Ba%7Bssn%7D%7D"), None), Some(1));
        assert_eq!(found(Some("page=1"), None), Some(0));
        for unclear in [json!({}), json!({ "query": "{" }), json!("x"), json!({ "query": "type A { b: C }" })]
        {
            assert_eq!(found(None, Some(unclear)), None);
        }
    }

    #[test]
    fn names_are_those_of_graphql() {
        for good in ["User.ssn", "Query.*", "_A1._b2", "Subscription.*"] {
            assert_eq!(FieldName::try_from(good.to_owned()).unwrap().to_string(), good);
        }
        for bad in ["ssn", "User.*", "User.", ".ssn", "User.ssn.x", "1User.a", "User.s-n", "*.ssn", ""] {
            assert!(FieldName::try_from(bad.to_owned()).is_err(), "{bad}");
        }
    }
}
