//! Finding the ends of lines, once each.
//!
//! In: bytes that grow at the end from call to call. Out: the next complete line. RFC 9112 §2.2: a line
//! ends in CRLF; a lone LF is refused, because a peer that takes it as a line end and one that does not
//! see two different messages.

use memchr::memchr;

/// Where the next line starts, and how far its end has been looked for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Lines {
    start: usize,
    searched: usize,
}

/// What was found.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Line<'b> {
    /// A line, without its CRLF.
    Complete(&'b [u8]),
    /// A line that ends in LF alone.
    EndsInLf,
    /// The end has not arrived.
    Incomplete,
    /// No end within the limit; the bytes up to there.
    Overlong(&'b [u8]),
}

impl Lines {
    pub(super) const fn new() -> Self {
        Self { start: 0, searched: 0 }
    }

    /// How many bytes the lines taken so far occupy.
    pub(super) const fn taken(&self) -> usize {
        self.start
    }

    /// Takes the next line of `bytes`, which with its end may be `limit` bytes long. Whether a line is
    /// too long depends on its bytes alone and not on how they arrived.
    pub(super) fn next<'b>(&mut self, bytes: &'b [u8], limit: usize) -> Line<'b> {
        let last = self.start.saturating_add(limit);
        let within_limit = bytes.get(..last).unwrap_or(bytes);
        let fresh = within_limit.get(self.searched..).unwrap_or_default();
        let Some(found) = memchr(b'\n', fresh) else {
            if bytes.len() >= last {
                return Line::Overlong(within_limit.get(self.start..).unwrap_or_default());
            }
            self.searched = bytes.len();
            return Line::Incomplete;
        };
        let line_feed = self.searched + found;
        let line = bytes.get(self.start..line_feed).unwrap_or_default();
        self.start = line_feed + 1;
        self.searched = self.start;
        match line {
            [content @ .., b'\r'] => Line::Complete(content),
            _ => Line::EndsInLf,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_taken_once_its_end_is_there() {
        let mut lines = Lines::new();
        assert_eq!(lines.next(b"ab", 10), Line::Incomplete);
        assert_eq!(lines.next(b"ab\r", 10), Line::Incomplete);
        assert_eq!(lines.next(b"ab\r\n\r", 10), Line::Complete(b"ab"));
        assert_eq!(lines.taken(), 4);
        assert_eq!(lines.next(b"ab\r\n\r\n", 10), Line::Complete(b""));
    }

    #[test]
    fn a_lone_line_feed_is_not_an_end() {
        assert_eq!(Lines::new().next(b"ab\n", 10), Line::EndsInLf);
        assert_eq!(Lines::new().next(b"\n", 10), Line::EndsInLf);
    }

    #[test]
    fn the_limit_counts_the_line_end() {
        assert_eq!(Lines::new().next(b"ab\r\n", 4), Line::Complete(b"ab"));
        assert_eq!(Lines::new().next(b"abc\r\n", 4), Line::Overlong(b"abc\r"));
        let mut lines = Lines::new();
        assert_eq!(lines.next(b"abc", 4), Line::Incomplete);
        assert_eq!(lines.next(b"abc\r", 4), Line::Overlong(b"abc\r"));
    }
}
