//! The request target: path and query, with their secrets hidden.
//!
//! Parameters keep their names. The value is hidden where the name tells ([`super::names`]), where it
//! looks like a secret, and where it is long and drawn by lot. In the path the same holds for segments,
//! with more patience, since objects are named there; and for the segment after a step such as `reset`.
//! Percent-encoding is looked through, as often as somebody might have applied it.

use std::borrow::Cow;

use super::{REDACTED, names, secrets};

/// From how many characters on a part that looks drawn by lot is hidden.
const OPAQUE_VALUE: usize = 20;
const OPAQUE_SEGMENT: usize = 40;
/// From how many characters on a parameter's name may itself be a secret: the shortest card number.
const TELLING_NAME: usize = 13;

/// How often a part is decoded to look inside.
const LAYERS: usize = 3;

/// Hides secrets in a request target.
#[must_use]
pub fn target(target: &str) -> Cow<'_, str> {
    let (path, query) = match target.split_once('?') {
        Some((path, query)) => (path, Some(query)),
        None => (target, None),
    };
    if is_path_clean(path) && query.is_none_or(is_query_clean) {
        return Cow::Borrowed(target);
    }
    let mut clean = String::with_capacity(target.len());
    push_path(&mut clean, path);
    if let Some(query) = query {
        clean.push('?');
        push_query(&mut clean, query);
    }
    Cow::Owned(whole(clean))
}

/// Once more over all parts together: `postgres://user:password@host` is three segments of a path.
fn whole(clean: String) -> String {
    match super::text(&decoded(&clean)) {
        Cow::Owned(hidden) => hidden,
        Cow::Borrowed(_) => clean,
    }
}

fn is_path_clean(path: &str) -> bool {
    if path.contains('%') || secrets::find(path, 0).is_some() {
        return false;
    }
    let mut before = "";
    path.split('/').all(|segment| {
        let step = std::mem::replace(&mut before, segment);
        let is_secret = may_be_secret(segment) && names::is_step_to_secret(step);
        !is_secret && !secrets::is_opaque(segment, OPAQUE_SEGMENT)
    })
}

fn is_query_clean(query: &str) -> bool {
    !query.contains('%')
        && query.split(['&', ';']).all(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or(("", pair));
            (value.is_empty() || !names::is_parameter_sensitive(name))
                && secrets::find(value, 0).is_none()
                && !secrets::is_opaque(value, OPAQUE_VALUE)
                && (name.len() < TELLING_NAME || is_name_clean(name))
        })
}

fn is_name_clean(name: &str) -> bool {
    secrets::find(name, 0).is_none() && !secrets::is_opaque(name, OPAQUE_VALUE)
}

fn push_path(clean: &mut String, path: &str) {
    let mut after_step = false;
    for (index, segment) in path.split('/').enumerate() {
        if index > 0 {
            clean.push('/');
        }
        if after_step && may_be_secret(segment) {
            clean.push_str(REDACTED);
        } else {
            push_part(clean, segment, OPAQUE_SEGMENT);
        }
        after_step = names::is_step_to_secret(&decoded(segment));
    }
}

fn push_query(clean: &mut String, query: &str) {
    for pair in query.split_inclusive(['&', ';']) {
        let separator = pair.chars().last().filter(|last| matches!(last, '&' | ';'));
        let pair = pair.strip_suffix(['&', ';']).unwrap_or(pair);
        match pair.split_once('=') {
            Some((name, value)) => {
                push_part(clean, name, OPAQUE_VALUE);
                clean.push('=');
                let decoded_name = decoded(name);
                // What follows a card number on its track is told by `=`, too (PCI DSS 3.3.1).
                let is_hidden = names::is_parameter_sensitive(&decoded_name)
                    || matches!(super::text(&decoded_name), Cow::Owned(_));
                if !value.is_empty() && is_hidden {
                    clean.push_str(REDACTED);
                } else {
                    push_part(clean, &value.replace('+', " "), OPAQUE_VALUE);
                }
            }
            None => push_part(clean, pair, OPAQUE_VALUE),
        }
        clean.extend(separator);
    }
}

/// Appends one segment, name or value; decoded only if something in it must be hidden.
fn push_part(clean: &mut String, part: &str, opaque_from: usize) {
    let inside = decoded(part);
    match super::text(&inside) {
        Cow::Owned(hidden) => clean.push_str(&hidden),
        Cow::Borrowed(_) if secrets::is_opaque(&inside, opaque_from) => {
            clean.push_str("[opaque ");
            clean.push_str(&inside.len().to_string());
            clean.push(']');
        }
        Cow::Borrowed(_) => clean.push_str(part),
    }
}

/// A segment after a step: long enough, and not a word.
fn may_be_secret(segment: &str) -> bool {
    segment.len() >= 6
        && segment.bytes().any(|byte| byte.is_ascii_digit() || byte.is_ascii_uppercase() || byte == b'%')
}

fn decoded(part: &str) -> Cow<'_, str> {
    let mut text = Cow::Borrowed(part);
    for _ in 0..LAYERS {
        match decoded_once(&text) {
            Some(inside) => text = Cow::Owned(inside),
            None => break,
        }
    }
    text
}

fn decoded_once(text: &str) -> Option<String> {
    if !text.contains('%') {
        return None;
    }
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    let mut has_changed = false;
    loop {
        match rest {
            [b'%', high, low, after @ ..] if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() => {
                bytes.push(digit(*high) << 4 | digit(*low));
                has_changed = true;
                rest = after;
            }
            [byte, after @ ..] => {
                bytes.push(*byte);
                rest = after;
            }
            [] => break,
        }
    }
    has_changed.then(|| String::from_utf8_lossy(&bytes).into_owned())
}

/// The value of a hexadecimal digit.
fn digit(byte: u8) -> u8 {
    char::from(byte).to_digit(16).map_or(0, |digit| digit as u8)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[track_caller]
    fn check(cases: &[(&str, &str)]) {
        for (before, after) in cases {
            assert_eq!(target(before), *after, "from `{before}`");
        }
    }

    #[test]
    fn values_are_hidden_by_their_names_and_names_stay() {
        check(&[
            ("/a?access_token=abc&page=2", "/a?access_token=[redacted]&page=2"),
            ("/cb?code=x1;state=y", "/cb?code=[redacted];state=[redacted]"),
            ("/a?acc%65ss_t%6fken=abc", "/a?acc%65ss_t%6fken=[redacted]"),
            ("/a?user[password]=p&x", "/a?user[password]=[redacted]&x"),
            ("/a?token=", "/a?token="),
            ("/a;jsessionid=AB12?b=c", "/a;jsessionid=[redacted]?b=c"),
        ]);
    }

    #[test]
    fn values_are_hidden_by_their_looks() {
        check(&[
            ("/a?x=eyJhbGciOiJub25lIn0.eyJhIjoxfQ.", "/a?x=[token]"),
            ("/a?card=4111111111111111", "/a?card=[redacted]"),
            ("/a?x=4111%201111%201111%201111", "/a?x=411111******1111"),
            ("/a?x=%34%31%31%31111111111111", "/a?x=411111******1111"),
            ("/a?x=%2534%2531%2531%2531111111111111", "/a?x=411111******1111"),
            ("/a?next=https%3A%2F%2Fb%2F%3Ftoken%3Dabc%26c%3Dd", "/a?next=https://b/?token=[redacted]&c=d"),
            ("/a?cursor=4f9c2ab81d03e7f65a90b1c2", "/a?cursor=[opaque 24]"),
            ("/a?eyJhbGciOiJub25lIn0.eyJhIjoxfQ.", "/a?[token]"),
            ("/t/eyJhbGciOiJub25lIn0.eyJhIjoxfQ./x", "/t/[token]/x"),
            ("/cards/4111-1111-1111-1111", "/cards/411111******1111"),
            ("/x?4111111111111111=1", "/x?411111******1111=[redacted]"),
            ("/x?q=;4111111111111111=2512101?", "/x?q=;411111******1111=[redacted]"),
            ("/reset-password/4f9c2ab8", "/reset-password/[redacted]"),
            ("/f/4f9c2ab81d03e7f65a90b1c24f9c2ab81d03e7f65a90b1c2", "/f/[opaque 48]"),
            ("/a?Authorization=Bearer+abc", "/a?Authorization=[redacted]"),
            ("/a?x=Bearer+abc123def", "/a?x=Bearer [redacted]"),
            ("/to/postgres://shop:pw@db/x", "/to/postgres://[redacted]@db/x"),
            ("/to/postgres:/%2Fshop:pw@db/x", "/to/postgres://[redacted]@db/x"),
        ]);
    }

    #[test]
    fn ordinary_targets_are_kept_and_not_copied() {
        for plain in [
            "/",
            "/orders/42/items?page=2&sort=-created&fields=id,total",
            "/orders/550e8400-e29b-41d4-a716-446655440000",
            "/verify/email",
            "/a?q=plain+words&from=2025-11-24",
            "*",
            "",
            "/a??&;=",
        ] {
            assert!(matches!(target(plain), Cow::Borrowed(same) if same == plain), "{}", target(plain));
        }
        assert_eq!(target("/caf%C3%A9?q=%C3%BC"), "/caf%C3%A9?q=%C3%BC");
    }

    fn percent_encoded(text: &str) -> String {
        text.bytes().map(|byte| format!("%{byte:02X}")).collect()
    }

    proptest! {
        #[test]
        fn any_target_is_taken(original in "\\PC*|.*|/[-a-z0-9 .:=/@%+&;?eyJ]*") {
            let _ = target(&original);
        }

        #[test]
        fn a_secret_under_a_telling_name_never_stays(
            name in "(access_|refresh-|x)?(token|secret|password|api[_-]?key|signature)", secret in "[A-Za-z0-9]{6,30}",
            layers in 0usize..3, before in "([a-z]{1,5}=[a-z]{1,5}&){0,2}",
        ) {
            let canary = format!("QZ{secret}");
            let encoded = (0..layers).fold(canary.clone(), |text, _| percent_encoded(&text));
            for text in [format!("/a?{before}{name}={encoded}&z=1"), format!("/a/b?{before}{}={encoded}", percent_encoded(&name))] {
                let clean = target(&text).into_owned();
                prop_assert!(!clean.contains(&canary) && !clean.contains(&encoded), "{clean}");
            }
        }
    }
}
