//! The backend of the tests: an empty answer, or at `/reflect` what the request asks for.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use super::request::Request;

/// An answer.
#[derive(Clone, Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: Vec<u8>,
}

/// Types whose bodies rules look at.
const LOOKED_AT: [&str; 4] = ["text/plain", "text/html", "text/xml", "application/json"];

impl Answer {
    /// The answer to a request.
    pub(super) fn to(request: &Request) -> Self {
        let reflects = request.target.split(|byte| *byte == b'?').next().unwrap_or_default() == b"/reflect";
        let wanted = reflects.then(|| serde_json::from_slice::<Value>(&request.body).ok()).flatten();
        let mut answer = Self { status: 200, headers: Vec::new(), body: Vec::new() };
        if let Some(wanted) = wanted {
            if let Some(status) =
                wanted.get("status").and_then(Value::as_u64).and_then(|status| u16::try_from(status).ok())
            {
                answer.status = status;
            }
            for (name, value) in wanted.get("headers").and_then(Value::as_object).into_iter().flatten() {
                answer.headers.push((name.clone(), value.as_str().unwrap_or_default().to_owned()));
            }
            if let Some(body) = wanted.get("body").and_then(Value::as_str) {
                answer.body = body.as_bytes().to_vec();
            }
            if let Some(body) = wanted.get("encodedBody").and_then(Value::as_str) {
                answer.body = STANDARD.decode(body).unwrap_or_default();
            }
        }
        if answer.content_type().is_none() && !answer.body.is_empty() {
            let is_markup = answer.body.trim_ascii_start().first() == Some(&b'<');
            let media_type = if is_markup { "text/html; charset=utf-8" } else { "text/plain; charset=utf-8" };
            answer.headers.push(("Content-Type".into(), media_type.into()));
        }
        answer
    }

    fn content_type(&self) -> Option<&str> {
        self.headers
            .iter()
            .find(|(name, _)| name.eq_ignore_ascii_case("content-type"))
            .map(|(_, value)| value.as_str())
    }

    /// Whether rules look at its body.
    pub(super) fn is_looked_at(&self) -> bool {
        let essence = self.content_type().unwrap_or_default().split(';').next().unwrap_or_default().trim();
        LOOKED_AT.iter().any(|known| known.eq_ignore_ascii_case(essence))
    }
}
