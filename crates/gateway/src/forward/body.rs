//! Bodies on their way through: requests to the upstream, answers to the client.
//!
//! What no stage reads is never gathered: the pieces are handed on as they come, bounded in size and in
//! the time between two of them.

use std::collections::VecDeque;
use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::HeaderMap;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use portcullis_domain::Reason;
use portcullis_limits::Permit as Place;
use portcullis_message::trailers;
use tokio::sync::oneshot;

use super::pool::Lease;
use crate::listen::{InFlight, Refused};
use crate::ownership::Ear;
use crate::record::Entry;
use crate::release::Shaped;
use crate::timer::Timer;

/// A body that could not be handed on, and why. hyper carries it through as the error's source.
#[derive(Clone, Copy, Debug)]
pub(crate) struct BodyFault(pub(crate) Reason);

impl fmt::Display for BodyFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.code())
    }
}

impl std::error::Error for BodyFault {}

impl BodyFault {
    /// The reason hidden in `error`'s chain of sources, if it is one of ours.
    pub(crate) fn find(error: &(dyn std::error::Error + 'static)) -> Option<Reason> {
        let mut next = Some(error);
        while let Some(current) = next {
            if let Some(BodyFault(reason)) = current.downcast_ref::<Self>() {
                return Some(*reason);
            }
            if let Some(Refused(reason)) = current.downcast_ref::<Refused>() {
                return Some(*reason);
            }
            if let Some(Refused(reason)) = current
                .downcast_ref::<std::io::Error>()
                .and_then(std::io::Error::get_ref)
                .and_then(|inner| inner.downcast_ref::<Refused>())
            {
                return Some(*reason);
            }
            next = current.source();
        }
        None
    }
}

/// The body of a request to an upstream.
pub(crate) enum RequestBody {
    Empty,
    /// A body that a stage read whole; can be sent again.
    Whole(Bytes),
    /// A body that no stage reads.
    Stream(Box<Inflow>),
}

impl RequestBody {
    /// A second copy for another attempt, unless the body has been streamed away.
    pub(crate) fn again(&self) -> Option<Self> {
        match self {
            Self::Empty => Some(Self::Empty),
            Self::Whole(bytes) => Some(Self::Whole(bytes.clone())),
            Self::Stream(_) => None,
        }
    }
}

impl Body for RequestBody {
    type Data = Bytes;
    type Error = BodyFault;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyFault>>> {
        match self.get_mut() {
            Self::Empty => Poll::Ready(None),
            Self::Whole(bytes) if bytes.is_empty() => Poll::Ready(None),
            Self::Whole(bytes) => Poll::Ready(Some(Ok(Frame::data(std::mem::take(bytes))))),
            Self::Stream(inflow) => inflow.poll_frame(cx),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Empty => true,
            Self::Whole(bytes) => bytes.is_empty(),
            Self::Stream(inflow) => inflow.body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Empty => SizeHint::with_exact(0),
            Self::Whole(bytes) => SizeHint::with_exact(bytes.len() as u64),
            Self::Stream(inflow) => inflow.body.size_hint(),
        }
    }
}

/// How many bytes of a streamed body have come so far; read when the request is recorded.
///
/// Atomic only because hyper moves requests about; never contended.
#[derive(Clone, Debug, Default)]
pub(crate) struct ByteCount(Arc<AtomicU64>);

impl ByteCount {
    /// So many.
    pub(crate) fn bytes(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    /// So many more.
    pub(crate) fn add(&self, bytes: usize) {
        self.0.fetch_add(bytes as u64, Ordering::Relaxed);
    }
}

/// A client's body, bounded in size and patience.
pub(crate) struct Inflow {
    body: Incoming,
    left: u64,
    count: Option<ByteCount>,
    patience: Duration,
    timer: Timer,
    timing: bool,
}

impl Inflow {
    /// `body`, of which at most `limit` bytes pass, with at most `patience` between two pieces.
    pub(crate) fn new(body: Incoming, limit: u64, patience: Duration) -> Self {
        Self { body, left: limit, count: None, patience, timer: Timer::idle(), timing: false }
    }

    /// Lets `count` know what has come.
    pub(crate) fn counted_by(mut self, count: ByteCount) -> Self {
        self.count = Some(count);
        self
    }

    /// The next piece.
    pub(crate) fn poll_frame(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyFault>>> {
        match Pin::new(&mut self.body).poll_frame(cx) {
            Poll::Ready(Some(Ok(mut frame))) => {
                self.timing = false;
                if let Some(data) = frame.data_ref() {
                    if let Some(count) = &self.count {
                        count.add(data.len());
                    }
                    match self.left.checked_sub(data.len() as u64) {
                        Some(left) => self.left = left,
                        None => return Poll::Ready(Some(Err(BodyFault(Reason::BodyTooLarge)))),
                    }
                } else if let Some(fields) = frame.trailers_mut() {
                    // RFC 9110 §6.5.1: a trailer must not become a header that was judged.
                    trailers::retain_safe(fields);
                }
                Poll::Ready(Some(Ok(frame)))
            }
            Poll::Ready(Some(Err(error))) => {
                let reason = BodyFault::find(&error).unwrap_or(Reason::BodyIncomplete);
                Poll::Ready(Some(Err(BodyFault(reason))))
            }
            Poll::Ready(None) => Poll::Ready(None),
            Poll::Pending => {
                if !self.timing {
                    self.timing = true;
                    self.timer.start(self.patience);
                }
                self.timer.poll_elapsed(cx).map(|()| Some(Err(BodyFault(Reason::BodyTimeout))))
            }
        }
    }
}

/// The body of an answer to a client.
pub(crate) struct AnswerBody {
    kind: AnswerKind,
    /// Keeps the connection's idle clock still until the last byte is on its way.
    in_flight: Option<InFlight>,
    /// The caller's place among its calls under way.
    place: Option<Place>,
}

enum AnswerKind {
    Empty,
    Whole(Bytes),
    Upstream(Box<Outflow>),
    /// The upstream's body, looked at while it passes.
    Shaped(Box<Shaped>),
    /// An upstream's body that was held back, and its trailers.
    Trailed(Bytes, Option<HeaderMap>),
    /// No body, and yet not the end: what follows is recorded with the request.
    Switched(oneshot::Sender<Box<Entry>>),
}

impl AnswerBody {
    /// No body.
    pub(crate) const fn empty() -> Self {
        Self { kind: AnswerKind::Empty, in_flight: None, place: None }
    }

    /// A body of our own.
    pub(crate) const fn whole(bytes: Bytes) -> Self {
        Self { kind: AnswerKind::Whole(bytes), in_flight: None, place: None }
    }

    /// The upstream's body, handed on.
    pub(crate) fn upstream(outflow: Outflow) -> Self {
        Self { kind: AnswerKind::Upstream(Box::new(outflow)), in_flight: None, place: None }
    }

    /// The upstream's body, looked at while it passes.
    pub(crate) fn shaped(shaped: Shaped) -> Self {
        Self { kind: AnswerKind::Shaped(Box::new(shaped)), in_flight: None, place: None }
    }

    /// An upstream's body that was held back until it was checked.
    pub(crate) fn held(body: Bytes, trailers: Option<HeaderMap>) -> Self {
        let kind = match trailers {
            None => AnswerKind::Whole(body),
            Some(trailers) => AnswerKind::Trailed(body, Some(trailers)),
        };
        Self { kind, in_flight: None, place: None }
    }

    /// No body; the request's entry in the record goes to whoever carries on after a protocol switch.
    pub(crate) const fn switched(successor: oneshot::Sender<Box<Entry>>) -> Self {
        Self { kind: AnswerKind::Switched(successor), in_flight: None, place: None }
    }

    /// Holds the caller's place until this body is done.
    pub(crate) fn with_place(mut self, place: Option<Place>) -> Self {
        self.place = place;
        self
    }

    /// Writes `entry` when this body is done, or when nobody wants it any more.
    pub(crate) fn recorded_in(mut self, mut entry: Box<Entry>) -> Self {
        if let AnswerKind::Switched(successor) = self.kind {
            // If nobody carries on, it is dropped here, and thereby written.
            let _ = successor.send(entry);
            return Self { kind: AnswerKind::Empty, ..self };
        }
        match &mut self.kind {
            AnswerKind::Upstream(outflow) if !outflow.is_end_stream() => outflow.entry = Some(entry),
            AnswerKind::Shaped(shaped) => shaped.recorded_in(entry),
            AnswerKind::Whole(bytes) | AnswerKind::Trailed(bytes, _) => entry.pass_on(bytes),
            // Dropped here, and thereby written.
            AnswerKind::Upstream(_) | AnswerKind::Empty | AnswerKind::Switched(_) => {}
        }
        self
    }

    /// Holds `in_flight` until this body is done.
    pub(crate) fn holding(mut self, in_flight: InFlight) -> Self {
        self.in_flight = Some(in_flight);
        self
    }
}

impl Body for AnswerBody {
    type Data = Bytes;
    type Error = BodyFault;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyFault>>> {
        match &mut self.get_mut().kind {
            AnswerKind::Empty | AnswerKind::Switched(_) => Poll::Ready(None),
            AnswerKind::Whole(bytes) if bytes.is_empty() => Poll::Ready(None),
            AnswerKind::Whole(bytes) => Poll::Ready(Some(Ok(Frame::data(std::mem::take(bytes))))),
            AnswerKind::Upstream(outflow) => outflow.poll_frame(cx),
            AnswerKind::Shaped(shaped) => Pin::new(&mut **shaped).poll_frame(cx),
            AnswerKind::Trailed(bytes, trailers) if bytes.is_empty() => {
                Poll::Ready(trailers.take().map(|trailers| Ok(Frame::trailers(trailers))))
            }
            AnswerKind::Trailed(bytes, _) => Poll::Ready(Some(Ok(Frame::data(std::mem::take(bytes))))),
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.kind {
            AnswerKind::Empty | AnswerKind::Switched(_) => true,
            AnswerKind::Whole(bytes) => bytes.is_empty(),
            AnswerKind::Upstream(outflow) => outflow.is_end_stream(),
            AnswerKind::Shaped(shaped) => shaped.is_end_stream(),
            AnswerKind::Trailed(bytes, trailers) => bytes.is_empty() && trailers.is_none(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.kind {
            AnswerKind::Empty | AnswerKind::Switched(_) => SizeHint::with_exact(0),
            AnswerKind::Whole(bytes) => SizeHint::with_exact(bytes.len() as u64),
            AnswerKind::Upstream(outflow) => outflow.size_hint(),
            AnswerKind::Shaped(shaped) => shaped.size_hint(),
            // A length would leave no place for trailers.
            AnswerKind::Trailed(..) => SizeHint::default(),
        }
    }
}

/// An upstream's body and the connection it comes over.
pub(crate) struct Outflow {
    body: Incoming,
    /// What stands beside it where somebody has to know what it says.
    beside: Option<Box<Beside>>,
    lease: Option<Lease>,
    /// The request's entry in the record, which tells how the answer ended.
    entry: Option<Box<Entry>>,
    patience: Duration,
    timer: Timer,
    timing: bool,
}

/// Pieces of an answer that were held, and what listens to those that come.
#[derive(Default)]
struct Beside {
    held: VecDeque<Bytes>,
    trailers: Option<HeaderMap>,
    ear: Option<Ear>,
}

impl Beside {
    fn is_silent(&self) -> bool {
        self.held.is_empty() && self.trailers.is_none()
    }
}

impl Outflow {
    /// Hands on `body`; the connection goes back to the pool after its last piece.
    pub(crate) fn new(body: Incoming, lease: Lease, patience: Duration) -> Self {
        let lease = Some(lease);
        let mut outflow =
            Self { body, beside: None, lease, entry: None, patience, timer: Timer::idle(), timing: false };
        if outflow.body.is_end_stream() {
            outflow.finish();
        }
        outflow
    }

    /// Lets `ear` hear all that comes.
    pub(crate) fn overheard_by(mut self, ear: Ear) -> Self {
        self.beside.get_or_insert_default().ear = Some(ear);
        self
    }

    /// Says these pieces, which were held, before all that comes; and the trailers, if they came already.
    pub(crate) fn saying_first(mut self, held: VecDeque<Bytes>, trailers: Option<HeaderMap>) -> Self {
        let beside = self.beside.get_or_insert_default();
        (beside.held, beside.trailers) = (held, trailers);
        self
    }

    /// The next of what was held.
    fn held_frame(&mut self) -> Option<Frame<Bytes>> {
        let beside = self.beside.as_mut()?;
        let frame = match beside.held.pop_front() {
            Some(piece) => {
                if let Some(entry) = &mut self.entry {
                    entry.pass_on(&piece);
                }
                Frame::data(piece)
            }
            None if self.body.is_end_stream() => Frame::trailers(beside.trailers.take()?),
            None => return None,
        };
        if self.is_end_stream() {
            self.finish();
        }
        Some(frame)
    }

    fn finish(&mut self) {
        if let Some(lease) = self.lease.take() {
            lease.give_back();
        }
        if let Some(ear) = self.beside.as_mut().and_then(|beside| beside.ear.take()) {
            ear.conclude();
        }
        // Dropped, it is written.
        self.entry = None;
    }

    /// The connection is closed: nobody knows what else would come over it.
    fn break_off(&mut self, reason: Reason) -> BodyFault {
        self.lease = None;
        self.beside = None;
        if let Some(mut entry) = self.entry.take() {
            entry.break_off(reason);
        }
        BodyFault(reason)
    }

    /// Whether nothing more comes.
    pub(crate) fn is_end_stream(&self) -> bool {
        self.body.is_end_stream() && self.beside.as_ref().is_none_or(|beside| beside.is_silent())
    }

    /// How much is still to come.
    pub(crate) fn size_hint(&self) -> SizeHint {
        let rest = self.body.size_hint();
        match self.beside.as_ref().filter(|beside| !beside.is_silent()) {
            None => rest,
            // A length would leave no place for trailers.
            Some(beside) if beside.trailers.is_some() => SizeHint::default(),
            Some(beside) => {
                let held: usize = beside.held.iter().map(Bytes::len).sum();
                rest.exact().map_or_else(SizeHint::default, |rest| SizeHint::with_exact(rest + held as u64))
            }
        }
    }

    /// The next piece.
    pub(crate) fn poll_frame(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyFault>>> {
        if let Some(frame) = self.held_frame() {
            return Poll::Ready(Some(Ok(frame)));
        }
        let mut polled = Pin::new(&mut self.body).poll_frame(cx);
        if polled.is_pending()
            && let Some(lease) = &mut self.lease
        {
            // The connection has no task of its own: it moves when we do.
            lease.drive(cx);
            polled = Pin::new(&mut self.body).poll_frame(cx);
        }
        match polled {
            Poll::Ready(Some(Ok(mut frame))) => {
                self.timing = false;
                if let (Some(data), Some(beside)) = (frame.data_ref(), &mut self.beside) {
                    beside.ear.take_if(|ear| !ear.hear(data));
                }
                if let (Some(data), Some(entry)) = (frame.data_ref(), &mut self.entry) {
                    entry.pass_on(data);
                    entry.overhear(data);
                } else if let Some(fields) = frame.trailers_mut() {
                    trailers::retain_safe(fields);
                }
                if self.body.is_end_stream() {
                    self.finish();
                }
                Poll::Ready(Some(Ok(frame)))
            }
            Poll::Ready(Some(Err(_))) => Poll::Ready(Some(Err(self.break_off(Reason::UpstreamReset)))),
            Poll::Ready(None) => {
                self.finish();
                Poll::Ready(None)
            }
            Poll::Pending => {
                if !self.timing {
                    self.timing = true;
                    self.timer.start(self.patience);
                }
                match self.timer.poll_elapsed(cx) {
                    Poll::Pending => Poll::Pending,
                    Poll::Ready(()) => Poll::Ready(Some(Err(self.break_off(Reason::UpstreamTimeout)))),
                }
            }
        }
    }
}
