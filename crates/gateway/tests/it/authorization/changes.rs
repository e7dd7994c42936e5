//! Rules and roles that change while the gateway runs (AUTHZ-16).

use std::sync::{Arc, Mutex};
use std::time::Duration;

use portcullis_domain::{Clock, Reason};
use portcullis_testkit::{Answer, Upstream};
use serde_json::{Value, json};

use super::{asked, ruled, short};
use crate::walk::{ISSUER, SUBJECT, get};

// proves: AUTHZ-16
#[test]
fn a_rule_that_is_taken_away_permits_nobody_from_the_next_request_on() {
    let walk = ruled("permit(principal, action, resource) when { principal in Role::\"clerk\" };").start();
    asked(&walk, get("/orders"), json!({ "roles": ["clerk"] })).passed();
    walk.workspace
        .file("shop.cedar", "permit(principal, action, resource) when { principal in Role::\"boss\" };");
    walk.gateway().reload().expect("a good file");
    asked(&walk, get("/orders"), json!({ "roles": ["clerk"] })).refused(Reason::PermitMissing);
}

// proves: AUTHZ-16
#[test]
fn a_role_that_the_issuer_takes_away_is_gone_within_five_seconds() {
    let clock = Clock::manual(Clock::machine().now().wall);
    let says = |roles: Value| {
        let exp = clock.now().wall.as_seconds() + 300;
        let answer = json!({
            "active": true, "iss": ISSUER, "aud": "shop-api", "sub": SUBJECT, "client_id": "shop-app",
            "scope": "orders:read", "roles": roles, "exp": exp,
        });
        Answer::json(&answer.to_string())
    };
    let said = Arc::new(Mutex::new(says(json!(["clerk"]))));
    let issuer = {
        let said = Arc::clone(&said);
        Upstream::start(move |_| said.lock().unwrap().clone())
    };
    // What the issuer says is believed for so long, and its tokens themselves say nothing of roles.
    let introspection = json!({
        "url": format!("{}/introspect", issuer.url()), "client": "shop-gateway",
        "secret": "${file:client.secret}", "tokens": "all", "cache": "4s",
    });
    let walk = short("GET /orders", json!({ "allow": { "roles": ["clerk"] } }))
        .clock(clock.clone())
        .secret("client.secret", "s3cret")
        .policy(json!({ "identity": { "customers": {
            "allow_private_network": true, "introspection": introspection,
        } } }))
        .start();
    let token = walk.token("orders:read");
    let orders = || walk.send(get("/orders").bearer(&token));
    orders().passed();
    *said.lock().unwrap() = says(json!([]));
    clock.advance(Duration::from_secs(5));
    orders().refused(Reason::PermitMissing);
    *said.lock().unwrap() = says(json!(["clerk"]));
    clock.advance(Duration::from_secs(5));
    orders().passed();
}
