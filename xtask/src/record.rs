//! The reference page of the record: the fields of a decision, and the names of events.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use anyhow::{Context, Result};
use portcullis_audit::EventName;
use serde_json::{Map, Value};

use crate::page::notice;
use crate::specimen::{self, specimen};

/// How to write it again.
pub(crate) const COMMAND: &str = "cargo xtask record";

const INTRODUCTION: &str = "
# The record

One line of JSON for each decision, and one for each thing that happened to the process. Text that a stranger had a
hand in is shortened and redacted; a field without a value is left out. `portcullis audit verify` checks the chain.

## Fields of a decision

| field | meaning | example |
| --- | --- | --- |
";

/// Every field of a decision. A field that is missing here, or here and not in the record, fails a test.
const FIELDS: &[(&str, &str)] = &[
    ("time", "when the request arrived, UTC"),
    ("event", "the event's name, see below"),
    ("level", "`INFO`, `WARN` or `CRITICAL`"),
    ("receipt", "the gateway's id of the request; also in the answer as `x-request-id`"),
    ("external_id", "the id that the client sent"),
    ("trace_id", "the distributed trace; left out where it is the receipt without hyphens and not sampled"),
    ("span_id", "the gateway's step of the trace"),
    ("parent_span_id", "the step before, if the trace did not begin here"),
    ("sampled", "that the trace is to be kept"),
    ("outcome", "`answered`, `denied` or `failed`"),
    ("status", "the status that the client saw"),
    ("reason", "the precise [reason](reasons.md)"),
    ("stage", "the stage that gave it"),
    ("grants", "the grants without which it would have been refused"),
    ("would_deny", "reasons of stages in shadow, which let the request pass"),
    ("findings", "what was found in the answer: kind, how often, and where"),
    ("violations", "where the request breaks the contract: part, place, keyword"),
    ("quotas", "the quotas that were exceeded"),
    ("note", "a remark for the operator, which the client never sees"),
    ("listener", "where the request came in"),
    ("peer", "the other end of the socket"),
    ("client", "whom the trusted proxies name, when that is someone else"),
    ("protocol", "`http/1.1` or `h2`"),
    ("tls", "the version; absent on plaintext"),
    ("host", "the host that was asked for"),
    ("user_agent", "what the client calls itself"),
    ("method", "the request's method"),
    ("target", "path and query, with the values of the query hidden"),
    ("api", "the API"),
    ("operation", "the operation's id"),
    ("template", "the operation's path template"),
    ("issuer", "who vouches for the caller"),
    ("subject", "the caller, within that issuer"),
    ("client_id", "the client through which the caller acts; of an API key its id"),
    ("jti", "the token's own id, if it has one"),
    ("sid", "the session at the issuer, if the token names it"),
    ("authn_scheme", "the security scheme that accepted the credential"),
    ("authn", "`verified` for this request, `remembered` from shortly before, or a `login` that ended here"),
    ("authn_method", "`oauth2`, `openid`, `api_key`, `certificate` or `password`"),
    ("amr", "the factors that the issuer says were shown (RFC 8176)"),
    ("revision", "the policy that the request was judged by"),
    ("duration_us", "from arrival to the end of the answer, in microseconds"),
    ("upstream", "the address that was asked"),
    ("upstream_us", "how much of the duration the upstream took"),
    ("request_bytes", "size of the request's body"),
    ("response_bytes", "size of the answer's body"),
    (
        "seen",
        "what detection saw, by digests under a key of the process: roles, token, account, objects with what came of them",
    ),
    ("seq", "number of the line"),
    ("chain", "hash over this line and the one before"),
];

/// What every line has.
const COMMON: [&str; 5] = ["time", "event", "level", "seq", "chain"];

/// The page's text.
pub(crate) fn page() -> Result<String> {
    let mut text = notice(COMMAND);
    text.push_str(INTRODUCTION);
    let decision = decision()?;
    // Writing to a `String` cannot fail, here and below.
    for (field, meaning) in FIELDS {
        let example = decision.get(*field).map_or(String::new(), |value| format!("`{value}`"));
        let _ = writeln!(text, "| `{field}` | {meaning} | {example} |");
    }
    text.push_str("\n## Names of events\n\n| event | level |\n| --- | --- |\n");
    for name in EventName::ALL {
        let _ = writeln!(text, "| `{}` | {} |", name.text(), name.level().name());
    }
    text.push_str(
        "\n## Fields of what happens to the process\n\nBeside `time`, `event`, `level`, `seq` and `chain`.\n",
    );
    text.push_str("\n| event | fields |\n| --- | --- |\n");
    for (event, fields) in happenings()? {
        let fields: Vec<String> = fields.iter().map(|field| format!("`{field}`")).collect();
        let _ = writeln!(text, "| `{event}` | {} |", fields.join(", "));
    }
    write_places(&mut text);
    Ok(text)
}

/// The fields of each event that is no request, by its name.
fn happenings() -> Result<BTreeMap<String, Vec<String>>> {
    let mut events: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for line in specimen::happenings()? {
        let line: Map<String, Value> = serde_json::from_str(&line).context("the record is not JSON")?;
        let name = line.get("event").and_then(Value::as_str).context("an event without a name")?;
        let fields = events.entry(name.to_owned()).or_default();
        for field in line.keys().filter(|field| !COMMON.contains(&field.as_str())) {
            if !fields.contains(field) {
                fields.push(field.clone());
            }
        }
    }
    Ok(events)
}

/// Where the record goes, and how long it is kept: what the configuration can say, in its own words. There is no other
/// place: a sink that is not declared is refused.
fn write_places(text: &mut String) {
    let schema = portcullis_gateway::schema();
    let mut table = |title: &str, definition: &str, skip: &[&str]| {
        let _ = writeln!(text, "\n## {title}\n\n| key | meaning |\n| --- | --- |");
        let members = schema.pointer(&format!("/$defs/{definition}/properties")).and_then(Value::as_object);
        for (key, member) in members.into_iter().flatten().filter(|(key, _)| !skip.contains(&key.as_str())) {
            let meaning =
                member.get("description").and_then(Value::as_str).unwrap_or_default().replace('\n', " ");
            let _ = writeln!(text, "| `{key}` | {meaning} |");
        }
    };
    table("Where it is kept, and how long: `audit`", "AuditConfig", &[]);
    table("When a file ends: `audit.rotate`", "RotateConfig", &[]);
    table("What is kept of older files: `audit.keep`", "KeepConfig", &[]);
    table("Where else it is told: each of `sinks`", "SinkConfig", &[]);
}

/// The made-up denial, as the record has it.
fn decision() -> Result<Map<String, Value>> {
    let record = specimen()?.record;
    let is_denial = |line: &&String| line.contains("\"outcome\":\"denied\"");
    let line = record.iter().find(is_denial).context("the record holds no denial")?;
    serde_json::from_str(line).context("the record is not JSON")
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use portcullis_domain::Reason;

    use super::*;

    // proves: AUD-24
    #[test]
    fn the_inventory_has_every_event_of_the_process_and_every_place_it_goes_to() {
        let page = page().expect("a page");
        let listed = happenings().expect("events");
        // What decides a request, or is an alert, has its fields above or on the page of detectors.
        let of_requests: BTreeSet<&str> =
            Reason::ALL.iter().map(|reason| EventName::of(*reason).text()).collect();
        let of_process = EventName::ALL.iter().map(|name| name.text()).filter(|name| {
            let begins = |with: &str| name.starts_with(with);
            (begins("sys_") || begins("audit_") || begins("authn_token_")) && !of_requests.contains(name)
        });
        let alerts = [
            "sys_alert_storm",
            "sys_budget_low",
            "sys_decision_point_away",
            "sys_failure_spike",
            "sys_limits_alone",
            "sys_limits_together",
            "sys_posture_drift",
            "sys_retired_operation",
            "sys_rule_failed",
            "sys_undeclared_operation",
        ];
        for name in of_process.filter(|name| !alerts.contains(name)) {
            assert!(listed.contains_key(name), "{name} is not in the inventory");
        }
        for place in
            ["syslog", "webhook", "otlp", "file", "stdout", "rotate", "keep", "anchors", "size", "age"]
        {
            assert!(page.contains(&format!("| `{place}` | ")), "{place}");
        }
    }

    #[test]
    fn every_field_of_a_decision_is_explained() {
        let decision = decision().expect("a decision");
        let recorded: BTreeSet<&str> = decision.keys().map(String::as_str).collect();
        let explained: BTreeSet<&str> = FIELDS.iter().map(|(field, _)| *field).collect();
        assert_eq!(recorded, explained);
    }
}
