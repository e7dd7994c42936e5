//! Which bytes are JSON, for a filter that sees them in pieces.

use portcullis_contract::filter::{FilterFaultKind, FilterPlan, OnUndeclared, Sight};

use super::{filtered, plan};

#[track_caller]
fn check(answer: &[u8], expected: Result<(), FilterFaultKind>) {
    let closed = plan(r#"{"properties":{"a":{},"b":{"type":"array"}}}"#);
    for size in [answer.len(), 1, 2, 3, 7] {
        for (plan, undeclared) in [
            (&FilterPlan::open(), OnUndeclared::Report),
            (&closed, OnUndeclared::Report),
            (&closed, OnUndeclared::Remove),
        ] {
            let read = filtered(plan, &Sight::none(), undeclared, answer, size);
            let read = read.map(|_| ()).map_err(|fault| fault.kind);
            assert_eq!(read, expected, "{} in pieces of {size}", String::from_utf8_lossy(answer));
        }
    }
}

#[test]
fn every_json_value_may_be_an_answer() {
    for answer in
        ["0", "-1.5e3", "true", "null", "\"\"", "[]", "{}", " [ ] ", "\t{\r\n}", "[[],{}]", "{\"a\":[{}]}"]
    {
        check(answer.as_bytes(), Ok(()));
    }
}

#[test]
fn what_is_no_json_or_two_things_at_once_is_refused() {
    use FilterFaultKind as Fault;
    for (answer, fault) in [
        (&b""[..], Fault::EndsEarly),
        (b" ", Fault::EndsEarly),
        (b"{", Fault::EndsEarly),
        (b"{\"a\"", Fault::EndsEarly),
        (b"{\"a\":", Fault::EndsEarly),
        (b"[1", Fault::EndsEarly),
        (b"[1,", Fault::EndsEarly),
        (b"\"a", Fault::EndsEarly),
        (b"tru", Fault::EndsEarly),
        (b"-", Fault::NumberMalformed),
        (b"1.", Fault::NumberMalformed),
        (b"01", Fault::NumberMalformed),
        (b"[1e999]", Fault::NumberTooLarge),
        (b"NaN", Fault::UnexpectedByte),
        (b"nulL", Fault::UnexpectedByte),
        (b"[1,]", Fault::UnexpectedByte),
        (b"[,1]", Fault::UnexpectedByte),
        (b"[1 2]", Fault::UnexpectedByte),
        (b"{,}", Fault::UnexpectedByte),
        (b"{\"a\":1,}", Fault::UnexpectedByte),
        (b"{\"a\" 1}", Fault::UnexpectedByte),
        (b"{\"a\":1]", Fault::UnexpectedByte),
        (b"{a:1}", Fault::UnexpectedByte),
        (b"{'a':1}", Fault::UnexpectedByte),
        (b"[1/**/]", Fault::UnexpectedByte),
        (b"]", Fault::UnexpectedByte),
        (b"{} {}", Fault::SomethingBehind),
        (b"1 1", Fault::SomethingBehind),
        (b"\xEF\xBB\xBF{}", Fault::ByteOrderMark),
        (b"\"\xFF\"", Fault::NotUtf8),
        (b"\"a\nb\"", Fault::ControlCharacter),
        (b"\"\\x\"", Fault::EscapeMalformed),
        (b"\"\\ud800\"", Fault::SurrogateAlone),
        (b"{\"a\":1,\"a\":2}", Fault::NameRepeated),
        (b"{\"a\":1,\"\\u0061\":2}", Fault::NameRepeated),
        (b"{\"x\":1,\"x\":2}", Fault::NameRepeated),
        (b"{\"x\":1,\"\\u0078\":2}", Fault::NameRepeated),
    ] {
        check(answer, Err(fault));
    }
}

#[test]
fn what_is_removed_is_only_read_as_far_as_its_end() {
    let plan = plan(r#"{"properties":{"a":{}}}"#);
    let read = |answer: &[u8], size| filtered(&plan, &Sight::none(), OnUndeclared::Remove, answer, size);
    for size in [1, 2, 5, 100] {
        assert_eq!(read(br#"{"x":{"a":[nonsense,"\"}"],"a":1},"a":1}"#, size).unwrap().0, r#"{"a":1}"#);
        let crossed = read(br#"{"x":[{]},"a":1}"#, size).unwrap_err();
        assert_eq!((crossed.kind, crossed.at), (FilterFaultKind::UnexpectedByte, 7));
    }
}

#[test]
fn nesting_is_bounded_also_in_what_is_removed() {
    let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
    let plan = plan(r#"{"properties":{"a":{}}}"#);
    for (depth, fits) in [(127, true), (128, false), (100_000, false)] {
        for name in ["a", "x"] {
            for undeclared in [OnUndeclared::Report, OnUndeclared::Remove] {
                let answer = format!(r#"{{"{name}":{}}}"#, nested(depth));
                let read = filtered(&plan, &Sight::none(), undeclared, answer.as_bytes(), 1000);
                assert_eq!(
                    read.map(|_| ()).map_err(|fault| fault.kind),
                    if fits { Ok(()) } else { Err(FilterFaultKind::TooDeep) }
                );
            }
        }
    }
}

#[test]
fn a_fault_is_final_and_says_where() {
    let mut filter = FilterPlan::open().start(Sight::none(), OnUndeclared::Report);
    let mut out = bytes::BytesMut::new();
    filter.push(b"[1,", &mut out).unwrap();
    let fault = filter.push(b" 2 x", &mut out).unwrap_err();
    assert_eq!((fault.at, fault.kind), (6, FilterFaultKind::UnexpectedByte));
    assert_eq!(filter.push(b"]", &mut out), Err(fault));
    assert_eq!(filter.finish(&mut out), Err(fault));
}

#[test]
fn members_beyond_the_first_sixty_four_are_counted_too() {
    let properties: Vec<String> = (0..200).map(|n| format!(r#""m{n}":{{}}"#)).collect();
    let plan = plan(&format!(r#"{{"properties":{{{}}}}}"#, properties.join(",")));
    let members: Vec<String> = (0..200).rev().map(|n| format!(r#""m{n}":[{{"m150":1}}]"#)).collect();
    let whole = format!("{{{}}}", members.join(","));
    assert!(filtered(&plan, &Sight::none(), OnUndeclared::Remove, whole.as_bytes(), 10).is_ok());
    for repeated in [0, 63, 64, 65, 199] {
        let answer = whole.replacen('{', &format!(r#"{{"m{repeated}":1,"#), 1);
        let fault = filtered(&plan, &Sight::none(), OnUndeclared::Remove, answer.as_bytes(), 10).unwrap_err();
        assert_eq!(fault.kind, FilterFaultKind::NameRepeated);
    }
}
