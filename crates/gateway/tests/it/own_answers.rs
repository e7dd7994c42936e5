//! What the gateway answers itself: to the operator on a listener of its own, to researchers, over TLS
//! (GW-16, GW-27, TLS-12).

use portcullis_domain::{Clock, Reason};
use portcullis_testkit::RawClient;
use serde_json::json;

use crate::walk::{Ask, Setup, Walk, ask, get};

/// The paths of the admin listener.
const ADMIN_PATHS: [&str; 5] = ["/health/live", "/health/ready", "/metrics", "/policy", "/reload"];

fn with_admin() -> Walk {
    Setup::new().policy(json!({ "admin": { "address": "127.0.0.1:0" } })).start()
}

fn admin(walk: &Walk, request: Ask) -> portcullis_testkit::Response {
    let address = walk.gateway().admin_address().expect("an admin listener");
    RawClient::connect(address).ask(Vec::from(request))
}

fn secret(walk: &Walk) -> String {
    walk.gateway().admin_secret().expect("a secret made at start").expose_text().unwrap().to_owned()
}

// proves: GW-16
#[test]
fn the_data_listeners_know_nothing_of_administration() {
    let walk = with_admin();
    let secret = secret(&walk);
    for path in ADMIN_PATHS {
        walk.send(get(path).bearer(&secret)).refused(Reason::OperationUnknown);
        walk.send_tls(ask("POST", path).bearer(&secret)).refused(Reason::OperationUnknown);
    }
}

// proves: GW-16
#[test]
fn the_admin_listener_wants_a_secret_that_is_new_with_each_start() {
    let walk = with_admin();
    let secret = secret(&walk);
    for path in ["/metrics", "/policy", "/reload", "/nowhere"] {
        for request in [
            get(path),
            get(path).bearer("admin"),
            get(path).bearer(""),
            get(path).with("Authorization: Basic YWRtaW46YWRtaW4="),
        ] {
            let response = admin(&walk, request);
            assert_eq!(response.status, 401, "{path}");
            assert!(response.header("www-authenticate").is_some());
        }
    }
    for path in ["/health/live", "/health/ready"] {
        assert_eq!(admin(&walk, get(path)).status, 200);
    }
    let response = admin(&walk, get("/metrics").bearer(&secret));
    assert_eq!(response.status, 200);
    assert!(response.text().contains("# EOF"), "{}", response.text());
    assert_eq!(admin(&walk, ask("POST", "/reload").bearer(&secret)).status, 200);
    assert!(secret.len() >= 32);
    assert_ne!(secret, self::secret(&with_admin()), "no default");
    assert!(!walk.record.text().contains(&secret));
}

// proves: GW-27
#[test]
fn security_txt_is_published_over_https() {
    let month = i64::try_from(Clock::machine().now().wall.as_seconds()).unwrap() + 30 * 86_400;
    let expires = jiff::Timestamp::from_second(month).unwrap().to_string();
    let walk = Setup::new()
        .policy(json!({ "security_txt": { "contact": ["mailto:security@api.test"], "expires": expires } }))
        .start();
    let outcome = walk.send_tls(get("/.well-known/security.txt"));
    let response = &outcome.response;
    assert_eq!((response.status, response.header("content-type")), (200, Some("text/plain; charset=utf-8")));
    let text = response.text();
    assert_eq!(text.lines().filter(|line| line.starts_with("Contact: ")).count(), 1, "{text}");
    assert!(text.contains(&format!("Expires: {expires}\n")), "{text}");
    assert_eq!(text.matches("Expires: ").count(), 1, "{text}");
    outcome.only_event();
    Walk::new().send_tls(get("/.well-known/security.txt")).refused(Reason::OperationUnknown);
}

// proves: TLS-12
#[test]
fn transport_security_is_promised_once_over_tls_and_never_without() {
    let walk = Walk::new();
    let token = walk.token("orders:read");
    for request in
        [get("/public"), get("/nowhere"), get("/orders"), get("/orders").bearer(&token), get("/a//b")]
    {
        let over_tls = walk.send_tls(request.clone());
        let promised = over_tls.response.headers.all("strict-transport-security");
        assert_eq!(promised.len(), 1, "{:#?}", over_tls.response);
        let age: u64 = promised[0].split(';').next().unwrap().trim_start_matches("max-age=").parse().unwrap();
        assert!(age >= 31_536_000 && promised[0].contains("includeSubDomains"), "{}", promised[0]);
        let plain = walk.send(request);
        assert_eq!(plain.header("strict-transport-security"), None);
    }
}

// proves: TLS-12
#[test]
fn an_upstream_cannot_shorten_the_promise() {
    let answer = portcullis_testkit::Answer::respond(200, &[("Strict-Transport-Security", "max-age=0")], "");
    let walk = Setup::new().answering(answer).start();
    let outcome = walk.send_tls(get("/public"));
    let promised = outcome.response.headers.all("strict-transport-security");
    assert!(promised.len() == 1 && !promised[0].contains("max-age=0"), "{promised:?}");
    assert_eq!(walk.send(get("/public")).header("strict-transport-security"), None);
}

#[test]
fn options_for_the_whole_server_is_answered_here() {
    let walk = Walk::new();
    let outcome = walk.send(ask("OPTIONS", "*"));
    assert!(outcome.response.status < 300, "{:#?}", outcome.response);
    assert!(outcome.seen.is_empty());
    outcome.only_event();
}
