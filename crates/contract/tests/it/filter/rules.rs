//! Who sees what: `writeOnly`, `x-portcullis-visible-to` and `x-portcullis-mask`.

use std::sync::Arc;

use bytes::BytesMut;
use portcullis_contract::filter::{Detect, FilterPlan, Judgement, Kind, OnUndeclared, Sight};

use super::{check_as, filtered, plan, plan_in, sight};

/// Asserts what a caller sees, whether undeclared members are removed or not.
#[track_caller]
fn sees(plan: &Arc<FilterPlan>, sight: &Sight, answer: &str, expected: &str, found: &[(Kind, &str)]) {
    for undeclared in [OnUndeclared::Report, OnUndeclared::Remove] {
        check_as(plan, sight, undeclared, answer, expected, found);
    }
    if answer != expected {
        assert!(plan.may_alter(sight, OnUndeclared::Report));
    }
}

// proves-part: VAL-18 (through the gateway)
#[test]
fn write_only_members_never_leave() {
    let plan = plan(
        r##"{"type":"array","items":{"type":"object","properties":{"name":{},"password":{"type":"string","writeOnly":true},
            "pin":{"$ref":"#/components/schemas/It/x-pin"}}},"x-pin":{"writeOnly":true,"type":"object"}}"##,
    );
    let everything = sight(&plan, "admin", "admin", Some("ada"));
    sees(
        &plan,
        &everything,
        r#"[{"password":"x","name":1},{"name":2,"pin":{"a":[1]}},{"password":"y"}]"#,
        r#"[{"name":1},{"name":2},{}]"#,
        &[(Kind::WriteOnly, "/[]/password"), (Kind::WriteOnly, "/[]/pin")],
    );
}

#[test]
fn write_only_of_a_whole_answer_or_an_item_means_nothing() {
    let plan = plan(r#"{"writeOnly":true,"type":"array","items":{"writeOnly":true,"type":"string"}}"#);
    sees(&plan, &Sight::none(), r#"["a"]"#, r#"["a"]"#, &[]);
}

const SHAPED: &str = r#"{"type":"object","properties":{
    "id":{},
    "margin":{"x-portcullis-visible-to":{"scopes":["audit","sales"],"roles":["admin"]}},
    "address":{"x-portcullis-visible-to":{"owner":{"path":"userId"}}},
    "notes":{"type":"array","items":{"type":"string","x-portcullis-visible-to":{"roles":["support"]}}}}}"#;

#[test]
fn any_scope_role_or_owner_of_an_audience_is_enough() {
    let plan = plan(SHAPED);
    assert_eq!(plan.audiences().len(), 3);
    let answer = r#"{"margin":1,"id":2,"address":{"a":1},"notes":["x","y"]}"#;
    let (margin, address, note) =
        ((Kind::Hidden, "/margin"), (Kind::Hidden, "/address"), (Kind::Hidden, "/notes/[]"));
    for (scopes, roles, subject, expected, hidden) in [
        ("", "", None, r#"{"id":2,"notes":[]}"#, &[margin, address, note][..]),
        ("sales", "", None, r#"{"margin":1,"id":2,"notes":[]}"#, &[address, note]),
        ("other", "admin", Some("eve"), r#"{"margin":1,"id":2,"notes":[]}"#, &[address, note]),
        ("", "support", Some("ada"), r#"{"id":2,"address":{"a":1},"notes":["x","y"]}"#, &[margin]),
        ("audit", "support", Some("ada"), answer, &[]),
    ] {
        sees(&plan, &sight(&plan, scopes, roles, subject), answer, expected, hidden);
    }
    let all = sight(&plan, "audit", "support", Some("ada"));
    assert!(!plan.may_alter(&all, OnUndeclared::Report));
}

#[test]
fn a_rule_beside_a_reference_and_one_behind_it_both_hold() {
    let schema = r##"{"type":"object","properties":{"a":{"$ref":"#/components/schemas/Inner",
        "x-portcullis-visible-to":{"scopes":["one"]}}}}"##;
    let more = r#","Inner":{"type":"string","x-portcullis-visible-to":{"scopes":["two"]}}"#;
    for version in ["3.0.3", "3.1.1"] {
        let (plan, _) = plan_in(version, schema, more);
        let plan = plan.unwrap();
        for (scopes, expected) in [("one", "{}"), ("two", "{}"), ("one two", r#"{"a":"x"}"#)] {
            let hidden = [(Kind::Hidden, "/a")];
            let found = if expected == "{}" { &hidden[..] } else { &[] };
            sees(&plan, &sight(&plan, scopes, "", None), r#"{"a":"x"}"#, expected, found);
        }
    }
}

#[test]
fn a_whole_answer_that_is_hidden_is_null() {
    let plan = plan(r#"{"x-portcullis-visible-to":{"roles":["a"]},"type":"object"}"#);
    sees(&plan, &Sight::none(), r#" {"a":1} "#, " null ", &[(Kind::Hidden, "")]);
    sees(&plan, &sight(&plan, "", "a", None), r#" {"a":1} "#, r#" {"a":1} "#, &[]);
}

const OWNED: &str = r#"{"type":"array","items":{"type":"object","properties":{
    "owner_id":{"type":["string","integer"]},
    "phone":{"x-portcullis-visible-to":{"owner":{"property":"owner_id"},"roles":["support"]}},
    "diary":{"type":"object","properties":{"by":{},"text":{"x-portcullis-visible-to":{"owner":{"property":"by"}}}},
        "x-portcullis-visible-to":{"owner":{"property":"owner_id"}}},
    "name":{}}}}"#;

#[test]
fn a_member_waits_for_its_owner_whatever_the_order() {
    let plan = plan(OWNED);
    let ada = sight(&plan, "", "", Some("ada"));
    let (phone, diary) = ((Kind::Hidden, "/[]/phone"), (Kind::Hidden, "/[]/diary"));
    let text = (Kind::Hidden, "/[]/diary/text");
    for (answer, expected, found) in [
        (r#"[{"owner_id":"ada","phone":1,"name":2}]"#, r#"[{"owner_id":"ada","phone":1,"name":2}]"#, &[][..]),
        (r#"[{"phone":1,"name":2,"owner_id":"ada"}]"#, r#"[{"name":2,"owner_id":"ada","phone":1}]"#, &[]),
        (r#"[{"phone":1,"owner_id":"ad\u0061"}]"#, r#"[{"owner_id":"ad\u0061","phone":1}]"#, &[]),
        (r#"[{"phone":1,"name":2,"owner_id":"eve"}]"#, r#"[{"name":2,"owner_id":"eve"}]"#, &[phone]),
        (r#"[{"owner_id":"eve","phone":1}]"#, r#"[{"owner_id":"eve"}]"#, &[phone]),
        (r#"[{"phone":1,"name":2}]"#, r#"[{"name":2}]"#, &[phone]),
        (r#"[{"phone":1}]"#, "[{}]", &[phone]),
        (
            r#"[{"phone":1,"owner_id":["ada"]}]"#,
            r#"[{"owner_id":["ada"]}]"#,
            &[(Kind::Mistyped, "/[]/owner_id"), phone],
        ),
        (
            r#"[{"phone" : "x", "diary":{"text":"t","by":"ada"} ,"owner_id":"ada"}]"#,
            r#"[{ "owner_id":"ada","phone" : "x","diary":{"by":"ada","text":"t"}}]"#,
            &[],
        ),
        (
            r#"[{"diary":{"text":"t","by":"eve"},"owner_id":"ada"},{"diary":{"text":"t"}}]"#,
            r#"[{"owner_id":"ada","diary":{"by":"eve"}},{}]"#,
            &[text, diary],
        ),
    ] {
        check_as(&plan, &ada, OnUndeclared::Report, answer, expected, found);
    }
}

#[test]
fn a_number_may_name_an_owner_and_nobody_owns_what_an_anonymous_caller_asks_for() {
    let plan = plan(OWNED);
    let answer = r#"[{"phone":1,"owner_id":42}]"#;
    sees(&plan, &sight(&plan, "", "", Some("42")), answer, r#"[{"owner_id":42,"phone":1}]"#, &[]);
    sees(&plan, &sight(&plan, "", "support", None), answer, answer, &[]);
    sees(&plan, &Sight::none(), answer, r#"[{"owner_id":42}]"#, &[(Kind::Hidden, "/[]/phone")]);
}

#[test]
fn an_owner_that_the_object_does_not_declare_is_known_all_the_same() {
    let plan = plan(
        r#"{"type":"object","additionalProperties":{},"properties":{
            "a":{"x-portcullis-visible-to":{"owner":{"property":"owner_id"}}}}}"#,
    );
    let ada = sight(&plan, "", "", Some("ada"));
    sees(&plan, &ada, r#"{"a":1,"owner_id":"ada"}"#, r#"{"owner_id":"ada","a":1}"#, &[]);
}

#[test]
fn what_waits_is_bounded() {
    let plan = plan(OWNED);
    let ada = sight(&plan, "", "", Some("ada"));
    let phone = "7".repeat(70_000);
    let answer = format!(r#"[{{"phone":"{phone}","owner_id":"ada"}},{{"phone":"1","owner_id":"ada"}}]"#);
    let expected = r#"[{"owner_id":"ada"},{"owner_id":"ada","phone":"1"}]"#;
    check_as(&plan, &ada, OnUndeclared::Report, &answer, expected, &[(Kind::TooLargeToHold, "/[]/phone")]);
}

const MASKED: &str = r#"{"type":"object","properties":{
    "pan":{"type":"string","x-portcullis-mask":{"as":"card","visible_to":{"roles":["billing"]}}},
    "mail":{"x-portcullis-mask":{"as":"email"}},
    "all":{"x-portcullis-mask":{"as":"all"}},
    "cards":{"type":"array","items":{"type":"string"},"x-portcullis-mask":{"as":"card"}}}}"#;

// proves-part: VAL-21 (through the gateway)
#[test]
fn values_are_masked_for_those_who_may_not_see_them_whole() {
    let plan = plan(MASKED);
    let answer = r#"{"pan": "4111111111111111" ,"mail":"ad\u0061@example.com","all":{"a":[1]},"cards":["4111 1111 1111 1111",["x"],null]}"#;
    let rest = r#""mail":"a***@example.com","all":"***","cards":["4111 11** **** 1111",["***"],null]}"#;
    let masked = |pointer| (Kind::Masked, pointer);
    let mistyped = (Kind::Mistyped, "/cards/[]");
    let places = [masked("/mail"), masked("/all"), masked("/cards/[]"), mistyped, masked("/cards/[]/[]")];
    check_as(
        &plan,
        &sight(&plan, "", "billing", None),
        OnUndeclared::Report,
        answer,
        &format!(r#"{{"pan": "4111111111111111" ,{rest}"#),
        &places,
    );
    check_as(
        &plan,
        &Sight::none(),
        OnUndeclared::Report,
        answer,
        &format!(r#"{{"pan": "411111******1111" ,{rest}"#),
        &[&[masked("/pan")], &places[..]].concat(),
    );
}

#[test]
fn a_masked_number_becomes_a_string_and_null_stays() {
    let plan = plan(MASKED);
    let card = r#"{"type":"object","properties":{"n":{"x-portcullis-mask":{"as":"card"}}}}"#;
    let number = super::plan(card);
    sees(
        &number,
        &Sight::none(),
        r#"{"n":4111111111111111}"#,
        r#"{"n":"411111******1111"}"#,
        &[(Kind::Masked, "/n")],
    );
    sees(&number, &Sight::none(), r#"{"n":true}"#, r#"{"n":"***"}"#, &[(Kind::Masked, "/n")]);
    sees(&plan, &Sight::none(), r#"{"all":null}"#, r#"{"all":null}"#, &[]);
    let long = format!(r#"{{"all":"{}","mail":"{}@a"}}"#, "x".repeat(9000), "y".repeat(2000));
    sees(
        &plan,
        &Sight::none(),
        &long,
        r#"{"all":"***","mail":"***"}"#,
        &[(Kind::Masked, "/all"), (Kind::Masked, "/mail")],
    );
}

#[test]
fn a_masked_member_may_wait_for_its_owner() {
    let plan = plan(
        r#"{"type":"object","properties":{"by":{},"pan":{"x-portcullis-mask":{"as":"last4"},
            "x-portcullis-visible-to":{"owner":{"property":"by"}}}}}"#,
    );
    let ada = sight(&plan, "", "", Some("ada"));
    let masked = [(Kind::Masked, "/pan")];
    sees(&plan, &ada, r#"{"pan":123456789,"by":"ada"}"#, r#"{"by":"ada","pan":"*****6789"}"#, &masked);
    sees(&plan, &ada, r#"{"pan":{"a":1},"by":"ada"}"#, r#"{"by":"ada","pan":"***"}"#, &masked);
}

#[test]
fn malformed_rules_are_refused_where_they_stand() {
    for rule in [
        r#""x-portcullis-visible-to":[]"#,
        r#""x-portcullis-visible-to":{}"#,
        r#""x-portcullis-visible-to":{"scope":["a"]}"#,
        r#""x-portcullis-visible-to":{"owner":"id"}"#,
        r#""x-portcullis-visible-to":{"owner":{"property":"nobody"}}"#,
        r#""x-portcullis-mask":{}"#,
        r#""x-portcullis-mask":{"as":"pan"}"#,
        r#""x-portcullis-mask":{"as":"card","for":[]}"#,
        r#""x-portcullis-mask":{"as":"card","visible_to":{"owner":{"property":"id"}}}"#,
        r#""items":{"x-portcullis-visible-to":{"owner":{"property":"id"}}}"#,
    ] {
        let schema = format!(r#"{{"type":"object","properties":{{"id":{{}},"a":{{{rule}}}}}}}"#);
        let (plan, diagnostics) = plan_in("3.1.1", &schema, "");
        let codes: Vec<_> = diagnostics.iter().map(|diagnostic| diagnostic.code().0).collect();
        assert_eq!((plan.is_none(), codes), (true, vec!["C0304"]), "{rule}");
    }
}

#[test]
fn an_owner_beside_a_whole_answer_is_nowhere() {
    let rule = r#"{"properties":{"id":{}},"x-portcullis-visible-to":{"owner":{"property":"id"}}}"#;
    let (plan, diagnostics) = plan_in("3.1.1", rule, "");
    let codes: Vec<_> = diagnostics.iter().map(|diagnostic| diagnostic.code().0).collect();
    assert_eq!((plan.is_none(), codes), (true, vec!["C0304"]));
}

#[test]
fn a_name_too_long_to_be_matched_hides_what_any_pattern_hides() {
    let plan = plan(
        r#"{"additionalProperties":true,"patternProperties":{"^n":{"x-portcullis-visible-to":{"roles":["r"]}}}}"#,
    );
    let answer = format!(r#"{{"{}":1,"other":2}}"#, "n".repeat(2000));
    sees(&plan, &Sight::none(), &answer, r#"{"other":2}"#, &[(Kind::Hidden, "/*")]);
    sees(&plan, &sight(&plan, "", "r", None), &answer, &answer, &[]);
}

#[test]
fn what_is_hidden_stays_hidden_where_anything_else_may_be() {
    let hidden = r#""h":{"x-portcullis-visible-to":{"roles":["r"]}}"#;
    for schema in [
        format!(r#"{{"anyOf":[{{"properties":{{"a":{{"properties":{{{hidden}}}}}}}}},{{}}]}}"#),
        format!(r#"{{"properties":{{"a":{{"additionalProperties":true,"properties":{{{hidden}}}}}}}}}"#),
        format!(r#"{{"patternProperties":{{"^a":{{"properties":{{{hidden}}}}},"a$":{{}}}}}}"#),
        format!(
            r#"{{"oneOf":[{{"properties":{{"a":{{"properties":{{"h":{{}}}}}}}}}},{{"properties":{{"a":{{"properties":{{{hidden}}}}}}}}}]}}"#
        ),
    ] {
        let plan = plan(&schema);
        let (left, found) =
            filtered(&plan, &Sight::none(), OnUndeclared::Report, br#"{"a":{"h":1}}"#, 3).unwrap();
        assert_eq!((left.as_str(), found.count(Kind::Hidden)), (r#"{"a":{}}"#, 1), "{schema}");
    }
}

#[test]
fn a_document_that_hides_something_has_to_be_followed_whole() {
    let many: Vec<String> = (0..5000).map(|n| format!(r#""m{n}":{{}}"#)).collect();
    let large = format!(r#""large":{{"properties":{{{}}}}}"#, many.join(","));
    let hidden = r#""h":{"x-portcullis-visible-to":{"roles":["r"]}}"#;
    let codes = |schema: &str| {
        let (plan, diagnostics) = plan_in("3.1.1", schema, "");
        let codes: Vec<_> = diagnostics.iter().map(|diagnostic| diagnostic.code().0).collect();
        (plan.is_some(), codes)
    };
    assert_eq!(codes(&format!(r#"{{"properties":{{{large}}}}}"#)), (true, vec!["C0353"]));
    assert_eq!(codes(&format!(r#"{{"properties":{{{large},{hidden}}}}}"#)), (false, vec!["C0353", "C0353"]));
    let look = r#"{"patternProperties":{"^(?=a)":{"properties":{}}},"properties":{"a":{}}}"#;
    assert_eq!(codes(look), (true, vec!["C0353"]));
}

#[test]
fn what_one_alternative_hides_as_a_whole_is_hidden_in_all_and_that_is_said() {
    let schema = r#"{"type":"object","properties":{"a":{"oneOf":[
        {"properties":{"b":{}},"x-portcullis-visible-to":{"roles":["r"]}},{"properties":{"c":{}}}]}}}"#;
    let (plan, diagnostics) = plan_in("3.1.1", schema, "");
    let codes: Vec<_> = diagnostics.iter().map(|diagnostic| diagnostic.code().0).collect();
    assert_eq!(codes, ["C0354"]);
    sees(&plan.unwrap(), &Sight::none(), r#"{"a":{"c":1}}"#, "{}", &[(Kind::Hidden, "/a")]);
}

/// Knows one word.
struct Word;

impl Detect for Word {
    fn judge(&self, text: &[u8]) -> Judgement {
        assert!(text.len() <= 256);
        match text {
            [b's', b'e', b'c', ..] => Judgement::Masked("secret"),
            [b'n', b'o', b't', ..] | b"4111111111111111" => Judgement::Listed("noted"),
            _ => Judgement::Harmless,
        }
    }
}

#[test]
fn what_no_schema_describes_is_looked_at_and_masked_where_the_detector_says_so() {
    let plan = plan(r#"{"type":"object","properties":{"a":{"type":"string"},"free":{}}}"#);
    let long = "x".repeat(3000);
    let answer = format!(
        r#"{{"a":"secret","x":{{"b":["s\u0065cret","fine", "noted"],"c":4111111111111111,"d":"sec{long}\n", "e":"{long}"}},"free":["secret",12]}}"#
    );
    let expected = format!(
        r#"{{"a":"secret","x":{{"b":["***","fine", "noted"],"c":4111111111111111,"d":"***", "e":"{long}"}},"free":["***",12]}}"#
    );
    for size in [answer.len(), 1, 2, 3, 7, 250, 1000] {
        let mut filter = plan.start(Sight::none(), OnUndeclared::Report).with_detect(Arc::new(Word));
        let mut out = BytesMut::new();
        for piece in answer.as_bytes().chunks(size) {
            filter.push(piece, &mut out).unwrap();
        }
        let found = filter.finish(&mut out).unwrap();
        assert_eq!(std::str::from_utf8(&out).unwrap(), expected, "in pieces of {size}");
        let listed: Vec<_> =
            found.places.iter().map(|place| (place.kind, place.pointer.as_str(), place.class)).collect();
        assert_eq!(
            listed,
            [
                (Kind::Undeclared, "/x", None),
                (Kind::Detected, "/x/*/[]", Some("secret")),
                (Kind::Detected, "/x/*/[]", Some("noted")),
                (Kind::Detected, "/x/*", Some("noted")),
                (Kind::Detected, "/x/*", Some("secret")),
            ],
        );
        assert_eq!(found.count(Kind::Detected), 5);
    }
}

#[test]
fn nothing_is_looked_at_in_what_is_removed() {
    let plan = plan(r#"{"type":"object","properties":{"a":{"type":"string"}}}"#);
    let mut filter = plan.start(Sight::none(), OnUndeclared::Remove).with_detect(Arc::new(Word));
    let mut out = BytesMut::new();
    filter.push(br#"{"x":"secret","a":"secret"}"#, &mut out).unwrap();
    assert_eq!(filter.finish(&mut out).unwrap().count(Kind::Detected), 0);
    assert_eq!(&out[..], br#"{"a":"secret"}"#);
    let (same, _) = filtered(&plan, &Sight::none(), OnUndeclared::Remove, br#"{"x":"s"}"#, 1).unwrap();
    assert_eq!(same, "{}");
}
