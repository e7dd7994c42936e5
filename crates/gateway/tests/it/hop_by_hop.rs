//! What belongs to one hop stays on it (HTTP-14 to HTTP-16).

use portcullis_testkit::{Answer, wire::Fields};
use serde_json::json;

use crate::walk::{HOST, Setup, Walk, get};

// proves: HTTP-14
#[test]
fn connection_and_what_it_nominates_never_reach_the_upstream() {
    let walk = Walk::new();
    let cases: [&[&str]; 8] = [
        &["Connection: X-Foo", "X-Foo: 1"],
        &["Connection:", "Connection: X-Foo", "X-Foo: 1"],
        &["Connection: ,, X-Foo ,", "X-Foo: 1", "X-Foo: 2"],
        &["X-Foo: 1", "Connection: close, x-FOO"],
        &["Keep-Alive: timeout=5", "Connection: keep-alive"],
        &["Proxy-Connection: keep-alive", "X-Foo: 1", "Connection: X-Foo"],
        &["TE: gzip", "Connection: TE"],
        &["Proxy-Authorization: Basic YTpi", "Proxy-Authenticate: Basic", "Trailer: X-Foo"],
    ];
    for lines in cases {
        let request = lines.iter().fold(get("/public"), |ask, line| ask.with(*line));
        let outcome = walk.send(request);
        let seen = outcome.passed();
        for name in [
            "connection",
            "x-foo",
            "keep-alive",
            "proxy-connection",
            "te",
            "proxy-authorization",
            "proxy-authenticate",
            "upgrade",
        ] {
            assert!(!seen.headers.has(name), "{lines:?}: {name} in {:#?}", seen.headers);
        }
    }
}

// proves: HTTP-14
#[test]
fn the_hop_to_the_upstream_stays_there() {
    let answer = Answer::respond(
        200,
        &[
            ("Connection", "keep-alive, X-Foo"),
            ("X-Foo", "1"),
            ("Keep-Alive", "timeout=5"),
            ("Proxy-Connection", "keep-alive"),
            ("Proxy-Authenticate", "Basic"),
            ("Upgrade", "h2c"),
            ("X-Bar", "2"),
        ],
        "hello",
    );
    let outcome = Setup::new().answering(answer).start().send(get("/public"));
    outcome.passed();
    assert_eq!((outcome.header("x-bar"), outcome.response.text()), (Some("2"), "hello"));
    for name in ["x-foo", "keep-alive", "proxy-connection", "proxy-authenticate", "upgrade"] {
        assert_eq!(outcome.header(name), None, "{name}");
    }
}

// proves: HTTP-15
#[test]
fn a_client_cannot_nominate_the_gateways_headers_away() {
    let walk = Walk::new();
    let token = walk.token("orders:read");
    let outcome = walk.send(
        get("/orders")
            .bearer(&token)
            .with("Connection: X-Forwarded-For, X-Forwarded-Host, X-Forwarded-Proto, Forwarded, X-Auth-Subject, Via")
            .with("Connection: X-Request-Id, Host, Authorization"),
    );
    let seen = outcome.passed();
    assert_eq!(seen.header("x-forwarded-for"), Some("127.0.0.1"));
    assert_eq!(seen.header("x-forwarded-proto"), Some("http"));
    assert_eq!(seen.header("x-auth-subject"), Some(crate::walk::SUBJECT));
    assert_eq!(seen.header("host"), Some(HOST));
    for name in ["x-forwarded-host", "forwarded", "via", "x-request-id"] {
        assert!(seen.headers.has(name), "{name} is missing in {:#?}", seen.headers);
    }
}

// proves: HTTP-15
#[test]
fn a_client_cannot_nominate_its_host_or_length_away() {
    let walk = Walk::new();
    let outcome = walk.send(format!(
        "POST /upload HTTP/1.1\r\nHost: {HOST}\r\nContent-Type: application/octet-stream\r\n\
         Connection: Content-Length, Host, Content-Type\r\nContent-Length: 5\r\n\r\nhello"
    ));
    let seen = outcome.passed();
    assert_eq!((seen.header("host"), seen.text()), (Some(HOST), "hello"));
}

fn via(fields: &Fields) -> String {
    fields.all("via").join(", ")
}

// proves: HTTP-16
#[test]
fn via_names_the_received_protocol_and_a_pseudonym() {
    let walk = Setup::new().policy(json!({ "pseudonym": "gate-1" })).start();
    assert_eq!(via(&walk.send(get("/public")).passed().headers), "1.1 gate-1");
    assert_eq!(
        via(&walk.send(get("/public").with("Via: 1.0 edge")).passed().headers),
        "1.0 edge, 1.1 gate-1"
    );
    assert_eq!(
        via(&walk.send(format!("GET /public HTTP/1.0\r\nHost: {HOST}\r\n\r\n")).passed().headers),
        "1.0 gate-1"
    );
    let mut h2 = walk.h2();
    let request = h2.request("GET", "/public");
    let response = h2.ask(request).unwrap();
    assert_eq!(via(&walk.settle(response).passed().headers), "2.0 gate-1");
}
