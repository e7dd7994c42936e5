//! The head of a request: its lines, and what they say about the body.
//!
//! In: the bytes from the first of a head on. Out: its length and how its body is framed, once it is
//! complete. RFC 9112 §2.2, §3.2, §6. Each line is judged when it is complete, and once.

use portcullis_domain::Reason;

use super::field_line;
use super::lines::{Line, Lines};
use super::request_line::{self, Version};
use crate::authority;
use crate::bounds::Bounds;
use crate::characters::trim_whitespace;

/// How the end of a body is found (RFC 9112 §6.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum BodyFraming {
    Length(u64),
    Chunked,
}

/// A head in the making.
#[derive(Debug)]
pub(super) struct HeadReader {
    lines: Lines,
    progress: Progress,
}

#[derive(Debug)]
enum Progress {
    Start,
    AfterEmptyLine,
    Fields(Fields),
}

/// What the header lines so far say.
#[derive(Debug)]
struct Fields {
    version: Version,
    count: usize,
    host: Seen,
    framing: Option<BodyFraming>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Seen {
    Never,
    Once,
}

impl HeadReader {
    pub(super) const fn new() -> Self {
        Self { lines: Lines::new(), progress: Progress::Start }
    }

    /// Judges the lines that have become complete. `None` while the head is not.
    pub(super) fn read(
        &mut self,
        bytes: &[u8],
        bounds: &Bounds,
    ) -> Result<Option<(usize, BodyFraming)>, Reason> {
        loop {
            match &mut self.progress {
                Progress::Fields(fields) => {
                    let limit = bounds.line.min(bounds.head.saturating_sub(self.lines.taken()));
                    match self.lines.next(bytes, limit) {
                        Line::Complete([]) => return Ok(Some((self.lines.taken(), fields.end()?))),
                        Line::Complete(line) => fields.note(line, bounds)?,
                        Line::Incomplete => return Ok(None),
                        Line::EndsInLf => return Err(Reason::LineEndingMalformed),
                        Line::Overlong(_) => return Err(Reason::HeadTooLarge),
                    }
                }
                Progress::Start | Progress::AfterEmptyLine => {
                    let of_head = bounds.head.saturating_sub(self.lines.taken());
                    let of_line = request_line::longest(bounds);
                    match self.lines.next(bytes, of_line.min(of_head)) {
                        Line::Complete([]) => self.progress = self.progress.after_empty_line()?,
                        Line::Complete(line) => {
                            let version = request_line::read(line, bounds)?;
                            self.progress = Progress::Fields(Fields::new(version));
                        }
                        Line::Incomplete => return Ok(None),
                        Line::EndsInLf => return Err(Reason::LineEndingMalformed),
                        Line::Overlong(_) if of_head < of_line => return Err(Reason::HeadTooLarge),
                        Line::Overlong(beginning) => {
                            return Err(request_line::blame_overlong(beginning, bounds));
                        }
                    }
                }
            }
        }
    }
}

impl Progress {
    /// One empty line before a request is passed over, as RFC 9112 §2.2 asks: old clients send a CRLF
    /// behind a body. A second is refused: nobody honest sends it, and each one tolerated is one more
    /// way to make two parsers count differently.
    const fn after_empty_line(&self) -> Result<Self, Reason> {
        match self {
            Self::Start => Ok(Self::AfterEmptyLine),
            Self::AfterEmptyLine | Self::Fields(_) => Err(Reason::RequestLineMalformed),
        }
    }
}

impl Fields {
    const fn new(version: Version) -> Self {
        Self { version, count: 0, host: Seen::Never, framing: None }
    }

    /// Judges one header line.
    fn note(&mut self, line: &[u8], bounds: &Bounds) -> Result<(), Reason> {
        self.count += 1;
        if self.count > bounds.fields {
            return Err(Reason::HeadTooLarge);
        }
        let (name, value) = field_line::read(line)?;
        match name.len() {
            4 if name.eq_ignore_ascii_case(b"host") => self.note_host(value),
            14 if name.eq_ignore_ascii_case(b"content-length") => self.note_content_length(value),
            17 if name.eq_ignore_ascii_case(b"transfer-encoding") => self.note_transfer_encoding(value),
            _ => Ok(()),
        }
    }

    /// RFC 9112 §3.2: exactly one, and valid.
    fn note_host(&mut self, value: &[u8]) -> Result<(), Reason> {
        if self.host == Seen::Once || !authority::is_valid(trim_whitespace(value)) {
            return Err(Reason::HostMalformed);
        }
        self.host = Seen::Once;
        Ok(())
    }

    /// RFC 9110 §8.6: one decimal number. RFC 9112 §6.3 lets a recipient take `5, 5` as 5; nobody who
    /// sends that is worth the risk that a second parser takes something else.
    fn note_content_length(&mut self, value: &[u8]) -> Result<(), Reason> {
        match self.framing {
            None => {}
            Some(BodyFraming::Length(_)) => return Err(Reason::ContentLengthMalformed),
            Some(BodyFraming::Chunked) => return Err(Reason::FramingAmbiguous),
        }
        let length = decimal(trim_whitespace(value)).ok_or(Reason::ContentLengthMalformed)?;
        self.framing = Some(BodyFraming::Length(length));
        Ok(())
    }

    /// RFC 9112 §6.1: `chunked` alone, once, and never in HTTP/1.0. Only spaces may stand around it: a
    /// TAB or another control there is how one parser is made to miss a coding that the next one sees.
    fn note_transfer_encoding(&mut self, value: &[u8]) -> Result<(), Reason> {
        match self.framing {
            Some(BodyFraming::Length(_)) => return Err(Reason::FramingAmbiguous),
            Some(BodyFraming::Chunked) => return Err(Reason::TransferEncodingRefused),
            None => {}
        }
        if self.version == Version::Http10 || !trim_spaces(value).eq_ignore_ascii_case(b"chunked") {
            return Err(Reason::TransferEncodingRefused);
        }
        self.framing = Some(BodyFraming::Chunked);
        Ok(())
    }

    /// The empty line is here: what follows?
    fn end(&self) -> Result<BodyFraming, Reason> {
        if self.host == Seen::Never && self.version == Version::Http11 {
            return Err(Reason::HostMalformed);
        }
        Ok(self.framing.unwrap_or(BodyFraming::Length(0)))
    }
}

/// More digits than this need 64 bits or leading zeros; lengths beyond `i64` are refused, because a
/// peer that keeps lengths in a signed number would see a negative one.
const LONGEST_LENGTH: usize = 19;

fn decimal(digits: &[u8]) -> Option<u64> {
    if digits.is_empty() || digits.len() > LONGEST_LENGTH {
        return None;
    }
    let value = digits.iter().try_fold(0_i64, |value, digit| {
        let digit = digit.is_ascii_digit().then(|| i64::from(digit - b'0'))?;
        value.checked_mul(10)?.checked_add(digit)
    })?;
    u64::try_from(value).ok()
}

fn trim_spaces(value: &[u8]) -> &[u8] {
    let mut trimmed = value;
    while let [b' ', rest @ ..] = trimmed {
        trimmed = rest;
    }
    while let [rest @ .., b' '] = trimmed {
        trimmed = rest;
    }
    trimmed
}
