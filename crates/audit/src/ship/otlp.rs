//! Recorded lines as a request of the OpenTelemetry protocol: logs over HTTP, in JSON (OTLP 1.x).

use serde_json::{Value, json};

use crate::format::Format;
use crate::line::Heading;

/// The body of `POST /v1/logs` with these recorded lines.
#[must_use]
pub fn otlp_logs(lines: &[u8], format: Format, service: &str) -> Vec<u8> {
    let records: Vec<Value> = lines
        .split(|byte| *byte == b'\n')
        .filter(|line| !line.is_empty())
        .map(|line| record(line, format))
        .collect();
    let request = json!({ "resourceLogs": [{
        "resource": resource(service),
        "scopeLogs": [{ "scope": { "name": "portcullis.audit" }, "logRecords": records }],
    }] });
    request.to_string().into_bytes()
}

fn record(line: &[u8], format: Format) -> Value {
    let heading = Heading::read(line);
    let at = heading.time.parse::<jiff::Timestamp>().map_or(0, jiff::Timestamp::as_nanosecond).to_string();
    let (number, text) = match heading.level {
        "CRITICAL" => (21, "FATAL"),
        "WARN" => (13, "WARN"),
        _ => (9, "INFO"),
    };
    let mut record = json!({
        "timeUnixNano": at,
        "observedTimeUnixNano": at,
        "severityNumber": number,
        "severityText": text,
        "eventName": heading.event,
        "body": { "stringValue": String::from_utf8_lossy(&format.word(line)) },
    });
    let parsed: Value = serde_json::from_slice(line).unwrap_or_default();
    let names = ["receipt", "api", "operation", "reason", "outcome", "detector"];
    let attributes: Vec<Value> = names
        .iter()
        .filter_map(|name| Some(attribute(&format!("portcullis.{name}"), parsed.get(name)?.as_str()?)))
        .collect();
    if let Some(members) = record.as_object_mut() {
        members.insert("attributes".to_owned(), Value::Array(attributes));
        for (ours, theirs) in [("trace_id", "traceId"), ("span_id", "spanId")] {
            if let Some(id) = parsed.get(ours) {
                members.insert(theirs.to_owned(), id.clone());
            }
        }
    }
    record
}

/// Who tells.
pub(crate) fn resource(service: &str) -> Value {
    json!({ "attributes": [
        attribute("service.name", "portcullis"),
        attribute("service.instance.id", service),
        attribute("service.version", env!("CARGO_PKG_VERSION")),
    ] })
}

pub(crate) fn attribute(name: &str, value: &str) -> Value {
    json!({ "key": name, "value": { "stringValue": value } })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_line_is_a_record_with_its_moment_level_and_trace() {
        let lines = b"{\"time\":\"2025-11-24T06:38:00.123Z\",\"event\":\"authz_fail\",\"level\":\"CRITICAL\",\"receipt\":\"r\",\"trace_id\":\"4bf9\",\"seq\":7}\n\
            {\"time\":\"2025-11-24T06:38:01.000Z\",\"event\":\"sys_startup\",\"level\":\"WARN\"}\n";
        let body: Value = serde_json::from_slice(&otlp_logs(lines, Format::Portcullis, "edge-1")).unwrap();
        let records = &body["resourceLogs"][0]["scopeLogs"][0]["logRecords"];
        assert_eq!(records.as_array().unwrap().len(), 2);
        assert_eq!(records[0]["timeUnixNano"], "1763966280123000000");
        assert_eq!((&records[0]["severityNumber"], &records[1]["severityNumber"]), (&json!(21), &json!(13)));
        assert_eq!((&records[0]["traceId"], &records[1]["traceId"]), (&json!("4bf9"), &Value::Null));
        assert_eq!(records[0]["eventName"], "authz_fail");
        assert_eq!(records[0]["attributes"][0]["value"]["stringValue"], "r");
        assert!(records[1]["body"]["stringValue"].as_str().unwrap().ends_with('}'));
    }
}
