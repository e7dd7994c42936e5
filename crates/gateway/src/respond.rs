//! The only place that builds a response: answered, denied or failed.
//!
//! In: what the walk came to. Out: a response that carries what every answer of an API must carry, and
//! nothing of ours or the upstream's that a stranger should not see. Refusals are problem documents
//! (RFC 9457); gRPC callers get their status in trailers.

use std::collections::BTreeMap;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode, Version, header};
use portcullis_domain::{Denial, Fault, Reason, ReceiptId, RetryAfter};
use serde::Serialize;

use crate::arrival::{Envelope, RECEIPT};
use crate::forward::AnswerBody;
use crate::policy::{Api, Route};

/// Whether the answer belongs to one caller only.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Audience {
    /// Anybody may see it; the upstream may let it be cached.
    Public,
    /// No cache may keep it (GW-26).
    Caller,
}

/// What belongs on every answer, whoever gave it. An upstream's own values were withheld by `release`, or
/// give way here.
pub(crate) fn protect(
    headers: &mut HeaderMap,
    envelope: &Envelope,
    api: Option<&Api>,
    route: Option<&Route>,
    audience: Audience,
) {
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(CONTENT_SECURITY_POLICY));
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    headers.insert(CROSS_ORIGIN_RESOURCE_POLICY, HeaderValue::from_static("same-site"));
    if audience == Audience::Caller {
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    }
    if envelope.connection.is_tls() {
        headers
            .insert(header::STRICT_TRANSPORT_SECURITY, HeaderValue::from_static(STRICT_TRANSPORT_SECURITY));
    }
    if let Some(cors) = api.and_then(|api| api.cors.as_ref()) {
        cors.mark(envelope.origin.as_ref(), headers);
    }
    if let Some(vary) = api.and_then(|api| api.vary.as_ref()) {
        headers.append(header::VARY, vary.clone());
    }
    if let Some(life) = route.map(|route| &route.life).or_else(|| api.map(|api| &api.life)) {
        life.mark(headers);
    }
    headers.insert(RECEIPT, envelope.receipt_value.clone());
}

/// The same for an answer of our own. A preflight's fields were chosen already: `api` is `None` then.
pub(crate) fn protect_local(headers: &mut HeaderMap, envelope: &Envelope, api: Option<&Api>) {
    let chosen = headers.clone();
    protect(headers, envelope, api, None, Audience::Public);
    headers.extend(chosen);
}

/// The response to a refusal.
pub(crate) fn denied(
    denial: &Denial,
    envelope: &Envelope,
    api: Option<&Api>,
    route: Option<&Route>,
) -> Response<AnswerBody> {
    let problem = Problem {
        violations: denial
            .violations()
            .iter()
            .map(|violation| Violation {
                location: violation.location,
                at: &violation.at,
                keyword: &violation.keyword,
                expected: &violation.expected,
            })
            .collect(),
        violated_policies: denial.violated_policies(),
        details: denial.details().iter().map(|(name, text)| (*name, text.as_str())).collect(),
        ..Problem::new(denial.reason(), envelope.receipt)
    };
    let mut response = refuse(denial.reason(), &problem, denial.retry_after(), envelope);
    let headers = response.headers_mut();
    for challenge in denial.challenges() {
        insert_text(headers, header::WWW_AUTHENTICATE, &challenge.header_value(), Insert::Append);
    }
    if let Some(allow) = denial.allow() {
        insert_text(headers, header::ALLOW, allow, Insert::Replace);
    }
    if let Some(accept) = denial.accept() {
        insert_text(headers, header::ACCEPT, accept, Insert::Replace);
    }
    for (name, value) in denial.fields() {
        insert_text(headers, HeaderName::from_static(name), value, Insert::Replace);
    }
    protect(headers, envelope, api, route, Audience::Caller);
    response
}

/// The response when something broke.
pub(crate) fn failed(
    fault: &Fault,
    envelope: &Envelope,
    api: Option<&Api>,
    route: Option<&Route>,
) -> Response<AnswerBody> {
    let problem = Problem::new(fault.reason(), envelope.receipt);
    let retry_after = fault.retry_after().or_else(|| {
        // RFC 9110 §15.6.4: a client that is told nothing comes back at once.
        (fault.reason().status() == 503).then(|| RetryAfter::from_wait(std::time::Duration::from_secs(5)))
    });
    let mut response = refuse(fault.reason(), &problem, retry_after, envelope);
    protect(response.headers_mut(), envelope, api, route, Audience::Caller);
    response
}

fn refuse(
    reason: Reason,
    problem: &Problem<'_>,
    retry_after: Option<RetryAfter>,
    envelope: &Envelope,
) -> Response<AnswerBody> {
    let mut response = if envelope.is_grpc && envelope.version == Version::HTTP_2 {
        grpc_refusal(reason)
    } else {
        // A document of strings and numbers always serialises.
        let body = serde_json::to_vec(problem).unwrap_or_default();
        let mut response = Response::new(AnswerBody::whole(Bytes::from(body)));
        *response.status_mut() = status(reason);
        response
            .headers_mut()
            .insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        response
    };
    let headers = response.headers_mut();
    if let Some(wait) = retry_after {
        headers.insert(header::RETRY_AFTER, HeaderValue::from(wait.seconds()));
    }
    if envelope.version < Version::HTTP_2 && ends_connection(reason) {
        headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    response
}

/// After these nobody can say where the next request would begin, or the client will not send it.
fn ends_connection(reason: Reason) -> bool {
    matches!(reason.facts().stage, portcullis_domain::Stage::Listen)
        || matches!(reason, Reason::BodyTooLarge | Reason::UpstreamUntrusted)
}

/// A trailers-only answer (gRPC over HTTP/2, "Responses").
fn grpc_refusal(reason: Reason) -> Response<AnswerBody> {
    let code = match reason.status() {
        400 | 413 | 415 => "3",
        401 => "16",
        403 => "7",
        404 | 405 | 410 => "12",
        408 | 504 => "4",
        429 => "8",
        500 => "13",
        _ => "14",
    };
    let mut response = Response::new(AnswerBody::empty());
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
    headers.insert(HeaderName::from_static("grpc-status"), HeaderValue::from_static(code));
    headers.insert(
        HeaderName::from_static("grpc-message"),
        HeaderValue::from_static(reason.facts().public_code),
    );
    response
}

fn status(reason: Reason) -> StatusCode {
    StatusCode::from_u16(reason.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
}

enum Insert {
    Append,
    Replace,
}

/// What does not fit a field is left out rather than sent broken.
fn insert_text(headers: &mut HeaderMap, name: HeaderName, text: &str, insert: Insert) {
    let Ok(value) = HeaderValue::from_str(text) else { return };
    match insert {
        Insert::Append => drop(headers.append(name, value)),
        Insert::Replace => drop(headers.insert(name, value)),
    }
}

/// A problem document (RFC 9457).
#[derive(Serialize)]
struct Problem<'a> {
    #[serde(rename = "type")]
    kind: String,
    title: &'static str,
    status: u16,
    code: &'static str,
    instance: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    violations: Vec<Violation<'a>>,
    /// RateLimit fields draft §5.
    #[serde(rename = "violated-policies", skip_serializing_if = "<[String]>::is_empty")]
    violated_policies: &'a [String],
    /// What a reason adds of its own (RFC 9457 §3.2).
    #[serde(flatten)]
    details: BTreeMap<&'static str, &'a str>,
}

#[derive(Serialize)]
struct Violation<'a> {
    #[serde(rename = "in")]
    location: &'static str,
    at: &'a str,
    keyword: &'a str,
    expected: &'a str,
}

impl Problem<'_> {
    fn new(reason: Reason, receipt: ReceiptId) -> Self {
        let facts = reason.facts();
        let kind = match reason {
            Reason::PeerRateExceeded | Reason::CallerRateExceeded | Reason::BudgetExhausted => {
                QUOTA_EXCEEDED.to_owned()
            }
            Reason::Overloaded => REDUCED_CAPACITY.to_owned(),
            Reason::FailuresExceeded => ABNORMAL_USAGE.to_owned(),
            _ => format!("urn:portcullis:reason:{}", facts.public_code),
        };
        Self {
            kind,
            title: facts.title,
            status: facts.status,
            code: facts.public_code,
            instance: format!("urn:uuid:{receipt}"),
            violations: Vec::new(),
            violated_policies: &[],
            details: BTreeMap::new(),
        }
    }
}

/// RateLimit fields draft §5.2.
const REDUCED_CAPACITY: &str = "https://iana.org/assignments/http-problem-types#temporary-reduced-capacity";
/// RateLimit fields draft §5.3.
const ABNORMAL_USAGE: &str = "https://iana.org/assignments/http-problem-types#abnormal-usage-detected";
/// RateLimit fields draft §5.1.
const QUOTA_EXCEEDED: &str = "https://iana.org/assignments/http-problem-types#quota-exceeded";
const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; frame-ancestors 'none'";
/// Two years, as Mozilla's guideline has it; RFC 6797 §6.1.
const STRICT_TRANSPORT_SECURITY: &str = "max-age=63072000; includeSubDomains";
const CROSS_ORIGIN_RESOURCE_POLICY: HeaderName = HeaderName::from_static("cross-origin-resource-policy");
