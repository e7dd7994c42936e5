//! Remembering: one audit event and one count for every decision.
//!
//! In: what the walk came to. Out: a line in the worker's pen, and numbers. Never waits: the pen hands
//! over in batches, and what cannot be kept is counted (see `portcullis-audit`).
//!
//! A refusal is recorded when it is made. An answer is recorded when its last byte is on its way, because
//! only then is it known whether the upstream kept its word; the [`Entry`] travels with the body until then,
//! and with a tunnel until it closes.

use std::net::SocketAddr;
use std::rc::Rc;

use http::{Method, StatusCode};
use portcullis_audit::metrics::TokenLookup;
use portcullis_audit::{Event, Identity, Proof, System, Verdict};
use portcullis_domain::{Answer, Denial, Fault, Reason};

use crate::alarms;
use crate::arrival::Envelope;
use crate::detect;
use crate::forward::{ByteCount, Carried};
use crate::limits::pending::Ended;
use crate::listen::ListenerPlan;
use crate::policy::{Api, Route};
use crate::span::Span;
use crate::trace::Trace;
use crate::worker::{InForce, Worker};

/// The entry of one request in the record.
///
/// Invariant: written exactly once, when it is dropped at the latest.
pub(crate) struct Entry {
    pub(crate) worker: Rc<Worker>,
    pub(crate) policy: Rc<InForce>,
    pub(crate) envelope: Envelope,
    pub(crate) trace: Trace,
    response_bytes: u64,
    /// What a tunnel carries to the client after the answer.
    tunnelled: Option<ByteCount>,
    state: State,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Nothing is decided.
    Open,
    /// The head of an answer is on its way.
    Released(StatusCode),
    Written,
}

impl Entry {
    /// An entry for a request of which no more is known than `envelope` says.
    pub(crate) fn open(worker: Rc<Worker>, policy: Rc<InForce>, envelope: Envelope) -> Self {
        let trace = Trace::new(&worker.shared.clock, envelope.now);
        Self { worker, policy, envelope, trace, response_bytes: 0, tunnelled: None, state: State::Open }
    }

    /// The API, once it is found.
    pub(crate) fn api(&self) -> Option<&Api> {
        self.trace.api(&self.policy)
    }

    /// The operation, once it is found.
    pub(crate) fn route(&self) -> Option<&Route> {
        self.trace.route(&self.policy)
    }

    /// The head of an answer is on its way; how it ends is to be seen.
    pub(crate) const fn release(&mut self, status: StatusCode) {
        self.state = State::Released(status);
    }

    /// So many more bytes of the answer's body are on their way.
    pub(crate) fn count(&mut self, bytes: usize) {
        self.response_bytes = self.response_bytes.saturating_add(bytes as u64);
    }

    /// This piece of the answer's body is on its way, as the client gets it.
    pub(crate) fn pass_on(&mut self, piece: &[u8]) {
        self.count(piece.len());
        if let Some(pending) = self.trace.pending.get_mut() {
            pending.hear(piece);
        }
    }

    /// This piece of the answer's body came from the upstream.
    pub(crate) fn overhear(&mut self, piece: &[u8]) {
        if let Some(overheard) = self.trace.overheard.get_mut() {
            overheard.hear_piece(piece);
        }
    }

    /// The answer has switched protocols: what the tunnel carries belongs to this request.
    pub(crate) fn carry(&mut self, carried: Carried) {
        self.trace.streamed_bytes = Some(carried.up);
        self.tunnelled = Some(carried.down);
    }

    /// The upstream broke its answer off after the head was released.
    pub(crate) fn break_off(&mut self, reason: Reason) {
        if let State::Released(status) = self.state {
            self.trace.fail(reason.facts().stage, reason);
            self.write(Verdict::Failed(&Fault::new(reason).with_note("in the middle of the answer")), status);
        }
    }

    /// Writes the entry: this is how it ended.
    pub(crate) fn write(&mut self, verdict: Verdict<'_>, status: StatusCode) {
        if self.state == State::Written {
            return;
        }
        self.state = State::Written;
        let Self { worker, policy, envelope, trace, .. } = &*self;
        let (api, route) = (self.api(), self.route());
        // RFC 9110 §9.3.2: what is measured for HEAD is never sent.
        let response_bytes = match &self.tunnelled {
            Some(tunnelled) => tunnelled.bytes(),
            None if envelope.method == Method::HEAD => 0,
            None => self.response_bytes,
        };
        let login = trace.pending.take().map(|pending| {
            let request_bytes = trace.request_size();
            pending.settle(&Ended { verdict, status: status.as_u16(), request_bytes, now: worker.now() })
        });
        let seen = detect::observe(self, verdict, status, response_bytes, login);
        let traced = envelope.span.as_ref().and_then(Span::recorded);
        let event = Event {
            trail: &trace.trail,
            receipt: envelope.receipt,
            external_id: envelope.external_id.as_ref().and_then(|id| id.to_str().ok()),
            origin: &envelope.from,
            method: envelope.method.as_str(),
            target: envelope.raw_target.path_and_query().map_or("", |target| target.as_str()),
            destination: route.map(|route| &route.destination).or_else(|| api.map(|api| &api.destination)),
            identity: trace
                .principal
                .as_deref()
                .map(|principal| Identity { principal, proof: trace.proof.unwrap_or(Proof::Verified) }),
            verdict,
            status: status.as_u16(),
            revision: &policy.revision,
            duration: trace.elapsed(),
            upstream_duration: trace.upstream_time,
            request_bytes: trace.request_size(),
            response_bytes,
            upstream: trace.upstream.as_deref(),
            trace: traced.as_ref(),
            findings: &trace.findings,
            remark: trace.remarks.as_deref(),
            grants: trace.grants.as_deref(),
            seen: seen.as_ref(),
        };
        worker.write(|pen| pen.write(&event));
        for step in event.trail.steps() {
            if let Answer::WouldDeny(reason) | Answer::Denied(reason) = step.answer {
                let met = alarms::Met {
                    at: envelope.now.wall,
                    api: api.map_or("", |api| &api.name),
                    operation: route.map_or("", |route| &route.operation.id),
                    receipt: envelope.receipt,
                };
                alarms::refused(&worker.shared.alerts, reason, &met);
            }
        }
        for quota in &trace.running_out {
            alarms::budget_runs_out(
                &worker.shared.alerts,
                envelope.now.wall,
                api.map_or("", |api| &api.name),
                quota,
            );
        }

        let of_route = route.map(|route| &route.metrics);
        let of_api = || api.map(|api| &api.metrics);
        of_route.or_else(of_api).unwrap_or(&worker.shared.unrouted).count(&event);
        worker.observer.note(self, verdict, status);
        if let Some(seen) = seen {
            worker.witness.note(seen);
        }
        worker.shared.journal.note(self, verdict, status);
        match trace.proof {
            Some(Proof::Verified) => worker.shared.metrics.count_token_lookup(TokenLookup::Miss),
            Some(Proof::Remembered) => worker.shared.metrics.count_token_lookup(TokenLookup::Hit),
            Some(Proof::Login) | None => {}
        }
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        match self.state {
            State::Written => {}
            // Complete, or as much of it as the client wanted: streams without end are left like this.
            State::Released(status) => self.write(Verdict::Answered, status),
            State::Open => {
                let gone = Denial::new(Reason::ClientGone);
                let status = StatusCode::from_u16(Reason::ClientGone.status());
                self.write(Verdict::Denied(&gone), status.unwrap_or(StatusCode::BAD_REQUEST));
            }
        }
    }
}

/// Records a handshake that failed (TLS-20).
pub(crate) fn handshake_failed(worker: &Worker, plan: &ListenerPlan, peer: SocketAddr, code: &str) {
    plan.metrics.count_handshake_failure();
    let (peer, listener) = (peer.ip().to_canonical(), plan.name.as_str());
    worker.shared.recorder.note(&System::HandshakeFailed { peer, listener, cause: code });
}
