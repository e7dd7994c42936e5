//! What of an answer each caller sees, and what of it reaches the record.

use portcullis_domain::Reason;
use portcullis_testkit::Answer;
use serde_json::{Value, json};

use super::{ask, ask_h2, found, mode, order, setup};
use crate::walk::{Setup, get, post_json};

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
fn what_is_hidden_from_everybody_is_not_handed_on_in_an_answer_that_nobody_declared() {
    let answer =
        Answer::respond(203, &[("Content-Type", "application/json")], r#"{"secret":"4111111111111111"}"#);
    for (name, value) in [("writeOnly", json!(true)), ("x-portcullis-mask", json!({ "as": "card" }))] {
        let mut secret = json!({ "type": "string" });
        secret[name] = value;
        let schema = json!({ "type": "object", "properties": { "secret": secret } });
        let walk = setup(&schema, mode("log")).answering(answer.clone()).start();
        ask(&walk, "").ended(Reason::ResponseInvalid);
    }
    let plain = json!({ "type": "object", "properties": { "secret": { "type": "string" } } });
    ask(&setup(&plain, mode("log")).answering(answer).start(), "").passed();
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
        "2512101",
    ] {
        assert!(!record.contains(part), "{part} in {record}");
    }
    // The security code, whose three digits digests and clocks have, too.
    for part in ["\"737\"", "=737", "/737"] {
        assert!(!record.contains(part), "{part} in {record}");
    }
    assert!(record.contains("411111******1111") && record.contains("550000******5559"), "{record}");
    assert!(record.contains("4111111111111112"), "{record}");
}

/// Two issuers may each know an `alice`.
#[test]
fn an_owner_is_the_subject_of_one_issuer_and_nobody_elses() {
    let owned = json!({ "type": "object", "properties": {
        "iban": { "type": "string", "x-portcullis-visible-to": { "owner": { "property": "owner" } } },
        "owner": { "type": "string" },
    } });
    let other = "https://partners.test";
    let two = |responses: Value| {
        let partners = json!({
            "issuer": other, "audience": crate::walk::AUDIENCE, "jwks": { "file": "jwks.json" },
        });
        let security = json!([{ "customers": ["orders:read"] }, { "partners": ["orders:read"] }]);
        setup(&owned, responses)
            .contract(json!({
                "paths": { "/orders": { "get": { "security": security } } },
                "components": { "securitySchemes": { "partners": { "type": "http", "scheme": "bearer" } } },
            }))
            .policy(json!({ "identity": { "partners": partners } }))
            .answering(Answer::json(r#"{"iban":"A","owner":"alice"}"#))
    };
    match two(mode("log")).try_start() {
        Err(portcullis_gateway::StartError::Configuration(mistakes)) => {
            let shown = mistakes.render(portcullis_config::Color::Never);
            assert!(shown.contains("C0905") && shown.contains("responses.owners"), "{shown}");
        }
        Err(error) => panic!("{error}"),
        Ok(_) => panic!("it started"),
    }
    let mut responses = mode("log");
    responses["owners"] = json!("customers");
    let walk = two(responses).start();
    for (issuer, seen) in
        [(crate::walk::ISSUER, r#"{"iban":"A","owner":"alice"}"#), (other, r#"{"owner":"alice"}"#)]
    {
        let token = walk.token_with(json!({ "sub": "alice", "iss": issuer, "scope": "orders:read" }));
        let outcome = walk.send(get("/orders").bearer(&token));
        outcome.passed();
        assert_eq!(outcome.response.json(), serde_json::from_str::<Value>(seen).unwrap(), "{issuer}");
    }
}
