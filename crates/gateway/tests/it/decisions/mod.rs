//! Decision points outside: asked, believed, and what happens when they cannot be asked (AUTHZ-24).

mod asked;
mod failing;
mod service;

use portcullis_config::Color;
use portcullis_domain::Reason;
use portcullis_gateway::StartError;
use serde_json::{Value, json};

use crate::walk::{Ask, Outcome, Setup, Walk, ask, get, merge};
use service::Service;

/// A gateway that asks `url` about everything that is guarded.
fn asking(url: &str, more: Value) -> Setup {
    let mut point =
        json!({ "url": url, "shape": "authzen", "timeout": "10s", "allow_private_network": true });
    merge(&mut point, more);
    Setup::new()
        .policy(json!({ "decision_points": { "pdp": point } }))
        .api(json!({ "authorize": { "ask": "pdp" } }))
}

fn orders(walk: &Walk, roles: Value) -> Outcome {
    let token = walk.token_with(json!({ "scope": "orders:read", "roles": roles }));
    walk.send(get("/orders").bearer(&token))
}

fn refund() -> Value {
    let body = json!({ "required": true, "content": { "application/json": { "schema": {
        "type": "object", "additionalProperties": false,
        "properties": { "amount": { "type": "number" } },
    } } } });
    json!({ "paths": { "/refunds/{id}": {
        "parameters": [{ "name": "id", "in": "path", "required": true, "schema": { "type": "string", "maxLength": 36 } }],
        "post": {
            "operationId": "makeRefund", "security": [{ "customers": [] }], "requestBody": body,
            "parameters": [{ "name": "why", "in": "query", "schema": { "type": "array", "maxItems": 3, "items": { "type": "string", "maxLength": 20 } } }],
            "responses": { "200": { "description": "Done." } },
        },
    } } })
}

fn refund_of(amount: &str) -> Ask {
    ask("POST", "/refunds/r-1?why=broken&why=late")
        .with("Content-Type: application/json")
        .with("X-Region: eu")
        .body(format!("{{\"amount\":{amount}}}"))
}

// proves: AUTHZ-24
#[test]
fn an_authzen_service_is_asked_with_the_facts_that_are_declared_and_its_no_is_a_refusal() {
    let service = Service::start();
    let facts = [
        "roles",
        "scopes",
        "acr",
        "client",
        "address",
        "claim:department",
        "path:id",
        "query:why",
        "header:x-region",
        "body:/amount",
    ];
    let walk =
        asking(&service.at("/access/v1/evaluation"), json!({ "facts": facts, "token": "${file:pdp.token}" }))
            .secret("pdp.token", "t0ken-of-the-gateway")
            .contract(refund())
            .start();
    let claims =
        json!({ "scope": "a b", "roles": ["clerk"], "department": "sales", "acr": "gold", "secret": "x" });
    let token = walk.token_with(claims.clone());
    walk.send(refund_of("99.5").bearer(&token)).passed();
    let asked = &service.questions()[0];
    assert_eq!(
        asked["body"],
        json!({
            "subject": { "type": "user", "id": "alice", "properties": {
                "issuer": crate::walk::ISSUER, "roles": ["clerk"], "scopes": ["a", "b"], "acr": "gold",
                "client": asked["body"]["subject"]["properties"]["client"],
                "claims": { "department": "sales" },
            } },
            "action": { "name": "POST" },
            "resource": { "type": "route", "id": "/refunds/{id}", "properties": {
                "api": "shop", "operation": "makeRefund",
                "path": { "id": "r-1" }, "query": { "why": ["broken", "late"] },
            } },
            "context": { "address": "127.0.0.1", "header": { "x-region": ["eu"] }, "body": { "/amount": ["99.5"] } },
        })
    );
    assert_eq!(asked["headers"]["authorization"], "Bearer t0ken-of-the-gateway");
    assert!(asked["headers"]["x-request-id"].is_string());
    // No credential of the caller, in no place.
    assert!(!asked.to_string().contains(&token));

    let refused = walk.send(refund_of("100.5").bearer(&token));
    refused.refused(Reason::PermitMissing);
    let note = refused.only_event()["note"].as_str().unwrap();
    assert_eq!(note, "decision point `pdp`: too much for a clerk");
    assert!(!refused.response.text().contains("clerk"), "the client learns nothing of it");
    assert!(!walk.record.text().contains("t0ken"));
}

// proves: AUTHZ-24
#[test]
fn a_rule_of_opa_is_asked_in_its_own_words() {
    let service = Service::start();
    for path in ["/v1/data/shop/allow", "/v1/data/shop"] {
        let walk = asking(&service.at(path), json!({ "shape": "opa", "facts": ["roles"] })).start();
        orders(&walk, json!(["clerk"])).passed();
        orders(&walk, json!(["guest"])).refused(Reason::PermitMissing);
        orders(&walk, json!([])).refused(Reason::PermitMissing);
    }
    let asked = &service.questions()[0]["body"];
    assert_eq!(asked["input"]["resource"]["id"], "/orders");
    let walk = asking(&service.at("/v1/data/undefined"), json!({ "shape": "opa" })).start();
    orders(&walk, json!(["clerk"])).refused(Reason::PermitMissing);
}

#[test]
fn nobody_is_asked_about_what_the_gateway_refuses_itself_and_about_what_is_public() {
    let service = Service::start();
    let walk = asking(&service.at("/access/v1/evaluation"), json!({ "facts": ["roles"] })).start();
    walk.send(get("/public")).passed();
    walk.send(get("/orders")).refused(Reason::CredentialMissing);
    walk.send(get("/orders").bearer(&walk.token(""))).refused(Reason::ScopeInsufficient);
    let malformed = ask("POST", "/orders").with("Content-Type: application/json").body("{\"text\":7}");
    let token = walk.token_with(json!({ "scope": "orders:write", "roles": ["clerk"] }));
    walk.send(malformed.bearer(&token)).refused(Reason::RequestInvalid);
    assert!(service.questions().is_empty());
}

#[test]
fn the_narrowest_setting_says_who_is_asked() {
    let service = Service::start();
    let walk = asking(&service.at("/access/v1/evaluation"), json!({ "facts": ["roles"] }))
        .policy(json!({ "decision_points": { "other": {
            "url": service.at("/once"), "shape": "authzen", "allow_private_network": true, "timeout": "10s",
        } } }))
        .api(json!({ "overrides": { "GET /me": { "authorize": { "ask": "other" } } } }))
        .start();
    orders(&walk, json!([])).refused(Reason::PermitMissing);
    walk.send(get("/me").bearer(&walk.token("orders:read"))).passed();
    let paths: Vec<_> = service.questions().iter().map(|asked| asked["path"].clone()).collect();
    assert_eq!(paths, ["/access/v1/evaluation", "/once"]);
}

#[test]
fn connections_are_used_again_and_replaced_when_they_are_closed() {
    let service = Service::start();
    let walk = asking(&service.at("/access/v1/evaluation"), json!({ "facts": ["roles"] })).start();
    for _ in 0..5 {
        orders(&walk, json!(["clerk"])).passed();
    }
    assert_eq!((service.questions().len(), service.connections()), (5, 1));
    let walk = asking(&service.at("/once"), json!({})).start();
    for _ in 0..5 {
        orders(&walk, json!([])).passed();
    }
}

#[test]
fn an_answer_holds_for_the_same_question_for_as_long_as_the_operator_says() {
    let service = Service::start();
    let clock = portcullis_domain::Clock::manual(portcullis_domain::Clock::machine().now().wall);
    let walk = asking(&service.at("/access/v1/evaluation"), json!({ "facts": ["roles"], "cache": "10s" }))
        .clock(clock)
        .start();
    for _ in 0..3 {
        orders(&walk, json!(["clerk"])).passed();
        orders(&walk, json!(["guest"])).refused(Reason::PermitMissing);
    }
    assert_eq!(service.questions().len(), 2);
    walk.clock.advance(std::time::Duration::from_secs(10));
    orders(&walk, json!(["clerk"])).passed();
    assert_eq!(service.questions().len(), 3);
}

#[test]
fn in_shadow_its_no_is_recorded_and_changes_nothing() {
    let service = Service::start();
    let walk =
        asking(&service.at("/access/v1/evaluation"), json!({ "facts": ["roles"], "mode": "shadow" })).start();
    let outcome = orders(&walk, json!(["guest"]));
    outcome.passed();
    let event = outcome.only_event();
    assert_eq!(event["would_deny"], json!(["permit_missing"]));
    assert_eq!(event["note"], "decision point `pdp`: only clerks");
    let clean = orders(&walk, json!(["clerk"]));
    clean.passed();
    assert!(clean.only_event().get("would_deny").is_none());
}

#[test]
fn a_confidential_operation_is_refused_as_if_it_were_not_there() {
    let service = Service::start();
    let walk = asking(&service.at("/access/v1/evaluation"), json!({ "facts": ["roles"] }))
        .policy(json!({ "timeouts": { "conceal": "1ms" } }))
        .api(json!({ "authorize": { "confidential": true } }))
        .start();
    orders(&walk, json!(["guest"])).refused(Reason::ObjectConcealed);
}

#[test]
fn what_cannot_be_asked_or_told_is_a_mistake() {
    let point = |patch: Value| {
        let mut point = json!({ "url": "https://pdp.example/", "shape": "opa" });
        merge(&mut point, patch);
        Setup::new().policy(json!({ "decision_points": { "pdp": point } }))
    };
    let public = json!({ "overrides": { "GET /public": { "authorize": { "ask": "pdp" } } } });
    for (setup, code) in [
        (point(json!({ "url": "http://pdp.example/" })), "C1001"),
        (point(json!({ "url": "http://127.0.0.1/" })), "C1001"),
        (point(json!({ "url": "https://user:word@pdp.example/" })), "C1001"),
        (point(json!({})).api(json!({ "authorize": { "ask": "nobody" } })), "C1002"),
        (point(json!({ "facts": ["header:Authorization"] })), "C1003"),
        (point(json!({ "facts": ["header:cookie"] })), "C1003"),
        (point(json!({ "facts": ["body:amount"] })), "C1003"),
        (point(json!({ "facts": ["password"] })), "C1003"),
        (point(json!({})).api(public), "C0232"),
    ] {
        match setup.try_start() {
            Err(StartError::Configuration(mistakes)) => {
                let text = mistakes.render(Color::Never);
                assert!(text.contains(code), "{code}: {text}");
            }
            Err(error) => panic!("{error}"),
            Ok(_) => panic!("{code}: it starts"),
        }
    }
    let open = point(json!({ "on_failure": "allow" })).start();
    assert!(open.gateway().warnings().iter().any(|warning| warning.code().0 == "C1004"));
}
