//! Parameters: lines of path, query, header and cookie against every style. No reader fails, and of what
//! passes a simpler reader sees the same.

#![no_main]

use std::sync::{Arc, LazyLock};

use http::{HeaderMap, HeaderName, HeaderValue, Method};
use libfuzzer_sys::fuzz_target;
use percent_encoding::percent_decode_str;
use portcullis_config::{Diagnostics, Document, Limits};
use portcullis_contract::{CompileOptions, Contract, Lookup, NoReferences};

const DOCUMENT: &str = r#"{
  "openapi": "3.1.1", "info": {"title": "t", "version": "1"},
  "paths": {"/it/{a}/{b}/{c}": {"get": {"x-portcullis-access": "public", "responses": {}, "parameters": [
    {"name": "a", "in": "path", "required": true, "schema": {"type": ["integer", "string"]}},
    {"name": "b", "in": "path", "required": true, "style": "label", "explode": true,
     "schema": {"type": "array", "items": {"type": "integer"}}},
    {"name": "c", "in": "path", "required": true, "explode": true,
     "schema": {"type": "object", "properties": {"r": {"type": "integer"}}}},
    {"name": "n", "in": "query", "schema": {"type": "integer", "minimum": -9, "maximum": 9}},
    {"name": "l", "in": "query", "explode": false, "schema": {"type": "array", "items": {"type": "integer"}}},
    {"name": "s", "in": "query", "style": "spaceDelimited", "schema": {"type": "array", "items": {"type": "string"}}},
    {"name": "p", "in": "query", "style": "pipeDelimited", "schema": {"type": "array", "items": {"type": "boolean"}}},
    {"name": "d", "in": "query", "style": "deepObject", "schema": {"type": "object", "properties": {"k": {"type": "integer"}}}},
    {"name": "e", "in": "query", "schema": {"type": "object", "properties": {"x": {"type": "number"}, "y": {"type": "array", "items": {"type": "integer"}}}}},
    {"name": "j", "in": "query", "content": {"application/json": {"schema": {"type": "object"}}}},
    {"name": "h", "in": "header", "schema": {"type": "array", "items": {"enum": ["a", "b"]}}},
    {"name": "o", "in": "header", "explode": true, "schema": {"type": "object", "properties": {"k": {"type": "integer"}}}},
    {"name": "k", "in": "cookie", "schema": {"type": "integer"}}
  ]}}}
}"#;

static CONTRACT: LazyLock<Contract> = LazyLock::new(|| {
    let document = Document::parse("openapi.json", DOCUMENT.as_bytes(), &Limits::default());
    let document: Arc<Document> = document.expect("the document is JSON");
    Contract::compile(&document, &NoReferences, &CompileOptions::default(), &mut Diagnostics::new())
        .expect("the document compiles")
});

fuzz_target!(|bytes: &[u8]| {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let mut lines = text.split('\n');
    let (path, query) = (lines.next().unwrap_or_default(), lines.next());
    let mut headers = HeaderMap::new();
    for (name, value) in ["h", "o", "cookie"].into_iter().zip(lines) {
        let Ok(value) = HeaderValue::from_bytes(value.as_bytes()) else { return };
        headers.append(HeaderName::from_static(name), value);
    }
    let path = format!("/it/{path}");
    let Lookup::Found { operation, path_parameters } = CONTRACT.find(&Method::GET, &path) else { return };
    match operation.validate_head(&path_parameters, query, &headers) {
        Ok(()) => {
            let query = query.unwrap_or_default();
            is_what_others_see(query);
            let list = path.split('/').nth(3).unwrap_or_default();
            let list = percent_decode_str(list).decode_utf8().expect("it is UTF-8");
            let mut items = list.strip_prefix('.').expect("a label").split('.');
            assert!(list.len() == 1 || items.all(|item| item.parse::<f64>().is_ok()), "{list}");
        }
        Err(denial) => {
            assert!(denial.violations().len() <= 20);
            assert!((400..500).contains(&denial.reason().status()));
        }
    }
});

/// `n` stands once at most, and is a number within its bounds; nothing is there that nobody declared.
fn is_what_others_see(query: &str) {
    let mut seen = 0;
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let decode = |text: &str| {
            percent_decode_str(&text.replace('+', " ")).decode_utf8().expect("it is UTF-8").into_owned()
        };
        let (name, value) = (decode(name), decode(value));
        let is_declared = matches!(name.as_str(), "n" | "l" | "s" | "p" | "x" | "y" | "j" | "d[k]");
        assert!(is_declared, "nobody declared {name}");
        if name == "n" {
            seen += 1;
            assert!((-9..=9).contains(&value.parse::<i64>().expect("an integer")), "{value}");
        }
    }
    assert!(seen <= 1);
}
