//! Receivers over HTTP: a signed webhook, Slack, PagerDuty, Alertmanager; and the process's own log.

use bytes::Bytes;
use http::{HeaderValue, Method, Request, header};
use http_body_util::Full;
use portcullis_audit::alert::Told;
use portcullis_audit::ship::{Carrier, CarryError, WebhookKey};
use portcullis_domain::{Clock, Secret};
use serde_json::Value;

use crate::sinks::Line;
use crate::sinks::http::sign;

/// In whose words alerts are told.
pub(super) enum Words {
    /// The alert as the record has it, signed.
    Signed {
        key: Box<WebhookKey>,
        clock: Clock,
    },
    Slack,
    Pagerduty {
        routing_key: Secret,
    },
    Alertmanager,
}

/// A receiver, and how it is spoken to.
pub(super) struct Post {
    line: Line,
    words: Words,
    gateway: String,
}

impl Post {
    pub(super) const fn new(line: Line, words: Words, gateway: String) -> Self {
        Self { line, words, gateway }
    }

    fn body(&self, told: &Told) -> Value {
        match &self.words {
            Words::Signed { .. } => told.plain(),
            Words::Slack => told.slack(&self.gateway),
            Words::Pagerduty { routing_key } => {
                told.pagerduty(routing_key.expose_text().unwrap_or_default(), &self.gateway)
            }
            Words::Alertmanager => Value::Array(vec![told.alertmanager(&self.gateway)]),
        }
    }

    fn post(&mut self, body: &Value) -> Result<(), CarryError> {
        let body = body.to_string();
        let mut request = Request::new(Full::default());
        *request.method_mut() = Method::POST;
        let fields = request.headers_mut();
        fields.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        if let Words::Signed { key, clock } = &self.words {
            sign(fields, key, body.as_bytes(), clock)?;
        }
        *request.body_mut() = Full::new(Bytes::from(body));
        self.line.send(request)
    }
}

impl Carrier for Post {
    /// One request for each alert. If one of several fails, those before it come twice: receivers tell them apart by
    /// their key.
    fn carry(&mut self, lines: &[u8]) -> Result<(), CarryError> {
        let alerts: Vec<Told> = lines.split_inclusive(|byte| *byte == b'\n').filter_map(Told::read).collect();
        alerts.iter().try_for_each(|told| self.post(&self.body(told)))
    }
}

/// The process's own log.
pub(super) struct Log;

impl Carrier for Log {
    fn carry(&mut self, lines: &[u8]) -> Result<(), CarryError> {
        for line in lines.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
            tracing::warn!(alert = %String::from_utf8_lossy(line), "an alert");
        }
        Ok(())
    }
}
