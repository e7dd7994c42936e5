//! The gateway as decision point, on its admin listener (AUTHZ-24).

use portcullis_testkit::{RawClient, Response};
use serde_json::{Value, json};

use crate::walk::{Setup, Walk, merge};

const TOKEN: &str = "q8Zp1vN4x7Yt0Rw3Lk6Jm9Hs2Gd5Fb8C";

fn walk() -> Walk {
    Setup::new()
        .secret("token", TOKEN)
        .policy(json!({ "admin": { "address": "127.0.0.1:0", "token": "${file:token}" } }))
        .file(
            "shop.cedar",
            "permit(principal, action in Action::\"method:GET\", resource);\n\
             permit(principal, action == Action::\"POST /orders\", resource) when {\n\
             principal in Role::\"clerk\" && context.body has \"/text\" && context.body[\"/text\"].contains(\"small\") };",
        )
        .api(json!({ "rules": { "policies": ["shop.cedar"] } }))
        .start()
}

fn post(walk: &Walk, authorization: &str, body: &str) -> Response {
    let request = format!(
        "POST /access/v1/evaluation HTTP/1.1\r\nHost: admin\r\nX-Request-ID: q-1\r\n{authorization}\
         Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    RawClient::connect(walk.gateway().admin_address().unwrap()).ask(request.into_bytes())
}

fn operator() -> String {
    format!("Authorization: Bearer {TOKEN}\r\n")
}

fn question(change: Value) -> Value {
    let mut question = json!({
        "subject": { "type": "user", "id": "alice", "properties": {
            "issuer": "https://id.test", "scopes": ["orders:read", "orders:write"], "roles": [],
        } },
        "action": { "name": "GET" },
        "resource": { "type": "route", "id": "/orders/{name}", "properties": { "api": "shop", "path": { "name": "7" } } },
    });
    merge(&mut question, change);
    question
}

#[track_caller]
fn decides(walk: &Walk, change: Value) -> (bool, String) {
    let answer = post(walk, &operator(), &question(change).to_string());
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(answer.header("content-type"), Some("application/json"));
    assert_eq!(answer.header("x-request-id"), Some("q-1"));
    let answer = answer.json();
    (
        answer["decision"].as_bool().unwrap(),
        answer["context"]["reason_admin"]["en"].as_str().unwrap_or("").to_owned(),
    )
}

// proves: AUTHZ-24
#[test]
fn the_gateway_says_what_its_own_rules_say() {
    let walk = walk();
    assert!(decides(&walk, json!({})).0);
    let (decision, why) = decides(&walk, json!({ "subject": { "properties": { "scopes": [] } } }));
    assert!(!decision && why.contains("orders:read"), "{why}");
    let order = |roles: Value, text: &str| {
        json!({
            "subject": { "properties": { "roles": roles } }, "action": { "name": "POST" },
            "resource": { "id": "/orders" }, "context": { "body": { "/text": [text] } },
        })
    };
    assert!(decides(&walk, order(json!(["clerk"]), "small")).0);
    assert!(!decides(&walk, order(json!(["clerk"]), "large")).0);
    assert!(!decides(&walk, order(json!([]), "small")).0);
    for unknown in [
        json!({ "resource": { "id": "/nothing" } }),
        json!({ "resource": { "type": "document" } }),
        json!({ "resource": { "properties": { "api": "other" } } }),
        json!({ "action": { "name": "DELETE" }, "resource": { "id": "/public" } }),
    ] {
        assert!(!decides(&walk, unknown.clone()).0, "{unknown}");
    }
}

#[test]
fn nobody_but_the_operator_is_answered_and_what_is_no_question_is_refused() {
    let walk = walk();
    assert_eq!(post(&walk, "", &question(json!({})).to_string()).status, 401);
    for bad in [
        json!([]),
        question(json!({ "subject": null })),
        question(json!({ "subject": { "id": 7 } })),
        question(json!({ "action": { "name": "" } })),
        question(json!({ "resource": { "id": null } })),
        question(json!({ "subject": { "properties": [] } })),
        question(json!({ "context": "x" })),
    ] {
        assert_eq!(post(&walk, &operator(), &bad.to_string()).status, 400, "{bad}");
    }
    assert_eq!(post(&walk, &operator(), "{\"subject\":{},\"subject\":{}}").status, 400);
    let large = format!("\"{}\"", "x".repeat(70_000));
    assert_eq!(post(&walk, &operator(), &large).status, 413);
}

#[test]
fn the_question_of_the_guide_is_answered() {
    let path =
        std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/guides/external-decisions.md");
    let guide = std::fs::read_to_string(path).unwrap();
    let question = guide.split("-d '").nth(1).and_then(|rest| rest.split('\'').next()).unwrap();
    let answer = post(&walk(), &operator(), question);
    assert_eq!((answer.status, &answer.json()["decision"]), (200, &json!(true)));
}
