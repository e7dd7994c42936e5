//! Where an HTTP/1 message begins and ends: one reading, or none (HTTP-01 to HTTP-10, HTTP-33).
//!
//! What the framing guard refuses byte by byte is tested in `portcullis-message`; here each kind is sent
//! over a socket, and what counts is that the upstream saw nothing and the connection is closed.

use portcullis_domain::Reason;
use portcullis_testkit::raw_client::Rest;
use portcullis_testkit::{Answer, Framing, wait};

use crate::walk::{HOST, Setup, Walk, get, post_json};

/// Every request is refused for its reason, and its connection closed with nothing left on it.
#[track_caller]
fn refused(walk: &Walk, cases: &[(String, Reason)]) {
    for (request, reason) in cases {
        println!("{reason}: {}", request.chars().take(200).collect::<String>().escape_debug());
        let mut outcome = walk.send(request.as_str());
        outcome.refused(*reason);
        assert_eq!(outcome.header("connection"), Some("close"), "{:#?}", outcome.response);
        outcome.closed();
    }
}

/// A request to an operation that reads its body, with these lines and this body.
fn notes(lines: &str, body: &str) -> String {
    format!("POST /notes HTTP/1.1\r\nHost: {HOST}\r\nContent-Type: application/json\r\n{lines}\r\n{body}")
}

fn head(line: &str) -> String {
    format!("GET /public HTTP/1.1\r\nHost: {HOST}\r\n{line}\r\n\r\n")
}

fn chunked(chunks: &str) -> String {
    notes("Transfer-Encoding: chunked\r\n", chunks)
}

// proves: HTTP-01
#[test]
fn a_request_with_both_lengths_is_refused_and_its_connection_closed() {
    let smuggled = "0\r\n\r\nGET /public HTTP/1.1\r\nHost: api.test\r\n\r\n";
    refused(
        &Walk::new(),
        &[
            (
                notes("Content-Length: 4\r\nTransfer-Encoding: chunked\r\n", smuggled),
                Reason::FramingAmbiguous,
            ),
            (
                notes("Transfer-Encoding: chunked\r\nContent-Length: 4\r\n", smuggled),
                Reason::FramingAmbiguous,
            ),
            (
                notes("Transfer-Encoding: chunked\r\nContent-Length: 47\r\n", smuggled),
                Reason::FramingAmbiguous,
            ),
        ],
    );
}

// proves: HTTP-02
#[test]
fn only_the_exact_coding_chunked_is_accepted() {
    let values = [
        "xchunked",
        "chunked, gzip",
        "gzip, chunked",
        "chunked,",
        ",chunked",
        "chunked\r\nTransfer-Encoding: chunked",
        "identity",
        "chunked;q=1",
        "\tchunked\t",
        "\"chunked\"",
        "",
        "chunked, chunked",
        "\u{b}chunked",
    ];
    let cases: Vec<_> = values
        .iter()
        .map(|value| {
            let reason = if value.starts_with('\u{b}') {
                Reason::HeaderLineMalformed
            } else {
                Reason::TransferEncodingRefused
            };
            (notes(&format!("Transfer-Encoding:{value}\r\n"), "0\r\n\r\n"), reason)
        })
        .collect();
    refused(&Walk::new(), &cases);
}

// proves: HTTP-03
#[test]
fn a_length_that_is_not_one_plain_number_is_refused() {
    let values = [
        "+5",
        "-5",
        "5, 6",
        "5, 5",
        "5,5",
        "0x5",
        "18446744073709551616",
        "99999999999999999999",
        "",
        "5 ",
        "five",
        "5\r\nContent-Length: 6",
        "5\r\nContent-Length: 5",
        "5;5",
        "\u{a0}5",
    ];
    let walk = Walk::new();
    for value in values {
        let request = notes(&format!("Content-Length: {value}\r\n"), "hello");
        println!("{}", request.escape_debug());
        // Whitespace after a value is no part of it (RFC 9110 §5.5); everything else is a refusal.
        if value == "5 " {
            walk.send(request).refused(Reason::BodyMalformed);
            continue;
        }
        let mut outcome = walk.send(request);
        outcome.refused(Reason::ContentLengthMalformed);
        outcome.closed();
    }
}

// proves: HTTP-04
#[test]
fn chunked_in_http_1_0_is_broken_framing() {
    let request =
        format!("POST /notes HTTP/1.0\r\nHost: {HOST}\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n");
    refused(&Walk::new(), &[(request, Reason::TransferEncodingRefused)]);
}

// proves: HTTP-05
#[test]
fn chunks_are_read_strictly() {
    let extensions = format!("1;{}\r\n", "x".repeat(64 * 1024));
    let cases = [
        "5\nhello\r\n0\r\n\r\n",
        "5;a=b\n\r\nhello\r\n0\r\n\r\n",
        "5;a\nb\r\nhello\r\n0\r\n\r\n",
        "00000000000000005\r\nhello\r\n0\r\n\r\n",
        "fffffffffffffffff\r\nhello\r\n0\r\n\r\n",
        "0x5\r\nhello\r\n0\r\n\r\n",
        "+5\r\nhello\r\n0\r\n\r\n",
        "5 \r\nhello\r\n0\r\n\r\n",
        " 5\r\nhello\r\n0\r\n\r\n",
        "\r\nhello\r\n0\r\n\r\n",
        "5\r\nhellooo\r\n0\r\n\r\n",
        "5\r\nhello0\r\n\r\n",
        "5\r\nhello\n0\r\n\r\n",
        "-1\r\n\r\n0\r\n\r\n",
        &extensions,
    ];
    let cases: Vec<_> = cases.iter().map(|chunks| (chunked(chunks), Reason::ChunkMalformed)).collect();
    refused(&Walk::new(), &cases);
}

// proves: HTTP-05
#[test]
fn good_chunks_arrive_and_their_extensions_do_not() {
    let walk = Walk::new();
    let outcome = walk.send(chunked("5;note=\"x\";y\r\n{\"tex\r\n8\r\nt\":\"ok\"}\r\n0\r\n\r\n"));
    let seen = outcome.passed();
    assert_eq!(seen.text(), r#"{"text":"ok"}"#);
    assert!(!String::from_utf8_lossy(&seen.raw).contains("note="));
}

// proves: HTTP-05
#[test]
fn a_streamed_body_with_broken_chunks_never_becomes_a_whole_request() {
    let walk = Walk::new();
    let mut client = walk.client();
    client.send(format!(
        "POST /upload HTTP/1.1\r\nHost: {HOST}\r\nContent-Type: application/octet-stream\r\n\
         Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n5\nGET /public HTTP/1.1\r\nHost: {HOST}\r\n\r\n"
    ));
    // Answered or not, the connection ends, and with at most one answer.
    match client.response() {
        Ok(response) => assert_eq!(response.status, 400, "{response:#?}"),
        Err(broken) => println!("no answer: {broken}"),
    }
    client.expect_closed();
    let events = walk.settle_events(1);
    assert_eq!(events[0]["reason"], Reason::ChunkMalformed.code());
    assert_eq!(walk.upstream.count(), 0, "the upstream saw a whole request");
    wait::until("the upstream's connection is gone", || walk.upstream.open_connections() == 0);
}

// proves: HTTP-06
#[test]
fn trailers_never_become_headers_and_dangerous_ones_are_dropped() {
    let walk = Setup::new().answering(Answer::ok("hello")).start();
    let trailers = "Authorization: Bearer x\r\nHost: evil.test\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\
                    Cookie: a=b\r\nX-Forwarded-For: 127.0.0.1\r\nX-Checksum: 7\r\n";
    let outcome = walk.send(format!(
        "POST /upload HTTP/1.1\r\nHost: {HOST}\r\nContent-Type: application/octet-stream\r\nTE: trailers\r\n\
         Trailer: X-Checksum\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n{trailers}\r\n"
    ));
    let seen = outcome.passed();
    assert_eq!(seen.text(), "hi");
    for name in ["authorization", "host", "content-length", "transfer-encoding", "cookie", "x-forwarded-for"]
    {
        assert!(!seen.trailers.has(name), "{name} came as a trailer: {:#?}", seen.trailers);
    }
    assert_eq!(seen.header("host"), Some(HOST));
    assert!(
        !seen.headers.has("authorization") && !seen.headers.has("cookie") && !seen.headers.has("x-checksum")
    );
    assert_ne!(seen.header("x-forwarded-for"), Some("127.0.0.1, 127.0.0.1"));
}

// proves: HTTP-06
#[test]
fn a_credential_in_a_trailer_identifies_nobody() {
    let walk = Walk::new();
    let token = walk.token("orders:write");
    let body = r#"{"text":"x"}"#;
    walk.send(format!(
        "POST /orders HTTP/1.1\r\nHost: {HOST}\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n\
         {:x}\r\n{body}\r\n0\r\nAuthorization: Bearer {token}\r\n\r\n",
        body.len()
    ))
    .refused(Reason::CredentialMissing);
}

// proves: HTTP-07
#[test]
fn control_characters_in_the_head_are_refused() {
    refused(
        &Walk::new(),
        &[
            (head("X-A: a\rb"), Reason::LineEndingMalformed),
            (head("X-A: a\r"), Reason::LineEndingMalformed),
            (head("X-A: a\nb"), Reason::LineEndingMalformed),
            (head("X-A: a\nX-B: b"), Reason::LineEndingMalformed),
            (head("X-A: a\0b"), Reason::HeaderLineMalformed),
            (head("X-A: a\u{1}b"), Reason::HeaderLineMalformed),
            (head("X-\0A: b"), Reason::HeaderLineMalformed),
            (format!("GET /public HTTP/1.1\nHost: {HOST}\n\n"), Reason::LineEndingMalformed),
            (format!("GET /public HTTP/1.1\r\nHost: {HOST}\r\n\n"), Reason::LineEndingMalformed),
            (format!("GET /public\r HTTP/1.1\r\nHost: {HOST}\r\n\r\n"), Reason::LineEndingMalformed),
        ],
    );
}

// proves: HTTP-08
#[test]
fn whitespace_where_none_may_stand_is_refused() {
    refused(
        &Walk::new(),
        &[
            (format!("GET /public HTTP/1.1\r\nHost : {HOST}\r\n\r\n"), Reason::HeaderLineMalformed),
            (format!("GET /public HTTP/1.1\r\nHost\t: {HOST}\r\n\r\n"), Reason::HeaderLineMalformed),
            (format!("GET /public HTTP/1.1\r\n Host: {HOST}\r\n\r\n"), Reason::HeaderLineMalformed),
            (format!("GET /public HTTP/1.1\r\n\tX: y\r\nHost: {HOST}\r\n\r\n"), Reason::HeaderLineMalformed),
            (format!("GET  /public HTTP/1.1\r\nHost: {HOST}\r\n\r\n"), Reason::RequestLineMalformed),
            (format!("GET /public  HTTP/1.1\r\nHost: {HOST}\r\n\r\n"), Reason::RequestLineMalformed),
            (format!(" GET /public HTTP/1.1\r\nHost: {HOST}\r\n\r\n"), Reason::RequestLineMalformed),
            (format!("GET\t/public\tHTTP/1.1\r\nHost: {HOST}\r\n\r\n"), Reason::RequestLineMalformed),
            (head("no colon"), Reason::HeaderLineMalformed),
            (head(": no name"), Reason::HeaderLineMalformed),
            (head("na me: x"), Reason::HeaderLineMalformed),
        ],
    );
}

// proves: HTTP-09
#[test]
fn folded_headers_are_refused_in_requests_and_never_relayed_in_responses() {
    refused(
        &Walk::new(),
        &[
            (head("X-A: a\r\n b"), Reason::HeaderLineMalformed),
            (head("X-A: a\r\n\tb"), Reason::HeaderLineMalformed),
            (notes("Transfer-Encoding: \r\n chunked\r\n", "0\r\n\r\n"), Reason::TransferEncodingRefused),
        ],
    );
    let folded = Answer::raw("HTTP/1.1 200 OK\r\nX-A: a\r\n b\r\nContent-Length: 2\r\n\r\nhi");
    let outcome = Setup::new().answering(folded).start().send(get("/public"));
    match outcome.response.status {
        200 => assert_eq!(outcome.header("x-a").map(|value| value.replace("  ", " ")), Some("a b".into())),
        _ => drop(outcome.ended(Reason::UpstreamMalformed)),
    }
}

// proves: HTTP-10
#[test]
fn exactly_one_valid_host_is_demanded() {
    let hosts = [
        "a/b",
        "a b",
        "a@b",
        "a,b",
        "api.test:",
        "api.test:99999",
        "api.test:80:80",
        "[::1",
        "%61pi.test",
        "",
    ];
    let mut cases: Vec<_> = hosts
        .iter()
        .map(|host| (format!("GET /public HTTP/1.1\r\nHost: {host}\r\n\r\n"), Reason::HostMalformed))
        .collect();
    cases.push(("GET /public HTTP/1.1\r\n\r\n".into(), Reason::HostMalformed));
    cases.push((
        format!("GET /public HTTP/1.1\r\nHost: {HOST}\r\nHost: {HOST}\r\n\r\n"),
        Reason::HostMalformed,
    ));
    cases.push((
        format!("GET /public HTTP/1.1\r\nHost: {HOST}\r\nHost: evil.test\r\n\r\n"),
        Reason::HostMalformed,
    ));
    refused(&Walk::new(), &cases);
}

// proves: HTTP-33
#[test]
fn a_refusal_with_an_unread_body_draws_no_second_answer() {
    let walk = Walk::new();
    let hidden = "GET /public HTTP/1.1\r\nHost: api.test\r\n\r\n";
    let body = hidden.repeat(10 * 1024 * 1024 / hidden.len());
    let mut client = walk.client();
    let request: Vec<u8> = post_json("/orders", &body).into();
    // Sent from aside: the gateway may stop to read long before the end.
    let response = client.ask(request);
    assert_eq!(response.status, 401, "{response:#?}");
    let outcome = walk.settle(response);
    outcome.refused(Reason::CredentialMissing);
    match client.rest() {
        Rest::Closed(left) | Rest::Reset(left) => assert!(left.is_empty(), "{}", left.escape_ascii()),
        Rest::Open(left) => panic!("still open after `{}`", left.escape_ascii()),
    }
}

// proves: HTTP-33
#[test]
fn a_refusal_with_a_small_unread_body_leaves_the_next_request_aligned() {
    let walk = Walk::new();
    let mut client = walk.client();
    let request: Vec<u8> = post_json("/orders", "GET /a/b HTTP/1.1\r\nHost: api.test\r\n\r\n").into();
    assert_eq!(client.ask(request).status, 401);
    walk.settle_events(1);
    let next: Vec<u8> = get("/public").into();
    // Closed, or in step: either is one reading.
    if client.try_send(next).is_ok()
        && let Ok(response) = client.response()
    {
        assert_eq!(walk.settle(response).passed().line(), "GET /public");
    }
    assert!(walk.upstream.seen().iter().all(|seen| seen.target != "/a/b"));
}

// proves: HTTP-37
#[test]
fn the_length_upstream_is_that_of_the_bytes_really_sent() {
    let walk = Walk::new();
    let body = r#"{"text":"hello"}"#;
    let outcome = walk.send(post_json("/notes", body));
    assert_eq!(outcome.passed().framing, Framing::Length(body.len()));
    let streamed = walk.send(format!(
        "POST /upload HTTP/1.1\r\nHost: {HOST}\r\nContent-Type: application/octet-stream\r\n\
         Transfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n"
    ));
    assert_eq!((streamed.passed().framing, streamed.seen[0].text()), (Framing::Chunked, "hi"));
}

#[test]
fn pipelined_requests_are_answered_in_order_and_nothing_follows_a_refused_one() {
    let walk = Walk::new();
    let mut client = walk.client();
    let good: Vec<u8> = get("/public").into();
    let bad = head("X-A: a\0b");
    client.send([good.clone(), good.clone(), bad.into(), good].concat());
    assert_eq!(client.response().unwrap().status, 200);
    assert_eq!(client.response().unwrap().status, 200);
    assert_eq!(client.response().unwrap().status, 400);
    client.expect_closed();
    assert_eq!(walk.upstream.count(), 2);
    let events = walk.settle_events(3);
    assert_eq!(events[2]["reason"], Reason::HeaderLineMalformed.code());
}
