//! A path template: the words of a path and the gaps between them.
//!
//! Words are kept as `message` canonicalises them: unreserved characters plain, everything else that
//! does not belong in a path percent-encoded with upper-case digits (RFC 3986 §6.2.2). So a document
//! that says `/café` and a client that sends `/caf%C3%A9` mean the same path.

use std::fmt::Write as _;

use smallvec::SmallVec;

/// The text of each gap, in template order. Eight gaps need no allocation.
pub(super) type Values<'p> = SmallVec<[&'p str; 8]>;

/// A path template, read.
#[derive(Clone, Debug)]
pub(crate) struct Template {
    segments: Vec<Segment>,
    names: Vec<Box<str>>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Segment {
    /// A word.
    Literal(String),
    /// A gap that fills the segment.
    Gap,
    /// Words and gaps in turn, such as `{name}.{format}`.
    Mixed(Vec<Piece>),
    /// A gap that takes all that is left. Only inline operations have it: OpenAPI does not.
    Rest,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Piece {
    Literal(String),
    Gap,
}

/// Whether a gap may take several segments.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Spanning {
    /// `{*rest}` may stand at the end.
    Allowed,
    /// OpenAPI has no such thing.
    Refused,
}

/// Why a text is not a path template.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Fault {
    #[error("a path begins with `/`")]
    NoSlash,
    #[error("a path carries no query and no fragment")]
    QueryOrFragment,
    #[error("a brace is opened and not closed, or closed and not opened")]
    Brace,
    #[error("a parameter has no name")]
    NameEmpty,
    #[error("a parameter is named twice in one path")]
    NameRepeated,
    #[error("two parameters stand side by side: nothing says where one ends")]
    GapsTouch,
    #[error("a parameter that spans several segments has no meaning in OpenAPI")]
    Spanning,
    #[error("`{{*name}}` takes all that is left and must be the last segment")]
    RestNotLast,
    #[error("a segment is empty")]
    SegmentEmpty,
    #[error(
        "a segment is `.` or `..`, or holds an encoded slash, a backslash, `;` or NUL: no such request is let in"
    )]
    Unreachable,
    #[error("a percent sign starts no valid escape")]
    Escape,
}

impl Template {
    /// Reads `base` (a path prefix without gaps) and `text` (a template).
    pub(crate) fn parse(base: &str, text: &str, spanning: Spanning) -> Result<Self, Fault> {
        let mut template = Self { segments: Vec::new(), names: Vec::new() };
        for part in [base.trim_end_matches('/'), text] {
            if part.is_empty() && template.segments.is_empty() {
                continue;
            }
            template.read(part, spanning)?;
        }
        Ok(template)
    }

    /// The names of the gaps, in order.
    pub(crate) fn names(&self) -> &[Box<str>] {
        &self.names
    }

    pub(super) fn segments(&self) -> &[Segment] {
        &self.segments
    }

    /// The template with every gap alike: two templates with the same skeleton match the same paths.
    pub(super) fn identity(&self) -> String {
        let mut text = String::new();
        for segment in &self.segments {
            text.push('/');
            match segment {
                Segment::Literal(word) => text.push_str(word),
                Segment::Gap => text.push_str("{}"),
                Segment::Rest => text.push_str("{*}"),
                Segment::Mixed(pieces) => {
                    for piece in pieces {
                        text.push_str(if let Piece::Literal(word) = piece { word } else { "{}" });
                    }
                }
            }
        }
        text
    }

    /// The gaps' texts if `path` fits the template, read segment by segment.
    pub(super) fn fill<'p>(&self, path: &'p str) -> Option<Values<'p>> {
        let mut left = path;
        let mut values = Values::new();
        for segment in &self.segments {
            left = left.strip_prefix('/')?;
            if *segment == Segment::Rest {
                values.push(left);
                return (!left.is_empty()).then_some(values);
            }
            let (text, after) = left.split_at(left.find('/').unwrap_or(left.len()));
            fill_segment(segment, text, &mut values)?;
            left = after;
        }
        left.is_empty().then_some(values)
    }

    fn read(&mut self, text: &str, spanning: Spanning) -> Result<(), Fault> {
        let text = text.strip_prefix('/').ok_or(Fault::NoSlash)?;
        if text.contains(['?', '#']) {
            return Err(Fault::QueryOrFragment);
        }
        let count = text.split('/').count();
        for (index, segment) in text.split('/').enumerate() {
            let is_last = index + 1 == count;
            if segment.is_empty() && !is_last {
                return Err(Fault::SegmentEmpty);
            }
            let segment = self.read_segment(segment, spanning)?;
            if segment == Segment::Rest && !is_last {
                return Err(Fault::RestNotLast);
            }
            self.segments.push(segment);
        }
        Ok(())
    }

    fn read_segment(&mut self, text: &str, spanning: Spanning) -> Result<Segment, Fault> {
        let mut pieces = Vec::new();
        let mut left = text;
        while !left.is_empty() {
            if let Some(opened) = left.strip_prefix('{') {
                let (name, after) = opened.split_once('}').ok_or(Fault::Brace)?;
                if let Some(name) = name.strip_prefix('*') {
                    let alone = pieces.is_empty() && after.is_empty();
                    self.name(name)?;
                    return if spanning == Spanning::Allowed && alone {
                        Ok(Segment::Rest)
                    } else {
                        Err(Fault::Spanning)
                    };
                }
                if name.ends_with(['*', '+']) {
                    return Err(Fault::Spanning);
                }
                self.name(name)?;
                if pieces.last() == Some(&Piece::Gap) {
                    return Err(Fault::GapsTouch);
                }
                pieces.push(Piece::Gap);
                left = after;
            } else {
                let (word, after) = left.split_at(left.find('{').unwrap_or(left.len()));
                pieces.push(Piece::Literal(canonical(word)?));
                left = after;
            }
        }
        Ok(match pieces.as_slice() {
            [] => Segment::Literal(String::new()),
            [Piece::Gap] => Segment::Gap,
            [Piece::Literal(word)] if word == "." || word == ".." => return Err(Fault::Unreachable),
            [Piece::Literal(word)] => Segment::Literal(word.clone()),
            _ => Segment::Mixed(pieces),
        })
    }

    fn name(&mut self, name: &str) -> Result<(), Fault> {
        if name.is_empty() {
            return Err(Fault::NameEmpty);
        }
        if name.contains('{') {
            return Err(Fault::Brace);
        }
        if self.names.iter().any(|known| &**known == name) {
            return Err(Fault::NameRepeated);
        }
        self.names.push(name.into());
        Ok(())
    }
}

pub(super) fn fill_segment<'p>(segment: &Segment, text: &'p str, values: &mut Values<'p>) -> Option<()> {
    match segment {
        Segment::Literal(word) => (word == text).then_some(()),
        Segment::Gap | Segment::Rest => {
            values.push(text);
            (!text.is_empty()).then_some(())
        }
        Segment::Mixed(pieces) => fill_pieces(pieces, text, values),
    }
}

/// Fills the gaps of one segment, if there is exactly one way to do it.
///
/// `{from}-{to}` and `a-b-c` have two readings, and nothing says that the upstream picks ours: such a
/// path names no operation here.
fn fill_pieces<'p>(pieces: &[Piece], text: &'p str, values: &mut Values<'p>) -> Option<()> {
    let shortest_first = split(pieces, text, |text, word| text.find(word))?;
    let longest_first = split(pieces, text, |text, word| text.rfind(word))?;
    if shortest_first != longest_first {
        return None;
    }
    values.extend(shortest_first);
    Some(())
}

fn split<'p>(
    pieces: &[Piece],
    text: &'p str,
    seek: impl Fn(&str, &str) -> Option<usize>,
) -> Option<Values<'p>> {
    let mut left = text;
    let mut values = Values::new();
    let mut rest = pieces.iter().peekable();
    while let Some(piece) = rest.next() {
        match (piece, rest.peek()) {
            (Piece::Literal(word), _) => left = left.strip_prefix(word.as_str())?,
            (Piece::Gap, None) => {
                values.push(left);
                left = "";
            }
            (Piece::Gap, Some(Piece::Gap)) => return None,
            (Piece::Gap, Some(Piece::Literal(word))) => {
                // A gap is never empty, so the search for its end starts at the second character.
                let first = left.chars().next()?.len_utf8();
                let is_last_word = rest.len() == 1;
                let end = if is_last_word {
                    left.strip_suffix(word.as_str())?.len()
                } else {
                    first + seek(left.get(first..)?, word)?
                };
                let (value, after) = left.split_at_checked(end)?;
                values.push(value);
                left = after;
            }
        }
    }
    (left.is_empty() && values.iter().all(|value| !value.is_empty())).then_some(values)
}

/// `word` in the one form in which `message` hands paths on.
fn canonical(word: &str) -> Result<String, Fault> {
    let mut text = String::with_capacity(word.len());
    let mut bytes = word.bytes();
    while let Some(byte) = bytes.next() {
        let byte = if byte == b'%' {
            let high = bytes.next().and_then(hex).ok_or(Fault::Escape)?;
            let low = bytes.next().and_then(hex).ok_or(Fault::Escape)?;
            let byte = high << 4 | low;
            if !is_unreserved(byte) {
                refuse_unreachable(byte)?;
                push_escape(&mut text, byte);
                continue;
            }
            byte
        } else {
            byte
        };
        match byte {
            b'}' => return Err(Fault::Brace),
            _ if is_path_character(byte) => text.push(char::from(byte)),
            _ => {
                refuse_unreachable(byte)?;
                push_escape(&mut text, byte);
            }
        }
    }
    Ok(text)
}

fn refuse_unreachable(byte: u8) -> Result<(), Fault> {
    if matches!(byte, b'/' | b'\\' | b';' | 0) { Err(Fault::Unreachable) } else { Ok(()) }
}

fn push_escape(text: &mut String, byte: u8) {
    // Writing to a `String` cannot fail.
    let _ = write!(text, "%{byte:02X}");
}

const fn hex(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        b'A'..=b'F' => Some(digit - b'A' + 10),
        _ => None,
    }
}

const fn is_unreserved(byte: u8) -> bool {
    matches!(byte, b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~')
}

/// `pchar` of RFC 3986 §3.3, less `;`, which `message` refuses in paths.
const fn is_path_character(byte: u8) -> bool {
    is_unreserved(byte)
        || matches!(byte, b'!' | b'$' | b'&' | b'\'' | b'(' | b')' | b'*' | b'+' | b',' | b'=' | b':' | b'@')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn fills(template: &str, path: &str, expected: Option<&[&str]>) {
        let template = Template::parse("", template, Spanning::Allowed).unwrap();
        assert_eq!(template.fill(path).as_deref(), expected);
    }

    #[track_caller]
    fn refused(template: &str, fault: Fault) {
        assert_eq!(Template::parse("", template, Spanning::Refused).unwrap_err(), fault);
    }

    #[test]
    fn words_and_gaps_are_told_apart() {
        fills("/orders/{id}", "/orders/7", Some(&["7"]));
        fills("/orders/{id}", "/orders/", None);
        fills("/orders/{id}", "/orders/7/", None);
        fills("/orders/{id}/items/{item}", "/orders/7/items/a%20b", Some(&["7", "a%20b"]));
        fills("/", "/", Some(&[]));
    }

    #[test]
    fn several_gaps_share_a_segment() {
        fills("/{name}.{format}", "/report.pdf", Some(&["report", "pdf"]));
        fills("/v{major}/x", "/v2/x", Some(&["2"]));
        fills("/specs/{api}.json", "/specs/a.b.json", Some(&["a.b"]));
        fills("/specs/{api}.json", "/specs/.json", None);
        fills("/at/{lat},{lon}", "/at/1.5,-2", Some(&["1.5", "-2"]));
    }

    #[test]
    fn a_segment_that_can_be_split_in_two_ways_fits_nothing() {
        fills("/{from}-{to}", "/a-b", Some(&["a", "b"]));
        fills("/{from}-{to}", "/a-b-c", None);
    }

    #[test]
    fn the_rest_of_a_path_is_never_empty() {
        fills("/files/{*rest}", "/files/a/b", Some(&["a/b"]));
        fills("/files/{*rest}", "/files/", None);
    }

    #[test]
    fn words_are_compared_in_canonical_form() {
        fills("/caf\u{e9}", "/caf%C3%A9", Some(&[]));
        fills("/%7euser/%c3%a9", "/~user/%C3%A9", Some(&[]));
        fills("/a b", "/a%20b", Some(&[]));
        fills("/$count", "/$count", Some(&[]));
    }

    #[test]
    fn what_cannot_be_matched_is_refused_by_name() {
        refused("orders", Fault::NoSlash);
        refused("/a?b={c}", Fault::QueryOrFragment);
        refused("/a#b", Fault::QueryOrFragment);
        refused("/{a", Fault::Brace);
        refused("/a}", Fault::Brace);
        refused("/{}", Fault::NameEmpty);
        refused("/{a}/{a}", Fault::NameRepeated);
        refused("/{a}{b}", Fault::GapsTouch);
        refused("/{a+}", Fault::Spanning);
        refused("/{*a}", Fault::Spanning);
        refused("/a//b", Fault::SegmentEmpty);
        refused("/a/../b", Fault::Unreachable);
        refused("/a/%2e%2E/b", Fault::Unreachable);
        refused("/a%2Fb", Fault::Unreachable);
        refused("/a;v=1", Fault::Unreachable);
        refused("/a%zz", Fault::Escape);
    }

    #[test]
    fn a_base_path_stands_in_front() {
        let template = Template::parse("/v1/", "/orders", Spanning::Refused).unwrap();
        assert_eq!(template.identity(), "/v1/orders");
        let root = Template::parse("", "/", Spanning::Refused).unwrap();
        assert_eq!(root.identity(), "/");
    }
}
