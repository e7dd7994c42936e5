//! From what was learnt to an OpenAPI 3.1 document.
//!
//! The document accepts the traffic it was learnt from and little more. It is a draft: what nobody called is not
//! in it, and what should not have been answered is. No value of a request is in it, and no example.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};

use super::members::{Members, Need};
use super::operation::{Credential, OperationShape, Parameter};
use super::schema::{of_parameter, schema};
use super::shape::Shape;
use super::tree::GAP;
use super::yaml;

/// Writes the document of an API of this name.
pub(super) fn document(name: &str, operations: &[(Box<str>, String, OperationShape)]) -> String {
    let mut paths: Map<String, Value> = Map::new();
    let mut schemes = BTreeSet::new();
    for (method, template, shape) in operations {
        let Some(key) = method_key(method).filter(|_| !shape.credentials.is_empty()) else { continue };
        let path = Path::of(template);
        schemes.extend(shape.credentials.iter().flatten().cloned());
        let item = paths.entry(path.text.clone()).or_insert_with(|| json!({}));
        if let Some(item) = item.as_object_mut() {
            item.insert(key.to_owned(), operation(shape, &path));
        }
    }
    let mut document = json!({
        "openapi": "3.1.1",
        "info": {
            "title": name,
            "version": "0.1.0",
            "description": "A draft, learnt from traffic. What nobody called is missing; read it before you enforce it.",
        },
        "paths": paths,
    });
    if !schemes.is_empty() {
        let schemes: Map<_, _> =
            schemes.iter().map(|scheme| (scheme_name(scheme), scheme_object(scheme))).collect();
        if let Some(document) = document.as_object_mut() {
            document.insert("components".to_owned(), json!({ "securitySchemes": schemes }));
        }
    }
    let mut text = String::new();
    yaml::write(&document, &mut text);
    text
}

/// A template with names in its gaps.
struct Path {
    text: String,
    /// Each gap's name and its place among the segments.
    gaps: Vec<(String, usize)>,
}

impl Path {
    fn of(template: &str) -> Self {
        let mut path = Self { text: String::new(), gaps: Vec::new() };
        let mut before = "";
        for (place, segment) in template.strip_prefix('/').unwrap_or(template).split('/').enumerate() {
            path.text.push('/');
            if segment == GAP {
                let name = path.free_name(before);
                path.text.push_str(&format!("{{{name}}}"));
                path.gaps.push((name, place));
            } else {
                path.text.push_str(segment);
                before = segment;
            }
        }
        path
    }

    /// `orderId` after `orders`.
    fn free_name(&self, before: &str) -> String {
        let word: String = before.chars().filter(char::is_ascii_alphanumeric).collect();
        let stem = match word.strip_suffix('s').unwrap_or(&word) {
            "" => "id".to_owned(),
            stem => format!("{stem}Id"),
        };
        let is_taken = |name: &String| self.gaps.iter().any(|(taken, _)| taken == name);
        let numbered = (2..).map(|number| format!("{stem}{number}"));
        std::iter::once(stem.clone()).chain(numbered).find(|name| !is_taken(name)).unwrap_or(stem)
    }
}

fn method_key(method: &str) -> Option<&'static str> {
    Some(match method {
        "GET" => "get",
        "PUT" => "put",
        "POST" => "post",
        "DELETE" => "delete",
        "OPTIONS" => "options",
        "HEAD" => "head",
        "PATCH" => "patch",
        _ => return None,
    })
}

fn operation(shape: &OperationShape, path: &Path) -> Value {
    let mut operation = Map::new();
    let mut parameters: Vec<Value> = path.gaps.iter().map(|(name, place)| gap(name, *place, shape)).collect();
    let query = shape.query.iter().flat_map(Members::iter);
    parameters
        .extend(query.map(|(name, need, parameter)| query_parameter(name, need, parameter, shape.samples)));
    if !parameters.is_empty() {
        operation.insert("parameters".to_owned(), Value::Array(parameters));
    }
    if !shape.bodies.is_empty() {
        let content = content(&shape.bodies, shape.samples);
        let body = json!({ "required": !shape.without_body, "content": content });
        operation.insert("requestBody".to_owned(), body);
    }
    let responses = shape.answers.iter().map(|(status, shapes)| {
        let mut response = json!({ "description": phrase(*status) });
        if let (false, Some(response)) = (shapes.is_empty(), response.as_object_mut()) {
            response.insert("content".to_owned(), content(shapes, shape.samples));
        }
        (status.to_string(), response)
    });
    operation.insert("responses".to_owned(), Value::Object(responses.collect()));
    if shape.credentials.contains(&None) {
        operation.insert("x-portcullis-access".to_owned(), json!("public"));
    } else {
        let alternatives: Vec<_> =
            shape.credentials.iter().flatten().map(|scheme| json!({ scheme_name(scheme): [] })).collect();
        operation.insert("security".to_owned(), json!(alternatives));
    }
    Value::Object(operation)
}

fn gap(name: &str, place: usize, shape: &OperationShape) -> Value {
    let schema = match shape.segments.get(place) {
        Some(text) => of_parameter(text, shape.samples),
        None => json!({ "type": "string", "maxLength": 256 }),
    };
    json!({ "name": name, "in": "path", "required": true, "schema": schema })
}

fn query_parameter(name: &str, need: Need, parameter: &Parameter, samples: u64) -> Value {
    let one = of_parameter(&parameter.text, samples);
    let schema =
        if parameter.is_repeated { json!({ "type": "array", "items": one, "maxItems": 64 }) } else { one };
    json!({ "name": name, "in": "query", "required": need == Need::Always, "schema": schema })
}

fn content(shapes: &BTreeMap<Box<str>, Shape>, samples: u64) -> Value {
    let of_type = shapes.iter().map(|(name, shape)| {
        let media_type =
            if shape.is_empty() { json!({}) } else { json!({ "schema": schema(shape, samples) }) };
        (name.to_string(), media_type)
    });
    Value::Object(of_type.collect())
}

fn phrase(status: u16) -> &'static str {
    http::StatusCode::from_u16(status)
        .ok()
        .and_then(|status| status.canonical_reason())
        .unwrap_or("Seen in traffic")
}

fn scheme_name(credential: &Credential) -> String {
    match credential {
        Credential::Bearer => "bearer".to_owned(),
        Credential::Basic => "basic".to_owned(),
        Credential::Key(header) => format!("key-{header}"),
    }
}

fn scheme_object(credential: &Credential) -> Value {
    match credential {
        Credential::Bearer => json!({ "type": "http", "scheme": "bearer" }),
        Credential::Basic => json!({ "type": "http", "scheme": "basic" }),
        Credential::Key(header) => json!({ "type": "apiKey", "in": "header", "name": header }),
    }
}
