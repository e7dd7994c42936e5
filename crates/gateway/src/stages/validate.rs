//! Does the request keep the contract: parameters first, then the body, if a stage must read it.
//!
//! A body that is read is read whole, within its bound, before the upstream hears of the request. A body
//! that nobody reads is streamed, within the same bound. A coded body is decoded before it is judged, and
//! goes on as it was judged (VAL-11).

use std::future::poll_fn;

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, HeaderName, header};
use http_body::Body as _;
use hyper::body::Incoming;
use portcullis_contract::{BodyPlan, ContentCoding, PathParameters};
use portcullis_domain::{Denial, Reason, Stage, Strength};
use portcullis_message::Target;

use crate::forward::{BodyFault, ByteCount, Inflow, RequestBody};
use crate::policy::{Policy, Route};
use crate::trace::Trace;

/// What a client says of the bytes it sent, and what no longer holds for the decoded ones (RFC 9110 §8.4,
/// RFC 9530 §2 and §3, RFC 3230 §4.3.2, RFC 1864).
const OF_CODED_BYTES: [HeaderName; 5] = [
    header::CONTENT_ENCODING,
    HeaderName::from_static("content-digest"),
    HeaderName::from_static("repr-digest"),
    HeaderName::from_static("digest"),
    HeaderName::from_static("content-md5"),
];

/// Checks what can be checked without the body.
///
/// # Errors
/// [`Reason::RequestInvalid`], [`Reason::HeaderRepeated`] and what else the contract says.
pub(crate) fn head(
    route: &Route,
    parameters: &PathParameters<'_, '_>,
    query: Option<&str>,
    headers: &HeaderMap,
) -> Result<(), Denial> {
    route.operation.validate_head(parameters, query, headers)
}

/// `target` with page sizes beyond their limit replaced by it (VAL-16): one value each, and nothing else.
pub(crate) fn paged(route: &Route, target: Target) -> Target {
    match route.strengths.validate {
        Strength::Enforce => {
            let paged = route.operation.paged_query(target.query());
            paged.and_then(|query| target.with_query(&query)).unwrap_or(target)
        }
        // What is only watched changes nothing.
        Strength::Shadow => target,
    }
}

/// Checks and takes the body.
///
/// # Errors
/// [`Reason::BodyTooLarge`], [`Reason::BodyTimeout`], [`Reason::BodyIncomplete`] and framing reasons in
/// any strength, since a body that is not whole cannot be forwarded; the contract's reasons when the
/// stage is enforced.
pub(crate) async fn body(
    policy: &Policy,
    route: &Route,
    headers: &mut HeaderMap,
    body: Incoming,
    trace: &mut Trace,
) -> Result<RequestBody, Denial> {
    let announced = body.size_hint().exact();
    if announced.is_some_and(|length| length > route.body_limit) {
        return trace.step(Stage::Validate, Err(too_large(route)));
    }
    let plan = match announced {
        // Whether the operation may do without one is for the contract to say.
        Some(0) => Ok(BodyPlan::Read),
        Some(_) | None => route.operation.plan_body(headers),
    };
    let plan = match plan {
        Ok(BodyPlan::Refuse) => Err(route.operation.undeclared_body()),
        Ok(plan) => Ok(plan),
        Err(denial) => Err(denial),
    };
    let wants_body = trace.overheard.get_mut().as_ref().is_some_and(|heard| heard.wants_body(announced));
    let coding = match trace.step_at(Stage::Validate, route.strengths.validate, plan)? {
        Some(BodyPlan::Read) => None,
        Some(BodyPlan::Stream) if wants_body => None,
        Some(BodyPlan::Decode(coding)) => Some(coding),
        Some(BodyPlan::Stream | BodyPlan::Refuse) | None => {
            let count = trace.streamed_bytes.insert(ByteCount::default()).clone();
            let inflow = Inflow::new(body, route.body_limit, policy.timeouts.body).counted_by(count);
            return Ok(RequestBody::Stream(Box::new(inflow)));
        }
    };
    let whole = match announced {
        Some(0) => Ok(Bytes::new()),
        Some(_) | None => {
            Box::pin(read_whole(policy, route, body, announced, &mut trace.request_bytes)).await
        }
    };
    if announced != Some(0) {
        trace.read_clock();
    }
    let whole = match whole {
        Ok(whole) => whole,
        Err(denial) => return trace.step(Stage::Validate, Err(denial)),
    };
    if let Some(overheard) = trace.overheard.get_mut() {
        overheard.hear_request(&whole);
    }
    let whole = match coding {
        None => whole,
        Some(coding) => match decode(route, coding, &whole, headers) {
            Ok(decoded) => decoded,
            Err(denial) => {
                trace.step_at::<()>(Stage::Validate, route.strengths.validate, Err(denial))?;
                // Only recorded: it goes on as it came.
                return Ok(RequestBody::Whole(whole));
            }
        },
    };
    let checked = route.operation.validate_body(headers.get(header::CONTENT_TYPE), &whole);
    trace.step_at(Stage::Validate, route.strengths.validate, checked)?;
    Ok(if whole.is_empty() { RequestBody::Empty } else { RequestBody::Whole(whole) })
}

/// The body behind a coding, and headers that tell the truth of it.
fn decode(
    route: &Route,
    coding: ContentCoding,
    body: &[u8],
    headers: &mut HeaderMap,
) -> Result<Bytes, Denial> {
    let limit = usize::try_from(route.body_limit).unwrap_or(usize::MAX);
    let decoded = route.operation.decode_body(coding, body, limit)?;
    for name in &OF_CODED_BYTES {
        headers.remove(name);
    }
    Ok(Bytes::from(decoded))
}

async fn read_whole(
    policy: &Policy,
    route: &Route,
    body: Incoming,
    announced: Option<u64>,
    received: &mut u64,
) -> Result<Bytes, Denial> {
    let mut inflow = Inflow::new(body, route.body_limit, policy.timeouts.body);
    let reading = async {
        let mut first: Option<Bytes> = None;
        let mut rest = BytesMut::new();
        while let Some(frame) = poll_fn(|cx| inflow.poll_frame(cx)).await {
            let Ok(data) = frame?.into_data() else { continue };
            *received += data.len() as u64;
            match &first {
                None => first = Some(data),
                Some(start) => {
                    if rest.is_empty() {
                        rest.reserve(
                            usize::try_from(announced.unwrap_or(0))
                                .unwrap_or(0)
                                .max(start.len() + data.len()),
                        );
                        rest.extend_from_slice(start);
                    }
                    rest.extend_from_slice(&data);
                }
            }
        }
        // One piece, as small bodies come, is not copied.
        Ok(if rest.is_empty() { first.unwrap_or_default() } else { rest.freeze() })
    };
    match tokio::time::timeout(policy.timeouts.whole_body, reading).await {
        Ok(Ok(whole)) => Ok(whole),
        Ok(Err(BodyFault(Reason::BodyTooLarge))) => Err(too_large(route)),
        Ok(Err(BodyFault(reason))) => Err(Denial::new(reason)),
        Err(_) => Err(Denial::new(Reason::BodyTimeout)),
    }
}

fn too_large(route: &Route) -> Denial {
    Denial::new(Reason::BodyTooLarge).with_note(format!("the bound is {} bytes", route.body_limit))
}
