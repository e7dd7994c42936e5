//! What of the upstream's answer may leave.
//!
//! In: the upstream's response. Out: the same without what was meant for the hop or tells a stranger how
//! the API is built; or a [`Fault`] in place of a 5xx, whose body may hold anything (ASVS 16.5.1).

use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode, header};
use hyper::body::Incoming;
use portcullis_domain::{Fault, Reason};
use portcullis_limits::Permit as Place;
use portcullis_message::hop_by_hop;

use crate::config::UpstreamErrorsConfig;
use crate::cors;
use crate::forward::{AnswerBody, Lease, Outflow};
use crate::policy::{Api, Route};
use crate::trace::Trace;

/// Whether a field of the upstream's is not for the client: it names products or versions (GW-18), or says
/// what is for the gateway to say.
fn is_withheld(name: &HeaderName) -> bool {
    matches!(
        name.as_str(),
        "server"
            | "strict-transport-security"
            | "x-powered-by"
            | "x-aspnet-version"
            | "x-aspnetmvc-version"
            | "x-generator"
            | "x-runtime"
            | "x-version"
            | "x-backend-server"
            | "x-served-by"
            | "via"
    ) || cors::is_answer(name)
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
    withhold(&mut parts.headers);
    api.own_cookies.guard(&mut parts.headers);
    if has_body(parts.status) && !parts.headers.contains_key(header::CONTENT_TYPE) {
        // Without a type a browser guesses (GW-30).
        parts.headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/octet-stream"));
    }
    let outflow = Outflow::new(body, lease, api.upstream.plan.patience.between_bytes);
    Ok(Response::from_parts(parts, AnswerBody::upstream(outflow).with_place(place)))
}

/// Takes away what was meant for this hop, and what is not for the client.
pub(crate) fn withhold(headers: &mut HeaderMap) {
    hop_by_hop::strip(headers, is_withheld);
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
