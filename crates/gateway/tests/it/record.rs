//! What the record says of a walk (first slice of AUD). How lines are made is tested in `portcullis-audit`.

use portcullis_domain::Reason;
use serde_json::json;

use crate::walk::{HOST, Setup, Walk, ask, get, post_json};

// proves-part: AUD-02, AUD-03, AUD-04 (what later issues decide is not there yet)
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
