//! `portcullis grants`.

use serde_json::{Value, json};

use crate::operator::{ISSUER, Operator};

fn operator(grants: &Value) -> Operator {
    let operator = Operator::new();
    let text = operator.workspace.read("portcullis.yaml");
    let mut configuration: Value = serde_json::from_str(&text).unwrap();
    configuration["grants"] = grants.clone();
    configuration["identity"] = json!({ "customers": {
        "issuer": ISSUER, "audience": "shop-api", "jwks": { "url": "https://id.test/jwks" },
    } });
    operator.workspace.file("portcullis.yaml", configuration.to_string());
    operator
}

fn open<'a>(more: &[&'a str]) -> Vec<&'a str> {
    let usual = ["grants", "open", "--subject", "alice", "--cause", "incident 42", "--by", "carol"];
    [&usual, more].concat()
}

// proves: AUTHZ-23
#[test]
fn a_grant_is_opened_approved_by_others_listed_and_closed() {
    let operator = operator(&json!({ "roles": ["admin"], "approvals": 2, "longest": "4h" }));
    let opened = operator.json(&open(&["--role", "admin", "--for", "30m"]));
    assert_eq!((&opened["state"], &opened["needed"]), (&json!("waiting"), &json!(2)));
    assert_eq!((&opened["issuer"], &opened["subject"]), (&json!(ISSUER), &json!("alice")));
    let id = opened["id"].as_str().unwrap();
    let own = operator.run(&["grants", "approve", id, "--by", "carol"]);
    assert!(own.code == 1 && own.err.contains("somebody else"), "{own:?}");
    assert_eq!(operator.json(&["grants", "approve", id, "--by", "bob"])["state"], "waiting");
    assert_eq!(operator.run(&["grants", "approve", id, "--by", "bob"]).code, 1);
    assert_eq!(operator.json(&["grants", "approve", id, "--by", "dave"])["state"], "active");
    let listed = operator.well(&["grants", "list"]);
    assert!(
        listed.out.contains("active") && listed.out.contains("approved by 2 of 2 (bob, dave)"),
        "{listed:?}"
    );
    let closed = operator.json(&["grants", "close", id, "--by", "bob"]);
    assert_eq!((&closed["state"], &closed["closed_by"]), (&json!("closed"), &json!("bob")));
    assert_eq!(operator.run(&["grants", "close", id, "--by", "bob"]).code, 2);
    assert_eq!(operator.json(&["grants", "list"]), json!([]));
    assert_eq!(operator.json(&["grants", "list", "--all"])[0]["id"], id);
}

#[test]
fn what_may_not_be_granted_is_refused_before_it_is_kept() {
    let operator =
        operator(&json!({ "roles": ["admin"], "scopes": ["a:b"], "approvals": 1, "longest": "1h" }));
    for (more, why) in [
        (vec!["--role", "root", "--for", "5m"], "may not be granted"),
        (vec!["--scope", "admin", "--for", "5m"], "may not be granted"),
        (vec!["--role", "admin", "--for", "2h"], "the longest is 1h"),
        (vec!["--role", "admin", "--for", "0s"], "the longest is 1h"),
        (vec!["--role", "admin", "--for", "5m", "--approvals", "0"], "1 approvals"),
        (vec!["--role", "admin", "--for", "5m", "--issuer", "https://strange.test"], "believes no issuer"),
    ] {
        let ran = operator.run(&open(&more));
        assert!(ran.code == 1 && ran.err.contains(why), "{why}: {ran:?}");
    }
    // Neither a reason nor a name can be left out.
    assert_eq!(
        operator
            .run(&["grants", "open", "--subject", "a", "--role", "admin", "--for", "5m", "--by", "c"])
            .code,
        2
    );
    assert_eq!(
        operator
            .run(&["grants", "open", "--subject", "a", "--role", "admin", "--for", "5m", "--cause", "c"])
            .code,
        2
    );
    let blank = operator.run(&[
        "grants",
        "open",
        "--subject",
        "a",
        "--role",
        "admin",
        "--for",
        "5m",
        "--cause",
        "",
        "--by",
        "c",
    ]);
    assert_eq!(blank.code, 1, "{blank:?}");
    assert_eq!(operator.json(&["grants", "list", "--all"]), json!([]));
}

#[test]
fn without_the_section_nothing_is_granted() {
    let operator = Operator::new();
    let ran = operator.run(&open(&["--role", "admin", "--for", "5m"]));
    assert!(ran.code == 1 && ran.err.contains("no `grants` section"), "{ran:?}");
}
