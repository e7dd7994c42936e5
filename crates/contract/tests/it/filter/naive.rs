//! The same filter over whole trees, by the schema itself and without any of the other's parts: slow,
//! short, and what the other one is compared with.

use serde_json::{Map, Value};

/// The caller of all comparisons has this scope and this subject.
pub(super) const SCOPE: &str = "seen";
pub(super) const SUBJECT: &str = "ada";

/// What is left of `value`, or nothing.
pub(super) fn filter(schema: &Value, value: Value) -> Option<Value> {
    match value {
        Value::Object(members) if admits(schema, "object") => Some(Value::Object(object(schema, members))),
        Value::Array(items) if admits(schema, "array") => {
            let of_items = schema.get("items").unwrap_or(&Value::Bool(true));
            Some(items.into_iter().filter_map(|item| filter(of_items, item)).collect())
        }
        Value::Object(_) | Value::Array(_) => None,
        plain => Some(plain),
    }
}

fn admits(schema: &Value, kind: &str) -> bool {
    schema.get("type").is_none_or(|named| named == kind)
}

fn object(schema: &Value, members: Map<String, Value>) -> Map<String, Value> {
    let properties = schema.get("properties").and_then(Value::as_object);
    let others = match (schema.get("additionalProperties"), properties) {
        (None, Some(properties)) if !properties.is_empty() => &Value::Bool(false),
        (None, _) => &Value::Bool(true),
        (Some(others), _) => others,
    };
    let owner = members.get("owner").cloned();
    members
        .into_iter()
        .filter_map(|(name, value)| {
            let schema = properties.and_then(|properties| properties.get(&name)).unwrap_or(others);
            let is_hidden =
                *schema == false || schema.get("writeOnly").is_some() || !is_visible(schema, &owner);
            if is_hidden { None } else { Some((name, filter(schema, value)?)) }
        })
        .collect()
}

fn is_visible(schema: &Value, owner: &Option<Value>) -> bool {
    let Some(audience) = schema.get("x-portcullis-visible-to") else { return true };
    let has_scope =
        audience["scopes"].as_array().is_some_and(|scopes| scopes.iter().any(|scope| scope == SCOPE));
    has_scope || (audience.get("owner").is_some() && owner.as_ref().is_some_and(|owner| owner == SUBJECT))
}
