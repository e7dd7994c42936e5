//! Events in OCSF, held against the published schema of the pinned release (`testdata/README.md`).

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::sync::Arc;

use jsonschema::Validator;
use portcullis_audit::format::{Format, ocsf};
use portcullis_audit::{Event, Finding, FindingKind, Identity, Proof, System, Verdict};
use portcullis_domain::denial::Violation;
use portcullis_domain::{Cause, Denial, Fault, Principal, Reason};
use serde_json::{Value, json};

use crate::fixture::{self, ARRIVAL, Walk};

/// Validators of the five classes, by class.
struct Schema(Vec<(u64, Validator)>);

impl Schema {
    fn load() -> Self {
        let document: Value = serde_json::from_str(include_str!("../../testdata/ocsf-1.8.0.json")).unwrap();
        let classes = [
            (6003, "api_activity"),
            (4002, "http_activity"),
            (3002, "authentication"),
            (2004, "detection_finding"),
            (6002, "application_lifecycle"),
        ];
        let validator = |name: &str| {
            let mut schema = document.clone();
            schema["$ref"] = json!(format!("#/$defs/{name}"));
            jsonschema::options().should_validate_formats(true).build(&schema).unwrap()
        };
        Self(classes.map(|(class, name)| (class, validator(name))).into())
    }

    /// The event of a recorded line, which must be valid.
    #[track_caller]
    fn event(&self, line: &str) -> Value {
        let worded = ocsf::translate(line.as_bytes()).unwrap_or_else(|| panic!("no record: {line}"));
        let event: Value = serde_json::from_slice(&worded).unwrap();
        let class = event["class_uid"].as_u64().unwrap();
        let (_, validator) = self.0.iter().find(|(each, _)| *each == class).unwrap();
        let mistakes: Vec<String> = validator
            .iter_errors(&event)
            .map(|error| format!("{}: {error}", error.instance_path()))
            .collect();
        assert!(mistakes.is_empty(), "{mistakes:#?}\n{line}\n{event:#}");
        let activity = event["activity_id"].as_u64().unwrap();
        assert_eq!(event["type_uid"], class * 100 + activity);
        assert_eq!(event["category_uid"], class / 1000);
        event
    }
}

fn is_ours(reason: Reason) -> bool {
    matches!(reason.facts().cause, Cause::Client | Cause::Policy)
}

// proves: AUD-14
#[test]
fn every_decision_and_every_event_of_the_process_is_valid_ocsf() {
    let (schema, walk) = (Schema::load(), Walk::new());
    let mut classes = BTreeSet::new();
    for reason in Reason::ALL {
        let denial = Denial::new(*reason).with_note("a note");
        let fault = Fault::new(*reason).with_note("a note");
        let verdict = if is_ours(*reason) { Verdict::Denied(&denial) } else { Verdict::Failed(&fault) };
        for event in [walk.event(), walk.stranger()] {
            let line = fixture::line(&Event { verdict, status: reason.status(), ..event });
            classes.insert(schema.event(&line)["class_uid"].as_u64().unwrap());
        }
    }
    for method in ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND"] {
        for event in [walk.event(), walk.stranger()] {
            classes.insert(
                schema.event(&fixture::line(&Event { method, ..event }))["class_uid"].as_u64().unwrap(),
            );
        }
    }
    for system in system_events() {
        classes.insert(schema.event(&fixture::note(&system))["class_uid"].as_u64().unwrap());
    }
    assert_eq!(classes.into_iter().collect::<Vec<_>>(), [2004, 3002, 4002, 6002, 6003]);
}

fn system_events() -> Vec<System<'static>> {
    vec![
        System::Started { version: "0.1.0", revision: "899a" },
        System::Stopped { cause: "shutdown" },
        System::PolicyLoaded { revision: "899a", digest: "899a", actor: "reload" },
        System::PolicyRefused { revision: "899a", digest: "d", actor: "reload", mistakes: 1, first: "C0001" },
        System::CertificateLoaded { name: "a", not_after: ARRIVAL },
        System::CertificateRefused { name: "a", cause: "b" },
        System::CertificateExpiring { what: "certificate", name: "a", not_after: ARRIVAL },
        System::HandshakeFailed { peer: IpAddr::from([192, 0, 2, 7]), listener: "l", cause: "c" },
        System::UpstreamChanged { api: "shop", upstream: "u", is_healthy: false, cause: "c" },
        System::FetchRefused { url: "https://id.example/keys", cause: "c" },
        System::CredentialLeaked {
            key: "k1",
            api: "shop",
            client: IpAddr::from([192, 0, 2, 7]),
            place: "query",
            fate: "revoked",
        },
        System::Checkpoint(None),
        System::Closed { cause: "stop" },
        System::Lost { events: 3, since: ARRIVAL },
    ]
}

// proves: AUD-15
#[test]
fn outcome_disposition_protocol_and_factors_are_filled() {
    let (schema, mut walk) = (Schema::load(), Walk::new());
    let denied = |reason: Reason| {
        let denial = Denial::new(reason);
        let event = Event { verdict: Verdict::Denied(&denial), status: reason.status(), ..walk.event() };
        let event = schema.event(&fixture::line(&event));
        (event["action_id"].as_u64().unwrap(), event["disposition_id"].as_u64().unwrap())
    };
    for (reason, expected) in [
        (Reason::AuthenticationInsufficient, (2, 23)),
        (Reason::CredentialMissing, (2, 23)),
        (Reason::ScopeInsufficient, (2, 2)),
        (Reason::CallerRateExceeded, (2, 2)),
        (Reason::AttackSuspected, (2, 2)),
        (Reason::RequestInvalid, (2, 25)),
        (Reason::OperationUnknown, (2, 25)),
    ] {
        assert_eq!(denied(reason), expected, "{reason}");
    }
    let answered = schema.event(&fixture::line(&walk.event()));
    assert_eq!((&answered["action_id"], &answered["disposition_id"]), (&json!(1), &json!(1)));
    assert_eq!((&answered["class_uid"], &answered["activity_id"]), (&json!(6003), &json!(2)));
    assert_eq!(answered["status_id"], 1);

    let logged_in = |principal: &Principal, proof| {
        let identity = Some(Identity { principal, proof });
        schema.event(&fixture::line(&Event { identity, ..walk.event() }))
    };
    let event = logged_in(&walk.principal, Proof::Verified);
    assert_eq!((&event["class_uid"], &event["auth_protocol_id"]), (&json!(3002), &json!(6)), "{event:#}");
    assert_eq!(event["is_mfa"], false);
    let event = logged_in(&walk.principal, Proof::Login);
    assert_eq!(event["auth_protocol_id"], 4, "{event:#}");

    let claims = json!({ "amr": ["pwd", "otp"] }).as_object().cloned().unwrap();
    walk.principal.claims = Arc::new(claims);
    let identity = Some(Identity { principal: &walk.principal, proof: Proof::Login });
    let event = schema.event(&fixture::line(&Event { identity, ..walk.event() }));
    assert_eq!(
        (&event["is_mfa"], &event["user"]["uid"]),
        (&json!(true), &json!(walk.principal.subject.as_str()))
    );
}

#[test]
fn nothing_that_was_recorded_is_missing_in_ocsf() {
    let (schema, walk) = (Schema::load(), Walk::new());
    let denial = Denial::new(Reason::RequestInvalid).with_note("a remark").with_violations(vec![Violation {
        location: "body",
        at: "/quantity".into(),
        keyword: "type".into(),
        expected: "a number".to_owned(),
    }]);
    let findings = [Finding::at(FindingKind::Undeclared, "/items/[]/password_hash")];
    let line = fixture::line(&Event {
        verdict: Verdict::Denied(&denial),
        status: 400,
        findings: &findings,
        ..walk.event()
    });
    let text = schema.event(&line).to_string();
    let recorded: Value = serde_json::from_str(&line).unwrap();
    for (name, value) in recorded.as_object().unwrap() {
        // Told in other words, and tested above: the moment, the level, the duration and the outcome.
        if ["time", "duration_us", "upstream_us", "outcome", "target"].contains(&name.as_str()) {
            continue;
        }
        let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        assert!(text.contains(value.trim_matches('"')), "{name} is missing: {text}");
    }
}

#[test]
fn what_is_no_record_is_told_as_it_is() {
    for line in ["", "{}", "not json", "[1]", "{\"event\":\"x\"}"] {
        assert_eq!(ocsf::translate(line.as_bytes()), None);
        assert_eq!(&*Format::Ocsf.word(line.as_bytes()), line.as_bytes());
    }
    assert_eq!(&*Format::Portcullis.word(b"{}\n"), b"{}");
}
