//! Recorded decisions as spans of the OpenTelemetry protocol, over HTTP, in JSON (OTLP 1.x).
//!
//! In: recorded lines. Out: one span for each request whose trace is sampled; the others, and what happens to the process,
//! are no part of a trace. Attributes follow the semantic conventions for HTTP servers (OpenTelemetry 1.x); what only a
//! gateway knows is below `portcullis.`.

use serde_json::{Map, Value, json};

use super::otlp::{attribute, resource};

/// The body of `POST /v1/traces` with the sampled ones of these lines; `None` if there are none.
#[must_use]
pub fn otlp_spans(lines: &[u8], service: &str) -> Option<Vec<u8>> {
    let spans: Vec<Value> = lines
        .split(|byte| *byte == b'\n')
        .filter_map(|line| span(&serde_json::from_slice(line).ok()?))
        .collect();
    if spans.is_empty() {
        return None;
    }
    let request = json!({ "resourceSpans": [{
        "resource": resource(service),
        "scopeSpans": [{ "scope": { "name": "portcullis" }, "spans": spans }],
    }] });
    Some(request.to_string().into_bytes())
}

fn span(line: &Map<String, Value>) -> Option<Value> {
    if line.get("sampled") != Some(&Value::Bool(true)) {
        return None;
    }
    let text = |name: &str| line.get(name).and_then(Value::as_str);
    let began = text("time")?.parse::<jiff::Timestamp>().ok()?.as_nanosecond();
    let micros = line.get("duration_us").and_then(Value::as_u64).unwrap_or_default();
    let method = text("method")?;
    let name = match text("template") {
        Some(template) => format!("{method} {template}"),
        None => method.to_owned(),
    };
    let mut span = json!({
        "traceId": text("trace_id")?,
        "spanId": text("span_id")?,
        "name": name,
        // SERVER: what the upstream does is a child of it.
        "kind": 2,
        "startTimeUnixNano": began.to_string(),
        "endTimeUnixNano": (began + i128::from(micros) * 1_000).to_string(),
        "attributes": attributes(line),
        "status": status(line),
    });
    if let (Some(caller), Some(members)) = (text("parent_span_id"), span.as_object_mut()) {
        members.insert("parentSpanId".to_owned(), caller.into());
    }
    Some(span)
}

/// Texts and numbers of a line, by the names that the conventions have for them.
const ATTRIBUTES: [(&str, &str); 17] = [
    ("method", "http.request.method"),
    ("template", "http.route"),
    ("target", "url.path"),
    ("status", "http.response.status_code"),
    ("request_bytes", "http.request.body.size"),
    ("response_bytes", "http.response.body.size"),
    ("host", "server.address"),
    ("client", "client.address"),
    ("peer", "network.peer.address"),
    ("user_agent", "user_agent.original"),
    ("receipt", "portcullis.receipt"),
    ("api", "portcullis.api"),
    ("operation", "portcullis.operation"),
    ("outcome", "portcullis.outcome"),
    ("reason", "error.type"),
    ("stage", "portcullis.stage"),
    ("upstream_us", "portcullis.upstream_us"),
];

fn attributes(line: &Map<String, Value>) -> Vec<Value> {
    let told = |(ours, theirs): &(&str, &str)| match line.get(*ours)? {
        Value::String(text) => Some(attribute(theirs, text)),
        // OTLP in JSON has whole numbers as texts.
        Value::Number(number) => Some(json!({ "key": theirs, "value": { "intValue": number.to_string() } })),
        _ => None,
    };
    ATTRIBUTES.iter().filter_map(told).collect()
}

/// A server's span is an error for what the server is to blame for: a refusal is none.
fn status(line: &Map<String, Value>) -> Value {
    match line.get("status").and_then(Value::as_u64) {
        Some(500..) => json!({ "code": 2 }),
        _ => json!({}),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sampled_requests_are_spans_and_nothing_else_is() {
        let sampled = r#"{"time":"2025-11-24T06:38:00.123Z","event":"authz_fail","receipt":"r","trace_id":"4bf92f3577b34da6a3ce929d0e0e4736","span_id":"b9c7c989f97918e1","parent_span_id":"00f067aa0ba902b7","sampled":true,"outcome":"denied","status":503,"reason":"scope_missing","method":"GET","target":"/orders/7","template":"/orders/{id}","duration_us":840,"request_bytes":0}"#;
        let unsampled = r#"{"time":"2025-11-24T06:38:00.123Z","trace_id":"4bf92f3577b34da6a3ce929d0e0e4736","span_id":"b9c7c989f97918e1","method":"GET"}"#;
        let system = r#"{"time":"2025-11-24T06:38:00.123Z","event":"sys_startup"}"#;
        let lines = format!("{sampled}\n{unsampled}\n{system}\n");
        let body: Value = serde_json::from_slice(&otlp_spans(lines.as_bytes(), "edge-1").unwrap()).unwrap();
        let spans = &body["resourceSpans"][0]["scopeSpans"][0]["spans"];
        assert_eq!(spans.as_array().unwrap().len(), 1);
        let span = &spans[0];
        assert_eq!((&span["name"], &span["kind"]), (&json!("GET /orders/{id}"), &json!(2)));
        assert_eq!(span["parentSpanId"], "00f067aa0ba902b7");
        assert_eq!(span["startTimeUnixNano"], "1763966280123000000");
        assert_eq!(span["endTimeUnixNano"], "1763966280123840000");
        assert_eq!(span["status"]["code"], 2);
        let attributes = span["attributes"].as_array().unwrap();
        let status = json!({ "key": "http.response.status_code", "value": { "intValue": "503" } });
        assert!(attributes.contains(&status), "{attributes:#?}");
        assert_eq!(otlp_spans(format!("{unsampled}\n{system}\n").as_bytes(), "edge-1"), None);
        assert_eq!(otlp_spans(b"", "edge-1"), None);
    }
}
