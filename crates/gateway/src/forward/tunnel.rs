//! Bytes both ways after a protocol switch, until one side closes or the credential ends.

use std::time::Duration;

use http::{HeaderValue, Response, StatusCode, header};
use hyper::body::Incoming;
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use portcullis_message::hop_by_hop;
use tokio::io::{AsyncWriteExt as _, copy_bidirectional};

use super::body::AnswerBody;
use super::pool::Lease;

/// Answers 101 and joins the two connections once both sides have switched. Raw bytes flow only after
/// the upstream agreed (CVE-2026-2833 was a proxy that did not wait).
pub(crate) fn open(
    client: OnUpgrade,
    mut response: Response<Incoming>,
    lease: Lease,
    life: Option<Duration>,
) -> Response<AnswerBody> {
    let upstream = hyper::upgrade::on(&mut response);
    let (link, slot) = lease.into_parts();
    if let Some(link) = link {
        link.detach();
    }
    let mut answer = Response::new(AnswerBody::empty());
    *answer.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    *answer.headers_mut() = std::mem::take(response.headers_mut());
    let headers = answer.headers_mut();
    hop_by_hop::strip(headers);
    headers.insert(header::CONNECTION, HeaderValue::from_static("upgrade"));
    headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
    tokio::task::spawn_local(async move {
        let (Ok(client), Ok(upstream)) = (client.await, upstream.await) else { return };
        let (mut client, mut upstream) = (TokioIo::new(client), TokioIo::new(upstream));
        let joined = copy_bidirectional(&mut client, &mut upstream);
        match life {
            None => drop(joined.await),
            Some(life) => {
                if tokio::time::timeout(life, joined).await.is_err() {
                    // The credential has ended: close 1008, policy violation (RFC 6455 §7.4.1). A frame of the
                    // upstream may be cut short by this; the connection ends either way.
                    let _ = client.write_all(CLOSE_POLICY_VIOLATION).await;
                    let _ = client.shutdown().await;
                    let _ = upstream.shutdown().await;
                }
            }
        }
        drop(slot);
    });
    answer
}

/// FIN, opcode 8, two bytes: 1008.
const CLOSE_POLICY_VIOLATION: &[u8] = &[0x88, 0x02, 0x03, 0xF0];
