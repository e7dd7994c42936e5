//! What the record says of a walk (first slice of AUD). How lines are made is tested in `portcullis-audit`.

use portcullis_domain::{Clock, Reason};
use portcullis_testkit::{Answer, ClosedPort, wait};
use serde_json::json;

use crate::walk::{HOST, Setup, Walk, ask, get, post_json};

// proves-part: AUD-02, AUD-03, AUD-04 (locks, rights and operators: see `operators`; the WAF is not in the walk yet)
#[test]
fn each_decision_has_the_name_that_the_vocabulary_gives_it() {
    let walk = Setup::new()
        .api(json!({ "cors": { "origins": ["https://app.example"] }, "limits": { "caller": [{ "rate": "2/1h" }] } }))
        .start();
    let token = walk.token("orders:read");
    let preflight = ask("OPTIONS", "/orders").with("Origin: https://evil.example");
    for (request, name) in [
        (get("/public"), "request_answered"),
        (get("/nowhere"), "request_refused"),
        (get("/orders").bearer(&token), "authn_login_success"),
        (get("/orders").bearer(&token), "request_answered"),
        (get("/orders").bearer(&token), "excess_rate_limit_exceeded"),
        (get("/orders"), "authn_login_fail"),
        (get("/orders").bearer("garbage"), "authn_login_fail"),
        (get("/admin/x").bearer(&token), "authz_fail"),
        (post_json("/notes", "{}"), "input_validation_fail"),
        (preflight.with("Access-Control-Request-Method: GET"), "malicious_cors"),
    ] {
        let bytes = Vec::from(request);
        let line = String::from_utf8_lossy(&bytes).lines().next().unwrap().to_owned();
        let outcome = walk.send(bytes);
        assert_eq!(outcome.only_event()["event"], name, "{line}: {:#}", outcome.only_event());
    }
}

// proves-part: AUD-01 (the event types of later issues)
#[test]
fn an_event_says_when_where_who_what_and_how_it_ended() {
    let walk = Walk::new();
    let token = walk.token("orders:read");
    let outcome = walk
        .send_tls(get("/orders/7").bearer(&token).with("X-Request-Id: theirs").with("User-Agent: test/1"));
    outcome.passed();
    let event = outcome.only_event();
    for (member, expected) in [
        ("outcome", "answered"),
        ("peer", "127.0.0.1"),
        ("host", HOST),
        ("method", "GET"),
        ("target", "/orders/7"),
        ("api", "shop"),
        ("template", "/orders/{name}"),
        ("subject", "alice"),
        ("client_id", "shop-app"),
        ("issuer", crate::walk::ISSUER),
        ("external_id", "theirs"),
        ("user_agent", "test/1"),
        ("tls", "TLSv1.3"),
    ] {
        assert_eq!(event[member], expected, "{member} in {event:#}");
    }
    let time = event["time"].as_str().unwrap();
    assert!(time.ends_with('Z') && time.len() == "2026-01-01T00:00:00.000Z".len(), "{time}");
    assert_eq!(event["status"], 200);
    assert_eq!(event["revision"], walk.gateway().revision());
    assert_ne!(outcome.seen[0].header("x-request-id"), Some("theirs"), "the upstream sees our id");
    assert_eq!(outcome.seen[0].header("x-request-id"), outcome.header("x-request-id"));
}

// proves: AUD-18
#[test]
fn the_id_of_a_request_is_ours_in_header_problem_and_record_whatever_the_client_sends() {
    let walk = Walk::new();
    for request in [get("/orders/7"), post_json("/notes", "{}"), get("/nowhere")] {
        let outcome = walk.send(request.with("X-Request-Id: theirs"));
        let (event, problem) = (outcome.only_event(), outcome.response.json());
        let receipt = outcome.header("x-request-id").expect("every answer has an id");
        assert_ne!(receipt, "theirs");
        assert_eq!(
            (&event["receipt"], &event["external_id"]),
            (&json!(receipt), &json!("theirs")),
            "{event:#}"
        );
        assert!(problem["instance"].as_str().unwrap().ends_with(receipt), "{problem:#}");
        assert!(!problem.to_string().contains("theirs"), "{problem:#}");
    }
}

// proves-part: AUD-08, AUD-09 (bodies are not recorded)
#[test]
fn nobody_writes_into_the_record_but_the_gateway() {
    let walk = Walk::new();
    let card = "4111111111111111";
    walk.send(get(&format!("/nowhere/{card}")).with(format!("User-Agent: {card}")))
        .refused(Reason::OperationUnknown);
    walk.send(get("/nowhere/%0d%0a%1b").with("User-Agent: \u{9b}31m")).refused(Reason::PathAmbiguous);
    walk.send(get("/nowhere").with("X-Request-Id: \",\"forged\":\"1")).refused(Reason::OperationUnknown);
    let text = walk.record.text();
    assert!(!text.contains(card), "{text}");
    assert!(!text.bytes().any(|byte| byte < 0x20 && byte != b'\n'), "{text:?}");
    assert!(walk.record.requests().iter().all(|event| event.get("forged").is_none()));
    assert_eq!(walk.record.requests().len(), 3);
}

#[test]
fn bytes_are_counted_and_not_announced() {
    let (answer, feeder) = Answer::fed(&[]);
    let walk = Setup::new().answering(answer).start();
    let mut client = walk.client();
    client.send(format!(
        "POST /upload HTTP/1.1\r\nHost: {HOST}\r\nContent-Type: application/octet-stream\r\n\
         Transfer-Encoding: chunked\r\n\r\n64\r\n{}\r\n0\r\n\r\n",
        "x".repeat(100)
    ));
    assert_eq!(client.response_head().unwrap().0, 200);
    feeder.give("seven b");
    drop(feeder);
    while !matches!(client.chunk().unwrap(), portcullis_testkit::wire::Chunk::Last(_)) {}
    let event = &walk.settle_events(1)[0];
    assert_eq!((&event["request_bytes"], &event["response_bytes"]), (&json!(100), &json!(7)), "{event:#}");
}

#[test]
fn a_client_that_leaves_a_stream_has_its_event_with_what_it_got() {
    let (answer, feeder) = Answer::fed(&[]);
    let walk = Setup::new().answering(answer).start();
    let mut client = walk.client();
    client.send(Vec::from(get("/public")));
    let _ = client.response_head().unwrap();
    feeder.give("begun");
    let _ = client.chunk().unwrap();
    drop(client);
    let event = &walk.settle_events(1)[0];
    assert_eq!((&event["outcome"], &event["response_bytes"]), (&json!("answered"), &json!(5)), "{event:#}");
    drop(feeder);
}

#[test]
fn what_cannot_be_recorded_does_not_happen_if_the_operator_wants_it_so() {
    let walk = Setup::new().policy(json!({ "audit": { "on_failure": "deny" } })).start();
    let ask = || walk.client().ask(Vec::from(get("/public")));
    assert_eq!(ask().status, 200);
    walk.record.0.fail(true);
    wait::until("requests are refused", || ask().status == 503);
    let seen = walk.upstream.count();
    let refused = ask();
    assert_eq!(refused.json()["code"], Reason::RecordUnavailable.code());
    assert!(refused.header("retry-after").is_some());
    assert_eq!(walk.upstream.count(), seen);
    walk.record.0.fail(false);
    wait::until("requests are served again", || ask().status == 200);
    walk.account_for_stray_events();
}

// proves: AUD-12
#[test]
fn operations_that_must_not_happen_unseen_do_not_while_others_go_on() {
    let walk = Setup::new()
        .api(json!({ "overrides": { "GET /orders/{name}": { "unrecorded": "deny" } } }))
        .policy(json!({ "sinks": { "siem": { "file": { "path": "siem.log" } } } }))
        .start();
    let token = walk.token("orders:read");
    let risky = || walk.client().ask(Vec::from(get("/orders/7").bearer(&token)));
    assert_eq!(risky().status, 200);
    walk.record.0.fail(true);
    wait::until("the risky one is refused", || risky().status == 503);
    let seen = walk.upstream.count();
    let refused = risky();
    assert_eq!(refused.json()["code"], Reason::RecordUnavailable.code());
    assert_eq!(walk.upstream.count(), seen, "the upstream heard nothing of it");
    assert_eq!(walk.client().ask(Vec::from(get("/public"))).status, 200, "others go on");
    // The alarm is where somebody reads it.
    wait::until("the alarm", || {
        let told = std::fs::read_to_string(walk.workspace.path("siem.log")).unwrap_or_default();
        told.contains("\"event\":\"audit_sink_failing\",\"level\":\"CRITICAL\",\"sink\":\"record\"")
    });
    walk.record.0.fail(false);
    wait::until("the risky one is served again", || risky().status == 200);
    walk.account_for_stray_events();
}

#[test]
fn an_upstream_that_goes_down_and_comes_back_is_in_the_record() {
    let clock = Clock::manual(Clock::machine().now().wall);
    let walk = Setup::new()
        .clock(clock.clone())
        .upstream(portcullis_testkit::Upstream::in_turn(vec![Answer::Reset, Answer::ok("back")]))
        .api(json!({ "upstream": { "retry": { "attempts": 0 }, "circuit": { "failures": 1, "open_for": "10s" } } }))
        .start();
    walk.send(get("/public")).ended(Reason::UpstreamReset);
    let is = |healthy: bool| {
        move |event: &serde_json::Value| {
            event["event"] == "sys_upstream_changed" && event["healthy"] == healthy && event["api"] == "shop"
        }
    };
    let down = walk.record.wait_until("it is down", is(false));
    assert!(down["cause"].as_str().unwrap().contains("upstream_reset"), "{down:#}");
    clock.advance(std::time::Duration::from_secs(10));
    walk.send(get("/public")).passed();
    walk.record.wait_until("it is up", is(true));
}

#[test]
fn a_certificate_in_use_and_a_fetch_that_failed_are_in_the_record() {
    let port = ClosedPort::new();
    let walk = Setup::new()
        .policy(json!({ "identity": { "customers": { "jwks": {
            "url": format!("https://{}/jwks", port.address()), "file": null,
        } } } }))
        .start();
    for name in ["sys_certificate_loaded", "sys_certificate_expiring"] {
        // The usual certificate of these tests ends in less than thirty days.
        walk.record.wait_until(name, |event| event["event"] == name && event["certificate"].is_string());
    }
    walk.record.wait_until("the fetch", |event| event["event"] == "sys_fetch_refused");
}
