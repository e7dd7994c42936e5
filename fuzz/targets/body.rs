//! Bodies of every kind that is read: no reader fails, and what passes is what another reader sees too.
//!
//! The first byte chooses the kind, the rest is the body. What the contract's readers say is compared with
//! something simpler: `serde_json` and the strict check for JSON, counting for the rest.

#![no_main]

use std::sync::{Arc, LazyLock};

use http::HeaderValue;
use libfuzzer_sys::fuzz_target;
use portcullis_config::{Diagnostics, Document, Limits};
use portcullis_contract::{CompileOptions, ContentCoding, Contract, NoReferences, Operation};
use portcullis_domain::Denial;
use portcullis_message::json::{JsonBounds, check};

/// How far a coded body may grow here.
const LIMIT: usize = 1 << 20;

const DOCUMENT: &str = r#"{
  "openapi": "3.1.1", "info": {"title": "t", "version": "1"},
  "paths": {"/it": {"post": {"x-portcullis-access": "public", "requestBody": {"content": {
    "application/json": {"schema": {}},
    "application/xml": {},
    "text/plain": {"schema": {"type": ["integer", "string"], "maxLength": 100}},
    "application/x-ndjson": {"schema": {"type": "object", "properties": {"a": {"type": "integer"}}}},
    "application/json-seq": {"itemSchema": {}},
    "application/x-www-form-urlencoded": {
      "schema": {"type": "object", "properties": {
        "n": {"type": "integer"}, "t": {"type": "string"}, "l": {"type": "array", "items": {"type": "integer"}},
        "o": {"type": "object", "properties": {"a": {"type": "integer"}}},
        "d": {"type": "object", "properties": {"a": {"type": "integer"}}},
        "s": {"type": "object", "properties": {"x": {"type": "integer"}}},
        "p": {"type": "array", "items": {"type": "string"}}}},
      "encoding": {"d": {"style": "deepObject"}, "s": {"style": "form"}, "p": {"style": "pipeDelimited"}}},
    "multipart/form-data": {
      "schema": {"type": "object", "properties": {
        "n": {"type": "integer"}, "t": {"type": "string"}, "l": {"type": "array", "items": {"type": "integer"}},
        "o": {"type": "object", "properties": {"a": {"type": "integer"}}},
        "f": {"type": "string", "format": "binary", "maxLength": 100}}},
      "encoding": {"f": {"contentType": "image/png, text/plain"}}}
  }}}}}
}"#;

static CONTRACT: LazyLock<Contract> = LazyLock::new(|| {
    let document = Document::parse("openapi.json", DOCUMENT.as_bytes(), &Limits::default());
    let document: Arc<Document> = document.expect("the document is JSON");
    Contract::compile(&document, &NoReferences, &CompileOptions::default(), &mut Diagnostics::new())
        .expect("the document compiles")
});

fuzz_target!(|bytes: &[u8]| {
    let Some((kind, body)) = bytes.split_first() else { return };
    let operation = &CONTRACT.operations()[0];
    match kind % 10 {
        0 => {
            let passes = judge(operation, "application/json", body).is_ok();
            let is_sound = body.is_empty() || check(body, &JsonBounds::default()).is_ok();
            assert_eq!(passes, is_sound, "one reader takes what the other refuses");
        }
        1 => {
            if judge(operation, "application/xml", body).is_ok() {
                let text = std::str::from_utf8(body).expect("it is UTF-8");
                assert!(text.is_empty() || text.contains('<'));
                let outside = text.split("<![CDATA[").next().unwrap_or_default();
                let outside = outside.split("<!--").next().unwrap_or_default();
                assert!(!outside.contains("<!"), "a declaration passed");
            }
        }
        2 => drop(judge(operation, "text/plain", body)),
        3 => {
            if judge(operation, "application/x-ndjson", body).is_ok() {
                for line in body.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii) {
                    assert!(line.is_empty() || serde_json::from_slice::<serde_json::Value>(line).is_ok());
                }
            }
        }
        4 => drop(judge(operation, "application/json-seq", body)),
        5 => {
            if judge(operation, "application/x-www-form-urlencoded", body).is_ok() {
                let text = std::str::from_utf8(body).expect("it is UTF-8");
                let named =
                    |name: &str| text.split('&').filter(|pair| pair.split('=').next() == Some(name)).count();
                assert!(named("n") <= 1 && named("t") <= 1 && named("o") <= 1 && named("p") <= 1);
            }
        }
        6 => {
            if judge(operation, "multipart/form-data; boundary=b", body).is_ok() && !body.is_empty() {
                let delimiters = body.windows(3).filter(|window| window == b"--b").count();
                let lines = 1 + body.windows(5).filter(|window| window == b"\r\n--b").count();
                assert_eq!(delimiters, lines, "a boundary stands elsewhere than at the begin of a line");
            }
        }
        7 => decode(operation, ContentCoding::Gzip, body),
        8 => decode(operation, ContentCoding::Deflate, body),
        _ => decode(operation, ContentCoding::Brotli, body),
    }
});

fn judge(operation: &Operation, media_type: &'static str, body: &[u8]) -> Result<(), Denial> {
    let judged = operation.validate_body(Some(&HeaderValue::from_static(media_type)), body);
    if let Err(denial) = &judged {
        assert!(denial.violations().len() <= 20);
        assert!((400..500).contains(&denial.reason().status()));
    }
    judged
}

fn decode(operation: &Operation, coding: ContentCoding, body: &[u8]) {
    if let Ok(decoded) = operation.decode_body(coding, body, LIMIT) {
        assert!(decoded.len() <= LIMIT && decoded.len() <= (body.len() * 100).max(4096));
    }
}
