//! What is done about suspects: kept out, slowed down, asked to log in again, made known to the upstream.

use std::time::Duration;

use portcullis_domain::Reason;
use serde_json::{Value, json};

use super::{alert, enumerate, order, watched};
use crate::walk::{Setup, get};

/// Mallory has been noticed.
fn noticed(action: &str) -> crate::walk::Walk {
    noticed_by(watched(json!({ "enumeration": { "action": action, "lasts": "10m" } })))
}

fn noticed_by(setup: Setup) -> crate::walk::Walk {
    let walk = setup.start();
    enumerate(&walk, "mallory", 0..9);
    alert(&walk, "enumeration");
    walk
}

#[test]
fn whoever_is_blocked_reaches_nothing_until_the_time_is_over() {
    let walk = noticed("block");
    walk.send(order(&walk, "mallory", 7)).refused(Reason::SubjectBlocked);
    walk.clock.advance(Duration::from_secs(9 * 60));
    walk.send(order(&walk, "mallory", 7)).refused(Reason::SubjectBlocked);
    walk.send(order(&walk, "alice", 7)).passed();
    walk.clock.advance(Duration::from_secs(60));
    walk.send(order(&walk, "mallory", 7)).passed();
}

#[test]
fn another_login_ends_a_step_up_and_the_stolen_session_does_not() {
    let walk = noticed("step_up");
    let refused = walk.send(order(&walk, "mallory", 7));
    refused.refused(Reason::AuthenticationInsufficient);
    let challenge = refused.header("www-authenticate").unwrap();
    assert!(
        challenge.contains("insufficient_user_authentication") && challenge.contains("max_age=\"0\""),
        "{challenge}"
    );
    let now = walk.clock.now().wall.as_seconds();
    let logged_in = |at: u64| {
        let claims = json!({ "sub": "mallory", "scope": "orders:read", "auth_time": at });
        get("/orders/7").bearer(&walk.token_with(claims))
    };
    walk.send(logged_in(now - 1)).refused(Reason::AuthenticationInsufficient);
    walk.send(logged_in(now + 1)).passed();
}

#[test]
fn the_upstream_is_told_the_risk_by_the_gateway_and_by_nobody_else() {
    let walk = noticed("tag");
    let told = walk.send(order(&walk, "mallory", 7).with("X-Portcullis-Risk: 0"));
    assert_eq!(told.passed().header("x-portcullis-risk"), Some("100"));
    let innocent = walk.send(order(&walk, "alice", 7).with("X-Portcullis-Risk: 100"));
    assert_eq!(innocent.passed().header("x-portcullis-risk"), None);
}

#[test]
fn rules_may_ask_for_the_risk() {
    let only_calm = "permit (principal, action, resource);\n\
         forbid (principal, action, resource) when { context.risk >= 50 };";
    let rules = json!({ "rules": { "policies": ["calm.cedar"] } });
    let walk = noticed_by(watched(json!({})).file("calm.cedar", only_calm).api(rules));
    walk.send(order(&walk, "mallory", 7)).refused(Reason::PermitMissing);
    walk.send(order(&walk, "alice", 7)).passed();
    // What was noticed fades by half in an hour.
    walk.clock.advance(Duration::from_secs(2 * 3600));
    walk.send(order(&walk, "mallory", 7)).passed();
}

#[test]
fn a_reload_keeps_what_is_held_against_somebody_and_takes_up_new_actions() {
    let walk = noticed("log");
    walk.send(order(&walk, "mallory", 7)).passed();
    walk.rewrite(
        json!({ "detect": { "actions": { "misses": { "action": "block" }, "enumeration": Value::Null } } }),
    );
    walk.gateway().reload().unwrap();
    enumerate(&walk, "mallory", 20..61);
    alert(&walk, "misses");
    walk.send(order(&walk, "mallory", 7)).refused(Reason::SubjectBlocked);
}
