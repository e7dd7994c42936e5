//! Whether the bytes of a file are text that can be read and shown.
//!
//! In: bytes. Out: text, or what the bytes are instead. Control characters are refused before anything
//! is parsed: YAML forbids them (1.2.2 §5.1), and a terminal would obey those that a diagnostic shows.

/// Why bytes are not accepted as text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NotText {
    /// No text at all, not even spaces.
    Empty,
    /// UTF-16 or UTF-32, by its byte order mark or its pattern of zero bytes.
    Wide,
    /// UTF-8 with a byte order mark, which JSON forbids (RFC 8259 §8.1).
    ByteOrderMark,
    /// A NUL byte at this offset.
    Binary(usize),
    /// Not UTF-8 from this offset.
    NotUtf8(usize),
    /// A character at this offset that must not stand in a text file.
    ControlCharacter(usize),
}

pub(crate) fn text(bytes: &[u8]) -> Result<&str, NotText> {
    if bytes.iter().all(u8::is_ascii_whitespace) {
        return Err(NotText::Empty);
    }
    match bytes {
        [0xFF, 0xFE, ..] | [0xFE, 0xFF, ..] | [0, 0, 0xFE, 0xFF, ..] => return Err(NotText::Wide),
        [0, first, ..] | [first, 0, ..] if first.is_ascii_graphic() => return Err(NotText::Wide),
        [0xEF, 0xBB, 0xBF, ..] => return Err(NotText::ByteOrderMark),
        _ => {}
    }
    if let Some(offset) = bytes.iter().position(|&byte| byte == 0) {
        return Err(NotText::Binary(offset));
    }
    let text = std::str::from_utf8(bytes).map_err(|error| NotText::NotUtf8(error.valid_up_to()))?;
    match text.char_indices().find(|(_, character)| is_forbidden(*character)) {
        Some((offset, _)) => Err(NotText::ControlCharacter(offset)),
        None => Ok(text),
    }
}

/// Everything outside `c-printable` of YAML 1.2.2 §5.1.
fn is_forbidden(character: char) -> bool {
    match character {
        '\t' | '\n' | '\r' | '\u{85}' => false,
        '\u{FFFE}' | '\u{FFFF}' => true,
        _ => character.is_control(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(bytes: &[u8], expected: Result<&str, NotText>) {
        assert_eq!(text(bytes), expected);
    }

    #[test]
    fn ordinary_text_passes() {
        check("a: ü\tb\r\n€: \u{1F600}".as_bytes(), Ok("a: ü\tb\r\n€: \u{1F600}"));
    }

    #[test]
    fn each_kind_of_other_bytes_is_told_apart() {
        check(b"", Err(NotText::Empty));
        check(b" \r\n\t\n", Err(NotText::Empty));
        check(b"\xFF\xFEa\0", Err(NotText::Wide));
        check(b"\xFE\xFF\0a", Err(NotText::Wide));
        check(b"a\0:\0", Err(NotText::Wide));
        check(b"\0a\0:", Err(NotText::Wide));
        check(b"\xEF\xBB\xBFa: 1", Err(NotText::ByteOrderMark));
        check(b"a: 1\0", Err(NotText::Binary(4)));
        check(b"a: \xFF", Err(NotText::NotUtf8(3)));
        check(b"a: \x1B[31m", Err(NotText::ControlCharacter(3)));
        check("a: \u{9B}31m".as_bytes(), Err(NotText::ControlCharacter(3)));
    }
}
