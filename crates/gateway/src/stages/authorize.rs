//! May this caller call this operation: what the document demands first, then the operator's rules.
//!
//! In: who is calling, and the request as it was read. Out: nothing, or the refusal. Called twice by
//! [`crate::admit`]: before the body is known, for all that can be refused without it, and after it was found
//! valid, where a rule looks into it (decision 0022).

use http::HeaderMap;
use portcullis_authz::Permit;
pub(crate) use portcullis_authz::rules::Reach;
use portcullis_authz::rules::{Facts, Part, Transport};
use portcullis_contract::PathParameters;
use portcullis_domain::{Caller, Denial, Risk};

use crate::arrival::Envelope;
use crate::journal::Heard;
use crate::ownership::{Content, Reading};
use crate::policy::Route;
use crate::stages::graphql;

/// The request, as far as rules may look at it.
#[derive(Clone, Copy)]
pub(crate) struct Asked<'r, 'p> {
    pub(crate) envelope: &'r Envelope,
    pub(crate) path: &'r PathParameters<'r, 'p>,
    pub(crate) query: Option<&'r str>,
    pub(crate) headers: &'r HeaderMap,
    /// How much the caller's behavior looks like an attack.
    pub(crate) risk: Risk,
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
    route.rules.as_ref().is_some_and(|rules| rules.rules.reads_body()) || route.operation.guards_graphql()
}

/// Decides the rest.
///
/// # Errors
/// As [`portcullis_authz::rules::OperationRules::judge`] and [`graphql::judge`].
pub(crate) fn decide_with_body(
    route: &Route,
    permit: &Permit,
    asked: Asked<'_, '_>,
    body: Content<'_>,
) -> Result<(), Denial> {
    judge(route, permit.caller(), asked, Reach::Whole, body)?;
    match route.operation.guards_graphql() {
        true => graphql::judge(route, permit, asked.query, body),
        false => Ok(()),
    }
}

/// What stands in headers and body where the rules look, for the journal; the rest is in the target.
pub(crate) fn heard(route: &Route, asked: Asked<'_, '_>, reach: Reach, body: Content<'_>) -> Vec<Heard> {
    let Some(rules) = &route.rules else { return Vec::new() };
    let Asked { path, query, headers, .. } = asked;
    let reading = Reading { path, query, headers, body };
    let wanted = rules.rules.wanted(reach).iter().zip(rules.places(reach));
    wanted
        .filter(|(wanted, _)| matches!(wanted.part, Part::Header | Part::Body))
        .map(|(wanted, place)| Heard {
            part: wanted.part,
            name: wanted.name.clone(),
            said: reading.said(place),
        })
        .collect()
}

fn judge(
    route: &Route,
    caller: &Caller,
    asked: Asked<'_, '_>,
    reach: Reach,
    body: Content<'_>,
) -> Result<(), Denial> {
    let (Some(rules), Some(principal)) = (&route.rules, caller.principal()) else { return Ok(()) };
    let Asked { envelope, path, query, headers, risk } = asked;
    let reading = Reading { path, query, headers, body };
    let places = rules.places(reach);
    let said = |index: usize| reading.said(places.get(index)?);
    let connection = &envelope.connection;
    let certificate = connection.client_certificate().map(|certificate| certificate.thumbprint());
    let facts = Facts {
        principal,
        now: envelope.now.wall,
        local: &|| rules.local(envelope.now.wall),
        client: envelope.client,
        transport: match connection.is_tls() {
            true => Transport::Tls { certificate },
            false => Transport::Plaintext,
        },
        risk,
        said: &said,
    };
    rules.rules.judge(&route.demand, reach, &facts)
}
