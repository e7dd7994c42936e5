//! A document in which any part is something else: it compiles or is refused, and nothing panics.

use portcullis_config::{Diagnostics, Document, Limits};
use portcullis_contract::{CompileOptions, Contract, NoReferences};
use serde_json::{Value, json};

/// One of everything that is read.
fn everything() -> Value {
    json!({
        "openapi": "3.1.1",
        "info": {"title": "t", "version": "1"},
        "x-portcullis-lifecycle": {"state": "deprecated", "deprecated_at": "2027-01-01", "sunset_at": "2027-02-01", "successor": "/v2"},
        "jsonSchemaDialect": "https://json-schema.org/draft/2020-12/schema",
        "servers": [{"url": "https://{env}.example.com/v1", "variables": {"env": {"default": "api", "enum": ["api"]}}}],
        "security": [{"oauth": ["read"]}, {}],
        "components": {
            "securitySchemes": {
                "oauth": {"type": "oauth2", "flows": {"clientCredentials": {"tokenUrl": "/t", "scopes": {"read": "r"}}}},
                "key": {"type": "apiKey", "in": "query", "name": "k"},
            },
            "parameters": {"Limit": {"name": "limit", "in": "query", "style": "form", "explode": true, "schema": {"$ref": "#/components/schemas/Small"}}},
            "headers": {"H": {"schema": {}}},
            "links": {"L": {"operationId": "it"}},
            "responses": {"Ok": {"description": "d", "content": {"application/json": {}}}},
            "requestBodies": {"B": {"required": true, "content": {
                "application/json": {"schema": {"$ref": "#/components/schemas/Cat"}},
                "application/x-www-form-urlencoded": {"schema": {"type": "object", "properties": {"a": {"type": "array", "items": {"type": "integer"}}}}},
            }}},
            "schemas": {
                "Small": {"type": ["integer", "null"], "format": "int32", "minimum": 0, "exclusiveMaximum": 9, "multipleOf": 1},
                "Pet": {"type": "object", "required": ["kind"], "discriminator": {"propertyName": "kind"},
                        "properties": {"kind": {"type": "string", "maxLength": 9}, "id": {"readOnly": true, "type": "integer"}}},
                "Cat": {"allOf": [{"$ref": "#/components/schemas/Pet"}, {
                    "properties": {"tail": {"$anchor": "tail", "type": "string", "pattern": "^a", "format": "date", "enum": ["a"]}, "twin": {"$ref": "#tail"}},
                    "patternProperties": {"^x-": true},
                    "dependentRequired": {"tail": ["twin"]},
                    "dependentSchemas": {"tail": {"minProperties": 1}},
                    "if": {"required": ["tail"]}, "then": {"maxProperties": 9}, "else": {"not": {"required": ["twin"]}},
                }]},
                "List": {"type": "array", "prefixItems": [{"const": 1}], "items": {"$ref": "#/components/schemas/List"}, "contains": {"type": "array"},
                         "minContains": 0, "maxItems": 3, "uniqueItems": true, "unevaluatedItems": false},
                "Any": {"oneOf": [{"$ref": "#/components/schemas/List"}, {"$id": "https://example.com/any", "type": "object", "additionalProperties": {"$ref": "#"}}],
                        "propertyNames": {"maxLength": 5}},
            },
        },
        "paths": {
            "/it/{id}.{format}": {
                "parameters": [{"name": "id", "in": "path", "required": true, "schema": {"type": "integer"}}, {"name": "format", "in": "path", "required": true, "schema": {}}],
                "post": {
                    "operationId": "it", "tags": ["a"], "deprecated": true, "x-portcullis-body-limit": "1 KiB",
                    "security": [{"key": []}],
                    "parameters": [
                        {"$ref": "#/components/parameters/Limit"},
                        {"name": "f", "in": "query", "style": "deepObject", "schema": {"$ref": "#/components/schemas/Any"}},
                        {"name": "j", "in": "query", "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Any"}}}},
                        {"name": "X-H", "in": "header", "schema": {"type": "string"}},
                        {"name": "c", "in": "cookie", "schema": {"type": "boolean"}},
                    ],
                    "requestBody": {"$ref": "#/components/requestBodies/B"},
                    "responses": {"200": {"$ref": "#/components/responses/Ok"}, "4XX": {"description": "d"}, "default": {"description": "d"}},
                },
                "get": {"x-portcullis-access": "public", "x-portcullis-lifecycle": {"state": "retired"}},
            },
        },
    })
}

/// The pointers of all values in `value`.
fn pointers(value: &Value, here: &str, found: &mut Vec<String>) {
    found.push(here.to_owned());
    match value {
        Value::Object(members) => {
            for (name, member) in members {
                pointers(member, &format!("{here}/{}", name.replace('~', "~0").replace('/', "~1")), found);
            }
        }
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                pointers(item, &format!("{here}/{index}"), found);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

fn compile(document: &Value) -> (Option<Contract>, Diagnostics) {
    let document = Document::parse("it.json", document.to_string().as_bytes(), &Limits::default()).unwrap();
    let mut diagnostics = Diagnostics::new();
    let contract = Contract::compile(&document, &NoReferences, &CompileOptions::default(), &mut diagnostics);
    (contract, diagnostics)
}

#[test]
fn every_part_can_be_something_else() {
    let whole = everything();
    assert!(compile(&whole).0.is_some(), "{}", compile(&whole).1.render(portcullis_config::Color::Never));
    let mut all = Vec::new();
    pointers(&whole, "", &mut all);
    let strange = [
        Value::Null,
        json!(0),
        json!(-1.5),
        json!(""),
        json!("{"),
        json!([]),
        json!({}),
        json!(true),
        json!({"$ref": "#"}),
        json!({"$ref": "#/components/schemas/Any"}),
        json!([{"$ref": "#/paths"}]),
    ];
    let mut refused = 0;
    // Three of them at each place: every pair would take a minute.
    for (position, pointer) in all.iter().enumerate() {
        for turn in 0..3 {
            let replacement = &strange[(position + turn * 4) % strange.len()];
            let mut mutant = whole.clone();
            *mutant.pointer_mut(pointer).unwrap() = replacement.clone();
            let (contract, diagnostics) = compile(&mutant);
            assert_eq!(contract.is_none(), diagnostics.has_errors(), "{pointer} {replacement}");
            for mistake in diagnostics.errors() {
                assert!(mistake.place().is_some(), "{pointer} {replacement}: {}", mistake.message());
            }
            refused += usize::from(contract.is_none());
        }
    }
    println!("{} mutants, {refused} refused", all.len() * 3);
}
