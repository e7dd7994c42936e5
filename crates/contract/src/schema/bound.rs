//! Which schemas leave a value without bounds (VAL-05, OWASP API4:2023).

use portcullis_config::{Diagnostic, codes};
use serde_json::{Map, Value};

use super::types::{Type, Types};
use crate::options::Unbounded;
use crate::reading::{Findings, Node};

/// Reports what `node` leaves unbounded. `written` is the schema as it will be enforced.
pub(super) fn report(
    node: &Node<'_>,
    written: &Map<String, Value>,
    types: Types,
    wanted: Unbounded,
    findings: &mut Findings<'_>,
) {
    if wanted == Unbounded::Accepted || written.contains_key("enum") || written.contains_key("const") {
        return;
    }
    for kind in Type::ALL.into_iter().filter(|kind| types.contains(*kind)) {
        let Some(missing) = missing_bound(kind, written) else { continue };
        let make = |diagnostic: Diagnostic| {
            diagnostic.at(node.place()).label(format!("no {missing}")).help(
                "a body size limit still holds; a bound in the schema also protects what the API does with the value",
            )
        };
        let message = format!("{} of a request has no bound", plural(kind));
        match wanted {
            Unbounded::Refused => {
                findings.refuse(make(Diagnostic::error(codes::contract::VALUE_UNBOUNDED, message)));
            }
            Unbounded::Reported => findings.warn_once(codes::contract::VALUE_UNBOUNDED, kind.name(), || {
                make(Diagnostic::warning(codes::contract::VALUE_UNBOUNDED, message))
            }),
            Unbounded::Accepted => {}
        }
    }
}

fn missing_bound(kind: Type, written: &Map<String, Value>) -> Option<&'static str> {
    let has = |names: &[&str]| names.iter().any(|name| written.contains_key(*name));
    match kind {
        Type::Null | Type::Boolean => None,
        Type::String => (!has(&["maxLength", "format", "pattern"])).then_some("`maxLength`"),
        Type::Array => (!has(&["maxItems"])).then_some("`maxItems`"),
        Type::Integer | Type::Number => {
            let low = has(&["minimum", "exclusiveMinimum"]);
            let high = has(&["maximum", "exclusiveMaximum"]);
            (!(low && high)).then_some("`minimum` and `maximum`")
        }
        Type::Object => {
            let closed = written.get("additionalProperties").is_some_and(|value| *value != Value::Bool(true));
            let listed = has(&["properties", "unevaluatedProperties", "maxProperties"]);
            (!closed && !listed).then_some("list of its properties")
        }
    }
}

const fn plural(kind: Type) -> &'static str {
    match kind {
        Type::Null => "a null",
        Type::Boolean => "a boolean",
        Type::Integer => "an integer",
        Type::Number => "a number",
        Type::String => "a string",
        Type::Array => "an array",
        Type::Object => "an object",
    }
}
