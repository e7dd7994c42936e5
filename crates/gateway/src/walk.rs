//! The walk of a request, from the parser to the record.
//!
//! In: one request. Out: one response, always by way of [`crate::respond`], and one audit event. Called by
//! hyper for every request of a connection; holds the policy that was in force when the request arrived.

use std::panic::AssertUnwindSafe;
use std::pin::pin;
use std::rc::Rc;

use futures_util::FutureExt as _;
use http::{HeaderName, Request, Response, StatusCode, header};
use http_body::Body as _;
use hyper::body::Incoming;
use portcullis_audit::Verdict;
use portcullis_domain::{Caller, Cause, Denial, Fault, Outcome, Reason, Stage};

use crate::admit::{Admission, Admitted, admit};
use crate::arrival::Envelope;
use crate::forward::{self, AnswerBody, Reply};
use crate::listen::Connection;
use crate::policy::Policy;
use crate::record::Entry;
use crate::release::Onlooker;
use crate::respond::{self, Audience};
use crate::stages::upgrade::Switch;
use crate::trace::Trace;
use crate::worker::Worker;
use crate::{conceal, outgoing, plaintext, release};

/// The connection is closed without an answer, as `plaintext: refuse` wants it.
#[derive(Debug)]
pub(crate) struct Silence;

impl std::fmt::Display for Silence {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("no answer is given")
    }
}

impl std::error::Error for Silence {}

/// Walks one request.
///
/// # Errors
/// [`Silence`] when no answer may be given.
pub(crate) async fn handle(
    worker: Rc<Worker>,
    connection: Rc<Connection>,
    mut request: Request<Incoming>,
) -> Result<Response<AnswerBody>, Silence> {
    let in_flight = connection.signals.enter();
    let now = worker.now();
    let policy = worker.policy();
    let on_upgrade =
        request.headers().contains_key(header::UPGRADE).then(|| hyper::upgrade::on(&mut request));
    let (mut parts, body) = request.into_parts();
    let envelope = Envelope::new(&policy, connection, &parts, now, worker.receipt(now));
    // From here on the request has its place in the record, also when the client leaves and hyper drops us.
    let mut entry = Box::new(Entry::open(worker, policy, envelope));

    let outcome = match plaintext::judge(&entry.policy, &entry.envelope, &parts) {
        plaintext::Verdict::Silence => {
            let silent = Denial::new(Reason::PlaintextRefused).with_note("closed without an answer");
            entry.write(Verdict::Denied(&silent), StatusCode::FORBIDDEN);
            return Err(Silence);
        }
        plaintext::Verdict::Answer(local) => Outcome::Answered(local.into_response()),
        plaintext::Verdict::Refuse(denial) => Outcome::Denied(denial),
        plaintext::Verdict::Serve => {
            let Entry { worker, policy, envelope, trace, .. } = &mut *entry;
            // Pinned where it is made, so that the future holds it once.
            let walking = pin!(
                AssertUnwindSafe(walk(worker, policy, envelope, &mut parts, body, on_upgrade, trace))
                    .catch_unwind()
            );
            // A bug in one stage must neither let the request through nor take others down.
            match walking.await {
                Ok(outcome) => outcome,
                Err(_) => Outcome::Failed(Fault::new(Reason::InternalFault).with_note("a stage panicked")),
            }
        }
    };
    let pause = conceal::pause(&entry, &outcome);
    let response = respond(&mut entry, outcome);
    if let Some(pause) = pause {
        tokio::time::sleep(pause).await;
    }
    Ok(response.map(|body| body.recorded_in(entry).holding(in_flight)))
}

/// The response; a refusal or failure is recorded at once, an answer when it is complete.
fn respond(entry: &mut Entry, outcome: Outcome<Response<AnswerBody>>) -> Response<AnswerBody> {
    match outcome {
        Outcome::Answered(response) => {
            entry.release(response.status());
            response
        }
        Outcome::Denied(denial) => {
            let route = entry.route().filter(|_| !conceal::is_concealing(denial.reason()));
            let response = respond::denied(&denial, &entry.envelope, entry.api(), route);
            record_refusal(entry, Verdict::Denied(&denial), &response);
            response
        }
        Outcome::Failed(fault) => {
            entry.trace.fail(fault.reason().facts().stage, fault.reason());
            let response = respond::failed(&fault, &entry.envelope, entry.api(), entry.route());
            record_refusal(entry, Verdict::Failed(&fault), &response);
            response
        }
    }
}

fn record_refusal(entry: &mut Entry, verdict: Verdict<'_>, response: &Response<AnswerBody>) {
    let length = response.body().size_hint().exact().and_then(|length| usize::try_from(length).ok());
    entry.count(length.unwrap_or(0));
    entry.write(verdict, response.status());
}

async fn walk<'p>(
    worker: &'p Worker,
    policy: &'p Policy,
    envelope: &Envelope,
    parts: &mut http::request::Parts,
    body: Incoming,
    on_upgrade: Option<hyper::upgrade::OnUpgrade>,
    trace: &mut Trace,
) -> Outcome<Response<AnswerBody>> {
    // What cannot be recorded does not happen, where the operator wants it so (AUD-12).
    if let Some(reason) = worker.shared.recorder.refusal() {
        return Outcome::Failed(Fault::new(reason));
    }
    match admit(policy, envelope, parts, body, on_upgrade, trace).await {
        Ok(Admission::Forward(admitted)) => {
            // Nothing has happened yet, and some operations must not happen unseen.
            match worker.shared.recorder.refusal_where(admitted.route.unrecorded) {
                Some(reason) => Outcome::Failed(Fault::new(reason)),
                None => answer(worker, policy, envelope, admitted, trace).await,
            }
        }
        Ok(Admission::Local(local)) => {
            trace.remark(format!("answered by the gateway: {}", local.name()));
            let is_preflight = matches!(local, crate::local::Local::Preflight(_));
            let mut response = local.into_response();
            let api = trace.api(policy).filter(|_| !is_preflight);
            respond::protect_local(response.headers_mut(), envelope, api);
            Outcome::Answered(response)
        }
        Err(denial) => Outcome::Denied(denial),
    }
}

/// The walk's second half: forward, release.
async fn answer<'p>(
    worker: &Worker,
    policy: &'p Policy,
    envelope: &Envelope,
    mut admitted: Box<Admitted<'p>>,
    trace: &mut Trace,
) -> Outcome<Response<AnswerBody>> {
    let audience = match admitted.permit.caller() {
        Caller::Anonymous => Audience::Public,
        Caller::Authenticated(_) => Audience::Caller,
    };
    let (api, route) = (admitted.api, admitted.route);
    let budget_fields = admitted.budget.fields();
    let onlooker = Onlooker::of(api, route, envelope, &admitted.permit, &admitted.target);
    let mut stake = admitted.stake.take();
    let passing = std::mem::take(&mut admitted.passing);
    let (request, switch, place) = outgoing::build(policy, envelope, *admitted);
    if let Some(stake) = &stake
        && stake.asks_ahead()
    {
        // Boxed: few requests have to be asked about, and all would carry its size.
        match Box::pin(stake.ask_ahead(worker, api, envelope, &request, trace)).await {
            Ok(Ok(())) => {}
            Ok(Err(denial)) => return Outcome::Denied(denial),
            Err(fault) => return refused_or_failed(fault),
        }
    }
    let asked = trace.last_reading();
    let replied =
        forward::forward(&worker.pool, &api.upstream, request, &worker.shared.clock, envelope.now).await;
    trace.upstream_time = Some(trace.read_clock().saturating_sub(asked));
    let Reply { mut response, lease, address } = match replied {
        Ok(reply) => reply,
        Err(fault) => return refused_or_failed(fault),
    };
    trace.pass(Stage::Forward);
    trace.upstream = Some(address);
    if let Some(overheard) = trace.overheard.get_mut() {
        overheard.hear_answer(&response);
    }
    for step in passing {
        step.hear(response.status(), response.headers(), trace.last_reading());
    }
    if let Some(stake) = &mut stake {
        stake.hear_head(response.status(), response.headers());
    }
    if let Some(denial) = conceal::stand_in(route, response.status())
        && let Err(denial) = trace.step::<()>(Stage::Release, Err(denial))
    {
        return Outcome::Denied(denial);
    }

    let mut response = match (switch, response.status()) {
        (Switch::Websocket(client), StatusCode::SWITCHING_PROTOCOLS) => {
            let expires_at = trace.principal.as_ref().and_then(|principal| principal.expires_at);
            envelope.connection.signals.pass_through();
            release::withhold(response.headers_mut());
            forward::open_tunnel(*client, response, lease, expires_at.map(|end| end.since(envelope.now.wall)))
        }
        // RFC 9110 §15.2.2: nobody asked for another protocol.
        (Switch::Stay, StatusCode::SWITCHING_PROTOCOLS) => {
            return Outcome::Failed(
                Fault::new(Reason::UpstreamMalformed).with_note("an unwanted protocol switch"),
            );
        }
        (_, _) => {
            let reply = release::Reply { response, lease, place, method: &envelope.method, onlooker, stake };
            match release::release(api, route, reply, trace).await {
                Ok(response) => response,
                Err(fault) => return refused_or_failed(fault),
            }
        }
    };
    trace.pass(Stage::Release);
    let headers = response.headers_mut();
    if let Some((policy, standing)) = budget_fields {
        headers.insert(RATELIMIT_POLICY, policy);
        headers.insert(RATELIMIT, standing);
    }
    respond::protect(headers, envelope, Some(api), Some(route), audience);
    Outcome::Answered(response)
}

/// The client's own body may break off while it is forwarded, and an answer may be somebody else's; neither is
/// the upstream's fault.
fn refused_or_failed(fault: Fault) -> Outcome<Response<AnswerBody>> {
    match fault.reason().facts().cause {
        Cause::Client | Cause::Policy => Outcome::Denied(Denial::new(fault.reason())),
        Cause::Gateway | Cause::Upstream => Outcome::Failed(fault),
    }
}

const RATELIMIT_POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");
const RATELIMIT: HeaderName = HeaderName::from_static("ratelimit");
