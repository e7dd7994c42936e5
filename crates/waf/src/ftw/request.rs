//! The request of a test, completed as go-ftw completes it.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use super::suite::Input;
use crate::body::{Pair, form};
use crate::seclang::transformation::Transformation;
use crate::transform::apply;

/// A request, byte for byte.
#[derive(Clone, Debug, Default)]
pub(super) struct Request {
    pub(super) method: Vec<u8>,
    pub(super) target: Vec<u8>,
    pub(super) protocol: Vec<u8>,
    pub(super) headers: Vec<Pair>,
    pub(super) body: Vec<u8>,
}

const FORM: &str = "application/x-www-form-urlencoded";

impl Request {
    /// Completes a request.
    ///
    /// # Errors
    /// What cannot be read.
    pub(super) fn of(input: &Input) -> Result<Self, String> {
        if let Some(encoded) = &input.encoded_request {
            let compact: String = encoded.split_ascii_whitespace().collect();
            return Self::parse(&STANDARD.decode(compact).map_err(|error| error.to_string())?);
        }
        let mut headers: Vec<(String, String)> =
            input.headers.iter().map(|(name, value)| (name.clone(), text(value))).collect();
        let mut body = input.data.as_deref().map(repeated).unwrap_or_default().into_bytes();
        if input.autocomplete_headers != Some(false) {
            complete(&mut headers, &mut body, input);
        }
        let announced = |(name, _): &(String, String)| {
            name.eq_ignore_ascii_case("content-length") || name.eq_ignore_ascii_case("transfer-encoding")
        };
        if !headers.iter().any(announced) {
            // Nobody would read it (RFC 9112 §6.3).
            body.clear();
        }
        let bytes = |text: Option<&str>, default: &str| text.unwrap_or(default).as_bytes().to_vec();
        Ok(Self {
            method: bytes(input.method.as_deref(), "GET"),
            target: bytes(input.uri.as_deref(), "/"),
            protocol: bytes(input.version.as_deref(), "HTTP/1.1"),
            headers: headers
                .into_iter()
                .map(|(name, value)| (name.into_bytes(), value.into_bytes()))
                .collect(),
            body,
        })
    }

    /// A request as it would be on the wire.
    fn parse(bytes: &[u8]) -> Result<Self, String> {
        let mut request = Self::default();
        let end = memchr::memmem::find(bytes, b"\r\n\r\n").unwrap_or(bytes.len());
        let head = bytes.get(..end).unwrap_or_default();
        request.body = bytes.get(end + 4..).unwrap_or_default().to_vec();
        let mut lines =
            head.split(|byte| *byte == b'\n').map(|line| line.strip_suffix(b"\r").unwrap_or(line));
        let first = lines.next().ok_or("no first line")?;
        let mut words = first.splitn(3, |byte| *byte == b' ').map(<[u8]>::to_vec);
        request.method = words.next().unwrap_or_default();
        request.target = words.next().unwrap_or_default();
        request.protocol = words.next().unwrap_or_default();
        for line in lines {
            let at = line.iter().position(|byte| *byte == b':').unwrap_or(line.len());
            let value = line.get(at + 1..).unwrap_or_default().trim_ascii();
            request.headers.push((line.get(..at).unwrap_or_default().to_vec(), value.to_vec()));
        }
        Ok(request)
    }
}

fn complete(headers: &mut Vec<(String, String)>, body: &mut Vec<u8>, input: &Input) {
    let has_data = input.data.is_some();
    let find = |headers: &[(String, String)], name: &str| {
        headers.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value.clone())
    };
    if has_data {
        let media_type = find(headers, "content-type").unwrap_or_else(|| {
            headers.push(("Content-Type".into(), FORM.into()));
            FORM.into()
        });
        if media_type == FORM && *apply(Transformation::UrlDecode, body) == **body {
            *body = encoded(body);
        } else if media_type.starts_with("multipart/form-data;") {
            let text = String::from_utf8_lossy(body).replace("\r\n", "\n").replace('\n', "\r\n");
            *body = text.into_bytes();
        }
    }
    if find(headers, "connection").is_none() {
        headers.push(("Connection".into(), "close".into()));
    }
    let is_post = input.method.as_deref() == Some("POST");
    if (has_data || is_post) && find(headers, "content-length").is_none() {
        headers.push(("Content-Length".into(), body.len().to_string()));
    }
}

/// A form of which nothing is encoded, encoded.
fn encoded(body: &[u8]) -> Vec<u8> {
    let mut parts = Vec::new();
    form(body, &mut |name, value| {
        let encode = |text: &[u8]| apply(Transformation::UrlEncode, text).into_owned();
        parts.push([encode(&name), encode(&value)].join(&b'='));
    });
    parts.join(&b'&')
}

fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null => String::new(),
        other => other.to_string(),
    }
}

/// `{{ "x" | repeat 3 }}` written out.
fn repeated(text: &str) -> String {
    let mut written = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("{{") {
        written.push_str(before);
        let (template, after) = after.split_once("}}").unwrap_or((after, ""));
        match template.split_once('|').and_then(|(what, how)| {
            let times = how.trim().strip_prefix("repeat")?.trim().parse::<usize>().ok()?;
            Some(what.trim().trim_matches('"').repeat(times.min(1 << 20)))
        }) {
            Some(text) => written.push_str(&text),
            None => written.push_str(&format!("{{{{{template}}}}}")),
        }
        rest = after;
    }
    written.push_str(rest);
    written
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn templates_are_written_out() {
        assert_eq!(repeated("a={{ \"xy\" | repeat 3 }}&b"), "a=xyxyxy&b");
        assert_eq!(repeated("{{ other }}"), "{{ other }}");
    }
}
