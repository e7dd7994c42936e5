//! Each bound one below, at and one above, wherever a value can stand (VAL-04); patterns that explode
//! elsewhere (VAL-23).

use http::{HeaderValue, Method};
use portcullis_domain::Denial;
use serde_json::{Value, json};

use crate::support::{body_document, contract, finds, judge_body, judge_head, listed, parameter_document};

/// A schema, texts that keep it, and texts that break this keyword.
type Row = (&'static str, &'static [&'static str], &'static [(&'static str, &'static str)]);

/// Scalars, as they stand in parameters and forms. Where JSON writes them otherwise, see [`as_json`].
const SCALARS: &[Row] = &[
    ("{type: string, minLength: 2}", &["ab", "abc"], &[("a", "minLength")]),
    ("{type: string, maxLength: 2}", &["a", "ab", "é€"], &[("abc", "maxLength")]),
    ("{type: string, minLength: 1}", &["a"], &[("", "minLength")]),
    ("{type: string, pattern: '^[a-z]{2,3}$'}", &["ab", "abc"], &[("a", "pattern"), ("abcd", "pattern")]),
    ("{type: string, enum: [a, b]}", &["a", "b"], &[("c", "enum"), ("A", "enum")]),
    ("{const: a}", &["a"], &[("b", "const")]),
    ("{type: integer, minimum: 2}", &["2", "3"], &[("1", "minimum")]),
    ("{type: integer, maximum: 2}", &["1", "2"], &[("3", "maximum")]),
    ("{type: integer, exclusiveMinimum: 2}", &["3"], &[("1", "exclusiveMinimum"), ("2", "exclusiveMinimum")]),
    ("{type: integer, exclusiveMaximum: 2}", &["1"], &[("2", "exclusiveMaximum"), ("3", "exclusiveMaximum")]),
    ("{type: number, minimum: 0.5}", &["0.5", "0.51"], &[("0.49", "minimum")]),
    ("{type: number, maximum: 0.5}", &["0.49", "0.5"], &[("0.51", "maximum")]),
    ("{type: integer, multipleOf: 3}", &["3", "0", "-3"], &[("2", "multipleOf"), ("4", "multipleOf")]),
    ("{type: integer, format: int32}", &["2147483646", "2147483647"], &[("2147483648", "maximum")]),
    ("{type: integer, format: int32}", &["-2147483647", "-2147483648"], &[("-2147483649", "minimum")]),
    (
        "{type: integer, format: int64}",
        &["9223372036854775806", "9223372036854775807"],
        &[("9223372036854775808", "maximum")],
    ),
    ("{type: integer, format: uint8}", &["0", "254", "255"], &[("256", "maximum"), ("-1", "minimum")]),
    (
        "{type: string, format: date}",
        &["2024-02-28", "2024-02-29"],
        &[("2024-02-30", "format"), ("2023-02-29", "format"), ("2024-2-1", "format")],
    ),
    (
        "{type: string, format: date-time}",
        &["2026-11-24T06:30:00Z", "2026-11-24T23:59:59.9-01:00"],
        &[("2026-11-24T24:00:00Z", "format"), ("2026-11-24", "format"), ("2026-11-24T06:30:00", "format")],
    ),
    (
        "{type: string, format: uuid}",
        &["0192f0c1-2d3e-7a4b-8c5d-6e7f8a9b0c1d"],
        &[
            ("0192f0c1-2d3e-7a4b-8c5d-6e7f8a9b0c1", "format"),
            ("0192f0c1-2d3e-7a4b-8c5d-6e7f8a9b0c1d0", "format"),
            ("g192f0c1-2d3e-7a4b-8c5d-6e7f8a9b0c1d", "format"),
        ],
    ),
    (
        "{type: string, format: ipv4}",
        &["0.0.0.0", "255.255.255.255"],
        &[("256.0.0.0", "format"), ("1.2.3", "format"), ("01.2.3.4", "format"), ("1.2.3.4.5", "format")],
    ),
    (
        "{type: string, format: ipv6}",
        &["::", "2001:db8::1"],
        &[("2001:db8::1::", "format"), (":::", "format"), ("g::", "format")],
    ),
    (
        "{type: string, format: email}",
        &["a@example.com"],
        &[("a@", "format"), ("@example.com", "format"), ("a", "format")],
    ),
    ("{type: boolean}", &["true", "false"], &[("1", "type"), ("TRUE", "type"), ("", "type")]),
    (
        "{type: integer}",
        &["0", "-1"],
        &[("1.0", "type"), ("1e0", "type"), ("+1", "type"), ("01", "type"), ("0x1", "type"), (" 1", "type")],
    ),
];

/// A schema of lists, lists that keep it, and lists that break it with the keyword that is broken.
type ListCase =
    (&'static str, &'static [&'static [&'static str]], &'static [(&'static [&'static str], &'static str)]);

/// Lists as they stand in an exploded query or a form: their items.
const LISTS: &[ListCase] = &[
    (
        "{type: array, items: {type: integer}, minItems: 2}",
        &[&["1", "2"], &["1", "2", "3"]],
        &[(&["1"], "minItems")],
    ),
    (
        "{type: array, items: {type: integer}, maxItems: 2}",
        &[&["1"], &["1", "2"]],
        &[(&["1", "2", "3"], "maxItems")],
    ),
    (
        "{type: array, items: {type: integer}, uniqueItems: true}",
        &[&["1", "2"]],
        &[(&["1", "1"], "uniqueItems")],
    ),
    ("{type: array, items: {type: integer, maximum: 2}}", &[&["1", "2"]], &[(&["1", "3"], "maximum")]),
];

fn encoded(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02X}")).collect()
}

/// Judges `text` as a path, query, header and cookie parameter, as a field of both kinds of forms, and as
/// JSON; with the place's name.
fn everywhere(schema: &str, text: &str) -> Vec<(&'static str, Result<(), Denial>)> {
    let mut results = Vec::new();
    let parameter = |place: &str| {
        let id = if place == "path" {
            ""
        } else {
            "{name: id, in: path, required: true, schema: {type: integer}}, "
        };
        let name = if place == "path" { "id" } else { "it" };
        parameter_document(&format!("{id}{{name: {name}, in: {place}, required: true, schema: {schema}}}"))
    };
    let head = |place: &str, target: &str, headers: &[(&str, &str)]| {
        judge_head(&contract(&parameter(place)), Method::GET, target, headers)
    };
    if !text.is_empty() {
        results.push(("path", head("path", &format!("/it/{}", encoded(text)), &[])));
    }
    results.push(("query", head("query", &format!("/it/1?it={}", encoded(text)), &[])));
    // Optional whitespace around a field's value is no part of it.
    if text.is_ascii() && text.trim() == text {
        results.push(("header", head("header", "/it/1", &[("it", text)])));
        results.push(("cookie", head("cookie", "/it/1", &[("cookie", &format!("it={text}"))])));
    }
    for (kind, content_type, body) in [
        ("form", "application/x-www-form-urlencoded", format!("it={}", encoded(text))),
        (
            "multipart",
            "multipart/form-data; boundary=b",
            format!("--b\r\nContent-Disposition: form-data; name=\"it\"\r\n\r\n{text}\r\n--b--"),
        ),
    ] {
        let media_type = content_type.split(';').next().unwrap();
        let document = format!(
            "openapi: 3.1.1\ninfo: {{title: t, version: '1'}}\npaths:\n  /it:\n    post:\n      x-portcullis-access: public\n      requestBody: {{content: {{{media_type}: {{schema: {{type: object, properties: {{it: {schema}}}}}}}}}}}\n      responses: {{}}\n"
        );
        let contract = contract(&document);
        let value = HeaderValue::from_static(content_type);
        results.push((kind, contract.operations()[0].validate_body(Some(&value), body.as_bytes())));
    }
    if let Some(value) = as_json(schema, text) {
        let document = body_document("3.1.1", schema);
        results.push(("json", judge_body(&contract(&document), &value.to_string())));
    }
    results
}

/// The JSON value that is written like `text`; `None` where JSON has no such text.
fn as_json(schema: &str, text: &str) -> Option<Value> {
    let is_text = ["string", "const"].iter().any(|kind| schema.contains(kind));
    if is_text {
        Some(json!(text))
    } else {
        serde_json::from_str(text)
            .ok()
            .filter(|_| !text.starts_with("1.0") && !text.starts_with("1e") && text.trim() == text)
    }
}

// proves: VAL-04
#[test]
fn every_bound_holds_at_its_boundary_wherever_a_value_can_stand() {
    for (schema, good, bad) in SCALARS {
        for text in *good {
            for (place, result) in everywhere(schema, text) {
                assert_eq!(listed(&result), Vec::<String>::new(), "{schema} {text:?} in {place}");
            }
        }
        for (text, keyword) in *bad {
            for (place, result) in everywhere(schema, text) {
                let found = listed(&result);
                assert!(
                    found.iter().any(|line| line.ends_with(keyword)),
                    "{schema} {text:?} in {place}: {found:?}"
                );
            }
        }
    }
    for (schema, good, bad) in LISTS {
        let document = parameter_document(&format!(
            "{{name: id, in: path, required: true, schema: {{type: integer}}}}, {{name: it, in: query, schema: {schema}}}"
        ));
        let (query, body) = (contract(&document), contract(&body_document("3.1.1", schema)));
        let judge = |items: &[&str]| {
            let pairs: Vec<String> = items.iter().map(|item| format!("it={item}")).collect();
            let target = format!("/it/1?{}", pairs.join("&"));
            let array = format!("[{}]", items.join(","));
            [judge_head(&query, Method::GET, &target, &[]), judge_body(&body, &array)]
        };
        for items in *good {
            assert!(judge(items).iter().all(Result::is_ok), "{schema} {items:?}");
        }
        for (items, keyword) in *bad {
            for result in judge(items) {
                let found = listed(&result);
                assert!(found.iter().any(|line| line.ends_with(keyword)), "{schema} {items:?}: {found:?}");
            }
        }
    }
}

/// Patterns that take a backtracking matcher a time exponential or of high degree in its input, and inputs
/// that show it: OWASP's list, and what was found in libraries.
const EXPLOSIVE: &[(&str, &str, &str)] = &[
    ("^(a+)+$", "a", "!"),
    ("^([a-zA-Z]+)*$", "a", "!"),
    ("^(a|aa)+$", "a", "!"),
    ("^(a|a?)+$", "a", "!"),
    ("^(.*a){10}$", "a", "!"),
    ("^(([a-z])+.)+[A-Z]([a-z])+$", "a", "!"),
    (
        r"^([a-zA-Z0-9])(([\\-.]|[_]+)?([a-zA-Z0-9]+))*(@){1}[a-z0-9]+[.]{1}(([a-z]{2,3})|([a-z]{2,3}[.]{1}[a-z]{2,3}))$",
        "a",
        "!",
    ),
    (r"^(\\s*\\w+)*;$", " a", "!"),
    (r"^(\\d+,?)*\\.$", "1", "!"),
];

// proves-part: VAL-23 (in this crate; the gateway's walk shows the answer)
#[test]
fn patterns_that_explode_elsewhere_cost_a_bounded_time() {
    for (pattern, piece, end) in EXPLOSIVE {
        let schema = format!(r#"{{"type": "string", "pattern": "{pattern}"}}"#);
        let contract = contract(&body_document("3.1.1", &schema));
        // A matcher that goes back would not come to an end within the age of the world.
        let evil = format!("\"{}{end}\"", piece.repeat(50_000));
        assert_eq!(listed(&judge_body(&contract, &evil)), ["body  pattern"], "{pattern}");
    }
}

// proves-part: VAL-23 (what the engine does not take is not compiled into something slower)
#[test]
fn patterns_that_need_more_than_a_linear_engine_are_reported_and_not_run() {
    for pattern in [
        "(a)\\\\1",
        "a(?=b)",
        "a(?!b)",
        "(?<=a)b",
        "(?<!a)b",
        "(?>a+)b",
        "(((a{100}){100}){100})",
        "(\\\\w{1000}){1000}",
    ] {
        let schema = format!(r#"{{"type": "string", "pattern": "{pattern}"}}"#);
        finds(&body_document("3.1.1", &schema), &["C0334"]);
    }
}
