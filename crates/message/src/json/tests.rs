use proptest::prelude::*;

use super::JsonFaultKind::*;
use super::*;

#[track_caller]
fn is_taken(text: &str) {
    assert_eq!(check(text.as_bytes(), &JsonBounds::default()), Ok(()), "{text}");
    assert!(serde_json::from_str::<serde_json::Value>(text).is_ok(), "{text}");
}

#[track_caller]
fn is_refused(bytes: impl AsRef<[u8]>, kind: JsonFaultKind, at: usize) {
    let shown = String::from_utf8_lossy(bytes.as_ref()).into_owned();
    assert_eq!(check(bytes.as_ref(), &JsonBounds::default()), Err(JsonFault { at, kind }), "{shown}");
}

#[test]
fn plain_documents_are_taken() {
    for text in [
        "null",
        " true ",
        "false",
        "0",
        "-0",
        "1.5e-3",
        "-1E+10",
        "\"\"",
        "{}",
        "[]",
        "[[],{}]",
        "\t{\r\n\"a\" : [1 , 2]}\n",
        r#"{"a":{"a":{"a":1}},"b":[{"a":1},{"a":2}]}"#,
        r#""\"\\\/\b\f\n\r\t\u0041\uD83D\uDE00é""#,
        r#"{"":1,"\u0000":2,"a":3,"A":4}"#,
    ] {
        is_taken(text);
    }
}

// proves-part: VAL-10 (that the answer is a 400 is shown in the gateway)
// proves-part: JWT-08 (that a token with such parts is refused is shown in authn)
#[test]
fn names_are_unique_after_unescaping() {
    is_refused(r#"{"a":1,"b":2,"a":3}"#, NameRepeated, 13);
    is_refused(r#"{"a":1,"\u0061":2}"#, NameRepeated, 7);
    is_refused(r#"{"\uD83D\uDE00":1,"😀":2}"#, NameRepeated, 18);
    is_refused(r#"{"a\/b":1,"a/b":2}"#, NameRepeated, 10);
    is_refused(r#"{"\b\f\n\r\t\"\\":1,"\u0008\u000c\u000A\u000d\u0009\u0022\u005c":2}"#, NameRepeated, 20);
    is_refused(r#"[{"x":{"alg":1,"alg":2}}]"#, NameRepeated, 15);
    is_refused(r#"{"x":1,"y":{"x":1},"x":2}"#, NameRepeated, 19);
}

#[test]
fn a_repeated_name_is_found_among_many() {
    let members: Vec<String> = (0..200).map(|index| format!("\"name{index}\":{index}")).collect();
    is_taken(&format!("{{{}}}", members.join(",")));
    let repeated = format!("{{{},\"name\\u00317\":0,\"name3\":0}}", members.join(","));
    let at = repeated.find("\"name\\u").unwrap();
    is_refused(repeated, NameRepeated, at);
}

// proves-part: VAL-10 (that the answer is a 400 is shown in the gateway)
#[test]
fn what_is_not_json_is_refused() {
    for (text, kind, at) in [
        ("", EndsEarly, 0),
        ("  ", EndsEarly, 2),
        ("[1,", EndsEarly, 3),
        ("{\"a\"", EndsEarly, 4),
        ("\"a", EndsEarly, 2),
        ("[1,]", UnexpectedByte, 3),
        ("[,1]", UnexpectedByte, 1),
        ("[1 2]", UnexpectedByte, 3),
        ("{\"a\":1,}", UnexpectedByte, 7),
        ("{a:1}", UnexpectedByte, 1),
        ("{'a':1}", UnexpectedByte, 1),
        ("{\"a\" 1}", UnexpectedByte, 5),
        ("{\"a\":1]", UnexpectedByte, 6),
        ("[1}", UnexpectedByte, 2),
        ("NaN", UnexpectedByte, 0),
        ("Infinity", UnexpectedByte, 0),
        ("-Infinity", NumberMalformed, 1),
        ("nul", UnexpectedByte, 0),
        ("True", UnexpectedByte, 0),
        ("[1]//c", SomethingBehind, 3),
        ("/*c*/1", UnexpectedByte, 0),
        ("{}{}", SomethingBehind, 2),
        ("1 2", SomethingBehind, 2),
        ("truex", SomethingBehind, 4),
        ("1\0", SomethingBehind, 1),
        ("\u{b}1", UnexpectedByte, 0),
        ("\u{a0}1", UnexpectedByte, 0),
    ] {
        is_refused(text, kind, at);
    }
}

#[test]
fn numbers_follow_the_grammar() {
    for (text, at) in [
        ("01", 1),
        ("-", 1),
        ("-a", 1),
        ("1.", 2),
        ("1.e3", 2),
        ("1e", 2),
        ("1e+", 3),
        ("1.2.3", 3),
        ("1-2", 1),
        ("00", 1),
        ("1e5.5", 3),
        ("1E2e3", 3),
    ] {
        is_refused(text, NumberMalformed, at);
    }
    is_refused("+1", UnexpectedByte, 0);
    is_refused(".5", UnexpectedByte, 0);
    is_refused("0x10", SomethingBehind, 1);
    is_refused("[1e400]", NumberTooLarge, 1);
    is_refused("-1e999999999999999999999", NumberTooLarge, 0);
    is_taken("1e-400");
}

#[test]
fn strings_follow_the_grammar() {
    is_refused("\"a\nb\"", ControlCharacter, 2);
    is_refused("\"a\0b\"", ControlCharacter, 2);
    for text in [r#""\x41""#, r#""\u12""#, r#""\u12G4""#, r#""\'""#, r#""\U0041""#, "\"\\"] {
        is_refused(text, EscapeMalformed, 1);
    }
    for text in [r#""\uD800""#, r#""\uDC00""#, r#""\uD800A""#, r#""\uD800\u0041""#, r#""\uD800\uD800""#] {
        is_refused(text, SurrogateAlone, 1);
    }
}

// proves-part: JWT-08 (that a token with such parts is refused is shown in authn)
#[test]
fn only_utf_8_without_a_mark_is_taken() {
    is_refused(b"\xEF\xBB\xBF{}", ByteOrderMark, 0);
    is_refused(b"\"\xff\"", NotUtf8, 1);
    is_refused(b"\"\xc0\xaf\"", NotUtf8, 1);
    is_refused(b"\"\xed\xa0\x80\"", NotUtf8, 1);
    is_refused(b"\xff\xfe{\0}\0", NotUtf8, 0);
    is_refused(b"{\0}\0", UnexpectedByte, 1);
}

// proves-part: VAL-10 (that the answer is a 400 is shown in the gateway)
#[test]
fn each_bound_holds_exactly() {
    let bounds = JsonBounds { depth: 2, members: 2, items: 2, string: 3, number: 4 };
    let judge = |text: &str| check(text.as_bytes(), &bounds).map_err(|fault| fault.kind);
    assert_eq!(judge("[[1]]"), Ok(()));
    assert_eq!(judge("[[[1]]]"), Err(TooDeep));
    assert_eq!(judge("{\"a\":{\"a\":{}}}"), Err(TooDeep));
    assert_eq!(judge("{\"a\":1,\"b\":2}"), Ok(()));
    assert_eq!(judge("{\"a\":1,\"b\":2,\"c\":3}"), Err(TooManyMembers));
    assert_eq!(judge("[1,2]"), Ok(()));
    assert_eq!(judge("[1,2,3]"), Err(TooManyItems));
    assert_eq!(judge("\"abc\""), Ok(()));
    assert_eq!(judge("\"abcd\""), Err(StringTooLong));
    assert_eq!(judge("{\"abcd\":1}"), Err(StringTooLong));
    assert_eq!(judge("-123"), Ok(()));
    assert_eq!(judge("-1234"), Err(NumberTooLong));
    assert_eq!(judge(&"[".repeat(10_000)), Err(TooDeep));
}

#[test]
fn a_fault_says_what_and_where() {
    let fault = check(b"[1,]", &JsonBounds::default()).unwrap_err();
    assert_eq!(fault.to_string(), "an unexpected byte at byte 3");
    assert_eq!(Reason::from(fault), Reason::BodyMalformed);
}

fn any_json() -> impl Strategy<Value = serde_json::Value> {
    let leaf = prop_oneof![
        Just(serde_json::Value::Null),
        any::<bool>().prop_map(Into::into),
        any::<i64>().prop_map(Into::into),
        any::<f64>().prop_map(Into::into),
        ".{0,12}".prop_map(Into::into),
    ];
    leaf.prop_recursive(4, 48, 8, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..8).prop_map(Into::into),
            prop::collection::vec((".{0,6}", inner), 0..20)
                .prop_map(|members| members.into_iter().collect::<serde_json::Map<_, _>>().into()),
        ]
    })
}

proptest! {
    #[test]
    fn whatever_serde_json_writes_is_taken(value in any_json(), is_pretty in any::<bool>()) {
        let text = if is_pretty { serde_json::to_string_pretty(&value) } else { serde_json::to_string(&value) }.unwrap();
        prop_assert_eq!(check(text.as_bytes(), &JsonBounds::default()), Ok(()));
    }

    #[test]
    fn serde_json_agrees_about_everything_but_what_we_refuse_on_purpose(
        text in r#"([\[\]{},:"\\au0dD8e+.\-1]|null|"a"|\\u00|\\ud83d|"b":| ){0,16}"#
    ) {
        let parsed = serde_json::from_str::<serde_json::Value>(&text);
        match check(text.as_bytes(), &JsonBounds::default()) {
            Ok(()) => prop_assert!(parsed.is_ok(), "{:?}", parsed),
            Err(fault) => prop_assert!(parsed.is_err() || fault.kind == NameRepeated, "{}", fault),
        }
    }

    #[test]
    fn any_bytes_end_in_an_answer(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
        if check(&bytes, &JsonBounds::default()).is_ok() {
            prop_assert!(serde_json::from_slice::<serde_json::Value>(&bytes).is_ok());
        }
    }

    #[test]
    fn a_member_written_twice_is_refused(value in prop::collection::btree_map("[a-z\u{e9}\u{1F600}]{0,5}", 0..9_u8, 1..30), at in any::<prop::sample::Index>(), is_escaped in any::<bool>()) {
        let mut members: Vec<String> = value.iter().map(|(name, value)| format!("{}:{value}", serde_json::to_string(name).unwrap())).collect();
        let name = value.keys().nth(at.index(value.len())).unwrap();
        let repeated = if is_escaped {
            let units: String = name.encode_utf16().map(|unit| format!("\\u{unit:04x}")).collect();
            format!("\"{units}\":0")
        } else {
            format!("{}:0", serde_json::to_string(name).unwrap())
        };
        members.insert(at.index(members.len() + 1), repeated);
        let text = format!("{{{}}}", members.join(","));
        prop_assert_eq!(check(text.as_bytes(), &JsonBounds::default()).map_err(|fault| fault.kind), Err(NameRepeated));
    }
}
