//! Whatever bytes a file holds: a document or mistakes, and nothing else.

use std::sync::Arc;

use portcullis_config::{Color, Document, Limits};
use proptest::prelude::*;
use serde_json::Value;

fn limits() -> Limits {
    Limits { bytes: 4096, depth: 16, nodes: 500 }
}

/// Reads `bytes` and uses all that came of them.
fn use_all(name: &str, bytes: &[u8]) {
    use_all_within(&limits(), name, bytes);
}

fn use_all_within(limits: &Limits, name: &str, bytes: &[u8]) {
    match Document::parse(name, bytes, limits) {
        Ok(document) if bytes.len() < 10_000 => walk(&document, "", document.value()),
        Ok(document) => assert!(document.at("").line() >= 1),
        Err(found) => {
            assert!(found.has_errors());
            assert!(found.len() <= 100);
            let shown = found.render(Color::Never);
            assert!(!shown.contains(['\u{1B}', '\u{202E}', '\r', '\u{85}']), "{shown:?}");
            assert!(!found.render(Color::Always).is_empty());
            assert!(found.to_json().is_array());
        }
    }
}

/// Every value has a place in the text, which a diagnostic can show.
fn walk(document: &Arc<Document>, pointer: &str, value: &Value) {
    let place = document.at(pointer);
    assert!(place.line() >= 1 && place.column() >= 1);
    assert!(!place.written().contains('\0'));
    let children: Vec<(String, &Value)> = match value {
        Value::Object(members) => {
            members.iter().map(|(name, value)| (name.replace('~', "~0").replace('/', "~1"), value)).collect()
        }
        Value::Array(elements) => {
            elements.iter().enumerate().map(|(index, value)| (index.to_string(), value)).collect()
        }
        _ => Vec::new(),
    };
    for (name, child) in children {
        walk(document, &format!("{pointer}/{name}"), child);
    }
}

fn json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        (-1e9..1e9).prop_map(Value::from),
        "\\PC{0,12}".prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 40, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::btree_map("\\PC{0,8}", inner, 0..6)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

/// A quadratic step anywhere would make this test take minutes; the runner would stop it.
#[test]
fn a_large_file_of_one_repeated_token_is_read_in_linear_time() {
    let tokens = [
        "- ",
        "? ",
        "a: ",
        "[",
        "[a,",
        "{a: ",
        "&a ",
        "&a a\n",
        "*a ",
        "! ",
        "!!str ",
        "\"",
        "'",
        "\n",
        "# c\n",
        "|\n ",
        "a\n",
        "-\n",
        "- a\n",
        "{}\n",
        ",",
        "%a\n",
        "---\n",
        "...\n",
        " ",
        "\t",
        "a b ",
        "[]: ",
        "{a: b}, ",
        ">\n",
        "é",
        "\\",
        "\"\\u00e9\",",
        "\r",
        "\u{85}",
        "a:\n ",
    ];
    for token in tokens {
        for (name, before) in [
            ("a.yaml", ""),
            ("a.yaml", "a: ["),
            ("a.yaml", "a: \""),
            ("a.yaml", "a: |\n  "),
            ("a.json", "["),
            ("a.json", "[\""),
        ] {
            let text = format!("{before}{}", token.repeat(60_000 / token.len()));
            use_all_within(&Limits::default(), name, text.as_bytes());
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, ..ProptestConfig::default() })]

    #[test]
    fn arbitrary_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        use_all("a.yaml", &bytes);
        use_all("a.json", &bytes);
    }

    #[test]
    fn text_that_is_nearly_yaml_never_panics(text in "[-?:,\\[\\]{}#&*!|>'\"%@`ab0\\. \t\r\n\u{E9}\u{1F600}\u{85}\u{2028}]{0,120}") {
        use_all("a.yaml", text.as_bytes());
    }

    #[test]
    fn text_that_is_nearly_json_never_panics(text in "[-+,:\\[\\]{}\"\\\\u0189eE. \ntruefalsn\u{E9}\u{1F600}]{0,120}") {
        use_all("a.json", text.as_bytes());
    }

    #[test]
    fn json_is_accepted_exactly_if_serde_accepts_it(text in "[-+,:\\[\\]{}\"\\\\019eE. \na]{1,24}") {
        let ours = Document::parse("a.json", text.as_bytes(), &Limits::default());
        match (serde_json::from_str::<Value>(&text), ours) {
            (Ok(theirs), Ok(ours)) => prop_assert_eq!(&theirs, ours.value()),
            (Err(_), Err(_)) => {}
            // serde keeps the last of two equal keys.
            (Ok(_), Err(ours)) => prop_assert!(ours.iter().all(|found| found.code().0 == "C0012")),
            (Err(theirs), Ok(ours)) => prop_assert!(false, "{} but {theirs}", ours.value()),
        }
    }

    #[test]
    fn json_reads_the_same_under_either_name(value in json()) {
        let text = serde_json::to_string_pretty(&value).unwrap();
        for name in ["a.json", "a.yaml"] {
            match Document::parse(name, text.as_bytes(), &Limits::default()) {
                Ok(document) => prop_assert_eq!(document.value(), &value, "{} {}", name, text),
                Err(found) => prop_assert!(false, "{name} {text}\n{}", found.render(Color::Never)),
            }
        }
    }

    #[test]
    fn every_plain_scalar_stands_where_its_place_says(words in prop::collection::vec("[a-zé\u{1F600}]{1,6}", 1..8)) {
        let text: String = words.iter().enumerate().map(|(index, word)| format!("k{index}: {word}\n")).collect();
        let document = Document::parse("a.yaml", text.as_bytes(), &Limits::default()).unwrap();
        for (index, word) in words.iter().enumerate() {
            let place = document.at(format!("/k{index}"));
            prop_assert_eq!(place.written(), word);
            prop_assert_eq!(place.line(), index + 1);
        }
    }
}
