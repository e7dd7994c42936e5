//! An answer that is looked at, or taken from, while it streams through.
//!
//! In: the upstream's body, piece by piece as the client takes them. Out: what may leave. No more is read
//! than is handed on, so that a slow client slows the upstream down; what is held in between is bounded by
//! the filter. A fault in the middle of an answer that is being filtered ends it with a reset: what cannot
//! be read cannot be passed on unseen (decision 0017). The request's entry in the record waits here until
//! everything was looked at.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::HeaderMap;
use http_body::{Body, Frame, SizeHint};
use portcullis_domain::Reason;

use super::watch::{Passing, Watch};
use crate::forward::{BodyFault, Outflow};
use crate::record::Entry;

/// A body on its way, and what looks at it.
pub(crate) struct Shaped {
    outflow: Outflow,
    watch: Option<Watch>,
    passing: Passing,
    /// Trailers, behind what was still held when they came.
    trailers: Option<HeaderMap>,
    state: State,
    /// The request's entry in the record, which tells how the answer ended.
    entry: Option<Box<Entry>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Passing,
    /// The upstream has said all that it had to say.
    Ended,
    /// Something broke; nothing more leaves.
    Broken,
}

impl Shaped {
    pub(super) fn new(outflow: Outflow, watch: Watch) -> Self {
        let passing = watch.passing;
        Self { outflow, watch: Some(watch), passing, trailers: None, state: State::Passing, entry: None }
    }

    /// Writes `entry` when everything was looked at, or when nobody wants the body any more.
    pub(crate) fn recorded_in(&mut self, entry: Box<Entry>) {
        self.entry = Some(entry);
    }

    fn count(&mut self, piece: &Bytes) {
        if let Some(entry) = &mut self.entry {
            entry.pass_on(piece);
        }
    }

    fn break_off(&mut self, reason: Reason) -> BodyFault {
        self.state = State::Broken;
        if let Some(mut entry) = self.entry.take() {
            entry.trace.findings.extend(self.watch.take().map(|watch| watch.findings).unwrap_or_default());
            entry.break_off(reason);
        }
        BodyFault(reason)
    }

    /// Takes one piece through the watch, and ends it with the last one.
    fn pass(&mut self, piece: Bytes) -> Result<Bytes, BodyFault> {
        let Some(watch) = &mut self.watch else { return Ok(piece) };
        let passed = watch.pass(piece).and_then(|passed| {
            if !self.outflow.is_end_stream() {
                return Ok(passed);
            }
            self.state = State::Ended;
            let rest = watch.end()?;
            Ok(joined(passed, rest))
        });
        passed.map_err(|_| self.break_off(Reason::ResponseInvalid))
    }

    /// What was still held, once the upstream has ended.
    fn end(&mut self) -> Result<Bytes, BodyFault> {
        if self.state == State::Ended {
            return Ok(Bytes::new());
        }
        self.state = State::Ended;
        let rest = self.watch.as_mut().map_or(Ok(Bytes::new()), Watch::end);
        rest.map_err(|_| self.break_off(Reason::ResponseInvalid))
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BodyFault>>> {
        loop {
            if let Some(trailers) = self.trailers.take() {
                return Poll::Ready(Some(Ok(Frame::trailers(trailers))));
            }
            if self.state == State::Broken {
                return Poll::Ready(None);
            }
            let piece = match ready!(self.outflow.poll_frame(cx)) {
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(piece) => self.pass(piece)?,
                    Err(frame) => {
                        let rest = self.end()?;
                        self.trailers = frame.into_trailers().ok();
                        rest
                    }
                },
                Some(Err(BodyFault(reason))) => return Poll::Ready(Some(Err(self.break_off(reason)))),
                None => {
                    let rest = self.end()?;
                    if rest.is_empty() {
                        return Poll::Ready(None);
                    }
                    rest
                }
            };
            if !piece.is_empty() {
                self.count(&piece);
                return Poll::Ready(Some(Ok(Frame::data(piece))));
            }
        }
    }
}

impl Body for Shaped {
    type Data = Bytes;
    type Error = BodyFault;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyFault>>> {
        self.get_mut().poll(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.state != State::Passing && self.trailers.is_none() && self.outflow.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        match self.passing {
            Passing::AsTheyCame => self.outflow.size_hint(),
            Passing::Filtered => SizeHint::default(),
        }
    }
}

impl Drop for Shaped {
    /// The last byte is on its way: now it is time for what nobody has to wait for. Whoever left early gets
    /// no finding; the entry says how much was sent.
    fn drop(&mut self) {
        let (Some(mut entry), Some(watch), State::Ended) = (self.entry.take(), self.watch.take(), self.state)
        else {
            return;
        };
        let is_long = watch.is_long();
        let conclude = move || {
            let findings = watch.conclude(entry.route().map(|route| &*route.operation));
            entry.trace.findings.extend(findings);
            // Dropped, the entry is written.
        };
        if is_long {
            // In a turn of its own, after the connection has sent what it has.
            drop(tokio::task::spawn_local(async move { conclude() }));
        } else {
            conclude();
        }
    }
}

fn joined(first: Bytes, rest: Bytes) -> Bytes {
    if rest.is_empty() {
        return first;
    }
    if first.is_empty() {
        return rest;
    }
    let mut both = bytes::BytesMut::with_capacity(first.len() + rest.len());
    both.extend_from_slice(&first);
    both.extend_from_slice(&rest);
    both.freeze()
}
