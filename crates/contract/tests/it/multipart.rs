//! Multipart forms: what parts become, files, and forms in two readings.

use http::HeaderValue;
use portcullis_contract::Contract;
use portcullis_domain::Denial;

use crate::support::{contract, finds, listed};

const PNG: &[u8] = b"\x89PNG\r\n\x1a\n and more";

/// A public operation that takes this form; `media_type` is in YAML flow style.
fn document(version: &str, media_type: &str) -> String {
    format!(
        "openapi: {version}\ninfo: {{title: t, version: '1'}}\npaths:\n  /it:\n    post:\n      x-portcullis-access: public\n      requestBody: {{required: true, content: {{multipart/form-data: {media_type}}}}}\n      responses: {{'200': {{description: d}}}}\n"
    )
}

/// One part: the lines of its headers behind `form-data; `, and its content.
type Part<'a> = (&'a str, &'a [u8]);

fn body(parts: &[Part<'_>]) -> Vec<u8> {
    let mut body = Vec::new();
    for (head, content) in parts {
        body.extend_from_slice(
            format!("--bound\r\nContent-Disposition: form-data; {head}\r\n\r\n").as_bytes(),
        );
        body.extend_from_slice(content);
        body.extend_from_slice(b"\r\n");
    }
    body.extend_from_slice(b"--bound--\r\n");
    body
}

fn judge(contract: &Contract, body: &[u8]) -> Result<(), Denial> {
    let value = HeaderValue::from_static("multipart/form-data; boundary=bound");
    contract.operations()[0].validate_body(Some(&value), body)
}

#[track_caller]
fn check(contract: &Contract, parts: &[Part<'_>], expected: &[&str]) {
    assert_eq!(listed(&judge(contract, &body(parts))), expected, "{parts:?}");
}

fn profile() -> Contract {
    contract(&document(
        "3.1.1",
        "{schema: {type: object, required: [name], properties: {name: {type: string, maxLength: 5}, age: {type: integer, minimum: 0}, tags: {type: array, maxItems: 2, items: {type: string}}, address: {type: object, properties: {city: {type: string}}}, photo: {type: string, format: binary, minLength: 4, maxLength: 100}, papers: {type: array, maxItems: 2, items: {type: string, contentMediaType: application/pdf}}}}, encoding: {photo: {contentType: 'image/png, image/jpeg'}}}",
    ))
}

#[test]
fn parts_become_the_object_that_the_schema_describes() {
    let it = profile();
    check(&it, &[("name=\"name\"", b"Ann"), ("name=\"age\"", b"7")], &[]);
    check(&it, &[("name=\"name\"", b"123")], &[]);
    check(&it, &[("name=\"age\"", b"7")], &["body  required"]);
    check(&it, &[("name=\"name\"", b"too long")], &["body /name maxLength"]);
    check(&it, &[("name=\"name\"", b"Ann"), ("name=\"age\"", b"x")], &["body /age type"]);
    check(&it, &[("name=\"name\"", b"Ann"), ("name=\"age\"", b"-1")], &["body /age minimum"]);
    check(&it, &[("name=\"name\"", b"Ann"), ("name=\"admin\"", b"1")], &["body /admin additionalProperties"]);
    check(&it, &[("name=\"name\"", b"Ann"), ("name=\"name\"", b"Bob")], &["body /name repeated"]);
    check(&it, &[("name=\"name\"", b"Ann"), ("name=\"tags\"", b"a"), ("name=\"tags\"", b"b")], &[]);
    let tag: Part<'_> = ("name=\"tags\"", b"a");
    check(&it, &[("name=\"name\"", b"Ann"), tag, tag, tag], &["body /tags maxItems"]);
    check(&it, &[("name=\"name\"", b"\xff")], &["body /name encoding", "body  required"]);
    check(&it, &[("name=\"name\"\r\nContent-Type: text/plain; charset=utf-8", b"Ann")], &[]);
    check(
        &it,
        &[("name=\"name\"\r\nContent-Type: text/plain; charset=utf-16", b"Ann")],
        &["body /name contentType", "body  required"],
    );
    check(
        &it,
        &[("name=\"name\"\r\nContent-Type: text/html", b"Ann")],
        &["body /name contentType", "body  required"],
    );
}

#[test]
fn objects_are_json_and_read_strictly() {
    let it = profile();
    let name: Part<'_> = ("name=\"name\"", b"Ann");
    let json = "name=\"address\"; filename=\"blob\"\r\nContent-Type: application/json";
    check(&it, &[name, (json, br#"{"city":"Ulm"}"#)], &[]);
    check(&it, &[name, ("name=\"address\"", br#"{"city":"Ulm"}"#)], &[]);
    check(&it, &[name, (json, br#"{"city":1}"#)], &["body /address/city type"]);
    check(&it, &[name, (json, br#"{"town":"Ulm"}"#)], &["body /address/town additionalProperties"]);
    check(&it, &[name, (json, br#"{"city":"Ulm","city":"Rom"}"#)], &["body /address content"]);
    check(&it, &[name, (json, b"city=Ulm")], &["body /address content"]);
    check(
        &it,
        &[name, ("name=\"address\"\r\nContent-Type: text/plain", br#"{"city":"Ulm"}"#)],
        &["body /address contentType"],
    );
}

// proves-part: VAL-13 (sizes, types and names of files; the gateway's walk shows the answers)
#[test]
fn files_are_judged_by_size_type_beginning_and_name() {
    let it = profile();
    let name: Part<'_> = ("name=\"name\"", b"Ann");
    let photo = "name=\"photo\"; filename=\"me.png\"\r\nContent-Type: image/png";
    let long = [PNG, &[0; 100][..]].concat();
    check(&it, &[name, (photo, PNG)], &[]);
    check(&it, &[name, (photo, &long)], &["body /photo maxLength"]);
    check(&it, &[name, (photo, &PNG[..3])], &["body /photo minLength"]);
    check(&it, &[name, (photo, b"<?php system($_GET['c']) ?>")], &["body /photo content"]);
    check(&it, &[name, (photo, b"\xff\xd8\xff\xe0 a jpeg")], &["body /photo content"]);
    let gif = "name=\"photo\"; filename=\"me.gif\"\r\nContent-Type: image/gif";
    check(&it, &[name, (gif, b"GIF89a")], &["body /photo contentType"]);
    check(&it, &[name, ("name=\"photo\"; filename=\"me.png\"", PNG)], &["body /photo contentType"]);
    for bad in ["../me.png", "a/b", "..", "%2e%2e%2fme.png", "me\u{202e}gnp.exe", &"a".repeat(256)] {
        let head = format!("name=\"photo\"; filename=\"{bad}\"\r\nContent-Type: image/png");
        check(&it, &[name, (&head, PNG)], &["body /photo filename"]);
    }
    let paper = "name=\"papers\"; filename=\"a.pdf\"\r\nContent-Type: application/pdf";
    check(&it, &[name, (paper, b"%PDF-1.7"), (paper, b"%PDF-1.4")], &[]);
    let one: Part<'_> = (paper, b"%PDF-1.7");
    check(&it, &[name, one, one, one], &["body /papers maxItems"]);
    check(&it, &[name, (paper, b"MZ")], &["body /papers content"]);
    // What calls itself a file where a text is expected, other readers would not see as a field.
    check(&it, &[("name=\"name\"; filename=\"x\"", b"Ann")], &["body /name filename", "body  required"]);
}

// proves-part: VAL-13 (structure; the gateway's walk shows the answers)
#[test]
fn a_form_in_two_readings_is_refused() {
    let it = profile();
    let good = body(&[("name=\"name\"", b"Ann")]);
    assert!(judge(&it, &good).is_ok());
    let text = String::from_utf8(good).unwrap();
    for bad in [
        text.replace("--bound--\r\n", ""),
        text.replace("--bound--", "--bound"),
        format!("x\r\n{text}"),
        format!("{text}x"),
        text.replace("\r\n", "\n"),
        text.replace("Ann", "Ann\r\n--bound2"),
        text.replace("form-data; name", "attachment; name"),
        text.replace("name=\"name\"", "name=\"name\"; name=\"age\""),
        text.replace("name=\"name\"", "name=\"name\"; filename=\"a\"; filename*=UTF-8''b"),
        text.replace("\r\n\r\n", "\r\nContent-Transfer-Encoding: base64\r\n\r\n"),
        text.replace("\r\n\r\n", "\r\nContent-Type: multipart/mixed; boundary=c\r\n\r\n"),
        body(&vec![("name=\"tags\"", &b"a"[..]); 10_000]).into_iter().map(char::from).collect(),
    ] {
        assert_eq!(listed(&judge(&it, bad.as_bytes())), ["body_malformed"], "{}", &bad[..bad.len().min(200)]);
    }
    let operation = &it.operations()[0];
    let said = |content_type: &'static str| {
        let value = HeaderValue::from_static(content_type);
        listed(&operation.validate_body(Some(&value), text.as_bytes()))
    };
    assert_eq!(said("multipart/form-data; boundary=bound; boundary=other"), ["media_type_unsupported"]);
    assert_eq!(said("multipart/form-data; boundary=bound; boundary*0=other"), ["body_malformed"]);
    assert_eq!(said("multipart/form-data; boundary=other"), ["body_malformed"]);
    assert_eq!(said("multipart/form-data; boundary=\"bound \""), ["body_malformed"]);
    assert_eq!(said("multipart/mixed; boundary=bound"), ["media_type_unsupported"]);
}

#[test]
fn files_of_older_documents_and_of_ones_that_say_nothing_are_files() {
    let old = contract(&document(
        "3.0.4",
        "{schema: {type: object, properties: {file: {type: string, format: binary, maxLength: 9}, meta: {type: object, properties: {n: {type: integer}}}}}}",
    ));
    let file = "name=\"file\"; filename=\"x\"\r\nContent-Type: application/octet-stream";
    check(&old, &[(file, b"\0\xff"), ("name=\"meta\"", b"{\"n\":1}")], &[]);
    check(&old, &[(file, b"0123456789")], &["body /file maxLength"]);
    let unsaid = contract(&document("3.1.1", "{schema: {type: object, properties: {file: {}}}}"));
    check(&unsaid, &[(file, b"\0\xff")], &[]);
    let any = contract(&document("3.1.1", "{}"));
    check(&any, &[("name=\"x\"", b"1"), ("name=\"x\"", b"2")], &[]);
    check(&any, &[(file, b"\0\xff")], &[]);
    check(&any, &[("name=\"x\"; filename=\"../x\"", b"1")], &["body /x filename"]);
    assert!(judge(&any, b"{}").is_err());
    let map = contract(&document(
        "3.1.1",
        "{schema: {type: object, additionalProperties: {type: string, format: binary, maxLength: 3}}}",
    ));
    check(&map, &[("name=\"a\"; filename=\"a\"", b"\0\xff"), ("name=\"b\"; filename=\"b\"", b"")], &[]);
    check(&map, &[("name=\"a\"; filename=\"a\"", b"\0\xff\0\0")], &["body /a maxLength"]);
    let latin = "name=\"file\"; filename=\"x.csv\"\r\nContent-Type: text/csv; charset=iso-8859-1";
    check(&old, &[(latin, b"caf\xe9")], &[]);
}

#[test]
fn xml_in_a_part_calls_upon_nothing_either() {
    let it = contract(&document(
        "3.1.1",
        "{schema: {type: object, properties: {icon: {type: string, format: binary}}}}",
    ));
    let svg = "name=\"icon\"; filename=\"x.svg\"\r\nContent-Type: image/svg+xml";
    check(&it, &[(svg, b"<svg/>")], &[]);
    let evil = b"<!DOCTYPE svg [<!ENTITY x SYSTEM \"file:///etc/passwd\">]><svg>&x;</svg>";
    check(&it, &[(svg, evil)], &["body_malformed"]);
}

#[test]
fn what_an_encoding_says_beyond_types_is_reported() {
    finds(
        &document(
            "3.1.1",
            "{schema: {type: object, properties: {a: {type: string}}}, encoding: {a: {headers: {X-A: {schema: {type: string}}}, style: form}}}",
        ),
        &["C0350"; 2],
    );
}

#[test]
fn what_usual_clients_send_passes() {
    let it = profile();
    let sent = |boundary: &str, body: &str| {
        let value = HeaderValue::from_str(&format!("multipart/form-data; boundary={boundary}")).unwrap();
        listed(&it.operations()[0].validate_body(Some(&value), body.as_bytes()))
    };
    // curl 8: -F name=Ann -F 'address={"city":"Ulm"};type=application/json'
    let curl = "--------------------------4c729de147517f81\r\nContent-Disposition: form-data; name=\"name\"\r\n\r\nAnn\r\n--------------------------4c729de147517f81\r\nContent-Disposition: form-data; name=\"address\"\r\nContent-Type: application/json\r\n\r\n{\"city\":\"Ulm\"}\r\n--------------------------4c729de147517f81--\r\n";
    assert_eq!(sent("------------------------4c729de147517f81", curl), Vec::<String>::new());
    // Python requests 2.34, a file whose name is not ASCII.
    let requests = "--00b50b60544b8f96367eb4116aead16f\r\nContent-Disposition: form-data; name=\"name\"\r\n\r\nAnn\r\n--00b50b60544b8f96367eb4116aead16f\r\nContent-Disposition: form-data; name=\"papers\"; filename=\"Gr\u{fc}\u{df}e.pdf\"\r\nContent-Type: application/pdf\r\n\r\n%PDF-1.7\r\n--00b50b60544b8f96367eb4116aead16f--\r\n";
    assert_eq!(sent("00b50b60544b8f96367eb4116aead16f", requests), Vec::<String>::new());
    // Browsers (HTML §4.10.21.8), with no file chosen.
    let browser = "------WebKitFormBoundaryABC\r\nContent-Disposition: form-data; name=\"name\"\r\n\r\nAnn\r\n------WebKitFormBoundaryABC\r\nContent-Disposition: form-data; name=\"photo\"; filename=\"\"\r\nContent-Type: application/octet-stream\r\n\r\n\r\n------WebKitFormBoundaryABC--\r\n";
    assert_eq!(sent("----WebKitFormBoundaryABC", browser), Vec::<String>::new());
}

#[test]
fn lists_of_objects_come_one_by_one_or_as_a_whole() {
    let it = contract(&document(
        "3.1.1",
        "{schema: {type: object, properties: {all: {type: array, maxItems: 2, items: {type: object, properties: {n: {type: integer}}}}}}, encoding: {all: {contentType: application/json}}}",
    ));
    let json = "name=\"all\"\r\nContent-Type: application/json";
    check(&it, &[(json, br#"{"n":1}"#), (json, br#"{"n":2}"#)], &[]);
    check(&it, &[(json, br#"[{"n":1},{"n":2}]"#)], &[]);
    check(&it, &[(json, br#"{"n":1}"#), (json, br#"{"n":"2"}"#)], &["body /all/1/n type"]);
    check(&it, &[(json, br#"[{"n":1},{"m":2}]"#)], &["body /all/1/m additionalProperties"]);
    check(&it, &[(json, br#"[{},{},{}]"#)], &["body /all maxItems"]);
    check(&it, &[(json, b"[]"), (json, b"[]")], &["body /all repeated"]);
}
