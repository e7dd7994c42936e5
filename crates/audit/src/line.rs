//! One record as one line of JSON, written straight into a buffer.
//!
//! In: names and values. Out: bytes without a line break inside, whatever the values hold (AUD-09). Called
//! by [`crate::Event`] and [`crate::System`]. Hand-written because it runs once per request and a tree of
//! values would cost more than the rest of the record.

use std::net::IpAddr;
use std::time::Duration;

use portcullis_domain::Timestamp;

/// Most bytes that are kept of a name, an id, a user agent.
pub(crate) const FIELD: usize = 256;

/// Writes the members of one object.
pub(crate) struct Line<'b> {
    buffer: &'b mut Vec<u8>,
}

impl<'b> Line<'b> {
    /// Goes on within a line, or with members of one that are kept for later.
    pub(crate) const fn within(buffer: &'b mut Vec<u8>) -> Self {
        Self { buffer }
    }

    /// Begins a line with its moment, which every record starts with.
    pub(crate) fn begin(buffer: &'b mut Vec<u8>, at: Timestamp, calendar: &mut Calendar) -> Self {
        buffer.extend_from_slice(b"{\"time\":\"");
        calendar.write(buffer, at);
        buffer.push(b'"');
        Self { buffer }
    }

    /// Text that is ours and needs no escaping: names from tables, digits, hexadecimal.
    pub(crate) fn word(&mut self, name: &str, word: &str) -> &mut Self {
        self.name(name);
        self.buffer.push(b'"');
        self.buffer.extend_from_slice(word.as_bytes());
        self.buffer.push(b'"');
        self
    }

    /// Any text; at most `most` bytes of it are kept, and `…` marks the cut.
    pub(crate) fn text(&mut self, name: &str, text: &str, most: usize) -> &mut Self {
        self.name(name);
        push_text(self.buffer, text, most);
        self
    }

    pub(crate) fn number(&mut self, name: &str, number: u64) -> &mut Self {
        self.name(name);
        push_number(self.buffer, number);
        self
    }

    /// Whole microseconds; the name says so with `_us`.
    pub(crate) fn micros(&mut self, name: &str, span: Duration) -> &mut Self {
        self.number(
            name,
            span.as_secs().saturating_mul(1_000_000).saturating_add(u64::from(span.subsec_micros())),
        )
    }

    pub(crate) fn truth(&mut self, name: &str, truth: bool) -> &mut Self {
        self.name(name);
        self.buffer.extend_from_slice(if truth { b"true" } else { b"false" });
        self
    }

    /// An address, without its port.
    pub(crate) fn address(&mut self, name: &str, address: IpAddr) -> &mut Self {
        self.name(name);
        self.buffer.push(b'"');
        match address {
            IpAddr::V4(address) => {
                for (index, octet) in address.octets().into_iter().enumerate() {
                    if index > 0 {
                        self.buffer.push(b'.');
                    }
                    push_number(self.buffer, u64::from(octet));
                }
            }
            IpAddr::V6(address) => {
                use std::io::Write as _;
                // Writing to a `Vec` cannot fail.
                let _ = write!(self.buffer, "{address}");
            }
        }
        self.buffer.push(b'"');
        self
    }

    /// The same, with a calendar that is at hand.
    pub(crate) fn moment_by(&mut self, name: &str, at: Timestamp, calendar: &mut Calendar) -> &mut Self {
        self.name(name);
        self.buffer.push(b'"');
        calendar.write(self.buffer, at);
        self.buffer.push(b'"');
        self
    }

    /// A moment that is not the record's own.
    pub(crate) fn moment(&mut self, name: &str, at: Timestamp) -> &mut Self {
        self.moment_by(name, at, &mut Calendar::default())
    }

    /// A list of texts that need no escaping; nothing at all if it is empty.
    pub(crate) fn words<'w>(&mut self, name: &str, words: impl Iterator<Item = &'w str>) -> &mut Self {
        let mut is_first = true;
        for word in words {
            if is_first {
                self.name(name);
            }
            self.buffer.extend_from_slice(if is_first { b"[\"" } else { b",\"" });
            self.buffer.extend_from_slice(word.as_bytes());
            self.buffer.push(b'"');
            is_first = false;
        }
        if !is_first {
            self.buffer.push(b']');
        }
        self
    }

    /// A nested object, or list of objects, written by `write` in full.
    pub(crate) fn raw(&mut self, name: &str, write: impl FnOnce(&mut Vec<u8>)) -> &mut Self {
        self.name(name);
        write(self.buffer);
        self
    }

    /// Members that were written before with [`Line::within`].
    pub(crate) fn members(&mut self, members: &[u8]) -> &mut Self {
        self.buffer.extend_from_slice(members);
        self
    }

    /// Ends the line. Every line ends in these two bytes, which is what the chain counts on.
    pub(crate) fn end(self) {
        self.buffer.extend_from_slice(b"}\n");
    }

    fn name(&mut self, name: &str) {
        self.buffer.extend_from_slice(b",\"");
        self.buffer.extend_from_slice(name.as_bytes());
        self.buffer.extend_from_slice(b"\":");
    }
}

/// What every recorded line begins with, read back from its bytes. A line that is no record has none of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Heading<'l> {
    pub(crate) time: &'l str,
    pub(crate) event: &'l str,
    pub(crate) level: &'l str,
    /// Its number in the chain, if it has one.
    pub(crate) sequence: Option<u64>,
}

impl<'l> Heading<'l> {
    /// Reads without taking the JSON apart: [`Line::begin`] is always followed by event and level.
    pub(crate) fn read(line: &'l [u8]) -> Self {
        let text = |rest: &'l [u8], before: &[u8]| -> Option<(&'l str, &'l [u8])> {
            let rest = rest.strip_prefix(before)?;
            let (word, rest) = rest.split_at_checked(memchr::memchr(b'"', rest)?)?;
            Some((std::str::from_utf8(word).ok()?, rest))
        };
        let Some((time, rest)) = text(line, b"{\"time\":\"") else { return Self::default() };
        let Some((event, rest)) = text(rest, b"\",\"event\":\"") else { return Self::default() };
        let Some((level, _)) = text(rest, b"\",\"level\":\"") else { return Self::default() };
        Self { time, event, level, sequence: crate::chain::sequence_of(line) }
    }
}

/// Writes `text` as a JSON string.
///
/// Beyond what JSON asks for, everything that could act on a terminal or a viewer is escaped: DEL, the C1
/// controls, line and paragraph separators, and the bidirectional overrides that let a line read as
/// something else than it is (AUD-09).
pub(crate) fn push_text(buffer: &mut Vec<u8>, text: &str, most: usize) {
    let (kept, is_cut) = cut(text, most);
    buffer.push(b'"');
    // Without an early end, so that the compiler may look at many bytes at once.
    let is_suspicious = kept.bytes().fold(false, |found, byte| found | is_suspect(byte));
    match is_suspicious {
        false => buffer.extend_from_slice(kept.as_bytes()),
        true => push_escaped(buffer, kept),
    }
    if is_cut {
        buffer.extend_from_slice("…".as_bytes());
    }
    buffer.push(b'"');
}

fn push_escaped(buffer: &mut Vec<u8>, text: &str) {
    for character in text.chars() {
        match character {
            '"' => buffer.extend_from_slice(b"\\\""),
            '\\' => buffer.extend_from_slice(b"\\\\"),
            '\n' => buffer.extend_from_slice(b"\\n"),
            '\r' => buffer.extend_from_slice(b"\\r"),
            '\t' => buffer.extend_from_slice(b"\\t"),
            _ if acts(character) => push_unicode_escape(buffer, character),
            _ => buffer.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes()),
        }
    }
}

/// Whether a character does something rather than show something.
fn acts(character: char) -> bool {
    character.is_control()
        || matches!(character,
            '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

fn push_unicode_escape(buffer: &mut Vec<u8>, character: char) {
    for unit in character.encode_utf16(&mut [0; 2]) {
        buffer.extend_from_slice(b"\\u");
        for shift in [12, 8, 4, 0] {
            let digit = u32::from(*unit) >> shift & 0xf;
            buffer.push(char::from_digit(digit, 16).map_or(b'0', |digit| digit as u8));
        }
    }
}

/// Bytes at which the fast path must stop: what JSON escapes, and the first bytes of the characters that
/// [`acts`] knows.
const fn is_suspect(byte: u8) -> bool {
    matches!(byte, 0..=0x1f | b'"' | b'\\' | 0x7f | 0xc2 | 0xd8 | 0xe2 | 0xef | 0xf3)
}

/// At most `most` bytes of `text`, cut between characters.
fn cut(text: &str, most: usize) -> (&str, bool) {
    if text.len() <= most {
        return (text, false);
    }
    (text.split_at_checked(text.floor_char_boundary(most)).map_or("", |(kept, _)| kept), true)
}

pub(crate) fn push_number(buffer: &mut Vec<u8>, mut number: u64) {
    let mut digits = [0u8; 20];
    let mut length = 0;
    for digit in digits.iter_mut().rev() {
        // A remainder of ten fits a byte.
        *digit = b'0' + (number % 10) as u8;
        number /= 10;
        length += 1;
        if number == 0 {
            break;
        }
    }
    buffer.extend_from_slice(digits.get(digits.len() - length..).unwrap_or_default());
}

/// Turns moments into text, remembering the last second: most records share it with the one before.
#[derive(Debug, Default)]
pub(crate) struct Calendar {
    second: u64,
    text: String,
}

impl Calendar {
    /// Writes `2025-11-24T06:38:00.123Z` (RFC 3339, UTC, milliseconds; AUD-01).
    fn write(&mut self, buffer: &mut Vec<u8>, at: Timestamp) {
        let second = at.as_seconds();
        if self.text.is_empty() || self.second != second {
            self.second = second;
            let moment =
                i64::try_from(second).ok().and_then(|second| jiff::Timestamp::from_second(second).ok());
            self.text = moment.unwrap_or(jiff::Timestamp::MAX).strftime("%Y-%m-%dT%H:%M:%S").to_string();
        }
        let millis = at.as_millis() % 1000;
        buffer.extend_from_slice(self.text.as_bytes());
        buffer.push(b'.');
        for place in [100, 10, 1] {
            buffer.push(b'0' + (millis / place % 10) as u8);
        }
        buffer.push(b'Z');
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn text(text: &str, most: usize) -> String {
        let mut buffer = Vec::new();
        push_text(&mut buffer, text, most);
        String::from_utf8(buffer).unwrap()
    }

    // proves-part: AUD-09 (a whole event is shown in `event`)
    #[test]
    fn nothing_that_acts_on_a_terminal_gets_through() {
        assert_eq!(text("a\r\nb\x1b[31m\x7f", 99), r#""a\r\nb\u001b[31m\u007f""#);
        assert_eq!(
            text("\u{9b}31m\u{85}\u{2028}\u{202e}gpj.exe\u{feff}", 99),
            r#""\u009b31m\u0085\u2028\u202egpj.exe\ufeff""#
        );
        assert_eq!(text(r#"say "\""#, 99), r#""say \"\\\"""#);
        assert_eq!(text("für 10 € – läuft 🚂", 99), "\"für 10 € – läuft 🚂\"");
    }

    #[test]
    fn long_text_is_cut_between_characters_and_marked() {
        assert_eq!(text("abcdef", 4), "\"abcd…\"");
        assert_eq!(text("aäääää", 4), "\"aä…\"");
        assert_eq!(text("abcd", 4), "\"abcd\"");
    }

    #[test]
    fn moments_are_utc_with_milliseconds() {
        let (mut buffer, mut calendar) = (Vec::new(), Calendar::default());
        for millis in [0, 7, 1_763_966_280_123, 1_763_966_280_999, 1_763_966_281_000, u64::MAX] {
            calendar.write(&mut buffer, Timestamp::from_millis(millis));
            buffer.push(b' ');
        }
        assert_eq!(
            String::from_utf8(buffer).unwrap(),
            "1970-01-01T00:00:00.000Z 1970-01-01T00:00:00.007Z 2025-11-24T06:38:00.123Z \
             2025-11-24T06:38:00.999Z 2025-11-24T06:38:01.000Z 9999-12-30T22:00:00.615Z "
        );
    }

    proptest! {
        #[test]
        fn any_text_comes_back_from_the_json(original in "\\PC*|.*") {
            let written = text(&original, usize::MAX);
            prop_assert!(!written.chars().any(acts));
            prop_assert_eq!(serde_json::from_str::<String>(&written).unwrap(), original);
        }

        #[test]
        fn any_number_is_written_as_it_is(number in any::<u64>()) {
            let mut buffer = Vec::new();
            push_number(&mut buffer, number);
            prop_assert_eq!(String::from_utf8(buffer).unwrap(), number.to_string());
        }
    }
}
