use proptest::prelude::*;

use super::*;

fn read(raw: &str) -> Result<String, Reason> {
    let raw: PathAndQuery = raw.parse().unwrap();
    Target::read(&Method::GET, &raw, &Bounds::default()).map(|target| target.path_and_query().to_string())
}

#[track_caller]
fn becomes(raw: &str, canonical: &str) {
    assert_eq!(read(raw).as_deref(), Ok(canonical), "{raw}");
}

#[track_caller]
fn is_refused(raw: &str, reason: Reason) {
    assert_eq!(read(raw), Err(reason), "{raw}");
}

// proves-part: GW-02 (what the upstream sees is shown in the gateway)
#[test]
fn equivalent_spellings_become_one() {
    for raw in ["/a/b", "/a/./b", "/a/%62", "/%61/b", "/./a/b", "/././a/././b"] {
        becomes(raw, "/a/b");
    }
    becomes("/", "/");
    becomes("/.", "/");
    becomes("/./", "/");
    becomes("/a/.", "/a/");
    becomes("/a/./", "/a/");
    becomes("/a%20b%c3%a9", "/a%20b%C3%A9");
    becomes("/%7Euser/%2Dx%2D%5Fy", "/~user/-x-_y");
    becomes("/a%3bb%3f", "/a%3Bb%3F");
    becomes("/100%25", "/100%25");
    becomes("/100%25/a", "/100%25/a");
    becomes("/a.b/..c/...", "/a.b/..c/...");
    becomes("/api%2e/x", "/api./x");
}

// proves-part: GW-03 (`#` never gets this far: the framing guard refuses it)
#[test]
fn ambiguous_paths_are_refused() {
    for raw in [
        "/a%2fb",
        "/a%2Fb",
        "/a%5cb",
        "/a%5C",
        "/a%00",
        "/a%0a",
        "/a%0D",
        "/a%7f",
        "/a%1F",
        "/..",
        "/../a",
        "/a/..",
        "/a/../b",
        "/%2e",
        "/%2E/a",
        "/a/%2e%2e/b",
        "/a/.%2e/b",
        "/a/%2E./b",
        "/a;x=1",
        "/a/;/b",
        "/..;/a",
        "//",
        "//a",
        "/a//b",
        "/a//",
        "/a/.//b",
        "/a\\b",
        "/a%252e",
        "/%252e%252e/a",
        "/a%252fb",
        "/a%25%32e",
        "/a%25%32%65",
        "/%25%35c",
    ] {
        is_refused(raw, Reason::PathAmbiguous);
    }
}

#[test]
fn broken_escapes_and_bytes_beyond_utf_8_are_refused() {
    for raw in [
        "/a%",
        "/a%2",
        "/a%zz",
        "/a%2%66",
        "/%u0041",
        "/a%ff",
        "/a%c3",
        "/a%c3/%a9",
        "/%c0%af",
        "/%ed%a0%80",
        "/\u{e9}",
        "/a\"b",
        "/a{b}",
        "/a|b",
        "/a^b",
        "/a[0]",
    ] {
        is_refused(raw, Reason::TargetMalformed);
    }
}

#[test]
fn a_query_is_kept_as_it_was_sent() {
    for raw in [
        "/a?",
        "/a?b=c&d",
        "/a?b=%2f%2e%2E%00",
        "/a?x=//../;y",
        "/a?u=http://b/?c",
        "/a?f[x]=1",
        "/a?q=a+b%20c",
    ] {
        becomes(raw, raw);
    }
}

#[test]
fn a_query_may_hold_what_browsers_leave_unescaped() {
    becomes("/a?f={%22b%22:1}&g=a|b^c`d\\e", "/a?f={%22b%22:1}&g=a|b^c`d\\e");
}

#[test]
fn a_malformed_query_is_refused() {
    for raw in ["/a?b=%", "/a?b=%4", "/a?b=%zz", "/a?b=\u{e9}"] {
        is_refused(raw, Reason::TargetMalformed);
    }
}

// proves-part: GW-23 (the headers are stripped in `spoofed`, the judging is shown in the gateway)
#[test]
fn a_parameter_that_would_replace_the_method_is_taken_out() {
    becomes("/a?_method=DELETE", "/a");
    becomes("/a?b=1&_method=DELETE&c=2", "/a?b=1&c=2");
    becomes("/a?%5fmethod=DELETE&c=2&_meth%6Fd", "/a?c=2");
    becomes("/a?x_method=DELETE", "/a?x_method=DELETE");
}

#[test]
fn the_asterisk_is_for_options_alone() {
    let asterisk: PathAndQuery = "*".parse().unwrap();
    let bounds = Bounds::default();
    assert_eq!(Target::read(&Method::OPTIONS, &asterisk, &bounds).unwrap().path(), "*");
    assert_eq!(Target::read(&Method::GET, &asterisk, &bounds), Err(Reason::TargetMalformed));
}

#[test]
fn an_absolute_target_without_a_path_is_the_root() {
    let uri: http::Uri = "http://a.example?b".parse().unwrap();
    let target = Target::read(&Method::GET, uri.path_and_query().unwrap(), &Bounds::default()).unwrap();
    assert_eq!((target.path(), target.query()), ("/", Some("b")));
    assert_eq!(target.path_and_query().as_str(), "/?b");
}

#[test]
fn a_long_target_is_refused() {
    let bounds = Bounds { target: 4, ..Bounds::default() };
    let read = |raw: &str| Target::read(&Method::GET, &raw.parse().unwrap(), &bounds);
    assert_eq!(read("/abc").unwrap().path(), "/abc");
    assert_eq!(read("/abcd"), Err(Reason::TargetTooLong));
}

#[test]
fn a_canonical_target_is_not_copied() {
    let raw: PathAndQuery = "/a/b%20c?d=e".parse().unwrap();
    let target = Target::read(&Method::GET, &raw, &Bounds::default()).unwrap();
    assert!(std::ptr::eq(raw.as_str(), target.0.as_str()));
}

// proves-part: GW-04 (that the policy of the stripped path decides is shown in the gateway)
#[test]
fn a_prefix_is_stripped_at_the_end_of_a_segment() {
    let strip = |raw: &str, prefix: &str| {
        let target = Target::read(&Method::GET, &raw.parse().unwrap(), &Bounds::default()).unwrap();
        target.strip_prefix(prefix).map(|target| target.path_and_query().to_string())
    };
    assert_eq!(strip("/api/x?q", "/api").as_deref(), Some("/x?q"));
    assert_eq!(strip("/api/x", "/api/").as_deref(), Some("/x"));
    assert_eq!(strip("/api", "/api").as_deref(), Some("/"));
    assert_eq!(strip("/api/", "/api").as_deref(), Some("/"));
    assert_eq!(strip("/api/x", "/").as_deref(), Some("/api/x"));
    assert_eq!(strip("/apix", "/api"), None);
    assert_eq!(strip("/other", "/api"), None);
    // The canonical path is `/api./admin/x`: not under the mount.
    assert_eq!(strip("/api%2e/admin/x", "/api"), None);
}

#[test]
fn a_prefix_cannot_be_left_through_dot_segments() {
    is_refused("/api/../admin/x", Reason::PathAmbiguous);
    is_refused("/api/%2e%2e/admin/x", Reason::PathAmbiguous);
}

proptest! {
    #[test]
    fn reading_twice_changes_nothing(raw in "/[a-c./%2EeFf5;~\\-?&=_]{0,24}") {
        let Ok(raw) = raw.parse::<PathAndQuery>() else { return Ok(()) };
        let bounds = Bounds::default();
        if let Ok(target) = Target::read(&Method::GET, &raw, &bounds) {
            let again = Target::read(&Method::GET, &target.path_and_query(), &bounds);
            prop_assert_eq!(again.as_ref(), Ok(&target));
        }
    }

    #[test]
    fn what_is_accepted_decodes_to_one_path_without_dot_segments(raw in "/[a-b./%2eE5cC]{0,16}") {
        let Ok(raw) = raw.parse::<PathAndQuery>() else { return Ok(()) };
        if let Ok(target) = Target::read(&Method::GET, &raw, &Bounds::default()) {
            let decoded = percent_encoding::percent_decode_str(target.path()).decode_utf8().unwrap();
            prop_assert!(decoded.split('/').all(|segment| segment != "." && segment != ".."));
            prop_assert!(!decoded.contains("//") && !decoded.contains('\\'));
            prop_assert_eq!(decoded.split('/').count(), target.path().split('/').count());
        }
    }

    #[test]
    fn escaping_an_unreserved_character_changes_nothing(path in "/[a-z0-9_~-]{1,8}(/[a-z0-9_~-]{1,8}){0,3}", at in any::<prop::sample::Index>()) {
        let escapable: Vec<usize> = path.bytes().enumerate().filter(|(_, b)| *b != b'/').map(|(i, _)| i).collect();
        let at = escapable[at.index(escapable.len())];
        let escaped = format!("{}%{:02x}{}", &path[..at], path.as_bytes()[at], &path[at + 1..]);
        prop_assert_eq!(read(&escaped), Ok(path));
    }
}
