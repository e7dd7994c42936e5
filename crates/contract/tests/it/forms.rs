//! Forms whose fields are lists and objects: by their encoding, or as JSON.

use http::HeaderValue;
use portcullis_contract::Contract;

use crate::support::{contract, finds, listed};

fn document(properties: &str, encoding: &str) -> String {
    format!(
        "openapi: 3.1.1\ninfo: {{title: t, version: '1'}}\npaths:\n  /it:\n    post:\n      x-portcullis-access: public\n      requestBody: {{content: {{application/x-www-form-urlencoded: {{schema: {{type: object, properties: {{n: {{type: integer}}, {properties}}}}}, encoding: {{{encoding}}}}}}}}}\n      responses: {{}}\n"
    )
}

#[track_caller]
fn check(contract: &Contract, body: &str, expected: &[&str]) {
    let value = HeaderValue::from_static("application/x-www-form-urlencoded");
    assert_eq!(
        listed(&contract.operations()[0].validate_body(Some(&value), body.as_bytes())),
        expected,
        "{body}"
    );
}

const OBJECT: &str = "f: {type: object, properties: {a: {type: integer}, b: {type: string}}}";
const LIST: &str = "f: {type: array, maxItems: 2, items: {type: integer}}";

#[test]
fn objects_are_json_where_nothing_else_is_said() {
    let it = contract(&document(OBJECT, ""));
    check(&it, "n=1&f=%7B%22a%22:1%7D", &[]);
    check(&it, "f=%7B%22a%22:%22x%22%7D", &["body /f/a type"]);
    check(&it, "f=%7B%22a%22:1,%22a%22:2%7D", &["body /f content"]);
    check(&it, "f=a&n=1", &["body /f content"]);
    check(&it, "f=%7B%7D&f=%7B%7D", &["body /f repeated"]);
    let lists =
        contract(&document("f: {type: array, items: {type: object, properties: {a: {type: integer}}}}", ""));
    check(&lists, "f=%7B%22a%22:1%7D&f=%7B%22a%22:2%7D", &[]);
    check(&lists, "f=%7B%22a%22:1%7D&f=%7B%22a%22:true%7D", &["body /f/1/a type"]);
}

#[test]
fn styles_of_fields_are_those_of_parameters() {
    let deep = contract(&document(OBJECT, "f: {style: deepObject, explode: true}"));
    check(&deep, "f%5Ba%5D=1&f[b]=x&n=2", &[]);
    check(&deep, "f[a]=x", &["body /f/a type"]);
    check(&deep, "f[c]=1", &["body /f/c additionalProperties"]);
    check(&deep, "f[a]=1&f[a]=2", &["body /f repeated"]);
    check(&deep, "f=1", &["body /f type"]);
    let spread = contract(&document(OBJECT, "f: {style: form, explode: true}"));
    check(&spread, "a=1&b=x&n=2", &[]);
    check(&spread, "a=x", &["body /f/a type"]);
    check(&spread, "c=1", &["body /c additionalProperties"]);
    let joined = contract(&document(OBJECT, "f: {style: form, explode: false}"));
    check(&joined, "f=a,1,b,x", &[]);
    check(&joined, "f=a,x", &["body /f/a type"]);
    check(&joined, "f=a", &["body /f encoding"]);
    for (encoding, good, bad, twice) in [
        ("", "f=1&f=2", "f=1&f=x", "f=1&f=2&f=3"),
        ("f: {explode: false}", "f=1,2", "f=1,x", "f=1,2,3"),
        ("f: {style: spaceDelimited}", "f=1%202", "f=1+x", "f=1+2+3"),
        ("f: {style: pipeDelimited}", "f=1|2", "f=1%7Cx", "f=1|2|3"),
    ] {
        let it = contract(&document(LIST, encoding));
        check(&it, good, &[]);
        check(&it, bad, &["body /f/1 type"]);
        check(&it, twice, &["body /f maxItems"]);
    }
}

#[test]
fn fields_that_are_written_in_no_defined_way_are_reported() {
    finds(&document(LIST, "f: {style: deepObject}"), &["C0350"]);
    finds(
        &document("f: {type: object, properties: {a: {type: object}}}", "f: {style: deepObject}"),
        &["C0350"],
    );
    finds(
        &document("f: {type: object, additionalProperties: {type: string}}", "f: {style: form}"),
        &["C0350"],
    );
    finds(&document(OBJECT, "f: {contentType: application/xml}"), &["C0350"]);
    finds(&document(OBJECT, "f: {style: simple}"), &["C0301"]);
}
