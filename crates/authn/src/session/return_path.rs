//! Where a login ends: a path of the same origin, or the usual page (OIDC-16).
//!
//! In: what the page asked for. Out: a path that no browser reads as another origin. Not done here, on
//! purpose: lists of other origins. RFC 9700 §4.11.1: open redirectors carry codes and trust away.

use url::Url;

/// Longest path that is remembered for a login.
const LIMIT: usize = 2048;

/// `wanted` if it is a path of this origin.
pub(crate) fn same_origin(wanted: &str) -> Option<&str> {
    let is_plain = wanted.len() <= LIMIT
        && wanted.starts_with('/')
        // Browsers take `//host` and `/\host` for another authority, and drop tabs and line ends first.
        && !wanted.starts_with("//")
        && wanted.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\');
    let base = Url::parse("https://origin.invalid/").ok()?;
    let stays = base.join(wanted).is_ok_and(|url| url.origin() == base.origin());
    (is_plain && stays).then_some(wanted)
}

#[cfg(test)]
mod tests {
    use super::*;

    // proves-part: OIDC-16 (that the default page is shown instead is shown by the gateway's walk tests)
    #[test]
    fn only_a_path_of_the_same_origin_is_returned_to() {
        for path in
            ["/", "/orders?page=2#top", "/a//b", "/a/../b", "/@evil.test", "/a?next=https://evil.test"]
        {
            assert_eq!(same_origin(path), Some(path));
        }
        for elsewhere in [
            "",
            "orders",
            "//evil.test",
            "///evil.test",
            "/\\evil.test",
            "/\\/evil.test",
            "\\\\evil.test",
            "https://evil.test/",
            "https:evil.test",
            "javascript:alert(1)",
            "/\t/evil.test",
            "/\n/evil.test",
            "/a b",
            "\u{0}/",
            "/\u{2025}",
            " //evil.test",
        ] {
            assert_eq!(same_origin(elsewhere), None, "{elsewhere:?}");
        }
        assert_eq!(same_origin(&format!("/{}", "a".repeat(LIMIT))), None);
    }
}
