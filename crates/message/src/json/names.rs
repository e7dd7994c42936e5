//! Whether the names within each object are unique (RFC 8259 §4, RFC 7493 §2.3).
//!
//! In: the name of each member as it is met. Out: the first name that is there twice. Names are compared
//! as the characters they stand for: `"a"` and `"\u0061"` are one.
//!
//! A sorted list instead of a hash table: no key to keep secret from who chooses the names, and the cost
//! of sorting is bounded by the size of the document, whatever they are.

use std::cmp::Ordering;

use smallvec::SmallVec;

use super::scanner::{StringSpan, code_unit};
use super::{JsonFault, JsonFaultKind};

/// Up to here comparing each with each is faster than sorting.
const FEW: usize = 12;

/// The names of all objects that are open, the innermost last.
pub(super) struct Names<'t> {
    text: &'t str,
    names: SmallVec<[StringSpan; 32]>,
    /// Where the names of each open object begin.
    begins: SmallVec<[usize; 16]>,
}

impl<'t> Names<'t> {
    pub(super) fn new(text: &'t str) -> Self {
        Self { text, names: SmallVec::new(), begins: SmallVec::new() }
    }

    pub(super) fn open(&mut self) {
        self.begins.push(self.names.len());
    }

    pub(super) fn push(&mut self, name: StringSpan) {
        self.names.push(name);
    }

    /// Ends the innermost object.
    pub(super) fn close(&mut self) -> Result<(), JsonFault> {
        let begin = self.begins.pop().unwrap_or_default();
        let text = self.text;
        let own = self.names.get_mut(begin..).unwrap_or_default();
        let repeated = if own.len() <= FEW { find_pairwise(text, own) } else { find_sorted(text, own) };
        self.names.truncate(begin);
        match repeated {
            Some(name) => {
                Err(JsonFault { at: name.start.saturating_sub(1), kind: JsonFaultKind::NameRepeated })
            }
            None => Ok(()),
        }
    }
}

fn find_pairwise(text: &str, names: &[StringSpan]) -> Option<StringSpan> {
    let mut rest = names;
    let mut before: &[StringSpan] = &[];
    while let [name, after @ ..] = rest {
        if before.iter().any(|other| is_same(text, other, name)) {
            return Some(*name);
        }
        before = names.get(..=before.len()).unwrap_or_default();
        rest = after;
    }
    None
}

fn find_sorted(text: &str, names: &mut [StringSpan]) -> Option<StringSpan> {
    names.sort_unstable_by(|left, right| compare(text, left, right).then(left.start.cmp(&right.start)));
    let repeats = names.windows(2).filter_map(|pair| match pair {
        [first, second] if is_same(text, first, second) => Some(*second),
        _ => None,
    });
    repeats.min_by_key(|name| name.start)
}

fn is_same(text: &str, left: &StringSpan, right: &StringSpan) -> bool {
    if left.has_escapes || right.has_escapes {
        return compare(text, left, right) == Ordering::Equal;
    }
    left.end - left.start == right.end - right.start && raw(text, left) == raw(text, right)
}

/// The order of code points, which for UTF-8 is the order of bytes.
fn compare(text: &str, left: &StringSpan, right: &StringSpan) -> Ordering {
    if left.has_escapes || right.has_escapes {
        return Unescaped(raw(text, left)).cmp(Unescaped(raw(text, right)));
    }
    raw(text, left).cmp(raw(text, right))
}

fn raw<'t>(text: &'t str, span: &StringSpan) -> &'t str {
    text.get(span.start..span.end).unwrap_or_default()
}

/// The characters that the inside of a valid string stands for.
struct Unescaped<'t>(&'t str);

impl Iterator for Unescaped<'_> {
    type Item = char;

    fn next(&mut self) -> Option<char> {
        let mut characters = self.0.chars();
        let first = characters.next()?;
        if first != '\\' {
            self.0 = characters.as_str();
            return Some(first);
        }
        let escape = characters.next()?;
        self.0 = characters.as_str();
        Some(match escape {
            'b' => '\u{8}',
            'f' => '\u{C}',
            'n' => '\n',
            'r' => '\r',
            't' => '\t',
            'u' => self.code_point(),
            plain => plain,
        })
    }
}

impl Unescaped<'_> {
    fn code_point(&mut self) -> char {
        let first = self.take_code_unit();
        let low = match first {
            0xD800..=0xDBFF => {
                self.0 = self.0.get(2..).unwrap_or_default();
                Some(self.take_code_unit())
            }
            _ => None,
        };
        // The scanner has seen that surrogates come in pairs.
        char::decode_utf16([first].into_iter().chain(low))
            .next()
            .and_then(Result::ok)
            .unwrap_or(char::REPLACEMENT_CHARACTER)
    }

    fn take_code_unit(&mut self) -> u16 {
        let unit = code_unit(self.0.as_bytes()).unwrap_or_default();
        self.0 = self.0.get(4..).unwrap_or_default();
        unit
    }
}
