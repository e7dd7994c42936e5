//! Where bytes go: to the caller, into a hold, or nowhere; and those that wait for it to be decided.
//!
//! A member leaves with the comma before it. Whether it leaves is known when its value begins; until then
//! comma, name and colon wait, in the piece itself if they all stand in it.

use super::frame::Sink;
use super::walk::Pass;

/// How much whitespace around a name that waits is kept, in bytes for each gap. What is beyond is
/// insignificant (RFC 8259 §2) and is dropped.
const GAP: usize = 1024;

impl Pass<'_> {
    /// Writes what is decided, up to `to`.
    #[inline]
    pub(super) fn flush(&mut self, to: usize) {
        if self.run < to {
            let run = self.chunk.get(self.run..to).unwrap_or_default();
            match self.walk.sink {
                Sink::Out => self.out.extend_from_slice(run),
                Sink::Hold(hold) => self.walk.holds.write(hold, run),
                Sink::Nowhere => {}
            }
        }
        self.run = to;
    }

    /// Writes bytes that do not stand in the piece, behind all that is decided.
    pub(super) fn write(&mut self, bytes: &[u8]) {
        match self.walk.sink {
            Sink::Out => self.out.extend_from_slice(bytes),
            Sink::Hold(hold) => self.walk.holds.write(hold, bytes),
            Sink::Nowhere => {}
        }
    }

    /// From here on bytes wait.
    #[inline]
    pub(super) fn begin_waiting(&mut self) {
        self.waiting_from = Some(self.at);
        self.walk.gap = 0;
    }

    /// What waits leaves. A comma that nothing has left before does not.
    #[inline]
    pub(super) fn keep_waiting(&mut self) {
        let Some(from) = self.waiting_from.take() else { return };
        let is_first = !self.walk.top.has_emitted;
        if self.walk.waiting.is_empty() {
            if is_first && self.chunk.get(from) == Some(&b',') {
                self.flush(from);
                self.run = from + 1;
            }
            return;
        }
        self.flush(from);
        let waiting = std::mem::take(&mut self.walk.waiting);
        let without_comma = waiting.strip_prefix(b",").filter(|_| is_first);
        self.write(without_comma.unwrap_or(&waiting));
        self.recycle(waiting);
    }

    /// What waits does not leave.
    pub(super) fn drop_waiting(&mut self) {
        if let Some(from) = self.waiting_from.take() {
            self.flush(from);
            self.walk.waiting.clear();
        }
        self.run = self.at;
    }

    /// What waits goes into the sink, from the name on.
    pub(super) fn hold_waiting(&mut self, sink: Sink) {
        if let Some(from) = self.waiting_from.take() {
            self.flush(from);
            self.walk.sink = sink;
            let waiting = std::mem::take(&mut self.walk.waiting);
            let earlier = waiting.get(self.walk.name_at..).unwrap_or_default();
            self.write(earlier);
            self.run = from + self.walk.name_at.saturating_sub(waiting.len());
            self.recycle(waiting);
        }
        self.walk.sink = sink;
        self.flush(self.at);
    }

    fn recycle(&mut self, mut buffer: Vec<u8>) {
        buffer.clear();
        self.walk.waiting = buffer;
    }

    /// Where the name that begins here stands in what waits.
    pub(super) fn mark_name(&mut self) {
        self.walk.gap = 0;
        if let Some(from) = self.waiting_from {
            self.walk.name_at = self.walk.waiting.len() + (self.at - from);
        }
    }

    /// Passes over whitespace (RFC 8259 §2), and gives the byte that follows.
    #[inline]
    pub(super) fn whitespace(&mut self) -> Option<u8> {
        let byte = self.chunk.get(self.at).copied()?;
        if byte > b' ' { Some(byte) } else { self.whitespace_begins() }
    }

    fn whitespace_begins(&mut self) -> Option<u8> {
        let rest = self.rest();
        let is_blank = |byte: &u8| matches!(byte, b' ' | b'\n' | b'\r' | b'\t');
        let length = rest.iter().position(|byte| !is_blank(byte)).unwrap_or(rest.len());
        let next = rest.get(length).copied();
        self.at += length;
        if self.waiting_from.is_some() {
            self.bound_gap(length);
        }
        next
    }

    fn bound_gap(&mut self, length: usize) {
        self.walk.gap += length;
        let excess = self.walk.gap.saturating_sub(GAP).min(length);
        if let (1.., Some(from)) = (excess, self.waiting_from) {
            self.flush(from);
            let kept = self.chunk.get(from..self.at - excess).unwrap_or_default();
            self.walk.waiting.extend_from_slice(kept);
            self.waiting_from = Some(self.at);
            self.run = self.at;
        }
    }

    /// Puts what waits aside until the next piece.
    pub(super) fn suspend(&mut self) {
        self.walk.is_waiting = self.waiting_from.is_some();
        match self.waiting_from {
            Some(from) => {
                self.flush(from);
                self.walk.waiting.extend_from_slice(self.chunk.get(from..).unwrap_or_default());
            }
            None => self.flush(self.chunk.len()),
        }
    }
}
