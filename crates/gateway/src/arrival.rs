//! A request as it arrived, read once and strictly.
//!
//! In: what hyper parsed, over a connection whose bytes [`crate::listen`] has checked. Out: an
//! [`Arrival`], or a refusal of the listen stage. What was judged is what is forwarded: later stages see
//! nothing but this.

use std::net::IpAddr;
use std::rc::Rc;

use http::request::Parts;
use http::{HeaderMap, HeaderValue, Method, Version, header};
use hyper::body::Incoming;
use portcullis_audit::Origin;
use portcullis_authn::{ExternalUrl, UrlScheme};
use portcullis_domain::{Denial, Now, Reason, ReceiptId};
use portcullis_limits::Key;
use portcullis_message::forwarded::Proto;
use portcullis_message::{Authority, Target, cookies, expect, forwarded, via};

use crate::listen::{Connection, REFUSED};
use crate::policy::Policy;
use crate::span::Span;

/// Our own correlation id, on requests to the upstream and on every answer.
pub(crate) const RECEIPT: header::HeaderName = header::HeaderName::from_static("x-request-id");
const EARLY_DATA: header::HeaderName = header::HeaderName::from_static("early-data");
const MAX_FORWARDS: header::HeaderName = header::HeaderName::from_static("max-forwards");

/// What is known of a request before it is judged; the record needs it even when the reading fails.
pub(crate) struct Envelope {
    pub(crate) now: Now,
    pub(crate) receipt: ReceiptId,
    /// Its place in a distributed trace.
    pub(crate) span: Option<Span>,
    /// The same, as a field value for the upstream and the client.
    pub(crate) receipt_value: HeaderValue,
    pub(crate) connection: Rc<Connection>,
    pub(crate) client: IpAddr,
    /// Whose budget an anonymous request spends.
    pub(crate) peer_key: Key,
    /// How the client came, to us or to a proxy that we trust.
    pub(crate) scheme: UrlScheme,
    pub(crate) method: Method,
    pub(crate) version: Version,
    /// The path and query as they came, for the record alone.
    pub(crate) raw_target: http::Uri,
    /// A client's own id, recorded as such and never used.
    pub(crate) external_id: Option<HeaderValue>,
    /// Where it comes from, worded for the record.
    pub(crate) from: Rc<Origin>,
    /// `application/grpc` asks for native errors.
    pub(crate) is_grpc: bool,
    pub(crate) origin: Option<HeaderValue>,
}

/// A request that can be read in one way only.
pub(crate) struct Arrival {
    pub(crate) target: Target,
    pub(crate) authority: Authority,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Incoming,
    /// `Max-Forwards` of an OPTIONS request.
    pub(crate) max_forwards: Option<u32>,
}

impl Envelope {
    /// Takes down who and what, without judging.
    pub(crate) fn new(
        policy: &Policy,
        connection: Rc<Connection>,
        parts: &Parts,
        now: Now,
        receipt: ReceiptId,
    ) -> Self {
        let is_grpc = parts
            .headers
            .get(header::CONTENT_TYPE)
            .is_some_and(|media_type| media_type.as_bytes().starts_with(b"application/grpc"));
        let client = forwarded::client(connection.peer_ip(), &parts.headers, &policy.trusted_proxies);
        let text = |name| parts.headers.get(name).and_then(|value: &HeaderValue| value.to_str().ok());
        let host = parts.uri.authority().map(http::uri::Authority::as_str).or_else(|| text(header::HOST));
        Self {
            now,
            receipt,
            span: Span::of(
                policy.traces,
                connection.peer_ip(),
                &policy.trusted_proxies,
                &parts.headers,
                receipt,
            ),
            receipt_value: receipt_value(receipt),
            client,
            scheme: scheme(policy, &connection, parts),
            peer_key: connection.peer_key(client),
            from: connection.origin(client, parts.version, host, text(header::USER_AGENT)),
            connection,
            method: parts.method.clone(),
            version: parts.version,
            raw_target: parts.uri.clone(),
            external_id: parts.headers.get(RECEIPT).cloned(),
            is_grpc,
            origin: parts.headers.get(header::ORIGIN).cloned(),
        }
    }

    /// The address that was asked, as the client knows it.
    pub(crate) fn external_url<'a>(&'a self, authority: &'a Authority) -> ExternalUrl<'a> {
        ExternalUrl {
            scheme: self.scheme,
            host: authority.host(),
            port: authority.port(),
            path: self.raw_target.path(),
        }
    }
}

/// Whether the client came over TLS. A trusted proxy that ends TLS says so; its word counts for nothing
/// where TLS ends here.
fn scheme(policy: &Policy, connection: &Connection, parts: &Parts) -> UrlScheme {
    if connection.is_tls() {
        return UrlScheme::Https;
    }
    match forwarded::proto(connection.peer_ip(), &parts.headers, &policy.trusted_proxies) {
        Some(Proto::Https) => UrlScheme::Https,
        Some(Proto::Http) | None => UrlScheme::Http,
    }
}

impl Arrival {
    /// Reads a request.
    ///
    /// # Errors
    /// A denial of the listen or route stage: see the reasons of [`Target::read`] and
    /// [`Authority::read`], and what stands below.
    pub(crate) fn read(
        policy: &Policy,
        envelope: &Envelope,
        parts: &mut Parts,
        body: Incoming,
    ) -> Result<Self, Denial> {
        if let Some(reason) = refused_by_guard(envelope, parts) {
            return Err(Denial::new(reason));
        }
        if parts.method == Method::CONNECT
            || parts.method == Method::TRACE
            || parts.method.as_str() == "TRACK"
        {
            return Err(Denial::new(Reason::MethodRefused).with_allow(SERVED_METHODS));
        }
        expect::read(parts).map_err(Denial::new)?;
        let authority = envelope.connection.authority(parts).map_err(Denial::new)?;
        let raw = parts.uri.path_and_query().ok_or_else(|| Denial::new(Reason::TargetMalformed))?;
        let target = Target::read(&parts.method, raw, &policy.bounds).map_err(Denial::new)?;
        via::refuse_loop(&parts.headers, &policy.pseudonym).map_err(Denial::new)?;
        // RFC 8470 §5.2: a hop before us took it in early; we cannot tell whether it is a replay.
        if parts.headers.get(EARLY_DATA).is_some_and(|value| value == "1") && !is_safe(&parts.method) {
            return Err(Denial::new(Reason::EarlyDataRefused));
        }
        let max_forwards = match parts.method {
            Method::OPTIONS => {
                parts.headers.get(MAX_FORWARDS).and_then(|value| value.to_str().ok()?.trim().parse().ok())
            }
            _ => None,
        };
        let mut headers = std::mem::take(&mut parts.headers);
        if let Some(left) = max_forwards.and_then(|hops: u32| hops.checked_sub(1)) {
            // RFC 9110 §7.6.2: each hop takes one; at zero the request goes no further than here.
            headers.insert(MAX_FORWARDS, HeaderValue::from(left));
        }
        if parts.version >= Version::HTTP_2 {
            if headers.values().any(has_outer_space) {
                return Err(Denial::new(Reason::HeaderLineMalformed));
            }
            cookies::rejoin(&mut headers);
        }
        Ok(Self { target, authority, headers, body, max_forwards })
    }
}

fn receipt_value(receipt: ReceiptId) -> HeaderValue {
    let mut buffer = [0u8; 36];
    // Hexadecimal digits and hyphens always fit.
    HeaderValue::from_str(receipt.encode(&mut buffer)).unwrap_or_else(|_| HeaderValue::from_static(""))
}

/// What the data plane knows how to serve; the contract says what it does serve.
const SERVED_METHODS: &str = "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS";

fn refused_by_guard(envelope: &Envelope, parts: &Parts) -> Option<Reason> {
    if parts.method.as_str() != REFUSED || !envelope.connection.signals.refused() {
        return None;
    }
    Some(Reason::from_code(parts.uri.path().trim_start_matches('/')).unwrap_or(Reason::RequestLineMalformed))
}

/// RFC 9113 §8.2.1: over HTTP/1.1 the space would vanish, and two readers would see two values.
fn has_outer_space(value: &HeaderValue) -> bool {
    let is_space = |byte: Option<&u8>| matches!(byte, Some(b' ' | b'\t'));
    is_space(value.as_bytes().first()) || is_space(value.as_bytes().last())
}

fn is_safe(method: &Method) -> bool {
    matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS)
}
