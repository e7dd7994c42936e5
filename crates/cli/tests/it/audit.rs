//! `portcullis audit`, over the record of a gateway that really ran.

use std::process::{Command, Stdio};

use portcullis_testkit::wait;
use serde_json::Value;

use crate::operator::{Operator, status_with};

/// The record of a run with some refusals.
fn recorded() -> Operator {
    let operator = Operator::new();
    let gateway = operator.gateway();
    for _ in 0..3 {
        assert_eq!(status_with(&gateway, "no-key"), 401);
    }
    gateway.shutdown();
    operator
}

const VERIFY: [&str; 5] = ["audit", "verify", "audit.jsonl", "--key", ".portcullis/record.pub"];

#[test]
fn a_signed_record_verifies_and_a_touched_one_names_its_spot() {
    let operator = recorded();
    let ran = operator.well(&VERIFY);
    assert!(ran.out.contains(": unbroken\n") && ran.out.contains("signed up to line "), "{}", ran.out);

    let whole = std::fs::read_to_string(operator.workspace.path("audit.jsonl")).unwrap();
    operator.workspace.secret("audit.jsonl", whole.replacen("\"status\":401", "\"status\":200", 1));
    let ran = operator.run(&VERIFY);
    let touched = 1 + whole.lines().position(|line| line.contains("\"status\":401")).unwrap();
    assert_eq!(
        (ran.code, ran.out),
        (2, format!("line {touched}: the line does not fit its hash: it was changed\n"))
    );

    let without_end: Vec<&str> = whole.lines().take(touched).collect();
    operator.workspace.secret("audit.jsonl", format!("{}\n", without_end.join("\n")));
    let ran = operator.run(&VERIFY);
    assert!(ran.code == 2 && ran.out.contains("the end is missing"), "{ran:#?}");

    // The head beside it was cut back as well, as whoever may write one file may write the other.
    std::fs::remove_file(operator.workspace.path("audit.jsonl.head")).unwrap();
    let ran = operator.well(&VERIFY);
    assert!(ran.out.contains("nothing tells whether lines are missing at the end"), "{}", ran.out);
    // What was kept elsewhere tells.
    operator.workspace.file("elsewhere", &whole);
    let ran = operator.run(&[&VERIFY[..], &["--anchors", "elsewhere"]].concat());
    assert!(ran.code == 2 && ran.out.contains("the end is missing"), "{ran:#?}");
}

#[test]
fn a_key_that_is_none_and_a_record_that_is_not_there_are_said_so() {
    let operator = recorded();
    operator.workspace.file("no.pub", "no key");
    let ran = operator.run(&["audit", "verify", "audit.jsonl", "--key", "no.pub"]);
    assert!(ran.code == 1 && ran.err.contains("no.pub"), "{ran:#?}");
    assert_eq!(operator.run(&["audit", "verify", "nowhere.jsonl"]).code, 1);
}

#[test]
fn a_record_can_be_exported_in_ocsf() {
    let operator = recorded();
    let ran = operator.well(&["audit", "export", "audit.jsonl"]);
    let events: Vec<Value> = ran.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let logins = events.iter().filter(|event| event["class_uid"] == 3002).count();
    assert_eq!(logins, 3);
    assert!(events.iter().all(|event| event["metadata"]["version"] == "1.8.0"));
}

// proves-part: AUD-23 (who may read the record, and that readings are recorded, is shown in `operators` of the gateway)
#[test]
fn no_level_of_the_log_switches_the_record_off() {
    let operator = Operator::new();
    let mut gateway = Command::new(env!("CARGO_BIN_EXE_portcullis"))
        .arg("serve")
        .current_dir(operator.workspace.root())
        .env_remove("PORTCULLIS_CONFIG")
        .env("RUST_LOG", "off")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("the binary runs");
    let recorded = |event: &str| {
        let text = std::fs::read_to_string(operator.workspace.path("audit.jsonl")).unwrap_or_default();
        text.contains(&format!("\"event\":\"{event}\""))
    };
    wait::until("the start", || recorded("sys_startup"));
    operator.well(&["keys", "create", "--owner", "erp", "--api", "shop", "--scope", "stock:read"]);
    wait::until("the making of a key", || recorded("authn_token_created"));
    gateway.kill().unwrap();
    gateway.wait().unwrap();
}
