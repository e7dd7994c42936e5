//! May this caller call this operation: what the document demands first, then the operator's rules.
//!
//! In: who is calling, and the request as it was read. Out: nothing, or the refusal. Called twice by
//! [`crate::admit`]: before the body is known, for all that can be refused without it, and after it was found
//! valid, where a rule looks into it (decision 0022).

use http::HeaderMap;
use http::header::CONTENT_TYPE;
use portcullis_authz::Permit;
use portcullis_authz::rules::{Facts, Reach, Transport};
use portcullis_contract::PathParameters;
use portcullis_domain::{Caller, Denial};
use portcullis_message::MediaType;
use portcullis_message::json::{self, JsonBounds};
use serde_json::Value;

use crate::arrival::Envelope;
use crate::forward::RequestBody;
use crate::ownership::{Content, Reading};
use crate::policy::Route;

/// The request, as far as rules may look at it.
#[derive(Clone, Copy)]
pub(crate) struct Asked<'r, 'p> {
    pub(crate) envelope: &'r Envelope,
    pub(crate) path: &'r PathParameters<'r, 'p>,
    pub(crate) query: Option<&'r str>,
    pub(crate) headers: &'r HeaderMap,
}

/// Decides what can be decided without the body.
///
/// # Errors
/// As [`portcullis_authz::Demand::decide`] and [`portcullis_authz::rules::OperationRules::judge`].
pub(crate) fn decide(route: &Route, caller: Caller, asked: Asked<'_, '_>) -> Result<Permit, Denial> {
    let permit = route.demand.decide(caller)?;
    judge(route, permit.caller(), asked, Reach::Head, Content::Nothing)?;
    Ok(permit)
}

/// Whether anything is left to decide once the body is known.
pub(crate) fn reads_body(route: &Route) -> bool {
    route.rules.as_ref().is_some_and(|rules| rules.rules.reads_body())
}

/// Decides the rest.
///
/// # Errors
/// As [`portcullis_authz::rules::OperationRules::judge`].
pub(crate) fn decide_with_body(
    route: &Route,
    permit: &Permit,
    asked: Asked<'_, '_>,
    body: &RequestBody,
) -> Result<(), Denial> {
    let parsed = match body {
        RequestBody::Whole(bytes) => json(asked.headers, bytes),
        RequestBody::Empty | RequestBody::Stream(_) => None,
    };
    let content = match (body, &parsed) {
        (RequestBody::Empty, _) => Content::Nothing,
        (RequestBody::Whole(_) | RequestBody::Stream(_), Some(parsed)) => Content::Json(parsed),
        // What was not read, or is no JSON, is not as good as empty.
        (RequestBody::Whole(_) | RequestBody::Stream(_), None) => Content::Unreadable,
    };
    judge(route, permit.caller(), asked, Reach::Whole, content)
}

/// A body that says that it is JSON and is: read strictly also where the contract's verdict is only recorded, or a
/// member that stands there twice would be one thing to the rules and another to the upstream.
fn json(headers: &HeaderMap, bytes: &[u8]) -> Option<Value> {
    let media_type = MediaType::parse(headers.get(CONTENT_TYPE)?).ok()?;
    let is_json = media_type.is_json() && json::check(bytes, &JsonBounds::default()).is_ok();
    if is_json { serde_json::from_slice(bytes).ok() } else { None }
}

fn judge(
    route: &Route,
    caller: &Caller,
    asked: Asked<'_, '_>,
    reach: Reach,
    body: Content<'_>,
) -> Result<(), Denial> {
    let (Some(rules), Some(principal)) = (&route.rules, caller.principal()) else { return Ok(()) };
    let Asked { envelope, path, query, headers } = asked;
    let reading = Reading { path, query, headers, body };
    let places = rules.places(reach);
    let said = |index: usize| reading.said(places.get(index)?);
    let connection = &envelope.connection;
    let certificate = connection.client_certificate().map(|certificate| certificate.thumbprint());
    let facts = Facts {
        principal,
        now: envelope.now.wall,
        local: rules.local(envelope.now.wall),
        client: envelope.client,
        transport: match connection.is_tls() {
            true => Transport::Tls { certificate },
            false => Transport::Plaintext,
        },
        said: &said,
    };
    rules.rules.judge(&route.demand, reach, &facts)
}
