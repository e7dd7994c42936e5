//! Reaching the upstream: choosing an address, sending the request, waiting for the head of the answer.
//!
//! In: a request that [`crate::admit`] let through, already rewritten for the upstream. Out: the
//! upstream's response with its body still streaming, or a [`Fault`]. Upstreams come from the
//! configuration alone (OWASP API7:2023). Called by the walk; nothing here judges the client.

mod body;
mod circuit;
mod connect;
mod frames;
mod health;
mod link;
mod pool;
mod stream;
mod tunnel;
mod upstream;

use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use http::{Method, Request, Response, StatusCode};
use hyper::body::Incoming;
use portcullis_domain::{Clock, Fault, Now, Reason};
use rand::RngExt;

pub(crate) use body::{AnswerBody, BodyFault, ByteCount, Inflow, Outflow, RequestBody};
pub(crate) use circuit::{Circuit, CircuitRules, Gate};
pub(crate) use health::{HealthRules, watch as watch_health};
use link::SendError;
pub(crate) use pool::{Lease, Pool};
pub(crate) use tunnel::{Carried, open as open_tunnel};
pub(crate) use upstream::{Balance, Patience, Protocol, RetryRules, Target, Upstream, UpstreamPlan, address};
use upstream::{Slot, Tried};

/// An upstream's answer, its body not yet read.
pub(crate) struct Reply {
    pub(crate) response: Response<Incoming>,
    pub(crate) lease: Lease,
    /// Which address answered, for the record.
    pub(crate) address: Arc<str>,
}

/// Sends `request` to one of `upstream`'s addresses.
///
/// # Errors
/// A [`Fault`] of the forward stage; or, when the client's own body broke off or outgrew its bound, the
/// reason for that.
pub(crate) async fn forward(
    pool: &Rc<Pool>,
    upstream: &Arc<Upstream>,
    request: Box<Request<RequestBody>>,
    clock: &Clock,
    now: Now,
) -> Result<Reply, Fault> {
    let mut spare = spare_copy(upstream, &request);
    let mut request = Some(request);
    let mut tried = Tried::default();
    let mut retries_left = upstream.plan.retry.attempts;
    let mut failed: Option<Fault> = None;
    upstream.earn_retry();
    loop {
        let Some(outgoing) = request.take() else {
            return Err(Fault::new(Reason::InternalFault).with_note("an attempt without a request"));
        };
        let slot = match upstream.take_slot(&mut tried, now.mono) {
            Ok(slot) => slot,
            // That there is no second attempt must not hide why the first one failed.
            Err(fault) => return Err(failed.unwrap_or(fault)),
        };
        let links = if failed.is_some() { Links::Fresh } else { Links::Pooled };
        let failure = match attempt(pool, upstream, slot, links, outgoing, clock, now).await {
            Ok(reply) => return Ok(reply),
            Err(failure) => failure,
        };
        let again = match failure.unsent {
            Some(unsent) => Some(unsent),
            // RFC 9110 §9.2.2: what may have been acted upon is repeated only if that is harmless.
            None => spare.take(),
        };
        match again {
            Some(copy) if retries_left > 0 && upstream.take_retry() => {
                retries_left -= 1;
                if spare.is_none() {
                    spare = spare_copy(upstream, &copy);
                }
                tokio::time::sleep(part_of(upstream.plan.retry.jitter, &mut rand::rng())).await;
                request = Some(copy);
                failed = Some(failure.fault);
            }
            _ => return Err(failure.fault),
        }
    }
}

/// Some part of the longest wait: what failed together must not come back together (GW-13).
fn part_of(longest: Duration, random: &mut impl RngExt) -> Duration {
    longest.mul_f64(random.random::<f64>())
}

/// Which connections an attempt may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Links {
    Pooled,
    /// After a failure the pool's other connections are no more to be trusted than the one that failed.
    Fresh,
}

struct Failure {
    fault: Fault,
    /// The request, when it is certain that the upstream never saw it.
    unsent: Option<Box<Request<RequestBody>>>,
}

impl From<Fault> for Failure {
    fn from(fault: Fault) -> Self {
        Self { fault, unsent: None }
    }
}

async fn attempt(
    pool: &Rc<Pool>,
    upstream: &Arc<Upstream>,
    slot: Slot,
    links: Links,
    request: Box<Request<RequestBody>>,
    clock: &Clock,
    now: Now,
) -> Result<Reply, Failure> {
    let mut verdict = Verdict::new(upstream, slot, clock);
    let result = match upstream.plan.protocol {
        Protocol::Http1 => over_own_link(pool, upstream, &verdict, links, request).await,
        Protocol::Http2 => Box::pin(over_shared_link(pool, upstream, &verdict, request)).await,
    };
    match result {
        Ok((response, link)) => {
            // A 5xx is an answer: it says that the application failed, not that it cannot be reached.
            let slot = verdict.succeeded(response.status());
            let Some((slot, address)) = slot.and_then(|slot| {
                let address = Arc::clone(&slot.target()?.address);
                Some((slot, address))
            }) else {
                return Err(Fault::new(Reason::InternalFault).into());
            };
            let lease = Lease::new(link, slot, pool, upstream.plan.idle_connections, now.mono);
            Ok(Reply { response, lease, address })
        }
        Err(failure) => {
            verdict.failed(failure.fault.reason());
            Err(failure)
        }
    }
}

type Sent = (Response<Incoming>, Option<link::Link>);

async fn over_own_link(
    pool: &Rc<Pool>,
    upstream: &Upstream,
    verdict: &Verdict<'_>,
    links: Links,
    mut request: Box<Request<RequestBody>>,
) -> Result<Sent, Failure> {
    let target = verdict.target()?;
    let patience = upstream.plan.patience.first_byte;
    // A pooled connection may have been closed at the very moment it was taken; a request that never left
    // goes out again over a fresh one, which is no retry: the upstream saw nothing.
    if links == Links::Pooled
        && let Some(mut link) = pool.take(target.id).await
    {
        match link.send(request, patience).await {
            Ok(response) => return Ok((check_framing(response)?, Some(link))),
            Err(SendError::NotSent(unsent)) => request = unsent,
            Err(SendError::Sent(error)) => return Err(connect::fault_of_send(&error).into()),
            Err(SendError::Late) => return Err(late().into()),
        }
    }
    let stream = match Box::pin(connect::open(upstream, target, pool.crowd())).await {
        Ok(stream) => stream,
        Err(fault) => return Err(Failure { fault, unsent: Some(request) }),
    };
    let mut link = match Box::pin(link::Link::open(stream)).await {
        Ok(link) => link,
        Err(error) => return Err(connect::fault_of_send(&error).into()),
    };
    match link.send(request, patience).await {
        Ok(response) => Ok((check_framing(response)?, Some(link))),
        Err(SendError::NotSent(unsent)) => {
            let fault = Fault::new(Reason::UpstreamReset).with_note("closed before the request was sent");
            Err(Failure { fault, unsent: Some(unsent) })
        }
        Err(SendError::Sent(error)) => Err(connect::fault_of_send(&error).into()),
        Err(SendError::Late) => Err(late().into()),
    }
}

async fn over_shared_link(
    pool: &Rc<Pool>,
    upstream: &Upstream,
    verdict: &Verdict<'_>,
    request: Box<Request<RequestBody>>,
) -> Result<Sent, Failure> {
    let target = verdict.target()?;
    let patience = upstream.plan.patience.first_byte;
    let mut link = match pool.shared(target.id) {
        Some(link) => link,
        None => {
            let stream = match Box::pin(connect::open(upstream, target, pool.crowd())).await {
                Ok(stream) => stream,
                Err(fault) => return Err(Failure { fault, unsent: Some(request) }),
            };
            match Box::pin(link::SharedLink::open(stream)).await {
                Ok(link) => {
                    pool.share(target.id, link.clone());
                    link
                }
                Err(error) => return Err(connect::fault_of_send(&error).into()),
            }
        }
    };
    match link.send(request, patience).await {
        Ok(response) => Ok((response, None)),
        Err(SendError::NotSent(unsent)) => {
            let fault = Fault::new(Reason::UpstreamReset).with_note("closed before the request was sent");
            Err(Failure { fault, unsent: Some(unsent) })
        }
        Err(SendError::Sent(error)) => Err(connect::fault_of_send(&error).into()),
        Err(SendError::Late) => Err(late().into()),
    }
}

fn late() -> Fault {
    Fault::new(Reason::UpstreamTimeout).with_note("no response head in time")
}

/// RFC 9112 §6.3: an answer with two lengths is not believed, and its connection not used again.
fn check_framing(response: Response<Incoming>) -> Result<Response<Incoming>, Fault> {
    let headers = response.headers();
    let lengths = headers.get_all(http::header::CONTENT_LENGTH).iter().count();
    let mut codings = headers.get_all(http::header::TRANSFER_ENCODING).iter();
    let (coding, more) = (codings.next(), codings.next());
    if lengths > 1 || more.is_some() || (lengths > 0 && coding.is_some()) {
        return Err(Fault::new(Reason::UpstreamMalformed).with_note("the response has two lengths"));
    }
    // Any other coding would end with the connection, and we could not undo it for the client.
    if coding.is_some_and(|coding| !coding.as_bytes().eq_ignore_ascii_case(b"chunked")) {
        return Err(Fault::new(Reason::UpstreamMalformed).with_note("the response has a strange coding"));
    }
    Ok(response)
}

/// A copy to send if this attempt fails after the request left.
fn spare_copy(upstream: &Upstream, request: &Request<RequestBody>) -> Option<Box<Request<RequestBody>>> {
    if upstream.plan.retry.attempts == 0 || !is_idempotent(request.method()) {
        return None;
    }
    let body = request.body().again()?;
    let mut copy = Box::new(Request::new(body));
    *copy.method_mut() = request.method().clone();
    *copy.uri_mut() = request.uri().clone();
    *copy.version_mut() = request.version();
    *copy.headers_mut() = request.headers().clone();
    Some(copy)
}

/// RFC 9110 §9.2.2.
fn is_idempotent(method: &Method) -> bool {
    matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS | Method::PUT | Method::DELETE)
}

/// What an attempt says about its address. Dropped without a word (the client went away), it gives a
/// claimed probe back.
struct Verdict<'a> {
    upstream: &'a Upstream,
    slot: Option<Slot>,
    clock: &'a Clock,
}

impl<'a> Verdict<'a> {
    fn new(upstream: &'a Upstream, slot: Slot, clock: &'a Clock) -> Self {
        Self { upstream, slot: Some(slot), clock }
    }

    fn target(&self) -> Result<&Target, Fault> {
        self.slot.as_ref().and_then(Slot::target).ok_or_else(|| Fault::new(Reason::InternalFault))
    }

    fn succeeded(&mut self, status: StatusCode) -> Option<Slot> {
        let slot = self.slot.take();
        if let Some(target) = slot.as_ref().and_then(Slot::target) {
            target.metrics.count_response(status.as_u16());
            if target.circuit.succeeded() {
                self.upstream.report(target, true, "circuit closed");
            }
        }
        slot
    }

    fn failed(&mut self, reason: Reason) {
        let slot = self.slot.take();
        let Some(target) = slot.as_ref().and_then(Slot::target) else { return };
        if reason.facts().cause == portcullis_domain::Cause::Client {
            target.circuit.undecided();
        } else if target.circuit.failed(self.clock.mono(), self.upstream.plan.circuit) {
            self.upstream.report(target, false, &format!("circuit opened: {reason}"));
        }
    }
}

impl Drop for Verdict<'_> {
    fn drop(&mut self) {
        if let Some(target) = self.slot.as_ref().and_then(Slot::target) {
            target.circuit.undecided();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // proves-part: GW-13 (a tenant is a caller or an API: groups of callers are not known)
    #[test]
    fn what_failed_together_does_not_come_back_together() {
        let longest = Duration::from_millis(20);
        let mut waits: Vec<Duration> = (0..100).map(|_| part_of(longest, &mut rand::rng())).collect();
        assert!(waits.iter().all(|wait| *wait <= longest));
        waits.sort();
        waits.dedup();
        assert!(waits.len() > 50, "{waits:?}");
        assert_eq!(part_of(Duration::ZERO, &mut rand::rng()), Duration::ZERO);
    }
}
