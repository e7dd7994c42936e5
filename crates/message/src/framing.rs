//! A strict checker of where each HTTP/1 message begins and ends, in front of hyper.
//!
//! In: the bytes of one connection, as they arrive. Out: how many of them hyper may see, or why none
//! further. Called by the gateway's reader for every read of an HTTP/1 connection (HTTP/2 is recognised
//! before a guard is made). The guard never changes a byte: what it releases is what came.
//!
//! hyper accepts some things that RFC 9112 lets a server tolerate and that have let requests be smuggled
//! (bare LF, both framing headers, stacked codings, no or two Hosts), and hides them from the service.
//! The guard is at least as strict as hyper in every point, so that the two cannot disagree about the
//! end of a message (RFC 9112 §6.3, §11.2).
//!
//! Not done here: whether a method, host or body is wanted; the meaning of `Connection` and `Expect`.

mod chunked;
mod field_line;
mod head;
mod lines;
mod request_line;

use portcullis_domain::Reason;

use crate::bounds::Bounds;
use chunked::{ChunkProgress, ChunkedBody};
use head::{BodyFraming, HeadReader};

/// The guard of one connection.
///
/// Invariant: once it has refused, it releases nothing more; the connection must be closed.
#[derive(Debug)]
pub struct FramingGuard {
    bounds: Bounds,
    phase: Phase,
    refusal: Option<Reason>,
    unreleased: usize,
}

#[derive(Debug)]
enum Phase {
    Head(HeadReader),
    Length { remaining: u64 },
    Chunked(ChunkedBody),
    PassedThrough,
}

/// What became of the bytes shown to [`FramingGuard::inspect`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub struct Inspection {
    /// How many of them, from the first on, may be handed on.
    pub released: usize,
    /// Why nothing behind those ever will be.
    pub refusal: Option<Reason>,
}

/// Where in its messages a connection stands; decides which timeout runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GuardState {
    /// Between requests: nothing of the next one is here.
    Idle,
    /// Some bytes of a head are here, not all.
    Head,
    /// In a body of known length, this many bytes before its end.
    Body {
        /// How much is still to come.
        remaining: u64,
    },
    /// In a chunked body.
    Chunked,
    /// No longer HTTP/1: everything is released unread.
    PassedThrough,
    /// Refused for good.
    Refused(Reason),
}

/// Which part of a message a connection is in, or was refused in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// Before a message, or in its head: the parser behind the guard has seen nothing of it.
    Head,
    /// Behind a head that was released.
    Body,
}

impl FramingGuard {
    /// A guard for a connection that nothing was read from yet.
    #[must_use]
    pub const fn new(bounds: Bounds) -> Self {
        Self { bounds, phase: Phase::Head(HeadReader::new()), refusal: None, unreleased: 0 }
    }

    /// Judges what has arrived. `unreleased` starts at the first byte not yet released; bytes that stay
    /// behind must be shown again with more behind them. A head is released whole or not at all, body
    /// bytes at once. Bytes already scanned are not scanned again.
    pub fn inspect(&mut self, unreleased: &[u8]) -> Inspection {
        let mut released = 0;
        while self.refusal.is_none() {
            match self.advance(unreleased.get(released..).unwrap_or_default()) {
                Ok(0) => break,
                Ok(count) => released += count,
                Err(reason) => self.refusal = Some(reason),
            }
        }
        self.unreleased = unreleased.len().saturating_sub(released);
        Inspection { released, refusal: self.refusal }
    }

    /// Where the connection stands after the last inspection.
    #[must_use]
    pub const fn state(&self) -> GuardState {
        if let Some(reason) = self.refusal {
            return GuardState::Refused(reason);
        }
        match self.phase {
            Phase::Head(_) if self.unreleased == 0 => GuardState::Idle,
            Phase::Head(_) => GuardState::Head,
            Phase::Length { remaining } => GuardState::Body { remaining },
            Phase::Chunked(_) => GuardState::Chunked,
            Phase::PassedThrough => GuardState::PassedThrough,
        }
    }

    /// The part of a message that is being read, or in which it was refused.
    #[must_use]
    pub const fn part(&self) -> Part {
        match self.phase {
            Phase::Head(_) => Part::Head,
            Phase::Length { .. } | Phase::Chunked(_) | Phase::PassedThrough => Part::Body,
        }
    }

    /// Releases everything from here on: the connection has switched protocols (RFC 9110 §7.8). Call it
    /// only after the upstream's 101; a guard that has refused stays shut.
    pub fn pass_through(&mut self) {
        self.phase = Phase::PassedThrough;
    }

    /// How many bytes of `rest` belong to what is complete; zero if more must arrive first.
    fn advance(&mut self, rest: &[u8]) -> Result<usize, Reason> {
        match &mut self.phase {
            Phase::Head(head) => {
                let Some((length, framing)) = head.read(rest, &self.bounds)? else { return Ok(0) };
                self.phase = match framing {
                    BodyFraming::Length(0) => Phase::Head(HeadReader::new()),
                    BodyFraming::Length(remaining) => Phase::Length { remaining },
                    BodyFraming::Chunked => Phase::Chunked(ChunkedBody::new()),
                };
                Ok(length)
            }
            Phase::Length { remaining } => {
                let count = within(rest, *remaining);
                *remaining -= count as u64;
                if *remaining == 0 {
                    self.phase = Phase::Head(HeadReader::new());
                }
                Ok(count)
            }
            Phase::Chunked(body) => match body.read(rest, &self.bounds)? {
                ChunkProgress::Released(count) => Ok(count),
                ChunkProgress::Ended(count) => {
                    self.phase = Phase::Head(HeadReader::new());
                    Ok(count)
                }
            },
            Phase::PassedThrough => Ok(rest.len()),
        }
    }
}

/// How many bytes of `rest` lie within the next `remaining`.
fn within(rest: &[u8], remaining: u64) -> usize {
    usize::try_from(remaining).map_or(rest.len(), |remaining| remaining.min(rest.len()))
}

#[cfg(test)]
mod tests;
