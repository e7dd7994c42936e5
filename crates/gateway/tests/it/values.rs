//! Rules on values that JSON Schema cannot say: what the client gets, and that the upstream sees nothing.

use portcullis_domain::Reason;
use serde_json::{Value, json};

use crate::walk::{Outcome, Setup, Walk, get, post_json};

/// One public operation `POST /values` with this schema, beside the usual ones.
fn taking(schema: &Value) -> Walk {
    let body = json!({ "required": true, "content": { "application/json": { "schema": schema } } });
    let operation = json!({ "x-portcullis-access": "public", "requestBody": body, "responses": {} });
    Setup::new().contract(json!({ "paths": { "/values": { "post": operation } } })).start()
}

/// Asserts that the one violation is at `at`, of `keyword`, and that the value is told to nobody.
#[track_caller]
fn broken(outcome: &Outcome, at: &str, keyword: &str, value: &str) {
    outcome.refused(Reason::RequestInvalid);
    let problem = outcome.response.json();
    let violations = problem["violations"].as_array().expect("a list of violations");
    assert_eq!(violations.len(), 1, "{problem:#}");
    assert!(violations[0].to_string().contains(keyword), "{problem:#}");
    assert!(violations[0].to_string().contains(at), "{problem:#}");
    assert!(!problem.to_string().contains(value), "{problem:#}");
}

// proves: VAL-17
#[test]
fn a_url_that_leads_inside_never_reaches_the_upstream() {
    let url =
        json!({ "type": "string", "maxLength": 200, "x-portcullis-url": { "schemes": ["http", "https"] } });
    let walk = taking(&json!({ "type": "object", "properties": { "callback": url } }));
    walk.send(post_json("/values", r#"{"callback": "https://example.com/hook"}"#)).passed();
    for inner in [
        "http://169.254.169.254/latest/meta-data",
        "http://2852039166/",
        "http://0xa9fea9fe/",
        "http://[::ffff:169.254.169.254]/",
        "http://[64:ff9b::a9fe:a9fe]/",
        "http://example.com@169.254.169.254/",
        "http://localhost:80/",
        "file:///etc/passwd",
    ] {
        let outcome = walk.send(post_json("/values", &json!({ "callback": inner }).to_string()));
        broken(&outcome, "/callback", "x-portcullis-url", inner);
    }
}

// proves: VAL-24
#[test]
fn a_name_that_deceives_never_reaches_the_upstream() {
    let name = json!({ "type": "string", "maxLength": 50, "x-portcullis-text": "identifier" });
    let walk = taking(&json!({ "type": "object", "properties": { "user": name } }));
    for good in ["alice", "Ελένη", "田中太郎"] {
        walk.send(post_json("/values", &json!({ "user": good }).to_string())).passed();
    }
    for bad in
        ["alice\u{202e}nimda", "ali\u{200b}ce", "Zoe\u{308}", "p\u{430}ypal", "alice\u{7}", "alice\u{e000}"]
    {
        let outcome = walk.send(post_json("/values", &json!({ "user": bad }).to_string()));
        broken(&outcome, "/user", "x-portcullis-text", bad);
    }
}

// proves: VAL-25
#[test]
fn an_end_before_its_start_never_reaches_the_upstream() {
    let moment = json!({ "type": "string", "format": "date-time" });
    let walk = taking(&json!({
        "type": "object",
        "properties": { "start": moment, "end": moment },
        "x-portcullis-rules": [{ "less_than": ["/start", "/end"] }],
    }));
    // The same hour of the clock, an hour apart.
    let good = r#"{"start": "2026-05-01T10:00:00+02:00", "end": "2026-05-01T10:00:00+01:00"}"#;
    walk.send(post_json("/values", good)).passed();
    walk.send(post_json("/values", r#"{"start": "2026-05-01T10:00:00Z"}"#)).passed();
    let bad = r#"{"start": "2026-05-01T10:00:00+01:00", "end": "2026-05-01T10:00:00+02:00"}"#;
    broken(&walk.send(post_json("/values", bad)), "/start", "x-portcullis-rules", "2026-05");
}

/// One public operation `POST /graphql` that takes any JSON, with these settings of its own.
fn answering_graphql(operation: Value, overridden: Value) -> Walk {
    let mut all = json!({
        "operationId": "ask", "x-portcullis-access": "public", "responses": {},
        "requestBody": { "content": { "application/json": {} } },
    });
    crate::walk::merge(&mut all, operation);
    let paths = json!({ "paths": { "/graphql": { "post": all } } });
    Setup::new().api(json!({ "overrides": { "ask": overridden } })).contract(paths).start()
}

// proves: VAL-15
#[test]
fn a_graphql_request_that_asks_for_too_much_never_reaches_the_upstream() {
    let deep = format!("{}x{}", "{ a ".repeat(50), "}".repeat(50));
    let aliases: String = (0..500).map(|at| format!("a{at}: b ")).collect();
    for walk in [
        answering_graphql(json!({ "x-portcullis-graphql": {} }), json!({})),
        answering_graphql(json!({}), json!({ "graphql": {} })),
        // What `portcullis.yaml` says wins over the document.
        answering_graphql(
            json!({ "x-portcullis-graphql": { "depth": 1000, "aliases": 1000, "introspection": "allow" } }),
            json!({ "graphql": {} }),
        ),
    ] {
        let ask = |query: &str| walk.send(post_json("/graphql", &json!({ "query": query }).to_string()));
        ask("{ me { name } }").passed();
        ask("mutation { order(product: 1) { id } }").passed();
        let _ = ask(&deep).refused(Reason::RequestInvalid);
        let _ = ask(&format!("{{ {aliases} }}")).refused(Reason::RequestInvalid);
        let _ = ask("{ orders(first: 1000) { items(first: 1000) { id } } }").refused(Reason::RequestInvalid);
        let _ = ask("{ __schema { types { name } } }").refused(Reason::GraphqlIntrospectionRefused);
        let batch = Value::from(vec![json!({ "query": "{ a }" }); 100]).to_string();
        let _ = walk.send(post_json("/graphql", &batch)).refused(Reason::RequestInvalid);
    }
    let allowing =
        answering_graphql(json!({ "x-portcullis-graphql": { "introspection": "allow" } }), json!({}));
    allowing.send(post_json("/graphql", r#"{"query": "{ __schema { types { name } } }"}"#)).passed();
}

/// `GET /list` with `limit`, `after` and, where `own` says so, a limit of the document's own.
fn listing(own: Option<Value>, api: Value) -> Walk {
    let number = |name: &str| json!({ "name": name, "in": "query", "schema": { "type": "integer" } });
    let mut limit = number("limit");
    if let Some(own) = own {
        limit["x-portcullis-page-limit"] = own;
    }
    let after = json!({ "name": "after", "in": "query", "schema": { "type": "string", "maxLength": 50 } });
    let operation = json!({
        "x-portcullis-access": "public", "parameters": [limit, after, number("per_page")], "responses": {},
    });
    Setup::new().api(api).contract(json!({ "paths": { "/list": { "get": operation } } })).start()
}

// proves: VAL-16
#[test]
fn a_page_that_is_too_large_is_refused() {
    for walk in [
        listing(Some(json!({ "maximum": 100 })), json!({})),
        listing(None, json!({ "page_size": { "maximum": 100 } })),
    ] {
        walk.send(get("/list?limit=100")).passed();
        for bad in ["limit=101", "limit=1000000", "limit=-1", "l%69mit=1%30%31"] {
            broken(&walk.send(get(&format!("/list?{bad}"))), "limit", "x-portcullis-page-limit", "1000000");
        }
    }
}

// proves: VAL-16
#[test]
fn the_upstream_is_asked_for_the_largest_page_and_everything_else_stays_byte_for_byte() {
    let clamp = json!({ "maximum": 100, "beyond": "clamp" });
    for walk in [
        listing(Some(clamp.clone()), json!({})),
        listing(None, json!({ "page_size": clamp })),
        // What the document says of a parameter holds for that one.
        listing(Some(clamp.clone()), json!({ "page_size": { "maximum": 5, "parameters": ["limit"] } })),
    ] {
        for (asked, seen) in [
            ("/list", "/list"),
            ("/list?limit=100", "/list?limit=100"),
            ("/list?limit=1000000", "/list?limit=100"),
            ("/list?after=%41+b&&limit=1%30%30%30&", "/list?after=%41+b&&limit=100&"),
            ("/list?limit=18446744073709551615", "/list?limit=100"),
        ] {
            assert_eq!(walk.send(get(asked)).passed().target, seen);
        }
        let _ = walk.send(get("/list?limit=1&limit=1000000")).refused(Reason::RequestInvalid);
    }
}

#[test]
fn a_page_limit_that_is_only_watched_changes_nothing() {
    let clamp = json!({ "maximum": 100, "beyond": "clamp" });
    let walk = listing(Some(clamp), json!({ "stages": { "validate": "shadow" } }));
    assert_eq!(walk.send(get("/list?limit=1000")).passed().target, "/list?limit=1000");
}
