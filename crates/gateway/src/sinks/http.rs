//! Collectors that are posted to: signed webhooks, and OpenTelemetry over HTTP.

use bytes::Bytes;
use http::header::InvalidHeaderValue;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, header};
use http_body_util::Full;
use portcullis_audit::format::Format;
use portcullis_audit::ship::{Carrier, CarryError, WebhookKey, otlp_logs, otlp_spans};
use portcullis_authn::Reach;
use portcullis_domain::{Clock, Secret};
use url::Url;

use super::line::Line;
use crate::config::SignalConfig;
use crate::fetch::GuardedFetch;

/// What is posted.
pub(super) enum Body {
    /// A JSON array, signed.
    Signed { key: Box<WebhookKey>, clock: Clock },
    /// A request of OTLP.
    Otlp { signal: SignalConfig, headers: Vec<(HeaderName, Secret)>, instance: String },
}

/// A collector, and what it gets.
pub(super) struct Post {
    line: Line,
    body: Body,
    format: Format,
}

impl Post {
    pub(super) fn new(url: Url, fetch: GuardedFetch, body: Body, format: Format) -> Self {
        Self { line: Line::new(url, fetch, Reach::PrivateToo), body, format }
    }
}

impl Carrier for Post {
    fn carry(&mut self, lines: &[u8]) -> Result<(), CarryError> {
        match self.body.request(lines, self.format)? {
            Some(request) => self.line.send(request),
            // Nothing of it is for this collector.
            None => Ok(()),
        }
    }
}

impl Body {
    fn request(&self, lines: &[u8], format: Format) -> Result<Option<Request<Full<Bytes>>>, CarryError> {
        let mut request = Request::new(Full::default());
        *request.method_mut() = Method::POST;
        let fields = request.headers_mut();
        fields.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        let body = match self {
            Self::Signed { key, clock } => {
                let body = array(lines, format);
                sign(fields, key, &body, clock)?;
                body
            }
            Self::Otlp { signal, headers, instance } => {
                let body = match signal {
                    SignalConfig::Logs => Some(otlp_logs(lines, format, instance)),
                    SignalConfig::Traces => otlp_spans(lines, instance),
                };
                let Some(body) = body else { return Ok(None) };
                for (name, secret) in headers {
                    let mut value = HeaderValue::from_bytes(secret.expose()).map_err(malformed)?;
                    value.set_sensitive(true);
                    fields.insert(name, value);
                }
                body
            }
        };
        *request.body_mut() = Full::new(Bytes::from(body));
        Ok(Some(request))
    }
}

/// Adds what proves who sends `body`, and when.
pub(crate) fn sign(
    fields: &mut HeaderMap,
    key: &WebhookKey,
    body: &[u8],
    clock: &Clock,
) -> Result<(), CarryError> {
    let signed = key.sign(body, clock.now().wall);
    for (name, value) in [
        ("webhook-id", signed.id),
        ("webhook-timestamp", signed.timestamp),
        ("webhook-signature", signed.signature),
    ] {
        let value = HeaderValue::from_str(&value).map_err(malformed)?;
        fields.insert(HeaderName::from_static(name), value);
    }
    Ok(())
}

fn malformed(_: InvalidHeaderValue) -> CarryError {
    CarryError::Unreachable("a header field of the sink is malformed".to_owned())
}

/// The events as a JSON array.
fn array(lines: &[u8], format: Format) -> Vec<u8> {
    let mut body = Vec::with_capacity(lines.len() + 2);
    for line in lines.split_inclusive(|byte| *byte == b'\n') {
        body.push(if body.is_empty() { b'[' } else { b',' });
        body.extend_from_slice(&format.word(line));
    }
    body.push(b']');
    body
}
