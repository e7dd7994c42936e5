//! The connection's bytes, checked before the HTTP/2 parser may see them.
//!
//! In: bytes from a stranger. Out: the same bytes, but for field sections that [`Http2Guard`] has found
//! malformed and h2 would mend: those are such that h2 resets their stream. Called by hyper, through
//! `TokioIo`. In the usual case the parser's own buffer takes the bytes and nothing is copied.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Buf as _, BytesMut};
use portcullis_message::Http2Guard;
use portcullis_message::http2::{Passage, Then};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// How much is read at once behind a field section that is not whole.
const READ_STEP: usize = 4 * 1024;

/// A byte stream whose HTTP/2 field sections are checked on the way in.
pub(crate) struct GuardedHttp2<S> {
    inner: S,
    guard: Http2Guard,
    /// The beginning of a frame or of a field section.
    held: BytesMut,
    /// Checked bytes that did not fit the reader's buffer.
    ready: BytesMut,
    /// What ends the connection was handed on: nothing more is.
    ended: bool,
}

impl<S> GuardedHttp2<S> {
    pub(crate) fn new(inner: S, guard: Http2Guard) -> Self {
        Self { inner, guard, held: BytesMut::new(), ready: BytesMut::new(), ended: false }
    }

    /// Does what the guard said of bytes behind the released ones.
    fn obey(&mut self, then: Then) {
        match then {
            Then::More => {}
            Then::Instead { length, by } => {
                self.held.advance(length.min(self.held.len()));
                self.ready.extend_from_slice(&by);
                self.sift();
            }
            Then::End(by) => {
                self.ready.extend_from_slice(&by);
                self.held = BytesMut::new();
                self.ended = true;
            }
        }
    }

    /// Moves what may pass from the held bytes to the ready ones.
    fn sift(&mut self) {
        let Passage { released, then } = self.guard.inspect(&self.held);
        let passed = self.held.split_to(released.min(self.held.len()));
        self.ready.extend_from_slice(&passed);
        if self.held.is_empty() {
            // An idle connection keeps no buffer.
            self.held = BytesMut::new();
        }
        self.obey(then);
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for GuardedHttp2<S> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        loop {
            if !this.ready.is_empty() {
                let length = this.ready.len().min(buffer.remaining());
                buffer.put_slice(&this.ready.split_to(length));
                if this.ready.is_empty() {
                    this.ready = BytesMut::new();
                }
                return Poll::Ready(Ok(()));
            }
            if this.ended {
                return Poll::Ready(Ok(()));
            }
            if this.held.is_empty() {
                let start = buffer.filled().len();
                ready!(Pin::new(&mut this.inner).poll_read(cx, buffer))?;
                let fresh = buffer.filled().get(start..).unwrap_or_default();
                if fresh.is_empty() {
                    return Poll::Ready(Ok(()));
                }
                let Passage { released, then } = this.guard.inspect(fresh);
                this.held.extend_from_slice(fresh.get(released..).unwrap_or_default());
                buffer.set_filled(start + released);
                this.obey(then);
                if released > 0 {
                    return Poll::Ready(Ok(()));
                }
            } else {
                let mut step = [0u8; READ_STEP];
                let mut piece = ReadBuf::new(&mut step);
                ready!(Pin::new(&mut this.inner).poll_read(cx, &mut piece))?;
                if piece.filled().is_empty() {
                    return Poll::Ready(Ok(()));
                }
                this.held.extend_from_slice(piece.filled());
                this.sift();
            }
        }
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for GuardedHttp2<S> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().inner).poll_write(cx, bytes)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().inner).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().inner).poll_shutdown(cx)
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
