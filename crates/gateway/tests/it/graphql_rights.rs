//! GraphQL by operation and field: who may ask for what within one address (AUTHZ-22).

use portcullis_config::Color;
use portcullis_domain::Reason;
use portcullis_gateway::StartError;
use serde_json::{Value, json};

use crate::walk::{Outcome, Setup, Walk, ask, get};

fn graphql(fields: Value) -> Setup {
    let text = json!({ "type": "string", "maxLength": 4000 });
    let request = json!({
        "type": "object", "required": ["query"],
        "properties": { "query": text, "variables": { "type": "object" }, "operationName": text },
    });
    let content = json!({ "application/json": { "schema": { "oneOf": [
        request, { "type": "array", "maxItems": 3, "items": request },
    ] } } });
    let ok = json!({ "200": { "description": "Done." } });
    Setup::new()
        .contract(json!({ "paths": { "/graphql": {
            "post": {
                "operationId": "ask", "security": [{ "customers": [] }], "responses": ok,
                "requestBody": { "required": true, "content": content },
            },
            "get": {
                "operationId": "look", "security": [{ "customers": [] }], "responses": ok,
                "parameters": [{ "name": "query", "in": "query", "schema": text }],
            },
        } } }))
        .api(json!({ "overrides": {
            "ask": { "graphql": { "batch": 3, "fields": fields } },
            "look": { "graphql": { "fields": fields } },
        } }))
}

fn usual() -> Walk {
    graphql(json!({
        "User.ssn": { "roles": ["officer"], "scopes": ["pii"] },
        "Query.audit": { "roles": ["officer", "auditor"] },
        "Mutation.*": { "scopes": ["write"] },
        "Mutation.erase": { "roles": ["officer"] },
    }))
    .start()
}

fn send(walk: &Walk, body: &Value, claims: Value) -> Outcome {
    let token = walk.token_with(claims);
    walk.send(
        ask("POST", "/graphql").with("Content-Type: application/json").body(body.to_string()).bearer(&token),
    )
}

fn asked(walk: &Walk, document: &str, claims: Value) -> Outcome {
    send(walk, &json!({ "query": document }), claims)
}

fn customer() -> Value {
    json!({ "roles": ["customer"], "scope": "" })
}

fn officer() -> Value {
    json!({ "roles": ["officer"], "scope": "pii write" })
}

// proves: AUTHZ-22
#[test]
fn a_forbidden_field_refuses_the_whole_request_wherever_it_stands_and_whatever_it_is_called() {
    let walk = usual();
    asked(&walk, "{ me { name } }", customer()).passed();
    for document in [
        "{ me { name ssn } }",
        "{ me { name: ssn } }",
        "{ a: me { name } b: me { friends { number: ssn } } }",
        "{ me { ... on User { ssn } } }",
        "{ me { ...more } } fragment more on User { name ...most } fragment most on User { x: ssn }",
        "{ me { ... @include(if: false) { ssn } } }",
        "query harmless { me { name } } query other { me { ssn } }",
    ] {
        let refused = asked(&walk, document, customer());
        refused.refused(Reason::PermitMissing);
        let note = refused.only_event()["note"].as_str().unwrap().to_owned();
        assert_eq!(note, "no permit: field `User.ssn` needs one of the roles `officer`", "{document}");
        assert!(!refused.response.text().contains("ssn"), "the client is not told which field it was");
        asked(&walk, document, officer()).passed();
    }
    // The operation that is chosen by name is not the one that is judged alone.
    let chosen = json!({
        "query": "query harmless { me { name } } query other { me { ssn } }", "operationName": "harmless",
    });
    send(&walk, &chosen, customer()).refused(Reason::PermitMissing);
}

// proves: AUTHZ-22
#[test]
fn operations_are_told_by_kind_and_by_the_fields_at_their_top() {
    let walk = usual();
    asked(&walk, "{ audit { id } }", customer()).refused(Reason::PermitMissing);
    asked(&walk, "{ audit { id } }", json!({ "roles": ["auditor"] })).passed();
    asked(&walk, "{ x: audit { id } }", customer()).refused(Reason::PermitMissing);
    // The root again, in the answer of a mutation.
    let claims = json!({ "roles": ["customer"], "scope": "write" });
    asked(&walk, "mutation { rename(name: \"x\") { query { audit { id } } } }", claims.clone())
        .refused(Reason::PermitMissing);
    asked(&walk, "mutation { rename(name: \"x\") { id } }", claims.clone()).passed();
    let refused = asked(&walk, "mutation { rename(name: \"x\") { id } }", customer());
    refused.refused(Reason::ScopeInsufficient);
    let challenge = refused.header("www-authenticate").unwrap();
    assert!(challenge.contains("error=\"insufficient_scope\"") && challenge.contains("scope=\"write\""));
    asked(&walk, "mutation { nice: erase(id: 1) { id } }", claims).refused(Reason::PermitMissing);
    asked(&walk, "mutation { erase(id: 1) { id } }", json!({ "roles": ["officer"], "scope": "" })).passed();
}

#[test]
fn batches_queries_in_the_address_and_what_cannot_be_told_are_no_way_around() {
    let walk = usual();
    let batch = json!([{ "query": "{ me { name } }" }, { "query": "{ me { ssn } }" }]);
    send(&walk, &batch, customer()).refused(Reason::PermitMissing);
    let by_get = |query: &str| {
        let token = walk.token_with(customer());
        walk.send(get(&format!("/graphql?query={query}")).bearer(&token))
    };
    by_get("%7Bme%7Bname%7D%7D").passed();
    by_get("%7Bme%7Bx:ssn%7D%7D").refused(Reason::PermitMissing);
    asked(&walk, "{ __schema { types { name } } }", officer()).refused(Reason::GraphqlIntrospectionRefused);
    // Where the contract's verdict is only recorded, what cannot be read is not let through.
    let lenient = graphql(json!({ "User.ssn": { "roles": ["officer"] } }))
        .api(json!({ "stages": { "validate": "shadow" } }))
        .start();
    asked(&lenient, "{ me { ssn }", customer()).refused(Reason::PermitMissing);
    asked(&lenient, "{ me { name } }", customer()).passed();
}

#[test]
fn in_shadow_it_is_recorded_and_passes() {
    let walk = graphql(json!({ "User.ssn": { "roles": ["officer"] } }))
        .api(json!({ "stages": { "authorize": "shadow" } }))
        .start();
    let outcome = asked(&walk, "{ me { ssn } }", customer());
    outcome.passed();
    assert_eq!(outcome.only_event()["would_deny"], json!(["permit_missing"]));
}

#[test]
fn a_document_can_say_it_and_what_is_no_field_is_a_mistake() {
    let walk = graphql(json!({}))
        .api(json!({ "overrides": { "ask": Value::Null, "look": Value::Null } }))
        .contract(json!({ "paths": { "/graphql": { "post": {
            "x-portcullis-graphql": { "fields": { "User.ssn": { "roles": ["officer"] } } },
        } } } }))
        .start();
    asked(&walk, "{ me { ssn } }", customer()).refused(Reason::PermitMissing);
    for name in ["ssn", "User.*", "User.ssn.x"] {
        match graphql(json!({ name: { "roles": ["officer"] } })).try_start() {
            Err(StartError::Configuration(mistakes)) => {
                let text = mistakes.render(Color::Never);
                assert!(text.contains("is no field"), "{name}: {text}");
            }
            Err(error) => panic!("{error}"),
            Ok(_) => panic!("{name}: it starts"),
        }
    }
}
