//! A decision point that is slow, closes, answers garbage or is not there.

use portcullis_domain::{Clock, Reason};
use portcullis_testkit::ClosedPort;
use serde_json::json;

use super::service::Service;
use super::{asking, orders};

const WAYS: [&str; 6] = ["/garbage", "/failing", "/huge", "/elsewhere", "/closing", "/nothing-here"];

// proves: AUTHZ-24
#[test]
fn what_is_no_plain_answer_is_a_refusal_and_none_of_ours() {
    let service = Service::start();
    for path in WAYS {
        let walk = asking(&service.at(path), json!({})).start();
        let outcome = orders(&walk, json!(["clerk"]));
        outcome.refused(Reason::DecisionUnavailable);
        assert!(outcome.header("retry-after").is_some(), "{path}");
        let note = outcome.only_event()["note"].as_str().unwrap().to_owned();
        assert!(note.starts_with("decision point `pdp`: "), "{path}: {note}");
    }
}

// proves: AUTHZ-24
#[test]
fn one_that_is_not_there_or_too_slow_refuses_in_time() {
    let closed = ClosedPort::new();
    let walk = asking(&format!("http://127.0.0.1:{}/", closed.address().port()), json!({})).start();
    orders(&walk, json!(["clerk"])).refused(Reason::DecisionUnavailable);
    let service = Service::start();
    let walk = asking(&service.at("/slow"), json!({ "timeout": "50ms" })).start();
    let outcome = orders(&walk, json!(["clerk"]));
    outcome.refused(Reason::DecisionUnavailable);
    let note = outcome.only_event()["note"].as_str().unwrap().to_owned();
    assert!(note.ends_with("the answer takes too long"), "{note}");
}

#[test]
fn calls_pass_without_it_where_the_operator_says_so_and_the_record_tells() {
    let service = Service::start();
    for path in WAYS {
        let walk = asking(&service.at(path), json!({ "on_failure": "allow" })).start();
        let outcome = orders(&walk, json!(["guest"]));
        outcome.passed();
        let note = outcome.only_event()["note"].as_str().unwrap().to_owned();
        assert!(note.starts_with("let pass without decision point `pdp`: "), "{path}: {note}");
    }
    // A plain no is an answer.
    let walk = asking(&service.at("/access/v1/evaluation"), json!({ "on_failure": "allow" })).start();
    orders(&walk, json!(["guest"])).refused(Reason::PermitMissing);
}

#[test]
fn one_that_fails_again_and_again_is_left_alone_for_a_moment_and_somebody_is_told_once() {
    let service = Service::start();
    let walk =
        asking(&service.at("/failing"), json!({})).clock(Clock::manual(Clock::machine().now().wall)).start();
    for _ in 0..20 {
        orders(&walk, json!(["clerk"])).refused(Reason::DecisionUnavailable);
    }
    assert_eq!(service.questions().len(), 5);
    walk.clock.advance(std::time::Duration::from_secs(5));
    orders(&walk, json!(["clerk"])).refused(Reason::DecisionUnavailable);
    orders(&walk, json!(["clerk"])).refused(Reason::DecisionUnavailable);
    assert_eq!(service.questions().len(), 6, "one question finds out that it is still away");
    let alerts: Vec<_> =
        walk.record.all().into_iter().filter(|event| event["detector"] == "decision_points").collect();
    assert_eq!(alerts.len(), 1, "{alerts:#?}");
    assert_eq!((&alerts[0]["subject"], &alerts[0]["severity"]), (&json!("pdp"), &json!("high")));
}
