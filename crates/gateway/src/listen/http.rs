//! From a TCP connection to HTTP requests: TLS, choice of protocol, serving, draining.

use std::future::{Future, poll_fn};
use std::net::SocketAddr;
use std::pin::pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use portcullis_message::Http2Guard;
use portcullis_tls::{Accepted, Protocol};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::sync::watch;

use super::connection::{Connection, Transport};
use super::guarded::{Guarded, Patience, Signals};
use super::guarded_http2::GuardedHttp2;
use super::{ListenerKind, ListenerPlan};
use crate::config::PlaintextConfig;
use crate::together::Together;
use crate::worker::{LocalExecutor, Phase, Worker};
use crate::{record, walk};

/// Serves one connection until it closes.
pub(crate) async fn serve(
    stream: TcpStream,
    peer: SocketAddr,
    plan: Arc<ListenerPlan>,
    worker: &Rc<Worker>,
    mut phase: watch::Receiver<Phase>,
) {
    match &plan.kind {
        ListenerKind::Plaintext { policy: PlaintextConfig::Refuse, .. } => {}
        ListenerKind::Plaintext { policy, .. } => {
            let knows_h2 = *policy == PlaintextConfig::Serve
                && tokio::select! {
                    knows_h2 = speaks_h2(&stream, worker) => knows_h2,
                    // Nothing was begun here that would have to be finished.
                    _ = phase.wait_for(|phase| *phase == Phase::Draining) => return,
                };
            let connection = Connection::new(peer, Transport::Plaintext, plan, worker.crowd().clone());
            if knows_h2 {
                Box::pin(serve_http2(stream, connection, worker)).await;
            } else {
                serve_http1(stream, connection, worker).await;
            }
        }
        ListenerKind::Tls(tls) => {
            let patience = worker.policy().timeouts.handshake;
            match tokio::time::timeout(patience, Box::pin(tls.accept(stream))).await {
                Ok(Ok(Accepted::Connection { stream, handshake })) => {
                    let protocol = handshake.protocol;
                    let transport = Transport::Tls(Box::new(handshake));
                    let connection =
                        Connection::new(peer, transport, Arc::clone(&plan), worker.crowd().clone());
                    match protocol {
                        Protocol::Http1 => serve_http1(stream, connection, worker).await,
                        Protocol::Http2 => Box::pin(serve_http2(stream, connection, worker)).await,
                    }
                }
                Ok(Ok(Accepted::ChallengeAnswered)) => {}
                Ok(Err(failure)) => record::handshake_failed(worker, &plan, peer, failure.fault.code()),
                Err(_) => record::handshake_failed(worker, &plan, peer, "handshake_timeout"),
            }
        }
    }
}

/// RFC 9113 §3.3: a client with prior knowledge starts with the connection preface.
async fn speaks_h2(stream: &TcpStream, worker: &Worker) -> bool {
    let mut start = [0u8; 4];
    let patience = worker.policy().timeouts.idle;
    let peeked = tokio::time::timeout(patience, stream.peek(&mut start)).await;
    matches!(peeked, Ok(Ok(4)) if &start == b"PRI ")
}

async fn serve_http1<S>(stream: S, connection: Connection, worker: &Rc<Worker>)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let policy = worker.policy();
    let patience = Patience { head: policy.timeouts.head, idle: policy.timeouts.idle };
    let stream = Together::new(stream, worker.crowd().clone());
    let guarded = Guarded::new(stream, policy.bounds, patience, Arc::clone(&connection.signals));
    let mut builder = http1::Builder::new();
    builder.max_buf_size(policy.bounds.head.max(MINIMUM_BUFFER) + MINIMUM_BUFFER);
    if policy.bounds.fields > HYPER_FIELDS {
        builder.max_headers(policy.bounds.fields);
    }
    drop(policy);
    let signals = Arc::clone(&connection.signals);
    let connection = Rc::new(connection);
    let service = {
        let worker = Rc::clone(worker);
        // Boxed: hyper keeps room for a request's future in every connection, idle ones included.
        service_fn(move |request| Box::pin(walk::handle(Rc::clone(&worker), Rc::clone(&connection), request)))
    };
    let mut serving = pin!(builder.serve_connection(TokioIo::new(guarded), service).with_upgrades());
    let mut alarm = pin!(worker.drain().notified());
    let mut is_listening = false;
    let mut told = false;
    // Errors here are the client's: a reset, a broken body. What mattered was recorded by the walk.
    let _ = poll_fn(|cx| {
        if !is_listening {
            // Asked once, so that draining wakes this task; after that a look at the worker is enough.
            is_listening = alarm.as_mut().poll(cx).is_pending();
        }
        if !told && worker.is_draining() {
            told = true;
            // hyper closes a connection between two requests, but waits for the first one for ever.
            signals.drain();
            serving.as_mut().graceful_shutdown();
        }
        serving.as_mut().poll(cx)
    })
    .await;
}

async fn serve_http2<S>(stream: S, connection: Connection, worker: &Rc<Worker>)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let policy = worker.policy();
    let idle = policy.timeouts.idle;
    let mut builder = http2::Builder::new(LocalExecutor);
    builder
        .max_concurrent_streams(policy.streams)
        .max_header_list_size(u32::try_from(policy.bounds.head).unwrap_or(u32::MAX))
        .max_pending_accept_reset_streams(MAX_RESETS)
        .max_local_error_reset_streams(MAX_RESETS)
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .max_send_buf_size(SEND_BUFFER);
    let guarded =
        GuardedHttp2::new(Together::new(stream, worker.crowd().clone()), Http2Guard::new(&policy.bounds));
    drop(policy);
    let signals = Arc::clone(&connection.signals);
    let connection = Rc::new(connection);
    let service = {
        let worker = Rc::clone(worker);
        // Boxed: hyper keeps room for a request's future in every connection, idle ones included.
        service_fn(move |request| Box::pin(walk::handle(Rc::clone(&worker), Rc::clone(&connection), request)))
    };
    let mut serving = pin!(builder.serve_connection(TokioIo::new(guarded), service));
    let mut alarm = pin!(worker.drain().notified());
    let mut is_listening = false;
    let mut idleness = pin!(until_idle(&signals, idle));
    let mut told = false;
    let mut given_up = false;
    let mut last_words = crate::timer::Timer::idle();
    let _ = poll_fn(|cx| {
        if !is_listening {
            // Asked once, so that draining wakes this task; after that a look at the worker is enough.
            is_listening = alarm.as_mut().poll(cx).is_pending();
        }
        if !told && worker.is_draining() {
            told = true;
            serving.as_mut().graceful_shutdown();
        }
        if !given_up && idleness.as_mut().poll(cx).is_ready() {
            given_up = true;
            told = true;
            serving.as_mut().graceful_shutdown();
            last_words.start(GOODBYE);
        }
        if last_words.poll_elapsed(cx).is_ready() {
            return Poll::Ready(Ok(()));
        }
        serving.as_mut().poll(cx)
    })
    .await;
}

/// Returns once no request has been under way for `idle`.
async fn until_idle(signals: &Signals, idle: Duration) {
    let mut seen = signals.started();
    loop {
        tokio::time::sleep(idle).await;
        let started = signals.started();
        if started == seen && !signals.is_busy() {
            return;
        }
        seen = started;
    }
}

/// hyper's own bound on fields, which it keeps on the stack.
const HYPER_FIELDS: usize = 100;
/// The least that hyper accepts as a buffer.
const MINIMUM_BUFFER: usize = 8 * 1024;
/// Streams that may be opened and reset before they are answered (CVE-2023-44487).
const MAX_RESETS: usize = 20;
const STREAM_WINDOW: u32 = 256 * 1024;
const CONNECTION_WINDOW: u32 = 1024 * 1024;
const SEND_BUFFER: usize = 256 * 1024;
/// After GOAWAY an idle HTTP/2 client has this long to close.
const GOODBYE: Duration = Duration::from_secs(1);
