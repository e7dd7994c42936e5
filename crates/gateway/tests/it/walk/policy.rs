//! The policy that most walks use, and changing a part of it.
//!
//! Written as JSON, which is YAML: so a test can patch it as a value instead of as text.

use serde_json::{Value, json};

/// What an object says wins, member by member; `null` takes a member away.
pub(crate) fn merge(base: &mut Value, patch: Value) {
    match (base, patch) {
        (Value::Object(base), Value::Object(patch)) => {
            for (name, change) in patch {
                if change.is_null() {
                    base.remove(&name);
                } else {
                    merge(base.entry(name).or_insert(Value::Null), change);
                }
            }
        }
        (base, patch) => *base = patch,
    }
}

/// One API over two listeners, plaintext first and TLS second.
pub(crate) fn configuration(upstream: &str) -> Value {
    json!({
        "listen": [
            { "address": "127.0.0.1:0", "protocol": "plaintext", "plaintext": "serve" },
            {
                "address": "127.0.0.1:0",
                "protocol": "tls",
                "tls": { "certificates": [{ "chain": "server.pem", "key": "server.key" }] },
            },
        ],
        "apis": {
            "shop": {
                "contract": "openapi.json",
                "hosts": ["api.test"],
                "upstream": { "addresses": [upstream] },
            },
        },
        "identity": {
            "customers": { "issuer": super::ISSUER, "audience": super::AUDIENCE, "jwks": { "file": "jwks.json" } },
        },
        "timeouts": { "drain": "200ms" },
        "limits": { "peer": [{ "rate": "100000/s" }] },
        "workers": 1,
    })
}

/// The contract: public operations, operations that need scopes, streams.
pub(crate) fn contract() -> Value {
    let ok = json!({ "200": { "description": "Done." } });
    let public =
        |summary: &str| json!({ "summary": summary, "x-portcullis-access": "public", "responses": ok });
    let needs = |scope: &str| json!({ "security": [{ "customers": [scope] }], "responses": ok });
    let name = json!([{
        "name": "name", "in": "path", "required": true, "schema": { "type": "string", "maxLength": 2000 },
    }]);
    let query = |names: &[&str]| -> Vec<Value> {
        let text = json!({ "type": "string", "maxLength": 200 });
        names.iter().map(|name| json!({ "name": name, "in": "query", "schema": text })).collect()
    };
    let note = json!({
        "required": true,
        "content": { "application/json": { "schema": {
            "type": "object",
            "required": ["text"],
            "additionalProperties": false,
            "properties": { "text": { "type": "string", "maxLength": 100 } },
        } } },
    });
    let stream = json!({ "content": { "application/octet-stream": {} } });
    let mut contract = json!({
        "openapi": "3.1.0",
        "info": { "title": "Shop", "version": "1" },
        "paths": {
            "/public": {
                "get": public("Anybody may ask."), "head": public("Anybody may ask."),
                "options": public("An OPTIONS that the API itself answers."),
            },
            "/notes": { "post": public("A body that is judged.") },
            "/upload": { "post": public("A body that nobody reads."), "put": public("The same, idempotent.") },
            "/a/b": { "get": public("A path to spell in many ways.") },
            "/open/{name}": { "get": public("Anything one segment long."), "parameters": name },
            "/admin/x": { "get": needs("admin") },
            "/me": { "get": needs("orders:read") },
            "/me/x.css": { "get": needs("orders:read") },
            "/orders": { "get": needs("orders:read"), "post": needs("orders:write") },
            "/orders/{name}": { "get": needs("orders:read"), "delete": needs("orders:write"), "parameters": name },
            "/socket": { "get": public("A WebSocket.") },
        },
        "components": { "securitySchemes": {
            "customers": { "type": "http", "scheme": "bearer", "bearerFormat": "JWT" },
        } },
    });
    let more = json!({
        "/public": { "parameters": query(&["a", "b", "q", "url"]) },
        "/a/b": { "parameters": query(&["x"]) },
        "/notes": { "post": { "requestBody": note } },
        "/orders": { "post": { "requestBody": note } },
        "/upload": { "post": { "requestBody": stream }, "put": { "requestBody": stream } },
    });
    merge(&mut contract, json!({ "paths": more }));
    contract
}
