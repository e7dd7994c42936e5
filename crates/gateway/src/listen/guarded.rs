//! The connection's bytes, checked before the HTTP/1 parser may see them.
//!
//! In: bytes from a stranger. Out: the same bytes, but only whole heads that [`FramingGuard`] has found
//! unambiguous. hyper reads from here, so it never parses a head that we would refuse.
//!
//! A refused head is replaced by one of our own, [`REFUSED`], whose path is the reason's code. The walk
//! turns it into a problem document and an audit event like any other refusal, in its place among the
//! pipelined answers, and closes. A broken body cannot be replaced; it surfaces as a [`Refused`] error
//! while the body is read. Called by hyper, through `TokioIo`.

use std::fmt;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use portcullis_domain::Reason;
use portcullis_message::{Bounds, FramingGuard, GuardState, Part};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::timer::Timer;
use crate::together::Crowd;

/// Method of the head that stands in for a refused one. [`Signals::refused`] tells ours from a stranger's.
pub(crate) const REFUSED: &str = "PORTCULLIS-REFUSED";

/// How much of a body that nobody will read is taken in before the connection is closed, so that the
/// answer is not lost to a reset (RFC 9112 §9.6).
const LINGER_BYTES: usize = 256 * 1024;
const LINGER_TIME: Duration = Duration::from_secs(1);
/// How much is read at once behind an incomplete head.
const READ_STEP: usize = 4 * 1024;

/// A body that broke its framing; found inside the `io::Error` that hyper reports.
#[derive(Debug)]
pub(crate) struct Refused(pub(crate) Reason);

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.code())
    }
}

impl std::error::Error for Refused {}

/// What the walk and the byte stream of one connection tell each other.
///
/// Shared between two owners on one thread. Atomic only because hyper demands that an upgradeable
/// stream can change threads; never contended.
#[derive(Debug)]
pub(crate) struct Signals {
    crowd: Crowd,
    in_flight: AtomicU32,
    started: AtomicU32,
    refused: AtomicBool,
    raw: AtomicBool,
    draining: AtomicBool,
}

impl Signals {
    /// Signals of a connection whose requests are among `crowd`.
    pub(crate) fn new(crowd: Crowd) -> Self {
        Self {
            crowd,
            in_flight: AtomicU32::new(0),
            started: AtomicU32::new(0),
            refused: AtomicBool::new(false),
            raw: AtomicBool::new(false),
            draining: AtomicBool::new(false),
        }
    }

    /// Notes a request under way until the guard is dropped; the idle clock stands still meanwhile.
    pub(crate) fn enter(self: &Arc<Self>) -> InFlight {
        self.crowd.enter();
        self.in_flight.fetch_add(1, Ordering::Relaxed);
        self.started.fetch_add(1, Ordering::Relaxed);
        InFlight(Arc::clone(self))
    }

    /// How many requests are under way on this worker.
    pub(crate) fn under_way(&self) -> u32 {
        self.crowd.under_way()
    }

    /// Whether a head was refused and [`REFUSED`] therefore comes from us.
    pub(crate) fn refused(&self) -> bool {
        self.refused.load(Ordering::Relaxed)
    }

    /// The protocol is about to be switched: the bytes that come now are for [`Guarded::resume`].
    pub(crate) fn pass_through(&self) {
        self.raw.store(true, Ordering::Relaxed);
    }

    /// The process ends: a connection on which no request has begun is closed.
    pub(crate) fn drain(&self) {
        self.draining.store(true, Ordering::Relaxed);
    }

    /// Requests so far, wrapping.
    pub(crate) fn started(&self) -> u32 {
        self.started.load(Ordering::Relaxed)
    }

    /// Whether a request is under way.
    pub(crate) fn is_busy(&self) -> bool {
        self.in_flight.load(Ordering::Relaxed) > 0
    }
}

/// A request under way.
#[derive(Debug)]
pub(crate) struct InFlight(Arc<Signals>);

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.in_flight.fetch_sub(1, Ordering::Relaxed);
        self.0.crowd.leave();
    }
}

/// How long a client may take.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Patience {
    /// From the first byte of a head to its last.
    pub(crate) head: Duration,
    /// Between requests.
    pub(crate) idle: Duration,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Waiting {
    /// Nothing to time.
    No,
    Idle,
    Head,
}

/// A byte stream whose HTTP/1 requests are checked on the way in.
pub(crate) struct Guarded<S> {
    inner: S,
    guard: FramingGuard,
    signals: Arc<Signals>,
    patience: Patience,
    /// An incomplete head.
    held: BytesMut,
    /// Checked bytes that did not fit the reader's buffer, or the stand-in for a refused head.
    ready: Bytes,
    /// The framing is lost: nothing more is handed on.
    ended: bool,
    broken: Option<Reason>,
    waiting: Waiting,
    timer: Timer,
    lingered: usize,
    write_closed: bool,
}

impl<S> Guarded<S> {
    pub(crate) fn new(inner: S, bounds: Bounds, patience: Patience, signals: Arc<Signals>) -> Self {
        Self {
            inner,
            guard: FramingGuard::new(bounds),
            signals,
            patience,
            held: BytesMut::new(),
            ready: Bytes::new(),
            ended: false,
            broken: None,
            waiting: Waiting::No,
            timer: Timer::idle(),
            lingered: 0,
            write_closed: false,
        }
    }

    /// Hands on everything from here on, unchecked: the protocol was switched. Whatever came before that
    /// is dropped, never replayed as the new protocol (CVE-2026-2833 was this, elsewhere).
    pub(crate) fn resume(&mut self) {
        self.held = BytesMut::new();
        self.ready = Bytes::new();
        self.guard.pass_through();
    }

    /// Ends the reading: a stand-in if a head is refused, an error if a body is.
    fn refuse(&mut self, reason: Reason) {
        self.ended = true;
        self.held = BytesMut::new();
        if self.guard.part() == Part::Body {
            self.broken = Some(reason);
            return;
        }
        self.signals.refused.store(true, Ordering::Relaxed);
        self.ready = Bytes::from(format!(
            "{REFUSED} /{} HTTP/1.1\r\nhost: refused.invalid\r\nconnection: close\r\n\r\n",
            reason.code()
        ));
    }

    fn hand_over(&mut self, buffer: &mut ReadBuf<'_>) {
        let length = self.ready.len().min(buffer.remaining());
        buffer.put_slice(&self.ready.split_to(length));
        if self.ready.is_empty() {
            self.ready = Bytes::new();
        }
    }

    /// Waits for bytes, but not for ever.
    fn poll_patience(&mut self, cx: &mut Context<'_>) -> Poll<Waiting> {
        let now = match self.guard.state() {
            _ if self.signals.is_busy() => Waiting::No,
            GuardState::Head => Waiting::Head,
            GuardState::Idle if self.held.is_empty() => Waiting::Idle,
            GuardState::Idle => Waiting::Head,
            GuardState::Body { .. }
            | GuardState::Chunked
            | GuardState::PassedThrough
            | GuardState::Refused(_) => Waiting::No,
        };
        if now != self.waiting {
            self.waiting = now;
            match now {
                Waiting::No => self.timer.stop(),
                Waiting::Idle => self.timer.start(self.patience.idle),
                Waiting::Head => self.timer.start(self.patience.head),
            }
        }
        if now == Waiting::No {
            return Poll::Pending;
        }
        if now == Waiting::Idle && self.signals.draining.load(Ordering::Relaxed) {
            return Poll::Ready(Waiting::Idle);
        }
        ready!(self.timer.poll_elapsed(cx));
        Poll::Ready(now)
    }
}

impl<S: AsyncRead + Unpin> Guarded<S> {
    /// The usual case: nothing is held, so the parser's own buffer takes the bytes and is cut back to
    /// what was released.
    fn poll_fresh(&mut self, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<Got>> {
        let start = buffer.filled().len();
        ready!(Pin::new(&mut self.inner).poll_read(cx, buffer))?;
        let fresh = buffer.filled().get(start..).unwrap_or_default();
        if fresh.is_empty() {
            return Poll::Ready(Ok(Got::End));
        }
        let inspection = self.guard.inspect(fresh);
        if let Some(reason) = inspection.refusal {
            self.refuse(reason);
        } else if let Some(rest) = fresh.get(inspection.released..).filter(|rest| !rest.is_empty()) {
            self.held.extend_from_slice(rest);
        }
        buffer.set_filled(start + inspection.released);
        Poll::Ready(Ok(if inspection.released > 0 { Got::Bytes } else { Got::Nothing }))
    }

    /// A head arrives in pieces: it is gathered here until it is whole.
    fn poll_held(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Got>> {
        let mut step = [0u8; READ_STEP];
        let mut piece = ReadBuf::new(&mut step);
        ready!(Pin::new(&mut self.inner).poll_read(cx, &mut piece))?;
        if piece.filled().is_empty() {
            return Poll::Ready(Ok(Got::End));
        }
        self.held.extend_from_slice(piece.filled());
        let inspection = self.guard.inspect(&self.held);
        self.ready = self.held.split_to(inspection.released.min(self.held.len())).freeze();
        if self.held.is_empty() {
            self.held = BytesMut::new();
        }
        if let Some(reason) = inspection.refusal {
            let released = std::mem::take(&mut self.ready);
            self.refuse(reason);
            if !released.is_empty() {
                let mut both = BytesMut::from(released.as_ref());
                both.extend_from_slice(&self.ready);
                self.ready = both.freeze();
            }
        }
        Poll::Ready(Ok(Got::Nothing))
    }
}

enum Got {
    Bytes,
    Nothing,
    End,
}

impl<S: AsyncRead + Unpin> AsyncRead for Guarded<S> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if this.signals.raw.load(Ordering::Relaxed) && this.guard.state() != GuardState::PassedThrough {
            // hyper reads ahead while it writes; what it has so far was sent before the switch was agreed.
            return Poll::Pending;
        }
        loop {
            if !this.ready.is_empty() {
                this.hand_over(buffer);
                return Poll::Ready(Ok(()));
            }
            if let Some(reason) = this.broken {
                return Poll::Ready(Err(io::Error::new(io::ErrorKind::InvalidData, Refused(reason))));
            }
            if this.ended && this.signals.refused() && this.guard.state() != GuardState::PassedThrough {
                // The end of the stream would tell hyper that the client is gone, and the refusal would not be
                // sent. The stand-in says `connection: close`, so hyper ends the connection by itself.
                return Poll::Pending;
            }
            if this.ended {
                return Poll::Ready(Ok(()));
            }
            let got = if this.held.is_empty() { this.poll_fresh(cx, buffer) } else { this.poll_held(cx) };
            match got {
                Poll::Ready(Ok(Got::Bytes | Got::End)) => return Poll::Ready(Ok(())),
                Poll::Ready(Ok(Got::Nothing)) => {}
                Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                Poll::Pending => match ready!(this.poll_patience(cx)) {
                    Waiting::Head => this.refuse(Reason::HeadTimeout),
                    Waiting::Idle | Waiting::No => this.ended = true,
                },
            }
        }
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Guarded<S> {
    /// Takes in what still comes, within bounds, so that the last answer reaches the client.
    fn poll_linger(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let mut step = [0u8; READ_STEP];
        while self.lingered < LINGER_BYTES {
            let mut piece = ReadBuf::new(&mut step);
            match Pin::new(&mut self.inner).poll_read(cx, &mut piece) {
                Poll::Ready(Ok(())) if !piece.filled().is_empty() => self.lingered += piece.filled().len(),
                Poll::Ready(_) => return Poll::Ready(()),
                Poll::Pending => return self.timer.poll_elapsed(cx),
            }
        }
        Poll::Ready(())
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Guarded<S> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().inner).poll_write(cx, bytes)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().inner).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if !this.write_closed {
            ready!(Pin::new(&mut this.inner).poll_shutdown(cx))?;
            this.write_closed = true;
            this.timer.start(LINGER_TIME);
        }
        this.poll_linger(cx).map(Ok)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().inner).poll_write_vectored(cx, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }
}
