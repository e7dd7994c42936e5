//! Bodies that are neither JSON nor forms: texts, many documents, XML.

use http::HeaderValue;
use portcullis_contract::{BodyPlan, Contract};

use crate::support::{contract, listed};

fn document(content: &str) -> Contract {
    contract(&format!(
        "openapi: 3.1.1\ninfo: {{title: t, version: '1'}}\npaths:\n  /it:\n    post:\n      x-portcullis-access: public\n      requestBody: {{content: {content}}}\n      responses: {{}}\n"
    ))
}

#[track_caller]
fn check(contract: &Contract, content_type: &'static str, body: &[u8], expected: &[&str]) {
    let value = HeaderValue::from_static(content_type);
    let found = listed(&contract.operations()[0].validate_body(Some(&value), body));
    assert_eq!(found, expected, "{content_type} {}", String::from_utf8_lossy(body));
}

#[test]
fn a_text_is_a_string() {
    let it = document("{text/plain: {schema: {type: string, maxLength: 5, pattern: '^[a-zé]+$'}}}");
    check(&it, "text/plain", "café".as_bytes(), &[]);
    check(&it, "text/plain; charset=utf-8", b"abc", &[]);
    check(&it, "text/plain", b"abcdef", &["body  maxLength"]);
    check(&it, "text/plain", b"A", &["body  pattern"]);
    check(&it, "text/plain", b"caf\xe9", &["body_malformed"]);
    check(&it, "text/plain; charset=iso-8859-1", b"abc", &["media_type_unsupported"]);
    let number = document("{text/plain: {schema: {type: integer, maximum: 5}}}");
    check(&number, "text/plain", b"5", &[]);
    check(&number, "text/plain", b"6", &["body  maximum"]);
    check(&number, "text/plain", b"5.0", &["body  type"]);
}

#[test]
fn each_of_many_documents_is_judged() {
    let each = document("{application/x-ndjson: {schema: {type: object, properties: {n: {type: integer}}}}}");
    check(&each, "application/x-ndjson", b"{\"n\":1}\n{\"n\":2}\r\n\n", &[]);
    check(&each, "application/x-ndjson", b"{\"n\":1}\n{\"n\":\"2\"}", &["body /1/n type"]);
    check(&each, "application/x-ndjson", b"{\"n\":1}\n{\"n\":1,\"n\":2}", &["body_malformed"]);
    check(&each, "application/x-ndjson", b"{\"n\":1} {\"n\":2}", &["body_malformed"]);
    check(&each, "application/x-ndjson", &b"1\n".repeat(10_001), &["body_malformed"]);
    let all = document("{application/jsonl: {schema: {type: array, maxItems: 2, items: {type: integer}}}}");
    check(&all, "application/jsonl", b"1\n2\n", &[]);
    check(&all, "application/jsonl", b"1\n2\n3", &["body  maxItems"]);
    let records = document("{application/json-seq: {itemSchema: {type: integer}}}");
    check(&records, "application/json-seq", b"\x1e1\n\x1e2\n", &[]);
    check(&records, "application/json-seq", b"\x1e1\n\x1ex\n", &["body_malformed"]);
    check(&records, "application/json-seq", b"1\n", &["body_malformed"]);
}

// proves-part: VAL-14 (undeclared XML; the gateway's walk shows the answers)
#[test]
fn xml_is_taken_only_where_it_is_declared_and_only_if_it_is_sound() {
    let json = document("{application/json: {schema: {}}}");
    check(&json, "application/xml", b"<a/>", &["media_type_unsupported"]);
    let xml = document("{application/xml: {schema: {type: object}}}");
    check(&xml, "application/xml", b"<a><b c=\"1\">x</b></a>", &[]);
    check(&xml, "application/xml", b"<!DOCTYPE a><a/>", &["body_malformed"]);
    check(&xml, "application/xml", b"<a>", &["body_malformed"]);
    check(&xml, "text/xml", b"<a/>", &["media_type_unsupported"]);
    check(&xml, "application/xml; charset=utf-16", b"<a/>", &["media_type_unsupported"]);
    // A range that happens to cover XML takes it no less strictly.
    let any = document("{'*/*': {}}");
    check(&any, "application/soap+xml", b"<!DOCTYPE a><a/>", &["body_malformed"]);
    check(&any, "image/png", b"<!DOCTYPE a><a/>", &[]);
    let headers = |content_type: &'static str| {
        [(http::header::CONTENT_TYPE, HeaderValue::from_static(content_type))].into_iter().collect()
    };
    let plan = |content_type| any.operations()[0].plan_body(&headers(content_type)).unwrap();
    assert_eq!(plan("text/xml"), BodyPlan::Read);
    assert_eq!(plan("image/png"), BodyPlan::Stream);
}
