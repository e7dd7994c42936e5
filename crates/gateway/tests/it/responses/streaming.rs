//! Answers on their way: whole, in pieces, broken off, and without a body.

use portcullis_domain::Reason;
use portcullis_testkit::wire::Chunk;
use portcullis_testkit::{Answer, RawClient, Upstream};
use serde_json::json;

use super::{ask_h2, found, mode, order, setup};
use crate::walk::get;

/// The next piece of an answer in chunks; `None` at its end.
#[track_caller]
fn piece(client: &mut RawClient) -> Option<Vec<u8>> {
    match client.chunk().expect("an answer that goes on") {
        Chunk::Content(content) => Some(content),
        Chunk::Last(_) => None,
    }
}

#[test]
fn answers_without_a_body_need_none() {
    for settings in ["log", "strip", "block"] {
        let etag = [("ETag", "\"v7\""), ("Content-Type", "application/json"), ("Content-Length", "999")];
        let upstream = Upstream::start(move |seen| match seen.header("if-none-match") {
            Some(_) => Answer::respond(304, &[("ETag", "\"v7\"")], ""),
            None => Answer::respond(200, &etag, ""),
        });
        let walk = setup(&order(), mode(settings)).upstream(upstream).start();
        let token = walk.token("orders:read");
        let outcome = walk.send(get("/orders").bearer(&token).with("If-None-Match: W/\"v7\""));
        assert_eq!(outcome.response.status, 304, "{settings}");
        assert_eq!(found(&outcome), [""; 0], "{settings}");
        outcome.passed();

        let mut client = walk.client();
        client.send(Vec::from(crate::walk::ask("HEAD", "/orders").bearer(&token)));
        let response = client.response_to_head().unwrap();
        assert_eq!(response.status, 200, "{settings}");
        // What GET would be is not known before it is taken from.
        assert_eq!(response.header("content-length"), None, "{settings}");
        assert_eq!(response.header("etag"), Some("W/\"v7\""), "{settings}");
        let outcome = walk.settle(response);
        outcome.passed();
        assert_eq!(found(&outcome), [""; 0], "{settings}");
    }
}

#[test]
fn trailers_are_kept_behind_what_was_taken_from() {
    let chunks = [r#"{"id":"o-1","to"#, r#"tal":3,"secret":"#, r#""x"}"#];
    let json = [("Content-Type", "application/json"), ("Trailer", "x-took")];
    let taken_from = r#"{"id":"o-1","total":3}"#;
    for (settings, chunks, seen) in [
        ("log", chunks.as_slice(), chunks.concat()),
        ("strip", &chunks, taken_from.to_owned()),
        ("block", &[taken_from], taken_from.to_owned()),
    ] {
        let answer = Answer::chunked(&json, chunks, &[("x-took", "7")]);
        let walk = setup(&order(), mode(settings)).answering(answer).start();
        let token = walk.token("orders:read");
        let outcome = walk.send(get("/orders").bearer(&token).with("TE: trailers"));
        for outcome in [outcome, ask_h2(&walk, "")] {
            outcome.passed();
            assert_eq!(outcome.response.text(), seen, "{settings}");
            assert_eq!(outcome.response.trailers.first("x-took"), Some("7"), "{settings}");
        }
    }
}

#[test]
fn what_cannot_be_read_in_the_middle_is_cut_off_and_recorded() {
    let start = r#"{"id":"o-1","total":3,"lines":[{"sku":"AB-1"},"#;
    for rest in ["<html>", r#"{"sku":"A","sku":"B"}]}"#, "{\"sku\":\"\u{1}\"}]}"] {
        for settings in ["log", "strip"] {
            let (answer, feeder) = Answer::fed(&[("Content-Type", "application/json")]);
            let walk = setup(&order(), mode(settings)).answering(answer).start();
            let token = walk.token("orders:read");
            let mut client = walk.client();
            client.send(Vec::from(get("/orders").bearer(&token)));
            feeder.give(start);
            let (status, _) = client.response_head().unwrap();
            assert_eq!(status, 200);
            let _ = client.chunk().unwrap();
            feeder.give(rest);
            drop(feeder);
            let mut got = String::new();
            let broken = loop {
                match client.chunk() {
                    Ok(Chunk::Content(content)) => got.push_str(&String::from_utf8_lossy(&content)),
                    Ok(Chunk::Last(_)) => break false,
                    Err(_) => break true,
                }
            };
            assert!(broken, "{rest:?}: the end was told as if it were one");
            assert!(!got.contains("html"), "{rest:?}: {got}");
            let event = walk.settle_events(1).remove(0);
            assert_eq!(event["reason"], Reason::ResponseInvalid.code(), "{event:#}");
            assert_eq!((&event["outcome"], &event["status"]), (&"failed".into(), &200.into()), "{event:#}");
            assert_eq!(event["findings"][0]["kind"], "malformed", "{event:#}");
        }
    }

    let body = format!("{start}<html>");
    let walk = setup(&order(), mode("strip")).answering(Answer::json(&body)).start();
    let token = walk.token("orders:read");
    let mut client = walk.h2();
    let request = client.request("GET", "/orders").header("authorization", &format!("Bearer {token}"));
    client.ask(request).expect_err("the stream is reset");
    let event = walk.settle_events(1).remove(0);
    assert_eq!(event["reason"], Reason::ResponseInvalid.code(), "{event:#}");
}

#[test]
fn an_upstream_that_dies_in_the_middle_is_told_from_one_that_ends() {
    let head = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 500\r\n\r\n";
    for settings in ["log", "strip", "block"] {
        let answer = Answer::RawThenClose(format!("{head}{{\"id\":\"o-1\",").into_bytes());
        let walk = setup(&order(), mode(settings)).answering(answer).start();
        let token = walk.token("orders:read");
        let mut client = walk.client();
        client.send(Vec::from(get("/orders").bearer(&token)));
        let response = client.response();
        if settings == "block" {
            assert_eq!(response.unwrap().status, 502);
        } else {
            response.expect_err("an answer without an end");
        }
        let event = walk.settle_events(1).remove(0);
        assert_eq!(event["reason"], Reason::UpstreamReset.code(), "{settings}: {event:#}");
    }
}

#[test]
fn an_answer_streams_through_item_by_item_whatever_is_taken_from_it() {
    for settings in ["log", "strip"] {
        let list = json!({ "type": "array", "items": order() });
        let (answer, feeder) = Answer::fed(&[("Content-Type", "application/json")]);
        let walk = setup(&list, json!({ "mode": settings, "whole": "1 KiB" })).answering(answer).start();
        let token = walk.token("orders:read");
        let mut client = walk.client();
        client.send(Vec::from(get("/orders").bearer(&token)));
        let item = r#"{"id":"o-1","total":3,"pin":"1234","lines":[{"sku":"AB-1","cost":7}]},"#;
        let seen = r#"{"id":"o-1","total":3,"lines":[{"sku":"AB-1"}]},"#;
        feeder.give("[");
        let (status, _) = client.response_head().unwrap();
        assert_eq!(status, 200);
        // Each item is at the client before the next one exists: nothing gathers in between.
        let mut expected = String::from("[");
        let mut got = String::new();
        for _ in 0..200 {
            feeder.give(item);
            expected.push_str(seen);
            while got.len() + 1 < expected.len() {
                got.push_str(std::str::from_utf8(&piece(&mut client).unwrap()).unwrap());
            }
        }
        feeder.give(r#"{"id":"o-2","total":4}]"#);
        drop(feeder);
        expected.push_str(r#"{"id":"o-2","total":4}]"#);
        while let Some(piece) = piece(&mut client) {
            got.push_str(std::str::from_utf8(&piece).unwrap());
        }
        assert_eq!(got, expected, "{settings}");
        let event = walk.settle_events(1).remove(0);
        let hidden = event["findings"].as_array().unwrap().iter().find(|finding| finding["kind"] == "hidden");
        assert_eq!(hidden.unwrap()["count"], 200, "{event:#}");
        assert_eq!(event["response_bytes"], expected.len(), "{event:#}");
    }
}

#[test]
fn a_large_answer_reaches_a_client_that_takes_it_in_sips() {
    let item = r#"{"id":"o-1","total":3,"extra":"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"}"#;
    let body = format!("[{}]", vec![item; 60_000].join(","));
    let list = json!({ "type": "array", "items": order() });
    for settings in ["log", "strip"] {
        let walk = setup(&list, mode(settings)).answering(Answer::json(&body)).start();
        let token = walk.token("orders:read");
        let mut client = walk.client();
        client.send(Vec::from(get("/orders").bearer(&token)));
        let (status, _) = client.response_head().unwrap();
        assert_eq!(status, 200);
        let mut got = 0;
        while let Some(piece) = piece(&mut client) {
            got += piece.len();
        }
        let one = if settings == "strip" { r#"{"id":"o-1","total":3}"#.len() } else { item.len() };
        assert_eq!(got, 60_000 * (one + 1) + 1, "{settings}");
        let event = walk.settle_events(1).remove(0);
        assert_eq!(event["findings"][0]["count"], 60_000, "{event:#}");
    }
}

#[test]
fn streams_pass_as_they_come() {
    let feed = |media_type: &str| {
        json!({ "paths": { "/orders": { "get": { "responses": { "200": { "content": {
            "application/json": null, media_type: { "schema": { "type": "object" } },
        } } } } } } })
    };
    for (declared, settings) in [
        ("text/event-stream", mode("block")),
        ("application/x-ndjson", mode("block")),
        ("application/feed+json", json!({ "mode": "block", "streams": ["application/feed+json"] })),
    ] {
        let (answer, feeder) = Answer::fed(&[("Content-Type", declared)]);
        let walk = setup(&order(), settings).contract(feed(declared)).answering(answer).start();
        let token = walk.token("orders:read");
        let mut client = walk.client();
        client.send(Vec::from(get("/orders").bearer(&token)));
        feeder.give("data: 1\n\n");
        let (status, _) = client.response_head().unwrap();
        assert_eq!(status, 200, "{declared}");
        assert_eq!(piece(&mut client).unwrap(), b"data: 1\n\n", "{declared}");
        drop(feeder);
        assert_eq!(piece(&mut client), None, "{declared}");
        let event = walk.settle_events(1).remove(0);
        assert!(event.get("findings").is_none(), "{declared}: {event:#}");
    }
}

#[test]
fn whoever_leaves_early_leaves_one_event() {
    let (answer, feeder) = Answer::fed(&[("Content-Type", "application/json")]);
    let walk = setup(&order(), mode("strip")).answering(answer).start();
    let token = walk.token("orders:read");
    let mut client = walk.client();
    client.send(Vec::from(get("/orders").bearer(&token)));
    feeder.give(r#"{"id":"o-1","#);
    let _ = client.response_head().unwrap();
    drop(client);
    feeder.give(r#""total":3}"#);
    drop(feeder);
    let event = walk.settle_events(1).remove(0);
    assert_eq!(event["status"], 200, "{event:#}");
}
