//! Bodies on the walk: codings, forms, XML, what a client accepts, and patterns that explode elsewhere.
//!
//! The tables are in `contract`; here is what the client gets, what the upstream sees, what is recorded.

use std::io::Write as _;
use std::net::TcpListener;

use flate2::Compression;
use flate2::write::{GzEncoder, ZlibEncoder};
use portcullis_config::Color;
use portcullis_domain::Reason;
use portcullis_gateway::StartError;
use portcullis_testkit::{Framing, Seen};
use serde_json::{Value, json};

use crate::walk::{Ask, HOST, Outcome, Setup, Walk, ask, get, post_json};

const NOTE: &str = r#"{"text":"x"}"#;
/// [`NOTE`] as one uncompressed meta-block (RFC 7932 §9.2).
const NOTE_BROTLI: &[u8] = b"\x8b\x05\x80{\"text\":\"x\"}\x03";

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn zlib(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn decoding() -> Walk {
    Setup::new().api(json!({ "bodies": { "codings": ["gzip", "deflate", "br"] } })).start()
}

fn coded(coding: &str, body: impl AsRef<[u8]>) -> Ask {
    ask("POST", "/notes")
        .with("Content-Type: application/json")
        .with(format!("Content-Encoding: {coding}"))
        .body(body)
}

#[track_caller]
fn saw_plain(seen: &Seen, body: &str) {
    assert_eq!(seen.text(), body);
    assert_eq!(seen.framing, Framing::Length(body.len()), "the length is that of what is sent");
    for name in ["content-encoding", "content-digest", "repr-digest", "digest", "content-md5"] {
        assert_eq!(seen.header(name), None, "{name} is not true of the decoded body");
    }
}

// proves: VAL-09, VAL-11
#[test]
fn a_listed_coding_is_undone_and_what_was_judged_is_sent() {
    let walk = decoding();
    for (coding, body) in [
        ("gzip", gzip(NOTE.as_bytes())),
        ("GZip", gzip(NOTE.as_bytes())),
        ("deflate", zlib(NOTE.as_bytes())),
        ("br", NOTE_BROTLI.to_vec()),
    ] {
        let digests = ["Content-Digest: sha-256=:AAAA:", "Repr-Digest: sha-256=:AAAA:", "Content-MD5: AAAA"];
        let request = digests.iter().fold(coded(coding, body), |ask, line| ask.with(*line));
        saw_plain(walk.send(request).passed(), NOTE);
    }
    let broken = walk.send(coded("gzip", gzip(br#"{"text":7}"#)));
    broken.refused(Reason::RequestInvalid);
    assert_eq!(broken.response.json()["violations"][0]["at"], "/text");
    // In pieces, as a client sends what it compresses on the way.
    let body = gzip(NOTE.as_bytes());
    let mut request = format!(
        "POST /notes HTTP/1.1\r\nHost: {HOST}\r\nContent-Type: application/json\r\nContent-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n\r\n"
    )
    .into_bytes();
    for piece in body.chunks(7) {
        request.extend_from_slice(format!("{:x}\r\n", piece.len()).as_bytes());
        request.extend_from_slice(piece);
        request.extend_from_slice(b"\r\n");
    }
    request.extend_from_slice(b"0\r\n\r\n");
    saw_plain(walk.send(request).passed(), NOTE);
}

// proves: VAL-09
#[test]
fn other_codings_bombs_and_broken_ones_are_refused() {
    let walk = decoding();
    let note = gzip(NOTE.as_bytes());
    for coding in ["gzip, gzip", "zstd", "compress", "gzip, identity, br", "x"] {
        let outcome = walk.send(coded(coding, &note));
        outcome.refused(Reason::ContentCodingUnsupported);
        assert_eq!(outcome.header("accept-encoding"), Some("gzip, deflate, br"), "{coding}");
    }
    // Compressed twice and said once: what comes out is no JSON.
    walk.send(coded("gzip", gzip(&note))).refused(Reason::BodyMalformed);
    walk.send(coded("gzip", NOTE)).refused(Reason::BodyMalformed);
    walk.send(coded("gzip", &note[..note.len() - 4])).refused(Reason::BodyMalformed);
    walk.send(coded("gzip", [&note[..], NOTE.as_bytes()].concat())).refused(Reason::BodyMalformed);
    // 64 KiB that would be 64 MiB: given up at the bound on bodies, before it is there.
    walk.send(coded("gzip", gzip(&vec![b' '; 64 << 20]))).refused(Reason::BodyTooLarge);
    // Below the bound on bodies, beyond the ratio.
    walk.send(coded("gzip", gzip(&vec![b' '; 900_000]))).refused(Reason::BodyTooLarge);
    // Where nothing reads the body, nobody could say what is in it.
    let stream = ask("POST", "/upload").with("Content-Type: application/octet-stream");
    walk.send(stream.with("Content-Encoding: gzip").body(&note)).refused(Reason::ContentCodingUnsupported);
}

// proves: VAL-09
#[test]
fn no_coding_is_undone_unless_it_is_listed() {
    let walk = Setup::new().api(json!({ "bodies": { "codings": ["br"] } })).start();
    let outcome = walk.send(coded("gzip", gzip(NOTE.as_bytes())));
    outcome.refused(Reason::ContentCodingUnsupported);
    assert_eq!(outcome.header("accept-encoding"), Some("br"));
    let walk = Walk::new();
    let outcome = walk.send(coded("gzip", gzip(NOTE.as_bytes())));
    outcome.refused(Reason::ContentCodingUnsupported);
    assert_eq!(outcome.header("accept-encoding"), Some("identity"));
}

#[test]
fn in_shadow_a_body_that_cannot_be_decoded_goes_on_as_it_came() {
    let walk = Setup::new()
        .api(json!({ "bodies": { "codings": ["gzip"] }, "stages": { "validate": "shadow" } }))
        .start();
    let outcome = walk.send(coded("gzip", NOTE));
    let seen = outcome.passed();
    assert_eq!((seen.text(), seen.header("content-encoding")), (NOTE, Some("gzip")));
    assert!(outcome.only_event()["would_deny"].to_string().contains(Reason::BodyMalformed.code()));
}

#[test]
fn an_override_also_raises_the_bound_on_bodies() {
    let walk = Setup::new()
        .api(json!({ "overrides": { "POST /large": { "body": "3 MiB" } } }))
        .contract(json!({ "paths": { "/large": { "post": {
            "x-portcullis-access": "public",
            "x-portcullis-body-limit": "1 KiB",
            "requestBody": { "content": { "text/plain": { "schema": { "type": "string" } } } },
            "responses": { "200": { "description": "Done." } },
        } } } }))
        .start();
    let sent = |length: usize| {
        walk.send(ask("POST", "/large").with("Content-Type: text/plain").body("x".repeat(length)))
    };
    assert_eq!(sent(2 << 20).passed().body.len(), 2 << 20);
    sent((3 << 20) + 1).refused(Reason::BodyTooLarge);
}

/// An operation that takes a form with a picture.
fn profile() -> Walk {
    let schema = json!({
        "type": "object",
        "required": ["name"],
        "properties": {
            "name": { "type": "string", "maxLength": 50 },
            "photo": { "type": "string", "format": "binary", "maxLength": 1000 },
        },
    });
    let form = json!({ "schema": schema, "encoding": { "photo": { "contentType": "image/png" } } });
    Setup::new()
        .contract(json!({ "paths": { "/profile": { "post": {
            "x-portcullis-access": "public",
            "requestBody": { "required": true, "content": { "multipart/form-data": form } },
            "responses": { "200": { "description": "Done." } },
        } } } }))
        .start()
}

fn form(parts: &[(&str, &[u8])]) -> Ask {
    let mut body = Vec::new();
    for (head, content) in parts {
        body.extend_from_slice(format!("--b\r\nContent-Disposition: form-data; {head}\r\n\r\n").as_bytes());
        body.extend_from_slice(content);
        body.extend_from_slice(b"\r\n");
    }
    body.extend_from_slice(b"--b--\r\n");
    ask("POST", "/profile").with("Content-Type: multipart/form-data; boundary=b").body(body)
}

// proves: VAL-13
#[test]
fn forms_are_bounded_in_parts_names_sizes_and_types() {
    let walk = profile();
    let name: (&str, &[u8]) = ("name=\"name\"", b"Ann");
    let photo = "name=\"photo\"; filename=\"me.png\"\r\nContent-Type: image/png";
    let png = b"\x89PNG\r\n\x1a\n\0\xff";
    let request = form(&[name, (photo, png)]);
    let sent = Vec::from(request.clone());
    assert!(sent.ends_with(&walk.send(request).passed().body), "as it came");
    let at = |outcome: &Outcome| outcome.response.json()["violations"][0]["at"].clone();
    for (head, content, keyword) in [
        ("name=\"photo\"; filename=\"../x\"\r\nContent-Type: image/png", &png[..], "filename"),
        (photo, b"<?php", "content"),
        (photo, &[&png[..], &[0; 1000]].concat(), "maxLength"),
        ("name=\"photo\"; filename=\"x.gif\"\r\nContent-Type: image/gif", b"GIF89a", "contentType"),
    ] {
        let outcome = walk.send(form(&[name, (head, content)]));
        outcome.refused(Reason::RequestInvalid);
        assert_eq!(at(&outcome), "/photo");
        assert_eq!(outcome.response.json()["violations"][0]["keyword"], keyword);
    }
    walk.send(form(&vec![name; 10_000])).refused(Reason::BodyMalformed);
    let long = "n".repeat(5000);
    walk.send(form(&[(&format!("name=\"{long}\""), b"x")])).refused(Reason::BodyMalformed);
    walk.send(form(&[name, ("name=\"photo\"", &vec![0; 2 << 20])])).refused(Reason::BodyTooLarge);
    for kind in ["boundary=b; boundary=c", "boundary=c", "x=y"] {
        let body = "--b\r\nContent-Disposition: form-data; name=\"name\"\r\n\r\nAnn\r\n--b--";
        let request = ask("POST", "/profile").with(format!("Content-Type: multipart/form-data; {kind}"));
        let outcome = walk.send(request.body(body));
        assert!(outcome.seen.is_empty() && matches!(outcome.response.status, 400 | 415), "{kind}");
    }
}

// proves: VAL-14
#[test]
fn xml_is_refused_unless_it_is_declared_and_then_fetches_nothing() {
    let walk = Setup::new()
        .contract(json!({ "paths": { "/xml": { "post": {
            "x-portcullis-access": "public",
            "requestBody": { "content": { "application/xml": {} } },
            "responses": { "200": { "description": "Done." } },
        } } } }))
        .start();
    let elsewhere = TcpListener::bind("127.0.0.1:0").unwrap();
    elsewhere.set_nonblocking(true).unwrap();
    let address = elsewhere.local_addr().unwrap();
    let xml = |path: &str, body: &str| {
        walk.send(ask("POST", path).with("Content-Type: application/xml").body(body))
    };
    assert_eq!(xml("/xml", "<note>x</note>").passed().text(), "<note>x</note>");
    xml("/notes", "<note/>").refused(Reason::MediaTypeUnsupported);
    let bomb: String = (1..10)
        .map(|level| format!("<!ENTITY l{level} \"{}\">", format!("&l{};", level - 1).repeat(10)))
        .collect();
    for bad in [
        format!("<!DOCTYPE a [<!ENTITY x SYSTEM \"http://{address}/x\">]><a>&x;</a>"),
        format!("<!DOCTYPE a SYSTEM \"http://{address}/x.dtd\"><a/>"),
        "<!DOCTYPE a [<!ENTITY x SYSTEM \"file:///etc/passwd\">]><a>&x;</a>".to_owned(),
        format!("<!DOCTYPE a [<!ENTITY l0 \"x\">{bomb}]><a>&l9;</a>"),
        format!(
            "<a xmlns:xi=\"http://www.w3.org/2001/XInclude\"><xi:include href=\"http://{address}/x\"/></a>"
        ),
        format!("<?xml-stylesheet href=\"http://{address}/x\"?><a/>"),
    ] {
        xml("/xml", &bad).refused(Reason::BodyMalformed);
    }
    let called = elsewhere.accept();
    assert!(called.is_err_and(|error| error.kind() == std::io::ErrorKind::WouldBlock), "nothing is fetched");
}

// proves: VAL-07
#[test]
fn what_cannot_be_answered_as_asked_is_refused_and_the_wish_is_not_mirrored() {
    let report = json!({
        "x-portcullis-access": "public",
        "responses": { "200": { "description": "Done.", "content": { "application/json": {}, "text/csv": {} } } },
    });
    let walk = Setup::new().contract(json!({ "paths": { "/report": { "get": report } } })).start();
    for bad in ["image/png", "text/html, image/*", "application/json;q=0", "*/*;q=0", "nonsense"] {
        let outcome = walk.send(get("/report").with(format!("Accept: {bad}")));
        outcome.refused(Reason::AcceptUnsatisfiable);
        assert!(!outcome.response.text().contains("image"), "{bad}");
    }
    for good in ["*/*", "application/json", "text/*;q=0.5, image/png", "image/png, */*;q=0.1"] {
        walk.send(get("/report").with(format!("Accept: {good}"))).passed();
    }
    walk.send(get("/report")).passed();
}

// proves: VAL-06
#[test]
fn a_type_that_is_not_declared_or_not_utf_8_is_refused() {
    let walk = Walk::new();
    for kind in
        ["text/plain", "application/json; charset=utf-7", "application/json; charset=utf-16", "json", "*/*"]
    {
        let outcome = walk.send(ask("POST", "/notes").with(format!("Content-Type: {kind}")).body(NOTE));
        outcome.refused(Reason::MediaTypeUnsupported);
        assert_eq!(outcome.header("accept"), Some("application/json"));
    }
    walk.send(ask("POST", "/notes").body(NOTE)).refused(Reason::MediaTypeUnsupported);
    walk.send(post_json("/notes", NOTE)).passed();
}

fn taking(schema: Value) -> Walk {
    Setup::new()
        .contract(json!({ "paths": { "/it": { "post": {
            "x-portcullis-access": "public",
            "requestBody": { "content": { "application/json": { "schema": schema } } },
            "responses": { "200": { "description": "Done." } },
        } } } }))
        .start()
}

// proves: VAL-23
#[test]
fn a_pattern_that_explodes_elsewhere_is_answered() {
    let walk = taking(json!({ "type": "string", "pattern": "^(a|a?)+$", "maxLength": 1_000_000 }));
    walk.send(post_json("/it", "\"aaaa\"")).passed();
    // A matcher that goes back would need 2^500000 steps: that there is an answer at all is the proof.
    let evil = format!("\"{}!\"", "a".repeat(500_000));
    walk.send(post_json("/it", &evil)).refused(Reason::RequestInvalid);
}

// proves: VAL-10
#[test]
fn documents_that_break_other_readers_are_refused() {
    let walk = taking(json!({}));
    let keys: Vec<String> = (0..70_000).map(|n| format!("\"k{n}\":0")).collect();
    for bad in [
        r#"{"a":1,"a":2}"#.to_owned(),
        r#"{"a":1,"\u0061":2}"#.to_owned(),
        r#"["\ud800"]"#.to_owned(),
        "NaN".to_owned(),
        "{}{}".to_owned(),
        "{}//".to_owned(),
        format!("{{{}}}", keys.join(",")),
        format!("{}{}", "[".repeat(10_000), "]".repeat(10_000)),
        "9".repeat(10_000),
    ] {
        walk.send(post_json("/it", &bad)).refused(Reason::BodyMalformed);
    }
    for good in ["9007199254740993", "1180591620717411303424", "[1.0,1e3]"] {
        assert_eq!(walk.send(post_json("/it", good)).passed().text(), good);
    }
}

// proves: VAL-01
#[test]
fn an_api_can_answer_422_for_what_breaks_its_contract() {
    let walk = Setup::new().api(json!({ "schemas": { "invalid_status": 422 } })).start();
    let outcome = walk.send(post_json("/notes", r#"{"text":1,"admin":true}"#));
    outcome.refused(Reason::RequestUnprocessable);
    assert_eq!(outcome.response.status, 422);
    let pointers: Vec<Value> = outcome.response.json()["violations"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|violation| violation["at"].clone())
        .collect();
    assert_eq!(pointers.len(), 2, "{pointers:?}");
    walk.send(get("/public?x=1")).refused(Reason::RequestUnprocessable);
    // What is no JSON, or not JSON at all, is another matter.
    walk.send(post_json("/notes", "{")).refused(Reason::BodyMalformed);
    walk.send(ask("POST", "/notes").with("Content-Type: text/plain").body("x"))
        .refused(Reason::MediaTypeUnsupported);
}

#[test]
fn settings_that_mean_nothing_are_mistakes() {
    for wrong in [
        json!({ "bodies": { "codings": ["zstd"] } }),
        json!({ "bodies": { "ratio": 0 } }),
        json!({ "schemas": { "invalid_status": 401 } }),
    ] {
        let started = Setup::new().api(wrong.clone()).try_start();
        let Err(StartError::Configuration(mistakes)) = started else { panic!("{wrong} is taken") };
        let text = mistakes.render(Color::Never);
        assert!(text.contains("portcullis.yaml"), "{text}");
    }
}
