//! From an API's document and policy to the documentation that its callers may read.
//!
//! In: the document as it was read; what the contract and the gateway's configuration make of it. Out: a
//! [`Documentation`]: the operations that are served with the security that holds, the answers that the gateway gives
//! itself, and its fields on all answers. Extensions of ours stay inside: they say how the API is guarded.

use arc_swap::ArcSwapOption;
use portcullis_config::codes::version as codes;
use portcullis_config::{Diagnostic, Diagnostics, Place};
use portcullis_contract::{Contract, Operation, Security, State};
use serde_json::{Map, Value, json};

use super::Library;
use crate::config::{ApiConfig, DocumentationConfig};
use crate::documentation::{Described, Documentation};
use crate::policy::Route;

/// The documentation, if it is wanted.
pub(crate) fn compile(
    name: &str,
    config: &ApiConfig,
    contract: &Contract,
    routes: &[Route],
    place: &Place,
    library: &Library,
    diagnostics: &mut Diagnostics,
) -> Option<Documentation> {
    let wanted = config.documentation.as_ref()?;
    let document = match &config.contract {
        // It was read without a mistake before.
        Some(path) => library.open(path).ok().map(|document| document.value().clone())?,
        None => json!({ "openapi": "3.1.0", "info": { "title": name, "version": contract.version } }),
    };
    if let Some(reference) = reference_outside(&document) {
        diagnostics.push(
            Diagnostic::error(
                codes::DOCUMENTATION_PLACE,
                format!("the document of `{name}` refers to another: `{reference}`"),
            )
            .at(place.child("documentation").key())
            .help(
                "bundle it into one file, for example with `redocly bundle`; readers cannot get the others",
            ),
        );
        return None;
    }
    let operations = routes.iter().filter(|route| !is_own(wanted, &route.operation));
    let operations: Vec<Described> = operations.map(|route| described(route, &document)).collect();
    let mut components = document.get("components").and_then(Value::as_object).cloned().unwrap_or_default();
    components.values_mut().for_each(strip);
    add_own_components(&mut components);
    Some(Documentation {
        head: head(&document, config),
        operations,
        components,
        made: ArcSwapOption::empty(),
    })
}

/// Whether this is the operation that hands out the documentation.
pub(crate) fn is_own(config: &DocumentationConfig, operation: &Operation) -> bool {
    *operation.template == *config.path && operation.method == http::Method::GET
}

fn head(document: &Value, config: &ApiConfig) -> Map<String, Value> {
    let mut head = Map::new();
    for section in ["openapi", "info", "jsonSchemaDialect", "tags", "externalDocs"] {
        if let Some(value) = document.get(section) {
            let mut value = value.clone();
            strip(&mut value);
            head.insert(section.to_owned(), value);
        }
    }
    // Where the document says that the API lives is behind us.
    let mount = config.mount.as_deref().unwrap_or("/");
    head.insert("servers".to_owned(), json!([{ "url": mount }]));
    head
}

fn described(route: &Route, document: &Value) -> Described {
    let operation = &route.operation;
    let method = operation.method.as_str().to_ascii_lowercase();
    let item = document.get("paths").and_then(|paths| paths.get(&*operation.template));
    let item = item.map(|item| followed(document, item));
    let written = item.and_then(|item| {
        item.get(&method).or_else(|| item.get("additionalOperations")?.get(operation.method.as_str()))
    });
    let mut value = match written {
        Some(Value::Object(members)) => members.clone(),
        _ => Map::from_iter([("operationId".to_owned(), json!(&*operation.id))]),
    };
    value.retain(|name, _| name != "servers");
    // Parameters of the path belong to each of its operations; its own stand first.
    if let Some(shared) = item.and_then(|item| item.get("parameters")).and_then(Value::as_array) {
        let own = value.entry("parameters").or_insert_with(|| json!([]));
        if let Value::Array(own) = own {
            let key = |parameter: &Value| {
                let parameter = followed(document, parameter);
                (parameter.get("in").cloned(), parameter.get("name").cloned())
            };
            let missing: Vec<Value> = shared
                .iter()
                .filter(|other| !own.iter().any(|one| key(one) == key(other)))
                .cloned()
                .collect();
            own.extend(missing);
        }
    }
    value.insert("security".to_owned(), security(&operation.security));
    if operation.lifecycle.state == State::Deprecated {
        value.insert("deprecated".to_owned(), json!(true));
    }
    let mut value = Value::Object(value);
    strip(&mut value);
    if let Value::Object(members) = &mut value {
        let responses = members.entry("responses").or_insert_with(|| json!({}));
        add_answers(route, responses, document);
    }
    Described { path: operation.template.to_string(), method, value, end: route.life.end }
}

/// What `$ref` within the document leads to, or the value itself.
fn followed<'v>(document: &'v Value, value: &'v Value) -> &'v Value {
    let reference =
        value.get("$ref").and_then(Value::as_str).and_then(|reference| reference.strip_prefix('#'));
    reference.and_then(|pointer| document.pointer(pointer)).unwrap_or(value)
}

fn security(security: &Security) -> Value {
    let Security::AnyOf(alternatives) = security else { return json!([]) };
    let alternative = |all_of: &portcullis_contract::AllOf| {
        let each = all_of.0.iter().map(|scheme_use| {
            (scheme_use.scheme.to_string(), json!(scheme_use.scopes.iter().collect::<Vec<_>>()))
        });
        Value::Object(each.collect())
    };
    Value::Array(alternatives.iter().map(alternative).collect())
}

/// The answers that the gateway gives itself, and its fields on all.
fn add_answers(route: &Route, responses: &mut Value, document: &Value) {
    let Value::Object(responses) = responses else { return };
    let of_gateway: &[&str] = match route.operation.security {
        Security::Public => &["429"],
        Security::AnyOf(_) | Security::Undeclared => &["401", "403", "429"],
    };
    for status in of_gateway {
        responses
            .entry(*status)
            .or_insert_with(|| json!({ "$ref": format!("#/components/responses/{REFUSED}{status}") }));
    }
    let mut fields = vec![("RateLimit", LIMIT), ("RateLimit-Policy", LIMIT_POLICY)];
    for (name, _) in &route.life.fields {
        match name.as_str() {
            "deprecation" => fields.push(("Deprecation", DEPRECATION)),
            "sunset" => fields.push(("Sunset", SUNSET)),
            _ => fields.push(("Link", LINK)),
        }
    }
    for (status, response) in responses.iter_mut().filter(|(status, _)| !status.starts_with("x-")) {
        let is_ours =
            response.get("$ref").and_then(Value::as_str).is_some_and(|reference| reference.contains(REFUSED));
        if is_ours && fields.len() == 2 {
            continue;
        }
        // A shared answer gets fields of this operation only, so it stands here in full.
        if response.get("$ref").is_some() && !is_ours {
            let mut whole = followed(document, response).clone();
            strip(&mut whole);
            *response = whole;
        } else if is_ours {
            *response = refusal(status);
        }
        if let Value::Object(response) = response {
            let headers = response.entry("headers").or_insert_with(|| json!({}));
            if let Value::Object(headers) = headers {
                for (name, component) in &fields {
                    headers
                        .entry(*name)
                        .or_insert_with(|| json!({ "$ref": format!("#/components/headers/{component}") }));
                }
            }
        }
    }
}

const REFUSED: &str = "PortcullisRefused";
const LIMIT: &str = "PortcullisRateLimit";
const LIMIT_POLICY: &str = "PortcullisRateLimitPolicy";
const DEPRECATION: &str = "PortcullisDeprecation";
const SUNSET: &str = "PortcullisSunset";
const LINK: &str = "PortcullisLink";
const PROBLEM: &str = "PortcullisProblem";

fn refusal(status: &str) -> Value {
    let text = |description: &str| json!({ "description": description, "schema": { "type": "string" } });
    let (description, field) = match status {
        "401" => (
            "Authentication is required.",
            Some(("WWW-Authenticate", text("How to authenticate (RFC 9110 §11.6.1)."))),
        ),
        "403" => ("The credential does not permit this.", None),
        _ => ("Too many requests.", Some(("Retry-After", text("Seconds to wait (RFC 9110 §10.2.3).")))),
    };
    let limits = [("RateLimit", LIMIT), ("RateLimit-Policy", LIMIT_POLICY)];
    let limits = limits
        .map(|(name, component)| (name, json!({ "$ref": format!("#/components/headers/{component}") })));
    let headers: Map<String, Value> =
        limits.into_iter().chain(field).map(|(name, header)| (name.to_owned(), header)).collect();
    json!({
        "description": description,
        "headers": headers,
        "content": { "application/problem+json": { "schema": { "$ref": format!("#/components/schemas/{PROBLEM}") } } },
    })
}

fn add_own_components(components: &mut Map<String, Value>) {
    let mut add = |section: &str, name: String, value: Value| {
        let section = components.entry(section).or_insert_with(|| json!({}));
        if let Value::Object(section) = section {
            section.insert(name, value);
        }
    };
    for status in ["401", "403", "429"] {
        add("responses", format!("{REFUSED}{status}"), refusal(status));
    }
    for (name, description) in [
        (LIMIT, "What is left of the quota (draft-ietf-httpapi-ratelimit-headers)."),
        (LIMIT_POLICY, "The quotas that hold (draft-ietf-httpapi-ratelimit-headers)."),
        (DEPRECATION, "Since when it should not be used: `@` and seconds since 1970 (RFC 9745)."),
        (SUNSET, "When it is gone (RFC 8594)."),
        (LINK, "What to read and what to use instead (RFC 8288)."),
    ] {
        add(
            "headers",
            name.to_owned(),
            json!({ "description": description, "schema": { "type": "string" } }),
        );
    }
    add(
        "schemas",
        PROBLEM.to_owned(),
        json!({
            "description": "A problem document (RFC 9457).",
            "type": "object",
            "properties": {
                "type": { "type": "string" }, "title": { "type": "string" }, "status": { "type": "integer" },
                "code": { "type": "string" }, "instance": { "type": "string" },
            },
        }),
    );
}

/// Takes our extensions away.
fn strip(value: &mut Value) {
    match value {
        Value::Object(members) => {
            members.retain(|name, _| !name.starts_with("x-portcullis-"));
            members.values_mut().for_each(strip);
        }
        Value::Array(items) => items.iter_mut().for_each(strip),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// A reference that leads out of the document.
fn reference_outside(value: &Value) -> Option<&str> {
    match value {
        Value::Object(members) => {
            let own =
                members.get("$ref").and_then(Value::as_str).filter(|reference| !reference.starts_with('#'));
            own.or_else(|| members.values().find_map(reference_outside))
        }
        Value::Array(items) => items.iter().find_map(reference_outside),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => None,
    }
}
