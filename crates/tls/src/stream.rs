//! The encrypted stream of a listener, with two habits that the plain one lacks.
//!
//! In: what tokio-rustls gives after a handshake. Out: a stream that sends what rustls wants to answer by
//! itself as soon as it wants to, and that ends when the peer asks to renegotiate (RFC 9325 §3.5). rustls
//! refuses a first attempt with a mere warning, which tokio-rustls would hold back until the next write:
//! on an idle connection, for ever.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use rustls::{ProtocolVersion, ServerConnection};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_rustls::server::TlsStream;

/// An encrypted connection of a client. Boxed inside: it is large, and most futures only pass it on.
#[derive(Debug)]
pub struct ServerStream<IO>(Box<TlsStream<IO>>);

/// The peer asked to renegotiate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the peer asked to renegotiate")]
pub struct Renegotiation;

impl<IO> ServerStream<IO> {
    pub(crate) fn new(stream: TlsStream<IO>) -> Self {
        Self(Box::new(stream))
    }

    /// The connection below and the session.
    #[must_use]
    pub fn get_ref(&self) -> (&IO, &ServerConnection) {
        self.0.get_ref()
    }
}

impl<IO: AsyncRead + AsyncWrite + Unpin> ServerStream<IO> {
    /// Sends what the session began to say while it was read from.
    fn answer(&mut self, cx: &mut Context<'_>) -> io::Result<()> {
        // In TLS 1.2 the only thing it says by itself is that it will not renegotiate. In TLS 1.3 it
        // answers key updates (RFC 8446 §4.6.3).
        let renegotiates = self.0.get_ref().1.protocol_version() == Some(ProtocolVersion::TLSv1_2);
        match Pin::new(&mut *self.0).poll_flush(cx) {
            _ if renegotiates => Err(io::Error::new(io::ErrorKind::InvalidData, Renegotiation)),
            Poll::Ready(flushed) => flushed,
            // The rest goes with the next read or write; the waker is registered.
            Poll::Pending => Ok(()),
        }
    }
}

impl<IO: AsyncRead + AsyncWrite + Unpin> AsyncRead for ServerStream<IO> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let had_something_to_say = self.0.get_ref().1.wants_write();
        let read = Pin::new(&mut *self.0).poll_read(cx, buffer);
        if !had_something_to_say && self.0.get_ref().1.wants_write() && !matches!(read, Poll::Ready(Err(_))) {
            self.answer(cx)?;
        }
        read
    }
}

impl<IO: AsyncRead + AsyncWrite + Unpin> AsyncWrite for ServerStream<IO> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut *self.0).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut *self.0).poll_write_vectored(cx, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.0.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut *self.0).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut *self.0).poll_shutdown(cx)
    }
}
