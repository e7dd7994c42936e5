//! What must not be remembered, and taking it out before anything is written (AUD-07, AUD-08).
//!
//! In: text that a stranger, an issuer or an upstream had a hand in. Out: the same text with credentials
//! replaced by `[redacted]` or what kind of thing stood there, and card numbers cut to their first six and
//! last four digits. Called by [`crate::Event`] for each field that is not ours, and by whoever writes
//! such text elsewhere.
//!
//! Two ways lead to a redaction: the *name* of a parameter or header says that its value is a secret, or
//! the value *looks* like one wherever it stands: tokens, keys with well-known prefixes, `Bearer` and its
//! kin, PEM, userinfo in URLs, card numbers. Both err towards hiding. Not done here: bodies, which are
//! never recorded, and secrets that look like words under names that look harmless.

mod names;
mod secrets;
mod target;

use std::borrow::Cow;

pub use target::target;

/// What stands in the place of a secret.
pub const REDACTED: &str = "[redacted]";

/// Hides secrets in free text: a note, an id that the client sent, a user agent.
#[must_use]
pub fn text(text: &str) -> Cow<'_, str> {
    let Some(first) = secrets::find(text, 0) else { return Cow::Borrowed(text) };
    let mut clean = String::with_capacity(text.len());
    let (mut from, mut next) = (0, Some(first));
    while let Some(found) = next {
        clean.push_str(text.get(from..found.start).unwrap_or_default());
        clean.push_str(&found.shown);
        from = found.end;
        next = secrets::find(text, from);
    }
    clean.push_str(text.get(from..).unwrap_or_default());
    Cow::Owned(clean)
}

/// Hides the value of a header field: all of it where the name says so, else what looks like a secret.
#[must_use]
pub fn header<'v>(name: &str, value: &'v str) -> Cow<'v, str> {
    match names::is_parameter_sensitive(name) {
        true => Cow::Borrowed(REDACTED),
        false => text(value),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[track_caller]
    fn check(cases: &[(&str, &str)]) {
        for (before, after) in cases {
            assert_eq!(text(before), *after, "from `{before}`");
        }
    }

    #[test]
    fn tokens_are_hidden_wherever_they_stand() {
        check(&[
            ("got eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiJhIn0.c2lnbmF0dXJl from a", "got [token] from a"),
            ("Bearer abcdef123", "Bearer [redacted]"),
            ("sent bearer%20dGVzdDp0ZXN0", "sent bearer%20[redacted]"),
            ("Basic dGVzdDp0ZXN0, then", "Basic [redacted], then"),
            ("DPoP  correcthorsebatterystaple", "DPoP  [redacted]"),
            ("key ghp_0123456789abcdefABCDEF0123 leaked", "key [token] leaked"),
            ("AKIAIOSFODNN7EXAMPLE", "[token]"),
            ("our own pcl_test_0000000000B_ABCDEFGHIJKLMNOPQRSTUVWXYZabcdef0Nv0jm", "our own [token]"),
            ("at -----BEGIN PRIVATE KEY-----\nMIIE\n-----END PRIVATE KEY----- end", "at [pem] end"),
            ("-----BEGIN CERTIFICATE-----MIID and no end", "[pem]"),
            ("postgres://shop:s3cret@db:5432/x", "postgres://[redacted]@db:5432/x"),
        ]);
    }

    #[test]
    fn values_under_telling_names_are_hidden() {
        check(&[
            ("password=hunter2&a=b", "password=[redacted]&a=b"),
            ("{\"clientSecret\": \"a b\", \"x\": 1}", "{\"clientSecret\": \"[redacted]\", \"x\": 1}"),
            ("x-api-key: abc def", "x-api-key: [redacted] def"),
            ("authorization: Bearer abc; more", "authorization: [redacted]"),
            ("Cookie: a=b; c=d\nnext", "Cookie: [redacted]\nnext"),
            ("token: Bearer abc def", "token: [redacted] def"),
        ]);
    }

    #[test]
    fn ordinary_text_is_left_alone_and_not_copied() {
        for plain in [
            "kid `2025-11` is not among the keys of https://id.example",
            "retry: 3 of 5",
            "a basic plan for bearers of cards",
            "550e8400-e29b-41d4-a716-446655440000",
            "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
            "curl/8.14.1",
            "eye contact",
            "",
        ] {
            assert!(matches!(text(plain), Cow::Borrowed(same) if same == plain), "{}", text(plain));
        }
    }

    #[test]
    fn header_fields_that_carry_credentials_are_hidden_whole() {
        for name in ["Authorization", "cookie", "X-Api-Key", "Proxy-Authorization", "x-auth-token", "DPoP"] {
            assert_eq!(header(name, "anything at all"), REDACTED, "{name}");
        }
        assert_eq!(header("accept", "text/html"), "text/html");
        assert_eq!(header("x-note", "card 4111 1111 1111 1111"), "card 411111******1111");
    }

    proptest! {
        #[test]
        fn any_text_is_taken_and_twice_is_as_good_as_once(original in "\\PC*|.*|[-a-z0-9 .:=/@%+&eyJ]*") {
            let once = text(&original).into_owned();
            prop_assert_eq!(text(&once).into_owned(), once);
        }

        #[test]
        fn a_token_is_hidden_in_any_surroundings(
            before in "[ -~]{0,20}[ ,;(\"']", head in "[A-Za-z0-9_-]{8,40}", body in "[A-Za-z0-9_-]{8,80}",
            after in "([ ,;)\"'][ -~]{0,20})?",
        ) {
            let clean = text(&format!("{before}eyJ{head}.eyJ{body}.{body}{after}")).into_owned();
            prop_assert!(!clean.contains(&body));
        }
    }
}
