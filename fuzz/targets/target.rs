//! The request target: what is accepted is canonical, stays so, and decodes to one path.

#![no_main]

use http::Method;
use http::uri::PathAndQuery;
use libfuzzer_sys::fuzz_target;
use portcullis_message::{Bounds, Target};

fuzz_target!(|bytes: &[u8]| {
    let Ok(raw) = PathAndQuery::try_from(bytes) else { return };
    let bounds = Bounds::default();
    let Ok(target) = Target::read(&Method::GET, &raw, &bounds) else { return };
    assert_eq!(Target::read(&Method::GET, &target.path_and_query(), &bounds).as_ref(), Ok(&target));
    check_path(target.path());
    if let Some(within) = target.strip_prefix("/a") {
        assert_eq!(Target::read(&Method::GET, &within.path_and_query(), &bounds).as_ref(), Ok(&within));
        check_path(within.path());
    }
});

fn check_path(path: &str) {
    let decoded = percent_encoding::percent_decode_str(path).decode_utf8().expect("the path is UTF-8");
    assert!(decoded.starts_with('/') && !decoded.contains("//"));
    assert!(decoded.split('/').all(|segment| segment != "." && segment != ".."));
    assert_eq!(decoded.split('/').count(), path.split('/').count(), "a decoder sees other segments");
    assert!(!decoded.contains('\\') && !decoded.contains(|character: char| character.is_ascii_control()));
    // Decoding once more must not reveal what decoding once did not.
    assert!(!decoded.as_bytes().windows(3).any(
        |escape| matches!(escape, [b'%', high, low] if high.is_ascii_hexdigit() && low.is_ascii_hexdigit())
    ));
}
