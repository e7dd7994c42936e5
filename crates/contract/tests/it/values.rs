//! Rules on values that JSON Schema cannot say: URLs, characters, members that must fit each other.

use http::Method;
use portcullis_contract::{Beyond, CompileOptions, Contract, PageLimit, Undeclared};
use portcullis_domain::{Denial, Reason};

use crate::support::{
    body_document, contract, contract_with, finds, judge_body, judge_head, parameter_document,
};

/// What a refusal lists: location, place, keyword and what was expected.
fn violations(result: &Result<(), Denial>) -> Vec<(&str, &str, &str, &str)> {
    let list = result.as_ref().err().map_or(&[][..], Denial::violations);
    list.iter().map(|one| (one.location, one.at.as_str(), &*one.keyword, one.expected.as_str())).collect()
}

const URL: &str = r#"{"type": "object", "properties": {"callback": {"type": "string", "maxLength": 200,
    "x-portcullis-url": {"hosts": ["*.example.com", "93.184.216.34"]}}}}"#;

// proves-part: VAL-17 (the contract; the gateway's walk shows what the upstream sees)
#[test]
fn a_url_leads_only_where_the_schema_says() {
    let contract = contract(&body_document("3.1.0", URL));
    judge_body(&contract, r#"{"callback": "https://hooks.example.com/a"}"#).unwrap();
    judge_body(&contract, r#"{"callback": "https://93.184.216.34/"}"#).unwrap();
    let refused = judge_body(&contract, r#"{"callback": "https://169.254.169.254/"}"#);
    assert_eq!(
        violations(&refused),
        [("body", "/callback", "x-portcullis-url", "a URL with a host that is allowed, in ASCII")]
    );
    for bad in ["http://hooks.example.com/", "https://a@hooks.example.com/", "https://hooks.example.com:1/"] {
        judge_body(&contract, &format!(r#"{{"callback": "{bad}"}}"#)).unwrap_err();
    }
}

// proves-part: VAL-17 (parameters)
#[test]
fn a_parameter_is_judged_after_it_was_decoded() {
    let contract = contract(&parameter_document(
        "{name: to, in: query, schema: {type: string, x-portcullis-url: {schemes: [http, https]}}}",
    ));
    judge_head(&contract, Method::GET, "/it/1?to=https%3A%2F%2Fexample.com%2F", &[]).unwrap();
    for inner in
        ["http://2130706433/", "http://%5B::1%5D/", "http%3a%2f%2flocalhost/", "http://a%40example.com"]
    {
        let refused = judge_head(&contract, Method::GET, &format!("/it/1?to={inner}"), &[]);
        assert_eq!(violations(&refused)[0].2, "x-portcullis-url", "{inner}");
    }
}

// proves-part: VAL-24 (the contract; the gateway's walk shows what the upstream sees)
#[test]
fn a_name_that_deceives_is_refused() {
    let contract = contract(&body_document(
        "3.0.3",
        r#"{"type": "object", "properties": {
            "user": {"type": "string", "nullable": true, "x-portcullis-text": "identifier"},
            "note": {"type": "string", "x-portcullis-text": "plain"}}}"#,
    ));
    judge_body(&contract, r#"{"user": "Ελένη", "note": "one\ntwo"}"#).unwrap();
    judge_body(&contract, r#"{"user": null}"#).unwrap();
    let refused = judge_body(&contract, r#"{"user": "alice\u202enimda", "note": "a\u0000b"}"#);
    assert_eq!(
        violations(&refused),
        [
            ("body", "/user", "x-portcullis-text", "no characters that change the direction of text"),
            ("body", "/note", "x-portcullis-text", "no control characters"),
        ]
    );
}

const RULES: &str = r##"{"type": "object",
    "allOf": [{"$ref": "#/components/schemas/Base"}],
    "properties": {
        "low": {"type": "integer"}, "high": {"type": "number"},
        "start": {"type": "string", "format": "date-time"}, "end": {"type": "string", "format": "date-time"},
        "period": {"type": "object", "properties": {
            "from": {"type": "string", "format": "date"}, "to": {"type": "string", "format": "date"}}},
        "password": {"type": "string"}, "again": {"type": "string"},
        "card": {"type": "string"}, "iban": {"type": "string"}},
    "x-portcullis-rules": [
        {"less_or_equal": ["/low", "/high"]},
        {"less_than": ["/start", "/end"]},
        {"less_than": ["/period/from", "/period/to"]},
        {"equal": ["/password", "/again"]},
        {"required_with": ["/base", "/low", "/high"]},
        {"one_of": ["/card", "/iban"]}]}, "Base": {"type": "object", "properties": {"base": {"type": "string"}}}"##;

// proves-part: VAL-25 (the contract; the gateway's walk shows what the upstream sees)
#[test]
fn members_must_fit_each_other() {
    let contract = contract(&body_document("3.1.0", RULES));
    for good in [
        r#"{"card": "1"}"#,
        r#"{"card": "1", "low": 1, "high": 1}"#,
        r#"{"card": "1", "low": 9007199254740992, "high": 9007199254740993}"#,
        r#"{"iban": "1", "start": "2026-01-01T01:00:00+02:00", "end": "2026-01-01T00:00:00Z"}"#,
        r#"{"iban": "1", "card": null}"#,
        r#"{"card": "1", "period": {"from": "2026-02-28", "to": "2026-03-01"}}"#,
        r#"{"card": "1", "period": {"from": "2026-02-28"}}"#,
        r#"{"card": "1", "password": "a", "again": "a"}"#,
        r#"{"card": "1", "base": "b", "low": 1, "high": 2}"#,
    ] {
        // Null is no string: only the rule is asked here.
        let judged = judge_body(&contract, good);
        let broken = violations(&judged);
        assert!(broken.iter().all(|violation| violation.2 != "x-portcullis-rules"), "{good}: {broken:?}");
    }
    for (bad, expected) in [
        (r#"{"card": "1", "low": 9007199254740993, "high": 9007199254740992}"#, "`/low` at most `/high`"),
        (r#"{"card": "1", "low": 2, "high": 1.5}"#, "`/low` at most `/high`"),
        (
            r#"{"card": "1", "start": "2026-01-01T00:00:00Z", "end": "2026-01-01T01:00:00+02:00"}"#,
            "`/start` less than `/end`",
        ),
        (
            r#"{"card": "1", "start": "2026-01-01T00:00:00Z", "end": "2026-01-01T00:00:00Z"}"#,
            "`/start` less than `/end`",
        ),
        (
            r#"{"card": "1", "period": {"from": "2026-03-01", "to": "2026-02-28"}}"#,
            "`/period/from` less than `/period/to`",
        ),
        (r#"{"card": "1", "password": "a", "again": "b"}"#, "`/password` equal to `/again`"),
        (r#"{"card": "1", "base": "b", "low": 1}"#, "`/low`, `/high` together with `/base`"),
        (r#"{"card": "1", "iban": "1"}"#, "exactly one of `/card`, `/iban`"),
        (r"{}", "exactly one of `/card`, `/iban`"),
    ] {
        let refused = judge_body(&contract, bad);
        assert_eq!(violations(&refused), [("body", "", "x-portcullis-rules", expected)], "{bad}");
    }
}

#[test]
fn what_cannot_be_compared_is_not_let_through() {
    let contract = contract(&body_document("3.1.0", RULES));
    // RFC 3339 sets no bound on the digits of a second; a moment that is too fine to compare breaks the rule.
    let fine = r#"{"card": "1", "start": "2026-01-01T00:00:00.0000000001Z", "end": "2026-01-01T00:00:00Z"}"#;
    let refused = judge_body(&contract, fine);
    assert_eq!(refused.as_ref().unwrap_err().reason(), Reason::RequestInvalid);
}

#[test]
fn a_moment_is_one_wherever_its_format_is_said() {
    let schema = r##"{"type": "object",
        "properties": {
            "start": {"$ref": "#/components/schemas/Moment"},
            "end": {"allOf": [{"$ref": "#/components/schemas/Moment"}, {"maxLength": 40}]}},
        "x-portcullis-rules": [{"less_than": ["/start", "/end"]}]},
        "Moment": {"type": "string", "format": "date-time"}"##;
    let contract = contract(&body_document("3.1.0", schema));
    judge_body(&contract, r#"{"start": "2026-01-01T09:00:00+02:00", "end": "2026-01-01T08:00:00Z"}"#)
        .unwrap();
    judge_body(&contract, r#"{"start": "2026-01-01T08:00:00Z", "end": "2026-01-01T09:00:00+02:00"}"#)
        .unwrap_err();
    let unclear = schema.replace(r#"{"maxLength": 40}"#, r#"{"format": "date"}"#);
    finds(&body_document("3.1.0", &unclear), &["C0304"]);
}

#[test]
fn a_broken_member_is_told_of_and_not_how_it_stands_to_others() {
    let contract = contract(&body_document("3.1.0", RULES));
    let refused = judge_body(&contract, r#"{"card": "1", "low": "x", "high": 1}"#);
    assert_eq!(violations(&refused), [("body", "/low", "type", "integer")]);
}

#[test]
fn a_rule_that_would_not_hold_is_refused_when_it_is_loaded() {
    let finds_malformed = |schema: &str| finds(&body_document("3.1.0", schema), &["C0304"]);
    for schema in [
        r#"{"type": "string", "x-portcullis-url": {"scheme": ["https"]}}"#,
        r#"{"type": "string", "x-portcullis-text": "identifiers"}"#,
        r#"{"x-portcullis-text": "plain"}"#,
        r#"{"type": ["string", "integer"], "x-portcullis-url": {}}"#,
        r#"{"type": "object", "properties": {"a": {"type": "string"}}, "x-portcullis-rules": []}"#,
        r#"{"type": "object", "properties": {"a": {"type": "string"}}, "x-portcullis-rules": [{"less": ["/a", "/a"]}]}"#,
        r#"{"type": "object", "properties": {"a": {"type": "string"}}, "x-portcullis-rules": [{"less_than": ["/a"]}]}"#,
        r#"{"type": "object", "properties": {"a": {"type": "string"}}, "x-portcullis-rules": [{"less_than": ["a", "/a"]}]}"#,
        r#"{"type": "object", "properties": {"a": {"type": "string"}}, "x-portcullis-rules": [{"less_than": ["/a", "/b"]}]}"#,
        r#"{"type": "object", "properties": {"a": {"type": "string"}, "b": {"type": "integer"}}, "x-portcullis-rules": [{"less_than": ["/a", "/b"]}]}"#,
        r#"{"type": "object", "properties": {"a": {}, "b": {}}, "x-portcullis-rules": [{"equal": ["/a", "/b"]}]}"#,
    ] {
        finds_malformed(schema);
    }
    let elsewhere = r##"{"type": "object", "properties": {"a": {"$ref": "#/components/schemas/Text", "x-portcullis-text": "plain"}}},
        "Text": {"type": "string"}"##;
    finds(&body_document("3.0.3", elsewhere), &["C0304"]);
    finds(&body_document("3.1.0", elsewhere), &[]);
}

#[test]
fn a_misspelt_extension_of_a_schema_is_a_mistake() {
    let misspelt = r#"{"type": "string", "x-portcullis-uri": {}}"#;
    let diagnostics = finds(&body_document("3.1.0", misspelt), &["C0312"]);
    assert!(diagnostics.render(portcullis_config::Color::Never).contains("`x-portcullis-url`"));
    finds(&body_document("3.1.0", r#"{"type": "string", "x-other": {}}"#), &[]);
}

// proves-part: VAL-16 (the contract; the gateway's walk shows what the upstream sees)
#[test]
fn a_page_size_is_judged_whether_or_not_the_parameter_is_declared() {
    let limit = |beyond| PageLimit { name: "limit".into(), maximum: 100, beyond };
    let options = |beyond| CompileOptions {
        page_limits: vec![limit(beyond)],
        undeclared_query: Undeclared::Passed,
        ..CompileOptions::default()
    };
    for declared in ["", "{name: limit, in: query, schema: {type: integer}}"] {
        let document = parameter_document(declared);
        let refusing = contract_with(&document, &options(Beyond::Refuse));
        let ask = |contract: &Contract, query: &str| {
            judge_head(contract, Method::GET, &format!("/it/1?{query}"), &[])
        };
        ask(&refusing, "limit=100&other=1000").unwrap();
        for bad in ["limit=101", "limit=-1", "l%69mit=1%300000", "limit=18446744073709551616"] {
            assert_eq!(violations(&ask(&refusing, bad))[0].1, "limit", "{bad}");
        }
        let twice = ask(&refusing, "limit=1&limit=2");
        assert_eq!(violations(&twice), [("query", "limit", "repeated", "the parameter once")]);
        let clamping = contract_with(&document, &options(Beyond::Clamp));
        ask(&clamping, "limit=1000").unwrap();
        let operation = &clamping.operations()[0];
        assert_eq!(operation.paged_query(Some("a&limit=1000")).as_deref(), Some("a&limit=100"));
        assert_eq!(operation.paged_query(Some("a&limit=10")), None);
        assert_eq!(operation.paged_query(None), None);
    }
}

#[test]
fn a_page_limit_belongs_to_a_whole_number_of_the_query() {
    let finds_in = |parameter: &str, code| finds(&parameter_document(parameter), &["C0308", code]);
    let limit = "x-portcullis-page-limit: {maximum: 100}";
    finds_in(&format!("{{name: a, in: query, schema: {{type: string}}, {limit}}}"), "C0304");
    finds_in(&format!("{{name: a, in: header, schema: {{type: integer}}, {limit}}}"), "C0312");
    finds_in("{name: a, in: query, schema: {type: integer}, x-portcullis-page-limit: {max: 1}}", "C0304");
    finds_in("{name: a, in: query, schema: {type: string}, x-portcullis-url: {}}", "C0312");
}
