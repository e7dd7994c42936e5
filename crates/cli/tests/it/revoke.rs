//! `portcullis revoke`.

use portcullis_testkit::wait::until;
use serde_json::{Value, json};

use crate::operator::{ISSUER, Operator, status_with};

const CREATE: [&str; 8] = ["keys", "create", "--owner", "erp", "--api", "shop", "--scope", "stock:read"];

fn issuer(identifier: &str, more: Value) -> Value {
    let mut issuer =
        json!({ "issuer": identifier, "audience": "shop-api", "jwks": { "url": "https://id.test/jwks" } });
    for (name, value) in more.as_object().unwrap() {
        issuer[name] = value.clone();
    }
    issuer
}

#[test]
fn a_key_is_revoked_by_its_id_or_the_whole_of_it_and_reported() {
    for whole in [true, false] {
        let operator = Operator::new();
        let key = operator.well(&CREATE).out.trim().to_owned();
        let gateway = operator.gateway();
        assert_eq!(status_with(&gateway, &key), 200);
        // What is recorded is written within a moment.
        until("it is on the record", || operator.workspace.read("audit.jsonl").contains("getStock"));
        let id = key.split('_').nth(2).unwrap().to_owned();
        let named = if whole { &key } else { &id };
        let ran = operator.well(&["revoke", "--key", named, "--report"]);
        assert!(ran.out.contains("is revoked") && ran.out.contains("getStock"), "{ran:?}");
        assert!(!ran.out.contains(&key[21..]) && !ran.err.contains(&key[21..]), "{ran:?}");
        until("it is taken up", || status_with(&gateway, &key) == 401);
        assert!(operator.well(&["revoke", "--api-key", &id]).out.contains("revoked before"));
    }
}

#[test]
fn what_is_no_key_is_refused_without_being_repeated() {
    let operator = Operator::new();
    let ran = operator.run(&["revoke", "--key", "pcl_live_0000000000B_a-typing-mistake"]);
    assert_eq!(ran.code, 1);
    assert!(!ran.err.contains("typing-mistake"), "{ran:?}");
    let unknown = operator.run(&["revoke", "--key", "0000000000B"]);
    assert_eq!(unknown.code, 2, "{unknown:?}");
}

#[test]
fn all_keys_of_an_application_are_revoked_by_its_name() {
    let operator = Operator::new();
    let key = operator.well(&CREATE).out.trim().to_owned();
    let gateway = operator.gateway();
    assert_eq!(status_with(&gateway, &key), 200);
    operator.well(&["revoke", "--sub", "erp", "--issuer", "api-key"]);
    until("it is taken up", || status_with(&gateway, &key) == 401);
}

#[test]
fn the_one_issuer_need_not_be_named_and_one_of_several_must() {
    let operator = Operator::new();
    let ran = operator.run(&["revoke", "--sub", "alice"]);
    assert!(ran.code == 1 && ran.err.contains("believes no issuer"), "{ran:?}");
    operator.configure(&json!({ "one": issuer(ISSUER, json!({ "maximum_lifetime": "1h" })) }));
    let said = operator.json(&["revoke", "--jti", "t-1"]);
    assert_eq!((&said["issuer"], &said["kind"]), (&json!(ISSUER), &json!("jti")));
    operator.configure(&json!({
        "one": issuer(ISSUER, json!({})),
        "two": issuer("https://other.test", json!({})),
    }));
    let ran = operator.run(&["revoke", "--sub", "alice"]);
    assert!(ran.code == 1 && ran.err.contains("--issuer"), "{ran:?}");
    operator.well(&["revoke", "--sub", "alice", "--issuer", "https://other.test"]);
    let strange = operator.run(&["revoke", "--sub", "alice", "--issuer", "https://strange.test"]);
    assert!(strange.code == 1 && strange.err.contains("https://other.test"), "{strange:?}");
    // A moment means the same for all.
    let all = operator.well(&["revoke", "--before", "now"]);
    assert_eq!(all.out.lines().count(), 2, "{all:?}");
}

#[test]
fn a_moment_that_is_none_is_refused() {
    let operator = Operator::new();
    operator.configure(&json!({ "one": issuer(ISSUER, json!({})) }));
    let ran = operator.run(&["revoke", "--sub", "alice", "--before", "yesterday"]);
    assert!(ran.code == 1 && ran.err.contains("2026-11-24T12:00:00Z"), "{ran:?}");
    operator.well(&["revoke", "--sub", "alice", "--before", "2026-11-24T12:00:00Z"]);
    // Nothing and two things at once.
    assert_eq!(operator.run(&["revoke"]).code, 2);
    assert_eq!(operator.run(&["revoke", "--sub", "a", "--jti", "b"]).code, 2);
    assert_eq!(operator.run(&["revoke", "--key", "a", "--sub", "b"]).code, 2);
}

#[test]
fn a_report_without_a_file_says_so_after_revoking() {
    let operator = Operator::new();
    let text = operator.workspace.read("portcullis.yaml");
    let mut configuration: Value = serde_json::from_str(&text).unwrap();
    configuration["audit"] = json!({});
    configuration["identity"] = json!({ "one": issuer(ISSUER, json!({})) });
    operator.workspace.file("portcullis.yaml", configuration.to_string());
    let ran = operator.run(&["revoke", "--sub", "alice", "--report"]);
    assert!(ran.code == 1 && ran.out.contains("revoked:") && ran.err.contains("it is revoked"), "{ran:?}");
}
