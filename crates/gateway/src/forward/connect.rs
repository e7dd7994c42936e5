//! Opening a connection to an upstream, and telling what went wrong.

use std::time::Duration;

use portcullis_domain::{Fault, Reason};
use tokio::net::TcpStream;

use super::body::BodyFault;
use super::stream::UpstreamStream;
use super::upstream::{Target, Upstream};
use crate::together::Crowd;

/// Connects to `target`, over TLS where the upstream says so; never falls back to plaintext (TLS-14).
pub(crate) async fn open(
    upstream: &Upstream,
    target: &Target,
    crowd: &Crowd,
) -> Result<UpstreamStream, Fault> {
    let opening = async {
        let tcp = TcpStream::connect((target.host.as_str(), target.port)).await.map_err(|error| {
            Fault::new(Reason::UpstreamUnreachable).with_note(format!("{}: {error}", target.address))
        })?;
        // Small requests must not wait for a full segment.
        let _ = tcp.set_nodelay(true);
        let Some(tls) = &upstream.plan.tls else { return Ok(UpstreamStream::plain(tcp, crowd.clone())) };
        match tls.connect(&target.host, tcp).await {
            Ok((stream, _)) => Ok(UpstreamStream::tls(stream, crowd.clone())),
            Err(failure) => Err(Fault::new(failure.fault.upstream_reason())
                .with_note(format!("{}: {}", target.address, failure.note))),
        }
    };
    in_time(upstream.plan.patience.connect, opening).await
}

async fn in_time<T>(patience: Duration, opening: impl Future<Output = Result<T, Fault>>) -> Result<T, Fault> {
    match tokio::time::timeout(patience, opening).await {
        Ok(result) => result,
        Err(_) => Err(Fault::new(Reason::UpstreamTimeout).with_note("no connection in time")),
    }
}

/// What an error after sending began says.
pub(crate) fn fault_of_send(error: &hyper::Error) -> Fault {
    if let Some(reason) = BodyFault::find(error) {
        return Fault::new(reason);
    }
    let reason = if error.is_parse() || error.is_parse_too_large() {
        Reason::UpstreamMalformed
    } else {
        Reason::UpstreamReset
    };
    Fault::new(reason).with_note(error.to_string())
}
