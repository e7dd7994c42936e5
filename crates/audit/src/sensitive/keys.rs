//! Keys and tokens by the marks of their makers.

use super::Sensitive;

/// How tokens of well-known makers begin, by their first letter: this is asked at each word.
pub(crate) const fn prefixes(first: u8) -> &'static [&'static str] {
    match first {
        b'A' => &["AIza", "AKIA", "ASIA"],
        b'S' => &["SG."],
        b'd' => &["dop_v1_"],
        b'g' => &["ghp_", "gho_", "ghs_", "ghu_", "ghr_", "github_pat_", "glpat-"],
        b'h' => &["hvs."],
        b'n' => &["npm_"],
        b'p' => &["pcl_", "pypi-", "pk_live_"],
        b'r' => &["rk_live_"],
        b's' => &["sk-", "sk_live_", "sk_test_", "shpat_"],
        b'x' => &["xoxb-", "xoxp-", "xoxa-", "xoxs-"],
        b'y' => &["ya29."],
        _ => &[],
    }
}

/// The form that a maker gives its keys.
struct Mark {
    prefix: &'static str,
    /// How many characters follow.
    rest: std::ops::RangeInclusive<usize>,
    takes: fn(u8) -> bool,
}

const MARKS: [Mark; 15] = [
    // AWS: access key ids, long-lived and temporary.
    Mark { prefix: "AKIA", rest: 16..=16, takes: is_base32 },
    Mark { prefix: "ASIA", rest: 16..=16, takes: is_base32 },
    // Google: API keys and OAuth access tokens.
    Mark { prefix: "AIza", rest: 35..=35, takes: is_base64url },
    Mark { prefix: "ya29.", rest: 30..=1024, takes: is_base64url },
    // GitHub: classic, OAuth, user, server, refresh; fine-grained.
    Mark { prefix: "ghp_", rest: 36..=251, takes: is_alphanumeric },
    Mark { prefix: "gho_", rest: 36..=251, takes: is_alphanumeric },
    Mark { prefix: "ghu_", rest: 36..=251, takes: is_alphanumeric },
    Mark { prefix: "ghs_", rest: 36..=251, takes: is_alphanumeric },
    Mark { prefix: "ghr_", rest: 36..=251, takes: is_alphanumeric },
    Mark { prefix: "github_pat_", rest: 40..=244, takes: is_word },
    // Slack: bots, users, applications.
    Mark { prefix: "xoxb-", rest: 20..=200, takes: is_base64url },
    Mark { prefix: "xoxp-", rest: 20..=200, takes: is_base64url },
    Mark { prefix: "xoxa-", rest: 20..=200, takes: is_base64url },
    // Stripe: secret and restricted keys.
    Mark { prefix: "sk_live_", rest: 16..=247, takes: is_alphanumeric },
    Mark { prefix: "rk_live_", rest: 16..=247, takes: is_alphanumeric },
];

/// Before the key of an Azure storage account, in a connection string.
const AZURE_ACCOUNT: &[u8] = b"AccountKey=";
/// An Azure client secret has these in its fourth and fifth place, after three characters and a digit.
const AZURE_SECRET: &[u8] = b"Q~";

/// What key or token begins some word of `text`.
pub(super) fn judge(text: &[u8]) -> Option<Sensitive> {
    let mut at = 0;
    while let Some(byte) = text.get(at) {
        if begins_word(text, at) {
            let word = text.get(at..).unwrap_or_default();
            if is_service_key(*byte, word) {
                return Some(Sensitive::ServiceKey);
            }
            if *byte == b'e' && is_token(word) {
                return Some(Sensitive::Token);
            }
        }
        at += 1;
    }
    None
}

/// Whether a private key in PEM begins in `text` (RFC 7468 §10, §11; OpenSSH's and older forms alike).
pub(super) fn is_private_key(text: &[u8]) -> bool {
    memchr::memmem::find(text, b"-----BEGIN ").is_some_and(|at| {
        let label = text.get(at + 11..).unwrap_or_default();
        memchr::memmem::find(label, b"-----")
            .and_then(|end| label.get(..end))
            .is_some_and(|label| label.ends_with(b"PRIVATE KEY") || label.ends_with(b"PRIVATE KEY BLOCK"))
    })
}

fn begins_word(text: &[u8], at: usize) -> bool {
    let before = at.checked_sub(1).and_then(|before| text.get(before));
    !before
        .is_some_and(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.' | b'/' | b'+'))
}

fn is_service_key(first: u8, word: &[u8]) -> bool {
    let by_mark = !prefixes(first).is_empty()
        && MARKS.iter().any(|mark| {
            word.strip_prefix(mark.prefix.as_bytes()).is_some_and(|rest| {
                let length = rest.iter().take_while(|byte| (mark.takes)(**byte)).count();
                let ends = !rest.get(length).is_some_and(|byte| is_base64url(*byte));
                ends && mark.rest.contains(&length) && has_digit_and_letter(rest.get(..length))
            })
        });
    by_mark || is_azure_account(word) || is_azure_secret(word)
}

fn has_digit_and_letter(text: Option<&[u8]>) -> bool {
    let text = text.unwrap_or_default();
    text.iter().any(u8::is_ascii_digit) && text.iter().any(u8::is_ascii_alphabetic)
}

/// 64 bytes in base64.
fn is_azure_account(word: &[u8]) -> bool {
    word.strip_prefix(AZURE_ACCOUNT).is_some_and(|rest| {
        let length = rest
            .iter()
            .take_while(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/'))
            .count();
        length == 86 && rest.get(86..88) == Some(b"==")
    })
}

fn is_azure_secret(word: &[u8]) -> bool {
    if word.get(4..6) != Some(AZURE_SECRET) || !word.get(3).is_some_and(u8::is_ascii_digit) {
        return false;
    }
    let takes = |byte: &&u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'~' | b'.' | b'-');
    (37..=40).contains(&word.iter().take_while(takes).count())
}

/// Three parts in base64url, of which the first two hold a JSON object (RFC 7515 §3.1).
fn is_token(word: &[u8]) -> bool {
    let length = word.iter().take_while(|byte| is_base64url(**byte) || **byte == b'.').count();
    let mut parts = word.get(..length).unwrap_or_default().split(|byte| *byte == b'.');
    let holds_object =
        |part: Option<&[u8]>| part.is_some_and(|part| part.starts_with(b"eyJ") && part.len() >= 12);
    // What was cut off behind 256 bytes may have lost its end.
    let (header, claims) = (parts.next(), parts.next());
    holds_object(header)
        && holds_object(claims)
        && parts.next().is_none_or(|part| part.len() >= 16 || length >= 250)
}

const fn is_base32(byte: u8) -> bool {
    matches!(byte, b'A'..=b'Z' | b'0'..=b'9')
}

const fn is_alphanumeric(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
}

const fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

const fn is_base64url(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_known_by_mark_length_and_alphabet() {
        let azure = format!("AccountName=shop;AccountKey={}==;", "a1B2".repeat(22).get(..86).unwrap());
        for good in [
            "AKIAIOSFODNN7EXAMPLE",
            "key=ASIAIOSFODNN7EXAMPLE",
            "AIzaSyA1234567890abcdefghijklmnopqrstuv",
            "ghp_0123456789abcdefABCDEF0123456789abcd",
            "github_pat_11ABCDEFG0abcdefghijkl_0123456789abcdefghijklmnopqrstuvwxyz",
            "xoxb-123456789012-123456789012-abcdefABCDEF",
            "sk_live_4eC39HqLyjWDarjtT1zdp7dc",
            "abc8Q~0123456789abcdefghijklmnopqrstuv",
            &azure,
        ] {
            assert_eq!(judge(good.as_bytes()), Some(Sensitive::ServiceKey), "{good}");
        }
        for bad in [
            "AKIAIOSFODNN7EXAMPL",
            "AKIAIOSFODNN7EXAMPLES",
            "AKIAIOSFODNNSEXAMPLE",
            "xAKIAIOSFODNN7EXAMPLE",
            "ghp_0123456789",
            "sk_test_4eC39HqLyjWDarjtT1zdp7dc",
            "sk_live_",
            "AccountKey=abc==",
            "eyJhbGciOiJFUzI1NiJ9",
            "eyJhbGciOiJFUzI1NiJ9.short.sig",
            "asia-northeast1-docker",
        ] {
            assert_eq!(judge(bad.as_bytes()), None, "{bad}");
        }
    }
}
