//! `portcullis detect replay`.

use serde_json::json;

use crate::operator::Operator;

/// A record: Alice reads her orders, and Mallory tries those of others.
fn record() -> String {
    let line = |second: u32, who: &str, id: u32, fate: &str| {
        let status = if fate == "own" { 200 } else { 404 };
        json!({
            "time": format!("2026-01-05T10:{:02}:{:02}.000Z", second / 60, second % 60),
            "event": "request_answered", "level": "INFO",
            "receipt": format!("019b8d1e-0000-7000-8000-{second:012}"),
            "outcome": "answered", "status": status, "peer": "192.0.2.7", "api": "shop", "operation": "getOrder",
            "issuer": "https://id.test", "subject": who, "response_bytes": 100,
            "seen": { "objects": [{ "kind": "00000000000000aa", "id": format!("{id:016x}"), "fate": fate }] },
        })
    };
    let alice = (0..60).map(|second| line(second, "alice", second % 7, "own"));
    let mallory = (60..90).map(|second| line(second, "mallory", 1_000 + second, "foreign"));
    let lines: Vec<String> = alice.chain(mallory).map(|line| line.to_string()).collect();
    lines.join("\n") + "\n"
}

#[test]
fn a_record_is_put_to_the_detectors_and_labels_say_how_well_they_did() {
    let operator = Operator::new();
    operator.workspace.file("audit.log", record());
    let plain = operator.run(&["detect", "replay", "audit.log"]);
    assert_eq!(plain.code, 0, "{}{}", plain.out, plain.err);
    assert!(plain.out.starts_with("90 requests of 2 callers, 0 other lines, "), "{}", plain.out);
    assert!(plain.out.contains("enumeration  mallory  ids of"), "{}", plain.out);

    operator.workspace.file("labels", "{\"subject\":\"mallory\",\"attack\":\"enumeration\"}\n");
    let good = operator.run(&["detect", "replay", "audit.log", "--labels", "labels"]);
    let row = |out: &str| {
        let row = out.lines().find(|line| line.starts_with("enumeration ") && !line.contains("mallory"));
        row.unwrap_or_default().split_whitespace().map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(row(&good.out), ["enumeration", "1", "0", "0", "1"], "{}", good.out);

    operator.workspace.file("labels", "{\"subject\":\"alice\",\"attack\":\"enumeration\"}\n");
    let bad = operator.run(&["detect", "replay", "audit.log", "--labels", "labels"]);
    assert_eq!(
        (bad.code, row(&bad.out)),
        (2, ["enumeration", "0", "1", "1", "0"].map(str::to_owned).to_vec())
    );
}

#[test]
fn what_is_no_record_is_refused_with_its_line() {
    let operator = Operator::new();
    operator.workspace.file("audit.log", record() + "no JSON\n");
    let broken = operator.run(&["detect", "replay", "audit.log"]);
    assert_eq!(broken.code, 1);
    assert!(broken.err.contains("line 91"), "{}", broken.err);
}
