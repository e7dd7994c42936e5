//! GraphQL over HTTP: what one request may ask for (VAL-15, ASVS 4.3.1, 4.3.2, OWASP API4:2023).
//!
//! In: the limits of an operation and the body or query of a request. Out: nothing, or a [`Denial`]. Called
//! by [`crate::Operation`] after the schema of the body was kept. An application resolves whatever a document
//! asks for; a few hundred bytes can ask for everything, many times. All operations of a document are judged,
//! whichever `operationName` chooses: an operation that nobody runs need not be sent.
//!
//! Read with `apollo-parser`, within bounds on length, tokens and nesting that hold before and while it reads.
//! GraphQL, October 2021; GraphQL over HTTP (draft). Not done here: types. No schema of the API is known.

pub(crate) mod arguments;
pub(crate) mod fields;
mod limits;
mod measure;

use portcullis_domain::{Denial, Reason};
use portcullis_message::json::{JsonBounds, parse};
use serde_json::{Map, Value};

use crate::body::Body;
use crate::extension::malformed;
use crate::parameter::{Coding, Pairs, decode};
use crate::reading::{Findings, Node};
use crate::schema::{Spot, Violations};

pub use arguments::{Effect, Given};
pub use fields::{FieldName, FieldNameMalformed, FieldRights, RightsOfFields};
pub use limits::{GraphqlLimits, Introspection};
use measure::{Fault, Kind, measure};

/// The extension's name.
pub(crate) const GRAPHQL: &str = "x-portcullis-graphql";

/// The longest document in bytes. Those of real clients have a few thousand.
const LONGEST: usize = 64 << 10;

/// The limits of an operation, whose body must be one that can be judged by them.
pub(crate) fn of_operation(
    operation: &Node<'_>,
    decided: Option<GraphqlLimits>,
    body: &Body,
    findings: &mut Findings<'_>,
) -> Option<GraphqlLimits> {
    let declared = GraphqlLimits::declared(operation, findings);
    let limits = decided.or(declared)?;
    if !body.is_json_only() {
        let place = operation.child(GRAPHQL).unwrap_or_else(|| operation.clone());
        findings.refuse(
            malformed(&place, format!("`{GRAPHQL}` judges JSON, and this operation takes other bodies"))
                .help("declare `application/json` only"),
        );
    }
    Some(limits)
}

/// How a request came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    /// In a body.
    Body,
    /// In the query: changes nothing (GraphQL over HTTP §5.4.1).
    Query,
}

/// Judges the JSON body of a request.
///
/// # Errors
/// [`Reason::GraphqlIntrospectionRefused`]; [`Reason::RequestInvalid`] with what is beyond which limit.
pub(crate) fn check_body(limits: &GraphqlLimits, body: &[u8]) -> Result<(), Denial> {
    let mut violations = Violations::new();
    let requests = match parse(body, &JsonBounds::default()) {
        Ok(Value::Array(requests)) => requests,
        Ok(request) => vec![request],
        Err(_) => return Err(Denial::new(Reason::BodyMalformed)),
    };
    if requests.is_empty() || requests.len() as u64 > limits.batch {
        let expected = format!("1 to {} operations", limits.batch);
        violations.add(Spot { location: "body", name: "" }, GRAPHQL, expected);
        return violations.into_result();
    }
    let is_list = requests.len() > 1;
    for (index, request) in requests.iter().enumerate() {
        let at = if is_list { format!("/{index}") } else { String::new() };
        check_request(limits, request, Way::Body, Spot { location: "body", name: &at }, &mut violations)?;
    }
    violations.into_result()
}

/// Judges the query of a request, which may hold an operation as a body does.
///
/// # Errors
/// As [`check_body`].
pub(crate) fn check_query(limits: &GraphqlLimits, query: Option<&str>) -> Result<(), Denial> {
    let mut violations = Violations::new();
    let request = match query_request(query) {
        Ok(request) => request,
        Err(mistakes) => {
            for (name, mistake) in mistakes {
                let (keyword, expected) = match mistake {
                    QueryMistake::Repeated => ("repeated", "the parameter once"),
                    QueryMistake::Unreadable => (GRAPHQL, "text in UTF-8, and JSON for `variables`"),
                };
                violations.add(Spot { location: "query", name }, keyword, expected);
            }
            return violations.into_result();
        }
    };
    // The operation may also come in the body; without either the API has nothing to run.
    if request.contains_key("query") {
        let spot = Spot { location: "query", name: "" };
        check_request(limits, &Value::Object(request), Way::Query, spot, &mut violations)?;
    }
    violations.into_result()
}

/// What is wrong with a parameter that holds a part of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum QueryMistake {
    Repeated,
    Unreadable,
}

/// The request that stands in a query, as it would stand in a body; empty if there is none.
fn query_request(query: Option<&str>) -> Result<Map<String, Value>, Vec<(&'static str, QueryMistake)>> {
    let mut request = Map::new();
    let mut mistakes = Vec::new();
    // A query whose names cannot be decoded was refused with the parameters.
    let Some(mut pairs) = query.and_then(Pairs::read) else { return Ok(request) };
    for name in ["query", "variables", "operationName"] {
        let texts = pairs.claim(name);
        let text = match texts.as_slice() {
            [] => continue,
            [text] => decode(text, Coding::Form),
            _ => {
                mistakes.push((name, QueryMistake::Repeated));
                continue;
            }
        };
        let value = match (name, text) {
            ("variables", Some(text)) => parse(text.as_bytes(), &JsonBounds::default()).ok(),
            (_, text) => text.map(|text| Value::String(text.into_owned())),
        };
        match value {
            Some(value) => drop(request.insert(name.to_owned(), value)),
            None => mistakes.push((name, QueryMistake::Unreadable)),
        }
    }
    if mistakes.is_empty() { Ok(request) } else { Err(mistakes) }
}

fn check_request(
    limits: &GraphqlLimits,
    request: &Value,
    way: Way,
    spot: Spot<'_>,
    violations: &mut Violations,
) -> Result<(), Denial> {
    let text = |name: &str| request.get(name).filter(|value| !value.is_null());
    // A stored document, named by its hash alone, cannot be judged here.
    let Some(document) = text("query").and_then(Value::as_str) else {
        violations.add(spot, GRAPHQL, "a document as text in `query`");
        return Ok(());
    };
    let variables = text("variables");
    if variables.is_some_and(|variables| !variables.is_object()) {
        violations.add(spot, GRAPHQL, "an object of `variables`");
    }
    if text("operationName").is_some_and(|name| !name.is_string()) {
        violations.add(spot, GRAPHQL, "text in `operationName`");
    }
    if document.len() > LONGEST {
        violations.add(spot, GRAPHQL, format!("a document of at most {LONGEST} bytes"));
        return Ok(());
    }
    let measured = match measure(document, variables.and_then(Value::as_object)) {
        Ok(measured) => measured,
        Err(fault) => {
            violations.add(spot, GRAPHQL, expected(fault));
            return Ok(());
        }
    };
    if measured.introspects && limits.introspection == Introspection::Refuse {
        return Err(Denial::new(Reason::GraphqlIntrospectionRefused));
    }
    if way == Way::Query && measured.kinds.iter().any(|kind| *kind != Kind::Query) {
        violations.add(spot, GRAPHQL, "only operations that change nothing");
    }
    let bounds = [
        (measured.depth, limits.depth, "a depth"),
        (measured.aliases, limits.aliases, "a number of aliases"),
        (measured.root_fields, limits.root_fields, "a number of fields at the top"),
        (measured.directives, limits.directives, "a number of directives"),
        (measured.cost, limits.cost, "a cost"),
    ];
    for (found, limit, what) in bounds {
        if found > limit {
            violations.add(spot, GRAPHQL, format!("{what} of at most {limit}"));
        }
    }
    Ok(())
}

const fn expected(fault: Fault) -> &'static str {
    match fault {
        Fault::Syntax => "a GraphQL document",
        Fault::TooMuch => "a document with fewer tokens, less deeply nested",
        Fault::NotExecutable => "operations and fragments only",
        Fault::FragmentUnknown => "fragments that are defined",
        Fault::FragmentRepeated => "each fragment defined once",
        Fault::FragmentLoop => "fragments that do not lead back to themselves",
    }
}
