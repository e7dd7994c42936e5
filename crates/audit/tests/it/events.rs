//! What stands in an event.

use std::net::IpAddr;

use portcullis_audit::{
    Event, Finding, FindingKind, Identity, Memory, Origin, OriginFacts, Proof, SinkChoice, System, Verdict,
};
use portcullis_domain::denial::Violation;
use portcullis_domain::{Denial, Fault, Reason, Stage, Timestamp};
use serde_json::Value;

use crate::fixture::{self, ARRIVAL, Walk};

fn parsed(event: &Event<'_>) -> Value {
    serde_json::from_str(&fixture::line(event)).unwrap()
}

const MANDATORY: [&str; 16] = [
    "time",
    "event",
    "level",
    "receipt",
    "outcome",
    "status",
    "listener",
    "peer",
    "protocol",
    "method",
    "target",
    "revision",
    "duration_us",
    "request_bytes",
    "response_bytes",
    "seq",
];

const SYSTEM: &[System<'_>] = &[
    System::Started { version: "0.1.0", revision: "r1" },
    System::Stopped { cause: "SIGTERM" },
    System::PolicyLoaded { revision: "r2", digest: "ab12", actor: "SIGHUP" },
    System::PolicyRefused {
        revision: "r2",
        digest: "cd34",
        actor: "file change",
        mistakes: 2,
        first: "C0123 at portcullis.yaml:14:5",
    },
    System::CertificateLoaded { name: "api.example.com", not_after: Timestamp::from_seconds(1_771_000_000) },
    System::CertificateRefused { name: "api.example.com", cause: "the key does not fit" },
    System::HandshakeFailed {
        peer: IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 7)),
        listener: "0.0.0.0:8443",
        cause: "no common version",
    },
    System::UpstreamChanged {
        api: "shop",
        upstream: "127.0.0.1:3000",
        is_healthy: false,
        cause: "3 failures",
    },
    System::FetchRefused { url: "https://u:p@id.example.com/jwks?token=abc", cause: "a private address" },
    System::CredentialLeaked {
        key: "0000000000B",
        api: "shop",
        client: IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 7)),
        place: "query",
        fate: "reported",
    },
];

// proves: AUD-01
#[test]
fn every_kind_of_event_says_when_where_who_what_and_how_it_ended() {
    let walk = Walk::new();
    for reason in Reason::ALL {
        let (denial, fault) = (Denial::new(*reason), Fault::new(*reason));
        for verdict in [Verdict::Denied(&denial), Verdict::Failed(&fault)] {
            let event = parsed(&Event { verdict, status: reason.status(), ..walk.stranger() });
            for field in MANDATORY.iter().chain(&["reason", "stage"]) {
                assert!(!event[field].is_null() && event[field] != "", "{reason}: `{field}` in {event}");
            }
            assert_eq!(
                (&event["reason"], &event["status"]),
                (&reason.code().into(), &reason.status().into())
            );
        }
    }
    let answered = parsed(&walk.event());
    for field in
        MANDATORY.iter().chain(&["api", "operation", "template", "issuer", "subject", "authn", "upstream"])
    {
        assert!(!answered[field].is_null() && answered[field] != "", "`{field}` in {answered}");
    }
    assert_eq!(answered["time"], "2025-11-24T06:38:00.123Z");
}

// proves-part: AUD-02 (that the gateway says when a token was verified anew is shown in the walk)
#[test]
fn an_authentication_is_recorded_good_or_bad_with_its_method() {
    let walk = Walk::new();
    let verified = Identity { principal: &walk.principal, proof: Proof::Verified };
    let success = parsed(&Event { identity: Some(verified), ..walk.event() });
    assert_eq!((&success["event"], &success["authn"]), (&"authn_login_success".into(), &"verified".into()));
    assert_eq!(success["authn_scheme"], "customers");
    assert_eq!(parsed(&walk.event())["event"], "request_answered");

    let denial = Denial::new(Reason::TokenExpired).with_note("expired 3 s ago");
    let failure = parsed(&Event { verdict: Verdict::Denied(&denial), status: 401, ..walk.stranger() });
    assert_eq!(
        (&failure["event"], &failure["note"]),
        (&"authn_login_fail".into(), &"expired 3 s ago".into())
    );

    // A fresh token that may not: the refusal names the event, and the authentication is still there.
    let denial = Denial::new(Reason::ScopeInsufficient);
    let denied = parsed(&Event {
        identity: Some(verified),
        verdict: Verdict::Denied(&denial),
        status: 403,
        ..walk.event()
    });
    assert_eq!((&denied["event"], &denied["authn"]), (&"authz_fail".into(), &"verified".into()));
    assert_eq!(denied["level"], "CRITICAL");
}

#[test]
fn what_was_found_in_an_answer_is_recorded_with_its_place_and_without_values() {
    let walk = Walk::new();
    assert!(parsed(&walk.event()).get("findings").is_none());
    let undeclared = Finding {
        kind: FindingKind::Undeclared,
        count: 7,
        places: vec!["/items/[]/password_hash".into(), "/Bearer abcdef123".into()],
    };
    let findings = [undeclared, Finding::at(FindingKind::Status, "418")];
    let event = parsed(&Event { findings: &findings, ..walk.event() });
    assert_eq!(
        event["findings"],
        serde_json::json!([
            {"kind": "undeclared", "count": 7, "at": ["/items/[]/password_hash", "/Bearer [redacted]"]},
            {"kind": "status", "count": 1, "at": ["418"]},
        ])
    );
}

// proves-part: AUD-04, AUD-03 (rights and operators are shown in the walk)
#[test]
fn what_a_refused_request_tried_is_recorded_without_its_values() {
    let walk = Walk::new();
    let violations = vec![Violation {
        location: "body",
        at: "/items/0/count".to_owned(),
        keyword: "maximum".into(),
        expected: "at most 99".to_owned(),
    }];
    let denial = Denial::new(Reason::RequestInvalid).with_violations(violations);
    let event = parsed(&Event { verdict: Verdict::Denied(&denial), status: 400, ..walk.event() });
    assert_eq!(event["event"], "input_validation_fail");
    assert_eq!(
        event["violations"],
        serde_json::json!([{"in": "body", "at": "/items/0/count", "keyword": "maximum"}])
    );

    let denial =
        Denial::new(Reason::CallerRateExceeded).with_violated_policy("burst").with_violated_policy("daily");
    let event = parsed(&Event { verdict: Verdict::Denied(&denial), status: 429, ..walk.event() });
    assert_eq!(
        (&event["event"], &event["quotas"]),
        (&"excess_rate_limit_exceeded".into(), &serde_json::json!(["burst", "daily"]))
    );
}

#[test]
fn what_shadow_let_pass_is_recorded_with_the_answer() {
    let walk = Walk::new()
        .shadowed(Stage::Authorize, Reason::ScopeInsufficient)
        .shadowed(Stage::Limit, Reason::CallerRateExceeded);
    let event = parsed(&walk.event());
    assert_eq!(event["outcome"], "answered");
    assert_eq!(event["would_deny"], serde_json::json!(["scope_insufficient", "caller_rate_exceeded"]));
}

// proves: AUD-09
#[test]
fn line_breaks_and_terminal_escapes_stay_inside_one_record() {
    let mut walk = Walk::new();
    let evil = "bob\r\n{\"time\":\"forged\"}\n\x1b[2J\u{9b}31m\u{202e}\u{2028}end";
    walk.principal.subject = evil.into();
    let denial = Denial::new(Reason::PermitMissing).with_note(evil);
    let event = Event {
        target: evil,
        origin: &fixture::origin_saying(evil),
        external_id: Some(evil),
        method: evil,
        verdict: Verdict::Denied(&denial),
        ..walk.event()
    };
    let memory = Memory::default();
    let recorder = fixture::recorder(SinkChoice::Memory(memory.clone()));
    recorder.pen().write(&event);
    recorder.close();
    let text = memory.text();
    assert_eq!(text.lines().count(), 3, "an opener, the event and a closer in {text}");
    assert!(!text.chars().any(|character| character.is_control() && character != '\n'));
    let event: Value = serde_json::from_str(text.lines().nth(1).unwrap()).unwrap();
    assert_eq!(event["subject"], evil);
}

#[test]
fn the_clients_own_id_stands_beside_ours_and_not_in_its_place() {
    let walk = Walk::new();
    let event = parsed(&walk.event());
    assert_eq!(event["external_id"], "client-42");
    assert_eq!(event["receipt"], walk.event().receipt.to_string());
}

#[test]
fn fields_of_any_length_make_a_line_of_bounded_length() {
    let long = "\u{1}x".repeat(100_000);
    let mut walk = Walk::new();
    walk.principal.subject = long.as_str().into();
    let violation =
        Violation { location: "body", at: long.clone(), keyword: "type".into(), expected: String::new() };
    let denial =
        Denial::new(Reason::RequestInvalid).with_note(long.clone()).with_violations(vec![violation; 100]);
    let event = Event {
        target: &long,
        origin: &fixture::origin_saying(&long),
        external_id: Some(&long),
        method: &long,
        verdict: Verdict::Denied(&denial),
        ..walk.event()
    };
    let line = fixture::line(&event);
    assert!(line.len() < 64 * 1024, "{}", line.len());
    assert!(serde_json::from_str::<Value>(&line).is_ok());
}

// proves-part: AUD-06 (that the gateway notes them is shown where they happen)
#[test]
fn what_happens_to_the_process_is_recorded() {
    let walk = Walk::new();
    let memory = Memory::default();
    let recorder = fixture::recorder(SinkChoice::Memory(memory.clone()));
    for system in SYSTEM {
        recorder.note(system);
    }
    let denial = Denial::new(Reason::ScopeInsufficient).with_note("needs `orders:write`");
    let mut pen = recorder.pen();
    pen.write(&walk.event());
    pen.write(&Event { verdict: Verdict::Denied(&denial), status: 403, ..walk.event() });
    let origin = Origin::new(&OriginFacts {
        client: IpAddr::from([0x2001, 0xdb8, 0, 0, 0, 0, 0, 1]),
        tls: None,
        protocol: "http/1.1",
        host: None,
        user_agent: None,
        ..fixture::origin_facts()
    });
    pen.write(&Event { origin: &origin, ..walk.stranger() });
    drop(pen);
    recorder.close();
    assert!(memory.lines().iter().all(|line| serde_json::from_str::<Value>(line).unwrap()["time"] != ""));
    assert_eq!(memory.lines().len(), 1 + SYSTEM.len() + 3 + 1);
    let _ = ARRIVAL;
    insta::assert_snapshot!("a_short_record", memory.text());
}
