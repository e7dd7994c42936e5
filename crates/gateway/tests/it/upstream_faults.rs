//! Upstreams that fail, lie or dawdle (HTTP-23, 32, 34; GW-09, 11 to 13).

use std::io::{Read as _, Write as _};
use std::time::Duration;

use portcullis_domain::{Clock, Reason};
use portcullis_testkit::{Answer, Authority, BlackHole, ClosedPort, Framing, RawClient, Upstream, wait};
use serde_json::json;

use crate::walk::{HOST, Setup, Walk, ask, get, post_json};

const NOTE: &str = r#"{"text":"x"}"#;

/// A walk whose upstream always answers this, and that never tries again.
fn answering(answer: Answer) -> Walk {
    Setup::new().answering(answer).api(json!({ "upstream": { "retry": { "attempts": 0 } } })).start()
}

// proves: HTTP-23
#[test]
fn a_post_is_attempted_once_whatever_happens() {
    for answer in [Answer::CloseBefore, Answer::Reset, Answer::RawThenClose(b"HTTP/1.1 2".to_vec())] {
        let walk =
            Setup::new().answering(answer).api(json!({ "upstream": { "retry": { "attempts": 3 } } })).start();
        let outcome = walk.send(post_json("/notes", NOTE));
        assert_eq!(outcome.response.status, 502, "{:#?}", outcome.response);
        outcome.ended(Reason::from_code(&outcome.code()).unwrap());
        assert_eq!(outcome.seen.len(), 1, "one attempt");
    }
}

// proves: HTTP-23
#[test]
fn a_post_that_dies_while_its_body_is_on_the_way_is_attempted_once() {
    let upstream = Upstream::plan().early(|_| Some(Answer::Reset)).start(|_| Answer::ok(""));
    let walk = Setup::new().upstream(upstream).start();
    let mut client = walk.client();
    client.send(format!(
        "POST /upload HTTP/1.1\r\nHost: {HOST}\r\nContent-Type: application/octet-stream\r\n\
         Content-Length: 1000000\r\n\r\n{}",
        "x".repeat(1000)
    ));
    let response = client.response().unwrap();
    assert_eq!(response.status, 502, "{response:#?}");
    let outcome = walk.settle(response);
    outcome.ended(Reason::UpstreamReset);
    assert_eq!(outcome.seen.len(), 1, "one attempt");
}

// proves-part: GW-13 (a tenant is a caller or an API: groups of callers are not known)
#[test]
fn an_idempotent_request_is_tried_again_within_the_budget() {
    let walk = Setup::new()
        .upstream(Upstream::in_turn(vec![Answer::Reset, Answer::ok("second")]))
        .api(json!({ "upstream": { "retry": { "attempts": 1 } } }))
        .start();
    let outcome = walk.send(get("/public"));
    assert_eq!((outcome.response.status, outcome.response.text(), outcome.seen.len()), (200, "second", 2));
    outcome.only_event();
}

// proves-part: GW-13 (a tenant is a caller or an API: groups of callers are not known)
#[test]
fn retries_end_with_their_budget() {
    let walk = Setup::new()
        .answering(Answer::Reset)
        .api(json!({ "upstream": {
            "retry": { "attempts": 1, "budget_percent": 0 },
            "circuit": { "failures": 1_000_000, "open_for": "1s" },
        } }))
        .start();
    let requests = 40;
    for _ in 0..requests {
        walk.send(get("/public")).ended(Reason::UpstreamReset);
    }
    // Ten retries are there from the start; none is earned.
    assert_eq!(walk.upstream.count(), requests + 10);
}

// proves-part: GW-13 (a tenant is a caller or an API: groups of callers are not known)
#[test]
fn a_saturated_upstream_refuses_and_another_api_is_unaffected() {
    let (held, feeder) = Answer::fed(&[]);
    let other = Upstream::answering(Answer::ok("other"));
    let walk = Setup::new()
        .answering(held)
        .api(json!({ "upstream": { "concurrency": 1 } }))
        .policy(json!({ "apis": { "other": {
            "contract": "openapi.json", "hosts": ["other.test"], "upstream": { "addresses": [other.url()] },
        } } }))
        .start();
    let mut first = walk.client();
    let request: Vec<u8> = get("/public").into();
    first.send(request);
    assert_eq!(first.response_head().unwrap().0, 200);

    let refused = walk.client().ask(Vec::from(get("/public")));
    assert_eq!(refused.json()["code"], Reason::UpstreamSaturated.code());
    assert!(refused.header("retry-after").is_some());
    let elsewhere = walk.client().ask(Vec::from(get("/public").host("other.test")));
    assert_eq!((elsewhere.status, elsewhere.text()), (200, "other"));

    drop(feeder);
    assert!(matches!(first.chunk().unwrap(), portcullis_testkit::wire::Chunk::Last(_)));
    let events = walk.settle_events(3);
    let saturated = events.iter().filter(|event| event["reason"] == Reason::UpstreamSaturated.code());
    assert_eq!((saturated.count(), walk.upstream.count()), (1, 1));
}

// proves-part: GW-13 (a tenant is a caller or an API: groups of callers are not known)
#[test]
fn a_caller_that_takes_all_its_places_leaves_others_theirs() {
    let (held, feeder) = Answer::fed(&[]);
    let walk = Setup::new()
        .upstream(Upstream::in_turn(vec![held, Answer::ok("for bob"), Answer::ok("for alice")]))
        .policy(json!({ "limits": { "caller_concurrency": 1 } }))
        .start();
    let ask = |subject: &str| Vec::from(get("/orders").bearer(&walk.token_of(subject, "orders:read")));
    let mut first = walk.client();
    first.send(ask("alice"));
    assert_eq!(first.response_head().unwrap().0, 200);
    let refused = walk.client().ask(ask("alice"));
    assert_eq!(refused.json()["code"], Reason::ConcurrencyExceeded.code());
    assert_eq!(walk.client().ask(ask("bob")).text(), "for bob");
    drop(feeder);
    assert!(matches!(first.chunk().unwrap(), portcullis_testkit::wire::Chunk::Last(_)));
    walk.settle_events(3);
    assert_eq!(walk.client().ask(ask("alice")).text(), "for alice");
    walk.settle_events(1);
}

// proves: HTTP-32
#[test]
fn a_response_with_two_lengths_is_a_bad_answer_and_its_connection_is_retired() {
    let cases = [
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello",
        "HTTP/1.1 200 OK\r\nContent-Length: +5\r\n\r\nhello",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: xchunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nX-A : b\r\nContent-Length: 5\r\n\r\nhello",
        "HTTP/1.1 200 OK\r\nX-A: a\0b\r\nContent-Length: 5\r\n\r\nhello",
        "HTTP/1.1 2x0 OK\r\nContent-Length: 5\r\n\r\nhello",
        "HTTP/9.9 200 OK\r\nContent-Length: 5\r\n\r\nhello",
        "nonsense\r\n\r\n",
    ];
    for raw in cases {
        println!("{}", raw.escape_debug());
        let walk = answering(Answer::raw(raw));
        walk.send(get("/public")).ended(Reason::UpstreamMalformed);
        wait::until("the connection is retired", || walk.upstream.open_connections() == 0);
    }
}

// proves: HTTP-32
#[test]
fn bytes_after_a_response_are_dropped_with_their_connection() {
    let evil = "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil";
    let trailing = format!("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello{evil}");
    let walk =
        Setup::new().upstream(Upstream::in_turn(vec![Answer::raw(&trailing), Answer::ok("good")])).start();
    let mut client = walk.client();
    let request: Vec<u8> = get("/public").into();
    assert_eq!(client.ask(&request).text(), "hello");
    assert_eq!(client.ask(&request).text(), "good");
    walk.settle_events(2);
    let connections: Vec<_> = walk.upstream.seen().iter().map(|seen| seen.connection).collect();
    assert_eq!(connections, [0, 1], "the second request went over another connection");
}

// proves: HTTP-32
#[test]
fn an_answer_nobody_asked_for_is_given_to_nobody() {
    let walk = Setup::new()
        .upstream(Upstream::in_turn(vec![
            Answer::raw("HTTP/1.1 204 No Content\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil"),
            Answer::ok("good"),
        ]))
        .start();
    let mut client = walk.client();
    let request: Vec<u8> = get("/public").into();
    assert_eq!(client.ask(&request).status, 204);
    assert_eq!(client.ask(&request).text(), "good");
    walk.settle_events(2);
}

// proves: HTTP-32
#[test]
fn broken_chunks_of_a_response_break_it_off() {
    for chunks in [
        "5\r\nhello\r\nxyz\r\n",
        "5\r\nhelloooo\r\n0\r\n\r\n",
        "5\nhello\n0\n\n",
        "fffffffffffffffff\r\nhello",
    ] {
        let walk =
            answering(Answer::raw(format!("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{chunks}")));
        let mut client = walk.client();
        let request: Vec<u8> = get("/public").into();
        client.send(request);
        // The head may be out already; what must not happen is an answer that looks whole.
        match client.response() {
            Ok(response) => assert_eq!(response.status, 502, "{chunks:?}: {response:#?}"),
            Err(broken) => println!("{chunks:?}: {broken}"),
        }
        walk.settle_events(1);
    }
}

// proves: GW-11
#[test]
fn an_answer_that_ends_too_early_is_not_passed_off_as_whole() {
    let walk = answering(Answer::CloseMidBody { announced: 100, sent: b"half".to_vec() });
    let mut client = walk.client();
    let request: Vec<u8> = get("/public").into();
    client.send(request);
    match client.response() {
        Ok(response) => assert_eq!(response.status, 502, "{response:#?}"),
        Err(broken) => println!("{broken}"),
    }
    let events = walk.settle_events(1);
    assert_eq!(events[0]["reason"], Reason::UpstreamReset.code(), "{:#}", events[0]);
    assert_eq!((&events[0]["status"], &events[0]["response_bytes"]), (&json!(200), &json!(4)));
    wait::until("the connection is retired", || walk.upstream.open_connections() == 0);
}

#[test]
fn a_response_head_without_end_is_a_bad_answer() {
    let long = format!("HTTP/1.1 200 OK\r\nX-A: {}\r\n\r\n", "a".repeat(4 << 20));
    let many = format!("HTTP/1.1 200 OK\r\n{}\r\n", "X-A: b\r\n".repeat(100_000));
    for head in [long, many] {
        answering(Answer::raw(head)).send(get("/public")).ended(Reason::UpstreamMalformed);
    }
}

#[test]
fn a_large_response_is_streamed_as_fast_as_the_client_reads() {
    let body = vec![b'x'; 32 << 20];
    let walk = answering(Answer::Respond { status: 200, headers: vec![], body });
    let outcome = walk.send_tls(get("/public"));
    assert_eq!(outcome.response.body.len(), 32 << 20);
    outcome.passed();
}

// proves: HTTP-34
#[test]
fn answers_without_a_body_have_none_and_the_next_is_aligned() {
    for (status, method) in [(204, "GET"), (304, "GET"), (200, "HEAD")] {
        let raw = format!("HTTP/1.1 {status} X\r\nContent-Type: text/plain\r\n\r\n");
        let with_body = if method == "HEAD" {
            "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello".to_owned()
        } else {
            format!("{raw}5\r\nhello\r\n0\r\n\r\n")
        };
        let upstream = Upstream::in_turn(vec![Answer::raw(with_body), Answer::ok("next")]);
        let walk = Setup::new().upstream(upstream).start();
        let mut client = walk.client();
        let response = client.ask(Vec::from(ask(method, "/public")));
        assert_eq!((response.status, response.framing), (status, Framing::Empty), "{response:#?}");
        assert!(response.header("transfer-encoding").is_none(), "{response:#?}");
        if status == 204 {
            assert!(response.header("content-length").is_none(), "RFC 9110 §8.6: {response:#?}");
        }
        assert_eq!(client.ask(Vec::from(get("/public"))).text(), "next", "{method} {status}");
        walk.settle_events(2);
    }
}

// proves: HTTP-34
#[test]
fn a_refusal_of_head_has_no_body_and_the_next_is_aligned() {
    let walk = Walk::new();
    let mut client = walk.client();
    let response = client.ask(Vec::from(ask("HEAD", "/nowhere")));
    assert_eq!(response.status, 404);
    assert_eq!(client.ask(Vec::from(get("/public"))).text(), "hello");
    walk.settle_events(2);
}

// proves: GW-09
#[test]
fn redirects_of_the_upstream_are_not_followed() {
    let elsewhere = Upstream::answering(Answer::ok("elsewhere"));
    for status in [301, 302, 303, 307, 308] {
        let location = format!("{}/loot", elsewhere.url());
        let walk = answering(Answer::respond(status, &[("Location", &location)], ""));
        let outcome = walk.send(get("/public"));
        match outcome.response.status {
            502 => {}
            passed => assert_eq!((passed, outcome.header("location")), (status, Some(location.as_str()))),
        }
        assert_eq!(outcome.seen.len(), 1);
    }
    assert_eq!(elsewhere.connections(), 0);
}

// proves: GW-11
#[test]
fn bad_and_refused_are_502_and_late_is_504() {
    for answer in [Answer::CloseBefore, Answer::Reset] {
        answering(answer).send(get("/public")).ended(Reason::UpstreamReset);
    }
    let port = ClosedPort::new();
    let refused = Setup::new()
        .api(json!({ "upstream": { "addresses": [format!("http://{}", port.address())] } }))
        .start();
    refused.send(get("/public")).refused(Reason::UpstreamUnreachable);
    let late = Setup::new()
        .answering(Answer::Stall)
        .api(json!({ "upstream": { "timeouts": { "first_byte": "50ms" } } }))
        .start();
    late.send(post_json("/notes", NOTE)).ended(Reason::UpstreamTimeout);
}

// proves: GW-11
#[test]
fn an_upstream_that_cannot_be_connected_to_in_time_is_a_timeout() {
    let hole = BlackHole::new();
    let walk = Setup::new()
        .api(json!({ "upstream": {
            "addresses": [format!("http://{}", hole.address())],
            "timeouts": { "connect": "50ms" },
            "retry": { "attempts": 0 },
        } }))
        .start();
    let outcome = walk.send(get("/public"));
    assert_eq!(outcome.response.status, 504, "{:#?}", outcome.response);
    outcome.refused(Reason::UpstreamTimeout);
}

/// An upstream that is down, behind a circuit that opens after three failures for ten seconds.
fn with_circuit(clock: &Clock, upstream: Upstream) -> Walk {
    Setup::new()
        .clock(clock.clone())
        .upstream(upstream)
        .api(json!({ "upstream": {
            "retry": { "attempts": 0 }, "circuit": { "failures": 3, "open_for": "10s" },
        } }))
        .start()
}

// proves: GW-11, GW-12
#[test]
fn a_circuit_opens_after_failures_and_closes_after_one_good_probe() {
    let clock = Clock::manual(Clock::machine().now().wall);
    let broken = vec![Answer::Reset, Answer::Reset, Answer::Reset, Answer::Reset, Answer::ok("back")];
    let walk = with_circuit(&clock, Upstream::in_turn(broken));
    for _ in 0..3 {
        walk.send(get("/public")).ended(Reason::UpstreamReset);
    }
    let connections = walk.upstream.connections();
    for _ in 0..3 {
        let outcome = walk.send(get("/public"));
        outcome.refused(Reason::UpstreamCircuitOpen);
        assert_eq!(outcome.header("retry-after"), Some("10"));
    }
    assert_eq!(walk.upstream.connections(), connections, "nobody dialled");

    clock.advance(Duration::from_secs(10));
    walk.send(get("/public")).ended(Reason::UpstreamReset);
    walk.send(get("/public")).refused(Reason::UpstreamCircuitOpen);

    clock.advance(Duration::from_secs(10));
    for _ in 0..3 {
        assert_eq!(walk.send(get("/public")).response.text(), "back");
    }
}

// proves: GW-12
#[test]
fn a_5xx_is_an_answer_and_opens_no_circuit() {
    let clock = Clock::manual(Clock::machine().now().wall);
    let walk = with_circuit(&clock, Upstream::answering(Answer::respond(500, &[], "trace")));
    for _ in 0..5 {
        walk.send(get("/public")).ended(Reason::UpstreamFailed);
    }
}

// proves: GW-12
#[test]
fn one_address_of_two_fails_and_the_other_serves() {
    let port = ClosedPort::new();
    let upstream = Upstream::answering(Answer::ok("alive"));
    let addresses = [format!("http://{}", port.address()), upstream.url()];
    let walk = Setup::new().upstream(upstream).api(json!({ "upstream": { "addresses": addresses } })).start();
    for _ in 0..10 {
        // A request that never left may be tried elsewhere, whatever its method.
        assert_eq!(walk.send(post_json("/notes", NOTE)).response.status, 200);
    }
}

#[test]
fn an_address_that_fails_its_health_check_gets_no_requests_until_it_passes() {
    let up = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(true));
    let state = std::sync::Arc::clone(&up);
    let sick = Upstream::start(move |seen| {
        match (seen.target.as_str(), state.load(std::sync::atomic::Ordering::SeqCst)) {
            ("/health", false) => Answer::respond(500, &[], ""),
            _ => Answer::ok("sick"),
        }
    });
    let well = Upstream::start(|_| Answer::ok("well"));
    let addresses = [sick.url(), well.url()];
    let walk = Setup::new()
        .upstream(well)
        .api(json!({ "upstream": {
            "addresses": addresses,
            "health": { "path": "/health", "interval": "20ms", "timeout": "2s", "unhealthy_after": 1, "healthy_after": 1 },
        } }))
        .start();
    let answers = || RawClient::connect(walk.address(0)).ask(Vec::from(get("/public"))).text().to_owned();
    wait::until("both serve", || answers() == "sick");
    up.store(false, std::sync::atomic::Ordering::SeqCst);
    wait::until("only the healthy one serves", || (0..6).all(|_| answers() == "well"));
    up.store(true, std::sync::atomic::Ordering::SeqCst);
    wait::until("both serve again", || answers() == "sick");
    walk.account_for_stray_events();
}

// proves: TLS-13
#[test]
fn an_untrusted_upstream_sees_no_request() {
    let authority = Authority::new();
    let stranger = Authority::named("stranger");
    let identities = [
        ("stranger", stranger.server(&["localhost"])),
        ("wrong name", authority.wrong_name_server()),
        ("expired", authority.expired_server(&["localhost"])),
        ("common name only", authority.common_name_only_server("localhost")),
        ("self-signed", portcullis_testkit::Identity::self_signed(&["localhost"])),
    ];
    for (what, identity) in identities {
        println!("{what}");
        let upstream =
            Upstream::plan().tls(identity.server_config(&["http/1.1"])).start(|_| Answer::ok("never"));
        let address = upstream.url_by_name("localhost");
        let walk = Setup::new()
            .upstream(upstream)
            .file("upstream-ca.pem", authority.pem())
            .api(json!({ "upstream": { "addresses": [address], "tls": { "authorities": "upstream-ca.pem" } } }))
            .start();
        walk.send(get("/public")).refused(Reason::UpstreamUntrusted);
    }
}

#[test]
fn a_trusted_upstream_is_reached_over_tls_and_connections_are_reused() {
    let authority = Authority::new();
    let config = authority.server(&["localhost"]).server_config(&["http/1.1"]);
    let upstream = Upstream::plan().tls(config).start(|_| Answer::ok("private"));
    let address = upstream.url_by_name("localhost");
    let walk = Setup::new()
        .upstream(upstream)
        .file("upstream-ca.pem", authority.pem())
        .api(json!({ "upstream": { "addresses": [address], "tls": { "authorities": "upstream-ca.pem" } } }))
        .start();
    for _ in 0..3 {
        assert_eq!(walk.send(get("/public")).response.text(), "private");
    }
    assert_eq!(walk.upstream.connections(), 1);
}

// proves: TLS-14
#[test]
fn a_plaintext_answer_where_tls_is_due_is_not_believed() {
    let authority = Authority::new();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("https://localhost:{}", listener.local_addr().unwrap().port());
    let heard = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut hello = [0u8; 4096];
        let count = stream.read(&mut hello).unwrap();
        stream.write_all(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n").unwrap();
        String::from_utf8_lossy(&hello[..count]).into_owned()
    });
    let walk = Setup::new()
        .file("upstream-ca.pem", authority.pem())
        .api(json!({ "upstream": {
            "addresses": [address], "tls": { "authorities": "upstream-ca.pem" }, "retry": { "attempts": 0 },
        } }))
        .start();
    walk.send(get("/public")).refused(Reason::UpstreamUntrusted);
    let heard = heard.join().unwrap();
    assert!(!heard.contains("GET") && !heard.contains("/public"), "{heard}");
}

#[test]
fn events_are_handed_on_one_by_one() {
    let (answer, feeder) = Answer::fed(&[("Content-Type", "text/event-stream")]);
    let walk = Setup::new().answering(answer).start();
    let mut client = walk.client();
    client.send(Vec::from(get("/public")));
    assert_eq!(client.response_head().unwrap().0, 200);
    for event in ["data: 1\n\n", "data: 2\n\n"] {
        feeder.give(event);
        assert_eq!(client.chunk().unwrap(), portcullis_testkit::wire::Chunk::Content(event.into()));
    }
    drop(feeder);
    assert!(matches!(client.chunk().unwrap(), portcullis_testkit::wire::Chunk::Last(_)));
    walk.settle_events(1);
}

#[test]
fn a_client_that_leaves_takes_its_upstream_request_with_it() {
    let walk = Setup::new().answering(Answer::Stall).start();
    let mut client = walk.client();
    client.send(Vec::from(get("/public")));
    let _ = walk.upstream.wait_for(1);
    drop(client);
    walk.upstream.wait_until_idle();
    let events = walk.settle_events(1);
    assert_eq!(events[0]["reason"], Reason::ClientGone.code(), "{:#}", events[0]);
}
