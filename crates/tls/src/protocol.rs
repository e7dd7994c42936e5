//! What is spoken inside TLS (ALPN, RFC 7301).

/// An application protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Protocol {
    /// HTTP/2, RFC 9113.
    Http2,
    /// HTTP/1.1, RFC 9112; also what a peer speaks that negotiates nothing.
    Http1,
}

impl Protocol {
    /// All of them, the preferred first.
    pub const ALL: [Self; 2] = [Self::Http2, Self::Http1];

    /// The name on the wire.
    #[must_use]
    pub const fn alpn(self) -> &'static [u8] {
        match self {
            Self::Http2 => b"h2",
            Self::Http1 => b"http/1.1",
        }
    }

    /// What was negotiated.
    pub(crate) fn negotiated(alpn: Option<&[u8]>) -> Self {
        if alpn == Some(Self::Http2.alpn()) { Self::Http2 } else { Self::Http1 }
    }
}
