//! Attacks are noticed behind the requests, told once, and stopped where the operator wants it. How well is measured
//! in `portcullis-audit`.

mod logins;
mod measures;
mod places;

use std::time::Duration;

use portcullis_domain::{Clock, Reason};
use portcullis_testkit::{Answer, Upstream};
use serde_json::{Value, json};

use crate::walk::{Ask, Setup, Walk, get};

/// An API with a hundred orders and a clock that stands still; `actions` of detectors.
fn watched(actions: Value) -> Setup {
    let upstream = Upstream::start(|seen| {
        let id = seen.target.strip_prefix("/orders/").and_then(|id| id.parse::<u32>().ok());
        match id {
            Some(100..) => Answer::respond(404, &[], "nothing"),
            Some(_) | None => Answer::ok("an order"),
        }
    });
    Setup::new()
        .clock(Clock::manual(Clock::machine().now().wall))
        .upstream(upstream)
        .policy(json!({ "detect": { "actions": actions } }))
}

fn order(walk: &Walk, who: &str, id: u32) -> Ask {
    get(&format!("/orders/{id}")).bearer(&walk.token_of(who, "orders:read"))
}

/// Asks for so many orders that there are not, one after the other.
fn enumerate(walk: &Walk, who: &str, ids: std::ops::Range<u32>) {
    for id in ids {
        walk.send(order(walk, who, 1_000 + id)).forwarded();
    }
}

/// The alerts of one detector so far.
fn alerts(walk: &Walk, detector: &str) -> Vec<Value> {
    walk.record.all().into_iter().filter(|event| event["detector"] == detector).collect()
}

#[track_caller]
fn alert(walk: &Walk, detector: &str) -> Value {
    walk.record.wait_until(detector, |event| event["detector"] == detector)
}

#[test]
fn an_attack_is_told_once_with_evidence_and_by_default_nothing_is_done() {
    let walk = watched(json!({})).start();
    enumerate(&walk, "mallory", 0..30);
    let told = alert(&walk, "enumeration");
    assert_eq!((&told["event"], &told["severity"]), (&json!("malicious_direct_reference"), &json!("high")));
    assert_eq!((&told["api"], &told["operation"]), (&json!("shop"), &json!("GET /orders/{name}")));
    assert_eq!(told["samples"]["different_misses"], 9);
    assert!(told["subject"].as_str().is_some_and(|subject| subject.starts_with("s-")), "{told:#}");
    assert_eq!(told["action"], "log");
    let text = told.to_string();
    assert!(!text.contains("mallory") && !text.contains("1000"), "no name and no id: {text}");
    // Whoever wants to count finds the requests by their receipts.
    let receipts: Vec<&str> =
        told["exemplars"].as_array().unwrap().iter().filter_map(Value::as_str).collect();
    assert_eq!(receipts.len(), 5);
    let recorded = walk.record.requests();
    for receipt in receipts {
        let event = recorded.iter().find(|event| event["receipt"] == receipt).expect("a recorded request");
        assert_eq!((&event["subject"], &event["status"]), (&json!("mallory"), &json!(404)));
        assert_eq!(event["seen"]["objects"][0]["fate"], "absent");
    }
    walk.send(order(&walk, "mallory", 7)).passed();
    assert_eq!(alerts(&walk, "enumeration").len(), 1, "the other twenty are the same alert");
}

// proves: LIM-18
#[test]
fn fifty_misses_in_a_minute_are_429_and_told_and_nobody_else_suffers() {
    let walk =
        watched(json!({ "misses": { "action": "throttle" }, "enumeration": { "action": "off" } })).start();
    enumerate(&walk, "mallory", 0..49);
    walk.send(order(&walk, "mallory", 7)).passed();
    assert_eq!(alerts(&walk, "misses"), [] as [Value; 0]);
    enumerate(&walk, "mallory", 49..50);
    let told = alert(&walk, "misses");
    assert_eq!((&told["event"], &told["action"]), (&json!("malicious_direct_reference"), &json!("throttle")));
    assert_eq!(told["samples"], json!({ "different_misses": 50, "of_known_operations": 50 }));
    let refused = walk.send(order(&walk, "mallory", 2_000));
    refused.refused(Reason::SubjectThrottled);
    assert_eq!(refused.header("retry-after"), Some("2"));
    assert!(refused.only_event()["note"].as_str().unwrap().contains("misses"), "{:#}", refused.only_event());
    walk.send(order(&walk, "alice", 7)).passed();
    // One in two seconds, and after an hour as before.
    walk.clock.advance(Duration::from_secs(2));
    walk.send(order(&walk, "mallory", 7)).passed();
    walk.send(order(&walk, "mallory", 7)).refused(Reason::SubjectThrottled);
    walk.clock.advance(Duration::from_secs(3600));
    walk.send(order(&walk, "mallory", 7)).passed();
    walk.send(order(&walk, "mallory", 7)).passed();
}

#[test]
fn paths_that_nobody_declared_are_called_so_when_fifty_are_tried() {
    let walk = watched(json!({ "misses": { "action": "block" } })).start();
    for path in 0..50 {
        walk.send(get(&format!("/backup-{path}.zip"))).refused(Reason::OperationUnknown);
    }
    let told = alert(&walk, "misses");
    assert_eq!(told["event"], "malicious_excess_404");
    assert!(told["subject"].as_str().is_some_and(|subject| subject.starts_with("a-")), "{told:#}");
    walk.send(get("/public")).refused(Reason::SubjectBlocked);
    // Whoever shares the address and shows who he is goes on.
    walk.send(order(&walk, "alice", 7)).passed();
}

#[test]
fn one_missing_thing_asked_for_without_end_is_no_attack() {
    let walk =
        watched(json!({ "misses": { "action": "block" }, "enumeration": { "action": "block" } })).start();
    for _ in 0..120 {
        walk.send(order(&walk, "alice", 404)).forwarded();
    }
    walk.send(order(&walk, "alice", 7)).passed();
    assert_eq!(alerts(&walk, "misses").len() + alerts(&walk, "enumeration").len(), 0);
}

#[test]
fn a_gateway_that_watches_nobody_says_nothing() {
    let walk = watched(json!({})).policy(json!({ "detect": { "mode": "off" } })).start();
    enumerate(&walk, "mallory", 0..60);
    assert!(
        walk.record.text().lines().all(|line| !line.contains("\"seen\"") && !line.contains("\"detector\""))
    );
}

#[test]
fn mistakes_in_what_is_done_about_callers_are_shown_at_their_places() {
    let mistakes = |detect: Value| {
        let refused = Setup::new().policy(json!({ "detect": detect })).try_start();
        match refused.err().expect("a mistake") {
            portcullis_gateway::StartError::Configuration(found) => {
                found.errors().map(|mistake| mistake.code().0.to_owned()).collect::<Vec<_>>()
            }
            portcullis_gateway::StartError::System { what, source } => panic!("{what}: {source}"),
        }
    };
    assert_eq!(mistakes(json!({ "actions": { "volume": { "action": "block" } } })), ["C1201"]);
    assert_eq!(mistakes(json!({ "actions": { "shadow": { "action": "throttle" } } })), ["C1202"]);
    assert_eq!(mistakes(json!({ "places": "nowhere.csv" })), ["C1203"]);
    assert_eq!(mistakes(json!({ "header": "Authorization" })), ["C1204"]);
}
