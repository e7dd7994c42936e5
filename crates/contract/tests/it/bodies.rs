//! Bodies: media types, strict reading, forms, and what a refusal says.

use http::header::{CONTENT_ENCODING, CONTENT_TYPE};
use http::{HeaderMap, HeaderValue};
use portcullis_contract::{BodyPlan, CompileOptions, ContentCoding, ContentCodings, Contract, Invalid};
use portcullis_domain::{Denial, Reason};

use crate::support::{body_document, contract, contract_with, finds, judge_body, listed};

/// A public operation with this `requestBody`, in YAML flow style.
fn document(body: &str) -> String {
    format!(
        "openapi: 3.1.1\ninfo: {{title: t, version: '1'}}\npaths:\n  /it:\n    post:\n      x-portcullis-access: public\n      requestBody: {body}\n      responses: {{}}\n"
    )
}

fn judge(contract: &Contract, content_type: Option<&str>, body: &[u8]) -> Result<(), Denial> {
    let value = content_type.map(|text| HeaderValue::from_str(text).unwrap());
    contract.operations()[0].validate_body(value.as_ref(), body)
}

#[track_caller]
fn refused(contract: &Contract, content_type: Option<&str>, body: &[u8], reason: Reason) -> Denial {
    let denial = judge(contract, content_type, body).expect_err("it is refused");
    assert_eq!(denial.reason(), reason);
    denial
}

// proves: VAL-06
#[test]
fn only_declared_media_types_in_utf8_pass() {
    let contract = contract(&document(
        "{required: true, content: {application/json: {schema: {type: object}}, text/plain: {}}}",
    ));
    for good in ["application/json", "Application/JSON; charset=UTF-8", "application/json;charset=\"utf-8\""]
    {
        assert!(judge(&contract, Some(good), b"{}").is_ok(), "{good}");
    }
    for bad in [
        None,
        Some("text/html"),
        Some("application/json; charset=utf-7"),
        Some("application/json; charset=utf-16"),
        Some("json"),
        Some("application/json, text/plain"),
    ] {
        let denial = refused(&contract, bad, b"{}", Reason::MediaTypeUnsupported);
        assert_eq!(denial.accept(), Some("application/json, text/plain"), "{bad:?}");
    }
}

#[test]
fn the_most_specific_media_range_holds() {
    let contract = contract(&document(
        "{content: {'*/*': {}, 'application/*': {schema: {type: array}}, application/json: {schema: {type: object}}}}",
    ));
    assert!(judge(&contract, Some("application/json"), b"{}").is_ok());
    assert!(judge(&contract, Some("application/json"), b"[]").is_err());
    assert!(judge(&contract, Some("application/vnd.x+json"), b"[]").is_ok());
    assert!(judge(&contract, Some("application/vnd.x+json"), b"{}").is_err());
    assert!(judge(&contract, Some("image/png"), b"\x89PNG").is_ok());
}

#[test]
fn the_plan_says_whether_a_body_is_read() {
    let plan = |contract: &Contract, headers: &[(http::HeaderName, &'static str)]| {
        let headers: HeaderMap =
            headers.iter().map(|(name, value)| (name.clone(), HeaderValue::from_static(value))).collect();
        contract.operations()[0].plan_body(&headers).map_err(|denial| denial.reason())
    };
    let both =
        contract(&document("{content: {application/json: {schema: {}}, application/octet-stream: {}}}"));
    assert!(both.operations()[0].reads_body());
    assert_eq!(plan(&both, &[(CONTENT_TYPE, "application/json")]), Ok(BodyPlan::Read));
    assert_eq!(plan(&both, &[(CONTENT_TYPE, "application/octet-stream")]), Ok(BodyPlan::Stream));
    assert_eq!(plan(&both, &[(CONTENT_TYPE, "text/plain")]), Err(Reason::MediaTypeUnsupported));
    assert_eq!(plan(&both, &[]), Err(Reason::MediaTypeUnsupported));
    let coded = [(CONTENT_TYPE, "application/json"), (CONTENT_ENCODING, "gzip")];
    assert_eq!(plan(&both, &coded), Err(Reason::ContentCodingUnsupported));
    let codings = ContentCodings::new([ContentCoding::Gzip], 100);
    let options = CompileOptions { codings, ..CompileOptions::default() };
    let listing = contract_with(
        &document("{content: {application/json: {schema: {}}, application/octet-stream: {}}}"),
        &options,
    );
    assert_eq!(plan(&listing, &coded), Ok(BodyPlan::Decode(ContentCoding::Gzip)));
    let streamed = [(CONTENT_TYPE, "application/octet-stream"), (CONTENT_ENCODING, "gzip")];
    assert_eq!(plan(&listing, &streamed), Err(Reason::ContentCodingUnsupported));
    let none = contract("{openapi: 3.1.1, info: {}, paths: {/it: {get: {x-portcullis-access: public}}}}");
    assert_eq!(plan(&none, &[]), Ok(BodyPlan::Refuse));
    assert_eq!(listed(&Err(none.operations()[0].undeclared_body())), ["body  undeclared"]);
    assert_eq!(listed(&judge(&none, Some("application/json"), b"{}")), ["body  undeclared"]);
    assert!(judge(&none, None, b"").is_ok());
}

#[test]
fn a_required_body_must_be_there() {
    let required = contract(&document("{required: true, content: {application/json: {schema: {}}}}"));
    assert_eq!(listed(&judge(&required, Some("application/json"), b"")), ["body  required"]);
    let optional = contract(&document("{content: {application/json: {schema: {}}}}"));
    assert!(judge(&optional, None, b"").is_ok());
    assert!(judge(&optional, Some("application/json"), b"").is_ok());
}

#[test]
fn a_body_over_the_limit_of_its_operation_is_refused() {
    let body = r#"      x-portcullis-body-limit: 1 KiB
      requestBody: {content: {application/json: {schema: {}}}}"#;
    let text = document("{}").replace("      requestBody: {}", body);
    let limited = contract(&text);
    assert_eq!(limited.operations()[0].body_limit, 1024);
    refused(&limited, Some("application/json"), &[b' '; 1025], Reason::BodyTooLarge);
    let options = CompileOptions { body_limit: 10, ..CompileOptions::default() };
    let other = contract_with(&document("{content: {application/json: {schema: {}}}}"), &options);
    assert_eq!(other.operations()[0].body_limit, 10);
    finds(&text.replace("1 KiB", "lots"), &["C0304"]);
}

// proves: VAL-10
#[test]
fn json_that_can_be_read_in_two_ways_is_refused() {
    let contract = contract(&body_document("3.1.1", "true"));
    let deep = format!("{}{}", "[".repeat(10_000), "]".repeat(10_000));
    let many = format!("{{{}}}", (0..90_000).map(|n| format!("\"{n}\":0")).collect::<Vec<_>>().join(","));
    for bad in [
        r#"{"a":1,"a":2}"#,
        r#"{"a":1,"\u0061":2}"#,
        r#"["\ud800"]"#,
        "NaN",
        "[1,]",
        "{} {}",
        "// x\n1",
        "'a'",
        "01",
        "1e400",
        "\u{feff}{}",
        &deep,
        &many,
    ] {
        assert_eq!(listed(&judge_body(&contract, bad)), ["body_malformed"], "{}", &bad[..bad.len().min(40)]);
    }
    assert_eq!(listed(&judge(&contract, Some("application/json"), b"\"\xff\"")), ["body_malformed"]);
    for good in ["9007199254740993", "[1e308,1.5]", r#"{"a":{"a":1}}"#] {
        assert!(judge_body(&contract, good).is_ok(), "{good}");
    }
}

// proves-part: VAL-11 (bodies are borrowed and cannot be changed here; big numbers are judged as they are)
#[test]
fn big_integers_are_judged_exactly() {
    let contract = contract(&body_document("3.1.1", r#"{"type": "integer", "maximum": 9007199254740992}"#));
    assert!(judge_body(&contract, "9007199254740992").is_ok());
    assert_eq!(listed(&judge_body(&contract, "9007199254740993")), ["body  maximum"]);
}

// proves: VAL-26
#[test]
fn a_refusal_lists_at_most_twenty_violations_and_no_value() {
    let contract = contract(&body_document(
        "3.1.1",
        r#"{"type": "array", "items": {"type": "object", "properties": {"password": {"type": "string", "maxLength": 3}}}}"#,
    ));
    let item = r#"{"password":"hunter2-secret","hunter2-key":1}"#;
    let body = format!("[{}]", vec![item; 1000].join(","));
    let denial = judge_body(&contract, &body).unwrap_err();
    assert_eq!(denial.violations().len(), 20);
    assert!(!format!("{denial:?}").contains("hunter2-secret"));
    let long = format!(r#"[{{"{}":1}}]"#, "k".repeat(10_000));
    let denial = judge_body(&contract, &long).unwrap_err();
    assert!(denial.violations()[0].at.len() < 200);
}

#[test]
fn violations_point_to_the_place() {
    let contract = contract(&body_document(
        "3.1.1",
        r#"{"type": "object", "properties": {"a/b": {"type": "array", "items": {"type": "integer", "maximum": 5}}}}"#,
    ));
    let denial = judge_body(&contract, r#"{"a/b":[1,6]}"#).unwrap_err();
    let violation = &denial.violations()[0];
    assert_eq!((violation.location, violation.at.as_str()), ("body", "/a~1b/1"));
    assert_eq!((violation.keyword.as_ref(), violation.expected.as_str()), ("maximum", "at most 5"));
}

#[test]
fn forms_are_judged_by_the_same_schema() {
    let contract = contract(&document(
        "{content: {application/x-www-form-urlencoded: {schema: {type: object, required: [name], properties: {name: {type: string, maxLength: 5}, age: {type: integer, minimum: 0}, tag: {type: array, items: {type: string}}}}}}}",
    ));
    let form =
        |body: &str| listed(&judge(&contract, Some("application/x-www-form-urlencoded"), body.as_bytes()));
    assert_eq!(form("name=a+b&age=7&tag=x&tag=y"), Vec::<String>::new());
    assert_eq!(form("name=123"), Vec::<String>::new());
    assert_eq!(form("age=7"), ["body  required"]);
    assert_eq!(form("name=toolong"), ["body /name maxLength"]);
    assert_eq!(form("name=a&age=-1"), ["body /age minimum"]);
    assert_eq!(form("name=a&age=1.0"), ["body /age type"]);
    assert_eq!(form("name=a&admin=1"), ["body /admin additionalProperties"]);
    assert_eq!(form("name=a&name=b"), ["body /name repeated"]);
    assert_eq!(form("name=%zz"), ["body_malformed"]);
    assert_eq!(form("name=%ff"), ["body_malformed"]);
    assert_eq!(form(&"x=1&".repeat(2000)), ["body_malformed"]);
}

#[test]
fn content_that_is_not_looked_into_is_reported() {
    finds(&document("{content: {multipart/form-data: {schema: {type: object}}}}"), &[]);
    finds(&document("{content: {multipart/form-data: {}, multipart/mixed: {}}}"), &["C0350"; 2]);
    finds(&document("{content: {text/plain: {schema: {type: string}}}}"), &[]);
    finds(&document("{content: {text/plain: {}, text/csv: {schema: {type: array}}}}"), &["C0350"; 2]);
    finds(&document("{content: {application/xml: {}, image/png: {}}}"), &["C0350"; 2]);
    finds(&document("{content: {application/x-ndjson: {}}}"), &["C0350"]);
    finds(&document("{content: {application/json: {}}}"), &["C0350"]);
    finds(&document("{content: {'*/*': {schema: {type: object}}}}"), &["C0350"]);
    finds(&document("{content: {json: {}}}"), &["C0351"]);
    finds(&document("{content: {}}"), &["C0301"]);
}

#[test]
fn a_document_within_a_document_is_judged_as_the_text_that_it_is() {
    let contract =
        contract(&body_document("3.1.1", r#"{"type": "object", "properties": {"a": {"type": "integer"}}}"#));
    let body = r#"{"$serde_json::private::RawValue":"{\"a\":1}"}"#;
    assert_eq!(
        listed(&judge_body(&contract, body)),
        ["body /$serde_json::private::RawValue additionalProperties"]
    );
}

// proves: VAL-10
#[test]
fn the_inputs_that_break_other_readers_are_refused_or_judged() {
    let options = CompileOptions { body_limit: 16 << 20, ..CompileOptions::default() };
    let schema = r#"{"anyOf": [{"type": "integer", "maximum": 100}, {"type": "array"}, {"type": "object"}, {"type": "string"}]}"#;
    let contract = contract_with(&body_document("3.1.1", schema), &options);
    let keys = format!("{{{}}}", (0..100_000).map(|n| format!("\"k{n}\":0")).collect::<Vec<_>>().join(","));
    let deep = format!("{}{}", "{\"a\":".repeat(10_000), "1".to_owned() + &"}".repeat(10_000));
    let digits = "9".repeat(100_000);
    for bad in [
        keys.as_str(),
        &deep,
        &digits,
        r#""\udc00""#,
        r#""\ud83d""#,
        r#""\ud83d\u0041""#,
        "-",
        "1.",
        "[1 2]",
        "\"\t\"",
    ] {
        assert_eq!(listed(&judge_body(&contract, bad)), ["body_malformed"], "{}", &bad[..bad.len().min(30)]);
    }
    // 2^70 is a number that every reader has, if not exactly: the schema judges it.
    assert_eq!(listed(&judge_body(&contract, "1180591620717411303424")), ["body  anyOf"]);
    assert!(judge_body(&contract, r#""\ud83d\ude00""#).is_ok());
}

#[test]
fn a_type_that_lies_is_judged_as_what_it_says() {
    let contract = contract(&document(
        "{content: {application/json: {schema: {type: object}}, text/plain: {schema: {type: string, maxLength: 5}}, application/x-www-form-urlencoded: {schema: {type: object, properties: {a: {type: string}}}}, multipart/form-data: {schema: {type: object}}, application/xml: {}}}",
    ));
    let json = br#"{"a":"<x/>"}"#;
    let said = |content_type: &str, body: &[u8]| listed(&judge(&contract, Some(content_type), body));
    assert_eq!(said("application/json", json), Vec::<String>::new());
    assert_eq!(said("text/plain", json), ["body  maxLength"]);
    assert_eq!(
        said("application/x-www-form-urlencoded", json),
        ["body /{\"a\":\"<x~1>\"} additionalProperties"]
    );
    assert_eq!(said("multipart/form-data; boundary=x", json), ["body_malformed"]);
    assert_eq!(said("multipart/form-data", json), ["body_malformed"]);
    assert_eq!(said("application/xml", json), ["body_malformed"]);
    assert_eq!(said("application/json", b"a=1"), ["body_malformed"]);
    assert_eq!(said("application/json", b"<a/>"), ["body_malformed"]);
}

#[test]
fn an_api_can_answer_what_breaks_its_contract_with_422() {
    let options = CompileOptions { invalid: Invalid::UnprocessableContent, ..CompileOptions::default() };
    let contract = contract_with(
        &document("{required: true, content: {application/json: {schema: {type: object}}}}"),
        &options,
    );
    let json = Some("application/json");
    let denial = refused(&contract, json, b"[]", Reason::RequestUnprocessable);
    assert_eq!((denial.reason().status(), denial.violations().len()), (422, 1));
    refused(&contract, json, b"{", Reason::BodyMalformed);
    refused(&contract, Some("text/plain"), b"{}", Reason::MediaTypeUnsupported);
}
