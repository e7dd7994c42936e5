//! Answers are held to what the document promises, and show each caller what it may see (VAL-18 to VAL-21).

use portcullis_config::Color;
use portcullis_domain::Reason;
use portcullis_gateway::{Options, StartError, check};
use portcullis_testkit::wire::Chunk;
use portcullis_testkit::{Answer, RawClient, Upstream};
use serde_json::{Value, json};

use crate::metrics::scrape;
use crate::walk::{Outcome, Setup, Walk, get, post_json};

/// What `GET /orders` promises: an order with a bit of everything.
fn order() -> Value {
    let only = |audience: Value, schema: Value| {
        let mut schema = schema;
        schema["x-portcullis-visible-to"] = audience;
        schema
    };
    let text = json!({ "type": "string", "maxLength": 200 });
    json!({
        "type": "object",
        "required": ["id", "total"],
        "properties": {
            "id": { "type": "string", "readOnly": true },
            "total": { "type": "integer", "minimum": 0 },
            "pin": { "type": "string", "writeOnly": true },
            "customer": { "type": "object", "properties": { "name": text, "email": text } },
            "lines": { "type": "array", "items": {
                "type": "object",
                "properties": {
                    "sku": text,
                    "cost": only(json!({ "scopes": ["costs:read"] }), json!({ "type": "number" })),
                },
            } },
            "notes": { "type": "object", "additionalProperties": true },
        },
    })
}

/// The usual walk with answers of `schema` to `GET /orders`, under these settings.
fn setup(schema: &Value, responses: Value) -> Setup {
    let content = json!({ "application/json": { "schema": schema } });
    let problem = json!({ "application/problem+json": { "schema": { "type": "object" } } });
    Setup::new().api(json!({ "responses": responses })).contract(json!({ "paths": { "/orders": {
        "get": { "responses": {
            "200": { "description": "Orders.", "content": content },
            "404": { "description": "None.", "content": problem },
        } },
        "head": {
            "security": [{ "customers": ["orders:read"] }],
            "responses": { "200": { "description": "Orders.", "content": content } },
        },
    } } }))
}

fn mode(mode: &str) -> Value {
    json!({ "mode": mode })
}

/// What comes of `GET /orders` by a caller with these scopes.
#[track_caller]
fn ask(walk: &Walk, scopes: &str) -> Outcome {
    let token = walk.token(&format!("orders:read {scopes}"));
    walk.send(get("/orders").bearer(&token))
}

/// The same over HTTP/2.
#[track_caller]
fn ask_h2(walk: &Walk, scopes: &str) -> Outcome {
    let token = walk.token(&format!("orders:read {scopes}"));
    let mut client = walk.h2();
    let request = client.request("GET", "/orders").header("authorization", &format!("Bearer {token}"));
    walk.settle(client.ask(request).expect("an answer"))
}

/// The next piece of an answer in chunks; `None` at its end.
#[track_caller]
fn piece(client: &mut RawClient) -> Option<Vec<u8>> {
    match client.chunk().expect("an answer that goes on") {
        Chunk::Content(content) => Some(content),
        Chunk::Last(_) => None,
    }
}

/// What was found, as `kind at`.
fn found(outcome: &Outcome) -> Vec<String> {
    let findings = outcome.only_event()["findings"].as_array().cloned().unwrap_or_default();
    let places = findings.iter().flat_map(|finding| {
        let kind = finding["kind"].as_str().unwrap().to_owned();
        let places = finding["at"].as_array().unwrap().clone();
        places.into_iter().map(move |place| format!("{kind} {}", place.as_str().unwrap()))
    });
    places.collect()
}

const GOOD: &str = r#"{"id":"o-1", "total":3, "customer":{"name":"Ann"}, "lines":[{"sku":"AB-1"}]}"#;

#[test]
fn an_answer_that_keeps_its_promise_is_handed_on_as_it_came() {
    for settings in ["off", "log", "strip", "block"] {
        let walk = setup(&order(), mode(settings)).answering(Answer::json(GOOD)).start();
        for outcome in [ask(&walk, ""), ask_h2(&walk, "")] {
            outcome.passed();
            assert_eq!(outcome.response.text(), GOOD, "{settings}");
            assert_eq!(found(&outcome), [""; 0], "{settings}");
            assert_eq!(outcome.only_event()["response_bytes"], GOOD.len(), "{settings}");
        }
    }
}

/// Answers that break the promise of `GET /orders`, and what is found in each.
fn broken() -> Vec<(&'static str, Answer, &'static str)> {
    let json = [("Content-Type", "application/json")];
    vec![
        ("an undeclared status", Answer::respond(418, &json, GOOD), "status undeclared"),
        (
            "HTML for JSON",
            Answer::respond(200, &[("Content-Type", "text/html")], "<html>"),
            "media_type content-type undeclared",
        ),
        ("no type", Answer::respond(200, &[], GOOD), "media_type content-type required"),
        (
            "another charset",
            Answer::respond(200, &[("Content-Type", "application/json; charset=utf-16")], GOOD),
            "media_type content-type charset",
        ),
        ("HTML that calls itself JSON", Answer::json("<html>"), "malformed "),
        ("a wrong type", Answer::json(r#"{"id":"o-1","total":"3"}"#), "schema /total type"),
        ("a value out of bounds", Answer::json(r#"{"id":"o-1","total":-3}"#), "schema /total minimum"),
        ("a member missing", Answer::json(r#"{"id":"o-1"}"#), "schema required"),
        ("a member twice", Answer::json(r#"{"id":"o-1","total":3,"total":4}"#), "malformed "),
        ("no body", Answer::json(""), "schema required"),
        ("a body cut short", Answer::json(r#"{"id":"o-1","total":3"#), "malformed "),
    ]
}

// proves: VAL-19
#[test]
fn an_answer_that_breaks_its_promise_is_a_502_in_block_mode() {
    for (what, answer, finding) in broken() {
        let walk = setup(&order(), mode("block")).answering(answer).start();
        for outcome in [ask(&walk, ""), ask_h2(&walk, "")] {
            outcome.ended(Reason::ResponseInvalid);
            assert!(!outcome.response.text().contains("o-1"), "{what}: {:?}", outcome.response);
            let found = found(&outcome);
            assert!(found.iter().any(|line| line.starts_with(finding)), "{what}: {found:?}");
        }
    }
}

// proves: VAL-19
#[test]
fn an_answer_that_breaks_its_promise_is_recorded_and_handed_on_in_log_mode() {
    // Without hidden members nothing has to be read on the way.
    let mut schema = order();
    schema["properties"]["pin"] = json!({ "type": "string" });
    schema["properties"]["lines"]["items"]["properties"]["cost"] = json!({ "type": "number" });
    for (what, answer, finding) in broken() {
        let Answer::Respond { status, body, .. } = answer.clone() else { panic!("another kind of answer") };
        let walk = setup(&schema, mode("log"))
            .policy(json!({ "admin": { "address": "127.0.0.1:0" } }))
            .answering(answer)
            .start();
        for outcome in [ask(&walk, ""), ask_h2(&walk, "")] {
            assert_eq!(outcome.response.status, status, "{what}");
            assert_eq!(outcome.response.body, body, "{what}");
            outcome.forwarded();
            let found = found(&outcome);
            assert!(found.iter().any(|line| line.starts_with(finding)), "{what}: {found:?}");
            assert!(!outcome.only_event().to_string().contains("o-1"), "{what}: a value was recorded");
        }
        let kind = finding.split(' ').next().unwrap();
        let series = format!("portcullis_answer_findings_total{{api=\"shop\",kind=\"{kind}\"}} 2");
        let metrics = scrape(&walk);
        assert!(metrics.contains(&series), "{what}: {metrics}");
    }
}

// proves: VAL-20
#[test]
fn undeclared_members_are_taken_out_at_every_depth_in_strip_mode() {
    let answer = r#"{"id":"o-1","password_hash":"s3cr3t","total":3,
        "customer":{"name":"Ann","password_hash":"s3cr3t"},
        "lines":[{"sku":"AB-1","internal":{"margin":"s3cr3t"}},{"internal":[1,2],"sku":"AB-2"}]}"#;
    let walk = setup(&order(), mode("strip")).answering(Answer::json(answer)).start();
    for outcome in [ask(&walk, ""), ask_h2(&walk, "")] {
        outcome.passed();
        assert_eq!(
            outcome.response.json(),
            json!({ "id": "o-1", "total": 3, "customer": { "name": "Ann" }, "lines": [{ "sku": "AB-1" }, { "sku": "AB-2" }] })
        );
        let mut found = found(&outcome);
        found.sort();
        assert_eq!(
            found,
            [
                "undeclared /customer/password_hash",
                "undeclared /lines/[]/internal",
                "undeclared /password_hash",
            ]
        );
        let event = outcome.only_event().to_string();
        assert!(!event.contains("s3cr3t"), "{event}");
        assert_eq!(outcome.only_event()["findings"][0]["count"], 4);
    }
}

// proves: VAL-18
#[test]
fn clients_may_not_send_what_only_the_server_sets_and_do_not_get_what_only_they_send() {
    let pins = r#"{"id":"o-1","pin":"1234","total":3}"#;
    for settings in ["log", "strip"] {
        let body = json!({ "required": true, "content": { "application/json": { "schema": order() } } });
        let walk = setup(&order(), mode(settings))
            .contract(json!({ "paths": { "/orders": { "post": { "requestBody": body } } } }))
            .answering(Answer::json(pins))
            .start();
        let token = walk.token("orders:write");
        walk.send(post_json("/orders", r#"{"id":"o-1","total":3}"#).bearer(&token))
            .refused(Reason::RequestInvalid);
        walk.send(post_json("/orders", r#"{"total":3,"pin":"1234"}"#).bearer(&token)).passed();
        for outcome in [ask(&walk, ""), ask_h2(&walk, "")] {
            outcome.passed();
            assert_eq!(outcome.response.text(), r#"{"id":"o-1","total":3}"#, "{settings}");
            assert_eq!(found(&outcome), ["write_only /pin"], "{settings}");
        }
    }
    let walk = setup(&order(), mode("block")).answering(Answer::json(pins)).start();
    ask(&walk, "").ended(Reason::ResponseInvalid);
}

// proves: VAL-21
#[test]
fn a_card_number_is_masked_but_for_those_who_may_read_it() {
    let card = json!({
        "type": "string",
        "x-portcullis-mask": { "as": "card", "visible_to": { "scopes": ["cards:read"] } },
    });
    let mut schema = order();
    schema["properties"]["card"] = card;
    let answer = r#"{"id":"o-1","total":3,"card":"4111111111111111"}"#;
    for settings in ["log", "strip", "block"] {
        let walk = setup(&schema, mode(settings)).answering(Answer::json(answer)).start();
        for outcome in [ask(&walk, "support"), ask_h2(&walk, "support")] {
            outcome.passed();
            let card = outcome.response.json()["card"].clone();
            assert_eq!(card, "411111******1111", "{settings}");
            assert_eq!(found(&outcome), ["masked /card"], "{settings}");
        }
        let outcome = ask(&walk, "cards:read");
        assert_eq!(outcome.response.text(), answer, "{settings}");
    }
}

#[test]
fn members_for_others_are_taken_out_in_every_mode_but_off_arrays_included() {
    let answer = r#"{"id":"o-1","total":3,"lines":[{"sku":"AB-1","cost":7},{"cost":8,"sku":"AB-2"}]}"#;
    for settings in ["log", "strip", "block"] {
        let walk = setup(&order(), mode(settings)).answering(Answer::json(answer)).start();
        for outcome in [ask(&walk, ""), ask_h2(&walk, "")] {
            outcome.passed();
            assert_eq!(
                outcome.response.text(),
                r#"{"id":"o-1","total":3,"lines":[{"sku":"AB-1"},{"sku":"AB-2"}]}"#,
                "{settings}"
            );
            assert_eq!(found(&outcome), ["hidden /lines/[]/cost"], "{settings}");
        }
        let outcome = ask(&walk, "costs:read");
        assert_eq!(outcome.response.text(), answer, "{settings}");
        assert_eq!(found(&outcome), [""; 0], "{settings}");
    }
    let walk = setup(&order(), mode("off")).answering(Answer::json(answer)).start();
    assert_eq!(ask(&walk, "").response.text(), answer);
}

#[test]
fn what_belongs_to_somebody_is_seen_by_its_owner() {
    let owned = json!({
        "type": "array",
        "items": { "type": "object", "properties": {
            "iban": { "type": "string", "x-portcullis-visible-to": { "owner": { "property": "owner" } } },
            "owner": { "type": "string" },
        } },
    });
    let answer = r#"[{"iban":"A","owner":"alice"},{"owner":"bob","iban":"B"},{"iban":"C"}]"#;
    let walk = setup(&owned, mode("log")).answering(Answer::json(answer)).start();
    for (subject, seen) in [
        ("alice", r#"[{"iban":"A","owner":"alice"},{"owner":"bob"},{}]"#),
        ("bob", r#"[{"owner":"alice"},{"owner":"bob","iban":"B"},{}]"#),
        ("carol", r#"[{"owner":"alice"},{"owner":"bob"},{}]"#),
    ] {
        let token = walk.token_of(subject, "orders:read");
        let outcome = walk.send(get("/orders").bearer(&token));
        outcome.passed();
        assert_eq!(outcome.response.json(), serde_json::from_str::<Value>(seen).unwrap(), "{subject}");
    }

    let own = json!({ "type": "object", "properties": {
        "email": { "type": "string", "x-portcullis-visible-to": { "owner": { "path": "name" } } },
    } });
    let content = json!({ "application/json": { "schema": own } });
    let answers = json!({ "200": { "description": "One.", "content": content } });
    let walk = Setup::new()
        .contract(json!({ "paths": { "/orders/{name}": { "get": { "responses": answers } } } }))
        .answering(Answer::json(r#"{"email":"a@example"}"#))
        .start();
    let token = walk.token_of("alice@x", "orders:read");
    for (path, seen) in [
        ("/orders/alice%40x", r#"{"email":"a@example"}"#),
        ("/orders/alice@x", r#"{"email":"a@example"}"#),
        ("/orders/bob", "{}"),
        ("/orders/alice%2540x", "{}"),
    ] {
        let outcome = walk.send(get(path).bearer(&token));
        if outcome.response.status == 200 {
            assert_eq!(outcome.response.text(), seen, "{path}");
        } else {
            assert_eq!(path, "/orders/alice%2540x");
        }
    }
}

#[test]
fn an_answer_that_is_taken_from_carries_nothing_that_is_no_longer_true() {
    let fields = [
        ("Content-Type", "application/json"),
        ("ETag", "\"v7\""),
        ("Content-Digest", "sha-256=:X48E9qOokqqrvdts8nOJRJN3OWDUoyWxBf7kbu9DBPE=:"),
        ("Repr-Digest", "sha-256=:X48E9qOokqqrvdts8nOJRJN3OWDUoyWxBf7kbu9DBPE=:"),
        ("Accept-Ranges", "bytes"),
    ];
    let body = r#"{"id":"o-1","total":3,"extra":1}"#;
    for settings in ["strip", "log"] {
        let mut schema = order();
        schema["properties"].as_object_mut().unwrap().remove("pin");
        schema["properties"]["extra"] =
            json!({ "type": "integer", "x-portcullis-visible-to": { "scopes": ["extra"] } });
        let walk = setup(&schema, mode(settings)).answering(Answer::respond(200, &fields, body)).start();
        let token = walk.token("orders:read");
        let conditional = get("/orders")
            .bearer(&token)
            .with("Range: bytes=0-5")
            .with("If-Range: \"v7\"")
            .with("Accept-Encoding: gzip, br");
        let outcome = walk.send(conditional);
        let seen = outcome.passed();
        assert_eq!(seen.header("range"), None, "{settings}");
        assert_eq!(seen.header("if-range"), None, "{settings}");
        assert_eq!(seen.header("accept-encoding"), Some("identity"), "{settings}");
        assert_eq!(outcome.response.text(), r#"{"id":"o-1","total":3}"#, "{settings}");
        assert_eq!(outcome.header("etag"), Some("W/\"v7\""), "{settings}");
        for gone in ["content-digest", "repr-digest", "accept-ranges"] {
            assert_eq!(outcome.header(gone), None, "{settings}");
        }
        // A caller who sees all of it gets all of it.
        let whole = ask(&walk, "extra costs:read");
        if settings == "log" {
            assert_eq!(whole.header("etag"), Some("\"v7\""));
            assert!(whole.header("content-digest").is_some());
            assert_eq!(whole.header("content-length"), Some(body.len().to_string().as_str()));
        }
    }
}

#[test]
fn where_everybody_sees_the_same_the_client_asks_as_it_likes() {
    let schema = json!({ "type": "object", "additionalProperties": true });
    let gzip = [("Content-Type", "application/json"), ("Content-Encoding", "gzip")];
    let walk = setup(&schema, mode("log")).answering(Answer::respond(200, &gzip, "\x1f\x01")).start();
    let token = walk.token("orders:read");
    let outcome =
        walk.send(get("/orders").bearer(&token).with("Accept-Encoding: gzip").with("Range: bytes=0-1"));
    let seen = outcome.passed();
    assert_eq!((seen.header("accept-encoding"), seen.header("range")), (Some("gzip"), Some("bytes=0-1")));
    assert_eq!(found(&outcome), ["unseen content-encoding"]);
}

#[test]
fn an_answer_that_cannot_be_looked_into_is_not_handed_on_where_somebody_may_not_see_all_of_it() {
    for answer in [
        Answer::respond(
            200,
            &[("Content-Type", "application/json"), ("Content-Encoding", "gzip")],
            "\x1f\x01",
        ),
        Answer::respond(
            206,
            &[("Content-Type", "application/json"), ("Content-Range", "bytes 0-5/80")],
            "{\"id\":",
        ),
        Answer::respond(203, &[("Content-Type", "application/json")], r#"{"lines":[{"cost":1}]}"#),
        Answer::respond(200, &[("Content-Type", "text/json")], r#"{"lines":[{"cost":1}]}"#),
    ] {
        for settings in ["log", "strip", "block"] {
            let walk = setup(&order(), mode(settings)).answering(answer.clone()).start();
            ask(&walk, "").ended(Reason::ResponseInvalid);
            ask_h2(&walk, "").ended(Reason::ResponseInvalid);
        }
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
fn an_answer_larger_than_the_bound_is_not_blocked_unseen() {
    let body = format!(r#"{{"id":"{}","total":3}}"#, "o".repeat(2048));
    let walk =
        setup(&order(), json!({ "mode": "block", "whole": "1 KiB" })).answering(Answer::json(&body)).start();
    ask(&walk, "").ended(Reason::ResponseInvalid);
    let walk =
        setup(&order(), json!({ "mode": "block", "whole": "3 KiB" })).answering(Answer::json(&body)).start();
    assert_eq!(ask(&walk, "").response.text(), body);
}

#[test]
fn cards_and_keys_where_nothing_is_declared_are_reported_or_masked() {
    let answer = r#"{"id":"o-1","total":3,"notes":{"paid":"4111 1111 1111 1111","key":"AKIAIOSFODNN7EXAMPLE","ref":"4bf92f3577b34da6a3ce929d0e0e4736"}}"#;
    let walk =
        setup(&order(), json!({ "mode": "log", "detect": "report" })).answering(Answer::json(answer)).start();
    let outcome = ask(&walk, "costs:read");
    assert_eq!(outcome.response.text(), answer);
    let mut listed = found(&outcome);
    listed.sort();
    assert_eq!(listed.len(), 2, "{listed:?}");
    assert!(listed[0].starts_with("sensitive /notes/") && listed[0].ends_with(" card"), "{listed:?}");
    assert!(listed[1].ends_with(" service_key"), "{listed:?}");
    assert!(!outcome.only_event().to_string().contains("4111"), "{:#}", outcome.only_event());

    let walk =
        setup(&order(), json!({ "mode": "log", "detect": "mask" })).answering(Answer::json(answer)).start();
    let shown = ask(&walk, "costs:read").response.json();
    assert_eq!(
        shown["notes"],
        json!({ "paid": "***", "key": "***", "ref": "4bf92f3577b34da6a3ce929d0e0e4736" })
    );

    let walk =
        setup(&order(), json!({ "mode": "log", "detect": "off" })).answering(Answer::json(answer)).start();
    let outcome = ask(&walk, "costs:read");
    assert_eq!((outcome.response.text(), found(&outcome)), (answer, vec![]));
}

#[test]
fn errors_that_tell_how_the_service_is_built_are_reported_and_replaced_in_block_mode() {
    let problem = [("Content-Type", "application/problem+json")];
    let trace = r#"{"detail":"at com.example.Shop.order(Shop.java:12)"}"#;
    for (settings, replaced) in [("log", false), ("strip", false), ("block", true)] {
        let walk = setup(&order(), mode(settings)).answering(Answer::respond(404, &problem, trace)).start();
        for outcome in [ask(&walk, ""), ask_h2(&walk, "")] {
            if replaced {
                outcome.ended(Reason::ResponseInvalid);
                assert!(!outcome.response.text().contains("Shop.java"));
            } else {
                assert_eq!(outcome.response.status, 404, "{settings}");
                outcome.forwarded();
            }
            let found = found(&outcome);
            assert!(found.contains(&"revealing java stack trace".to_owned()), "{settings}: {found:?}");
        }
        let plain = Answer::respond(404, &problem, r#"{"title":"no such order"}"#);
        let walk = setup(&order(), mode(settings)).answering(plain).start();
        let outcome = ask(&walk, "");
        assert_eq!(outcome.response.status, 404, "{settings}");
        assert_eq!(found(&outcome), [""; 0], "{settings}");
        outcome.forwarded();
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
fn what_passes_unseen_is_told_when_the_configuration_is_checked() {
    let csv = json!({ "paths": { "/orders": { "get": { "responses": { "200": { "content": {
        "text/csv": {}, "text/event-stream": {},
    } } } } } } });
    let walk = setup(&order(), json!({ "streams": ["video/*"] })).contract(csv).start();
    let checked = check(&Options::new(walk.workspace.path("portcullis.yaml"))).expect("a good file");
    let of_orders = checked.unseen.iter().find(|(_, operation, _)| operation == "GET /orders").unwrap();
    assert_eq!(of_orders.2, ["text/csv", "text/event-stream", "video/*"]);

    let refused = setup(&order(), json!({ "streams": ["application/json; a=b"] })).try_start();
    let Err(StartError::Configuration(diagnostics)) = refused else { panic!("it is taken") };
    assert!(diagnostics.render(Color::Never).contains("C0351"));
}

#[test]
fn an_override_decides_for_its_operations() {
    let walk = setup(&order(), mode("log"))
        .api(json!({ "overrides": { "GET /orders": { "responses": { "mode": "block" } } } }))
        .answering(Answer::json(r#"{"id":"o-1"}"#))
        .start();
    ask(&walk, "").ended(Reason::ResponseInvalid);
    let token = walk.token("orders:write");
    walk.send(post_json("/orders", r#"{"text":"x"}"#).bearer(&token)).passed();
}

#[test]
fn declared_header_fields_are_checked() {
    let declared = json!({ "paths": { "/orders": { "get": { "responses": { "200": { "headers": {
        "X-Total": { "required": true, "schema": { "type": "integer", "minimum": 0 } },
        "Content-Type": { "required": true, "schema": { "type": "integer" } },
    } } } } } } });
    for (fields, finding) in [
        (vec![("X-Total", "7")], None),
        (vec![], Some("header X-Total required")),
        (vec![("X-Total", "many")], Some("header X-Total type")),
        (vec![("X-Total", "-1")], Some("header X-Total minimum")),
    ] {
        let fields = [vec![("Content-Type", "application/json")], fields].concat();
        for settings in ["log", "block"] {
            let walk = setup(&order(), mode(settings))
                .contract(declared.clone())
                .answering(Answer::respond(200, &fields, GOOD))
                .start();
            let outcome = ask(&walk, "");
            assert_eq!(found(&outcome), finding.as_slice(), "{settings}");
            match finding {
                Some(_) if settings == "block" => drop(outcome.ended(Reason::ResponseInvalid)),
                Some(_) | None => drop(outcome.passed()),
            }
        }
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

// proves: AUD-08
#[test]
fn card_numbers_of_requests_and_answers_are_masked_in_the_record_wherever_they_stood() {
    let answer = r#"{"id":"4111111111111111","total":3,"notes":{"4111111111111111":"5500-0055-5555-5559"}}"#;
    let walk = setup(&order(), mode("log")).answering(Answer::json(answer)).start();
    let token = walk.token("orders:read orders:write");
    for request in [
        // The query, in three ways of writing.
        get("/public?a=4111111111111111&b=4111+1111+1111+1111&q=4111-1111-1111-1111"),
        // A path, header fields.
        get("/open/5500005555555559"),
        get("/public").with("User-Agent: tool 4111 1111 1111 1111").with("X-Request-Id: 4111-1111-1111-1111"),
        // A body: a value that is refused, a name that is, track data and a security code.
        post_json("/orders", r#"{"text":4111111111111111}"#).bearer(&token),
        post_json("/orders", r#"{"text":"x","4111111111111111":1}"#).bearer(&token),
        post_json("/orders", r#"{"text":"x","track":";4111111111111111=2512101000?","cvv":"737"}"#)
            .bearer(&token),
        get("/public?q=;4111111111111111=25121010000000000000?&cvv=737"),
        // What the upstream answers.
        get("/orders").bearer(&token),
    ] {
        let _ = walk.send(request);
    }
    // An order number that fails the check is intact.
    let _ = walk.send(get("/public?q=4111111111111112"));
    let record = walk.record.text();
    for part in [
        "4111111111111111",
        "4111 1111",
        "4111-1111",
        "4111+1111",
        "5500005555555559",
        "5500-0055",
        "737",
        "2512101",
    ] {
        assert!(!record.contains(part), "{part} in {record}");
    }
    assert!(record.contains("411111******1111") && record.contains("550000******5559"), "{record}");
    assert!(record.contains("4111111111111112"), "{record}");
}
