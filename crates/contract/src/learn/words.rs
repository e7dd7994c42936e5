//! Which parts of an address are words of the API, and which are somebody's.
//!
//! In: a segment of a path, or the name of a parameter or member. Out: whether it may be kept. What is a number,
//! a UUID, a digest, a date, an email address, a token, long, or drawn by lot is not kept anywhere: it would be
//! a value, and values may be secret or personal. In doubt it is somebody's: a word that is missed is found in
//! the API's code, a secret that is kept is a leak.

/// Most characters of a word of a path; of a name.
const SEGMENT: usize = 40;
const NAME: usize = 64;
/// Most parts of a word of a path: `change-email-address`. More are a title, and titles name objects.
const PARTS: usize = 4;
/// Most letters in one go: `authentication`.
const LETTERS: usize = 16;
/// From how many letters on a word must look like one.
const JUDGED: usize = 5;

/// Whether a segment of a path, percent-encoded as it came, is a word of the API.
#[must_use]
pub fn is_word(segment: &str) -> bool {
    if segment.is_empty() || segment.len() > SEGMENT {
        return false;
    }
    is_version(segment) || is_wording(segment, ['-', '_', '.'].as_slice(), 2)
}

/// Whether the name of a parameter or member can be kept. Names hold more signs and digits than paths do:
/// `filter[line2]`, `$top`, `x5t`.
#[must_use]
pub fn is_name(name: &str) -> bool {
    if name.is_empty() || name.len() > NAME {
        return false;
    }
    let signs = ['-', '_', '.', '$', '[', ']', ':', ' '].as_slice();
    let bare = name.trim_matches(|sign| matches!(sign, '$' | '[' | ']' | '@' | '_' | ':'));
    !bare.is_empty() && !bare.contains('@') && is_wording(bare, signs, 3)
}

/// `v2`, `v1.1`.
fn is_version(segment: &str) -> bool {
    let Some(numbers) = segment.strip_prefix('v') else { return false };
    let mut count = 0;
    let all_short = numbers.split('.').all(|number| {
        count += 1;
        (1..=3).contains(&number.len()) && number.bytes().all(|byte| byte.is_ascii_digit())
    });
    all_short && count <= 2
}

fn is_wording(text: &str, signs: &[char], digits: usize) -> bool {
    let mut parts = 0;
    let all_parts = text.split(signs).filter(|part| !part.is_empty()).all(|part| {
        parts += 1;
        is_part(part, digits)
    });
    all_parts && (1..=PARTS).contains(&parts)
}

/// Letters, then at most so many digits.
fn is_part(part: &str, digits: usize) -> bool {
    let letters = part.trim_end_matches(|digit: char| digit.is_ascii_digit());
    if part.len() - letters.len() > digits || letters.is_empty() {
        return false;
    }
    if !letters.bytes().all(|byte| byte.is_ascii_alphabetic()) {
        // `x5t`: a digit within a very short part tells nothing.
        return part.len() <= 4
            && part.bytes().all(|byte| byte.is_ascii_alphanumeric())
            && part.bytes().filter(u8::is_ascii_digit).count() <= 1;
    }
    let is_hexadecimal = part.len() >= 8 && part.bytes().all(|byte| byte.is_ascii_hexdigit());
    !is_hexadecimal && is_cased(letters) && is_pronounced(letters)
}

/// `createOrder`, `OrderID`, `API`; not `QmFzZTY` and no code in capitals.
fn is_cased(letters: &str) -> bool {
    let capitals = letters.bytes().filter(u8::is_ascii_uppercase).count();
    if capitals == letters.len() {
        return letters.len() <= 6;
    }
    let bytes = letters.as_bytes();
    let humps = bytes.windows(2).filter(
        |pair| matches!(pair, [left, right] if left.is_ascii_lowercase() && right.is_ascii_uppercase()),
    );
    let humps = 1 + humps.count();
    humps <= 5 && (humps <= 2 || letters.len() >= humps * 3)
}

/// Whether every run of letters can be a word: no longer than words are, and of pairs that stand in words.
fn is_pronounced(letters: &str) -> bool {
    let mut rest = letters;
    while !rest.is_empty() {
        let (hump, after) = first_hump(rest);
        rest = after;
        if hump.len() > LETTERS {
            return false;
        }
        if hump.len() < JUDGED {
            continue;
        }
        let lower = hump.to_ascii_lowercase();
        let strange = lower.as_bytes().windows(2).filter(|pair| !is_pair_of_words(pair)).count();
        if strange > usize::from(hump.len() >= 7) {
            return false;
        }
    }
    true
}

/// The first word of `createOrder` or `IDToken`.
fn first_hump(letters: &str) -> (&str, &str) {
    let bytes = letters.as_bytes();
    let is_upper = |at: usize| bytes.get(at).is_some_and(u8::is_ascii_uppercase);
    let is_lower = |at: usize| bytes.get(at).is_some_and(u8::is_ascii_lowercase);
    let begins = |at: &usize| is_upper(*at) && (is_lower(*at - 1) || is_lower(*at + 1));
    let end = (1..letters.len()).find(begins).unwrap_or(letters.len());
    letters.split_at_checked(end).unwrap_or((letters, ""))
}

fn is_pair_of_words(pair: &[u8]) -> bool {
    let [first @ b'a'..=b'z', second] = pair else { return false };
    FOLLOWERS.get(usize::from(first - b'a')).is_some_and(|followers| followers.contains(second))
}

/// By first letter: which letters come after it in words of European languages.
const FOLLOWERS: [&[u8]; 26] = [
    b"bcdefghiklmnpqrstuvwxyz",
    b"abdeijlorstuy",
    b"acehiklorstuy",
    b"adegijlmnorsuvwy",
    b"abcdefghijklmnopqrstuvwxy",
    b"aefilorstuy",
    b"adeghilmnorstuy",
    b"aeilmnorstuwy",
    b"abcdefgjklmnopqrstuvxz",
    b"aeosu",
    b"aeilnosuwy",
    b"abcdefgiklmopstuvwy",
    b"abeilmnopsuy",
    b"abcdefghijklmnopqrstuvwxy",
    b"abcdefghijklmnopqrstuvwxyz",
    b"adehiklmnoprstuwy",
    b"lu",
    b"abcdefghijklmnoprstuvwy",
    b"abcdefghiklmnopqrstuvwy",
    b"acefghilmnoprstuvwyz",
    b"abcdefgiklmnprstvxyz",
    b"aeiouy",
    b"adehilnorst",
    b"aceimopty",
    b"abcdeilmnoprstw",
    b"aeilouyz",
];

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn words_of_apis_are_kept() {
        for word in [
            "orders",
            "order-items",
            "order_items",
            "v1",
            "v2.1",
            "oauth2",
            "createOrder",
            "me",
            "health",
            "login",
            "forgot-password",
            "change-email-address",
            "openapi.json",
            "API",
            "OrderID",
            "authentication",
            "wp-admin",
            "x",
            "recommendations",
            "shopping-carts",
            "webhooks",
            "batchGet",
            "userinfo",
            "jwks",
            "kubernetes",
            ".well-known",
            "robots.txt",
            "graphql",
            "subscriptions",
            "lengths",
            "psychology",
        ] {
            assert!(is_word(word), "{word}");
        }
        for name in
            ["filter[name]", "$top", "x5t", "line2", "user_id", "_links", "X-Request-Id", "@type", "isAdmin"]
        {
            assert!(is_name(name), "{name}");
        }
    }

    #[test]
    fn what_names_an_object_or_opens_a_door_is_not_kept() {
        for value in [
            "",
            "1",
            "007",
            "2024-01-31",
            "20240131T100000Z",
            "3fa85f64-5717-4562-b3fc-2c963f66afa6",
            "deadbeef",
            "0cc175b9c0f1b6a831c399e269772661",
            "alice@example.com",
            "alice%40example.com",
            "caf%C3%A9",
            "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhIn0.c2ln",
            "QmFzZTY0",
            "sk_live_4eC39HqLyjWDarjtT1zdp7dc",
            "AKIAIOSFODNN7EXAMPLE",
            "xkqjzvbn",
            "my-very-first-blog-post",
            "SAVE20NOW",
            "SUMMERSALE",
            "order-12345",
            "192.168.0.1",
            "+4915112345678",
            "aaaaaaaaaaaaaaaaaaaaaaaaa",
            "4111111111111111",
            "DE89370400440532013000",
            "hunter2hunter2",
            "-",
            "--",
            ".",
            "a b",
            "{id}",
            "tok:en",
            "Zm9vYmFyYmF6cXV4",
        ] {
            assert!(!is_word(value), "{value}");
        }
        for value in [
            "3fa85f64-5717-4562-b3fc-2c963f66afa6",
            "alice@example.com",
            "eyJhbGciOiJIUzI1NiJ9",
            "12",
            "$",
            "",
        ] {
            assert!(!is_name(value), "{value}");
        }
    }

    proptest! {
        #[test]
        fn nothing_that_looks_like_an_id_or_a_secret_survives(
            number in "[0-9]{1,30}", hex in "[0-9a-f]{8,64}", upper in "[0-9A-F]{8,64}",
            base64 in "[A-Za-z0-9_-]{6,20}[0-9][A-Z][a-z][0-9][A-Za-z0-9_-]{6,40}", long in "[a-z]{17,60}",
            mail in "[a-z.]{1,10}(@|%40)[a-z]{1,10}\\.(com|de)", date in "(19|20)[0-9]{2}-[01][0-9]-[0-3][0-9]",
            prefixed in "(sk|pk|ghp|tok|usr|ord)_[A-Za-z]{2,8}[0-9]{3}[A-Za-z0-9]{4,20}",
            phrase in "[a-z]{2,6}(-[a-z]{2,6}){4,8}", code in "[A-Z]{7,20}",
        ) {
            for value in [number, hex, upper, base64, long, mail, date, prefixed, phrase, code] {
                prop_assert!(!is_word(&value), "{}", value);
            }
        }

        #[test]
        fn any_text_is_judged(text in "\\PC*|.*|[-A-Za-z0-9_.%\\[\\]$@:]*") {
            let _ = (is_word(&text), is_name(&text));
        }
    }
}
