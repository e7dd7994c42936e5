//! Callers whose behavior looks like an attack (AUTHZ-17).

use std::time::Duration;

use portcullis_domain::{Clock, Reason};
use portcullis_testkit::Answer;
use serde_json::json;

use super::short;
use crate::walk::{Walk, get};

fn order(walk: &Walk, who: &str, id: u32) -> crate::walk::Outcome {
    let token = walk.token_with(json!({ "sub": who, "scope": "orders:read" }));
    walk.send(get(&format!("/orders/{id}")).bearer(&token))
}

// proves: AUTHZ-17
#[test]
fn who_seems_to_attack_is_refused_until_that_has_faded() {
    let rule = json!({ "allow": { "when": { "max_risk": 9 } } });
    let walk = short("GET /orders", rule)
        .clock(Clock::manual(Clock::machine().now().wall))
        .answering(Answer::respond(404, &[], "nothing"))
        .start();
    let list = |who: &str, claims: serde_json::Value| {
        let mut all = json!({ "sub": who, "scope": "orders:read" });
        crate::walk::merge(&mut all, claims);
        walk.send(get("/orders").bearer(&walk.token_with(all)))
    };
    list("mallory", json!({})).forwarded();
    // One after the other is tried, and none is there.
    for id in 1_000..1_030 {
        order(&walk, "mallory", id).forwarded();
    }
    walk.record.wait_until("an alert", |event| event["detector"] == "enumeration");
    let refused = list("mallory", json!({}));
    refused.refused(Reason::PermitMissing);
    // What it says of itself changes nothing, and nobody else suffers.
    list("mallory", json!({ "risk": 0 })).refused(Reason::PermitMissing);
    list("alice", json!({ "risk": 100 })).forwarded();
    walk.clock.advance(Duration::from_secs(7 * 86_400));
    list("mallory", json!({})).forwarded();
}

// proves: AUTHZ-17
#[test]
fn who_seems_to_attack_may_be_sent_to_log_in_instead() {
    let policies = "permit(principal, action, resource)\n\
                    when { context.risk < 10 || (context has auth_age && context.auth_age <= 60) };";
    let walk = super::ruled(policies)
        .clock(Clock::manual(Clock::machine().now().wall))
        .answering(Answer::respond(404, &[], "nothing"))
        .start();
    for id in 1_000..1_030 {
        order(&walk, "mallory", id);
        if walk.record.all().iter().any(|event| event["detector"] == "enumeration") {
            break;
        }
    }
    walk.record.wait_until("an alert", |event| event["detector"] == "enumeration");
    order(&walk, "mallory", 1).refused(Reason::AuthenticationInsufficient);
    let claims =
        json!({ "sub": "mallory", "scope": "orders:read", "auth_time": walk.clock.now().wall.as_seconds() });
    walk.send(get("/orders/1").bearer(&walk.token_with(claims))).forwarded();
}
