//! Parameters: places, styles, types, presence.

use http::Method;
use portcullis_contract::{CompileOptions, Undeclared};
use portcullis_domain::Reason;

use crate::support::{contract, contract_with, finds, judge_body, judge_head, listed, parameter_document};

const ID: &str = "{name: id, in: path, required: true, schema: {type: integer, minimum: 1}}";

/// With `parameters` beside a path parameter `id`, a request gets these violations.
#[track_caller]
fn check(parameters: &str, target: &str, headers: &[(&str, &str)], expected: &[&str]) {
    let contract = contract(&parameter_document(&format!("{ID}, {parameters}")));
    assert_eq!(
        listed(&judge_head(&contract, Method::GET, target, headers)),
        expected,
        "{target} {headers:?}"
    );
}

// proves: VAL-01
#[test]
fn each_location_is_checked_before_anything_is_forwarded() {
    let text = "openapi: 3.1.1\ninfo: {}\npaths:\n  /it/{id}:\n    post:\n      x-portcullis-access: public\n      parameters:\n      - {name: id, in: path, required: true, schema: {type: integer, minimum: 1}}\n      - {name: q, in: query, schema: {type: integer}}\n      - {name: X-H, in: header, schema: {type: integer}}\n      - {name: c, in: cookie, schema: {type: integer}}\n      requestBody: {content: {application/json: {schema: {type: object, properties: {n: {type: integer}}}}}}\n";
    let contract = contract(text);
    let good = judge_head(&contract, Method::POST, "/it/1?q=1", &[("x-h", "1"), ("cookie", "c=1; other=x")]);
    assert!(good.is_ok() && judge_body(&contract, r#"{"n":1}"#).is_ok());
    let bad = judge_head(&contract, Method::POST, "/it/0?q=x", &[("x-h", "x"), ("cookie", "c=x")]);
    assert_eq!(listed(&bad), ["path id minimum", "query q type", "header X-H type", "cookie c type"]);
    let body = judge_body(&contract, r#"{"n":"x"}"#);
    assert_eq!(listed(&body), ["body /n type"]);
    for denial in [bad.unwrap_err(), body.unwrap_err()] {
        assert_eq!(denial.reason().status(), 400);
    }
}

#[test]
fn path_parameters_are_decoded_and_typed() {
    for (target, expected) in [
        ("/it/7", None),
        ("/it/%37", None),
        ("/it/7.0", Some("path id type")),
        ("/it/07", Some("path id type")),
        ("/it/x", Some("path id type")),
        ("/it/1%202", Some("path id type")),
        ("/it/%FF", Some("path id encoding")),
    ] {
        check("", target, &[], expected.as_slice());
    }
}

// proves: VAL-02
#[test]
fn undeclared_query_parameters_are_refused() {
    let q = "{name: q, in: query, schema: {type: string}}";
    check(q, "/it/1?q=a&debug=1", &[], &["query debug undeclared"]);
    check(q, "/it/1?Q=a", &[], &["query Q undeclared"]);
    check(q, "/it/1?%71=a", &[], &[]);
    check(q, "/it/1?", &[], &[]);
    check(q, "/it/1?&&q=a&", &[], &[]);
    check(q, "/it/1?%ff=a", &[], &["query  encoding"]);
}

#[test]
fn a_switch_lets_undeclared_query_parameters_pass() {
    let options = CompileOptions { undeclared_query: Undeclared::Passed, ..CompileOptions::default() };
    let text = parameter_document(&format!("{ID}, {{name: q, in: query, schema: {{type: integer}}}}"));
    let contract = contract_with(&text, &options);
    assert_eq!(listed(&judge_head(&contract, Method::GET, "/it/1?utm_source=x&q=x", &[])), ["query q type"]);
}

// proves: VAL-12
#[test]
fn repeated_scalars_and_singleton_headers_are_refused() {
    let scalars = "{name: q, in: query, schema: {type: integer}}, {name: X-H, in: header, schema: {type: string}}, {name: c, in: cookie, schema: {type: string}}";
    check(scalars, "/it/1?q=1&q=2", &[], &["query q repeated"]);
    check(scalars, "/it/1?q=1&%71=2", &[], &["query q repeated"]);
    check(scalars, "/it/1", &[("x-h", "a"), ("x-h", "b")], &["header X-H repeated"]);
    check(scalars, "/it/1", &[("cookie", "c=1; c=2")], &["cookie c repeated"]);
    for name in ["content-type", "authorization", "user-agent", "referer", "range", "host"] {
        check(scalars, "/it/1", &[(name, "a"), (name, "b")], &[Reason::HeaderRepeated.code()]);
    }
}

#[test]
fn required_parameters_must_be_there() {
    let required = "{name: q, in: query, required: true, schema: {type: string}}, {name: X-H, in: header, required: true, schema: {type: string}}";
    check(required, "/it/1?q=", &[("x-h", "")], &[]);
    check(required, "/it/1", &[], &["query q required", "header X-H required"]);
    check("{name: q, in: query, allowEmptyValue: true, schema: {type: integer}}", "/it/1?q", &[], &[]);
    check("{name: q, in: query, schema: {type: integer}}", "/it/1?q=", &[], &["query q type"]);
}

#[test]
fn lists_are_written_in_every_style() {
    let list = |more: &str| {
        format!(
            "{{name: ids, in: query, {more} schema: {{type: array, maxItems: 2, items: {{type: integer}}}}}}"
        )
    };
    check(&list(""), "/it/1?ids=1&ids=2", &[], &[]);
    check(&list(""), "/it/1?ids=1,2", &[], &["query ids/0 type"]);
    check(&list(""), "/it/1?ids=1&ids=2&ids=3", &[], &["query ids maxItems"]);
    check(&list("explode: false,"), "/it/1?ids=1,2", &[], &[]);
    check(&list("explode: false,"), "/it/1?ids=1,x", &[], &["query ids/1 type"]);
    check(&list("explode: false,"), "/it/1?ids=1%2C2", &[], &["query ids/0 type"]);
    check(&list("explode: false,"), "/it/1?ids=1&ids=2", &[], &["query ids repeated"]);
    check(&list("style: spaceDelimited, explode: false,"), "/it/1?ids=1%202", &[], &[]);
    check(&list("style: pipeDelimited, explode: false,"), "/it/1?ids=1|2", &[], &[]);
    check(
        &list("style: pipeDelimited, explode: false,"),
        "/it/1?ids=1%7C2%7c3",
        &[],
        &["query ids maxItems"],
    );
    let header = "{name: X-L, in: header, schema: {type: array, items: {type: integer}}}";
    check(header, "/it/1", &[("x-l", "1, 2,3")], &[]);
    check(header, "/it/1", &[("x-l", "1,a")], &["header X-L/1 type"]);
}

#[test]
fn objects_are_written_in_every_style() {
    let object = |more: &str| {
        format!(
            "{{name: f, in: query, {more} schema: {{type: object, properties: {{a: {{type: integer}}, b: {{type: string}}}}}}}}"
        )
    };
    check(&object("style: deepObject,"), "/it/1?f[a]=1&f%5Bb%5D=x", &[], &[]);
    check(&object("style: deepObject,"), "/it/1?f[a]=x", &[], &["query f/a type"]);
    check(&object("style: deepObject,"), "/it/1?f[c]=x", &[], &["query f/c additionalProperties"]);
    check(&object("style: deepObject,"), "/it/1?f[a]=1&f[a]=2", &[], &["query f/a repeated"]);
    check(&object("style: deepObject,"), "/it/1?f=1", &[], &["query f undeclared"]);
    check(&object(""), "/it/1?a=1&b=x", &[], &[]);
    check(&object(""), "/it/1?a=1&c=x", &[], &["query c undeclared"]);
    check(&object("explode: false,"), "/it/1?f=a,1,b,x", &[], &[]);
    check(&object("explode: false,"), "/it/1?f=a,1,b", &[], &["query f encoding"]);
}

#[test]
fn path_styles_split_segments() {
    let document =
        |parameter: &str| parameter_document(&format!("{{name: id, in: path, required: true, {parameter}}}"));
    let check = |parameter: &str, target: &str, expected: &[&str]| {
        let contract = contract(&document(parameter));
        assert_eq!(
            listed(&judge_head(&contract, Method::GET, target, &[])),
            expected,
            "{parameter} {target}"
        );
    };
    let list = "schema: {type: array, items: {type: integer}}";
    check(list, "/it/1,2", &[]);
    check(list, "/it/1,x", &["path id/1 type"]);
    check(&format!("style: label, {list}"), "/it/.1,2", &[]);
    check(&format!("style: label, explode: true, {list}"), "/it/.1.2", &[]);
    check(&format!("style: label, {list}"), "/it/1,2", &["path id encoding"]);
    let object = "schema: {type: object, properties: {a: {type: integer}}}";
    check(object, "/it/a,1", &[]);
    check(&format!("explode: true, {object}"), "/it/a=1", &[]);
    check(&format!("explode: true, {object}"), "/it/a=x", &["path id/a type"]);
    finds(&document(&format!("style: matrix, {list}")), &["C0341"]);
}

#[test]
fn text_that_could_be_several_things_passes_as_any_of_the_declared_ones() {
    let either = "{name: q, in: query, schema: {oneOf: [{type: integer, maximum: 10}, {type: string, pattern: '^2'}]}}";
    check(either, "/it/1?q=7", &[], &[]);
    check(either, "/it/1?q=20", &[], &[]);
    check(either, "/it/1?q=30", &[], &["query q oneOf"]);
}

#[test]
fn text_without_a_declared_type_must_pass_as_every_one() {
    check("{name: q, in: query, schema: {maximum: 5}}", "/it/1?q=6", &[], &["query q maximum"]);
    check("{name: q, in: query, schema: {maxLength: 2}}", "/it/1?q=123", &[], &["query q maxLength"]);
    check("{name: q, in: query, schema: {enum: ['1', '2']}}", "/it/1?q=1", &[], &[]);
    check("{name: q, in: query, schema: {}}", "/it/1?q=anything", &[], &[]);
}

#[test]
fn json_can_stand_in_a_parameter() {
    let json = "{name: q, in: query, content: {application/json: {schema: {type: object, properties: {a: {type: integer}}}}}}";
    check(json, "/it/1?q=%7B%22a%22:1%7D", &[], &[]);
    check(json, "/it/1?q=%7B%22a%22:%221%22%7D", &[], &["query q/a type"]);
    check(json, "/it/1?q=%7B%22a%22:1,%22a%22:2%7D", &[], &["query q content"]);
}

#[test]
fn headers_that_other_parts_of_a_document_describe_are_not_parameters() {
    let ignored = "{name: Accept, in: header, required: true, schema: {type: integer}}, {name: Authorization, in: header, required: true, schema: {type: integer}}, {name: Content-Type, in: header, schema: {type: integer}}";
    check(ignored, "/it/1", &[("accept", "*/*")], &[]);
}

#[test]
fn parameters_of_an_operation_win_over_those_of_its_path() {
    let contract = contract(
        "openapi: 3.1.1\ninfo: {}\npaths:\n  /it:\n    parameters: [{name: q, in: query, schema: {type: integer}}, {name: r, in: query, schema: {type: integer}}]\n    get: {x-portcullis-access: public, parameters: [{name: q, in: query, schema: {type: boolean}}]}\n",
    );
    assert_eq!(listed(&judge_head(&contract, Method::GET, "/it?q=true&r=1", &[])), Vec::<String>::new());
    assert_eq!(
        listed(&judge_head(&contract, Method::GET, "/it?q=1&r=true", &[])),
        ["query q type", "query r type"]
    );
}

#[test]
fn keys_in_the_query_are_not_the_contracts_to_judge() {
    let contract = contract(
        "openapi: 3.1.1\ninfo: {}\nsecurity: [{key: []}]\ncomponents: {securitySchemes: {key: {type: apiKey, in: query, name: api_key}}}\npaths:\n  /it: {get: {}}\n",
    );
    assert_eq!(listed(&judge_head(&contract, Method::GET, "/it?api_key=s", &[])), Vec::<String>::new());
}

#[test]
fn unsatisfiable_accept_is_refused() {
    let contract = contract(
        "{openapi: 3.1.1, info: {}, paths: {/it: {get: {x-portcullis-access: public, responses: {'200': {description: d, content: {application/json: {}}}}}}}}",
    );
    assert_eq!(
        listed(&judge_head(&contract, Method::GET, "/it", &[("accept", "image/png")])),
        ["accept_unsatisfiable"]
    );
    assert!(judge_head(&contract, Method::GET, "/it", &[("accept", "application/*, image/png")]).is_ok());
}

#[test]
fn malformed_parameters_are_refused() {
    for parameter in [
        "{in: query, schema: {}}",
        "{name: q, schema: {}}",
        "{name: q, in: body, schema: {}}",
        "{name: q, in: query, style: simple, schema: {}}",
        "{name: q, in: cookie, style: cookie, schema: {}}",
        "{name: q, in: header, allowReserved: true, schema: {}}",
        "{name: q, in: query, schema: {}, content: {text/plain: {}}}",
        "{name: q, in: query, content: {}}",
        "{name: 'a b', in: header, schema: {}}",
        "{name: q, in: query, schema: {}}, {name: q, in: query, schema: {}}",
    ] {
        finds(&parameter_document(&format!("{ID}, {parameter}")), &["C0340"]);
    }
}

#[test]
fn what_is_not_enforced_is_reported() {
    finds(&parameter_document(&format!("{ID}, {{name: q, in: query}}")), &["C0341"]);
    finds(
        &parameter_document(&format!("{ID}, {{name: q, in: query, content: {{text/csv: {{}}}}}}")),
        &["C0341"],
    );
    finds(
        &parameter_document(&format!("{ID}, {{name: q, in: query, schema: {{type: object}}}}")),
        &["C0342"],
    );
    finds(&parameter_document(""), &["C0308"]);
    finds(
        &parameter_document(&format!("{ID}, {{name: ix, in: path, required: true, schema: {{}}}}")),
        &["C0309"],
    );
}
