//! Browsers of other origins (GW-19 to GW-22).

use portcullis_domain::Reason;
use portcullis_testkit::Answer;
use serde_json::json;

use crate::walk::{Outcome, Setup, Walk, ask, get};

const GOOD: &str = "https://app.good.example";

fn walk() -> Walk {
    Setup::new()
        .answering(Answer::respond(200, &[("Access-Control-Allow-Origin", "*"), ("Vary", "Accept")], "hello"))
        .api(json!({ "cors": { "origins": [GOOD], "credentials": true, "expose": ["X-Total"] } }))
        .start()
}

fn allowed_origin(outcome: &Outcome) -> Vec<&str> {
    outcome.response.headers.all("access-control-allow-origin")
}

fn vary(outcome: &Outcome) -> String {
    outcome.response.headers.all("vary").join(", ").to_ascii_lowercase()
}

const FOREIGN: [&str; 12] = [
    "https://evil.example",
    "https://evil.app.good.example",
    "https://app.good.example.evil",
    "https://app.good.example.evil.example",
    "https://xapp.good.example",
    "http://app.good.example",
    "https://app.good.example:8443",
    "https://APP.good.example.",
    "https://app.good.example/",
    "null",
    "*",
    "",
];

// proves: GW-19
#[test]
fn only_the_exact_origin_is_named() {
    let walk = walk();
    let outcome = walk.send(get("/public").with(format!("Origin: {GOOD}")));
    outcome.passed();
    assert_eq!(allowed_origin(&outcome), [GOOD]);
    assert_eq!(outcome.header("access-control-allow-credentials"), Some("true"));
    assert!(vary(&outcome).contains("origin") && vary(&outcome).contains("accept"), "{}", vary(&outcome));
    for origin in FOREIGN {
        let outcome = walk.send(get("/public").with(format!("Origin: {origin}")));
        assert_eq!(allowed_origin(&outcome), [""; 0], "{origin}");
        assert_eq!(outcome.header("access-control-allow-credentials"), None, "{origin}");
        assert!(vary(&outcome).contains("origin"), "{origin}");
    }
    let without = walk.send(get("/public"));
    without.passed();
    assert_eq!(allowed_origin(&without), [""; 0]);
    assert!(vary(&without).contains("origin"));
}

// proves: GW-19
#[test]
fn an_api_without_cors_names_nobody_whatever_its_upstream_says() {
    let loose = Answer::respond(
        200,
        &[("Access-Control-Allow-Origin", GOOD), ("Access-Control-Allow-Credentials", "true")],
        "hello",
    );
    let walk = Setup::new().answering(loose).start();
    let outcome = walk.send(get("/public").with(format!("Origin: {GOOD}")));
    assert_eq!(allowed_origin(&outcome), [""; 0]);
    assert_eq!(outcome.header("access-control-allow-credentials"), None);
}

// proves: GW-20
#[test]
fn a_preflight_is_answered_here_before_authentication() {
    let walk = walk();
    let preflight = |origin: &str, method: &str, path: &str| {
        ask("OPTIONS", path)
            .with(format!("Origin: {origin}"))
            .with(format!("Access-Control-Request-Method: {method}"))
            .with("Access-Control-Request-Headers: authorization, content-type")
    };
    let outcome = walk.send(preflight(GOOD, "DELETE", "/orders/7"));
    assert_eq!(outcome.response.status, 204, "{:#?}", outcome.response);
    assert!(outcome.seen.is_empty());
    assert_eq!(allowed_origin(&outcome), [GOOD]);
    let mut methods: Vec<_> = outcome.header("access-control-allow-methods").unwrap().split(", ").collect();
    methods.sort_unstable();
    assert_eq!(methods, ["DELETE", "GET"]);
    assert_eq!(outcome.header("access-control-max-age"), Some("600"));
    let headers = outcome.header("access-control-allow-headers").unwrap().to_ascii_lowercase();
    assert!(headers.contains("authorization") && headers.contains("content-type") && !headers.contains('*'));
    assert!(vary(&outcome).contains("origin"));

    for origin in FOREIGN {
        let outcome = walk.send(preflight(origin, "DELETE", "/orders/7"));
        assert!(outcome.seen.is_empty(), "{origin}");
        assert_eq!(allowed_origin(&outcome), [""; 0], "{origin}");
        assert_eq!(outcome.header("access-control-allow-methods"), None, "{origin}");
    }
    walk.send(preflight(GOOD, "GET", "/nowhere")).refused(Reason::OperationUnknown);
    // A path whose own OPTIONS is declared has its other methods all the same.
    let outcome = walk.send(preflight(GOOD, "GET", "/public"));
    let methods = outcome.header("access-control-allow-methods").unwrap();
    assert!(methods.split(", ").any(|method| method == "GET"), "{methods}");
}

// proves: GW-21
#[test]
fn a_page_may_read_what_it_needs_to_go_on() {
    let walk = walk();
    let outcome = walk.send(get("/orders").with(format!("Origin: {GOOD}")));
    outcome.refused(Reason::CredentialMissing);
    assert_eq!(allowed_origin(&outcome), [GOOD]);
    let exposed = outcome.header("access-control-expose-headers").unwrap().to_ascii_lowercase();
    for name in [
        "www-authenticate",
        "dpop-nonce",
        "retry-after",
        "ratelimit",
        "ratelimit-policy",
        "x-request-id",
        "x-total",
    ] {
        assert!(exposed.split(", ").any(|have| have == name), "{name} not in {exposed}");
    }
}
