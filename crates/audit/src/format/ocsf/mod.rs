//! The Open Cybersecurity Schema Framework, version 1.8.0: one class for each event (AUD-14, AUD-15).
//!
//! In: one recorded line. Out: one OCSF event. Called by [`super::Format`].
//!
//! | recorded | class | activity |
//! | --- | --- | --- |
//! | `authn_*` of a request | Authentication 3002 | logon 1; what becomes of tokens and keys: other 99 |
//! | `malicious_*` of a request, alerts, `audit_lost` | Detection Finding 2004 | create 1 |
//! | a request that found no operation | HTTP Activity 4002 | by method |
//! | every other request | API Activity 6003 | by method: create 1, read 2, update 3, delete 4 |
//! | what happened to the process | Application Lifecycle 6002 | start 3, stop 4, update 8, other 99 |
//!
//! What OCSF has no place for stands in `unmapped` under the record's own name, so nothing is lost on the way.

mod class;
mod members;
mod outcome;

use serde_json::{Map, Value, json};

use class::Class;
use members::Fields;

/// The release that events name and are tested against.
pub const VERSION: &str = "1.8.0";

/// The event of a recorded line; nothing if it is no record.
#[must_use]
pub fn translate(line: &[u8]) -> Option<Vec<u8>> {
    let recorded: Map<String, Value> = serde_json::from_slice(line).ok()?;
    serde_json::to_vec(&event(recorded)?).ok()
}

fn event(recorded: Map<String, Value>) -> Option<Value> {
    let mut fields = Fields::new(recorded);
    let name = fields.text("event")?;
    let time = fields.moment("time")?;
    let class = Class::of(&name, &fields);
    let activity = class.activity(&name, &fields);
    let severity = severity(fields.peek("level"));
    // Read by members, outcome and unmapped alike, so it is taken last.
    let outcome = outcome::members(&name, class, &fields);

    let mut event = Map::new();
    let mut put = |member: &str, value: Value| {
        event.insert(member.to_owned(), value);
    };
    put("class_uid", json!(class.uid()));
    put("class_name", json!(class.name()));
    put("category_uid", json!(class.category()));
    put("activity_id", json!(activity.id));
    put("activity_name", json!(activity.name));
    // OCSF 1.8.0: the class times a hundred and the activity.
    put("type_uid", json!(class.uid() * 100 + activity.id));
    put("time", json!(time));
    put("severity_id", json!(severity.0));
    put("severity", json!(severity.1));
    event.extend(outcome);
    event.extend(class.members(&name, time, &mut fields));
    event.insert("metadata".to_owned(), members::metadata(&name, &mut fields));
    let rest = fields.rest();
    if !rest.is_empty() {
        event.insert("unmapped".to_owned(), Value::Object(rest));
    }
    Some(Value::Object(event))
}

fn severity(level: Option<&str>) -> (u32, &'static str) {
    match level {
        Some("CRITICAL") => (5, "Critical"),
        Some("WARN") => (3, "Medium"),
        Some(_) | None => (1, "Informational"),
    }
}
