//! What HTTP/2 lets through that it must not, found before the parser may see it (HTTP-26).
//!
//! In: the bytes of one HTTP/2 connection, as they arrive. Out: how many of them may be handed on, and what
//! stands in for the field section behind them if that is malformed. Called by the gateway's reader for every
//! read of an HTTP/2 connection.
//!
//! h2 refuses nearly all that RFC 9113 §8 calls malformed. Two things it mends in silence, so that what is
//! judged is not what was sent: it cuts a fragment off `:path` (§8.3.1), and it drops pseudo-headers of
//! trailers (§8.1). A request that some other parser reads differently is what smuggling is made of, so both
//! are refused, in the way of §8.1.1: the field section is handed on with one more field that h2 itself
//! resets the stream for. The section is otherwise as it came: both ends keep the same HPACK table.
//!
//! Not done here: everything that h2 refuses by itself.

mod hpack;
mod huffman;

use std::borrow::Cow;

use crate::bounds::Bounds;
use hpack::{Contents, Table};

/// The guard of one connection.
#[derive(Debug)]
pub struct Http2Guard {
    table: Table,
    /// Bytes of the frame under way that are of no interest.
    skip: usize,
    /// The highest stream that the client has opened (RFC 9113 §5.1.1).
    last_stream: u32,
    /// The most a field block may be.
    block: usize,
}

/// What became of the bytes shown to [`Http2Guard::inspect`].
#[derive(Debug, PartialEq, Eq)]
#[must_use]
pub struct Passage {
    /// How many of them, from the first on, may be handed on.
    pub released: usize,
    /// What comes after those.
    pub then: Then,
}

/// What comes after released bytes.
#[derive(Debug, PartialEq, Eq)]
pub enum Then {
    /// What is left, if anything, must be shown again together with more.
    More,
    /// So many bytes are replaced by others; what is left must be shown again.
    Instead {
        /// How many bytes are replaced.
        length: usize,
        /// By what.
        by: Vec<u8>,
    },
    /// These bytes, which end the connection, and nothing after them.
    End(Vec<u8>),
}

/// "PRI * HTTP/2.0" and so on (RFC 9113 §3.4); h2 compares it.
const PREFACE: usize = 24;
/// RFC 9113 §4.1.
const FRAME_HEADER: usize = 9;
/// What we allow, as we never say otherwise (RFC 9113 §6.5.2).
const FRAME: usize = 16_384;
/// Beyond these a block is a flood of CONTINUATION frames (CVE-2024-27316).
const FRAMES_OF_A_BLOCK: usize = 64;

const HEADERS: u8 = 1;
const CONTINUATION: u8 = 9;
const PING: u8 = 6;
const END_STREAM: u8 = 0x1;
const END_HEADERS: u8 = 0x4;
const PADDED: u8 = 0x8;
const PRIORITY: u8 = 0x20;

/// `connection: x`, never indexed: malformed in HTTP/2 wherever it stands (RFC 9113 §8.2.2).
const MALFORMED_FIELD: &[u8] = b"\x10\x0aconnection\x01x";
/// Index 0, which is none (RFC 7541 §6.1).
const NO_BLOCK: &[u8] = &[0x80];

impl Http2Guard {
    /// The guard of a connection whose first byte is still to come.
    #[must_use]
    pub fn new(bounds: &Bounds) -> Self {
        // A field costs less on the wire than in the list whose size is bounded; frame headers come extra.
        let block = bounds.head.saturating_mul(2).saturating_add(FRAME);
        Self { table: Table::new(), skip: PREFACE, last_stream: 0, block }
    }

    /// Looks at bytes that were not released before.
    pub fn inspect(&mut self, bytes: &[u8]) -> Passage {
        let mut released = 0;
        loop {
            let rest = bytes.get(released..).unwrap_or_default();
            let skipped = self.skip.min(rest.len());
            self.skip -= skipped;
            released += skipped;
            let rest = rest.get(skipped..).unwrap_or_default();
            let Some(frame) = FrameHeader::read(rest) else { return Passage { released, then: Then::More } };
            match frame.kind {
                _ if frame.length > FRAME => {
                    // h2 refuses it by its header; what follows is not looked at.
                    let header = rest.get(..FRAME_HEADER).unwrap_or_default();
                    return Passage { released, then: Then::End(header.to_vec()) };
                }
                HEADERS | CONTINUATION => match self.judge(rest) {
                    Judgment::Incomplete => return Passage { released, then: Then::More },
                    Judgment::Fit { length } => released += length,
                    Judgment::Refused(then) => return Passage { released, then },
                },
                _ => self.skip = FRAME_HEADER + frame.length,
            }
        }
    }

    /// Judges the field section that begins here.
    fn judge(&mut self, bytes: &[u8]) -> Judgment {
        let gathered = match gather(bytes, self.block) {
            Ok(Some(gathered)) => gathered,
            Ok(None) => return Judgment::Incomplete,
            Err(Unruly { length }) => {
                let mut by = bytes.get(..length).unwrap_or_default().to_vec();
                // Within a field block no other frame may come: if h2 has not had enough yet, it has now.
                push_frame(&mut by, PING, 0, 0, &[0; 8]);
                return Judgment::Refused(Then::End(by));
            }
        };
        let Gathered { length, stream, flags, block } = gathered;
        let is_trailers = stream <= self.last_stream;
        self.last_stream = self.last_stream.max(stream);
        match self.table.read(&block) {
            Ok(Contents { has_pseudo, has_fragment }) if has_fragment || (is_trailers && has_pseudo) => {
                let mut malformed = block.into_owned();
                malformed.extend_from_slice(MALFORMED_FIELD);
                Judgment::Refused(Then::Instead { length, by: section(stream, flags, &malformed) })
            }
            Ok(_) => Judgment::Fit { length },
            // What we cannot read h2 must not read either.
            Err(hpack::Broken) => Judgment::Refused(Then::End(section(stream, flags, NO_BLOCK))),
        }
    }
}

enum Judgment {
    Incomplete,
    Fit { length: usize },
    Refused(Then),
}

struct FrameHeader {
    length: usize,
    kind: u8,
    flags: u8,
    stream: u32,
}

impl FrameHeader {
    fn read(bytes: &[u8]) -> Option<Self> {
        let [a, b, c, kind, flags, stream @ ..] = *bytes.first_chunk::<FRAME_HEADER>()?;
        let length = usize::from(a) << 16 | usize::from(b) << 8 | usize::from(c);
        Some(Self { length, kind, flags, stream: u32::from_be_bytes(stream) & 0x7fff_ffff })
    }
}

/// A whole field section.
struct Gathered<'b> {
    /// Of all its frames, with their headers.
    length: usize,
    stream: u32,
    flags: u8,
    block: Cow<'b, [u8]>,
}

/// So many bytes begin a field section that never ends well.
struct Unruly {
    length: usize,
}

/// HEADERS and the CONTINUATION frames behind it (RFC 9113 §4.3, §6.10); nothing while they are not all here.
fn gather(bytes: &[u8], most: usize) -> Result<Option<Gathered<'_>>, Unruly> {
    let mut length = 0;
    let mut begun: Option<Gathered<'_>> = None;
    for _ in 0..FRAMES_OF_A_BLOCK {
        let rest = bytes.get(length..).unwrap_or_default();
        let Some(frame) = FrameHeader::read(rest) else { return incomplete(bytes, most) };
        let Some(payload) = rest.get(FRAME_HEADER..FRAME_HEADER + frame.length) else {
            return incomplete(bytes, most);
        };
        length += FRAME_HEADER + frame.length;
        begun = match begun {
            None if frame.kind == HEADERS => {
                let block = fragment(frame.flags, payload).ok_or(Unruly { length })?;
                Some(Gathered {
                    length,
                    stream: frame.stream,
                    flags: frame.flags,
                    block: Cow::Borrowed(block),
                })
            }
            Some(mut section) if frame.kind == CONTINUATION && frame.stream == section.stream => {
                section.length = length;
                section.block.to_mut().extend_from_slice(payload);
                Some(section)
            }
            None | Some(_) => return Err(Unruly { length }),
        };
        if length > most {
            return Err(Unruly { length });
        }
        if frame.flags & END_HEADERS != 0 {
            return Ok(begun);
        }
    }
    Err(Unruly { length })
}

fn incomplete<'b>(bytes: &[u8], most: usize) -> Result<Option<Gathered<'b>>, Unruly> {
    if bytes.len() > most + FRAME { Err(Unruly { length: bytes.len() }) } else { Ok(None) }
}

/// The field block in a HEADERS frame, without padding and priority (RFC 9113 §6.2).
fn fragment(flags: u8, payload: &[u8]) -> Option<&[u8]> {
    let (padding, mut rest) = match flags & PADDED {
        0 => (0, payload),
        _ => payload.split_first().map(|(length, rest)| (usize::from(*length), rest))?,
    };
    if flags & PRIORITY != 0 {
        rest = rest.get(5..)?;
    }
    rest.get(..rest.len().checked_sub(padding)?)
}

/// The same section in frames of our own, with this block.
fn section(stream: u32, flags: u8, block: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(block.len() + 2 * FRAME_HEADER);
    let mut kind = HEADERS;
    let mut flags = flags & END_STREAM;
    let mut pieces = block.chunks(FRAME).peekable();
    while let Some(piece) = pieces.next() {
        if pieces.peek().is_none() {
            flags |= END_HEADERS;
        }
        push_frame(&mut bytes, kind, flags, stream, piece);
        (kind, flags) = (CONTINUATION, 0);
    }
    bytes
}

fn push_frame(bytes: &mut Vec<u8>, kind: u8, flags: u8, stream: u32, payload: &[u8]) {
    let length = u32::try_from(payload.len()).unwrap_or(u32::MAX).to_be_bytes();
    bytes.extend_from_slice(length.get(1..).unwrap_or_default());
    bytes.extend_from_slice(&[kind, flags]);
    bytes.extend_from_slice(&stream.to_be_bytes());
    bytes.extend_from_slice(payload);
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const DATA: u8 = 0;
    const GET: &[u8] = &[0x82, 0x87, 0x84, 0x41, 1, b'a'];
    const WITH_FRAGMENT: &[u8] = &[0x82, 0x87, 0x04, 4, b'/', b'a', b'#', b'b', 0x41, 1, b'a'];
    const LATE_PATH: &[u8] = &[0x04, 2, b'/', b'x'];

    fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
        let mut bytes = Vec::new();
        push_frame(&mut bytes, kind, flags, stream, payload);
        bytes
    }

    /// What is handed on of bytes that arrive in pieces of this size, and whether the connection ended.
    fn passed(bytes: &[u8], size: usize) -> (Vec<u8>, bool) {
        let mut guard = Http2Guard::new(&Bounds::default());
        let (mut held, mut out) = (Vec::new(), Vec::new());
        for piece in bytes.chunks(size) {
            held.extend_from_slice(piece);
            loop {
                let Passage { released, then } = guard.inspect(&held);
                out.extend(held.drain(..released));
                match then {
                    Then::More => break,
                    Then::Instead { length, by } => {
                        held.drain(..length);
                        out.extend(by);
                    }
                    Then::End(by) => {
                        out.extend(by);
                        return (out, true);
                    }
                }
            }
        }
        (out, false)
    }

    fn connection(frames: &[Vec<u8>]) -> Vec<u8> {
        let mut bytes = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec();
        bytes.extend(frames.concat());
        bytes
    }

    #[track_caller]
    fn unchanged(frames: &[Vec<u8>]) {
        let bytes = connection(frames);
        for size in [1, 7, bytes.len()] {
            assert_eq!(passed(&bytes, size), (bytes.clone(), false), "in pieces of {size}");
        }
    }

    /// These frames pass, and the section behind them is refused with a reset of its stream.
    #[track_caller]
    fn refused(before: &[Vec<u8>], section: &[Vec<u8>], flags: u8, block: &[u8]) {
        let (start, after) = (connection(before), frame(DATA, 0, 5, b"on"));
        let bytes = [start.clone(), section.concat(), after.clone()].concat();
        let refusal = frame(HEADERS, END_HEADERS | flags, 3, &[block, MALFORMED_FIELD].concat());
        let expected = [start, refusal, after].concat();
        for size in [1, 7, bytes.len()] {
            assert_eq!(passed(&bytes, size), (expected.clone(), false), "in pieces of {size}");
        }
    }

    #[test]
    fn what_is_well_formed_passes_as_it_came() {
        unchanged(&[]);
        unchanged(&[
            frame(4, 0, 0, &[]),
            frame(HEADERS, END_HEADERS, 1, GET),
            frame(DATA, 0, 1, b"# body"),
            frame(HEADERS, END_HEADERS | END_STREAM, 1, b"\x00\x03x-a\x01#"),
            frame(HEADERS, END_STREAM, 3, &GET[..3]),
            frame(CONTINUATION, END_HEADERS, 3, &GET[3..]),
            frame(
                HEADERS,
                END_HEADERS | PADDED | PRIORITY,
                5,
                &[&[2, 0, 0, 0, 0, 9][..], GET, &[0, 0]].concat(),
            ),
        ]);
    }

    // proves-part: HTTP-26 (what the client is told is the gateway's)
    #[test]
    fn a_fragment_in_the_path_is_made_a_malformed_request() {
        let start = [frame(HEADERS, END_HEADERS, 1, GET)];
        let whole = frame(HEADERS, END_HEADERS | END_STREAM, 3, WITH_FRAGMENT);
        refused(&start, &[whole], END_STREAM, WITH_FRAGMENT);
        for cut in 0..WITH_FRAGMENT.len() {
            let (one, two) = WITH_FRAGMENT.split_at(cut);
            let split = [frame(HEADERS, 0, 3, one), frame(CONTINUATION, END_HEADERS, 3, two)];
            refused(&start, &split, 0, WITH_FRAGMENT);
        }
        let padded = [&[1][..], WITH_FRAGMENT, &[0]].concat();
        refused(&start, &[frame(HEADERS, END_HEADERS | PADDED, 3, &padded)], 0, WITH_FRAGMENT);
    }

    // proves-part: HTTP-26 (what the client is told is the gateway's)
    #[test]
    fn a_pseudo_header_in_trailers_makes_them_malformed() {
        let start = [frame(HEADERS, END_HEADERS, 3, GET), frame(DATA, 0, 3, b"body")];
        for block in [LATE_PATH, &[0x82], &[0x00, 5, b':', b'e', b'v', b'i', b'l', 1, b'1']] {
            let trailers = frame(HEADERS, END_HEADERS | END_STREAM, 3, block);
            refused(&start, &[trailers], END_STREAM, block);
        }
    }

    #[test]
    fn what_cannot_be_read_ends_the_connection() {
        let (out, ended) = passed(&connection(&[frame(HEADERS, END_HEADERS, 1, &[0xff])]), 5);
        assert!(ended && out.ends_with(&frame(HEADERS, END_HEADERS, 1, NO_BLOCK)));
        for unruly in [
            vec![frame(CONTINUATION, END_HEADERS, 1, GET)],
            vec![frame(HEADERS, 0, 1, GET), frame(DATA, 0, 1, b"")],
            vec![frame(HEADERS, 0, 1, GET), frame(CONTINUATION, END_HEADERS, 3, &[])],
            vec![frame(HEADERS, END_HEADERS | PADDED, 1, &[9, 0x82])],
            vec![frame(HEADERS, END_HEADERS | PRIORITY, 1, &[0, 0])],
            [vec![frame(HEADERS, 0, 1, GET)], vec![frame(CONTINUATION, 0, 1, &[]); 100]].concat(),
            [vec![frame(HEADERS, 0, 1, GET)], vec![frame(CONTINUATION, 0, 1, &[0; FRAME]); 60]].concat(),
        ] {
            for size in [11, 100_000] {
                let (out, ended) = passed(&connection(&unruly), size);
                assert!(ended && out.ends_with(&frame(PING, 0, 0, &[0; 8])), "{size}");
            }
        }
        let large = [0xff, 0xff, 0xff, DATA, 0, 0, 0, 0, 1];
        let (out, ended) = passed(&connection(&[large.to_vec()]), 3);
        assert!(ended && out.ends_with(&large));
    }

    proptest! {
        #[test]
        fn nothing_is_read_otherwise_because_it_comes_in_pieces(
            frames in proptest::collection::vec(
                (0u8..10, any::<u8>(), 0u32..8, proptest::collection::vec(any::<u8>(), 0..40)), 0..12),
            size in 1usize..50,
        ) {
            let frames: Vec<_> =
                frames.iter().map(|(kind, flags, stream, payload)| frame(*kind, *flags, *stream, payload)).collect();
            let bytes = connection(&frames);
            prop_assert_eq!(passed(&bytes, size), passed(&bytes, bytes.len()));
        }
    }
}
