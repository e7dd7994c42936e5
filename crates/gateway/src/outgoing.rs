//! The request as the upstream sees it.
//!
//! In: an [`Admitted`]. Out: a request in our own words. First everything is taken away that was meant for
//! this hop or that only the gateway may say, then the gateway says it; so a client can neither smuggle a
//! header past us nor nominate ours away (RFC 9110 §7.6.1).

use http::uri::{Authority as UriAuthority, PathAndQuery, Scheme};
use http::{HeaderMap, HeaderName, HeaderValue, Request, Uri, Version, header};
use http_body::Body as _;
use portcullis_domain::Caller;
use portcullis_limits::Permit as Place;
use portcullis_message::{hop_by_hop, spoofed};

use crate::admit::Admitted;
use crate::arrival::{Envelope, RECEIPT};
use crate::config::{CredentialConfig, HostHeaderConfig};
use crate::forward::{Protocol, RequestBody};
use crate::hand_over::text_value;
use crate::policy::Policy;
use crate::release;
use crate::stages::upgrade::Switch;

/// RFC 9440 §2.
const CLIENT_CERT: HeaderName = HeaderName::from_static("client-cert");
const CLIENT_CERT_CHAIN: HeaderName = HeaderName::from_static("client-cert-chain");

/// Rewrites the request. The switch and the caller's place travel beside it.
pub(crate) fn build(
    policy: &Policy,
    envelope: &Envelope,
    admitted: Admitted<'_>,
) -> (Box<Request<RequestBody>>, Switch, Option<Place>) {
    let Admitted {
        api, route, permit, target, authority, mut headers, body, switch, place, exchanged, ..
    } = admitted;

    let strips_credential = api.credential == CredentialConfig::Strip;
    let trailers = hop_by_hop::strip(&mut headers, |name| {
        spoofed::is_spoofed(name, api.hand_over.asserted())
            || *name == header::EXPECT
            || (strips_credential && *name == header::AUTHORIZATION)
    });

    let is_looked_into = route.answers.asks_plainly()
        || route.limits.reads_answers()
        || route.objects.as_ref().is_some_and(|objects| objects.reads_answers());
    if is_looked_into {
        release::ask_plainly(&mut headers);
    }
    let host = envelope.connection.assert(&mut headers, envelope.client, &authority);
    headers.append(header::VIA, via(policy, envelope.version));
    headers.insert(RECEIPT, envelope.receipt_value.clone());
    if let Some(span) = &envelope.span {
        span.hand_on(&mut headers);
    }
    if let Caller::Authenticated(principal) = permit.caller() {
        api.hand_over.introduce(&mut headers, principal, envelope.now);
    }
    if let Some(token) = exchanged {
        headers.insert(header::AUTHORIZATION, token);
    }
    if let Some(certificate) = envelope.connection.client_certificate() {
        headers.insert(CLIENT_CERT, text_value(certificate.client_cert()));
        if let Some(chain) = certificate.client_cert_chain() {
            headers.insert(CLIENT_CERT_CHAIN, text_value(chain));
        }
    }
    if trailers == hop_by_hop::TrailerSupport::Announced && api.upstream.plan.protocol == Protocol::Http2 {
        headers.insert(header::TE, HeaderValue::from_static("trailers"));
    }
    if matches!(switch, Switch::Websocket(_)) {
        headers.insert(header::CONNECTION, HeaderValue::from_static("upgrade"));
        headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
    }
    frame(&mut headers, &body, api.upstream.plan.protocol);

    let upstream_host = api.upstream.plan.targets.first().map(|target| target.host_header.clone());
    let host = match api.host_header {
        HostHeaderConfig::Client => host,
        HostHeaderConfig::Upstream => upstream_host.unwrap_or(host),
    };
    // Boxed: it is handed on several times before it is sent.
    let mut request = Box::new(Request::new(body));
    *request.method_mut() = envelope.method.clone();
    let path = target.path_and_query();
    match api.upstream.plan.protocol {
        Protocol::Http1 => {
            *request.uri_mut() = Uri::from(path);
            // It is mostly there already, in its canonical form.
            if headers.get(header::HOST) != Some(&host) {
                headers.insert(header::HOST, host);
            }
        }
        Protocol::Http2 => {
            *request.version_mut() = Version::HTTP_2;
            headers.remove(header::HOST);
            *request.uri_mut() = absolute(path, &host, api.upstream.plan.tls.is_some());
        }
    }
    *request.headers_mut() = headers;
    (request, switch, place)
}

/// The length is that of the bytes that are really sent (HTTP-37).
fn frame(headers: &mut HeaderMap, body: &RequestBody, protocol: Protocol) {
    match body {
        // The framing that the client used was checked, and hyper holds the stream to it. Left to itself,
        // hyper sends a GET without the body whose length it does not know.
        RequestBody::Stream(_) if protocol == Protocol::Http1 && body.size_hint().exact().is_none() => {
            headers.insert(header::TRANSFER_ENCODING, HeaderValue::from_static("chunked"));
        }
        RequestBody::Stream(_) => {}
        RequestBody::Empty | RequestBody::Whole(_) => {
            headers.remove(header::CONTENT_LENGTH);
        }
    }
}

fn absolute(path: PathAndQuery, host: &HeaderValue, is_tls: bool) -> Uri {
    let mut parts = http::uri::Parts::default();
    parts.scheme = Some(if is_tls { Scheme::HTTPS } else { Scheme::HTTP });
    parts.authority = UriAuthority::try_from(host.as_bytes()).ok();
    parts.path_and_query = Some(path.clone());
    Uri::from_parts(parts).unwrap_or_else(|_| Uri::from(path))
}

/// Our entry in `Via`, with the version in which the request was received (RFC 9110 §7.6.3).
fn via(policy: &Policy, received: Version) -> HeaderValue {
    let [http_10, http_11, http_2] = &policy.via;
    match received {
        Version::HTTP_10 => http_10.clone(),
        Version::HTTP_2 => http_2.clone(),
        _ => http_11.clone(),
    }
}
