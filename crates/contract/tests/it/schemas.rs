//! What schemas refuse, in both dialects: each keyword at its boundary, closing, `readOnly`, formats.

use portcullis_contract::{CompileOptions, Objects, ReadOnly, Unbounded};

use crate::support::{body_document, compile, contract, contract_with, finds, judge_body, listed};

/// Under `schema`, every one of `good` passes and every one of `bad` is refused for its keyword.
#[track_caller]
fn check(version: &str, schema: &str, good: &[&str], bad: &[(&str, &str)]) {
    let contract = contract(&body_document(version, schema));
    for body in good {
        assert_eq!(listed(&judge_body(&contract, body)), Vec::<String>::new(), "{schema} takes {body}");
    }
    for (body, expected) in bad {
        assert_eq!(
            listed(&judge_body(&contract, body)),
            [format!("body {expected}")],
            "{schema} refuses {body}"
        );
    }
}

#[track_caller]
fn check_both(schema: &str, good: &[&str], bad: &[(&str, &str)]) {
    for version in ["3.0.3", "3.1.1"] {
        check(version, schema, good, bad);
    }
}

// proves: VAL-03
#[test]
fn values_in_bodies_are_never_converted() {
    check_both(
        r#"{"type": "integer"}"#,
        &["5", "-5", "9007199254740993", "1180591620717411303424"],
        &[("\"5\"", " type"), ("true", " type"), ("null", " type"), ("5.5", " type"), ("[5]", " type")],
    );
    check_both(
        r#"{"type": "boolean"}"#,
        &["true"],
        &[("\"true\"", " type"), ("1", " type"), ("null", " type")],
    );
    check_both(r#"{"type": "string"}"#, &["\"\""], &[("1", " type"), ("null", " type")]);
    check_both(r#"{"type": "number"}"#, &["1", "1.5"], &[("\"1\"", " type")]);
}

// proves-part: VAL-04 (bodies; all places are in `boundaries`)
#[test]
fn every_bound_holds_at_its_boundary() {
    check_both(
        r#"{"type": "string", "minLength": 2, "maxLength": 3}"#,
        &["\"ab\"", "\"aüc\""],
        &[("\"a\"", " minLength"), ("\"abcd\"", " maxLength")],
    );
    check_both(
        r#"{"type": "integer", "minimum": -1, "maximum": 3}"#,
        &["-1", "3"],
        &[("-2", " minimum"), ("4", " maximum")],
    );
    check(
        "3.0.3",
        r#"{"type": "integer", "minimum": 1, "exclusiveMinimum": true, "maximum": 3, "exclusiveMaximum": true}"#,
        &["2"],
        &[("1", " exclusiveMinimum"), ("3", " exclusiveMaximum")],
    );
    check(
        "3.0.3",
        r#"{"type": "integer", "minimum": 1, "exclusiveMinimum": false}"#,
        &["1"],
        &[("0", " minimum")],
    );
    check(
        "3.1.1",
        r#"{"type": "integer", "exclusiveMinimum": 1, "exclusiveMaximum": 3}"#,
        &["2"],
        &[("1", " exclusiveMinimum"), ("3", " exclusiveMaximum")],
    );
    check_both(
        r#"{"type": "number", "multipleOf": 0.01}"#,
        &["0.07", "1.1", "3"],
        &[("0.005", " multipleOf")],
    );
    check_both(
        r#"{"type": "array", "items": {"type": "integer"}, "minItems": 1, "maxItems": 2, "uniqueItems": true}"#,
        &["[1]", "[1,2]"],
        &[("[]", " minItems"), ("[1,2,3]", " maxItems"), ("[1,1]", " uniqueItems"), ("[\"1\"]", "/0 type")],
    );
    check_both(
        r#"{"type": "object", "minProperties": 1, "maxProperties": 2}"#,
        &[r#"{"a":1}"#],
        &[("{}", " minProperties"), (r#"{"a":1,"b":2,"c":3}"#, " maxProperties")],
    );
    check_both(
        r#"{"type": "string", "enum": ["a", "b"]}"#,
        &["\"a\""],
        &[("\"c\"", " enum"), ("\"A\"", " enum")],
    );
    check_both(
        r#"{"type": "string", "pattern": "^[a-z]{2}\\d$"}"#,
        &["\"ab1\""],
        &[("\"ab\"", " pattern"), ("\"ab1\\n\"", " pattern")],
    );
    check("3.1.1", r#"{"const": "x"}"#, &["\"x\""], &[("\"y\"", " const")]);
}

#[test]
fn a_pattern_that_is_not_anchored_matches_anywhere() {
    check_both(r#"{"type": "string", "pattern": "b"}"#, &["\"abc\""], &[("\"ac\"", " pattern")]);
}

// proves-part: VAL-04 (formats in bodies)
#[test]
fn formats_are_asserted() {
    let format = |name: &str| format!(r#"{{"type": "string", "format": "{name}"}}"#);
    for (name, good, bad) in [
        ("date-time", "2026-11-24T06:30:00Z", "2026-11-24 06:30"),
        ("date-time", "2024-02-29T23:59:59.5+01:00", "2023-02-29T00:00:00Z"),
        ("date", "2026-11-24", "2026-13-01"),
        ("uuid", "0192f0c1-2d3e-7a4b-8c5d-6e7f8a9b0c1d", "0192f0c1"),
        ("email", "a@example.com", "a@"),
        ("ipv4", "192.0.2.1", "192.0.2.256"),
        ("ipv6", "2001:db8::1", "2001:db8::g"),
        ("uri", "https://example.com/a", "not a uri"),
        ("hostname", "example.com", "-example.com"),
        ("byte", "TWFu", "TWF*"),
    ] {
        check_both(&format(name), &[&format!("{good:?}")], &[(&format!("{bad:?}"), " format")]);
    }
    check_both(
        r#"{"type": "integer", "format": "int32"}"#,
        &["2147483647", "-2147483648"],
        &[("2147483648", " maximum"), ("-2147483649", " minimum")],
    );
    check_both(
        r#"{"type": "integer", "format": "int64"}"#,
        &["9223372036854775807"],
        &[("9223372036854775808", " maximum")],
    );
    check_both(r#"{"type": "integer", "format": "int32", "maximum": 10}"#, &["10"], &[("11", " maximum")]);
    check_both(
        r#"{"type": "integer", "format": "int32", "maximum": 9000000000}"#,
        &["1"],
        &[("3000000000", " maximum")],
    );
    check_both(r#"{"type": "string", "format": "password"}"#, &["\"x\""], &[]);
}

#[test]
fn nullable_of_3_0_widens_the_type_beside_it() {
    check("3.0.3", r#"{"type": "string", "nullable": true}"#, &["null", "\"a\""], &[("1", " type")]);
    check(
        "3.0.3",
        r#"{"type": "string", "nullable": true, "enum": ["a", null]}"#,
        &["null", "\"a\""],
        &[("\"b\"", " enum")],
    );
    check("3.1.1", r#"{"type": ["string", "null"]}"#, &["null", "\"a\""], &[("1", " type")]);
}

// proves: VAL-02
#[test]
fn objects_are_closed_where_the_document_says_nothing() {
    check_both(
        r#"{"type": "object", "properties": {"a": {"type": "object", "properties": {"b": {}}}}}"#,
        &[r#"{"a":{"b":1}}"#, "{}"],
        &[
            (r#"{"isAdmin":true}"#, "/isAdmin additionalProperties"),
            (r#"{"a":{"b":1,"c":2}}"#, "/a/c additionalProperties"),
        ],
    );
    check_both(
        r#"{"type": "object", "properties": {"a": {}}, "additionalProperties": true}"#,
        &[r#"{"z":1}"#],
        &[],
    );
    check_both(
        r#"{"type": "object", "properties": {"a": {}}, "additionalProperties": {"type": "integer"}}"#,
        &[r#"{"z":1}"#],
        &[(r#"{"z":"1"}"#, "/z type")],
    );
}

#[test]
fn an_object_that_names_no_members_is_a_map() {
    check_both(r#"{"type": "object"}"#, &[r#"{"any":1}"#], &[("1", " type")]);
    check_both(
        r#"{"type": "object", "properties": {"labels": {"type": "object"}}}"#,
        &[r#"{"labels":{"x":"y"}}"#],
        &[],
    );
}

#[test]
fn a_switch_leaves_objects_as_declared() {
    let document = body_document("3.1.1", r#"{"type": "object", "properties": {"a": {}}}"#);
    let options = CompileOptions { objects: Objects::AsDeclared, ..CompileOptions::default() };
    assert!(judge_body(&contract_with(&document, &options), r#"{"z":1}"#).is_ok());
}

#[test]
fn joined_schemas_are_closed_together() {
    let all_of = r#"{"allOf": [
        {"type": "object", "properties": {"id": {"type": "integer"}}, "required": ["id"]},
        {"type": "object", "properties": {"name": {"type": "string"}}}]}"#;
    check_both(
        all_of,
        &[r#"{"id":1,"name":"n"}"#, r#"{"id":1}"#],
        &[
            (r#"{"id":1,"role":"admin"}"#, "/role additionalProperties"),
            (r#"{"name":"n"}"#, " required"),
            (r#"{"id":"x","name":"n"}"#, "/id type"),
        ],
    );
    let own_and_one_of = r#"{"type": "object", "properties": {"kind": {"type": "string"}}, "oneOf": [
        {"properties": {"card": {"type": "string"}}, "required": ["card"]},
        {"properties": {"iban": {"type": "string"}}, "required": ["iban"]}]}"#;
    check_both(
        own_and_one_of,
        &[r#"{"kind":"k","card":"c"}"#, r#"{"iban":"i"}"#],
        &[
            (r#"{"kind":"k"}"#, " oneOf"),
            (r#"{"card":"c","iban":"i"}"#, " oneOf"),
            (r#"{"card":"c","x":1}"#, "/x additionalProperties"),
        ],
    );
    let any_of =
        r#"{"anyOf": [{"type": "object", "properties": {"a": {}}, "required": ["a"]}, {"type": "string"}]}"#;
    check_both(
        any_of,
        &["\"s\"", r#"{"a":1}"#],
        &[("1", " anyOf"), (r#"{"a":1,"b":2}"#, "/b additionalProperties")],
    );
}

#[test]
fn an_alternative_that_is_a_map_stays_one() {
    check_both(
        r#"{"anyOf": [{"type": "object", "properties": {"a": {}}, "required": ["a"]}, {"type": "object"}]}"#,
        &[r#"{"anything":1}"#],
        &[("1", " anyOf")],
    );
}

#[test]
fn members_that_are_described_twice_are_let_through_with_a_warning() {
    let schema = r#"{"allOf": [
        {"type": "object", "properties": {"x": {"type": "object", "properties": {"a": {"type": "integer"}}}}},
        {"type": "object", "properties": {"x": {"type": "object", "properties": {"b": {"type": "integer"}}}}}]}"#;
    finds(&body_document("3.1.1", schema), &["C0336"]);
    check_both(schema, &[r#"{"x":{"a":1,"b":2}}"#], &[(r#"{"x":{"a":"1"}}"#, "/x/a type")]);
}

#[test]
fn closing_does_not_turn_round_what_stands_under_not() {
    check_both(
        r#"{"type": "object", "properties": {"a": {}, "b": {}}, "not": {"required": ["a"], "properties": {"a": {"properties": {"x": {}}, "required": ["x"]}}}}"#,
        &[r#"{"b":1}"#],
        &[(r#"{"a":{"x":1,"y":2}}"#, " not")],
    );
}

#[test]
fn patterns_of_names_count_as_declared() {
    check(
        "3.1.1",
        r#"{"type": "object", "patternProperties": {"^x-": {"type": "string"}}, "properties": {"a": {}}}"#,
        &[r#"{"a":1,"x-b":"c"}"#],
        &[(r#"{"y":1}"#, "/y additionalProperties"), (r#"{"x-b":1}"#, "/x-b type")],
    );
}

#[test]
fn a_required_member_that_nobody_describes_is_not_demanded_and_refused_at_once() {
    let schema = r#"{"type": "object", "properties": {"a": {}}, "required": ["a", "b"]}"#;
    finds(&body_document("3.1.1", schema), &["C0335"]);
    check_both(
        schema,
        &[r#"{"a":1,"b":2}"#],
        &[(r#"{"a":1}"#, " required"), (r#"{"a":1,"b":2,"c":3}"#, "/c additionalProperties")],
    );
}

// proves-part: VAL-18 (requests; `writeOnly` in responses comes with issue 5)
#[test]
fn read_only_members_are_refused_and_not_required() {
    let schema = r#"{"type": "object", "required": ["id", "name"], "properties": {
        "id": {"type": "integer", "readOnly": true}, "name": {"type": "string"}}}"#;
    check_both(
        schema,
        &[r#"{"name":"n"}"#],
        &[(r#"{"id":1,"name":"n"}"#, "/id readOnly"), ("{}", " required")],
    );
    let joined = r#"{"allOf": [
        {"type": "object", "properties": {"id": {"readOnly": true, "allOf": [{"type": "integer"}]}}},
        {"type": "object", "properties": {"name": {"type": "string"}}, "required": ["id", "name"]}]}"#;
    check_both(joined, &[r#"{"name":"n"}"#], &[("{}", " required")]);
    let contract = contract(&body_document("3.1.1", joined));
    assert!(judge_body(&contract, r#"{"id":1,"name":"n"}"#).is_err());
}

#[test]
fn read_only_members_can_be_let_through() {
    let document = body_document(
        "3.1.1",
        r#"{"type": "object", "required": ["id"], "properties": {"id": {"type": "integer", "readOnly": true}}}"#,
    );
    let options = CompileOptions { read_only: ReadOnly::Accepted, ..CompileOptions::default() };
    let contract = contract_with(&document, &options);
    assert!(judge_body(&contract, "{}").is_ok());
    assert!(judge_body(&contract, r#"{"id":1}"#).is_ok());
    assert_eq!(listed(&judge_body(&contract, r#"{"id":"1"}"#)), ["body /id type"]);
}

const PETS: &str = r##"{
  "openapi": "3.0.3", "info": {"title": "t", "version": "1"},
  "components": {"schemas": {
    "Pet": {"type": "object", "required": ["kind"], "discriminator": {"propertyName": "kind"},
            "properties": {"kind": {"type": "string"}, "friend": {"$ref": "#/components/schemas/Pet"}}},
    "Cat": {"allOf": [{"$ref": "#/components/schemas/Pet"}, {"type": "object", "properties": {"lives": {"type": "integer"}}}]},
    "Lion": {"allOf": [{"$ref": "#/components/schemas/Cat"}, {"type": "object", "properties": {"mane": {"type": "boolean"}}}]}
  }},
  "paths": {"/it": {"post": {"x-portcullis-access": "public", "responses": {},
    "requestBody": {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/Pet"}}}}}}}
}"##;

#[test]
fn a_body_may_be_of_a_schema_that_builds_on_the_declared_one() {
    let contract = contract(PETS);
    for good in [
        r#"{"kind":"pet"}"#,
        r#"{"kind":"cat","lives":9}"#,
        r#"{"kind":"lion","lives":1,"mane":true,"friend":{"kind":"cat","lives":2}}"#,
    ] {
        assert_eq!(listed(&judge_body(&contract, good)), Vec::<String>::new(), "{good}");
    }
    for bad in [
        r#"{"kind":"cat","isAdmin":true}"#,
        r#"{"lives":9}"#,
        r#"{"kind":"cat","lives":"9"}"#,
        r#"{"kind":"a","friend":{}}"#,
    ] {
        assert!(judge_body(&contract, bad).is_err(), "{bad}");
    }
}

#[test]
fn a_schema_may_meet_itself_within_a_value() {
    let tree = r##"{"type": "object", "required": ["v"], "properties": {"v": {"type": "integer"},
        "children": {"type": "array", "items": {"$ref": "#/components/schemas/It"}}}}"##;
    check_both(
        tree,
        &[r#"{"v":1,"children":[{"v":2,"children":[]}]}"#],
        &[(r#"{"v":1,"children":[{"v":2,"children":[{}]}]}"#, "/children/0/children/0 required")],
    );
}

#[test]
fn a_schema_that_leads_back_to_itself_is_refused() {
    finds(&body_document("3.1.1", r##"{"allOf": [{"$ref": "#/components/schemas/It"}]}"##), &["C0331"]);
    finds(
        &body_document("3.0.3", r##"{"anyOf": [{"type": "string"}, {"$ref": "#/components/schemas/It"}]}"##),
        &["C0331"],
    );
}

#[test]
fn malformed_schemas_are_refused_with_their_place() {
    for (version, schema) in [
        ("3.0.3", r#"{"type": ["string", "null"]}"#),
        ("3.0.3", r#"{"type": "null"}"#),
        ("3.0.3", r#"{"exclusiveMinimum": 1}"#),
        ("3.1.1", r#"{"exclusiveMinimum": true}"#),
        ("3.1.1", r#"{"type": "text"}"#),
        ("3.1.1", r#"{"type": []}"#),
        ("3.1.1", r#"{"maxLength": -1}"#),
        ("3.1.1", r#"{"maxLength": "5"}"#),
        ("3.1.1", r#"{"multipleOf": 0}"#),
        ("3.1.1", r#"{"required": true}"#),
        ("3.1.1", r#"{"enum": []}"#),
        ("3.1.1", r#"{"properties": []}"#),
        ("3.1.1", r#"{"properties": {"a": 1}}"#),
        ("3.1.1", r#"{"allOf": []}"#),
        ("3.1.1", r#"{"items": [{}]}"#),
        ("3.1.1", r#"{"prefixItems": []}"#),
        ("3.1.1", r#"{"pattern": 1}"#),
        ("3.1.1", r#"{"uniqueItems": 1}"#),
    ] {
        let (_, diagnostics) = compile(&body_document(version, schema), &CompileOptions::default());
        let codes: Vec<_> = diagnostics.errors().map(|diagnostic| diagnostic.code().0).collect();
        assert_eq!(codes, ["C0330"], "{version} {schema}");
    }
}

#[test]
fn repetitions_that_mean_nothing_are_taken() {
    check(
        "3.1.1",
        r#"{"type": ["object", "null", "object"], "required": ["a", "a"], "properties": {"a": {}, "b": {}},
        "dependentRequired": {"a": ["b", "b"]}}"#,
        &[r#"{"a":1,"b":2}"#],
        &[("{}", " required")],
    );
}

#[test]
fn what_cannot_be_enforced_is_a_warning() {
    finds(&body_document("3.1.1", r#"{"maxLenght": 5}"#), &["C0332"]);
    finds(&body_document("3.0.3", r#"{"const": 5}"#), &["C0332"]);
    finds(&body_document("3.1.1", r#"{"type": "string", "nullable": true}"#), &["C0332"]);
    finds(&body_document("3.1.1", r#"{"type": "string", "format": "phone"}"#), &["C0333"]);
    finds(&body_document("3.1.1", r#"{"type": "string", "pattern": "^(?!x)"}"#), &["C0334"]);
    finds(&body_document("3.1.1", r#"{"type": "string", "pattern": "(a)\\1"}"#), &["C0334"]);
}

// proves: VAL-05
#[test]
fn values_without_bounds_are_reported_or_refused() {
    let document = body_document(
        "3.1.1",
        r#"{"type": "object", "properties": {
        "s": {"type": "string"}, "t": {"type": "string"}, "n": {"type": "integer", "minimum": 0},
        "l": {"type": "array", "items": {"type": "boolean"}}, "o": {"type": "object"},
        "ok": {"type": "string", "maxLength": 5}, "fine": {"type": "integer", "format": "int32"}}}"#,
    );
    let (_, diagnostics) = compile(&document, &CompileOptions::default());
    let codes: Vec<_> = diagnostics.iter().map(|diagnostic| diagnostic.code().0).collect();
    assert_eq!(codes, ["C0337"; 4], "once for each kind of value");
    assert!(!diagnostics.has_errors());
    let options = CompileOptions { unbounded: Unbounded::Refused, ..CompileOptions::default() };
    let (contract, diagnostics) = compile(&document, &options);
    assert!(contract.is_none());
    assert_eq!(diagnostics.errors().count(), 5, "at each place");
}

// proves-part: VAL-23 (the engine and its limits; more patterns are in `boundaries`)
#[test]
fn patterns_are_matched_in_linear_time() {
    let contract = contract(&body_document("3.1.1", r#"{"type": "string", "pattern": "^(a+)+$"}"#));
    let evil = format!("\"{}!\"", "a".repeat(100_000));
    assert_eq!(listed(&judge_body(&contract, &evil)), ["body  pattern"]);
    finds(&body_document("3.1.1", r#"{"type": "string", "pattern": "(((a{100}){100}){100})"}"#), &["C0334"]);
}
