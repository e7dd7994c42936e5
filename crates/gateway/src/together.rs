//! Sending together: before a connection writes, everybody else who is ready has a turn.
//!
//! In: a byte stream. Out: the same, whose writes wait for one round of the worker's tasks while several
//! requests are under way. A write to a socket wakes whoever reads at its other end, and waking a sleeper
//! costs more than the rest of the write. Requests that are ready at the same time therefore do their
//! thinking first and send one after the other, so that the other end wakes once and finds all of it.
//! Nothing is copied or held back: the stream below is asked a moment later (decision 0010).

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::task::{Context, Poll, ready};

use smallvec::SmallVec;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// From how many requests under way on.
const CROWDED: u32 = 4;
/// Up to so many bytes in several pieces are written as one.
const SMALL: usize = 2048;

/// The requests under way on one worker.
///
/// Atomic only because hyper demands that an upgradeable stream can change threads; never contended.
#[derive(Clone, Debug, Default)]
pub(crate) struct Crowd(Arc<AtomicU32>);

impl Crowd {
    /// One more.
    pub(crate) fn enter(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    /// One less.
    pub(crate) fn leave(&self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }

    /// How many there are.
    pub(crate) fn under_way(&self) -> u32 {
        self.0.load(Ordering::Relaxed)
    }

    fn is_crowded(&self) -> bool {
        self.0.load(Ordering::Relaxed) >= CROWDED
    }
}

/// A stream that lets others have their turn before it writes.
#[derive(Debug)]
pub(crate) struct Together<S> {
    inner: S,
    crowd: Crowd,
    has_waited: bool,
}

impl<S> Together<S> {
    pub(crate) const fn new(inner: S, crowd: Crowd) -> Self {
        Self { inner, crowd, has_waited: false }
    }

    /// Pending once, for a write that has not waited yet.
    fn poll_turn(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if self.has_waited || !self.crowd.is_crowded() {
            self.has_waited = false;
            return Poll::Ready(());
        }
        self.has_waited = true;
        // Behind all tasks that are ready now.
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Together<S> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().inner).poll_read(cx, buffer)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Together<S> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        ready!(this.poll_turn(cx));
        Pin::new(&mut this.inner).poll_write(cx, bytes)
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
        let this = self.get_mut();
        ready!(this.poll_turn(cx));
        let length: usize = slices.iter().map(|slice| slice.len()).sum();
        if length > SMALL || slices.len() < 2 {
            return Pin::new(&mut this.inner).poll_write_vectored(cx, slices);
        }
        // A head and a short body: copying them together is cheaper than a list of two for the kernel.
        let mut whole: SmallVec<[u8; SMALL]> = SmallVec::new();
        slices.iter().for_each(|slice| whole.extend_from_slice(slice));
        Pin::new(&mut this.inner).poll_write(cx, &whole)
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use super::*;

    /// How often a first write is pending before it goes through.
    async fn turns_before_writing(requests: u32) -> u32 {
        let crowd = Crowd::default();
        (0..requests).for_each(|_| crowd.enter());
        let mut stream = Together::new(Vec::new(), crowd);
        let mut turns = 0;
        poll_fn(|cx| match Pin::new(&mut stream).poll_write(cx, b"x") {
            Poll::Pending => {
                turns += 1;
                Poll::Pending
            }
            Poll::Ready(written) => Poll::Ready(written),
        })
        .await
        .unwrap();
        assert_eq!(stream.inner, b"x");
        turns
    }

    #[tokio::test]
    async fn pieces_are_written_in_their_order_however_long_they_are() {
        for length in [1, SMALL / 2, SMALL, 3 * SMALL] {
            let (head, body) = (vec![b'h'; length], vec![b'b'; length]);
            let mut stream = Together::new(Vec::new(), Crowd::default());
            let slices = [io::IoSlice::new(&head), io::IoSlice::new(&body)];
            let written = poll_fn(|cx| Pin::new(&mut stream).poll_write_vectored(cx, &slices)).await.unwrap();
            assert_eq!(written, 2 * length);
            assert_eq!(stream.inner, [head, body].concat());
        }
    }

    #[tokio::test]
    async fn a_lonely_request_writes_at_once_and_a_crowd_waits_one_round() {
        assert_eq!(turns_before_writing(1).await, 0);
        assert_eq!(turns_before_writing(CROWDED).await, 1);
    }
}
