//! HTTP/2 frame by frame, for what no library would send: header names in upper case, values with line
//! ends, pseudo-headers in the wrong place, floods.
//!
//! Header blocks are written as literals without indexing and without Huffman coding (RFC 7541 §6.2.2),
//! so that any bytes can stand in them. Of the peer's blocks only the status is read.

use std::io::{self, Write as _};
use std::net::SocketAddr;
use std::time::Duration;

use crate::authority::TlsOffer;
use crate::socket::Socket;
use crate::wire::{Broken, Reader};

/// Frame types of RFC 9113 §6.
pub mod kind {
    /// DATA.
    pub const DATA: u8 = 0;
    /// HEADERS.
    pub const HEADERS: u8 = 1;
    /// RST_STREAM.
    pub const RST_STREAM: u8 = 3;
    /// SETTINGS.
    pub const SETTINGS: u8 = 4;
    /// PING.
    pub const PING: u8 = 6;
    /// GOAWAY.
    pub const GOAWAY: u8 = 7;
    /// WINDOW_UPDATE.
    pub const WINDOW_UPDATE: u8 = 8;
    /// CONTINUATION.
    pub const CONTINUATION: u8 = 9;
}

/// Flags of RFC 9113 §6.
pub mod flag {
    /// On DATA and HEADERS.
    pub const END_STREAM: u8 = 0x1;
    /// On SETTINGS and PING.
    pub const ACK: u8 = 0x1;
    /// On HEADERS and CONTINUATION.
    pub const END_HEADERS: u8 = 0x4;
    /// On DATA and HEADERS.
    pub const PADDED: u8 = 0x8;
}

/// Error codes of RFC 9113 §7.
pub mod code {
    /// NO_ERROR.
    pub const NO_ERROR: u32 = 0;
    /// PROTOCOL_ERROR.
    pub const PROTOCOL_ERROR: u32 = 1;
    /// CANCEL.
    pub const CANCEL: u32 = 8;
    /// ENHANCE_YOUR_CALM.
    pub const ENHANCE_YOUR_CALM: u32 = 11;
}

/// One frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    /// See [`kind`].
    pub kind: u8,
    /// See [`flag`].
    pub flags: u8,
    /// The stream, 0 for the connection.
    pub stream: u32,
    /// What it carries.
    pub payload: Vec<u8>,
}

impl Frame {
    /// A frame.
    #[must_use]
    pub fn new(kind: u8, flags: u8, stream: u32, payload: impl AsRef<[u8]>) -> Self {
        Self { kind, flags, stream, payload: payload.as_ref().to_vec() }
    }

    /// The error code of a RST_STREAM or GOAWAY.
    #[must_use]
    pub fn error_code(&self) -> Option<u32> {
        let at = match self.kind {
            kind::RST_STREAM => 0,
            kind::GOAWAY => 4,
            _ => return None,
        };
        self.payload.get(at..at + 4).map(|bytes| u32::from_be_bytes(bytes.try_into().unwrap()))
    }

    fn bytes(&self) -> Vec<u8> {
        let length = u32::try_from(self.payload.len()).unwrap().to_be_bytes();
        let mut bytes = length[1..].to_vec();
        bytes.extend_from_slice(&[self.kind, self.flags]);
        bytes.extend_from_slice(&self.stream.to_be_bytes());
        bytes.extend_from_slice(&self.payload);
        bytes
    }
}

/// How the peer took a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It answered, with this status and body.
    Answered(u16, Vec<u8>),
    /// It reset the stream with this code.
    StreamError(u32),
    /// It ended the connection with this code.
    ConnectionError(u32),
    /// It closed the connection without a word.
    Closed,
}

/// A header block of literals.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Block(pub Vec<u8>);

impl Block {
    /// A block of these fields.
    #[must_use]
    pub fn of(fields: &[(&str, &str)]) -> Self {
        fields.iter().fold(Self::default(), |block, (name, value)| block.field(name, value))
    }

    /// A whole GET request to `path` at `authority`.
    #[must_use]
    pub fn get(authority: &str, path: &str) -> Self {
        Self::request("GET", authority, path)
    }

    /// The pseudo-headers of a request over https.
    #[must_use]
    pub fn request(method: &str, authority: &str, path: &str) -> Self {
        Self::of(&[(":method", method), (":scheme", "https"), (":authority", authority), (":path", path)])
    }

    /// The block and one more field.
    #[must_use]
    pub fn field(mut self, name: impl AsRef<[u8]>, value: impl AsRef<[u8]>) -> Self {
        self.0.push(0);
        self.string(name.as_ref());
        self.string(value.as_ref());
        self
    }

    fn string(&mut self, text: &[u8]) {
        // An integer with a prefix of seven bits (RFC 7541 §5.1); the eighth would mean Huffman.
        if text.len() < 127 {
            self.0.push(u8::try_from(text.len()).unwrap());
        } else {
            self.0.push(127);
            let mut rest = text.len() - 127;
            while rest >= 128 {
                self.0.push(u8::try_from(rest % 128).unwrap() | 0x80);
                rest /= 128;
            }
            self.0.push(u8::try_from(rest).unwrap());
        }
        self.0.extend_from_slice(text);
    }
}

/// One connection.
pub struct H2Frames {
    reader: Reader<Socket>,
    next_stream: u32,
}

impl H2Frames {
    /// Connects over TLS, which should agree on `h2`, and exchanges the prefaces.
    ///
    /// # Errors
    /// When the handshake fails or settles on something else.
    pub fn connect_tls(address: SocketAddr, offer: &TlsOffer) -> io::Result<Self> {
        let socket = Socket::connect_tls(address, offer)?;
        if socket.protocol() != Some(b"h2") {
            return Err(io::Error::other("the peer did not agree on h2"));
        }
        Ok(Self::over(socket))
    }

    /// Connects in plaintext, by prior knowledge.
    ///
    /// # Errors
    /// When nobody accepts.
    pub fn connect(address: SocketAddr) -> io::Result<Self> {
        Socket::connect(address).map(Self::over)
    }

    fn over(socket: Socket) -> Self {
        let mut connection = Self { reader: Reader::new(socket), next_stream: 1 };
        connection.send_bytes(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
        // No dynamic table for the peer's blocks (SETTINGS_HEADER_TABLE_SIZE = 0): each stands alone.
        connection.send(&Frame::new(kind::SETTINGS, 0, 0, [0, 1, 0, 0, 0, 0]));
        connection
    }

    /// Sends a frame. That the peer takes no more is no mistake: what it said before tells why.
    pub fn send(&mut self, frame: &Frame) -> &mut Self {
        self.send_bytes(&frame.bytes());
        self
    }

    /// Sends bytes that need not be a frame; tells whether the peer took them.
    pub fn send_bytes(&mut self, bytes: &[u8]) -> bool {
        let socket = self.reader.source();
        socket.write_all(bytes).and_then(|()| socket.flush()).is_ok()
    }

    /// How long one read or write may take from now on.
    pub fn set_patience(&mut self, patience: Duration) {
        let _ = self.reader.source().set_patience(patience);
    }

    /// A stream that was not used before.
    pub fn fresh_stream(&mut self) -> u32 {
        let stream = self.next_stream;
        self.next_stream += 2;
        stream
    }

    /// Sends a request without body on a fresh stream, and tells how the peer took it.
    ///
    /// # Panics
    /// When the peer says nothing in time.
    #[track_caller]
    pub fn ask(&mut self, block: &Block) -> Verdict {
        let stream = self.fresh_stream();
        self.send(&Frame::new(kind::HEADERS, flag::END_HEADERS | flag::END_STREAM, stream, &block.0));
        self.verdict(stream)
    }

    /// Sends a request with these DATA frames on a fresh stream, and tells how the peer took it.
    ///
    /// # Panics
    /// When the peer says nothing in time.
    #[track_caller]
    pub fn ask_with_data(&mut self, block: &Block, data: &[&[u8]]) -> Verdict {
        let stream = self.fresh_stream();
        self.send(&Frame::new(kind::HEADERS, flag::END_HEADERS, stream, &block.0));
        for (index, part) in data.iter().enumerate() {
            let last = if index + 1 == data.len() { flag::END_STREAM } else { 0 };
            self.send(&Frame::new(kind::DATA, last, stream, part));
        }
        self.verdict(stream)
    }

    /// How the peer took the request on `stream`.
    ///
    /// # Panics
    /// When the peer says nothing in time.
    #[track_caller]
    pub fn verdict(&mut self, stream: u32) -> Verdict {
        let mut status = None;
        let mut body = Vec::new();
        loop {
            let frame = match self.frame() {
                Ok(Some(frame)) => frame,
                Ok(None) | Err(Broken::Failed(..) | Broken::Ended(_)) => return Verdict::Closed,
                Err(broken) => panic!("no verdict: {broken}"),
            };
            let ends = frame.stream == stream && frame.flags & flag::END_STREAM != 0;
            match frame.kind {
                kind::RST_STREAM if frame.stream == stream => {
                    // RFC 9113 §8.1: a server that needs no more of the body answers, then resets with NO_ERROR.
                    let code = frame.error_code().unwrap();
                    return match status {
                        Some(status) if code == code::NO_ERROR => Verdict::Answered(status, body),
                        _ => Verdict::StreamError(code),
                    };
                }
                kind::GOAWAY if frame.error_code() != Some(code::NO_ERROR) => {
                    return Verdict::ConnectionError(frame.error_code().unwrap());
                }
                kind::HEADERS if frame.stream == stream => {
                    status = status.or_else(|| status_of(&frame.payload));
                    if ends {
                        return Verdict::Answered(status.expect("a status"), body);
                    }
                }
                kind::DATA if frame.stream == stream => {
                    body.extend_from_slice(&frame.payload);
                    if ends {
                        return Verdict::Answered(status.expect("a status"), body);
                    }
                }
                _ => {}
            }
        }
    }

    /// The next frame that is not an ordinary SETTINGS, PING or WINDOW_UPDATE; those are answered.
    ///
    /// # Errors
    /// See [`Broken`].
    pub fn frame(&mut self) -> Result<Option<Frame>, Broken> {
        loop {
            let head = match self.reader.exactly(9) {
                Ok(head) => head,
                Err(Broken::Ended(bytes)) if bytes.is_empty() => return Ok(None),
                Err(broken) => return Err(broken),
            };
            let length = u32::from_be_bytes([0, head[0], head[1], head[2]]) as usize;
            let stream = u32::from_be_bytes(head[5..9].try_into().unwrap()) & 0x7fff_ffff;
            let frame =
                Frame { kind: head[3], flags: head[4], stream, payload: self.reader.exactly(length)? };
            match frame.kind {
                kind::SETTINGS | kind::PING if frame.flags & flag::ACK != 0 => {}
                kind::SETTINGS => drop(self.send(&Frame::new(kind::SETTINGS, flag::ACK, 0, []))),
                kind::PING => drop(self.send(&Frame::new(kind::PING, flag::ACK, 0, &frame.payload))),
                kind::WINDOW_UPDATE => {}
                _ => return Ok(Some(frame)),
            }
        }
    }

    /// Reads until the connection ends; tells with which code, if the peer gave one.
    ///
    /// # Panics
    /// When it does not end in time.
    #[track_caller]
    pub fn end(&mut self) -> Option<u32> {
        let mut code = None;
        loop {
            match self.frame() {
                Ok(Some(frame)) if frame.kind == kind::GOAWAY => code = frame.error_code(),
                Ok(Some(_)) => {}
                Ok(None) | Err(Broken::Failed(..) | Broken::Ended(_)) => return code,
                Err(broken) => panic!("the connection does not end: {broken}"),
            }
        }
    }
}

/// The status in a header block: the first field of a response (RFC 9113 §8.3.2), after any change of
/// the table's size.
fn status_of(block: &[u8]) -> Option<u16> {
    let mut rest = block;
    while let Some((first, after)) = rest.split_first() {
        match first {
            // A size update of one byte (RFC 7541 §6.3).
            0x20..=0x3f => rest = after,
            // Indexed: 8 to 14 of the static table.
            0x88 => return Some(200),
            0x89 => return Some(204),
            0x8a => return Some(206),
            0x8b => return Some(304),
            0x8c => return Some(400),
            0x8d => return Some(404),
            0x8e => return Some(500),
            // Literal with a name of the static table, 8 to 14: incremental, without, or never indexed.
            0x48..=0x4e | 0x08..=0x0e | 0x18..=0x1e => return digits(after),
            _ => return None,
        }
    }
    None
}

/// Three digits, plain or in the Huffman code of RFC 7541 appendix B.
fn digits(string: &[u8]) -> Option<u16> {
    let (length, rest) = string.split_first()?;
    let text = rest.get(..usize::from(length & 0x7f))?;
    if length & 0x80 == 0 {
        return std::str::from_utf8(text).ok()?.parse().ok();
    }
    let bits: Vec<u8> = text.iter().flat_map(|byte| (0..8).rev().map(move |bit| byte >> bit & 1)).collect();
    let mut bits = bits.as_slice();
    let mut number = 0u16;
    for _ in 0..3 {
        let value = |count: usize| {
            bits.get(..count).map(|bits| bits.iter().fold(0u16, |sum, bit| sum << 1 | u16::from(*bit)))
        };
        // 0, 1 and 2 have the codes 0, 1 and 2 of five bits; 3 to 9 have 0x19 to 0x1f of six.
        let (digit, length) = match (value(5)?, value(6)) {
            (short @ 0..=2, _) => (short, 5),
            (_, Some(long @ 0x19..=0x1f)) => (long - 0x19 + 3, 6),
            _ => return None,
        };
        number = number * 10 + digit;
        bits = &bits[length..];
    }
    Some(number)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::answer::Answer;
    use crate::upstream::Upstream;

    #[test]
    fn a_request_of_literals_is_understood_by_a_proper_server() {
        let upstream =
            Upstream::start_h2(None, |seen| Answer::respond(421, &[], seen.header("x-long").unwrap()));
        let long = "x".repeat(5000);
        let mut connection = H2Frames::connect(upstream.address()).unwrap();
        let verdict = connection.ask(&Block::get("up.test", "/a").field("x-long", &long));
        assert_eq!(verdict, Verdict::Answered(421, long.into_bytes()));
        assert_eq!(upstream.only().line(), "GET /a");
        let with_body = connection
            .ask_with_data(&Block::request("POST", "up.test", "/b").field("x-long", "1"), &[b"ab", b"c"]);
        assert_eq!(with_body, Verdict::Answered(421, b"1".to_vec()));
        assert_eq!(upstream.seen()[1].text(), "abc");
    }

    #[test]
    fn misbehaviour_goes_out_as_it_is() {
        let upstream = Upstream::start_h2(None, |_| Answer::ok(""));
        let mut connection = H2Frames::connect(upstream.address()).unwrap();
        let nominated = connection.ask(&Block::get("up.test", "/").field("connection", "x"));
        assert_eq!(nominated, Verdict::StreamError(code::PROTOCOL_ERROR));
        // RFC 9113 §8.1.1 asks for a stream error; the h2 crate ends the whole connection, which is stricter.
        let upper_case = connection.ask(&Block::get("up.test", "/").field("X-Upper", "1"));
        assert_eq!(upper_case, Verdict::ConnectionError(code::PROTOCOL_ERROR));

        let mut connection = H2Frames::connect(upstream.address()).unwrap();
        connection.send(&Frame::new(kind::DATA, 0, 0, "data on stream 0"));
        assert_eq!(connection.end(), Some(code::PROTOCOL_ERROR));
        upstream.expect_none();
    }

    #[test]
    fn a_status_is_read_in_each_of_its_forms() {
        assert_eq!(status_of(&[0x88]), Some(200));
        assert_eq!(status_of(&[0x20, 0x8d]), Some(404));
        assert_eq!(status_of(&[0x08, 3, b'4', b'2', b'1']), Some(421));
        // `307` of RFC 7541 appendix C.6.2 and `302` of C.6.1.
        assert_eq!(status_of(&[0x48, 0x83, 0x64, 0x0e, 0xff]), Some(307));
        assert_eq!(status_of(&[0x48, 0x82, 0x64, 0x02]), Some(302));
    }
}
