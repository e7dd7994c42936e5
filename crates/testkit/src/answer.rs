//! What an [`crate::Upstream`] says, well-behaved or not.

use std::io::{self, Read as _, Write};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::socket::Socket;
use crate::wait::PATIENCE;

/// One answer of an upstream.
#[derive(Clone, Debug)]
pub enum Answer {
    /// An ordinary response. A length is added unless the headers already say how the body ends or the
    /// status has none.
    Respond {
        /// The status.
        status: u16,
        /// Header fields, in this order.
        headers: Vec<(String, String)>,
        /// The body.
        body: Vec<u8>,
    },
    /// A chunked response with trailer fields.
    Chunked {
        /// The status.
        status: u16,
        /// Header fields, in this order.
        headers: Vec<(String, String)>,
        /// The chunks.
        chunks: Vec<Vec<u8>>,
        /// The trailer fields.
        trailers: Vec<(String, String)>,
    },
    /// A chunked response whose chunks the test hands over one by one.
    Fed {
        /// Header fields, in this order.
        headers: Vec<(String, String)>,
        /// Where the chunks come from.
        feed: Feed,
    },
    /// A 103 with these fields, then the answer proper.
    EarlyHints(Vec<(String, String)>, Box<Self>),
    /// These bytes, whatever they are; the connection stays open.
    RawBytes(Vec<u8>),
    /// These bytes, then the end of the connection.
    RawThenClose(Vec<u8>),
    /// These bytes, then nothing until the peer gives up.
    RawThenStall(Vec<u8>),
    /// The connection is closed instead of an answer.
    CloseBefore,
    /// The connection is reset instead of an answer.
    Reset,
    /// A response that announces `announced` bytes and ends after `sent`.
    CloseMidBody {
        /// The `Content-Length`.
        announced: usize,
        /// What comes of it.
        sent: Vec<u8>,
    },
    /// Nothing, until the peer gives up.
    Stall,
    /// These bytes, one at a time with a pause between them.
    SlowDrip {
        /// The bytes.
        bytes: Vec<u8>,
        /// The pause.
        pause: Duration,
    },
    /// A 101 with these fields; afterwards every byte comes back as it is.
    SwitchAndEcho(Vec<(String, String)>),
}

impl Answer {
    /// 200 with a text body.
    #[must_use]
    pub fn ok(body: &str) -> Self {
        Self::respond(200, &[("Content-Type", "text/plain; charset=utf-8")], body)
    }

    /// 200 with a JSON body.
    #[must_use]
    pub fn json(body: &str) -> Self {
        Self::respond(200, &[("Content-Type", "application/json")], body)
    }

    /// An ordinary response.
    #[must_use]
    pub fn respond(status: u16, headers: &[(&str, &str)], body: impl AsRef<[u8]>) -> Self {
        Self::Respond { status, headers: owned(headers), body: body.as_ref().to_vec() }
    }

    /// A chunked response.
    #[must_use]
    pub fn chunked(headers: &[(&str, &str)], chunks: &[&str], trailers: &[(&str, &str)]) -> Self {
        Self::Chunked {
            status: 200,
            headers: owned(headers),
            chunks: chunks.iter().map(|chunk| chunk.as_bytes().to_vec()).collect(),
            trailers: owned(trailers),
        }
    }

    /// A response whose chunks the returned feeder hands over.
    #[must_use]
    pub fn fed(headers: &[(&str, &str)]) -> (Self, Feeder) {
        let (sender, receiver) = channel();
        (Self::Fed { headers: owned(headers), feed: Feed(Arc::new(Mutex::new(receiver))) }, Feeder(sender))
    }

    /// These bytes, whatever they are.
    #[must_use]
    pub fn raw(bytes: impl AsRef<[u8]>) -> Self {
        Self::RawBytes(bytes.as_ref().to_vec())
    }

    /// Says it on `socket`; tells whether the connection may be used again.
    pub(crate) fn say(&self, socket: &mut Socket, to_head: bool) -> io::Result<Afterwards> {
        match self {
            Self::Respond { status, headers, body } => {
                let mut message = head(*status, headers);
                let says_how_it_ends = has(headers, "content-length")
                    || has(headers, "transfer-encoding")
                    || matches!(status, 204 | 304);
                if !says_how_it_ends {
                    message.extend_from_slice(format!("Content-Length: {}\r\n", body.len()).as_bytes());
                }
                message.extend_from_slice(b"\r\n");
                if !to_head {
                    message.extend_from_slice(body);
                }
                socket.write_all(&message)?;
                Ok(if says_close(headers) { Afterwards::Close } else { Afterwards::Continue })
            }
            Self::Chunked { status, headers, chunks, trailers } => {
                let mut message = head(*status, headers);
                message.extend_from_slice(b"Transfer-Encoding: chunked\r\n\r\n");
                for chunk in chunks {
                    write_chunk(&mut message, chunk);
                }
                message.extend_from_slice(b"0\r\n");
                write_fields(&mut message, trailers);
                message.extend_from_slice(b"\r\n");
                socket.write_all(&message)?;
                Ok(Afterwards::Continue)
            }
            Self::Fed { headers, feed } => {
                let mut message = head(200, headers);
                message.extend_from_slice(b"Transfer-Encoding: chunked\r\n\r\n");
                socket.write_all(&message)?;
                while let Some(chunk) = feed.next() {
                    let mut framed = Vec::new();
                    write_chunk(&mut framed, &chunk);
                    socket.write_all(&framed)?;
                }
                socket.write_all(b"0\r\n\r\n")?;
                Ok(Afterwards::Continue)
            }
            Self::EarlyHints(headers, then) => {
                let mut message = head(103, headers);
                message.extend_from_slice(b"\r\n");
                socket.write_all(&message)?;
                then.say(socket, to_head)
            }
            Self::RawBytes(bytes) => {
                socket.write_all(bytes)?;
                Ok(Afterwards::Continue)
            }
            Self::RawThenClose(bytes) => {
                socket.write_all(bytes)?;
                Ok(Afterwards::Close)
            }
            Self::RawThenStall(bytes) => {
                socket.write_all(bytes)?;
                Ok(Afterwards::Stall)
            }
            Self::CloseBefore => Ok(Afterwards::Close),
            Self::Reset => Ok(Afterwards::Reset),
            Self::CloseMidBody { announced, sent } => {
                let mut message = head(200, &[]);
                message.extend_from_slice(format!("Content-Length: {announced}\r\n\r\n").as_bytes());
                message.extend_from_slice(sent);
                socket.write_all(&message)?;
                Ok(Afterwards::Close)
            }
            Self::Stall => Ok(Afterwards::Stall),
            Self::SlowDrip { bytes, pause } => {
                for byte in bytes {
                    socket.write_all(std::slice::from_ref(byte))?;
                    // A slow peer cannot be had without time passing; this is its pace, not a wait of the test.
                    std::thread::park_timeout(*pause);
                }
                Ok(Afterwards::Continue)
            }
            Self::SwitchAndEcho(headers) => {
                let mut message = head(101, headers);
                message.extend_from_slice(b"\r\n");
                socket.write_all(&message)?;
                let mut buffer = [0u8; 4096];
                loop {
                    let count = socket.read(&mut buffer)?;
                    if count == 0 {
                        return Ok(Afterwards::Close);
                    }
                    socket.write_all(&buffer[..count])?;
                }
            }
        }
    }
}

/// What becomes of the connection after an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Afterwards {
    Continue,
    Close,
    Reset,
    Stall,
}

/// Where the chunks of [`Answer::Fed`] come from.
#[derive(Clone, Debug)]
pub struct Feed(Arc<Mutex<Receiver<Vec<u8>>>>);

impl Feed {
    /// The next chunk, or nothing when the feeder is gone.
    pub(crate) fn next(&self) -> Option<Vec<u8>> {
        self.0.lock().unwrap().recv_timeout(PATIENCE * 2).ok()
    }
}

/// Hands chunks to an answer that is under way; dropping it ends the answer.
#[derive(Debug)]
pub struct Feeder(Sender<Vec<u8>>);

impl Feeder {
    /// Hands over one chunk.
    ///
    /// # Panics
    /// When the upstream is gone.
    #[track_caller]
    pub fn give(&self, chunk: impl AsRef<[u8]>) {
        self.0.send(chunk.as_ref().to_vec()).expect("an upstream that still answers");
    }
}

fn owned(fields: &[(&str, &str)]) -> Vec<(String, String)> {
    fields.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

fn has(headers: &[(String, String)], name: &str) -> bool {
    headers.iter().any(|(have, _)| have.eq_ignore_ascii_case(name))
}

fn says_close(headers: &[(String, String)]) -> bool {
    headers
        .iter()
        .any(|(name, value)| name.eq_ignore_ascii_case("connection") && value.eq_ignore_ascii_case("close"))
}

fn head(status: u16, headers: &[(String, String)]) -> Vec<u8> {
    let mut message = format!("HTTP/1.1 {status} Stated\r\n").into_bytes();
    write_fields(&mut message, headers);
    message
}

fn write_fields(message: &mut Vec<u8>, fields: &[(String, String)]) {
    for (name, value) in fields {
        message.extend_from_slice(format!("{name}: {value}\r\n").as_bytes());
    }
}

fn write_chunk(message: &mut Vec<u8>, chunk: &[u8]) {
    message.extend_from_slice(format!("{:x}\r\n", chunk.len()).as_bytes());
    message.extend_from_slice(chunk);
    message.extend_from_slice(b"\r\n");
}
