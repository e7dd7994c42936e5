//! Files that cannot be read: each mistake has its code, its place and its remedy.

use insta::assert_snapshot;
use portcullis_config::{Document, Limits};

use crate::{parse, shown};

/// The mistakes of a file that is expected to have some.
#[track_caller]
fn mistakes(name: &str, text: impl AsRef<[u8]>) -> String {
    match parse(name, text) {
        Ok(document) => panic!("read as {}", document.value()),
        Err(mistakes) => mistakes,
    }
}

#[track_caller]
fn check(name: &str, text: impl AsRef<[u8]>, code: &str) {
    let found = mistakes(name, text);
    assert!(found.starts_with(&format!("error[{code}]")), "{found}");
}

#[test]
fn every_repeated_key_is_shown_with_the_first() {
    assert_snapshot!(mistakes(
        "portcullis.yaml",
        "apis:\n  shop: 1\n  200: x\n  shop: 2\n  \"200\": y\napis: {}\n"
    ));
}

#[test]
fn a_repeated_key_is_refused_in_json_too() {
    check("a.json", r#"{"a": 1, "a": 1}"#, "C0012");
    check("a.json", r#"{"a": 1, "\u0061": 1}"#, "C0012");
}

#[test]
fn a_tab_in_the_indentation_is_named() {
    assert_snapshot!(mistakes("portcullis.yaml", "listen:\n\t- address: x\n"));
    check("a.yaml", "a:\n  b: 1\n \tc: 2\n", "C0011");
}

#[test]
fn broken_yaml_is_shown_where_reading_stopped() {
    assert_snapshot!(mistakes("portcullis.yaml", "apis:\n  shop: { upstream: x\nlisten: []\n"));
    assert_snapshot!(mistakes("portcullis.yaml", "title: a: b\n"));
    assert_snapshot!(mistakes("portcullis.yaml", "title: \"never closed\n"));
    assert_snapshot!(mistakes("portcullis.yaml", "at: @here\n"));
    assert_snapshot!(mistakes("portcullis.yaml", "a: 1\nb\nc: 2\n"));
}

#[test]
fn a_file_named_json_must_be_strict_json() {
    for text in [
        "a: 1",
        "{a: 1}",
        "{'a': 1}",
        "{\"a\": 1,}",
        "[1,]",
        "[1 2]",
        "{\"a\" 1}",
        "// c\n{}",
        "{} {}",
        "[01]",
        "[1.]",
        "[.5]",
        "[+1]",
        "[1e999]",
        "[NaN]",
        "[\"\\x\"]",
        "[\"\\ud800\"]",
        "[\"a\nb\"]",
        "[\"",
        "[",
        "{",
        "[tru]",
        "nul",
    ] {
        check("a.json", text, "C0010");
    }
    assert_snapshot!(mistakes("openapi.json", "{\n  \"a\": 1,\n}\n"));
    assert_snapshot!(mistakes("openapi.json", "{\n  \"a\": \"b\\q\"\n}\n"));
}

#[test]
fn keys_that_are_not_text_are_refused() {
    check("a.yaml", "? [a, b]\n: c\n", "C0013");
    check("a.yaml", "{a: 1}: c\n", "C0013");
    check("a.yaml", ": c\n", "C0013");
    check("a.yaml", "a: &x b\n*x : c\n", "C0013");
    assert_snapshot!(mistakes("portcullis.yaml", "base: &base\n  a: 1\nshop:\n  <<: *base\n"));
}

#[test]
fn tags_beyond_the_core_schema_are_refused() {
    assert_snapshot!(mistakes("portcullis.yaml", "keys: !include keys.yaml\n"));
    for text in ["a: !!binary aGk=", "a: !!set {b}", "a: !custom [b]", "a: !!map [b]", "!!omap [a: 1]"] {
        check("a.yaml", text, "C0014");
    }
    check("a.yaml", "a: !!int b", "C0020");
}

#[test]
fn a_second_document_is_refused() {
    assert_snapshot!(mistakes("portcullis.yaml", "a: 1\n---\nb: 2\n"));
}

#[test]
fn numbers_that_are_not_finite_are_refused() {
    check("a.yaml", "a: .inf", "C0020");
    check("a.yaml", "a: 1e400", "C0020");
}

#[test]
fn an_alias_inside_its_own_value_is_refused() {
    check("a.yaml", "a: &x [1, *x]", "C0015");
    check("a.yaml", "a: &x {b: {c: *x}}", "C0015");
}

#[test]
fn an_alias_of_nothing_is_refused() {
    check("a.yaml", "a: *x", "C0010");
}

#[test]
fn nested_aliases_cannot_exhaust_memory() {
    let mut bomb = String::from("a0: &a0 [lol, lol, lol, lol, lol, lol, lol, lol, lol]\n");
    for level in 1..12 {
        let aliases = vec![format!("*a{}", level - 1); 9].join(", ");
        bomb.push_str(&format!("a{level}: &a{level} [{aliases}]\n"));
    }
    check("a.yaml", &bomb, "C0002");

    let long = "x".repeat(1_000_000);
    let aliases = vec!["*a"; 1000].join(", ");
    check("a.yaml", format!("a: &a {long}\nb: [{aliases}]\n"), "C0002");
}

#[test]
fn aliases_cannot_nest_deeper_than_the_limit() {
    let mut chain = format!("a0: &a0 {}x{}\n", "[".repeat(60), "]".repeat(60));
    for level in 1..4 {
        chain.push_str(&format!("a{level}: &a{level} {}*a{}{}\n", "[".repeat(60), level - 1, "]".repeat(60)));
    }
    check("a.yaml", chain, "C0006");
}

#[test]
fn nested_anchors_cannot_exhaust_memory() {
    let levels = 120;
    let anchored = |level: usize| format!("&a{level} [");
    let text = format!(
        "{}{}{}",
        (0..levels).map(anchored).collect::<String>(),
        vec!["1"; 100_000].join(","),
        "]".repeat(levels)
    );
    check("a.yaml", text, "C0002");
}

#[test]
fn values_that_nest_too_deeply_are_refused() {
    check("a.yaml", "[".repeat(100_000), "C0006");
    check("a.json", "[".repeat(100_000), "C0006");
    check("a.yaml", format!("{}a", "- ".repeat(5000)), "C0006");
    assert_snapshot!(mistakes("a.json", format!("[\n{}", "[".repeat(200))));
}

#[test]
fn files_that_are_not_text_are_told_apart() {
    check("a.yaml", "", "C0003");
    check("a.yaml", "# only a comment\n", "C0003");
    check("a.yaml", "---\n...\n", "C0003");
    check("a.json", " \n", "C0003");
    check("a.yaml", b"\xFF\xFEa\0:\0 \0b\0", "C0004");
    check("a.yaml", b"a: \xC3\x28\n", "C0004");
    check("a.yaml", b"\xEF\xBB\xBFa: b\n", "C0004");
    check("a.yaml", b"\x7FELF\x02\x01\x01\0\0\0\0", "C0005");
    check("a.yaml", b"a: \x1B[2J\n", "C0005");
    assert_snapshot!(mistakes("portcullis.yaml", b"a: b\nc: \0\n"));
    assert_snapshot!(mistakes("portcullis.yaml", b"a: b\nc: \xFF\n"));
}

#[test]
fn a_file_of_fifty_megabytes_is_refused_unread() {
    let bytes = vec![b'a'; 50 * 1024 * 1024];
    assert_snapshot!(shown(&Document::parse("huge.yaml", &bytes, &Limits::default()).unwrap_err()));
}

#[test]
fn no_more_is_read_of_a_file_than_the_limit() {
    let environment = portcullis_config::Environment::process();
    let found = Document::load(&environment, "/dev/zero".as_ref(), &Limits::default()).unwrap_err();
    assert_snapshot!(shown(&found));
    let found =
        Document::load(&environment, "/nowhere/portcullis.yaml".as_ref(), &Limits::default()).unwrap_err();
    assert_snapshot!(shown(&found));
}

#[test]
fn a_file_of_mistakes_is_not_read_to_the_end() {
    let repeated = "a: 1\n".repeat(10_000);
    assert_eq!(mistakes("a.yaml", repeated).matches("error[").count(), 100);
}
