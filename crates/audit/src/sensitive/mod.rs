//! What sensitive values look like: card numbers, account numbers, keys and tokens.
//!
//! In: text. Out: what kind of thing stands in it. Two who ask: [`crate::redact`], which hides what looks
//! like a secret before anything is remembered and errs towards hiding; and [`judge`], by which the
//! gateway looks at answers where the contract does not say what stands there. An alarm that is wrong one
//! time in ten is one that nobody reads, so [`judge`] believes only what a check digit, an issuer's range
//! or a maker's mark confirms, and only if it stands alone: hashes, trace ids and UUIDs are none.
//!
//! Not done here: names, addresses, and other data that nothing but its meaning marks.

pub(crate) mod cards;
mod iban;
pub(crate) mod keys;

use std::borrow::Cow;

/// A stretch of text to hide, on character boundaries.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Found {
    pub(crate) start: usize,
    pub(crate) end: usize,
    /// What is written instead.
    pub(crate) shown: Cow<'static, str>,
}

/// A kind of sensitive value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sensitive {
    /// A payment card number: Luhn and an issuer's range.
    Card,
    /// An international bank account number: length by country, and ISO 7064 mod 97-10.
    Iban,
    /// A private key in PEM (RFC 7468).
    PrivateKey,
    /// A key of a cloud or software service, by its maker's mark.
    ServiceKey,
    /// A JSON Web Token (RFC 7519).
    Token,
}

impl Sensitive {
    /// A stable word for records and metrics.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Card => "card",
            Self::Iban => "iban",
            Self::PrivateKey => "private_key",
            Self::ServiceKey => "service_key",
            Self::Token => "token",
        }
    }
}

/// What stands in `text`, if it is certain enough to raise an alarm. The time is linear in its length.
#[must_use]
pub fn judge(text: &[u8]) -> Option<Sensitive> {
    // Shorter than anything that is looked for: most values of most answers.
    if text.len() < 13 {
        return None;
    }
    if keys::is_private_key(text) {
        Some(Sensitive::PrivateKey)
    } else if let Some(kind) = keys::judge(text) {
        Some(kind)
    } else if cards::is_in(text) {
        Some(Sensitive::Card)
    } else if iban::is_in(text) {
        Some(Sensitive::Iban)
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn each_kind_is_known() {
        let pem = "-----BEGIN EC PRIVATE KEY-----\nMHcCAQEEIA==\n-----END EC PRIVATE KEY-----";
        for (text, kind) in [
            ("4111 1111 1111 1111", Sensitive::Card),
            ("DE89 3704 0044 0532 0130 00", Sensitive::Iban),
            (pem, Sensitive::PrivateKey),
            ("AKIAIOSFODNN7EXAMPLE", Sensitive::ServiceKey),
            ("eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiJhIn0.c2lnbmF0dXJlc2lnbmF0dXJl", Sensitive::Token),
        ] {
            assert_eq!(judge(text.as_bytes()), Some(kind), "{text}");
        }
    }

    #[test]
    fn ordinary_values_raise_no_alarm() {
        for text in [
            "550e8400-e29b-41d4-a716-446655440000",
            "4bf92f3577b34da6a3ce929d0e0e4736",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "0xde0B295669a9FD93d5F28D9Ec85E40f4cb697BAe",
            "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
            "2026-11-24T06:38:00.000000Z",
            "1732442400000000000",
            "https://shop.example/orders/4711?page=2",
            "ORDER-2026-000000001234",
            "The quick brown fox jumps over the lazy dog",
            "eyebrows and eyelashes",
            "-----BEGIN CERTIFICATE-----\nMIID\n-----END CERTIFICATE-----",
            "ghp_short",
            "sk-learn is a library",
        ] {
            assert_eq!(judge(text.as_bytes()), None, "{text}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]

        /// What names things in answers is none of it, whatever it is: not one alarm is allowed.
        #[test]
        fn names_of_things_raise_no_alarm(
            text in prop_oneof![
                "[0-9]{1,12}",
                "(ORD|INV|SKU)-[0-9]{4}-[0-9]{6,9}",
                "0x[0-9a-fA-F]{40}",
                "[0-9a-f]{16}|[0-9a-f]{40}|[0-9a-f]{64}",
                "00-[0-9a-f]{32}-[0-9a-f]{16}-01",
                "[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}",
                "1[67][0-9]{11}|1[67][0-9]{17}",
                "20[0-9]{2}-[01][0-9]-[0-3][0-9]T[0-2][0-9]:[0-5][0-9]:[0-5][0-9]Z",
                "[0-9]{1,3}\\.[0-9]{13,16}",
                "[A-Z][a-z]{2,9} [A-Z][a-z]{2,12}",
                "\"[0-9a-f]{32}\"",
            ],
        ) {
            prop_assume!(!text.bytes().all(|byte| byte.is_ascii_digit()) || text.len() < 13 || text.starts_with('1'));
            prop_assert_eq!(judge(text.as_bytes()), None, "{}", text);
        }

        #[test]
        fn any_bytes_are_taken(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            let _ = judge(&bytes);
        }
    }
}
