//! Malformed and abusive HTTP/2, and its way to an HTTP/1.1 upstream (HTTP-26 to HTTP-31).
//!
//! hyper and h2 refuse most of it; what they let through is the walk's to refuse. Either way the upstream
//! must see nothing, and the request must end in a stream error, a connection error or a 400.

use portcullis_domain::Reason;
use portcullis_testkit::h2_frames::{Block, Frame, H2Frames, Verdict, code, flag, kind};
use portcullis_testkit::{Answer, Upstream};
use serde_json::json;

use crate::walk::{HOST, Setup, Walk};

fn get() -> Block {
    Block::get(HOST, "/public")
}

/// How each malformed request ends: never forwarded, and in an error of the protocol or a refusal.
#[track_caller]
fn refused(cases: &[(&str, Block)]) {
    let walk = Walk::new();
    for (what, block) in cases {
        let verdict = walk.h2_frames().ask(block);
        println!("{what}: {verdict:?}");
        assert_refusal(&walk, what, &verdict);
    }
}

#[track_caller]
fn assert_refusal(walk: &Walk, what: &str, verdict: &Verdict) {
    match verdict {
        Verdict::StreamError(code) | Verdict::ConnectionError(code) => {
            assert_eq!(*code, code::PROTOCOL_ERROR, "{what}");
        }
        Verdict::Answered(status, body) => {
            assert!((400..500).contains(status), "{what}: {status} {}", body.escape_ascii());
            let event = &walk.settle_events(1)[0];
            assert!(event["reason"].is_string() && event["receipt"].is_string(), "{what}: {event:#}");
        }
        Verdict::Closed => panic!("{what}: closed without a word"),
    }
    walk.upstream.expect_none();
}

// proves: HTTP-26
#[test]
fn malformed_fields_are_a_protocol_error() {
    refused(&[
        ("upper case", get().field("X-Upper", "1")),
        ("CR in a value", get().field("x-a", "a\rb")),
        ("LF in a value", get().field("x-a", "a\nb")),
        ("CRLF and a header in a value", get().field("x-a", "a\r\nx-b: c")),
        ("NUL in a value", get().field("x-a", "a\0b")),
        ("space in a name", get().field("x a", "1")),
        ("colon in a name", get().field("x:a", "1")),
        ("CRLF in a name", get().field("x\r\na", "1")),
        ("empty name", get().field("", "1")),
        ("leading space in a value", get().field("x-a", " a")),
        ("trailing tab in a value", get().field("x-a", "a\t")),
    ]);
}

// proves: HTTP-26
#[test]
fn pseudo_headers_out_of_place_are_a_protocol_error() {
    let block = |fields: &[(&str, &str)]| Block::of(fields);
    let (method, scheme, authority, path) =
        ((":method", "GET"), (":scheme", "https"), (":authority", HOST), (":path", "/public"));
    refused(&[
        ("two methods", block(&[method, method, scheme, authority, path])),
        ("two paths", block(&[method, scheme, authority, path, (":path", "/admin/x")])),
        ("two authorities", block(&[method, scheme, authority, authority, path])),
        ("late path", block(&[method, scheme, authority, ("x-a", "1"), path])),
        ("no method", block(&[scheme, authority, path])),
        ("no path", block(&[method, scheme, authority])),
        ("no scheme", block(&[method, authority, path])),
        ("empty path", block(&[method, scheme, authority, (":path", "")])),
        ("unknown pseudo-header", block(&[method, scheme, authority, path, (":evil", "1")])),
        ("pseudo-header of a response", block(&[method, scheme, authority, path, (":status", "200")])),
        ("neither authority nor host", block(&[method, scheme, path])),
    ]);
}

// proves: HTTP-26
#[test]
fn a_body_that_is_not_as_long_as_announced_is_a_protocol_error() {
    for (announced, data) in [("5", "hi"), ("1", "hi"), ("0", "hi"), ("2, 2", "hi"), ("+2", "hi")] {
        let walk = Walk::new();
        let block = Block::request("POST", HOST, "/notes")
            .field("content-type", "application/json")
            .field("content-length", announced);
        let verdict = walk.h2_frames().ask_with_data(&block, &[data.as_bytes()]);
        println!("{announced}: {verdict:?}");
        match verdict {
            // Where the walk had begun, its event tells so.
            Verdict::StreamError(code) | Verdict::ConnectionError(code) => {
                assert_eq!(code, code::PROTOCOL_ERROR, "{announced}");
                walk.account_for_stray_events();
            }
            other => assert_refusal(&walk, announced, &other),
        }
        walk.upstream.expect_none();
    }
}

// proves: HTTP-26
#[test]
fn a_fragment_in_the_path_is_a_protocol_error_and_no_other_path() {
    let request = |path: &str| Block::request("GET", HOST, path);
    refused(&[
        ("fragment", request("/public#x")),
        ("empty fragment", request("/public#")),
        ("fragment behind a query", request("/public?a=1#x")),
        ("a path behind a fragment", request("/public#/../admin/x")),
        ("fragment alone", request("#x")),
    ]);
    // What is no fragment goes through.
    let walk = Walk::new();
    let verdict = walk.h2_frames().ask(&request("/public?a=%23x"));
    assert!(matches!(verdict, Verdict::Answered(200, _)), "{verdict:?}");
    assert_eq!(walk.settle_events(1).len(), 1);
}

/// A request with a body, then these trailers.
fn with_trailers(walk: &Walk, trailers: &Block) -> Verdict {
    let mut connection = walk.h2_frames();
    let stream = connection.fresh_stream();
    let block = Block::request("POST", HOST, "/notes").field("content-type", "application/json");
    connection.send(&Frame::new(kind::HEADERS, flag::END_HEADERS, stream, &block.0));
    connection.send(&Frame::new(kind::DATA, 0, stream, r#"{"text":"x"}"#));
    connection.send(&Frame::new(kind::HEADERS, flag::END_HEADERS | flag::END_STREAM, stream, &trailers.0));
    connection.verdict(stream)
}

// proves: HTTP-26
#[test]
fn pseudo_headers_in_trailers_are_a_protocol_error() {
    for field in [(":path", "/admin/x"), (":method", "DELETE"), (":status", "200"), (":evil", "1")] {
        let walk = Walk::new();
        match with_trailers(&walk, &Block::of(&[("x-a", "1"), field])) {
            Verdict::StreamError(code) | Verdict::ConnectionError(code) => {
                assert_eq!(code, code::PROTOCOL_ERROR, "{field:?}");
            }
            Verdict::Answered(status, _) => assert!((400..500).contains(&status), "{field:?}: {status}"),
            other => panic!("{field:?}: {other:?}"),
        }
        walk.upstream.expect_none();
        walk.account_for_stray_events();
    }
    let walk = Walk::new();
    let verdict = with_trailers(&walk, &Block::of(&[("x-a", "1")]));
    assert!(matches!(verdict, Verdict::Answered(200, _)), "{verdict:?}");
    assert_eq!(walk.settle_events(1).len(), 1);
}

// proves: HTTP-27
#[test]
fn connection_specific_fields_are_a_protocol_error() {
    refused(&[
        ("transfer-encoding", get().field("transfer-encoding", "chunked")),
        ("connection", get().field("connection", "x")),
        ("connection: close", get().field("connection", "close")),
        ("te: gzip", get().field("te", "gzip")),
        ("te: trailers, gzip", get().field("te", "trailers, gzip")),
        ("keep-alive", get().field("keep-alive", "timeout=5")),
        ("proxy-connection", get().field("proxy-connection", "keep-alive")),
        ("upgrade", get().field("upgrade", "h2c")),
    ]);
}

// proves: HTTP-28
#[test]
fn what_would_break_a_request_line_is_refused() {
    let request = |method: &str, path: &str| Block::request(method, HOST, path);
    refused(&[
        ("space in the path", request("GET", "/public HTTP/1.1")),
        ("CRLF in the path", request("GET", "/public\r\nX-Evil: 1")),
        ("LF in the path", request("GET", "/public\nX")),
        ("NUL in the path", request("GET", "/public\0")),
        ("path without slash", request("GET", "public")),
        ("absolute path", request("GET", "https://evil.test/public")),
        ("space in the method", request("GET /admin/x HTTP/1.1\r\nX: ", "/public")),
        ("CRLF in the method", request("GET\r\n", "/public")),
        ("empty method", request("", "/public")),
        ("authority with userinfo", Block::request("GET", &format!("user@{HOST}"), "/public")),
        ("authority with CRLF", Block::request("GET", &format!("{HOST}\r\nx: y"), "/public")),
        ("authority with a path", Block::request("GET", &format!("{HOST}/x"), "/public")),
        (
            "evil scheme",
            Block::of(&[
                (":method", "GET"),
                (":scheme", "https\r\nx: y"),
                (":authority", HOST),
                (":path", "/public"),
            ]),
        ),
        ("connect", Block::of(&[(":method", "CONNECT"), (":authority", HOST)])),
    ]);
}

// proves: HTTP-28
#[test]
fn host_upstream_is_the_authority() {
    let walk = Walk::new();
    let mut h2 = walk.h2();
    let request = h2.request("GET", "/public?q=1").header("x-a", "1");
    let response = h2.ask(request).unwrap();
    let outcome = walk.settle(response);
    let seen = outcome.passed();
    assert_eq!((seen.line().as_str(), seen.version.as_str()), ("GET /public?q=1", "HTTP/1.1"));
    assert_eq!(seen.headers.all("host"), [HOST]);
    // A Host that agrees is no reason for a second one.
    let verdict = walk.h2_frames().ask(&get().field("host", HOST));
    assert!(matches!(verdict, Verdict::Answered(200, _)), "{verdict:?}");
    walk.settle_events(1);
    assert_eq!(walk.upstream.seen()[1].headers.all("host"), [HOST]);
}

// proves: HTTP-29
#[test]
fn host_and_authority_must_name_the_same() {
    refused(&[
        ("another host", get().field("host", "evil.test")),
        ("another port", get().field("host", format!("{HOST}:1"))),
        ("two hosts", get().field("host", HOST).field("host", "evil.test")),
    ]);
}

// proves: HTTP-30
#[test]
fn split_cookies_are_joined_for_http_1() {
    let walk = Walk::new();
    let mut h2 = walk.h2();
    let request =
        h2.request("GET", "/public").header("cookie", "a=1").header("x-a", "1").header("cookie", "b=2");
    let response = h2.ask(request).unwrap();
    assert_eq!(walk.settle(response).passed().headers.all("cookie"), ["a=1; b=2"]);
}

#[test]
fn many_streams_of_one_connection_are_answered_each() {
    let upstream = Upstream::start(|seen| Answer::ok(&seen.target));
    let walk = Setup::new().upstream(upstream).start();
    let mut h2 = walk.h2();
    let requests = (0..50).map(|index| h2.request("GET", &format!("/open/{index}"))).collect();
    for (index, response) in h2.ask_all(requests).into_iter().enumerate() {
        assert_eq!(response.unwrap().text(), format!("/open/{index}"));
    }
    walk.settle_events(50);
}

#[test]
fn trailers_cross_from_end_to_end() {
    let upstream = Upstream::start_h2(None, |_| {
        Answer::chunked(&[("content-type", "application/grpc")], &["x"], &[("grpc-status", "0")])
    });
    let url = upstream.url();
    let walk = Setup::new()
        .upstream(upstream)
        .api(json!({ "upstream": { "addresses": [url], "protocol": "http2" } }))
        .start();
    let mut h2 = walk.h2();
    let request = h2
        .request("POST", "/upload")
        .header("content-type", "application/octet-stream")
        .header("te", "trailers")
        .body("call")
        .trailer("x-checksum", "7");
    let response = h2.ask(request).unwrap();
    assert_eq!(response.trailers.first("grpc-status"), Some("0"));
    let outcome = walk.settle(response);
    let seen = outcome.passed();
    assert_eq!(
        (seen.text(), seen.header("te"), seen.trailers.first("x-checksum")),
        ("call", Some("trailers"), Some("7"))
    );
}

// proves: HTTP-31
#[test]
fn open_and_reset_in_a_hurry_ends_the_connection() {
    let walk = Setup::new().answering(Answer::Stall).start();
    let mut connection = walk.h2_frames_in_plaintext();
    let block = get();
    for _ in 0..10_000 {
        let stream = connection.fresh_stream();
        connection.send(&Frame::new(kind::HEADERS, flag::END_HEADERS | flag::END_STREAM, stream, &block.0));
        let cancel = code::CANCEL.to_be_bytes();
        if !connection.send_bytes(&frame_bytes(kind::RST_STREAM, 0, stream, &cancel)) {
            break;
        }
    }
    assert_eq!(connection.end(), Some(code::ENHANCE_YOUR_CALM));
    walk.account_for_stray_events();
}

/// A frame as bytes, to learn whether the peer still takes it.
fn frame_bytes(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0, 0, u8::try_from(payload.len()).unwrap(), kind, flags];
    bytes.extend_from_slice(&stream.to_be_bytes());
    bytes.extend_from_slice(payload);
    bytes
}

/// Sends `frame` until the peer closes; returns its code, and how many it took.
#[track_caller]
fn flood(mut connection: H2Frames, most: usize, frame: impl Fn(usize) -> Vec<u8>) -> (Option<u32>, usize) {
    let taken = (0..most).take_while(|index| connection.send_bytes(&frame(*index))).count();
    (connection.end(), taken)
}

// proves: HTTP-31
#[test]
fn an_endless_header_block_ends_the_connection() {
    let walk = Walk::new();
    let mut connection = walk.h2_frames_in_plaintext();
    connection.send(&Frame::new(kind::HEADERS, flag::END_STREAM, 1, &get().0));
    let (code, taken) = flood(connection, 100_000, |_| {
        frame_bytes(kind::CONTINUATION, 0, 1, &Block::default().field("x-a", "b".repeat(100)).0)
    });
    println!("{taken} CONTINUATION frames, then {code:?}");
    walk.upstream.expect_none();
}

// proves: HTTP-31
#[test]
fn empty_continuations_without_end_end_the_connection() {
    let walk = Walk::new();
    let mut connection = walk.h2_frames_in_plaintext();
    connection.send(&Frame::new(kind::HEADERS, flag::END_STREAM, 1, &get().0));
    let (code, taken) = flood(connection, 1_000_000, |_| frame_bytes(kind::CONTINUATION, 0, 1, &[]));
    println!("{taken} CONTINUATION frames, then {code:?}");
    walk.upstream.expect_none();
}

// proves: HTTP-31
#[test]
fn a_header_list_beyond_its_bound_is_refused() {
    let walk = Walk::new();
    let big = (0..100).fold(get(), |block, index| block.field(format!("x-{index}"), "v".repeat(120)));
    let verdict = walk.h2_frames().ask(&big);
    println!("within the frame size: {verdict:?}");
    let mut connection = walk.h2_frames();
    let stream = connection.fresh_stream();
    connection.send(&Frame::new(kind::HEADERS, flag::END_STREAM, stream, &get().0));
    for index in 0..10 {
        let last = if index == 9 { flag::END_HEADERS } else { 0 };
        let block = Block::default().field(format!("x-{index}"), "v".repeat(16_000));
        connection.send(&Frame::new(kind::CONTINUATION, last, stream, &block.0));
    }
    match connection.verdict(stream) {
        Verdict::Answered(431, _)
        | Verdict::StreamError(_)
        | Verdict::ConnectionError(_)
        | Verdict::Closed => {}
        other => panic!("{other:?}"),
    }
    walk.account_for_stray_events();
    assert!(walk.upstream.seen().iter().all(|seen| seen.headers.0.len() < 120));
}

// proves: HTTP-31
#[test]
fn more_streams_than_allowed_are_refused() {
    let walk = Setup::new().answering(Answer::Stall).policy(json!({ "bounds": { "streams": 10 } })).start();
    let mut connection = walk.h2_frames();
    for _ in 0..50 {
        let stream = connection.fresh_stream();
        connection.send(&Frame::new(kind::HEADERS, flag::END_HEADERS | flag::END_STREAM, stream, &get().0));
    }
    let mut refused = 0;
    while refused < 40 {
        let frame = connection.frame().unwrap().expect("a frame for each refused stream");
        if frame.kind == kind::GOAWAY {
            break;
        }
        refused += usize::from(frame.kind == kind::RST_STREAM);
    }
    drop(connection);
    walk.account_for_stray_events();
    assert!(walk.upstream.count() <= 10, "{} requests upstream", walk.upstream.count());
}

// proves: HTTP-31
#[test]
fn floods_of_settings_and_pings_do_not_grow_memory() {
    let walk = Walk::new();
    let before = resident_kib();
    for kind in [kind::SETTINGS, kind::PING] {
        let payload: &[u8] = if kind == kind::PING { &[0; 8] } else { &[] };
        // Nothing is read meanwhile: the answers pile up until the gateway ends it, or stops to read.
        let mut connection = walk.h2_frames();
        connection.set_patience(std::time::Duration::from_millis(500));
        let taken =
            (0..1_000_000).take_while(|_| connection.send_bytes(&frame_bytes(kind, 0, 0, payload))).count();
        println!("{taken} frames of kind {kind} taken");
        assert!(taken < 1_000_000, "kind {kind}: a million frames were taken without an answer being read");
    }
    let grown = resident_kib().saturating_sub(before);
    assert!(grown < 64 * 1024, "{grown} KiB more than before");
    walk.send(crate::walk::get("/public")).passed();
}

/// Memory of this process, in which the gateway lives.
fn resident_kib() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

#[test]
fn a_refusal_over_http2_is_the_same_problem() {
    let walk = Walk::new();
    let mut h2 = walk.h2();
    for (path, reason) in [("/nowhere", Reason::OperationUnknown), ("/orders", Reason::CredentialMissing)] {
        let request = h2.request("GET", path);
        let response = h2.ask(request).unwrap();
        walk.settle(response).refused(reason);
    }
}
