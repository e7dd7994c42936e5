//! A small strict reader of HTTP/1.1 messages, for both ends.
//!
//! It accepts only the one form in which a careful sender writes: CRLF, no folding, no space before the
//! colon, one length. What it cannot read is [`Broken`], with the bytes, so that a test can show them.

use std::fmt;
use std::io::{self, Read};

/// Largest head and body that a test may send: enough for every bound under test, small enough to fail.
const CAP: usize = 64 * 1024 * 1024;

/// Header fields in the order in which they came, values as Latin-1.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Fields(pub Vec<(String, String)>);

impl Fields {
    /// The first value of `name`, whatever the case of its letters.
    #[must_use]
    pub fn first(&self, name: &str) -> Option<&str> {
        self.all(name).first().copied()
    }

    /// Every value of `name`, in order.
    #[must_use]
    pub fn all(&self, name: &str) -> Vec<&str> {
        let wanted = self.0.iter().filter(|(have, _)| have.eq_ignore_ascii_case(name));
        wanted.map(|(_, value)| value.as_str()).collect()
    }

    /// Whether there is a field `name`.
    #[must_use]
    pub fn has(&self, name: &str) -> bool {
        self.first(name).is_some()
    }

    /// The names, lower case, in order.
    #[must_use]
    pub fn names(&self) -> Vec<String> {
        self.0.iter().map(|(name, _)| name.to_ascii_lowercase()).collect()
    }
}

/// One line each, with its end.
impl fmt::Debug for Fields {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|(name, value)| writeln!(f, "{name}: {}", value.escape_debug()))
    }
}

/// A start line with its header section.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Head {
    /// Request line or status line, without its end.
    pub start: String,
    /// The header fields.
    pub fields: Fields,
    /// Every byte up to and with the empty line.
    pub raw: Vec<u8>,
}

/// How a body was delimited.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framing {
    /// There was none.
    Empty,
    /// `Content-Length`.
    Length(usize),
    /// `Transfer-Encoding: chunked`.
    Chunked,
    /// The end of the connection.
    Close,
    /// DATA frames of HTTP/2.
    Frames,
}

/// A response, read to its end.
#[derive(Clone, PartialEq, Eq)]
pub struct Response {
    /// The status.
    pub status: u16,
    /// `HTTP/1.1`, `HTTP/2.0`.
    pub version: String,
    /// The header fields.
    pub headers: Fields,
    /// The body.
    pub body: Vec<u8>,
    /// The trailer fields.
    pub trailers: Fields,
    /// How the body was delimited.
    pub framing: Framing,
    /// The interim responses before it: status and fields.
    pub interim: Vec<(u16, Fields)>,
}

/// As a reader of a failed test wants it.
impl fmt::Debug for Response {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (status, fields) in &self.interim {
            writeln!(f, "{status}\n{fields:?}")?;
        }
        write!(f, "{} {}, {:?}", self.version, self.status, self.framing)?;
        write!(f, "\n{:?}{}{:?}", self.headers, self.body.escape_ascii(), self.trailers)
    }
}

impl Response {
    /// The first value of a header field.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.first(name)
    }

    /// The body as text.
    ///
    /// # Panics
    /// When it is not UTF-8.
    #[must_use]
    #[track_caller]
    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.body).expect("a text body")
    }

    /// The body as JSON.
    ///
    /// # Panics
    /// When it is not JSON.
    #[must_use]
    #[track_caller]
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error} in {:?}", self.text()))
    }
}

/// Why a message could not be read.
#[derive(Debug)]
pub enum Broken {
    /// The connection ended in the middle of a message, after these bytes of it.
    Ended(Vec<u8>),
    /// The message does not follow the grammar.
    Malformed(&'static str, Vec<u8>),
    /// Nothing came in time, after these bytes.
    Silent(Vec<u8>),
    /// The connection was reset or failed, after these bytes.
    Failed(io::Error, Vec<u8>),
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (what, bytes): (String, &[u8]) = match self {
            Self::Ended(bytes) => ("the connection ended".into(), bytes),
            Self::Malformed(why, bytes) => ((*why).into(), bytes),
            Self::Silent(bytes) => ("nothing came in time".into(), bytes),
            Self::Failed(error, bytes) => (error.to_string(), bytes),
        };
        write!(f, "{what} after `{}`", bytes.escape_ascii())
    }
}

/// Reads messages from a source, one after the other.
pub struct Reader<S> {
    source: S,
    buffer: Vec<u8>,
    ended: bool,
}

impl<S: Read> Reader<S> {
    /// A reader at the start of `source`.
    pub fn new(source: S) -> Self {
        Self { source, buffer: Vec::new(), ended: false }
    }

    /// The source.
    pub fn source(&mut self) -> &mut S {
        &mut self.source
    }

    /// Gives the source back.
    pub fn into_source(self) -> S {
        self.source
    }

    /// What was received and not yet read.
    #[must_use]
    pub fn unread(&self) -> &[u8] {
        &self.buffer
    }

    /// Receives more, if there is more to come.
    ///
    /// # Errors
    /// When the source fails or stays silent.
    pub fn fill(&mut self) -> Result<Filled, Broken> {
        if self.ended {
            return Ok(Filled::Ended);
        }
        let mut chunk = [0u8; 16 * 1024];
        loop {
            match self.source.read(&mut chunk) {
                Ok(0) => {
                    self.ended = true;
                    return Ok(Filled::Ended);
                }
                Ok(count) => {
                    self.buffer.extend_from_slice(&chunk[..count]);
                    assert!(self.buffer.len() <= CAP, "a peer sent more than any test asks for");
                    return Ok(Filled::More);
                }
                Err(error) => match error.kind() {
                    io::ErrorKind::Interrupted => {}
                    // The end of TCP without the end of TLS: for a reader of whole messages just an end.
                    io::ErrorKind::UnexpectedEof => {
                        self.ended = true;
                        return Ok(Filled::Ended);
                    }
                    io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => {
                        return Err(Broken::Silent(self.buffer.clone()));
                    }
                    _ => return Err(Broken::Failed(error, self.buffer.clone())),
                },
            }
        }
    }

    /// The next head, or nothing if the source ended before its first byte.
    ///
    /// # Errors
    /// See [`Broken`].
    pub fn head(&mut self) -> Result<Option<Head>, Broken> {
        let mut searched = 0;
        let end = loop {
            let from = searched;
            if let Some(at) = self.buffer[from..].windows(4).position(|window| window == b"\r\n\r\n") {
                break from + at + 4;
            }
            searched = self.buffer.len().saturating_sub(3);
            if self.fill()? == Filled::Ended {
                if self.buffer.is_empty() {
                    return Ok(None);
                }
                return Err(Broken::Ended(std::mem::take(&mut self.buffer)));
            }
        };
        let raw: Vec<u8> = self.buffer.drain(..end).collect();
        parse_head(raw).map(Some)
    }

    /// Exactly `count` bytes.
    ///
    /// # Errors
    /// See [`Broken`].
    pub fn exactly(&mut self, count: usize) -> Result<Vec<u8>, Broken> {
        while self.buffer.len() < count {
            if self.fill()? == Filled::Ended {
                return Err(Broken::Ended(std::mem::take(&mut self.buffer)));
            }
        }
        Ok(self.buffer.drain(..count).collect())
    }

    /// Everything up to the end of the source.
    ///
    /// # Errors
    /// See [`Broken`].
    pub fn to_end(&mut self) -> Result<Vec<u8>, Broken> {
        while self.fill()? == Filled::More {}
        Ok(std::mem::take(&mut self.buffer))
    }

    /// One line, without its CRLF.
    fn line(&mut self) -> Result<Vec<u8>, Broken> {
        let mut searched = 0;
        loop {
            let from = searched;
            if let Some(at) = self.buffer[from..].windows(2).position(|window| window == b"\r\n") {
                let mut line: Vec<u8> = self.buffer.drain(..from + at + 2).collect();
                line.truncate(from + at);
                return Ok(line);
            }
            searched = self.buffer.len().saturating_sub(1);
            if self.fill()? == Filled::Ended {
                return Err(Broken::Ended(std::mem::take(&mut self.buffer)));
            }
        }
    }

    /// One chunk, or the trailer fields after the last one.
    ///
    /// # Errors
    /// See [`Broken`].
    pub fn chunk(&mut self) -> Result<Chunk, Broken> {
        let line = self.line()?;
        let digits = std::str::from_utf8(&line).ok().filter(|text| {
            !text.is_empty() && text.len() <= 8 && text.bytes().all(|byte| byte.is_ascii_hexdigit())
        });
        let Some(digits) = digits else {
            return Err(Broken::Malformed("a chunk size with anything but a few hex digits", line));
        };
        let size = usize::from_str_radix(digits, 16).unwrap();
        if size > 0 {
            let mut content = self.exactly(size + 2)?;
            if !content.ends_with(b"\r\n") {
                return Err(Broken::Malformed("a chunk that is longer than its size", content));
            }
            content.truncate(size);
            return Ok(Chunk::Content(content));
        }
        let mut trailers = Fields::default();
        loop {
            let line = self.line()?;
            if line.is_empty() {
                return Ok(Chunk::Last(trailers));
            }
            trailers.0.push(parse_field(&line)?);
        }
    }

    /// Every chunk and the trailer fields.
    ///
    /// # Errors
    /// See [`Broken`].
    pub fn chunks(&mut self) -> Result<(Vec<u8>, Fields), Broken> {
        let mut body = Vec::new();
        loop {
            match self.chunk()? {
                Chunk::Content(content) => body.extend_from_slice(&content),
                Chunk::Last(trailers) => return Ok((body, trailers)),
            }
        }
    }
}

/// What [`Reader::fill`] met.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Filled {
    /// At least one byte.
    More,
    /// The end of the source.
    Ended,
}

/// One step of a chunked body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Chunk {
    /// Bytes of the body.
    Content(Vec<u8>),
    /// The end, with the trailer fields.
    Last(Fields),
}

/// The framing that a head announces for the body after it, where the absence of any means `otherwise`.
///
/// # Errors
/// When the head announces two.
pub fn framing(head: &Head, otherwise: Framing) -> Result<Framing, Broken> {
    let lengths = head.fields.all("content-length");
    let codings = head.fields.all("transfer-encoding");
    match (lengths.as_slice(), codings.as_slice()) {
        ([], []) => Ok(otherwise),
        ([length], []) if !length.is_empty() && length.bytes().all(|byte| byte.is_ascii_digit()) => length
            .parse()
            .map(Framing::Length)
            .map_err(|_| Broken::Malformed("a content length out of range", head.raw.clone())),
        ([], [coding]) if coding.eq_ignore_ascii_case("chunked") => Ok(Framing::Chunked),
        _ => Err(Broken::Malformed("ambiguous framing", head.raw.clone())),
    }
}

fn parse_head(raw: Vec<u8>) -> Result<Head, Broken> {
    let text = &raw[..raw.len() - 4];
    let mut start = None;
    let mut fields = Fields::default();
    for line in split_lines(text) {
        if line.iter().any(|byte| matches!(byte, b'\r' | b'\n' | 0)) {
            return Err(Broken::Malformed("a stray CR, LF or NUL in the head", raw));
        }
        if start.is_none() {
            start = Some(latin1(line));
        } else {
            match parse_field(line) {
                Ok(field) => fields.0.push(field),
                Err(_) => return Err(Broken::Malformed("a malformed header line", raw)),
            }
        }
    }
    Ok(Head { start: start.unwrap_or_default(), fields, raw })
}

fn split_lines(mut text: &[u8]) -> Vec<&[u8]> {
    let mut lines = Vec::new();
    while let Some(at) = text.windows(2).position(|window| window == b"\r\n") {
        lines.push(&text[..at]);
        text = &text[at + 2..];
    }
    lines.push(text);
    lines
}

fn parse_field(line: &[u8]) -> Result<(String, String), Broken> {
    let colon = line.iter().position(|byte| *byte == b':');
    let Some(colon) = colon else {
        return Err(Broken::Malformed("a header line without a colon", line.to_vec()));
    };
    let name = &line[..colon];
    if name.is_empty() || !name.iter().all(|byte| is_token(*byte)) {
        return Err(Broken::Malformed("a header name that is no token", line.to_vec()));
    }
    Ok((latin1(name), latin1(line[colon + 1..].trim_ascii())))
}

/// Whether `byte` may stand in a token (RFC 9110 §5.6.2).
fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

fn latin1(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| char::from(*byte)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reader(text: &str) -> Reader<&[u8]> {
        Reader::new(text.as_bytes())
    }

    #[test]
    fn a_head_keeps_order_repeats_and_every_byte() {
        let text = "GET / HTTP/1.1\r\nX-A: 1\r\nHost: a\r\nx-a: 2\r\n\r\nrest";
        let mut reader = reader(text);
        let head = reader.head().unwrap().unwrap();
        assert_eq!(head.start, "GET / HTTP/1.1");
        assert_eq!(head.fields.all("x-a"), ["1", "2"]);
        assert_eq!(head.fields.names(), ["x-a", "host", "x-a"]);
        assert_eq!(head.raw, &text.as_bytes()[..text.len() - 4]);
        assert_eq!(reader.to_end().unwrap(), b"rest");
    }

    #[test]
    fn an_end_before_the_first_byte_is_no_mistake_and_one_after_it_is() {
        assert!(reader("").head().unwrap().is_none());
        assert!(matches!(reader("GET /").head(), Err(Broken::Ended(bytes)) if bytes == b"GET /"));
    }

    #[test]
    fn loose_heads_are_broken() {
        for text in [
            "GET / HTTP/1.1\nHost: a\r\n\r\n",
            "GET / HTTP/1.1\r\nHost : a\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: a\r\n folded\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: a\rb\r\n\r\n",
            "GET / HTTP/1.1\r\nnonsense\r\n\r\n",
        ] {
            assert!(matches!(reader(text).head(), Err(Broken::Malformed(..))), "{text:?}");
        }
    }

    #[test]
    fn chunks_are_joined_and_trailers_kept() {
        let (body, trailers) =
            reader("3\r\nabc\r\nA\r\n0123456789\r\n0\r\nX-Sum: 9\r\n\r\n").chunks().unwrap();
        assert_eq!(body, b"abc0123456789");
        assert_eq!(trailers.first("x-sum"), Some("9"));
    }

    #[test]
    fn loose_chunks_are_broken() {
        for text in
            ["3;a=b\r\nabc\r\n0\r\n\r\n", "3\r\nabcd\r\n0\r\n\r\n", "0x3\r\nabc\r\n0\r\n\r\n", "\r\n\r\n"]
        {
            assert!(matches!(reader(text).chunks(), Err(Broken::Malformed(..))), "{text:?}");
        }
    }

    #[test]
    fn only_one_framing_is_believed() {
        let framing_of = |fields: &str| {
            let head = reader(&format!("GET / HTTP/1.1\r\n{fields}\r\n")).head().unwrap().unwrap();
            framing(&head, Framing::Empty).ok()
        };
        assert_eq!(framing_of(""), Some(Framing::Empty));
        assert_eq!(framing_of("Content-Length: 3\r\n"), Some(Framing::Length(3)));
        assert_eq!(framing_of("Transfer-Encoding: chunked\r\n"), Some(Framing::Chunked));
        assert_eq!(framing_of("Content-Length: 3\r\nContent-Length: 3\r\n"), None);
        assert_eq!(framing_of("Content-Length: 3\r\nTransfer-Encoding: chunked\r\n"), None);
        assert_eq!(framing_of("Content-Length: +3\r\n"), None);
    }
}
