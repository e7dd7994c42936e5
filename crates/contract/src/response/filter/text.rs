//! The inside of a JSON string, in pieces (RFC 8259 §7, §8.2).
//!
//! In: bytes, cut anywhere. Out: where the string ends, and its beginning with escapes resolved where
//! somebody wants it. `message::json` reads the same grammar in whole texts; faults are its faults.

use portcullis_message::json::JsonFaultKind;

/// How much of one string or number can be looked at, in bytes.
pub(super) const EXCERPT: usize = 1024;

/// The beginning of a string or number that came in pieces or has escapes.
#[derive(Default)]
pub(super) struct Excerpt {
    bytes: Vec<u8>,
    is_cut: bool,
}

impl Excerpt {
    pub(super) fn clear(&mut self) {
        self.bytes.clear();
        self.is_cut = false;
    }

    pub(super) fn push(&mut self, bytes: &[u8]) {
        let fitting = bytes.get(..EXCERPT.saturating_sub(self.bytes.len()));
        self.is_cut |= fitting.is_some_and(|fitting| fitting.len() < bytes.len());
        self.bytes.extend_from_slice(fitting.unwrap_or(bytes));
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Whether there was more.
    pub(super) fn is_cut(&self) -> bool {
        self.is_cut
    }
}

/// Whether a string has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ending {
    /// Behind its closing quote.
    Closed,
    /// The piece is used up.
    More,
}

/// Where in a string the reading stands.
#[derive(Clone, Copy, Default)]
pub(super) struct Text {
    escape: Escape,
    utf8: Utf8,
}

/// Where in an escape.
#[derive(Clone, Copy, Default, PartialEq)]
enum Escape {
    #[default]
    None,
    /// Behind the backslash.
    Begun,
    /// Behind `\u` and some digits.
    Digits { high: Option<u16>, seen: u8, unit: u16 },
    /// Behind the first half of a surrogate pair.
    Pair { high: u16 },
    /// Behind that and a backslash.
    PairBegun { high: u16 },
}

impl Text {
    /// Reads on at `at`, and says whether the string ends within `chunk`.
    pub(super) fn read(
        &mut self,
        chunk: &[u8],
        at: &mut usize,
        excerpt: Option<&mut Excerpt>,
    ) -> Result<Ending, JsonFaultKind> {
        let mut nobody = Excerpt { bytes: Vec::new(), is_cut: false };
        let wanted = excerpt.is_some();
        let excerpt = excerpt.unwrap_or(&mut nobody);
        loop {
            let rest = chunk.get(*at..).unwrap_or_default();
            let Some(byte) = rest.first() else { return Ok(Ending::More) };
            if self.escape != Escape::None {
                if let Some(character) = self.escaped(*byte)?
                    && wanted
                {
                    excerpt.push(character.encode_utf8(&mut [0; 4]).as_bytes());
                }
                *at += 1;
                continue;
            }
            if self.utf8.is_open() {
                self.utf8.go_on(*byte)?;
                if wanted {
                    excerpt.push(&[*byte]);
                }
                *at += 1;
                continue;
            }
            let length = plain_length(rest);
            let (plain, rest) = rest.split_at(length);
            if wanted {
                excerpt.push(plain);
            }
            *at += length;
            match rest.first() {
                None => return Ok(Ending::More),
                Some(b'"') => {
                    *at += 1;
                    return Ok(Ending::Closed);
                }
                Some(b'\\') => {
                    self.escape = Escape::Begun;
                    *at += 1;
                }
                Some(0..0x20) => return Err(JsonFaultKind::ControlCharacter),
                Some(_) => {
                    let length = self.beyond_ascii(rest)?;
                    if wanted {
                        excerpt.push(rest.get(..length).unwrap_or_default());
                    }
                    *at += length;
                }
            }
        }
    }

    /// Takes one more byte of an escape; the character when it is complete.
    fn escaped(&mut self, byte: u8) -> Result<Option<char>, JsonFaultKind> {
        let malformed = JsonFaultKind::EscapeMalformed;
        let (next, character) = match (self.escape, byte) {
            (Escape::None | Escape::Begun, b'u') => (Escape::Digits { high: None, seen: 0, unit: 0 }, None),
            (Escape::None | Escape::Begun, _) => (Escape::None, Some(short_escape(byte).ok_or(malformed)?)),
            (Escape::Pair { high }, b'\\') => (Escape::PairBegun { high }, None),
            (Escape::PairBegun { high }, b'u') => {
                (Escape::Digits { high: Some(high), seen: 0, unit: 0 }, None)
            }
            (Escape::Pair { .. } | Escape::PairBegun { .. }, _) => return Err(JsonFaultKind::SurrogateAlone),
            (Escape::Digits { high, seen, unit }, digit) => {
                let digit = char::from(digit).to_digit(16).and_then(|digit| u16::try_from(digit).ok());
                let unit = unit << 4 | digit.ok_or(malformed)?;
                match (seen, high, unit) {
                    (0..3, ..) => (Escape::Digits { high, seen: seen + 1, unit }, None),
                    (_, None, 0xD800..=0xDBFF) => (Escape::Pair { high: unit }, None),
                    (_, high, unit) => {
                        let mut decoded = char::decode_utf16(high.into_iter().chain([unit]));
                        match decoded.next() {
                            Some(Ok(character)) => (Escape::None, Some(character)),
                            Some(Err(_)) | None => return Err(JsonFaultKind::SurrogateAlone),
                        }
                    }
                }
            }
        };
        self.escape = next;
        Ok(character)
    }

    /// How many bytes come before a quote, a backslash or a control character. All of them are UTF-8,
    /// or begin to be.
    fn beyond_ascii(&mut self, bytes: &[u8]) -> Result<usize, JsonFaultKind> {
        let ends = |byte: &u8| matches!(byte, b'"' | b'\\' | 0..0x20);
        let length = bytes.iter().position(ends).unwrap_or(bytes.len());
        let run = bytes.get(..length).unwrap_or_default();
        let Err(error) = std::str::from_utf8(run) else { return Ok(length) };
        // Only the end of the piece may cut a character.
        if error.error_len().is_some() || length < bytes.len() {
            return Err(JsonFaultKind::NotUtf8);
        }
        for byte in run.get(error.valid_up_to()..).unwrap_or_default() {
            self.utf8.go_on(*byte)?;
        }
        Ok(length)
    }
}

fn short_escape(byte: u8) -> Option<char> {
    match byte {
        b'"' | b'\\' | b'/' => Some(char::from(byte)),
        b'b' => Some('\u{8}'),
        b'f' => Some('\u{C}'),
        b'n' => Some('\n'),
        b'r' => Some('\r'),
        b't' => Some('\t'),
        _ => None,
    }
}

/// A character that the end of a piece has cut (RFC 3629 §4).
#[derive(Clone, Copy, Default)]
struct Utf8 {
    /// Bytes that are still to come.
    missing: u8,
    /// What the next of them may be.
    low: u8,
    high: u8,
}

impl Utf8 {
    const fn is_open(self) -> bool {
        self.missing > 0
    }

    fn go_on(&mut self, byte: u8) -> Result<(), JsonFaultKind> {
        let (missing, low, high) = match (self.missing, byte) {
            (0, 0xC2..=0xDF) => (1, 0x80, 0xBF),
            (0, 0xE0) => (2, 0xA0, 0xBF),
            // Surrogates are no characters.
            (0, 0xED) => (2, 0x80, 0x9F),
            (0, 0xE1..=0xEF) => (2, 0x80, 0xBF),
            (0, 0xF0) => (3, 0x90, 0xBF),
            (0, 0xF1..=0xF3) => (3, 0x80, 0xBF),
            (0, 0xF4) => (3, 0x80, 0x8F),
            (1.., _) if (self.low..=self.high).contains(&byte) => (self.missing - 1, 0x80, 0xBF),
            _ => return Err(JsonFaultKind::NotUtf8),
        };
        *self = Self { missing, low, high };
        Ok(())
    }
}

/// How many bytes come before a quote, a backslash, a control character or a byte beyond ASCII.
#[inline]
pub(super) fn plain_length(bytes: &[u8]) -> usize {
    const ONES: u64 = u64::from_le_bytes([1; 8]);
    const HIGHS: u64 = u64::from_le_bytes([0x80; 8]);
    // Eight bytes at a time. A byte of `word - ONES` (or 0x20 times that) borrows only where the byte was
    // too small or one below it was; so the lowest mark is exact, and it is the only one that is used.
    let mut length = 0;
    let mut rest = bytes;
    while let Some((word, behind)) = rest.split_first_chunk::<8>() {
        let word = u64::from_le_bytes(*word);
        let quote = word ^ (ONES * 0x22);
        let backslash = word ^ (ONES * 0x5C);
        let marks = (quote.wrapping_sub(ONES) & !quote)
            | (backslash.wrapping_sub(ONES) & !backslash)
            | word.wrapping_sub(ONES * 0x20)
            | word;
        let marks = marks & HIGHS;
        if marks != 0 {
            return length + marks.trailing_zeros() as usize / 8;
        }
        length += 8;
        rest = behind;
    }
    let ends = |byte: &u8| matches!(byte, b'"' | b'\\' | 0..0x20 | 0x80..);
    length + rest.iter().position(ends).unwrap_or(rest.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What the inside of a string and its closing quote read as, cut at `cut`.
    fn read(inside: &[u8], cut: usize) -> Result<Option<Vec<u8>>, JsonFaultKind> {
        let (mut text, mut excerpt) = (Text::default(), Excerpt::default());
        for piece in [&inside[..cut], &inside[cut..]] {
            let mut at = 0;
            if text.read(piece, &mut at, Some(&mut excerpt))? == Ending::Closed {
                return Ok((at == piece.len()).then(|| excerpt.bytes().to_vec()));
            }
            assert_eq!(at, piece.len());
        }
        Ok(None)
    }

    #[test]
    fn strings_are_read_as_serde_json_reads_them_wherever_they_are_cut() {
        for inside in [
            "",
            "a plain one that is longer than eight",
            r#"\"\\\/\b\f\n\r\t"#,
            r"\u0041\u00e9\ud83d\ude00\uFFFF",
            "äöü €uro 😀 日本語",
            "seven77\\n",
        ] {
            let quoted = format!("{inside}\"");
            let expected: String = serde_json::from_str(&format!("\"{quoted}")).unwrap();
            for cut in 0..=quoted.len() {
                assert_eq!(read(quoted.as_bytes(), cut), Ok(Some(expected.clone().into_bytes())), "{inside}");
            }
        }
    }

    #[test]
    fn what_serde_json_refuses_is_refused_wherever_it_is_cut() {
        for inside in [
            &b"\\x\""[..],
            b"\\u00g0\"",
            b"\\ud800\"",
            b"\\ud800x\"",
            b"\\ud800\\n\"",
            b"\\ud800\\u0041\"",
            b"\\udc00\"",
            b"\x01\"",
            b"12345678\x1F\"",
            b"\xFF\"",
            b"\xC3\"",
            b"\xED\xA0\x80\"",
            b"\xF4\x90\x80\x80\"",
            b"\xC0\xAF\"",
            b"\xE2\x82\"",
        ] {
            assert!(serde_json::from_slice::<String>(&[b"\"", inside].concat()).is_err());
            for cut in 0..=inside.len() {
                assert!(read(inside, cut).is_err(), "{inside:?} cut at {cut}");
            }
        }
    }

    #[test]
    fn the_end_of_what_is_plain_is_found_at_every_place() {
        for length in 0..40 {
            assert_eq!(plain_length(&vec![b'~'; length]), length);
            for end in [b'"', b'\\', 0, 0x1F, 0x80, 0xFF] {
                let mut bytes = vec![b' '; length];
                bytes.push(end);
                bytes.extend([b'"'; 9]);
                assert_eq!(plain_length(&bytes), length, "{end:#x}");
            }
        }
    }

    #[test]
    fn an_excerpt_has_an_end() {
        let mut excerpt = Excerpt::default();
        excerpt.push(&[b'a'; EXCERPT - 1]);
        excerpt.push(b"bc");
        assert!(excerpt.is_cut());
        assert_eq!(excerpt.bytes().len(), EXCERPT);
    }
}
