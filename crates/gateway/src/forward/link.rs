//! One HTTP connection to an upstream, driven by whoever uses it.
//!
//! hyper splits a client connection into a sender and a future that does the work; usually the future is
//! a task of its own, and every response crosses two task switches. Here the request that holds the link
//! polls both, so a proxied call stays in one task. An unused link is looked at when it is taken from the
//! pool: that is when a close by the upstream is noticed.

use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::task::{Context, Poll};
use std::time::Duration;

use http::{Request, Response};
use hyper::body::Incoming;
use hyper::client::conn::{TrySendError, http1, http2};
use hyper_util::rt::TokioIo;

use super::body::RequestBody;
use super::stream::UpstreamStream;
use crate::timer::Timer;
use crate::worker::LocalExecutor;

/// hyper does not name the type of a connection that can switch protocols.
type Http1 = Pin<Box<dyn Future<Output = hyper::Result<()>>>>;

/// A connection that carries one request at a time.
pub(crate) struct Link {
    sender: http1::SendRequest<RequestBody>,
    connection: Option<Http1>,
    /// Of the response that is waited for; kept, since starting it again is cheap.
    timer: Timer,
}

/// Why no response came.
pub(crate) enum SendError {
    /// The request never left; it is handed back.
    NotSent(Box<Request<RequestBody>>),
    /// The request, or part of it, left.
    Sent(hyper::Error),
    /// No response head came in time.
    Late,
}

impl From<TrySendError<Request<RequestBody>>> for SendError {
    fn from(mut error: TrySendError<Request<RequestBody>>) -> Self {
        match error.take_message() {
            Some(request) => Self::NotSent(Box::new(request)),
            None => Self::Sent(error.into_error()),
        }
    }
}

impl Link {
    /// Speaks HTTP/1.1 over `stream`.
    pub(crate) async fn open(stream: UpstreamStream) -> hyper::Result<Self> {
        let (sender, connection) =
            http1::Builder::new().max_buf_size(MAX_RESPONSE_HEAD).handshake(TokioIo::new(stream)).await?;
        Ok(Self { sender, connection: Some(Box::pin(connection.with_upgrades())), timer: Timer::idle() })
    }

    /// Does the connection's work for now.
    pub(crate) fn drive(&mut self, cx: &mut Context<'_>) {
        if let Some(connection) = &mut self.connection
            && connection.as_mut().poll(cx).is_ready()
        {
            // Finished, by close, error or protocol switch; it must not be polled again.
            self.connection = None;
        }
    }

    /// Whether another request can be sent, as far as can be told without waiting.
    pub(crate) fn is_reusable(&mut self, cx: &mut Context<'_>) -> bool {
        self.drive(cx);
        self.connection.is_some() && self.sender.is_ready()
    }

    /// Whether the connection has ended.
    pub(crate) const fn is_finished(&self) -> bool {
        self.connection.is_none()
    }

    /// Sends a request and waits for the response head, for at most `patience`.
    pub(crate) async fn send(
        &mut self,
        request: Box<Request<RequestBody>>,
        patience: Duration,
    ) -> Result<Response<Incoming>, SendError> {
        let Self { sender, connection, timer } = self;
        let mut response = pin!(sender.try_send_request(*request));
        timer.start(patience);
        let sent = poll_fn(|cx| {
            if let Some(driven) = connection
                && driven.as_mut().poll(cx).is_ready()
            {
                *connection = None;
            }
            match response.as_mut().poll(cx) {
                Poll::Ready(sent) => Poll::Ready(sent.map_err(SendError::from)),
                Poll::Pending => timer.poll_elapsed(cx).map(|()| Err(SendError::Late)),
            }
        })
        .await;
        timer.stop();
        sent
    }

    /// Gives the connection's work to a task of its own: after a protocol switch nobody holds the link.
    pub(crate) fn detach(mut self) {
        if let Some(connection) = self.connection.take() {
            tokio::task::spawn_local(async move {
                // The outcome shows at the ends of the tunnel.
                let _ = connection.await;
                drop(self.sender);
            });
        }
    }
}

/// A connection that carries many requests at once; a task of the worker drives it.
#[derive(Clone)]
pub(crate) struct SharedLink(http2::SendRequest<RequestBody>);

impl SharedLink {
    /// Speaks HTTP/2 over `stream`.
    pub(crate) async fn open(stream: UpstreamStream) -> hyper::Result<Self> {
        let (sender, connection) = http2::Builder::new(LocalExecutor)
            .initial_stream_window_size(1 << 20)
            .initial_connection_window_size(4 << 20)
            .max_header_list_size(u32::try_from(MAX_RESPONSE_HEAD).unwrap_or(u32::MAX))
            .handshake(TokioIo::new(stream))
            .await?;
        tokio::task::spawn_local(async move {
            // Each request on it learns of an error by itself.
            let _ = connection.await;
        });
        Ok(Self(sender))
    }

    /// Whether the connection takes requests.
    pub(crate) fn is_open(&self) -> bool {
        !self.0.is_closed()
    }

    /// Sends a request and waits for the response head, for at most `patience`.
    pub(crate) async fn send(
        &mut self,
        request: Box<Request<RequestBody>>,
        patience: Duration,
    ) -> Result<Response<Incoming>, SendError> {
        match tokio::time::timeout(patience, self.0.try_send_request(*request)).await {
            Ok(sent) => sent.map_err(SendError::from),
            Err(_) => Err(SendError::Late),
        }
    }
}

/// Upstreams are configured, yet their answers are bounded like a stranger's (OWASP API10:2023). Fields are
/// bounded by hyper's own 100, which it keeps on the stack.
const MAX_RESPONSE_HEAD: usize = 64 * 1024;
