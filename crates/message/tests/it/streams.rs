//! Streams of requests to try readers with: well-formed ones, and ones with a few bytes changed.

use proptest::prelude::*;

/// Well-formed requests, one behind the other.
pub(crate) fn well_formed() -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec(request(), 1..4).prop_map(|requests| requests.concat())
}

/// As [`well_formed`], with up to three bytes changed.
pub(crate) fn nearly_well_formed() -> impl Strategy<Value = Vec<u8>> {
    (well_formed(), prop::collection::vec(change(), 0..4)).prop_map(|(mut stream, changes)| {
        for (at, change) in changes {
            let at = at.index(stream.len() + 1);
            match change {
                Change::Insert(piece) => drop(stream.splice(at..at, piece.iter().copied())),
                Change::Replace(byte) if at < stream.len() => stream[at] = byte,
                Change::Remove if at < stream.len() => drop(stream.remove(at)),
                Change::Replace(_) | Change::Remove => {}
            }
        }
        stream
    })
}

#[derive(Clone, Debug)]
enum Change {
    Insert(&'static [u8]),
    Replace(u8),
    Remove,
}

fn change() -> impl Strategy<Value = (prop::sample::Index, Change)> {
    const PIECES: [&[u8]; 18] = [
        b"\r",
        b"\n",
        b"\r\n",
        b" ",
        b"\t",
        b"\0",
        b":",
        b";",
        b",",
        b"0",
        b"A",
        b"\xff",
        b"\r\n ",
        b"Host: b\r\n",
        b"Content-Length: 3\r\n",
        b"Transfer-Encoding: chunked\r\n",
        b"0\r\n\r\n",
        b"\r\nX: ",
    ];
    let change = prop_oneof![
        prop::sample::select(&PIECES[..]).prop_map(Change::Insert),
        prop_oneof![prop::sample::select(b"\r\n \t\0:;,0aF/?#".to_vec()), any::<u8>()]
            .prop_map(Change::Replace),
        Just(Change::Remove),
    ];
    (any::<prop::sample::Index>(), change)
}

fn request() -> impl Strategy<Value = Vec<u8>> {
    let line = (
        prop::sample::select(vec!["GET", "POST", "DELETE", "HEAD", "OPTIONS", "X-Y"]),
        "/[a-z%2/]{0,8}(\\?[a-z=&\\[{]{0,6})?",
        prop::sample::select(vec!["1.1", "1.1", "1.1", "1.0"]),
    );
    let field = ("X-[A-Za-z!]{1,6}", "[ \t]{0,2}", "[ -~\t\u{e9}]{0,12}");
    (any::<bool>(), line, prop::collection::vec(field, 0..4), body(), any::<prop::sample::Index>()).prop_map(
        |(has_empty_line, (method, target, version), fields, body, at)| {
            let mut lines: Vec<String> =
                fields.into_iter().map(|(name, space, value)| format!("{name}:{space}{value}")).collect();
            lines.insert(at.index(lines.len() + 1), "Host: a.example:80".to_owned());
            // HTTP/1.0 has no chunks.
            let body = if version == "1.0" { Body::None } else { body };
            if let Some(line) = body.framing() {
                lines.insert(at.index(lines.len() + 1), line);
            }
            let empty_line = if has_empty_line { "\r\n" } else { "" };
            let head =
                format!("{empty_line}{method} {target} HTTP/{version}\r\n{}\r\n\r\n", lines.join("\r\n"));
            [head.into_bytes(), body.bytes()].concat()
        },
    )
}

#[derive(Clone, Debug)]
enum Body {
    None,
    Length(Vec<u8>),
    Chunked { chunks: Vec<(Vec<u8>, String)>, trailers: Vec<String> },
}

fn body() -> impl Strategy<Value = Body> {
    let chunk = (prop::collection::vec(any::<u8>(), 1..20), "(;[a-z]{1,4}(=\"[a-z ]{0,3}\")?)?");
    prop_oneof![
        Just(Body::None),
        prop::collection::vec(any::<u8>(), 0..40).prop_map(Body::Length),
        (prop::collection::vec(chunk, 0..4), prop::collection::vec("X-T[a-z]: [a-z]{0,4}", 0..3))
            .prop_map(|(chunks, trailers)| Body::Chunked { chunks, trailers }),
    ]
}

impl Body {
    fn framing(&self) -> Option<String> {
        match self {
            Self::None => None,
            Self::Length(bytes) => Some(format!("Content-Length: {}", bytes.len())),
            Self::Chunked { .. } => Some("transfer-encoding: Chunked".to_owned()),
        }
    }

    fn bytes(self) -> Vec<u8> {
        match self {
            Self::None => Vec::new(),
            Self::Length(bytes) => bytes,
            Self::Chunked { chunks, trailers } => {
                let mut bytes = Vec::new();
                for (data, extension) in chunks {
                    bytes.extend_from_slice(format!("{:02X}{extension}\r\n", data.len()).as_bytes());
                    bytes.extend_from_slice(&data);
                    bytes.extend_from_slice(b"\r\n");
                }
                bytes.extend_from_slice(b"0\r\n");
                for trailer in trailers {
                    bytes.extend_from_slice(format!("{trailer}\r\n").as_bytes());
                }
                bytes.extend_from_slice(b"\r\n");
                bytes
            }
        }
    }
}
