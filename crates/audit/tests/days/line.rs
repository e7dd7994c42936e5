//! A call as the gateway records it, for replay.

use portcullis_audit::detect::Named;
use serde_json::{Value, json};

use super::{Call, KEY};

/// The subject of a caller.
pub fn name(caller: u32) -> String {
    format!("caller-{caller}")
}

/// The line of one call.
pub fn line(call: &Call) -> Value {
    let observation = call.observation();
    let hex = |digest: u64| format!("{digest:016x}");
    let objects: Vec<Value> = observation
        .objects
        .iter()
        .map(|object| json!({ "kind": hex(object.kind), "id": hex(object.id), "fate": object.fate.name() }))
        .collect();
    let mut seen = json!({ "cohort": hex(KEY.digest(Named::Cohort, &[call.role.name().as_bytes()])) });
    if let Some(token) = observation.token {
        seen["token"] = json!(hex(token));
    }
    if observation.reads_in_bulk {
        seen["bulk"] = json!(true);
    }
    if !objects.is_empty() {
        seen["objects"] = json!(objects);
    }
    let day = jiff::Timestamp::from_millisecond(call.at().as_millis() as i64).unwrap();
    json!({
        "time": day.to_string(), "event": "request_answered", "level": "INFO",
        "receipt": call.receipt().to_string(), "outcome": "answered", "status": call.status(),
        "listener": "0.0.0.0:8443", "peer": address(call), "protocol": "h2", "tls": "TLSv1.3",
        "user_agent": format!("client/{}", call.agent), "method": "GET", "target": "/orders/…",
        "api": "shop", "operation": "getOrder", "issuer": "https://id.test", "subject": name(call.caller),
        "response_bytes": 2_000, "seen": seen,
    })
}

fn address(call: &Call) -> String {
    let [_, b, c, d] = call.network.to_be_bytes();
    match call.family {
        portcullis_audit::detect::Family::V4 => format!("10.{b}.{c}.{d}"),
        portcullis_audit::detect::Family::V6 => {
            format!("2001:db8:{:x}:{:x}::1", call.network >> 16, call.network & 0xffff)
        }
    }
}
