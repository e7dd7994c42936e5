//! Answers that say whose they are.

use portcullis_domain::Reason;
use portcullis_testkit::{Answer, Upstream};
use serde_json::{Value, json};

use super::{by, put, setup, thing};
use crate::walk::Setup;

/// The upstream has things of before: an odd one is alice's, an even one bob's.
fn older(unknown: &str) -> Setup {
    let upstream = Upstream::start(|seen| {
        let id: u64 = seen.target.split('/').nth(2).and_then(|id| id.parse().ok()).unwrap_or(0);
        let owner = if id % 2 == 1 { "alice" } else { "bob" };
        let (kind, body) = match id {
            100 => ("application/json", json!({ "id": id }).to_string()),
            102 => ("text/plain", "hello".to_owned()),
            104 => (
                "application/json",
                json!({ "id": id, "owner": "bob", "pad": "x".repeat(2 << 20) }).to_string(),
            ),
            _ => ("application/json", json!({ "id": id, "owner": owner, "n": 12.50 }).to_string()),
        };
        Answer::respond(200, &[("Content-Type", kind)], body)
    });
    setup().upstream(upstream).api(json!({ "objects": { "thing": {
        "unknown": unknown, "owner": { "response": "/owner" },
    } } }))
}

// proves: AUTHZ-11
#[test]
fn an_answer_that_is_somebody_elses_does_not_leave() {
    let walk = older("verify").start();
    let withheld = by(&walk, "alice", thing(2));
    withheld.ended(Reason::AnswerForeign);
    assert_eq!(withheld.seen.len(), 1);
    assert!(!withheld.response.text().contains("bob"));
    let own = by(&walk, "alice", thing(1));
    own.passed();
    assert_eq!(own.response.json()["owner"], "alice");
    // Now it is known, and refused before the upstream hears of it.
    by(&walk, "bob", thing(1)).refused(Reason::ObjectForeign);
    by(&walk, "alice", put(2)).refused(Reason::ObjectForeign);
    by(&walk, "alice", put(1)).passed();
}

// proves: AUTHZ-11
#[test]
fn before_an_unknown_object_is_changed_the_upstream_is_asked_whose_it_is() {
    let walk = older("verify").start();
    let change = |id: u64| put(id).with("If-Match: \"1\"").with("X-Request-Note: hello");
    let refused = by(&walk, "alice", change(2));
    refused.ended(Reason::ObjectForeign);
    // It was read, as alice, and nothing else happened.
    let [seen] = refused.seen.as_slice() else { panic!("{:#?}", refused.seen) };
    assert_eq!((seen.method.as_str(), seen.target.as_str()), ("GET", "/things/2"));
    assert_eq!(seen.header("x-auth-subject"), Some("alice"));
    assert_eq!((seen.header("if-match"), seen.header("content-type")), (None, None));
    assert!(seen.body.is_empty());
    // Now it is known: nobody is asked again.
    by(&walk, "alice", change(2)).refused(Reason::ObjectForeign);
    let own = by(&walk, "alice", change(3));
    let methods: Vec<&str> = own.seen.iter().map(|seen| seen.method.as_str()).collect();
    assert_eq!((own.response.status, methods.as_slice()), (200, &["GET", "PUT"][..]));
    assert_eq!(own.seen[1].header("if-match"), Some("\"1\""));
    assert_eq!(by(&walk, "alice", change(3)).seen.len(), 1);
    // What lies below it is asked for where it is read.
    let shared = by(&walk, "alice", super::post_json("/things/5/share", "{\"user\":\"bob\"}"));
    assert_eq!(
        shared.seen.iter().map(|seen| seen.target.as_str()).collect::<Vec<_>>(),
        ["/things/5", "/things/5/share"]
    );
    by(&walk, "bob", thing(5)).passed();
}

#[test]
fn what_cannot_be_verified_does_not_leave() {
    let walk = older("verify").start();
    for id in [100, 102, 104] {
        by(&walk, "bob", thing(id)).ended(Reason::AnswerForeign);
    }
    // Nor is it changed: it is asked for, and does not say whose it is.
    for id in [100, 102, 104] {
        let refused = by(&walk, "bob", put(id));
        refused.ended(Reason::ObjectForeign);
        assert_eq!(refused.seen.len(), 1);
    }
    // Where no operation reads what a body names, a change is refused before anybody hears of it.
    by(&walk, "bob", super::post_json("/batch", "{\"things\":[{\"thing\":6}]}"))
        .refused(Reason::ObjectForeign);
    by(&walk, "bob", thing(6)).passed();
    by(&walk, "bob", super::post_json("/batch", "{\"things\":[{\"thing\":6}]}")).passed();
}

#[test]
fn an_answer_is_handed_on_as_it_came() {
    let walk = older("verify").start();
    let outcome = by(&walk, "alice", thing(3));
    outcome.passed();
    assert_eq!(outcome.response.text(), json!({ "id": 3, "owner": "alice", "n": 12.50 }).to_string());
}

#[test]
fn the_upstreams_word_is_learned_without_holding_anything() {
    let walk = older("monitor").start();
    by(&walk, "bob", thing(1)).passed();
    by(&walk, "bob", thing(1)).refused(Reason::ObjectForeign);
    by(&walk, "alice", thing(1)).passed();
}

#[test]
fn support_sees_what_is_verified_for_others() {
    let walk = older("verify").start();
    let support = walk.token_with(json!({ "sub": "sue", "roles": ["support"] }));
    let outcome = walk.send(thing(2).bearer(&support));
    outcome.passed();
    let answer: Value = outcome.response.json();
    assert_eq!(answer["owner"], "bob");
}
