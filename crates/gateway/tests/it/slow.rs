//! Peers that take their time (GW-10). Timeouts are set to tens of milliseconds; what is waited for is
//! the gateway's answer, not the clock.

use portcullis_domain::Reason;
use portcullis_testkit::raw_client::Rest;
use portcullis_testkit::{Answer, wait};
use serde_json::json;

use crate::walk::{HOST, Setup, Walk, get};

fn impatient() -> Walk {
    Setup::new()
        .policy(json!({ "timeouts": {
            "handshake": "60ms", "head": "60ms", "body": "60ms", "whole_body": "200ms", "idle": "100ms",
        } }))
        .start()
}

// proves: GW-10
#[test]
fn a_head_that_does_not_end_in_time_is_answered_and_the_connection_closed() {
    let walk = impatient();
    for start in ["G", "GET /public HTTP/1.1\r\n", "GET /public HTTP/1.1\r\nHost: api.test\r\nX-A: "] {
        let mut client = walk.client();
        client.send(start);
        let response = client.response().unwrap();
        assert_eq!(response.status, 408);
        let mut outcome = walk.settle(response);
        outcome.refused(Reason::HeadTimeout);
        outcome.client = Some(client);
        outcome.closed();
    }
}

// proves: GW-10
#[test]
fn a_head_of_one_byte_at_a_time_gains_no_time() {
    let walk = impatient();
    let mut client = walk.client();
    let dripping = format!("GET /public HTTP/1.1\r\nHost: {HOST}\r\nX-A: {}", "a".repeat(100_000));
    // Each byte waits for the gateway's answer a little: that is the drip.
    for byte in dripping.bytes() {
        if client.try_send([byte]).is_err() || client.stirs_within(std::time::Duration::from_millis(5)) {
            break;
        }
    }
    let response = client.response().unwrap();
    assert_eq!(response.status, 408);
    walk.settle(response).refused(Reason::HeadTimeout);
    client.expect_closed();
}

// proves: GW-10
#[test]
fn a_body_that_stops_is_answered_and_never_forwarded() {
    let walk = impatient();
    let mut client = walk.client();
    client.send(format!(
        "POST /notes HTTP/1.1\r\nHost: {HOST}\r\nContent-Type: application/json\r\nContent-Length: 12\r\n\r\n{{\"te"
    ));
    let response = client.response().unwrap();
    assert_eq!(response.status, 408);
    walk.settle(response).refused(Reason::BodyTimeout);
    client.expect_closed();
}

// proves: GW-10
#[test]
fn a_body_that_drips_is_bounded_as_a_whole() {
    let walk = impatient();
    let mut client = walk.client();
    client.send(format!(
        "POST /notes HTTP/1.1\r\nHost: {HOST}\r\nContent-Type: application/json\r\nContent-Length: 100000\r\n\r\n"
    ));
    for _ in 0..100_000 {
        if client.try_send(" ").is_err() || client.stirs_within(std::time::Duration::from_millis(10)) {
            break;
        }
    }
    let response = client.response().unwrap();
    assert_eq!(response.status, 408);
    walk.settle(response).refused(Reason::BodyTimeout);
}

// proves: GW-10
#[test]
fn a_body_that_ends_with_the_connection_is_no_request() {
    let walk = Walk::new();
    let mut client = walk.client();
    client.send(format!(
        "POST /notes HTTP/1.1\r\nHost: {HOST}\r\nContent-Type: application/json\r\nContent-Length: 12\r\n\r\n{{\"te"
    ));
    client.finish_sending();
    if let Ok(response) = client.response() {
        assert_eq!(response.status, 400);
    }
    let events = walk.settle_events(1);
    assert_eq!(events[0]["reason"], Reason::BodyIncomplete.code());
    walk.upstream.expect_none();
}

// proves: GW-10
#[test]
fn an_idle_connection_is_closed_without_a_word() {
    let walk = impatient();
    let mut fresh = walk.client();
    assert_eq!(fresh.rest(), Rest::Closed(vec![]));
    let mut used = walk.client();
    assert_eq!(used.ask(Vec::from(get("/public"))).status, 200);
    assert_eq!(used.rest(), Rest::Closed(vec![]));
    walk.settle_events(1);
}

// proves: GW-10
#[test]
fn an_idle_http2_connection_is_closed() {
    let walk = impatient();
    let mut connection = walk.h2_frames();
    connection.end();
}

// proves: GW-10
#[test]
fn a_handshake_that_does_not_end_is_broken_off() {
    let walk = impatient();
    let mut client = portcullis_testkit::RawClient::connect(walk.address(1));
    assert!(matches!(client.rest(), Rest::Closed(_) | Rest::Reset(_)));
}

// proves: GW-10
#[test]
fn a_silent_upstream_is_given_up() {
    let walk = Setup::new()
        .answering(Answer::Stall)
        .api(json!({ "upstream": { "timeouts": { "first_byte": "60ms" }, "retry": { "attempts": 0 } } }))
        .start();
    let outcome = walk.send(get("/public"));
    assert_eq!(outcome.response.status, 504);
    outcome.ended(Reason::UpstreamTimeout);
    walk.upstream.wait_until_idle();
}

// proves: GW-10
#[test]
fn an_upstream_that_falls_silent_in_its_answer_is_given_up() {
    let walk = Setup::new()
        .answering(Answer::RawThenStall(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf".to_vec()))
        .api(json!({ "upstream": { "timeouts": { "between_bytes": "60ms" } } }))
        .start();
    let mut client = walk.client();
    client.send(Vec::from(get("/public")));
    assert!(client.response().is_err(), "half an answer must not look whole");
    let events = walk.settle_events(1);
    assert_eq!(events[0]["reason"], Reason::UpstreamTimeout.code(), "{:#}", events[0]);
    wait::until("the upstream's connection is gone", || walk.upstream.open_connections() == 0);
}

// proves: GW-10
#[test]
fn an_upstream_that_drips_its_head_gains_no_time() {
    let walk = Setup::new()
        .answering(Answer::SlowDrip {
            bytes: format!("HTTP/1.1 200 OK\r\nX-A: {}\r\n\r\n", "a".repeat(10_000)).into_bytes(),
            pause: std::time::Duration::from_millis(5),
        })
        .api(json!({ "upstream": { "timeouts": { "first_byte": "60ms" }, "retry": { "attempts": 0 } } }))
        .start();
    walk.send(get("/public")).ended(Reason::UpstreamTimeout);
}
