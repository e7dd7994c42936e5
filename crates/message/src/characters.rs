//! Which bytes may stand where, as one table.
//!
//! In: a byte. Out: whether the grammar of that place has it. RFC 9110 §5.5 and §5.6.2, RFC 3986 §3.3
//! and §3.4. Used by every reader of this crate, so that two of them cannot disagree about a byte.

const TOKEN: u8 = 1;
const PATH: u8 = 1 << 1;
const QUERY: u8 = 1 << 2;
const UNRESERVED: u8 = 1 << 3;

static CLASSES: [u8; 256] = {
    let mut classes = [0; 256];
    mark(&mut classes, b"ABCDEFGHIJKLMNOPQRSTUVWXYZ", TOKEN | PATH | QUERY | UNRESERVED);
    mark(&mut classes, b"abcdefghijklmnopqrstuvwxyz", TOKEN | PATH | QUERY | UNRESERVED);
    mark(&mut classes, b"0123456789-._~", TOKEN | PATH | QUERY | UNRESERVED);
    mark(&mut classes, b"!#$%&'*+^`|", TOKEN);
    mark(&mut classes, b"!$&'()*+,;=:@/%", PATH | QUERY);
    // RFC 3986 §3.4 has only `?` beyond the path's set. The others are what every browser sends
    // unescaped in a query (WHATWG URL, "query percent-encode set"); refusing them would break honest
    // callers, and none has a meaning in framing or in the splitting of a query.
    mark(&mut classes, b"?\\^`{|}[]", QUERY);
    classes
};

#[expect(clippy::indexing_slicing, reason = "runs at compile time, where a panic is a compile error")]
const fn mark(classes: &mut [u8; 256], bytes: &[u8], class: u8) {
    let mut at = 0;
    while at < bytes.len() {
        classes[bytes[at] as usize] |= class;
        at += 1;
    }
}

#[inline]
#[expect(clippy::indexing_slicing, reason = "a byte is always within a table of 256")]
fn is(byte: u8, class: u8) -> bool {
    CLASSES[usize::from(byte)] & class != 0
}

/// RFC 9110 §5.6.2: what methods and field names are made of.
#[inline]
pub(crate) fn is_token(bytes: &[u8]) -> bool {
    !bytes.is_empty() && token_length(bytes) == bytes.len()
}

/// How many bytes of `bytes`, from the first on, are token characters.
#[inline]
pub(crate) fn token_length(bytes: &[u8]) -> usize {
    bytes.iter().position(|byte| !is(*byte, TOKEN)).unwrap_or(bytes.len())
}

/// RFC 9110 §5.5: HTAB, SP, visible ASCII and obs-text; no CR, LF, NUL or other control.
#[inline]
pub(crate) fn is_field_value(bytes: &[u8]) -> bool {
    // Without an early exit the compiler checks sixteen bytes at a time.
    !bytes.iter().fold(false, |bad, byte| bad | (*byte == 0x7F) | ((*byte < b' ') & (*byte != b'\t')))
}

/// RFC 3986 §3.3, `/` and `%` included; escapes are judged elsewhere.
#[inline]
pub(crate) fn is_path(byte: u8) -> bool {
    is(byte, PATH)
}

/// RFC 3986 §3.4, with what browsers leave unescaped; escapes are judged elsewhere.
#[inline]
pub(crate) fn is_query(byte: u8) -> bool {
    is(byte, QUERY)
}

/// RFC 3986 §2.3: bytes that mean the same with and without escape.
#[inline]
pub(crate) fn is_unreserved(byte: u8) -> bool {
    is(byte, UNRESERVED)
}

/// The value of one hexadecimal digit.
#[inline]
pub(crate) fn hex_digit(byte: u8) -> Option<u8> {
    match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        b'A'..=b'F' => Some(byte - b'A' + 10),
        _ => None,
    }
}

/// The byte that the two digits of an escape stand for (RFC 3986 §2.1).
#[inline]
pub(crate) fn escaped_byte(high: u8, low: u8) -> Option<u8> {
    Some(hex_digit(high)? << 4 | hex_digit(low)?)
}

/// `bytes` without the optional whitespace around it (RFC 9110 §5.6.3).
pub(crate) fn trim_whitespace(bytes: &[u8]) -> &[u8] {
    let mut trimmed = bytes;
    while let [b' ' | b'\t', rest @ ..] = trimmed {
        trimmed = rest;
    }
    while let [rest @ .., b' ' | b'\t'] = trimmed {
        trimmed = rest;
    }
    trimmed
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_those_of_the_grammar() {
        let expected = "!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
        for byte in 0..=u8::MAX {
            assert_eq!(is_token(&[byte]), expected.as_bytes().contains(&byte), "{byte:#x}");
        }
        assert!(!is_token(b""));
    }

    #[test]
    fn values_hold_tab_space_visible_and_obs_text() {
        for byte in 0..=u8::MAX {
            let expected = byte == b'\t' || (0x20..=0x7E).contains(&byte) || byte >= 0x80;
            assert_eq!(is_field_value(&[byte]), expected, "{byte:#x}");
        }
        assert!(is_field_value(b""));
        assert!(!is_field_value(b"a value that is longer than one vector register\r"));
    }

    #[test]
    fn paths_hold_what_rfc_3986_has() {
        for byte in 0..=u8::MAX {
            let expected = byte.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=:@/%".contains(&byte);
            assert_eq!(is_path(byte), expected, "{byte:#x}");
        }
        for byte in b" \"#<>\x7F\x80\0\t" {
            assert!(!is_query(*byte), "{byte:#x}");
        }
    }
}
