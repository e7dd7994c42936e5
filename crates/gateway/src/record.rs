//! Remembering: one audit event and one count for every decision.
//!
//! In: what the walk came to. Out: a line in the worker's pen, and numbers. Never waits: the pen hands
//! over in batches, and what cannot be kept is counted (see `portcullis-audit`).

use std::net::SocketAddr;

use http::{Response, StatusCode, Version};
use http_body::Body as _;
use portcullis_audit::{Event, Identity, Proof, System, Verdict};
use portcullis_domain::Outcome;

use crate::arrival::Envelope;
use crate::forward::AnswerBody;
use crate::listen::{Connection, ListenerPlan, Transport};
use crate::policy::Policy;
use crate::trace::Trace;
use crate::worker::Worker;

/// Records a decision. `refusal` is the response to a denial or failure.
pub(crate) fn decision(
    worker: &Worker,
    policy: &Policy,
    envelope: &Envelope,
    trace: &Trace<'_>,
    outcome: &Outcome<Response<AnswerBody>>,
    refusal: Option<&Response<AnswerBody>>,
) {
    let (verdict, response) = match outcome {
        Outcome::Answered(response) => (Verdict::Answered, Some(response)),
        Outcome::Denied(denial) => (Verdict::Denied(denial), refusal),
        Outcome::Failed(fault) => (Verdict::Failed(fault), refusal),
    };
    let status = response.map_or(StatusCode::INTERNAL_SERVER_ERROR, Response::status).as_u16();
    let duration = trace.elapsed();
    let operation = trace.route.map(|route| &route.operation);
    let event = Event {
        trail: &trace.trail,
        receipt: envelope.receipt,
        external_id: envelope.external_id.as_ref().and_then(|id| id.to_str().ok()),
        listener: &envelope.connection.plan.name,
        peer: envelope.connection.peer_ip(),
        client: envelope.client,
        tls: tls_version(&envelope.connection),
        protocol: protocol(envelope.version),
        host: envelope.host.as_ref().and_then(|host| host.to_str().ok()),
        user_agent: envelope.user_agent.as_ref().and_then(|agent| agent.to_str().ok()),
        method: envelope.method.as_str(),
        target: envelope.raw_target.path_and_query().map_or("", |target| target.as_str()),
        api: trace.api.map(|api| api.name.as_str()),
        operation: operation.map(|operation| &*operation.id),
        template: operation.map(|operation| &*operation.template),
        identity: trace
            .principal
            .as_deref()
            .map(|principal| Identity { principal, proof: trace.proof.unwrap_or(Proof::Verified) }),
        verdict,
        status,
        revision: &policy.revision,
        duration,
        upstream_duration: trace.upstream_time,
        request_bytes: envelope.announced.unwrap_or(0),
        response_bytes: response.and_then(|response| response.body().size_hint().exact()).unwrap_or(0),
        upstream: trace.upstream.as_deref(),
    };
    worker.write(|pen| pen.write(&event));

    let of_route = trace.route.map(|route| &route.metrics);
    let of_api = || trace.api.map(|api| &api.metrics);
    of_route.or_else(of_api).unwrap_or(&worker.shared.unrouted).count(&event);
}

/// Records a handshake that failed (TLS-20).
pub(crate) fn handshake_failed(worker: &Worker, plan: &ListenerPlan, peer: SocketAddr, code: &str) {
    plan.metrics.count_handshake_failure();
    let (peer, listener) = (peer.ip().to_canonical(), plan.name.as_str());
    worker.shared.recorder.note(&System::HandshakeFailed { peer, listener, cause: code });
}

fn tls_version(connection: &Connection) -> Option<&'static str> {
    match &connection.transport {
        Transport::Plaintext => None,
        Transport::Tls(handshake) => Some(handshake.version),
    }
}

fn protocol(version: Version) -> &'static str {
    match version {
        Version::HTTP_10 => "http/1.0",
        Version::HTTP_2 => "h2",
        Version::HTTP_3 => "h3",
        _ => "http/1.1",
    }
}
