//! WebSockets: over TLS, for listed origins, with a token, for as long as the token lives (GW-24).

use portcullis_domain::Reason;
use portcullis_testkit::raw_client::Rest;
use portcullis_testkit::{Answer, RawClient};
use serde_json::json;

use crate::walk::{Ask, Setup, Walk, get};

const GOOD: &str = "https://app.good.example";

fn walk() -> Walk {
    Setup::new()
        .answering(Answer::SwitchAndEcho(vec![
            ("Connection".into(), "Upgrade".into()),
            ("Upgrade".into(), "websocket".into()),
            ("Sec-WebSocket-Accept".into(), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=".into()),
        ]))
        .contract(json!({ "paths": { "/private": { "get": {
            "operationId": "listen",
            "security": [{ "customers": ["orders:read"] }],
            "responses": { "101": { "description": "Switched." } },
        } } } }))
        .api(json!({
            "overrides": { "listen": { "upgrade": ["websocket"] } },
            "cors": { "origins": [GOOD] },
        }))
        .start()
}

fn handshake() -> Ask {
    get("/private")
        .with("Connection: Upgrade")
        .with("Upgrade: websocket")
        .with("Sec-WebSocket-Version: 13")
        .with("Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==")
}

fn open(walk: &Walk, request: Ask) -> RawClient {
    let mut client = walk.tls_client();
    assert_eq!(client.ask(Vec::from(request)).status, 101);
    walk.account_for_requests(1);
    client
}

// proves-part: GW-24 (the close code when a token ends is shown below)
#[test]
fn a_socket_needs_tls_a_listed_origin_and_a_token() {
    let walk = walk();
    let token = walk.token("orders:read");
    walk.send(handshake().bearer(&token)).refused(Reason::UpgradeRefused);
    walk.send_tls(handshake()).refused(Reason::CredentialMissing);
    walk.send_tls(handshake().bearer(&walk.token("other"))).refused(Reason::ScopeInsufficient);
    for origin in ["https://evil.example", "null", "https://app.good.example.evil.example"] {
        walk.send_tls(handshake().bearer(&token).with(format!("Origin: {origin}")))
            .refused(Reason::OriginRefused);
    }
    for request in [handshake().bearer(&token), handshake().bearer(&token).with(format!("Origin: {GOOD}"))] {
        let mut client = open(&walk, request);
        client.send("\u{1}\u{2}any frame");
        assert_eq!(client.exactly(11).unwrap(), b"\x01\x02any frame");
        drop(client);
        walk.settle_events(1);
    }
    let seen = &walk.upstream.seen()[0];
    assert_eq!((seen.header("authorization"), seen.header("upgrade")), (None, Some("websocket")));
    assert_eq!(seen.header("sec-websocket-key"), Some("dGhlIHNhbXBsZSBub25jZQ=="));
}

// proves: GW-24
#[test]
fn a_socket_is_closed_when_its_token_ends() {
    let walk = walk();
    let now = walk.clock.now().wall.as_seconds();
    let token = walk.token_with(json!({ "scope": "orders:read", "exp": now + 2 }));
    let mut client = open(&walk, handshake().bearer(&token));
    let rest = client.rest();
    let late = walk.clock.now().wall.as_seconds() - (now + 2);
    assert!(late <= 5, "closed {late} s after the end of its token");
    match rest {
        // A close frame (RFC 6455 §5.5.1) of the server: opcode 8, two bytes, unmasked: 1008, policy violation.
        Rest::Closed(bytes) | Rest::Reset(bytes) => assert_eq!(bytes, [0x88, 2, 0x03, 0xF0], "{bytes:?}"),
        Rest::Open(bytes) => panic!("still open after {bytes:?}"),
    }
    walk.upstream.wait_until_idle();
    walk.settle_events(1);
}

// A socket is one request: it has one event, and that when it closes.
#[test]
fn a_socket_is_recorded_when_it_closes_with_what_it_carried() {
    let walk = walk();
    let mut client = open(&walk, handshake().bearer(&walk.token("orders:read")));
    for message in ["hello", "again"] {
        client.send(message);
        assert_eq!(client.exactly(5).unwrap(), message.as_bytes());
    }
    assert!(walk.record.requests().is_empty(), "recorded before it has closed");
    drop(client);
    let event = &walk.settle_events(1)[0];
    assert_eq!((&event["status"], &event["outcome"]), (&json!(101), &json!("answered")), "{event:#}");
    assert_eq!((&event["request_bytes"], &event["response_bytes"]), (&json!(10), &json!(10)), "{event:#}");
    assert_eq!((&event["operation"], &event["subject"]), (&json!("listen"), &json!("alice")), "{event:#}");
}

// A gateway that stops does not lose the events of sockets that are still open.
#[test]
fn a_socket_that_is_open_when_the_gateway_stops_is_recorded() {
    let mut walk = walk();
    let mut client = open(&walk, handshake().bearer(&walk.token("orders:read")));
    client.send("hello");
    assert_eq!(client.exactly(5).unwrap(), b"hello");
    let events = walk.stop();
    let sockets = events.iter().filter(|event| event["status"] == 101).count();
    assert_eq!(sockets, 1, "{events:#?}");
    walk.account_for_stray_events();
}

// proves-part: GW-24 (early bytes: CVE-2026-2833 was a proxy that replayed them)
#[test]
fn bytes_sent_before_the_switch_are_not_taken_into_it() {
    let walk = walk();
    let mut both = Vec::from(handshake().bearer(&walk.token("orders:read")));
    both.extend_from_slice(b"GET /private HTTP/1.1\r\nHost: api.test\r\n\r\n");
    let mut client = walk.tls_client();
    client.send(both);
    assert_eq!(client.response_head().unwrap().0, 101);
    client.send("later");
    assert_eq!(client.exactly(5).unwrap(), b"later");
    assert_eq!(walk.upstream.count(), 1);
    drop(client);
    walk.settle_events(1);
}
