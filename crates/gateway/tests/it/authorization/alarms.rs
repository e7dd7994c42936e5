//! What somebody is told of at once: rules that fail, and answers that were somebody else's.

use portcullis_domain::Reason;
use portcullis_testkit::Answer;
use serde_json::{Value, json};

use super::{asked, ruled};
use crate::walk::{Outcome, Setup, Walk, get};

/// Fails for whoever has a level above one.
const FAILING: &str = "permit(principal, action, resource);\n\
                       forbid(principal, action, resource) when { principal.claims has level &&\n\
                       principal.claims.level * 9223372036854775807 == 0 };";

fn leveled() -> Setup {
    ruled(FAILING).api(json!({ "rules": { "claims": { "level": "number" } } }))
}

/// Asserts that there is one alarm of this kind, about this request.
#[track_caller]
fn told_once(walk: &Walk, event: &str, about: &Outcome) -> Value {
    let alarm = walk.record.wait_until(event, |line| line["event"] == event);
    assert_eq!(alarm["explain"].as_str(), about.header("x-request-id"), "{alarm:#}");
    let count = walk.record.all().iter().filter(|line| line["event"] == event).count();
    assert_eq!(count, 1);
    alarm
}

#[test]
fn a_rule_that_fails_is_told_of_once_and_not_for_each_request() {
    let walk = leveled().start();
    let first = asked(&walk, get("/orders"), json!({ "level": 2 }));
    first.refused(Reason::RuleFailed);
    for _ in 0..3 {
        asked(&walk, get("/orders"), json!({ "level": 2 })).refused(Reason::RuleFailed);
    }
    let alarm = told_once(&walk, "sys_rule_failed", &first);
    assert_eq!((&alarm["operation"], &alarm["severity"]), (&json!("GET /orders"), &json!("high")));
}

#[test]
fn a_rule_that_fails_in_shadow_is_told_of_too() {
    let walk = leveled().api(json!({ "stages": { "authorize": "shadow" } })).start();
    let outcome = asked(&walk, get("/orders"), json!({ "level": 2 }));
    outcome.passed();
    told_once(&walk, "sys_rule_failed", &outcome);
}

#[test]
fn an_answer_that_was_withheld_as_somebody_elses_is_told_of() {
    let walk = Setup::new()
        .api(json!({ "objects": { "order": {
            "mode": "enforce", "id": [{ "path": "name" }], "unknown": "verify", "owner": { "response": "/owner" },
        } } }))
        .answering(Answer::json("{\"owner\":\"bob\"}"))
        .start();
    let outcome = asked(&walk, get("/orders/7"), json!({}));
    outcome.ended(Reason::AnswerForeign);
    let alarm = told_once(&walk, "authz_foreign_answer", &outcome);
    assert!(!alarm.to_string().contains("bob"), "{alarm:#}");
}
