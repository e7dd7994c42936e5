//! What schemas declare, and what is removed because they do not.

use portcullis_contract::filter::{FilterPlan, Kind, OnUndeclared, Sight};

use super::{check_as, plan, plan_in, plan_with, removes, reports};

const ORDER: &str = r#"{"type":"object","properties":{
    "id":{"type":"integer"},
    "lines":{"type":"array","items":{"type":"object","properties":{"sku":{"type":"string"}}}},
    "notes":{"type":"object","additionalProperties":{"type":"string"}}}}"#;

// proves-part: VAL-20 (through the gateway)
#[test]
fn undeclared_members_are_removed_at_every_depth() {
    let plan = plan(ORDER);
    let at = |pointer| [(Kind::Undeclared, pointer)];
    removes(&plan, r#"{"id":1,"cost":2}"#, r#"{"id":1}"#, &at("/cost"));
    removes(&plan, r#"{"cost":2,"id":1}"#, r#"{"id":1}"#, &at("/cost"));
    removes(&plan, r#"{"cost":{"a":[1,"}"]}}"#, r#"{}"#, &at("/cost"));
    removes(
        &plan,
        r#"{"lines":[{"sku":"a","margin":0.5},{"margin":0.25,"sku":"b"}]}"#,
        r#"{"lines":[{"sku":"a"},{"sku":"b"}]}"#,
        &at("/lines/[]/margin"),
    );
}

#[test]
fn what_is_left_keeps_its_bytes() {
    let plan = plan(ORDER);
    removes(
        &plan,
        "{ \"x\" : [ ] ,\n  \"id\" : 1.0e0 ,\t\"y\":\"\\u0041\", \"notes\" : { \"\\u0061\" : \"\\/\" } }\n",
        "{ \n  \"id\" : 1.0e0 , \"notes\" : { \"\\u0061\" : \"\\/\" } }\n",
        &[(Kind::Undeclared, "/x"), (Kind::Undeclared, "/y")],
    );
}

#[test]
fn reporting_changes_no_byte() {
    let plan = plan(ORDER);
    assert!(!plan.may_alter(&Sight::none(), OnUndeclared::Report));
    assert!(plan.may_alter(&Sight::none(), OnUndeclared::Remove));
    reports(
        &plan,
        "{ \"x\" : {\"sku\":[]} ,\n \"lines\" : [ { \"a\":1} ], \"\\u0069d\":[] }\n",
        &[(Kind::Undeclared, "/x"), (Kind::Undeclared, "/lines/[]/a"), (Kind::Mistyped, "/id")],
    );
}

#[test]
fn maps_stay_open_and_what_is_in_them_is_followed() {
    let plan = plan(
        r#"{"type":"object","additionalProperties":{"type":"object","properties":{"a":{}}},
            "patternProperties":{"^x-":{"type":"object","properties":{"b":{}}}}}"#,
    );
    removes(
        &plan,
        r#"{"k1":{"a":1,"b":2},"x-1":{"a":1,"b":2},"k2":{"c":3}}"#,
        r#"{"k1":{"a":1},"x-1":{"b":2},"k2":{}}"#,
        &[(Kind::Undeclared, "/*/b"), (Kind::Undeclared, "/*/a"), (Kind::Undeclared, "/*/c")],
    );
    let free = super::plan(r#"{"type":"object","properties":{"data":{"type":"object"},"any":{}}}"#);
    reports(&free, r#"{"data":{"whatever":[{}]},"any":{"x":1}}"#, &[]);
    removes(
        &free,
        r#"{"data":{"whatever":[{}]},"any":{"x":1}}"#,
        r#"{"data":{"whatever":[{}]},"any":{"x":1}}"#,
        &[],
    );
}

#[test]
fn patterns_alone_close_an_object() {
    let plan = plan(r#"{"type":"object","patternProperties":{"^x-":{}}}"#);
    removes(&plan, r#"{"x-a":1,"b":2}"#, r#"{"x-a":1}"#, &[(Kind::Undeclared, "/b")]);
}

#[test]
fn a_name_that_several_schemas_describe_may_hold_what_any_of_them_has() {
    let plan = plan(
        r#"{"type":"object","properties":{"x-a":{"type":"object","properties":{"a":{}}}},
            "patternProperties":{"^x-":{"type":"object","properties":{"b":{}}},"-c$":{"type":"object","properties":{"c":{}}}}}"#,
    );
    let inner = r#"{"a":1,"b":2,"c":3}"#;
    removes(
        &plan,
        &format!(r#"{{"x-a":{inner},"x-b":{inner},"x-c":{inner},"y":1}}"#),
        r#"{"x-a":{"a":1,"b":2},"x-b":{"b":2},"x-c":{"b":2,"c":3}}"#,
        &[
            (Kind::Undeclared, "/x-a/c"),
            (Kind::Undeclared, "/*/a"),
            (Kind::Undeclared, "/*/c"),
            (Kind::Undeclared, "/*/a"),
            (Kind::Undeclared, "/y"),
        ],
    );
}

#[test]
fn items_are_followed_and_what_is_not_said_of_them_is_anything() {
    let first = r#"{"type":"object","properties":{"a":{}}}"#;
    let all = plan(&format!(
        r#"{{"type":"array","prefixItems":[{first}],"items":{{"type":"object","properties":{{"b":{{}}}}}}}}"#
    ));
    removes(&all, r#"[{"a":1,"c":1},{"b":2}]"#, r#"[{"a":1},{"b":2}]"#, &[(Kind::Undeclared, "/[]/c")]);
    let rest_is_anything = plan(&format!(r#"{{"type":"array","prefixItems":[{first}]}}"#));
    reports(&rest_is_anything, r#"[{"a":1},{"c":{"d":1}}]"#, &[]);
}

#[test]
fn a_pattern_that_openapi_3_0_does_not_have_declares_and_does_not_close() {
    let pattern = r#""patternProperties":{"^x-":{"type":"object","properties":{"a":{}}}}"#;
    for (properties, expected) in
        [(r#","properties":{"id":{}}"#, r#"{"id":1,"x-b":{"a":1}}"#), ("", r#"{"id":1,"x-b":{"a":1},"y":3}"#)]
    {
        let (plan, _) = plan_in("3.0.3", &format!(r#"{{"type":"object",{pattern}{properties}}}"#), "");
        let answer = br#"{"id":1,"x-b":{"a":1,"b":2},"y":3}"#;
        let (left, _) =
            super::filtered(&plan.unwrap(), &Sight::none(), OnUndeclared::Remove, answer, 4).unwrap();
        assert_eq!(left, expected);
    }
}

#[test]
fn parts_that_hold_together_are_joined() {
    let more =
        r##","Base":{"type":"object","properties":{"id":{},"by":{"type":"object","properties":{"a":{}}}}}"##;
    let plan = plan_with(
        r##"{"allOf":[{"$ref":"#/components/schemas/Base"},
            {"properties":{"name":{},"by":{"type":"object","properties":{"b":{}}}}}]}"##,
        more,
    );
    removes(
        &plan,
        r#"{"id":1,"name":2,"x":3,"by":{"a":1,"b":2,"c":3}}"#,
        r#"{"id":1,"name":2,"by":{"a":1,"b":2}}"#,
        &[(Kind::Undeclared, "/x"), (Kind::Undeclared, "/by/c")],
    );
}

#[test]
fn what_any_alternative_declares_is_let_through() {
    let plan = plan(
        r#"{"properties":{"kind":{}},"oneOf":[{"properties":{"a":{"type":"object","properties":{"x":{}}}}},
            {"properties":{"b":{}}}],"if":{"required":["kind"]},"then":{"properties":{"c":{}}}}"#,
    );
    removes(
        &plan,
        r#"{"kind":1,"a":{"x":1,"y":2},"b":2,"c":3,"d":4}"#,
        r#"{"kind":1,"a":{"x":1},"b":2,"c":3}"#,
        &[(Kind::Undeclared, "/a/y"), (Kind::Undeclared, "/d")],
    );
}

#[test]
fn an_alternative_that_is_anything_leaves_the_object_open() {
    for free in ["{}", "true", r#"{"type":"object"}"#, r#"{"type":["object","null"],"description":"any"}"#] {
        let plan =
            plan(&format!(r#"{{"anyOf":[{{"properties":{{"a":{{"properties":{{"c":{{}}}}}}}}}},{free}]}}"#));
        reports(&plan, r#"{"b":1,"a":{"d":1}}"#, &[]);
    }
    for other in [r#"{"type":"null"}"#, r#"{"type":"string"}"#, r#"{"required":["a"]}"#] {
        let plan = plan(&format!(r#"{{"anyOf":[{{"properties":{{"a":{{}}}}}},{other}]}}"#));
        reports(&plan, r#"{"b":1}"#, &[(Kind::Undeclared, "/b")]);
    }
}

#[test]
fn a_base_stands_for_its_heirs_and_an_heir_for_itself() {
    let more = r##","Pet":{"type":"object","discriminator":{"propertyName":"kind"},"properties":{"name":{}}},
        "Cat":{"allOf":[{"$ref":"#/components/schemas/Pet"},{"properties":{"lives":{}}}]},
        "Dog":{"allOf":[{"$ref":"#/components/schemas/Pet"},{"properties":{"tricks":{}}}]}"##;
    let answer = r#"{"kind":"c","name":1,"lives":2,"tricks":3,"x":4}"#;
    let pet = plan_with(r##"{"$ref":"#/components/schemas/Pet"}"##, more);
    removes(&pet, answer, r#"{"kind":"c","name":1,"lives":2,"tricks":3}"#, &[(Kind::Undeclared, "/x")]);
    let cat = plan_with(r##"{"$ref":"#/components/schemas/Cat"}"##, more);
    removes(
        &cat,
        answer,
        r#"{"kind":"c","name":1,"lives":2}"#,
        &[(Kind::Undeclared, "/tricks"), (Kind::Undeclared, "/x")],
    );
}

#[test]
fn a_schema_may_lead_back_to_itself() {
    let plan = plan(
        r##"{"type":"object","properties":{"name":{},"children":{"type":"array","items":{"$ref":"#/components/schemas/It"}}}}"##,
    );
    removes(
        &plan,
        r#"{"children":[{"name":1,"children":[{"secret":1}]}]}"#,
        r#"{"children":[{"name":1,"children":[{}]}]}"#,
        &[(Kind::Undeclared, "/children/[]/children/[]/secret")],
    );
}

#[test]
fn an_object_where_the_schema_has_none_is_removed() {
    let plan = plan(
        r#"{"type":"object","properties":{"owner":{"type":"string"},"tags":{"type":"array","items":{"type":"string"}}}}"#,
    );
    removes(
        &plan,
        r#"{"owner":{"id":1,"password_hash":"x"},"tags":["a",{"b":1},"c"]}"#,
        r#"{"tags":["a","c"]}"#,
        &[(Kind::Mistyped, "/owner"), (Kind::Mistyped, "/tags/[]")],
    );
    removes(&plan, r#"{"owner":5}"#, r#"{"owner":5}"#, &[(Kind::Mistyped, "/owner")]);
    removes(&plan, r#"[{"a":1}]"#, "null", &[(Kind::Mistyped, "")]);
}

#[test]
fn null_is_expected_where_the_schema_says_so() {
    let nullable = r#"{"type":"object","properties":{"a":{"type":"string","nullable":true},
        "b":{"nullable":true,"allOf":[{"type":"object","properties":{"c":{}}}]},"d":{"type":"string"}}}"#;
    let (plan, _) = plan_in("3.0.3", nullable, "");
    reports(&plan.unwrap(), r#"{"a":null,"b":null,"d":null}"#, &[(Kind::Mistyped, "/d")]);
}

#[test]
fn a_member_that_is_ruled_out_is_undeclared_and_one_that_is_required_is_declared() {
    let plan = plan(r#"{"type":"object","required":["c"],"properties":{"a":{},"b":false}}"#);
    removes(&plan, r#"{"a":1,"b":2,"c":3}"#, r#"{"a":1,"c":3}"#, &[(Kind::Undeclared, "/b")]);
}

#[test]
fn a_schema_that_says_nothing_has_nothing_to_do() {
    for schema in ["{}", "true", r#"{"description":"anything"}"#, r#"{"anyOf":[{},{"type":"string"}]}"#] {
        assert!(plan(schema).is_trivial(), "{schema}");
    }
    for schema in [r#"{"type":"string"}"#, ORDER, r#"{"properties":{"a":{"properties":{"b":{}}}}}"#] {
        assert!(!plan(schema).is_trivial(), "{schema}");
    }
    assert!(FilterPlan::open().is_trivial());
}

#[test]
fn names_that_may_be_values_are_not_shown() {
    let plan = plan(r#"{"type":"object","properties":{"a":{}}}"#);
    for (name, shown) in [
        ("password_hash", "/password_hash"),
        ("@id", "/@id"),
        ("ada@example.com", "/*"),
        ("4111111111111111", "/*"),
        ("user-8a7f3c21", "/*"),
        ("a b", "/*"),
        ("", "/*"),
    ] {
        reports(&plan, &format!(r#"{{"{name}":1}}"#), &[(Kind::Undeclared, shown)]);
    }
}

#[test]
fn the_list_of_places_is_bounded_and_the_counts_are_exact() {
    let plan = plan(r#"{"type":"array","items":{"type":"object","properties":{"a":{}}}}"#);
    let members: Vec<String> = ('a'..='z').map(|name| format!(r#""{name}{name}":1"#)).collect();
    let item = format!("{{{}}}", members.join(","));
    let answer = format!("[{}]", vec![item; 100].join(","));
    let (_, found) =
        super::filtered(&plan, &Sight::none(), OnUndeclared::Report, answer.as_bytes(), 100).unwrap();
    assert_eq!((found.places.len(), found.count(Kind::Undeclared)), (20, 2600));
    assert!(!found.is_empty());
}

#[test]
fn whitespace_around_a_name_that_waits_is_bounded() {
    let plan = plan(ORDER);
    let blank = " ".repeat(5000);
    let kept = " ".repeat(1024);
    check_as(
        &plan,
        &Sight::none(),
        OnUndeclared::Remove,
        &format!(r#"{{{blank}"id"{blank}:{blank}1,{blank}"x"{blank}:2{blank}}}"#),
        &format!(r#"{{{kept}"id"{kept}:{kept}1{blank}}}"#),
        &[(Kind::Undeclared, "/x")],
    );
}

#[test]
fn names_that_nobody_would_declare_are_bounded() {
    let name = "n".repeat(5000);
    let plan = plan(ORDER);
    let answer = format!(r#"{{"{name}":1,"id":2,"notes":{{"{name}":"a","{name}b":{{}}}}}}"#);
    let expected = format!(r#"{{"id":2,"notes":{{"{name}":"a","{name}b":null}}}}"#);
    removes(&plan, &answer, &expected, &[(Kind::Undeclared, "/*"), (Kind::Mistyped, "/notes/*")]);
    reports(&plan, &answer, &[(Kind::Undeclared, "/*"), (Kind::Mistyped, "/notes/*")]);
}
