//! An API without a contract: learnt from its traffic, then held to it.

use std::time::Duration;

use portcullis_contract::learn::Lessons;
use portcullis_domain::{Reason, UsageStore as _};
use portcullis_gateway::StartError;
use portcullis_testkit::{Answer, Seen, Upstream};
use serde_json::{Value, json};

use super::{ALWAYS, done, keeping, store};
use crate::walk::{Ask, Setup, Walk, ask, get, post_json};

/// A shop, as its upstream answers.
fn shop(seen: &Seen) -> Answer {
    let line = seen.line();
    let order = |id: u32| json!({ "id": id, "status": "open", "placed": "2026-11-24T12:00:00Z", "lines": [{ "sku": "ab", "quantity": 1 }] });
    let created =
        |body: Value| Answer::respond(201, &[("Content-Type", "application/json")], body.to_string());
    if line.starts_with("GET /products") {
        Answer::json(&json!([{ "name": "Lamp", "price": 12.5 }]).to_string())
    } else if line.starts_with("POST /orders") {
        created(order(4711))
    } else if line.starts_with("GET /orders/") {
        Answer::json(&order(4712).to_string())
    } else if line.starts_with("GET /orders") {
        Answer::json(&json!({ "orders": [order(1), order(2)], "next": null }).to_string())
    } else if line.starts_with("GET /health") {
        Answer::ok("well")
    } else {
        Answer::respond(404, &[], "no")
    }
}

/// An API that is to be learnt, of which a token is demanded meanwhile.
fn learning(learn: Value) -> Setup {
    keeping()
        .upstream(Upstream::start(shop))
        .api(json!({ "contract": null, "learn": learn, "credential": "pass" }))
}

fn calls(walk: &Walk) -> Vec<Ask> {
    let token = walk.token("");
    let order = |number: usize| {
        json!({ "lines": [{ "sku": "ab", "quantity": number }], "note": "be quick" }).to_string()
    };
    let mut calls =
        vec![get("/products"), get("/health"), get("/orders?page=1"), get("/orders?page=2&sort=asc")];
    for number in 1..5 {
        calls.push(get(&format!("/orders/{}", 4000 + number)));
        calls.push(post_json("/orders", &order(number)));
    }
    calls.into_iter().map(|call| call.bearer(&token)).collect()
}

/// The document of what was learnt by now; the gateway is stopped.
fn document(walk: &mut Walk) -> String {
    walk.stop();
    let learnt = done(store(walk).find_learnt("shop")).unwrap().expect("something was learnt");
    Lessons::from_bytes(&learnt.content).expect("it can be read").document("shop")
}

#[test]
fn what_was_learnt_lets_the_same_calls_pass_and_refuses_others() {
    let mut walk = learning(json!({ "security": [{ "customers": [] }] })).start();
    for call in calls(&walk) {
        walk.send(call).passed();
    }
    // What the upstream does not know is learnt by nobody.
    walk.send(get("/wp-admin/setup.php").bearer(&walk.token("")));
    walk.send(get("/products")).refused(Reason::CredentialMissing);
    let learnt = document(&mut walk);
    for text in ["4711", "Lamp", "be quick", "wp-admin", "4001"] {
        assert!(!learnt.contains(text), "{text}: {learnt}");
    }

    walk.workspace.file("learnt.yaml", &learnt);
    let customers = json!({ "issuer": crate::walk::ISSUER, "audience": crate::walk::AUDIENCE, "jwks": { "file": "jwks.json" } });
    walk.rewrite(json!({
        "apis": { "shop": { "contract": "learnt.yaml", "learn": null } },
        "identity": { "bearer": customers, "customers": null },
    }));
    walk.restart();
    for call in calls(&walk) {
        walk.send(call).passed();
    }
    let token = walk.token("");
    let order = |body: &str| walk.send(post_json("/orders", body).bearer(&token));
    order(r#"{"lines":[{"sku":"ab","quantity":2}],"note":"x","isAdmin":true}"#)
        .refused(Reason::RequestInvalid);
    order(r#"{"lines":[{"sku":"ab","quantity":"2"}],"note":"x"}"#).refused(Reason::RequestInvalid);
    walk.send(get("/orders/abc").bearer(&token)).refused(Reason::RequestInvalid);
    walk.send(get("/orders?page=1&admin=1").bearer(&token)).refused(Reason::RequestInvalid);
    walk.send(get("/users").bearer(&token)).refused(Reason::OperationUnknown);
    walk.send(ask("DELETE", "/orders/4001").bearer(&token)).refused(Reason::MethodUndeclared);
    walk.send(get("/products")).refused(Reason::CredentialMissing);
}

#[test]
fn what_the_upstream_answers_is_listed_as_not_declared() {
    let mut walk = learning(json!({ "access": "public" })).start();
    for path in ["/orders/1", "/orders/2", "/health", "/nothing/here"] {
        walk.send(get(path));
    }
    walk.stop();
    let strays = done(store(&walk).strays_since(ALWAYS)).unwrap();
    let found: Vec<_> = strays.iter().map(|stray| (&*stray.template, stray.answered)).collect();
    assert_eq!(found, [("/health", 1), ("/orders/{}", 2)]);
}

#[test]
fn it_is_looked_at_so_often_and_no_more() {
    let mut walk = learning(json!({ "access": "public", "samples": 2 }))
        .clock(portcullis_domain::Clock::manual(portcullis_domain::Clock::machine().now().wall))
        .start();
    for _ in 0..2 {
        for page in ["/orders?page=1", "/orders?page=2", "/orders?extra=1"] {
            walk.send(get(page));
        }
        walk.clock.advance(Duration::from_secs(60));
    }
    let learnt = document(&mut walk);
    assert!(learnt.contains("name: page") && !learnt.contains("name: extra"), "{learnt}");
}

#[test]
fn bodies_that_are_large_or_no_json_go_by_as_they_are() {
    let large = format!("[\"{}\"]", "x".repeat(100_000));
    let answer = large.clone();
    let mut walk = learning(json!({ "access": "public" }))
        .upstream(Upstream::start(move |_| Answer::json(&answer)))
        .start();
    let outcome = walk.send(post_json("/import", &large));
    assert_eq!((outcome.response.text(), outcome.seen[0].text()), (&*large, &*large));
    walk.send(ask("PUT", "/import").with("Content-Type: text/csv").body("a;b")).passed();
    let learnt = document(&mut walk);
    assert!(learnt.contains("text/csv: {}") && learnt.contains("application/json: {}"), "{learnt}");
}

#[test]
fn an_api_that_is_learnt_does_not_become_public_by_accident() {
    let refused = |patch: Value| {
        let Err(StartError::Configuration(found)) = keeping().api(patch).try_start() else {
            panic!("it starts");
        };
        found.errors().map(|diagnostic| diagnostic.code().0).collect::<Vec<_>>()
    };
    assert_eq!(refused(json!({ "contract": null, "learn": {} })), ["C0419"]);
    assert_eq!(refused(json!({ "learn": { "access": "public" } })), ["C0401"], "beside a contract");
    let both = json!({ "access": "public", "security": [{ "customers": [] }] });
    assert!(!refused(json!({ "contract": null, "learn": both })).is_empty());
    let walk = learning(json!({ "access": "public" })).start();
    let codes: Vec<_> = walk.gateway().warnings().iter().map(|diagnostic| diagnostic.code().0).collect();
    assert!(codes.contains(&"C0418"), "{codes:?}");
}
