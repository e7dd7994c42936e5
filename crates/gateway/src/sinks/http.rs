//! Collectors that are posted to: signed webhooks, and OpenTelemetry over HTTP.
//!
//! 2xx is taken. 408, 429 and 5xx, and no answer at all, mean later; so do 401, 403 and 404, which an operator can
//! mend. Every other answer means never: the lines are given up and counted, for they would stop all that follow.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Method, Request, header};
use http_body_util::Full;
use portcullis_audit::format::Format;
use portcullis_audit::ship::{Carrier, CarryError, WebhookKey, otlp_logs};
use portcullis_authn::{FetchBounds, FetchError, Reach};
use portcullis_domain::{Clock, Secret};
use url::Url;

use super::wire::Wire;
use crate::fetch::{GuardedFetch, Kept};

/// An answer is read for its status only.
const BOUNDS: FetchBounds =
    FetchBounds { body: 64 * 1024, time: Duration::from_secs(10), reach: Reach::PrivateToo };

/// What is posted.
pub(super) enum Body {
    /// A JSON array, signed.
    Signed { key: WebhookKey, clock: Clock },
    /// A request of OTLP.
    Otlp { headers: Vec<(HeaderName, Secret)>, instance: String },
}

/// A URL, and the connection to it.
pub(super) struct Post {
    url: Url,
    fetch: GuardedFetch,
    body: Body,
    format: Format,
    wire: Wire,
    open: Option<Kept>,
}

impl Post {
    pub(super) fn new(url: Url, fetch: GuardedFetch, body: Body, format: Format) -> Self {
        Self { url, fetch, body, format, wire: Wire::default(), open: None }
    }
}

impl Carrier for Post {
    fn carry(&mut self, lines: &[u8]) -> Result<(), CarryError> {
        let request = self.body.request(lines, self.format)?;
        let Self { url, fetch, wire, open, .. } = self;
        let held = open.take();
        let (connection, status) = wire.wait(async {
            let mut connection = match still_open(held).await {
                Some(kept) => kept,
                None => fetch.connect(url, BOUNDS).await.map_err(|error| away(&error))?,
            };
            let answer = connection.ask(url, request, BOUNDS).await.map_err(|error| away(&error))?;
            Ok((connection, answer.status))
        })?;
        *open = Some(connection);
        match status {
            200..=299 => Ok(()),
            401 | 403 | 404 | 408 | 429 | 500..=599 => {
                Err(CarryError::Unreachable(format!("the collector answers {status}")))
            }
            _ => Err(CarryError::Refused(format!("the collector answers {status}"))),
        }
    }
}

/// The connection, unless the collector has closed it.
async fn still_open(held: Option<Kept>) -> Option<Kept> {
    let mut kept = held?;
    kept.is_open().await.then_some(kept)
}

fn away(error: &FetchError) -> CarryError {
    CarryError::Unreachable(error.to_string())
}

impl Body {
    fn request(&self, lines: &[u8], format: Format) -> Result<Request<Full<Bytes>>, CarryError> {
        let malformed = |_| CarryError::Unreachable("a header field of the sink is malformed".to_owned());
        let mut request = Request::new(Full::default());
        *request.method_mut() = Method::POST;
        let fields = request.headers_mut();
        fields.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        let body = match self {
            Self::Signed { key, clock } => {
                let body = array(lines, format);
                let signed = key.sign(&body, clock.now().wall);
                for (name, value) in [
                    ("webhook-id", signed.id),
                    ("webhook-timestamp", signed.timestamp),
                    ("webhook-signature", signed.signature),
                ] {
                    fields.insert(HeaderName::from_static(name), HeaderValue::from_str(&value).map_err(malformed)?);
                }
                body
            }
            Self::Otlp { headers, instance } => {
                for (name, secret) in headers {
                    let mut value = HeaderValue::from_bytes(secret.expose()).map_err(malformed)?;
                    value.set_sensitive(true);
                    fields.insert(name, value);
                }
                otlp_logs(lines, format, instance)
            }
        };
        *request.body_mut() = Full::new(Bytes::from(body));
        Ok(request)
    }
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
