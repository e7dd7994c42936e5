//! Files that can be read: what they mean and where their parts stand.

use portcullis_config::Place;
use serde_json::{Value, json};

use crate::{document, parse};

#[track_caller]
fn check(yaml: &str, expected: Value) {
    assert_eq!(*document("a.yaml", yaml).value(), expected, "{yaml}");
}

#[track_caller]
fn check_place(place: &Place, line: usize, column: usize, written: &str) {
    assert_eq!((place.line(), place.column(), place.written()), (line, column, written), "{place:?}");
}

#[test]
fn yaml_becomes_the_value_it_says() {
    check("a: 1\nb: [x, 'y', \"z\"]\nc: {d: ~}", json!({"a": 1, "b": ["x", "y", "z"], "c": {"d": null}}));
    check("- 1\n- - 2\n  - 3\n", json!([1, [2, 3]]));
    check(
        "text: |\n  two\n  lines\nfolded: >-\n  one\n  line\n",
        json!({"text": "two\nlines\n", "folded": "one line"}),
    );
    check("---\njust text\n...\n", json!("just text"));
    check("a:\nb: 1", json!({"a": null, "b": 1}));
    check("a: 'true'\nb: !!str 12\nc: ! 12", json!({"a": "true", "b": "12", "c": "12"}));
    check("# a comment\na: b # another\n", json!({"a": "b"}));
    check("a: b\r\nc: d\r\n", json!({"a": "b", "c": "d"}));
}

#[test]
fn keys_are_text_however_they_look() {
    check(
        "200: ok\n4XX: no\ntrue: yes\nnull: x\n1.0: y",
        json!({"200": "ok", "4XX": "no", "true": "yes", "null": "x", "1.0": "y"}),
    );
    check("\"\": x", json!({"": "x"}));
}

#[test]
fn keys_keep_the_order_of_the_file() {
    let document = document("a.yaml", "zebra: 1\nant: 2\nmole: 3");
    let keys: Vec<_> = document.value().as_object().unwrap().keys().cloned().collect();
    assert_eq!(keys, ["zebra", "ant", "mole"]);
}

#[test]
fn an_alias_repeats_what_was_anchored() {
    check("a: &x {b: [1]}\nc: *x\nd: [*x]", json!({"a": {"b": [1]}, "c": {"b": [1]}, "d": [{"b": [1]}]}));
}

#[test]
fn a_mistake_in_an_alias_is_shown_where_its_text_stands() {
    let document = document("a.yaml", "a: &x\n  b: 1\nc: *x\n");
    check_place(&document.at("/c/b"), 2, 6, "1");
    assert_eq!((document.at("/c").line(), document.at("/c").column()), (3, 1));
}

#[test]
fn each_value_and_key_has_its_place() {
    let document = document("a.yaml", "listen:\n  - address: 0.0.0.0:8443\n    bände: [ä, ö]\nlast: x\n");
    check_place(&document.at("/listen/0/address"), 2, 14, "0.0.0.0:8443");
    check_place(&document.at_key("/listen/0/address"), 2, 5, "0.0.0.0:8443");
    check_place(&document.at("/listen/0/bände/1"), 3, 16, "ö");
    check_place(&document.at("/last"), 4, 7, "x");
    assert_eq!(document.at("/listen/0/address").to_string(), "a.yaml:2:14");
}

#[test]
fn a_comment_is_no_part_of_the_value_before_it() {
    let document = document("a.yaml", "a: \"b\\\"c\" # \"d\"\ne: 'f''g' # 'h'\ni: j # k\n'l': [ m ] # n\n");
    check_place(&document.at("/a"), 1, 4, r#""b\"c""#);
    check_place(&document.at("/e"), 2, 4, "'f''g'");
    check_place(&document.at("/i"), 3, 4, "j");
    check_place(&document.at("/l"), 4, 6, "[ m ]");
}

#[test]
fn places_can_be_walked() {
    let document = document("a.yaml", "paths:\n  /pets/{id}:\n    tags: [a, b]\n");
    let place = document.at("").child("paths").child("/pets/{id}").child("tags").index(1);
    assert_eq!(place.pointer(), "/paths/~1pets~1{id}/tags/1");
    check_place(&place, 3, 15, "b");
}

#[test]
fn a_place_that_is_not_there_is_the_nearest_above() {
    let document = document("a.yaml", "apis:\n  shop:\n    upstream: x\n");
    check_place(&document.at("/apis/shop/contract/deep"), 2, 3, "upstream: x\n");
    check_place(&document.at("/nothing"), 1, 1, document.text());
}

#[test]
fn json_has_the_same_values_and_places() {
    let document = document(
        "a.json",
        "{\n  \"a\": [1, -2.5e3, \"x\\u00e9\\/\\ud83d\\ude00\"],\n\t\"b\": {\"c\": null, \"d\": true}\n}\n",
    );
    assert_eq!(*document.value(), json!({"a": [1, -2500.0, "xé/\u{1F600}"], "b": {"c": null, "d": true}}));
    check_place(&document.at("/a/1"), 2, 12, "-2.5e3");
    check_place(&document.at_key("/b/d"), 3, 19, "true");
}

#[test]
fn numbers_that_lose_digits_can_still_be_read_as_written() {
    let document = document("a.json", "[123456789012345678901234567890, 18446744073709551615]");
    assert_eq!(document.value()[1], json!(u64::MAX));
    assert_eq!(document.at("/0").written(), "123456789012345678901234567890");
}

#[test]
fn json_named_as_yaml_is_read_as_yaml() {
    check("{\"a\": [1, 2],\n\t\"b\": \"c\"}", json!({"a": [1, 2], "b": "c"}));
}

#[test]
fn a_key_of_five_thousand_characters_is_no_obstacle_in_json() {
    let key = "k".repeat(5000);
    assert_eq!(document("a.json", &format!("{{\"{key}\": 1}}")).value()[&key], json!(1));
}

#[test]
fn objects_and_arrays_may_nest_to_the_limit() {
    let nested = |levels: usize| format!("{}{}", "[".repeat(levels), "]".repeat(levels));
    for name in ["a.yaml", "a.json"] {
        assert!(parse(name, nested(128)).is_ok());
        assert!(parse(name, nested(129)).is_err());
    }
}
