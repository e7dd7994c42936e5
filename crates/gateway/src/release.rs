//! What of the upstream's answer may leave.
//!
//! In: the upstream's response. Out: the same without what was meant for the hop or tells a stranger how
//! the API is built; or a [`Fault`] in place of a 5xx, whose body may hold anything (ASVS 16.5.1).

use http::{HeaderName, HeaderValue, Response, StatusCode, header};
use hyper::body::Incoming;
use portcullis_domain::{Fault, Reason};
use portcullis_limits::Permit as Place;
use portcullis_message::hop_by_hop;

use crate::config::UpstreamErrorsConfig;
use crate::forward::{AnswerBody, Lease, Outflow};
use crate::policy::{Api, Route};
use crate::trace::Trace;

/// Fields that name products and versions (GW-18).
const BANNERS: [HeaderName; 9] = [
    HeaderName::from_static("x-powered-by"),
    HeaderName::from_static("x-aspnet-version"),
    HeaderName::from_static("x-aspnetmvc-version"),
    HeaderName::from_static("x-generator"),
    HeaderName::from_static("x-runtime"),
    HeaderName::from_static("x-version"),
    HeaderName::from_static("x-backend-server"),
    HeaderName::from_static("x-served-by"),
    header::VIA,
];

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
    trace: &mut Trace<'_>,
) -> Result<Response<AnswerBody>, Fault> {
    if response.status().is_server_error() && route.upstream_errors == UpstreamErrorsConfig::Replace {
        trace.remark = Some(format!("the upstream answered {}", response.status().as_u16()));
        return Err(hidden(&response));
    }
    let (mut parts, body) = response.into_parts();
    hop_by_hop::strip(&mut parts.headers);
    for name in BANNERS {
        parts.headers.remove(name);
    }
    if has_body(parts.status) && !parts.headers.contains_key(header::CONTENT_TYPE) {
        // Without a type a browser guesses (GW-30).
        parts.headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/octet-stream"));
    }
    let outflow = Outflow::new(body, lease, api.upstream.patience.between_bytes);
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
