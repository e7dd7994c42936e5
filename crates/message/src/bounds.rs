//! How large the parts of a request may be.
//!
//! In: the listener's configuration. Out: one copyable value that the framing guard and the readers of
//! the head consult. Every field is a number of bytes unless its name says otherwise.

/// The bounds of one listener (RFC 9112 §3, RFC 9110 §5.4, RFC 6585 §5).
///
/// Invariant for the gateway: hyper's own bounds must not be smaller, or hyper would answer before we do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// The request target, as sent.
    pub target: usize,
    /// The method.
    pub method: usize,
    /// The whole head: request line, header lines and their line ends.
    pub head: usize,
    /// One header line with its line end.
    pub line: usize,
    /// How many header lines, and how many trailer lines.
    pub fields: usize,
    /// The extensions of all chunks of one body together.
    pub chunk_extension: usize,
    /// The trailer section of one body.
    pub trailer: usize,
}

impl Default for Bounds {
    fn default() -> Self {
        Self {
            target: 8 * 1024,
            method: 32,
            head: 32 * 1024,
            line: 16 * 1024,
            fields: 100,
            chunk_extension: 256,
            trailer: 8 * 1024,
        }
    }
}
