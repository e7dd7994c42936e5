//! Limits that several gateways share, as a running gateway uses them.
//!
//! In: what is compiled of `limits.shared`. Out: streams to the server, with TLS where that is called for, and a
//! connection for each worker, kept by the worker itself so that no other thread has to be woken. The counting is
//! [`portcullis_limits::shared`]'s. When the server is lost, and when it is found again, somebody is told (LIM-12).

use std::io;
use std::sync::Arc;

use futures_util::future::BoxFuture;
use portcullis_audit::Metrics;
use portcullis_audit::metrics::SharedLimits;
use portcullis_limits::shared::{Change, Dial, Shared, Stream, Tally, host_of};
use portcullis_limits::{Seeded, seed};
use portcullis_tls::ClientTls;
use tokio::net::TcpStream;

use crate::alarms;
use crate::worker;

/// Opens streams to the server.
pub(crate) struct Dialer {
    /// None, if every server is this machine.
    pub(crate) tls: Option<ClientTls>,
}

impl Dial for Dialer {
    fn dial<'d>(&'d self, server: &'d str) -> BoxFuture<'d, io::Result<Box<dyn Stream>>> {
        Box::pin(async move {
            let stream = TcpStream::connect(server).await?;
            // One small call, one small answer: waiting for more would only make it late.
            stream.set_nodelay(true)?;
            let Some(tls) = &self.tls else { return Ok(Box::new(stream) as Box<dyn Stream>) };
            let host = host_of(server).ok_or(io::ErrorKind::InvalidInput)?;
            let (stream, _) = tls.connect(host, stream).await.map_err(|failure| {
                tracing::warn!(server, cause = %failure, "no TLS to the server of shared limits");
                io::Error::from(io::ErrorKind::PermissionDenied)
            })?;
            Ok(Box::new(stream) as Box<dyn Stream>)
        })
    }
}

/// Names keys as all gateways with the same secret do. To be called before the first key is made.
pub(crate) fn name_keys_alike(shared: &Shared) {
    match seed(shared.key_secret()) {
        Seeded::Yes => {}
        Seeded::TooLate => {
            tracing::error!("the keys of shared limits are made with another secret: nothing is shared");
        }
    }
}

/// Has a scraper told how decisions are made.
pub(crate) fn tell(shared: &Arc<Shared>, metrics: &Metrics) {
    let shared = Arc::clone(shared);
    metrics.watch_shared_limits(Box::new(move || {
        let Tally { asked, leased, alone, dropped } = shared.tally();
        SharedLimits { asked, leased, alone, dropped, connections: shared.connections() as u64 }
    }));
}

/// Keeps the connection of `worker` for as long as that lives.
pub(crate) async fn keep(shared: Arc<Shared>, worker: usize, all: Arc<worker::Shared>) {
    let (alerts, clock) = (&all.alerts, &all.clock);
    shared
        .keep(worker, |change| match change {
            Change::Lost(fault) => alarms::limits_counted_alone(alerts, clock, &fault.to_string()),
            Change::Found => alarms::limits_counted_together(alerts, clock),
        })
        .await;
}
