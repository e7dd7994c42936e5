//! What of the upstream's answer may leave.
//!
//! In: the upstream's response. Out: the same without what was meant for the hop or tells a stranger how
//! the API is built; or a [`Fault`] in place of a 5xx, whose body may hold anything (ASVS 16.5.1).

use http::{HeaderName, HeaderValue, Response, StatusCode, header};
use hyper::body::Incoming;
use portcullis_domain::{Fault, Reason};
use portcullis_limits::Permit as Place;
use portcullis_message::hop_by_hop;
use smallvec::SmallVec;

use crate::config::UpstreamErrorsConfig;
use crate::forward::{AnswerBody, Lease, Outflow};
use crate::policy::{Api, Route};
use crate::trace::Trace;

/// Whether a field names products or versions (GW-18).
fn is_banner(name: &HeaderName) -> bool {
    matches!(
        name.as_str(),
        "x-powered-by"
            | "x-aspnet-version"
            | "x-aspnetmvc-version"
            | "x-generator"
            | "x-runtime"
            | "x-version"
            | "x-backend-server"
            | "x-served-by"
            | "via"
    )
}

/// Releases a response.
///
/// # Errors
/// [`Reason::UpstreamFailed`], [`Reason::UpstreamUnavailable`] or [`Reason::UpstreamTimeout`] for a 5xx
/// that is not to be handed on.
pub(crate) fn release(
    api: &Api,
    route: &Route,
    response: Response<Incoming>,
    lease: Lease,
    place: Option<Place>,
    trace: &mut Trace,
) -> Result<Response<AnswerBody>, Fault> {
    if response.status().is_server_error() && route.upstream_errors == UpstreamErrorsConfig::Replace {
        trace.remark = Some(format!("the upstream answered {}", response.status().as_u16()));
        return Err(hidden(&response));
    }
    let (mut parts, body) = response.into_parts();
    hop_by_hop::strip(&mut parts.headers);
    let banners: SmallVec<[HeaderName; 2]> =
        parts.headers.keys().filter(|name| is_banner(name)).cloned().collect();
    for name in banners {
        parts.headers.remove(name);
    }
    if has_body(parts.status) && !parts.headers.contains_key(header::CONTENT_TYPE) {
        // Without a type a browser guesses (GW-30).
        parts.headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/octet-stream"));
    }
    let outflow = Outflow::new(body, lease, api.upstream.plan.patience.between_bytes);
    Ok(Response::from_parts(parts, AnswerBody::upstream(outflow).with_place(place)))
}

fn has_body(status: StatusCode) -> bool {
    !status.is_informational() && status != StatusCode::NO_CONTENT && status != StatusCode::NOT_MODIFIED
}

fn hidden(response: &Response<Incoming>) -> Fault {
    let status = response.status();
    let note = format!("the upstream answered {}", status.as_u16());
    match status {
        StatusCode::SERVICE_UNAVAILABLE => {
            let fault = Fault::new(Reason::UpstreamUnavailable).with_note(note);
            let wait = response
                .headers()
                .get(header::RETRY_AFTER)
                .and_then(|value| value.to_str().ok()?.parse().ok());
            match wait {
                Some(seconds) => fault.with_retry_after(std::time::Duration::from_secs(seconds)),
                None => fault,
            }
        }
        StatusCode::GATEWAY_TIMEOUT => Fault::new(Reason::UpstreamTimeout).with_note(note),
        _ => Fault::new(Reason::UpstreamFailed).with_note(note),
    }
}
