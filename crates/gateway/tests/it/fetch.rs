//! What the gateway fetches itself: an issuer's keys, under guard (GW-08, GW-14).

use portcullis_domain::Reason;
use portcullis_testkit::issuer::TokenIssuer;
use portcullis_testkit::{Answer, Authority, Upstream};
use serde_json::{Value, json};

use crate::walk::{AUDIENCE, ISSUER, Setup, Walk, get};

/// An issuer whose keys are served over TLS by somebody the gateway trusts.
struct Served {
    issuer: TokenIssuer,
    server: Upstream,
    authority: Authority,
}

impl Served {
    /// `answer` gets the keys and says what is served.
    fn new(answer: impl Fn(String) -> Answer) -> Self {
        let authority = Authority::named("the public");
        let issuer = TokenIssuer::new(ISSUER);
        let answer = answer(issuer.jwks());
        let config = authority.server(&["127.0.0.1", "id.test"]).server_config(&["http/1.1"]);
        let server = Upstream::plan().tls(config).start(move |_| answer.clone());
        Self { issuer, server, authority }
    }

    fn url(&self) -> String {
        format!("{}/jwks", self.server.url())
    }

    /// A walk that believes this issuer.
    fn walk(&self, settings: Value) -> Walk {
        Setup::new()
            .public_authority(&self.authority)
            .policy(json!({ "identity": { "customers": { "jwks": { "file": null, "url": self.url() } } } }))
            .policy(json!({ "identity": { "customers": settings } }))
            .start()
    }

    fn token(&self, walk: &Walk) -> String {
        self.issuer.access_token(AUDIENCE, "alice", "orders:read", walk.clock.now().wall)
    }
}

/// The request is refused because the keys cannot be had, and the upstream sees nothing.
#[track_caller]
fn keys_stay_away(served: &Served, settings: Value) -> Walk {
    let walk = served.walk(settings);
    let token = served.token(&walk);
    walk.send(get("/orders").bearer(&token)).refused(Reason::KeysUnavailable);
    walk
}

/// The record says from where something was not had, and why.
#[track_caller]
fn is_recorded(walk: &Walk, url: &str, cause: &str) {
    let event = walk.record.wait_until("the fetch", |event| event["event"] == "sys_fetch_refused");
    assert_eq!(event["url"], url, "{event:#}");
    assert!(event["cause"].as_str().unwrap().contains(cause), "expected {cause} in {event:#}");
}

fn within() -> Value {
    json!({ "allow_private_network": true, "keys": { "timeout": "300ms", "size": "64KiB" } })
}

#[test]
fn keys_are_fetched_once_and_used() {
    let served = Served::new(|keys| Answer::json(&keys));
    let walk = served.walk(within());
    let token = served.token(&walk);
    for _ in 0..3 {
        walk.send(get("/orders").bearer(&token)).passed();
    }
    assert_eq!(served.server.count(), 1);
    let seen = &served.server.seen()[0];
    assert_eq!(seen.line(), "GET /jwks");
    assert!(!seen.headers.has("authorization"));
}

// proves: GW-08
#[test]
fn an_address_that_is_not_public_is_not_connected_to() {
    let served = Served::new(|keys| Answer::json(&keys));
    let walk = keys_stay_away(&served, json!({}));
    assert_eq!(served.server.connections(), 0, "somebody connected");
    is_recorded(&walk, &served.url(), "may not be connected to");
    // `localhost` is a name, and what it resolves to is what counts.
    for address in
        ["localhost", "169.254.169.254", "[::1]", "10.0.0.1", "192.168.0.1", "[::ffff:127.0.0.1]", "0.0.0.0"]
    {
        let url = format!("https://{address}/jwks");
        let walk = Setup::new()
            .policy(json!({ "identity": { "customers": {
                "jwks": { "file": null, "url": url },
                "keys": { "timeout": "2s" },
            } } }))
            .start();
        let token = walk.token("orders:read");
        walk.send(get("/orders").bearer(&token)).refused(Reason::KeysUnavailable);
        let event = walk.record.wait_until("the fetch", |event| event["event"] == "sys_fetch_refused");
        assert_eq!(event["cause"], "the address may not be connected to", "{address}: {event:#}");
    }
}

// proves: GW-08
#[test]
fn a_redirect_is_not_followed() {
    let elsewhere = Upstream::answering(Answer::json("{}"));
    let location = format!("{}/jwks", elsewhere.url());
    let served = Served::new(|_| Answer::respond(302, &[("Location", &location)], ""));
    let walk = keys_stay_away(&served, within());
    assert_eq!(elsewhere.connections(), 0);
    is_recorded(&walk, &served.url(), "redirects");
}

// proves: GW-08
#[test]
fn a_document_without_end_is_cut_off() {
    let chunk = " ".repeat(64 * 1024);
    let endless: Vec<&str> = std::iter::repeat_n(chunk.as_str(), 64).collect();
    let served = Served::new(|_| Answer::chunked(&[], &endless, &[]));
    is_recorded(&keys_stay_away(&served, within()), &served.url(), "too large");
    let announced = Answer::CloseMidBody { announced: 1 << 30, sent: b"{".to_vec() };
    keys_stay_away(&Served::new(|_| announced.clone()), within());
}

// proves: GW-08
#[test]
fn an_answer_that_does_not_end_is_not_waited_for() {
    let served = Served::new(|_| Answer::Stall);
    is_recorded(&keys_stay_away(&served, within()), &served.url(), "too long");
}

// proves-part: GW-14 (the key source)
#[test]
fn an_issuer_that_hangs_lies_or_breaks_lets_nobody_in() {
    for answer in [
        Answer::Stall,
        Answer::CloseBefore,
        Answer::Reset,
        Answer::raw("nonsense\r\n\r\n"),
        Answer::respond(500, &[], "{}"),
        Answer::json("[]"),
        Answer::json("{"),
        Answer::respond(200, &[("Content-Type", "text/html")], "<html>"),
    ] {
        println!("{answer:?}");
        keys_stay_away(&Served::new(|_| answer.clone()), within());
    }
}

// proves-part: GW-14 (the key source)
#[test]
fn an_issuer_whose_certificate_is_not_trusted_lets_nobody_in() {
    let mut served = Served::new(|keys| Answer::json(&keys));
    served.authority = Authority::named("another public");
    keys_stay_away(&served, within());
    assert_eq!(served.server.count(), 0);
}
