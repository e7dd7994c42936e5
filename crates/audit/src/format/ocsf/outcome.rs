//! How it ended, in OCSF's words (AUD-15): status, action, disposition.
//!
//! Action 1 is allowed, 2 denied. Of dispositions, 1 is allowed, 2 blocked, 23 a challenge (the client is told how
//! to prove more), 25 rejected (the request itself is wrong, whoever sends it), 18 an error of ours or behind us.

use serde_json::{Map, Value, json};

use super::class::Class;
use super::members::Fields;

const ALLOWED: (u32, &str) = (1, "Allowed");
const BLOCKED: (u32, &str) = (2, "Blocked");
const ERROR: (u32, &str) = (18, "Error");
const CHALLENGE: (u32, &str) = (23, "Challenge");
const REJECTED: (u32, &str) = (25, "Rejected");

pub(super) fn members(event: &str, class: Class, fields: &Fields) -> Map<String, Value> {
    let mut members = Map::new();
    let mut put = |name: &str, value: Value| {
        members.insert(name.to_owned(), value);
    };
    let Some(outcome) = fields.peek("outcome") else { return members };
    if class != Class::DetectionFinding {
        let (id, name) = if outcome == "answered" { (1, "Success") } else { (2, "Failure") };
        put("status_id", json!(id));
        put("status", json!(name));
    }
    if let Some(reason) = fields.peek("reason") {
        put("status_detail", json!(reason));
    }
    if let Some(status) = fields.peek_number("status") {
        put("status_code", json!(status.to_string()));
    }
    let (action, disposition) = match outcome {
        "answered" => ((1, "Allowed"), ALLOWED),
        "denied" => ((2, "Denied"), disposition(event, fields)),
        // Nobody refused it; it did not come about.
        _ => ((2, "Denied"), ERROR),
    };
    put("action_id", json!(action.0));
    put("action", json!(action.1));
    put("disposition_id", json!(disposition.0));
    put("disposition", json!(disposition.1));
    members
}

fn disposition(event: &str, fields: &Fields) -> (u32, &'static str) {
    match (fields.peek_number("status"), event) {
        // RFC 9110 §15.5.2, RFC 9470 §3: with 401 goes a challenge, a step-up's too.
        (Some(401), _) => CHALLENGE,
        (_, "input_validation_fail" | "request_refused") => REJECTED,
        (_, _) => BLOCKED,
    }
}
