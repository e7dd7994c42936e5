//! Accepting connections: sockets, TLS, what plaintext may do, and the strict reading of HTTP/1.
//!
//! In: strangers' connections. Out: requests, handed to [`crate::walk`] one by one. Every connection has
//! one task of its worker. Each worker binds each address itself with `SO_REUSEPORT`, so the kernel
//! spreads connections and no worker wakes another.

mod connection;
mod guarded;
mod guarded_http2;
mod http;
mod peers;
mod socket;

use std::io;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use portcullis_audit::metrics::ListenerMetrics;
use portcullis_tls::{ServerStream, ServerTls};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio_util::task::TaskTracker;

pub(crate) use connection::{Connection, Transport};
pub(crate) use guarded::{InFlight, REFUSED, Refused};
pub(crate) use peers::PeerConnections;
pub(crate) use socket::bind;

use crate::config::PlaintextConfig;
use crate::together::Together;
use crate::worker::{Phase, Worker};

/// A TLS connection as hyper serves it.
pub(crate) type GuardedTls = guarded::Guarded<Together<ServerStream<TcpStream>>>;

/// One listener, as compiled. Fixed for the life of the process; its certificates reload by themselves.
pub(crate) struct ListenerPlan {
    /// Its address, for the record.
    pub(crate) name: String,
    pub(crate) metrics: ListenerMetrics,
    pub(crate) kind: ListenerKind,
}

/// What is spoken on a listener.
pub(crate) enum ListenerKind {
    Tls(Arc<ServerTls>),
    Plaintext {
        policy: PlaintextConfig,
        /// Where redirects go; `None` means the default port of `https`.
        redirect_port: Option<u16>,
    },
}

/// Accepts until the process drains, then waits for the connections to finish.
pub(crate) async fn accept(
    listener: TcpListener,
    plan: Arc<ListenerPlan>,
    worker: Rc<Worker>,
    mut phase: watch::Receiver<Phase>,
) {
    let connections = TaskTracker::new();
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            _ = phase.wait_for(|phase| *phase == Phase::Draining) => break,
        };
        match accepted {
            Ok((stream, peer)) => {
                let task = welcome(stream, peer, Arc::clone(&plan), Rc::clone(&worker), phase.clone());
                drop(connections.spawn_local(task));
            }
            Err(error) => pause_after(&error).await,
        }
    }
    drop(listener);
    connections.close();
    connections.wait().await;
}

async fn welcome(
    stream: TcpStream,
    peer: SocketAddr,
    plan: Arc<ListenerPlan>,
    worker: Rc<Worker>,
    phase: watch::Receiver<Phase>,
) {
    let limit = worker.policy().connections_per_peer;
    // A refused connection is closed at once: answering it would cost what the limit is there to save.
    let Some(place) = worker.shared.peers.enter(peer.ip(), limit) else {
        return;
    };
    let open = plan.metrics.connect();
    let _ = stream.set_nodelay(true);
    http::serve(stream, peer, plan, &worker, phase).await;
    drop(open);
    drop(place);
}

/// Out of file descriptors, or a connection that was gone before it was accepted: neither must end the
/// loop, nor make it spin.
async fn pause_after(error: &io::Error) {
    let gone = matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset | io::ErrorKind::Interrupted
    );
    if !gone {
        tracing::warn!(%error, "cannot accept connections");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}
