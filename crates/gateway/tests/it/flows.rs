//! Operations that must succeed in an order, and no faster than a person (AUTHZ-19, LIM-17).

use std::time::Duration;

use portcullis_config::Color;
use portcullis_domain::Reason;
use portcullis_gateway::StartError;
use portcullis_testkit::{Answer, Upstream};
use serde_json::{Value, json};

use crate::api_keys::standing;
use crate::walk::{Outcome, Setup, Walk, ask};

/// A shop with three steps to an order.
fn shop(flow: Value) -> Setup {
    let ok = json!({ "200": { "description": "Done." } });
    let step = |id: &str| json!({ "post": { "operationId": id, "security": [{ "customers": [] }], "responses": ok } });
    let of_order = |id: &str| {
        let mut step = step(id);
        step["parameters"] = json!([{
            "name": "order", "in": "path", "required": true, "schema": { "type": "string", "maxLength": 36 },
        }]);
        step
    };
    Setup::new()
        .clock(standing())
        .contract(json!({ "paths": {
            "/checkout": step("createOrder"),
            "/checkout/{order}/pay": of_order("payOrder"),
            "/checkout/{order}/confirm": of_order("confirmOrder"),
        } }))
        .api(json!({ "flows": { "checkout": flow } }))
        .upstream(Upstream::start(|request| match request.target.contains("declined") {
            true => Answer::respond(402, &[], "declined"),
            false => Answer::respond(201, &[("Location", "/checkout/o-1")], "done"),
        }))
}

fn usual() -> Value {
    json!({ "steps": ["createOrder", "payOrder", "confirmOrder"] })
}

fn with(more: Value) -> Value {
    let mut flow = usual();
    crate::walk::merge(&mut flow, more);
    flow
}

fn post_as(walk: &Walk, who: Value, path: &str) -> Outcome {
    walk.send(ask("POST", path).body("").bearer(&walk.token_with(who)))
}

fn post(walk: &Walk, path: &str) -> Outcome {
    post_as(walk, json!({ "sub": "alice" }), path)
}

const CREATE: &str = "/checkout";
const PAY: &str = "/checkout/o-1/pay";
const CONFIRM: &str = "/checkout/o-1/confirm";

// proves: AUTHZ-19
#[test]
fn a_step_before_the_one_that_must_come_first_is_refused() {
    let walk = shop(usual()).start();
    let refused = post(&walk, CONFIRM);
    refused.refused(Reason::FlowStepMissing);
    assert_eq!(refused.response.status, 409);
    assert_eq!(
        refused.only_event()["note"],
        "flow `checkout`: `payOrder` has not succeeded before, or too long ago"
    );
    post(&walk, PAY).refused(Reason::FlowStepMissing);
    post(&walk, CREATE).passed();
    post(&walk, CONFIRM).refused(Reason::FlowStepMissing);
    // Somebody else's first step is nobody else's.
    post_as(&walk, json!({ "sub": "bob" }), PAY).refused(Reason::FlowStepMissing);
    post(&walk, PAY).passed();
    post(&walk, CONFIRM).passed();
    // One payment, one confirmation.
    post(&walk, CONFIRM).refused(Reason::FlowStepMissing);
}

// proves: AUTHZ-19
#[test]
fn a_step_counts_when_the_upstream_says_that_it_succeeded() {
    let walk = shop(usual()).start();
    post(&walk, CREATE).passed();
    post(&walk, "/checkout/declined/pay").forwarded();
    post(&walk, CONFIRM).refused(Reason::FlowStepMissing);
    // It can be tried again.
    post(&walk, PAY).passed();
    post(&walk, CONFIRM).passed();
}

#[test]
fn a_run_ends_with_its_time() {
    let walk = shop(with(json!({ "within": "10m" }))).start();
    post(&walk, CREATE).passed();
    post(&walk, PAY).passed();
    walk.clock.advance(Duration::from_secs(601));
    post(&walk, CONFIRM).refused(Reason::FlowStepMissing);
}

// proves: LIM-17
#[test]
fn steps_that_no_person_takes_so_fast_are_refused() {
    let walk = shop(with(json!({ "min_pace": "300ms" }))).start();
    post(&walk, CREATE).passed();
    walk.clock.advance(Duration::from_millis(50));
    let refused = post(&walk, PAY);
    refused.refused(Reason::FlowPaceExceeded);
    assert_eq!(refused.header("retry-after"), Some("1"));
    assert_eq!(refused.only_event()["note"], "flow `checkout`: 250 ms too soon after `createOrder`");
    walk.clock.advance(Duration::from_millis(250));
    post(&walk, PAY).passed();
}

// proves: LIM-17
#[test]
fn whoever_is_too_fast_can_be_asked_to_show_that_it_is_a_person() {
    let walk = shop(with(json!({ "min_pace": "300ms", "too_fast": { "step_up": ["gold"] } }))).start();
    post(&walk, CREATE).passed();
    let refused = post(&walk, PAY);
    refused.refused(Reason::AuthenticationInsufficient);
    let challenge = refused.header("www-authenticate").unwrap();
    assert!(challenge.contains("error=\"insufficient_user_authentication\""), "{challenge}");
    assert!(challenge.contains("acr_values=\"gold\""), "{challenge}");
    post_as(&walk, json!({ "sub": "alice", "acr": "gold" }), PAY).passed();
}

#[test]
fn steps_belong_to_a_session_or_to_an_object_where_that_is_said() {
    let walk = shop(with(json!({ "per": "session" }))).start();
    let session = |sid: &str| json!({ "sub": "alice", "sid": sid });
    post_as(&walk, session("s-1"), CREATE).passed();
    post_as(&walk, session("s-2"), PAY).refused(Reason::FlowStepMissing);
    post_as(&walk, session("s-1"), PAY).passed();

    let walk = shop(with(json!({ "per": "object", "object": { "path": "order" } }))).start();
    post(&walk, CREATE).passed();
    post(&walk, "/checkout/o-2/pay").refused(Reason::FlowStepMissing);
    // Whoever pays: it is the order that is paid.
    post_as(&walk, json!({ "sub": "bob" }), PAY).passed();
    post(&walk, CONFIRM).passed();
}

#[test]
fn in_shadow_the_order_is_recorded_and_kept_by_nobody() {
    let walk = shop(with(json!({ "mode": "shadow" }))).start();
    let outcome = post(&walk, CONFIRM);
    outcome.passed();
    assert_eq!(outcome.only_event()["would_deny"], json!(["flow_step_missing"]));
    post(&walk, CREATE).passed();
    let clean = post(&walk, PAY);
    clean.passed();
    assert!(clean.only_event().get("would_deny").is_none());
}

#[test]
fn how_far_a_run_has_come_outlives_a_reload() {
    let walk = shop(usual()).start();
    post(&walk, CREATE).passed();
    walk.rewrite(json!({ "apis": { "shop": { "flows": { "checkout": { "min_pace": "1ms" } } } } }));
    walk.gateway().reload().unwrap();
    walk.clock.advance(Duration::from_millis(1));
    post(&walk, PAY).passed();
}

#[test]
fn what_is_no_order_is_a_mistake() {
    for (flow, code) in [
        (json!({ "steps": ["createOrder", "payOrders"] }), "C1011"),
        (json!({ "steps": ["createOrder", "POST /checkout"] }), "C1011"),
        (json!({ "steps": ["createOrder", "GET /public"] }), "C1012"),
        (
            json!({ "steps": ["payOrder", "createOrder"], "per": "object", "object": { "path": "order" } }),
            "C1012",
        ),
    ] {
        match shop(flow.clone()).try_start() {
            Err(StartError::Configuration(mistakes)) => {
                let text = mistakes.render(Color::Never);
                assert!(text.contains(code), "{flow}: {text}");
            }
            Err(error) => panic!("{error}"),
            Ok(_) => panic!("{flow}: it starts"),
        }
    }
}
