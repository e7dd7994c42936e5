//! Rules on values: URLs, characters, page sizes, GraphQL. No reader fails or overflows its stack, and what
//! passes keeps the rule by a simpler reading.
//!
//! The first byte chooses the rule; the rest is the text that is judged.

#![no_main]

use std::net::IpAddr;
use std::sync::{Arc, LazyLock};

use http::{HeaderMap, HeaderValue, Method};
use libfuzzer_sys::fuzz_target;
use portcullis_config::{Diagnostics, Document, Limits};
use portcullis_contract::{CompileOptions, Contract, Lookup, NoReferences, Operation};
use serde_json::json;
use url::{Host, Url};

const DOCUMENT: &str = r#"{
  "openapi": "3.1.1", "info": {"title": "t", "version": "1"},
  "paths": {
    "/values": {"post": {"x-portcullis-access": "public", "responses": {}, "requestBody": {"content": {
      "application/json": {"schema": {"type": "object", "properties": {
        "url": {"type": "string", "x-portcullis-url": {"schemes": ["http", "https", "git"]}},
        "name": {"type": "string", "x-portcullis-text": "identifier"},
        "prose": {"type": "string", "x-portcullis-text": "plain"}}}}}}}},
    "/graphql": {"post": {"x-portcullis-access": "public", "x-portcullis-graphql": {}, "responses": {},
      "requestBody": {"content": {"application/json": {}}}}},
    "/list": {"get": {"x-portcullis-access": "public", "responses": {}, "parameters": [
      {"name": "limit", "in": "query", "schema": {"type": "integer"},
       "x-portcullis-page-limit": {"maximum": 100, "beyond": "clamp"}},
      {"name": "a", "in": "query", "schema": {"type": "string"}}]}}
  }
}"#;

static CONTRACT: LazyLock<Contract> = LazyLock::new(|| {
    let document = Document::parse("openapi.json", DOCUMENT.as_bytes(), &Limits::default());
    let document: Arc<Document> = document.expect("the document is JSON");
    Contract::compile(&document, &NoReferences, &CompileOptions::default(), &mut Diagnostics::new())
        .expect("the document compiles")
});

fn takes(operation: &Operation, body: &serde_json::Value) -> bool {
    let json = HeaderValue::from_static("application/json");
    operation.validate_body(Some(&json), body.to_string().as_bytes()).is_ok()
}

fuzz_target!(|bytes: &[u8]| {
    let Some((rule, rest)) = bytes.split_first() else { return };
    let Ok(text) = std::str::from_utf8(rest) else { return };
    let [values, graphql, _] = CONTRACT.operations() else { panic!("three operations") };
    match rule % 5 {
        0 if takes(values, &json!({ "url": text })) => leads_outside(text),
        1 if takes(values, &json!({ "name": text })) => {
            let deceives =
                |c: char| c.is_control() || matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}');
            assert!(!text.chars().any(deceives), "{text:?}");
        }
        2 if takes(values, &json!({ "prose": text })) => {
            let deceives =
                |c: char| c.is_control() && !"\t\n\r".contains(c) || matches!(c, '\u{202a}'..='\u{202e}');
            assert!(!text.chars().any(deceives), "{text:?}");
        }
        3 if takes(graphql, &json!({ "query": text })) => {
            // Where nothing but names and braces stands, a name is a field.
            let is_bare = text.chars().all(|c| c.is_ascii_alphabetic() || "_{} ".contains(c));
            let asks = text.split([' ', '{', '}']).any(|name| name == "__schema" || name == "__type");
            assert!(!(is_bare && asks), "{text:?}");
        }
        4 => is_clamped(text),
        _ => {}
    }
});

fn leads_outside(text: &str) {
    let url = Url::parse(text).expect("what passes is a URL");
    assert!(["http", "https", "git"].contains(&url.scheme()), "{text:?}");
    assert!(url.username().is_empty() && url.password().is_none() && url.port().is_none(), "{text:?}");
    let host = Host::parse(url.host_str().expect("it has a host")).expect("it is one");
    let address = match host {
        Host::Domain(name) => {
            return assert!(name.contains('.') && !name.ends_with(".localhost"), "{text:?}");
        }
        Host::Ipv4(address) => IpAddr::V4(address),
        Host::Ipv6(address) => IpAddr::V6(address).to_canonical(),
    };
    let is_inside = match address {
        IpAddr::V4(v4) => v4.is_private() || v4.is_loopback() || v4.is_link_local() || v4.is_unspecified(),
        IpAddr::V6(v6) => v6.is_loopback() || v6.is_unique_local() || v6.is_unicast_link_local(),
    };
    assert!(!is_inside, "{text:?}");
}

/// What is sent in place of a valid query differs from it in numbers of `limit` only, and stays as it is when
/// it comes again.
fn is_clamped(query: &str) {
    let Lookup::Found { operation, path_parameters } = CONTRACT.find(&Method::GET, "/list") else {
        panic!("it is found")
    };
    if operation.validate_head(&path_parameters, Some(query), &HeaderMap::new()).is_err() {
        return;
    }
    let Some(clamped) = operation.paged_query(Some(query)) else { return };
    let (before, after): (Vec<_>, Vec<_>) = (query.split('&').collect(), clamped.split('&').collect());
    assert_eq!(before.len(), after.len(), "{query:?} {clamped:?}");
    for (before, after) in before.iter().zip(&after) {
        assert!(before == after || after.ends_with("=100"), "{query:?} {clamped:?}");
    }
    assert_eq!(operation.paged_query(Some(&clamped)), None, "{query:?} {clamped:?}");
}
