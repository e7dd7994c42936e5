//! Answers are held to what the document promises, and show each caller what it may see (VAL-18 to VAL-21).

mod sight;
mod streaming;

use portcullis_config::Color;
use portcullis_domain::Reason;
use portcullis_gateway::{Options, StartError, check};
use portcullis_testkit::Answer;
use serde_json::{Value, json};

use crate::metrics::scrape;
use crate::walk::{Outcome, Setup, Walk, get, post_json};

/// What `GET /orders` promises: an order with a bit of everything.
fn order() -> Value {
    let only = |audience: Value, schema: Value| {
        let mut schema = schema;
        schema["x-portcullis-visible-to"] = audience;
        schema
    };
    let text = json!({ "type": "string", "maxLength": 200 });
    json!({
        "type": "object",
        "required": ["id", "total"],
        "properties": {
            "id": { "type": "string", "readOnly": true },
            "total": { "type": "integer", "minimum": 0 },
            "pin": { "type": "string", "writeOnly": true },
            "customer": { "type": "object", "properties": { "name": text, "email": text } },
            "lines": { "type": "array", "items": {
                "type": "object",
                "properties": {
                    "sku": text,
                    "cost": only(json!({ "scopes": ["costs:read"] }), json!({ "type": "number" })),
                },
            } },
            "notes": { "type": "object", "additionalProperties": true },
        },
    })
}

/// The usual walk with answers of `schema` to `GET /orders`, under these settings.
fn setup(schema: &Value, responses: Value) -> Setup {
    let content = json!({ "application/json": { "schema": schema } });
    let problem = json!({ "application/problem+json": { "schema": { "type": "object" } } });
    Setup::new().api(json!({ "responses": responses })).contract(json!({ "paths": { "/orders": {
        "get": { "responses": {
            "200": { "description": "Orders.", "content": content },
            "404": { "description": "None.", "content": problem },
        } },
        "head": {
            "security": [{ "customers": ["orders:read"] }],
            "responses": { "200": { "description": "Orders.", "content": content } },
        },
    } } }))
}

fn mode(mode: &str) -> Value {
    json!({ "mode": mode })
}

/// What comes of `GET /orders` by a caller with these scopes.
#[track_caller]
fn ask(walk: &Walk, scopes: &str) -> Outcome {
    let token = walk.token(&format!("orders:read {scopes}"));
    walk.send(get("/orders").bearer(&token))
}

/// The same over HTTP/2.
#[track_caller]
fn ask_h2(walk: &Walk, scopes: &str) -> Outcome {
    let token = walk.token(&format!("orders:read {scopes}"));
    let mut client = walk.h2();
    let request = client.request("GET", "/orders").header("authorization", &format!("Bearer {token}"));
    walk.settle(client.ask(request).expect("an answer"))
}

/// What was found, as `kind at`.
fn found(outcome: &Outcome) -> Vec<String> {
    let findings = outcome.only_event()["findings"].as_array().cloned().unwrap_or_default();
    let places = findings.iter().flat_map(|finding| {
        let kind = finding["kind"].as_str().unwrap().to_owned();
        let places = finding["at"].as_array().unwrap().clone();
        places.into_iter().map(move |place| format!("{kind} {}", place.as_str().unwrap()))
    });
    places.collect()
}

const GOOD: &str = r#"{"id":"o-1", "total":3, "customer":{"name":"Ann"}, "lines":[{"sku":"AB-1"}]}"#;

#[test]
fn an_answer_that_keeps_its_promise_is_handed_on_as_it_came() {
    for settings in ["off", "log", "strip", "block"] {
        let walk = setup(&order(), mode(settings)).answering(Answer::json(GOOD)).start();
        for outcome in [ask(&walk, ""), ask_h2(&walk, "")] {
            outcome.passed();
            assert_eq!(outcome.response.text(), GOOD, "{settings}");
            assert_eq!(found(&outcome), [""; 0], "{settings}");
            assert_eq!(outcome.only_event()["response_bytes"], GOOD.len(), "{settings}");
        }
    }
}

/// Answers that break the promise of `GET /orders`, and what is found in each.
fn broken() -> Vec<(&'static str, Answer, &'static str)> {
    let json = [("Content-Type", "application/json")];
    vec![
        ("an undeclared status", Answer::respond(418, &json, GOOD), "status undeclared"),
        (
            "HTML for JSON",
            Answer::respond(200, &[("Content-Type", "text/html")], "<html>"),
            "media_type content-type undeclared",
        ),
        ("no type", Answer::respond(200, &[], GOOD), "media_type content-type required"),
        (
            "another charset",
            Answer::respond(200, &[("Content-Type", "application/json; charset=utf-16")], GOOD),
            "media_type content-type charset",
        ),
        ("HTML that calls itself JSON", Answer::json("<html>"), "malformed "),
        ("a wrong type", Answer::json(r#"{"id":"o-1","total":"3"}"#), "schema /total type"),
        ("a value out of bounds", Answer::json(r#"{"id":"o-1","total":-3}"#), "schema /total minimum"),
        ("a member missing", Answer::json(r#"{"id":"o-1"}"#), "schema required"),
        ("a member twice", Answer::json(r#"{"id":"o-1","total":3,"total":4}"#), "malformed "),
        ("no body", Answer::json(""), "schema required"),
        ("a body cut short", Answer::json(r#"{"id":"o-1","total":3"#), "malformed "),
    ]
}

// proves: VAL-19
#[test]
fn an_answer_that_breaks_its_promise_is_a_502_in_block_mode() {
    for (what, answer, finding) in broken() {
        let walk = setup(&order(), mode("block")).answering(answer).start();
        for outcome in [ask(&walk, ""), ask_h2(&walk, "")] {
            outcome.ended(Reason::ResponseInvalid);
            assert!(!outcome.response.text().contains("o-1"), "{what}: {:?}", outcome.response);
            let found = found(&outcome);
            assert!(found.iter().any(|line| line.starts_with(finding)), "{what}: {found:?}");
        }
    }
}

// proves: VAL-19
#[test]
fn an_answer_that_breaks_its_promise_is_recorded_and_handed_on_in_log_mode() {
    // Without hidden members nothing has to be read on the way.
    let mut schema = order();
    schema["properties"]["pin"] = json!({ "type": "string" });
    schema["properties"]["lines"]["items"]["properties"]["cost"] = json!({ "type": "number" });
    for (what, answer, finding) in broken() {
        let Answer::Respond { status, body, .. } = answer.clone() else { panic!("another kind of answer") };
        let walk = setup(&schema, mode("log"))
            .policy(json!({ "admin": { "address": "127.0.0.1:0" } }))
            .answering(answer)
            .start();
        for outcome in [ask(&walk, ""), ask_h2(&walk, "")] {
            assert_eq!(outcome.response.status, status, "{what}");
            assert_eq!(outcome.response.body, body, "{what}");
            outcome.forwarded();
            let found = found(&outcome);
            assert!(found.iter().any(|line| line.starts_with(finding)), "{what}: {found:?}");
            assert!(!outcome.only_event().to_string().contains("o-1"), "{what}: a value was recorded");
        }
        let kind = finding.split(' ').next().unwrap();
        let series = format!("portcullis_answer_findings_total{{api=\"shop\",kind=\"{kind}\"}} 2");
        let metrics = scrape(&walk);
        assert!(metrics.contains(&series), "{what}: {metrics}");
    }
}

#[test]
fn an_answer_larger_than_the_bound_is_not_blocked_unseen() {
    let body = format!(r#"{{"id":"{}","total":3}}"#, "o".repeat(2048));
    let walk =
        setup(&order(), json!({ "mode": "block", "whole": "1 KiB" })).answering(Answer::json(&body)).start();
    ask(&walk, "").ended(Reason::ResponseInvalid);
    let walk =
        setup(&order(), json!({ "mode": "block", "whole": "3 KiB" })).answering(Answer::json(&body)).start();
    assert_eq!(ask(&walk, "").response.text(), body);
}

#[test]
fn errors_that_tell_how_the_service_is_built_are_reported_and_replaced_in_block_mode() {
    let problem = [("Content-Type", "application/problem+json")];
    let trace = r#"{"detail":"at com.example.Shop.order(Shop.java:12)"}"#;
    for (settings, replaced) in [("log", false), ("strip", false), ("block", true)] {
        let walk = setup(&order(), mode(settings)).answering(Answer::respond(404, &problem, trace)).start();
        for outcome in [ask(&walk, ""), ask_h2(&walk, "")] {
            if replaced {
                outcome.ended(Reason::ResponseInvalid);
                assert!(!outcome.response.text().contains("Shop.java"));
            } else {
                assert_eq!(outcome.response.status, 404, "{settings}");
                outcome.forwarded();
            }
            let found = found(&outcome);
            assert!(found.contains(&"revealing java stack trace".to_owned()), "{settings}: {found:?}");
        }
        let plain = Answer::respond(404, &problem, r#"{"title":"no such order"}"#);
        let walk = setup(&order(), mode(settings)).answering(plain).start();
        let outcome = ask(&walk, "");
        assert_eq!(outcome.response.status, 404, "{settings}");
        assert_eq!(found(&outcome), [""; 0], "{settings}");
        outcome.forwarded();
    }
}

#[test]
fn what_passes_unseen_is_told_when_the_configuration_is_checked() {
    let csv = json!({ "paths": { "/orders": { "get": { "responses": { "200": { "content": {
        "text/csv": {}, "text/event-stream": {},
    } } } } } } });
    let walk = setup(&order(), json!({ "streams": ["video/*"] })).contract(csv).start();
    let checked = check(&Options::new(walk.workspace.path("portcullis.yaml"))).expect("a good file");
    let of_orders = checked.unseen.iter().find(|(_, operation, _)| operation == "GET /orders").unwrap();
    assert_eq!(of_orders.2, ["text/csv", "text/event-stream", "video/*"]);

    let refused = setup(&order(), json!({ "streams": ["application/json; a=b"] })).try_start();
    let Err(StartError::Configuration(diagnostics)) = refused else { panic!("it is taken") };
    assert!(diagnostics.render(Color::Never).contains("C0351"));
}

#[test]
fn an_override_decides_for_its_operations() {
    let walk = setup(&order(), mode("log"))
        .api(json!({ "overrides": { "GET /orders": { "responses": { "mode": "block" } } } }))
        .answering(Answer::json(r#"{"id":"o-1"}"#))
        .start();
    ask(&walk, "").ended(Reason::ResponseInvalid);
    let token = walk.token("orders:write");
    walk.send(post_json("/orders", r#"{"text":"x"}"#).bearer(&token)).passed();
}

#[test]
fn declared_header_fields_are_checked() {
    let declared = json!({ "paths": { "/orders": { "get": { "responses": { "200": { "headers": {
        "X-Total": { "required": true, "schema": { "type": "integer", "minimum": 0 } },
        "Content-Type": { "required": true, "schema": { "type": "integer" } },
    } } } } } } });
    for (fields, finding) in [
        (vec![("X-Total", "7")], None),
        (vec![], Some("header X-Total required")),
        (vec![("X-Total", "many")], Some("header X-Total type")),
        (vec![("X-Total", "-1")], Some("header X-Total minimum")),
    ] {
        let fields = [vec![("Content-Type", "application/json")], fields].concat();
        for settings in ["log", "block"] {
            let walk = setup(&order(), mode(settings))
                .contract(declared.clone())
                .answering(Answer::respond(200, &fields, GOOD))
                .start();
            let outcome = ask(&walk, "");
            assert_eq!(found(&outcome), finding.as_slice(), "{settings}");
            match finding {
                Some(_) if settings == "block" => drop(outcome.ended(Reason::ResponseInvalid)),
                Some(_) | None => drop(outcome.passed()),
            }
        }
    }
}
