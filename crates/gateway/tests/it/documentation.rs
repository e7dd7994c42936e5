//! The API's document, for those who may call the API (VER-12).

use std::sync::Arc;

use portcullis_config::{Diagnostics, Document, Limits};
use portcullis_contract::{CompileOptions, Contract, NoReferences, moment};
use portcullis_domain::{Clock, Reason};
use serde_json::{Value, json};

use crate::walk::{Outcome, Setup, get};

const PATH: &str = "/docs/openapi.json";

fn setup(documentation: Value) -> Setup {
    let plaintext = json!([{ "address": "127.0.0.1:0", "protocol": "plaintext", "plaintext": "serve" }]);
    let life = json!({ "deprecated_at": "2026-01-01", "sunset_at": "2027-01-01", "successor": "/v2" });
    Setup::new()
        .clock(Clock::manual(moment("2026-12-31").unwrap()))
        .policy(json!({ "listen": plaintext }))
        .contract(json!({
            "components": { "schemas": {
                "Old": { "type": "object", "properties": { "legacy": { "type": "string" } } },
                "Unused": { "type": "object", "properties": { "never": { "type": "string" } } },
            } },
            "paths": { "/me": { "get": { "responses": { "200": { "description": "Done.", "content": {
                "application/json": { "schema": { "$ref": "#/components/schemas/Old" } },
            } } } } } },
        }))
        .api(json!({
            "documentation": documentation,
            "overrides": { "GET /me": { "lifecycle": life } },
            "mount": "/shop",
        }))
}

/// What was answered, which must be the document and nothing that the upstream said.
#[track_caller]
fn document(outcome: &Outcome) -> Value {
    assert_eq!(outcome.response.status, 200, "{:#?}", outcome.response);
    assert!(outcome.seen.is_empty(), "the upstream was asked");
    assert_eq!(outcome.header("content-type"), Some("application/json"));
    assert_eq!(outcome.header("cache-control"), Some("no-store"));
    assert_eq!(outcome.only_event()["operation"], format!("GET {PATH}"));
    outcome.response.json()
}

// proves: VER-12
#[test]
fn the_document_of_what_is_served_is_for_who_may_call_it() {
    let walk = setup(json!({ "path": PATH })).start();
    let ask = || get(&format!("/shop{PATH}"));
    let anonymous = walk.send(ask());
    anonymous.refused(Reason::CredentialMissing);
    assert!(anonymous.header("www-authenticate").is_some());
    walk.send(ask().bearer("a.b.c")).refused(Reason::TokenMalformed);

    let token = walk.token("orders:read");
    let shown = document(&walk.send(ask().bearer(&token)));
    let operations: Vec<String> = shown["paths"]
        .as_object()
        .unwrap()
        .iter()
        .flat_map(|(path, item)| {
            item.as_object().unwrap().keys().map(move |method| format!("{method} {path}"))
        })
        .collect();
    assert!(operations.contains(&"get /orders/{name}".to_owned()), "{operations:?}");
    assert!(!operations.iter().any(|operation| operation.contains("docs")), "{operations:?}");
    assert_eq!(shown["servers"], json!([{ "url": "/shop" }]));

    let orders = &shown["paths"]["/orders"]["get"];
    assert_eq!(orders["security"], json!([{ "customers": ["orders:read"] }]));
    for status in ["401", "403", "429"] {
        let reference = orders["responses"][status]["$ref"].as_str().unwrap();
        let answer = shown.pointer(reference.trim_start_matches('#')).expect("it is there");
        assert!(answer["headers"]["RateLimit"].is_object(), "{answer:#}");
    }
    assert!(orders["responses"]["200"]["headers"]["RateLimit-Policy"].is_object(), "{orders:#}");
    assert!(orders["responses"]["200"]["headers"].get("Deprecation").is_none());
    let public = &shown["paths"]["/public"]["get"];
    assert_eq!((&public["security"], public["responses"].get("401")), (&json!([]), None));
    let old = &shown["paths"]["/me"]["get"];
    assert_eq!(old["deprecated"], true);
    for name in ["Deprecation", "Sunset", "Link"] {
        assert!(old["responses"]["200"]["headers"][name].is_object(), "{name}: {old:#}");
        assert!(old["responses"]["401"]["headers"][name].is_object(), "{name}: {old:#}");
    }
    // How the API is guarded, and what nobody refers to, stays inside.
    let text = shown.to_string();
    assert!(!text.contains("x-portcullis") && !text.contains("Unused"), "{text}");
    assert!(text.contains("legacy"));
    is_a_document(&shown);

    // What is retired is no longer in it, nor what belonged to it alone.
    walk.clock.advance(std::time::Duration::from_secs(86_400));
    let token = walk.token("orders:read");
    let shown = document(&walk.send(ask().bearer(&token)));
    assert!(shown["paths"].get("/me").is_none());
    assert!(!shown.to_string().contains("legacy"));
    is_a_document(&shown);
}

/// Reads it as a gateway would that is to serve it.
#[track_caller]
fn is_a_document(shown: &Value) {
    let document: Arc<Document> =
        Document::parse("shown.json", shown.to_string().as_bytes(), &Limits::default()).unwrap();
    let mut diagnostics = Diagnostics::new();
    let options = CompileOptions {
        access: &|_| Some(portcullis_contract::Access::Public),
        ..CompileOptions::default()
    };
    let contract = Contract::compile(&document, &NoReferences, &options, &mut diagnostics);
    assert!(contract.is_some(), "{}", diagnostics.render(portcullis_config::Color::Never));
}

#[test]
fn scopes_can_be_asked_for() {
    let walk = setup(json!({ "path": PATH, "access": { "scopes": ["docs"] } })).start();
    let ask = || get(&format!("/shop{PATH}"));
    walk.send(ask().bearer(&walk.token("orders:read"))).refused(Reason::ScopeInsufficient);
    document(&walk.send(ask().bearer(&walk.token("docs"))));
}

#[test]
fn documentation_that_nobody_could_be_kept_from_is_no_configuration() {
    let check = |setup: Setup, code: &str| {
        let error = setup.try_start().err().expect("a mistake");
        let portcullis_gateway::StartError::Configuration(mistakes) = error else { panic!("{error}") };
        let codes: Vec<_> = mistakes.errors().map(|mistake| mistake.code().0).collect();
        assert_eq!(codes, [code], "{}", mistakes.render(portcullis_config::Color::Never));
    };
    // An operation of the API is there already.
    check(setup(json!({ "path": "/orders" })), "C0809");
    // Everything is public: there is no credential to show.
    let public = json!({ "access": "public" });
    let open = Setup::new()
        .contract(json!({ "paths": {
            "/admin/x": null, "/me": null, "/me/x.css": null, "/orders": null, "/orders/{name}": null,
        } }))
        .api(json!({ "documentation": {}, "overrides": { "GET /public": public } }));
    check(open, "C0809");
}

#[test]
fn an_api_without_a_document_has_documentation_too() {
    let operation =
        json!({ "method": "GET", "path": "/stock", "security": [{ "customers": ["orders:read"] }] });
    let walk =
        Setup::new().api(json!({ "contract": null, "operations": [operation], "documentation": {} })).start();
    let shown = document(&walk.send(get(PATH).bearer(&walk.token("orders:read"))));
    let stock = &shown["paths"]["/stock"]["get"];
    assert_eq!(stock["security"], json!([{ "customers": ["orders:read"] }]));
    assert!(stock["responses"]["401"].is_object(), "{shown:#}");
    assert_eq!(shown["info"]["title"], "shop");
}
