//! Which declared operation this is. What the contract does not declare does not exist.

use http::{HeaderMap, Method, header};
use portcullis_contract::{Lookup, PathParameters};
use portcullis_domain::{Denial, Reason};
use portcullis_message::{Authority, Target};

use crate::arrival::Envelope;
use crate::cors;
use crate::local::Local;
use crate::policy::{Api, Mount, Policy, Route};
use crate::resource;

/// Where a request belongs.
pub(crate) enum Routed<'p> {
    /// To this API, with the target as the upstream will see it.
    Api(&'p Api, Target),
    /// To the gateway itself.
    Local(Local),
}

/// What an API has at a target.
pub(crate) enum Found<'p, 't> {
    Operation(&'p Route, PathParameters<'p, 't>),
    Preflight(Local),
}

/// Finds the API by authority and mount. The mount is cut off here, so that everything after this judges
/// the path that is forwarded (GW-04).
///
/// # Errors
/// [`Reason::AuthorityUnknown`], [`Reason::AuthorityMisdirected`], [`Reason::OperationUnknown`]; where versions are
/// told apart, what [`Holds::choose`](crate::policy::Holds::choose) says.
pub(crate) fn locate<'p>(
    policy: &'p Policy,
    envelope: &Envelope,
    authority: &Authority,
    target: Target,
    headers: &HeaderMap,
    max_forwards: Option<u32>,
) -> Result<Routed<'p>, Denial> {
    let mounts = policy.hosts.of(authority.host()).ok_or_else(|| Denial::new(Reason::AuthorityUnknown))?;
    if envelope.connection.is_misdirected(authority) {
        return Err(Denial::new(Reason::AuthorityMisdirected));
    }
    if max_forwards == Some(0) || target.path() == "*" {
        return Ok(Routed::Local(Local::Options));
    }
    if let (SECURITY_TXT, Some(text), &Method::GET) = (target.path(), &policy.security_txt, &envelope.method)
    {
        return Ok(Routed::Local(Local::SecurityTxt(text.clone())));
    }
    if let (INTERNAL_KEYS, Some(tokens), &Method::GET) =
        (target.path(), &policy.internal_tokens, &envelope.method)
    {
        return Ok(Routed::Local(Local::InternalKeys(tokens.jwks())));
    }
    if envelope.method == Method::GET
        && let Some(resource) = mounts
            .iter()
            .flat_map(|mount| mount.holds.apis())
            .filter_map(|api| policy.apis.get(api)?.resource.as_ref())
            .find(|resource| resource.is_described_at(target.path()))
    {
        let origin = resource::origin(&envelope.external_url(authority));
        return Ok(Routed::Local(Local::ResourceMetadata(resource.document(&origin))));
    }
    if let Some((holds, within)) = Mount::find(mounts, &target)
        && let Some(api) = policy.apis.get(holds.choose(&envelope.method, headers, envelope.now.wall)?)
    {
        return Ok(Routed::Api(api, within));
    }
    Err(Denial::new(Reason::OperationUnknown).with_note("no API is mounted here"))
}

/// Finds the operation.
///
/// # Errors
/// [`Reason::OperationUnknown`], [`Reason::MethodUndeclared`], [`Reason::OriginRefused`],
/// [`Reason::VersionRetired`] and [`Reason::VersionBrownout`] of an API as a whole.
pub(crate) fn find<'p, 't>(
    api: &'p Api,
    envelope: &Envelope,
    target: &'t Target,
    headers: &HeaderMap,
) -> Result<Found<'p, 't>, Denial> {
    if let (Some(cors), Some(origin)) = (&api.cors, &envelope.origin)
        && envelope.method == Method::OPTIONS
        && headers.contains_key(header::ACCESS_CONTROL_REQUEST_METHOD)
    {
        api.life.judge(envelope.now.wall)?;
        return preflight(api, cors, origin, target).map(Found::Preflight);
    }
    match api.contract.find(&envelope.method, target.path()) {
        Lookup::Found { operation, path_parameters } => {
            let route = api.routes.get(operation.index).ok_or_else(|| Denial::new(Reason::InternalFault))?;
            Ok(Found::Operation(route, path_parameters))
        }
        Lookup::OtherMethods { allow } => {
            api.life.judge(envelope.now.wall)?;
            Err(Denial::new(Reason::MethodUndeclared).with_allow(allow))
        }
        Lookup::Unknown => {
            // What was retired as a whole is gone also where the document no longer has a path (VER-02).
            api.life.judge(envelope.now.wall)?;
            Err(Denial::new(Reason::OperationUnknown).with_note("not declared by the contract"))
        }
    }
}

fn preflight(
    api: &Api,
    cors: &cors::Cors,
    origin: &http::HeaderValue,
    target: &Target,
) -> Result<Local, Denial> {
    // No contract declares CONNECT, so this finds all the methods that the path has.
    let methods = match api.contract.find(&Method::CONNECT, target.path()) {
        Lookup::OtherMethods { allow } => allow.to_owned(),
        Lookup::Found { .. } | Lookup::Unknown => return Err(Denial::new(Reason::OperationUnknown)),
    };
    if !cors.permits(origin) {
        return Err(
            Denial::new(Reason::OriginRefused).with_note("preflight from an origin that is not listed")
        );
    }
    Ok(Local::Preflight(cors.preflight(origin, &methods)))
}

/// RFC 9116 §3.
const SECURITY_TXT: &str = "/.well-known/security.txt";
/// Where upstreams find the keys of our own tokens.
const INTERNAL_KEYS: &str = "/.well-known/portcullis/jwks.json";
